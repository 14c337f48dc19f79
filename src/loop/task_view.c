#include "loop/task_view.h"

#include "base/text.h"
#include "loop/handle_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

// Writes the innermost line of the user's own code in a coroutine, as `file:line`, or nothing.
// Needs none of its stack.
void task_describe_where(lua_State *co, char *text, size_t size) {
  lua_Debug ar;
  text[0] = 0;
  for (int level = 0; co && lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sl", &ar);
    if (ar.currentline <= 0 || strncmp(ar.source, "@heddle/", 8) == 0) continue;
    bool named = ar.source[0] == '@' || ar.source[0] == '=';
    text_place(text, size, named ? ar.source + 1 : ar.short_src, ar.currentline);
    return;
  }
}

static void write_name(struct loop *loop, struct task *task, char *text, size_t size) {
  lua_State *L = loop->base;
  task_push(L, loop, task);
  task_push_name(L, lua_gettop(L));
  snprintf(text, size, "%s", lua_tostring(L, -1));
  lua_pop(L, 2);
}

static void write_wait(struct task *task, struct task_view *v) {
  char label[80] = "";
  if (task->self.record) {
    const struct park_record *r = park_record(task->self.record);
    v->object = r->object;
    v->since = r->since;
    v->timed = r->timed != 0;
    v->lock = r->lock;
  } else if (!task->op->attempt) {
    v->since = (int64_t)task->self.number;
  }
  if (task->op->describe) task->op->describe(task->object, label, sizeof label);
  snprintf(v->what, sizeof v->what, "%.63s", *label ? label : task->op->name);
}

static void write_one(struct loop *loop, struct task *task, struct task_view *v) {
  memset(v, 0, sizeof *v);
  v->id = task->self.task;
  v->main = task->main;
  v->internal = task->internal;
  v->job = task->job;
  if (task->job_kind)
    snprintf(v->kind, sizeof v->kind, "%.23s", loop->interp->sources[task->job_kind - 1]);
  v->state = task->state == TASK_PARKED ? VIEW_BLOCKED : task->co ? VIEW_RUNNING : VIEW_PENDING;
  write_name(loop, task, v->name, sizeof v->name);
  if (v->state == VIEW_BLOCKED) write_wait(task, v);
  lua_State *co = loop == loop_self ? gil_running : loop->running;
  if (v->state != VIEW_PENDING)
    task_describe_where(loop->current == task ? co : task->parked_in, v->where, sizeof v->where);
  if (v->where[0] == 0 && task->source) // nothing of the user's runs yet: where it was started
    handle_write_place(loop->interp, task->source, task->line, v->where, sizeof v->where);
}

static bool is_shown(const struct task *task) { return task && (!task->internal || task->job); }

// Writes what the loop's tasks look like, without the library's own that do no job. Under the GIL,
// from any thread of the interpreter. Returns how many were written, at most `most`.
uint32_t task_view_write(struct loop *loop, struct task_view *views, uint32_t most) {
  uint32_t n = 0;
  if (!lua_checkstack(loop->base, 8)) return 0;
  for (uint32_t i = 0; i < loop->task_cap && n < most; i++)
    if (is_shown(loop->tasks[i])) write_one(loop, loop->tasks[i], &views[n++]);
  return n;
}

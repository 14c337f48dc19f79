#include "base/clock.h"
#include "base/program.h"
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

// start ----------------------------------------------------------------------------------------

static const char *const task_options[] = {"name", "daemon", NULL};

// Pushes a new handle for ([options,] fn, ...) on the stack from 1 on, which it leaves as
// handle_split does.
static struct task *new_task(lua_State *L, const char *function, int *arguments) {
  *arguments = handle_split(L, function, task_options);
  if (!loop_self) loop_misuse(L, "no-loop", "%s: there is no loop in this OS thread", function);
  bool daemon = handle_option_flag(L, function, "daemon");
  bool named = handle_option_name(L, function);
  struct task *task = task_new(L, loop_self);
  task->daemon = daemon;
  task->number = ++loop_self->interp->names[0];
  if (named) {
    task->named = true;
    task_push_extras(L, lua_gettop(L));
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "name");
    lua_pop(L, 1);
  }
  task->source = handle_started_at(L, &task->line);
  lua_replace(L, 1);
  lua_pop(L, 1);
  return task;
}

// task.start([options,] fn, ...) -> handle. The task begins when its starter next waits.
static int f_start(lua_State *L) {
  int arguments;
  struct task *task = new_task(L, "task.start", &arguments);
  task_begin(L, task, 1, arguments);
  lua_settop(L, 1);
  return 1;
}

// task.new([options,] fn, ...) -> handle that h:start() begins.
static int f_new(lua_State *L) {
  int arguments;
  struct task *task = new_task(L, "task.new", &arguments);
  lua_createtable(L, arguments + 1, 0);
  lua_insert(L, 2);
  for (int i = arguments + 1; i >= 1; i--)
    lua_rawseti(L, 2, i);
  lua_setiuservalue(L, 1, 1);
  task->results = arguments + 1;
  return 1;
}

static int m_start(lua_State *L) {
  struct task *task = task_check(L, 1, "start");
  if (task->state != TASK_NEW)
    loop_misuse(L, "started-twice", "task:start: it was started before (a handle starts once)");
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  luaL_checkstack(L, task->results, "too many arguments");
  for (int i = 1; i <= task->results; i++)
    lua_rawgeti(L, 2, i);
  task->loop = loop_self;
  task_begin(L, task, 1, task->results - 1);
  lua_settop(L, 1);
  return 1;
}

// join and result ------------------------------------------------------------------------------

static bool join_attempt(void *object, struct park_self *self) {
  struct task *task = object;
  if (task_ended(task)) {
    if (self->record) park_leave(&task->joiners, self->record);
    self->record = 0;
    return true;
  }
  if (!self->enlist || self->record) return false;
  self->record = park_record_alloc();
  if (self->record == 0) return false;
  struct park_record *r = park_record(self->record);
  atomic_store_explicit(&r->ticket, self->ticket, memory_order_relaxed);
  atomic_store_explicit(&r->task, self->task, memory_order_relaxed);
  r->timed = self->timed;
  r->since = clock_now();
  park_append(&task->joiners, self->record);
  return false;
}

static void join_leave(void *object, struct park_self *self) {
  park_leave(&((struct task *)object)->joiners, self->record);
}

static void join_describe(void *object, char *text, size_t size) {
  struct task *task = object;
  snprintf(text, size, "end of Task-%u", task->number);
  if (size > 7 && task->loop && lua_checkstack(task->loop->base, 8))
    task_write_name(task->loop->base, task->loop, task, text + 7, size - 7);
}

static int timed_out(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "timeout");
  return 2;
}

static int join_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)object, (void)self;
  if (!got) return timed_out(L);
  lua_pushboolean(L, 1);
  return 1;
}

static void join_traceback(lua_State *L, struct task *task) {
  lua_pushnil(L);
  if (lua_getiuservalue(L, 1, 2) != LUA_TTABLE || lua_getfield(L, -1, "traceback") != LUA_TSTRING) {
    lua_settop(L, -2);
    if (task->state != TASK_FAILED) return;
    lua_pushliteral(L, "stack traceback:");
  }
  task_push_name(L, 1);
  handle_push_place(L, task->source, task->line);
  lua_pushfstring(L, "%s\n\tin task %s, started at %s", lua_tostring(L, -3), lua_tostring(L, -2),
                  lua_tostring(L, -1));
  lua_getiuservalue(L, 1, 1);
  lua_insert(L, -2);
  handle_join_trace(L, -2);
}

// Pushes the joined traceback of the failed task at 1, made once; nil if it has none.
static void push_traceback(lua_State *L, struct task *task) {
  task_push_extras(L, 1);
  int extras = lua_gettop(L);
  if (lua_getfield(L, extras, "joined") != LUA_TSTRING) {
    lua_pop(L, 1);
    join_traceback(L, task);
    lua_pushvalue(L, -1);
    lua_setfield(L, extras, "joined");
  }
  lua_replace(L, extras);
  lua_settop(L, extras);
}

static int push_results(lua_State *L, struct task *task) {
  lua_getiuservalue(L, 1, 1);
  if (task->state != TASK_DONE) {
    push_traceback(L, task);
    lua_pushvalue(L, -1);
    lua_getiuservalue(L, 1, 1);
    lua_insert(L, -2);
    return handle_raise(L);
  }
  if (task->results <= 1) return task->results;
  int values = lua_gettop(L);
  luaL_checkstack(L, task->results, "too many results");
  for (int i = 1; i <= task->results; i++)
    lua_rawgeti(L, values, i);
  return task->results;
}

static int result_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  struct task *task = object;
  (void)self;
  if (!got) return timed_out(L);
  task->asked = true; // a call that ran out of time has heard of no error
  return push_results(L, task);
}

static const struct loop_op join_op = {"join", join_attempt, join_leave, join_finish,
                                       join_describe};
static const struct loop_op result_op = {"result", join_attempt, join_leave, result_finish,
                                         join_describe};

static int wait_for_end(lua_State *L, const struct loop_op *op) {
  struct task *task = task_check(L, 1, op->name);
  double timeout = loop_timeout(L, 2, op == &join_op ? "task:join" : "task:result");
  struct park_self ask = {0};
  if (task->state == TASK_NEW)
    loop_misuse(L, "not-started", "task:%s: it was not started (call h:start() first)", op->name);
  if (loop_self && loop_self->current == task)
    loop_misuse(L, "join-self", "task:%s: no task can wait for its own end", op->name);
  return loop_block(L, op, task, &ask, timeout);
}

static int m_join(lua_State *L) { return wait_for_end(L, &join_op); }
static int m_result(lua_State *L) { return wait_for_end(L, &result_op); }

// looking --------------------------------------------------------------------------------------

static const char *status_of(const struct task *task) {
  switch (task->state) {
  case TASK_NEW:
    return "pending";
  case TASK_READY:
    return task->co ? "running" : "pending";
  case TASK_RUNNING:
    return "running";
  case TASK_PARKED:
    return "blocked";
  case TASK_DONE:
    return "done";
  case TASK_FAILED:
    return "failed";
  default:
    return "cancelled";
  }
}

static int m_status(lua_State *L) {
  lua_pushstring(L, status_of(task_check(L, 1, "status")));
  return 1;
}

static int m_alive(lua_State *L) {
  const struct task *task = task_check(L, 1, "alive");
  lua_pushboolean(L, task->state != TASK_NEW && !task_ended(task));
  return 1;
}

static int m_traceback(lua_State *L) {
  struct task *task = task_check(L, 1, "traceback");
  task->asked = true;
  if (task->state != TASK_FAILED) return 0;
  push_traceback(L, task);
  return 1;
}

static void cancel_new(lua_State *L, struct task *task) {
  task_push_cancelled(L, "cancel", NULL);
  lua_setiuservalue(L, 1, 1);
  task->state = TASK_CANCELLED;
}

static int m_cancel(lua_State *L) {
  struct task *task = task_check(L, 1, "cancel");
  bool hard = handle_wants_hard(L, 2, "task:cancel");
  if (task->state == TASK_NEW) {
    cancel_new(L, task);
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, task_cancel_now(L, task, hard));
  return 1;
}

static int m_index(lua_State *L) {
  struct task *task = task_check(L, 1, "index");
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "name") == 0) {
    task_push_name(L, 1);
  } else if (strcmp(key, "id") == 0) {
    lua_pushinteger(L, task->self.task);
  } else {
    return 0;
  }
  return 1;
}

static int m_newindex(lua_State *L) {
  struct task *task = task_check(L, 1, "newindex");
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  if (strcmp(key, "name") != 0)
    return loop_misuse(L, "no-field", "task: field '%s' can't be set (only name can)", key);
  if (lua_type(L, 3) != LUA_TSTRING)
    return loop_misuse(L, "bad-argument", "task.name: a string expected, got %s",
                       loop_typename(L, 3));
  task_push_extras(L, 1);
  lua_pushvalue(L, 3);
  lua_setfield(L, -2, "name");
  task->named = true;
  return 0;
}

static int m_tostring(lua_State *L) {
  const struct task *task = task_check(L, 1, "tostring");
  task_push_name(L, 1);
  lua_pushfstring(L, "task %s (%s)", lua_tostring(L, -1), status_of(task));
  return 1;
}

static void report_unread(lua_State *L, struct task *task) {
  if (task->state != TASK_FAILED || task->asked || task->main || task->process != program_slot)
    return;
  task->asked = true;
  task_push_name(L, 1);
  lua_getiuservalue(L, 1, 1);
  push_traceback(L, task);
  handle_push_report(L, "task");
  fputs(lua_tostring(L, -1), stderr);
}

static int m_gc(lua_State *L) {
  lua_settop(L, 1);
  report_unread(L, task_check(L, 1, "gc"));
  return 0;
}

// task.current() -> the running task.
static int f_current(lua_State *L) {
  if (!loop_self || !loop_self->current) return 0;
  task_push(L, loop_self, loop_self->current);
  return 1;
}

// task.list() -> the live tasks of this interpreter.
static int f_list(lua_State *L) {
  lua_newtable(L);
  lua_Integer n = 0;
  for (struct loop *l = loop_self ? loop_self->interp->loops : NULL; l; l = l->next) {
    for (uint32_t i = 0; i < l->task_cap; i++) {
      if (!l->tasks[i] || l->tasks[i]->internal) continue;
      task_push(L, l, l->tasks[i]);
      lua_rawseti(L, -2, ++n);
    }
  }
  return 1;
}

// task.others([daemons[, own]]) -> this OS thread's other live tasks; daemons only if asked for,
// the library's own unless only the script's are.
static int f_others(lua_State *L) {
  struct loop *loop = loop_self;
  bool daemons = lua_toboolean(L, 1), own = lua_toboolean(L, 2);
  lua_Integer n = 0;
  lua_newtable(L);
  for (uint32_t i = 0; i < loop->task_cap; i++) {
    const struct task *task = loop->tasks[i];
    if (!task || task == loop->current || (task->daemon && !daemons)) continue;
    if (own && task->internal) continue;
    task_push(L, loop, loop->tasks[i]);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

// task.locals() -> a table of the running task's own.
static int f_locals(lua_State *L) {
  if (f_current(L) == 0) return 0;
  task_push_extras(L, lua_gettop(L));
  if (lua_getfield(L, -1, "locals") == LUA_TTABLE) return 1;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "locals");
  return 1;
}

// Marks a task as the library's own: it is not listed.
static int f_internal(lua_State *L) {
  task_check(L, 1, "internal")->internal = true;
  lua_settop(L, 1);
  return 1;
}

// task.doing(number[, kind]): the running task does this job from now on, as heddle top shows it;
// task.doing(): it has ended the job.
static int f_doing(lua_State *L) {
  struct task *task = loop_self->current;
  bool begins = !lua_isnoneornil(L, 1);
  task->job_kind = lua_isstring(L, 2) ? handle_keep_word(loop_self->interp, lua_tostring(L, 2)) : 0;
  task->job = begins ? (uint32_t)luaL_checkinteger(L, 1) + 1 : 0;
  if (begins) return 0;
  _Atomic uint64_t *done = &program_seat(loop_self->seat)->jobs_done; // this thread's alone
  uint64_t n = atomic_load_explicit(done, memory_order_relaxed) + 1;
  atomic_store_explicit(done, n, memory_order_relaxed);
  return 0;
}

// task.cancelled() -> an error object that equals every other cancellation
static int f_cancelled(lua_State *L) {
  task_push_cancelled(L, "cancel", NULL);
  return 1;
}

// task.sleep(seconds): the running task sleeps; the others go on.
static int f_sleep(lua_State *L) {
  return loop_sleep(L, "sleep", loop_seconds(L, 1, "sleep", "seconds"));
}

// task.yield(): the other ready tasks of this OS thread run first.
static int f_yield(lua_State *L) { return loop_yield(L, NULL); }

// heddle.now() -> monotonic seconds.
static int f_now(lua_State *L) {
  lua_pushnumber(L, clock_seconds(clock_now()));
  return 1;
}

static const luaL_Reg methods[] = {
    {"alive", m_alive}, {"cancel", m_cancel}, {"join", m_join},           {"result", m_result},
    {"start", m_start}, {"status", m_status}, {"traceback", m_traceback}, {NULL, NULL},
};

// task.loop() -> an integer that stands for this OS thread's loop in this process
static int f_loop(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)loop_self->id << 16 | program_slot);
  return 1;
}

static const luaL_Reg functions[] = {
    {"cancelled", f_cancelled}, {"current", f_current},
    {"doing", f_doing},         {"internal", f_internal},
    {"list", f_list},           {"locals", f_locals},
    {"loop", f_loop},           {"new", f_new},
    {"others", f_others},       {"now", f_now},
    {"sleep", f_sleep},         {"start", f_start},
    {"yield", f_yield},         {NULL, NULL},
};

// Opens heddle.native.task: the functions, and `methods`, the table of the handles' methods.
int luaopen_heddle_native_task(lua_State *L) {
  handle_open(L, "heddle.task", methods, m_index, m_tostring);
  luaL_getmetatable(L, "heddle.task");
  lua_pushcfunction(L, m_newindex);
  lua_setfield(L, -2, "__newindex");
  luaL_getmetatable(L, "heddle.task.failed");
  for (lua_pushnil(L); lua_next(L, -3);) { // the same, and a finalizer
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_pushcfunction(L, m_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  lua_getfield(L, -2, "methods");
  lua_setfield(L, -2, "methods");
  return 1;
}

// Cancelling: the request, the error it raises, and who is due to raise it.
#include "loop/task.h"

#include "base/program.h"
#include "loop/coroutine_lua.h"
#include "loop/deadline.h"

#include <lauxlib.h>
#include <stdio.h>

#define CANCELLED_META "heddle.cancelled"

static const char *const reasons[] = {"cancel", "interrupted", "daemon"};

static bool cancelled(const struct task *task) {
  return task->cancels && (task->shields == 0 || task->hard);
}

// Pushes a new error object that equals heddle.CANCELLED. `by`: who asked, or NULL.
void task_push_cancelled(lua_State *L, const char *reason, const char *by) {
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, "cancelled");
  lua_setfield(L, -2, "code");
  lua_pushstring(L, reason);
  lua_setfield(L, -2, "reason");
  if (by) {
    lua_pushstring(L, by);
    lua_setfield(L, -2, "by");
  }
  luaL_setmetatable(L, CANCELLED_META);
}

// Why the task was last asked to stop.
const char *task_cancel_reason(const struct task *task) { return reasons[task->reason]; }

// Whether the value at `arg` is such an object.
bool task_is_cancelled(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TTABLE || !lua_getmetatable(L, arg)) return false;
  luaL_getmetatable(L, CANCELLED_META);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

// Asks a task of this interpreter to stop. Returns false if it has ended or was never begun.
bool task_cancel(struct task *task, enum task_reason reason, bool hard) {
  if (task_ended(task) || task->state == TASK_NEW || (hard && task->main && task->loop->model == 0))
    return false;
  if (task->cancels < UINT16_MAX) task->cancels++;
  task->reason = (uint8_t)reason;
  if (hard) task->hard = true;
  if (task->state == TASK_PARKED && cancelled(task)) {
    task->wake |= WAKE_CANCEL;
    loop_ready(task->loop, task);
  }
  if (task->loop != loop_self) program_ring(task->loop->seat);
  return true;
}

// Notes who asked, for the error that will be raised. Does nothing for a task that has ended.
void task_note_canceller(struct task *task, const char *by) {
  if (!task || task_ended(task) || !*by) return;
  lua_State *L = task->loop->base;
  if (!lua_checkstack(L, 6)) return;
  task_push(L, task->loop, task);
  task_push_extras(L, lua_gettop(L));
  lua_pushstring(L, by);
  lua_setfield(L, -2, "cancel_by");
  lua_pop(L, 2);
}

// Writes the name of the running task, for that; nothing where none runs.
void task_write_canceller(lua_State *L, char *text, size_t size) {
  text[0] = 0;
  if (loop_self && loop_self->current)
    task_write_name(L, loop_self, loop_self->current, text, size);
}

// The same by who runs now: also makes a task that computes look up if it is to be stopped for
// good. Returns false if it has ended.
bool task_cancel_now(lua_State *L, struct task *task, bool hard) {
  char by[64];
  if (!task_cancel(task, REASON_CANCEL, hard)) return false;
  task_write_canceller(L, by, sizeof by);
  task_note_canceller(task, by);
  if (hard && loop_self && task == loop_self->current) {
    gil_wants_look = 1;
    gil_arm(L);
  } else if (hard && task->loop != loop_self) {
    gil_ask_to_look(program_seat(task->loop->seat)->tid);
  }
  return true;
}

// Whether the task's blocking calls are to raise: by a cancel, or a deadline it is in.
bool task_interrupted(const struct task *task) {
  return cancelled(task) || (task->deadlines && deadline_due(task));
}

// Notes the error on top of the stack, a cancel from outside of `from`, with the deadlines inside
// of that; NULL: with all of the task's. The first one stays.
static void pass_through(lua_State *L, struct task *task, const struct deadline *from) {
  for (struct deadline *d = task->deadlines; d != from; d = d->outer) {
    if (d->passing) continue;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &d->passing);
    d->passing = true;
  }
}

// The error is kept under the deadline's address, so that it is known again as its own.
static void raise_deadline(lua_State *L, struct task *task, struct deadline *deadline) {
  deadline->raised = true;
  if (deadline->passing) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &deadline->passing);
  } else {
    task_push_cancelled(L, deadline->timed ? "timeout" : "cancel", NULL);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, deadline);
  }
  pass_through(L, task, deadline);
  lua_error(L);
}

// Raises what interrupts the task: one of its cancel requests, else the outermost deadline that is
// due. A task that is stopped for good is stopped again when its clean-up has had its budget.
void task_raise_pending(lua_State *L, struct task *task) {
  task->wake = 0;
  if (!cancelled(task)) raise_deadline(L, task, deadline_due(task));
  if (task->hard)
    gil_budget(L);
  else
    task->cancels--;
  task_push(L, task->loop, task);
  const char *by = NULL;
  if (lua_getiuservalue(L, -1, 2) == LUA_TTABLE && lua_getfield(L, -1, "cancel_by") == LUA_TSTRING)
    by = lua_tostring(L, -1);
  task_push_cancelled(L, task_cancel_reason(task), by);
  pass_through(L, task, NULL);
  if (task->hard) coroutine_stop(L);
  lua_error(L);
}

static int cancelled_tostring(lua_State *L) {
  lua_getfield(L, 1, "reason");
  const char *reason = lua_tostring(L, -1);
  lua_getfield(L, 1, "by");
  const char *by = lua_tostring(L, -1);
  lua_pushfstring(L, by ? "cancelled (%s, by %s)" : "cancelled (%s)", reason ? reason : "cancel",
                  by);
  return 1;
}

static int cancelled_eq(lua_State *L) {
  lua_pushboolean(L, task_is_cancelled(L, 1) && task_is_cancelled(L, 2));
  return 1;
}

// Makes the metatable of the cancel errors of an interpreter.
void task_cancel_open(lua_State *L) {
  luaL_newmetatable(L, CANCELLED_META);
  lua_pushcfunction(L, cancelled_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, cancelled_eq);
  lua_setfield(L, -2, "__eq");
  lua_pop(L, 1);
}

// The end of workers as Lua sees it: join, result, traceback, and the errors that nobody asked for.
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "value/value.h"
#include "worker/handles_lua.h"

#include <stdio.h>
#include <string.h>

// join and result ------------------------------------------------------------------------------

static void push_started(lua_State *L, int given) {
  lua_getfield(L, given, "line");
  int line = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, given, "source");
  int source = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  handle_push_place(L, (uint16_t)source, line);
}

// Pushes the joined traceback of the handle at 1: where raised, in which worker, where started.
static void push_trace(lua_State *L, struct worker *w, int given) {
  if (lua_getfield(L, given, "joined") == LUA_TSTRING) return;
  lua_pop(L, 1);
  if (lua_getfield(L, given, "trace") != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushliteral(L, "stack traceback:");
  }
  push_started(L, given);
  lua_pushfstring(L, "%s\n\tin %s %s, started at %s", lua_tostring(L, -2), worker_kind(w),
                  w->head.name, lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
  lua_getfield(L, given, "error");
  lua_insert(L, -2);
  handle_join_trace(L, -2);
  lua_replace(L, -2);
  lua_pushvalue(L, -1);
  lua_setfield(L, given, "joined");
}

static int decode_end(lua_State *L) {
  struct worker *w = lua_touserdata(L, 1);
  return value_decode(L, arena_at(w->end), w->end_size);
}

// Reads the message the worker ended with into the handle's table, once.
static void take_message(lua_State *L, struct worker *w, int given) {
  int top = lua_gettop(L);
  lua_pushcfunction(L, decode_end);
  lua_pushlightuserdata(L, w);
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  arena_free(w->end);
  w->end = 0;
  int n = lua_gettop(L) - top;
  if (status != LUA_OK || w->outcome != OUTCOME_DONE) {
    if (status != LUA_OK) w->outcome = OUTCOME_FAILED;
    if (n > 1) lua_setfield(L, given, "trace");
    lua_settop(L, top + 1);
    lua_setfield(L, given, "error");
    return;
  }
  lua_createtable(L, n, 1);
  lua_insert(L, top + 1);
  for (int i = n; i >= 1; i--)
    lua_rawseti(L, top + 1, i);
  lua_pushinteger(L, n);
  lua_setfield(L, top + 1, "n");
  lua_setfield(L, given, "results");
}

static void push_death(lua_State *L, const struct worker *w) {
  if (w->model == MODEL_ISOLATE)
    lua_pushliteral(L, "not enough memory to begin the isolate");
  else if (w->exit_code < 0)
    lua_pushfstring(L, "worker died: signal %d", -w->exit_code);
  else
    lua_pushfstring(L, "worker died: exit status %d", w->exit_code);
}

// Pushes the error of a worker that did not end well; index `given` is its table.
static void push_error(lua_State *L, struct worker *w, int given) {
  if (lua_getfield(L, given, "error") != LUA_TNIL || w->outcome != OUTCOME_DIED) return;
  lua_pop(L, 1);
  push_death(L, w);
}

static int thread_results(lua_State *L, struct worker *w, int given) {
  lua_getfield(L, given, "task");
  struct task *task = lua_touserdata(L, -1);
  int handle = lua_gettop(L);
  if (!task && w->outcome == OUTCOME_CANCELLED) return -1; // before it began
  if (!task) return luaL_error(L, "the thread could not be started");
  lua_getiuservalue(L, handle, 1);
  if (task->state == TASK_DONE) {
    int values = lua_gettop(L);
    if (task->results <= 1) return task->results;
    luaL_checkstack(L, task->results, "too many results");
    for (int i = 1; i <= task->results; i++)
      lua_rawgeti(L, values, i);
    return task->results;
  }
  lua_setfield(L, given, "error");
  if (lua_getiuservalue(L, handle, 2) == LUA_TTABLE) {
    lua_getfield(L, -1, "traceback");
    lua_setfield(L, given, "trace");
  }
  return -1;
}

static int copied_results(lua_State *L, struct worker *w, int given) {
  if (w->end) take_message(L, w, given);
  if (w->outcome != OUTCOME_DONE) return -1;
  if (lua_getfield(L, given, "results") != LUA_TTABLE) return 0;
  int values = lua_gettop(L);
  lua_getfield(L, values, "n");
  int n = (int)lua_tointeger(L, -1);
  luaL_checkstack(L, n, "too many results");
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, values, i);
  return n;
}

static int joined(lua_State *L, void *object, struct park_self *ask, bool got) {
  (void)ask;
  if (!got) return object_timed_out(L, "timeout");
  worker_forget(L, object);
  lua_pushboolean(L, 1);
  return 1;
}

static int have_results(lua_State *L, void *object, struct park_self *ask, bool got) {
  struct worker *w = object;
  (void)ask;
  if (!got) return object_timed_out(L, "timeout");
  w->asked = 1; // a call that ran out of time has heard of no error
  worker_forget(L, w);
  lua_getiuservalue(L, 1, 1);
  int given = lua_gettop(L);
  int n = w->model == MODEL_THREAD ? thread_results(L, w, given) : copied_results(L, w, given);
  if (n >= 0) return n;
  push_error(L, w, given);
  push_trace(L, w, given);
  return handle_raise(L);
}

static void describe_end(void *object, char *text, size_t size) {
  snprintf(text, size, "end of %s", ((struct sync_object *)object)->name);
}

static const struct loop_op join_op = {"join", worker_attempt_end, worker_leave_end, joined,
                                       describe_end};
static const struct loop_op result_op = {"result", worker_attempt_end, worker_leave_end,
                                         have_results, describe_end};

static int wait_for_end(lua_State *L, const struct loop_op *op) {
  struct worker *w = worker_self(L, op->name);
  double timeout = loop_timeout(L, 2, op->name);
  struct park_self ask = {0};
  if (!worker_begun(w))
    return loop_misuse(L, "not-started", "%s:%s: it was not started (call h:start() first)",
                       worker_kind(w), op->name);
  if ((loop_self && w == loop_self->worker) || w->seat == program_seat_index + 1)
    return loop_misuse(L, "join-self", "%s:%s: no %s can wait for its own end", worker_kind(w),
                       op->name, worker_kind(w));
  return loop_block(L, op, w, &ask, timeout);
}

// h:join([timeout]) -> true | nil, "timeout"
int worker_m_join(lua_State *L) { return wait_for_end(L, &join_op); }
// h:result([timeout]) -> the function's results; raises its error
int worker_m_result(lua_State *L) { return wait_for_end(L, &result_op); }

// Pushes the table of the handle at 1, at 2, with what its worker, which has ended, left in it.
static void push_outcome(lua_State *L, struct worker *w) {
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  if (w->model == MODEL_THREAD)
    thread_results(L, w, 2);
  else if (w->end)
    take_message(L, w, 2);
}

// h:traceback() -> the error's joined traceback, nil if none
int worker_m_traceback(lua_State *L) {
  struct worker *w = worker_self(L, "traceback");
  w->asked = 1;
  if (!w->ended || strcmp(worker_status(w), "failed") != 0) return 0;
  push_outcome(L, w);
  push_trace(L, w, 2);
  return 1;
}

// the error nobody asked for -------------------------------------------------------------------

static void report_unread(lua_State *L, struct worker *w) {
  if (!w->ended || w->asked || w->starter != program_slot ||
      strcmp(worker_status(w), "failed") != 0)
    return;
  w->asked = 1;
  push_outcome(L, w);
  lua_settop(L, 2);
  lua_pushstring(L, w->head.name);
  push_error(L, w, 2);
  push_trace(L, w, 2);
  handle_push_report(L, worker_kind(w));
  fputs(lua_tostring(L, -1), stderr);
}

// A handle is collected.
int worker_m_gc(lua_State *L) {
  struct sync_handle *handle = luaL_testudata(L, 1, "heddle.worker");
  if (!handle || !handle->object) return 0;
  report_unread(L, (struct worker *)handle->object);
  object_let_go(handle);
  return 0;
}

// Reports what nobody asked for, of the workers that this interpreter started and that have ended,
// and of its tasks.
int worker_f_report_unread(lua_State *L) {
  lua_settop(L, 0);
  worker_push_all(L);
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    lua_pushcfunction(L, worker_m_gc);
    lua_pushvalue(L, 3);
    if (worker_at(L, 3) && worker_at(L, 3)->ended)
      lua_call(L, 1, 0);
    else
      lua_pop(L, 2);
  }
  handle_report_failures(L);
  return 0;
}

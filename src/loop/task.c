#include "loop/task.h"

#include "base/program.h"
#include "loop/deadline.h"
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "loop/uv_lua.h"
#include "trace/trace.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define TASK_META "heddle.task"
#define FAILED_META                                                                                \
  "heddle.task.failed" // the same with a finalizer, which would be costly on every task

enum { FIRST_TICKETS = 64 };
static const char meta_key; // its address: TASK_META's table in the registry, found without hashing

// handles --------------------------------------------------------------------------------------

static bool grow_tickets(struct loop *loop) {
  uint32_t cap = loop->task_cap ? loop->task_cap * 2 : FIRST_TICKETS;
  struct task **tasks = realloc(loop->tasks, cap * sizeof *tasks);
  if (!tasks) return false;
  memset(tasks + loop->task_cap, 0, (cap - loop->task_cap) * sizeof *tasks);
  loop->tasks = tasks;
  loop->task_cap = cap;
  return true;
}

static bool take_ticket(struct loop *loop, struct task *task) {
  if (loop->live == loop->task_cap && !grow_tickets(loop)) return false;
  uint32_t i = loop->task_free;
  while (loop->tasks[i])
    i = i + 1 == loop->task_cap ? 0 : i + 1;
  loop->tasks[i] = task;
  loop->task_free = i + 1 == loop->task_cap ? 0 : i + 1;
  task->self.ticket = i;
  loop->live++;
  return true;
}

// A new task of the loop, not begun: pushes its handle.
struct task *task_new(lua_State *L, struct loop *loop) {
  struct task *task = lua_newuserdatauv(L, sizeof *task, 3);
  memset(task, 0, sizeof *task);
  task->loop = loop;
  task->self.task = atomic_fetch_add_explicit(&arena->next_id, 1, memory_order_relaxed);
  task->process = (uint16_t)program_slot;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
  lua_setmetatable(L, -2);
  return task;
}

// The task at `arg`, or NULL.
struct task *task_test(lua_State *L, int arg) {
  void *task = lua_touserdata(L, arg);
  if (!task || !lua_getmetatable(L, arg)) return NULL;
  const void *meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  const struct loop *loop = loop_self;
  if (loop && (meta == loop->interp->task_meta || meta == loop->interp->failed_meta)) return task;
  if (loop && loop->interp->task_meta) return NULL;
  task = luaL_testudata(L, arg, TASK_META);
  return task ? task : luaL_testudata(L, arg, FAILED_META);
}

// The task at `arg`; anything else is misuse.
struct task *task_check(lua_State *L, int arg, const char *function) {
  struct task *task = task_test(L, arg);
  if (!task)
    loop_misuse(L, "bad-self", "task:%s: a task expected as self, got %s (call it with a colon)",
                function, loop_typename(L, arg));
  return task;
}

// Whether it has come to its end, one way or another.
bool task_ended(const struct task *task) { return task->state >= TASK_DONE; }

// Pushes the handle of a live task of this interpreter.
void task_push(lua_State *L, struct loop *loop, struct task *task) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, loop->anchor);
  lua_rawgeti(L, -1, task->self.ticket + 1);
  lua_replace(L, -2);
}

// Pushes the name of the handle at index `handle`.
void task_push_name(lua_State *L, int handle) {
  const struct task *task = lua_touserdata(L, handle);
  if (task->named && lua_getiuservalue(L, handle, 2) == LUA_TTABLE) {
    lua_getfield(L, -1, "name");
    lua_replace(L, -2);
    return;
  }
  if (task->main)
    lua_pushliteral(L, "main");
  else
    lua_pushfstring(L, "Task-%d", (int)task->number);
}

// Writes what reports call a live task: the function of a thread, isolate or process goes by that
// one's name, which is its OS thread's. Needs a few slots of L's stack.
void task_write_name(lua_State *L, struct loop *loop, struct task *task, char *text, size_t size) {
  if (task->main && loop->worker) {
    snprintf(text, size, "%.31s", program_seat(loop->seat)->name);
    return;
  }
  task_push(L, loop, task);
  task_push_name(L, lua_gettop(L));
  snprintf(text, size, "%s", lua_tostring(L, -1));
  lua_pop(L, 2);
}

// Pushes the table that the handle at index `handle` keeps: name, traceback, locals …
void task_push_extras(lua_State *L, int handle) {
  if (lua_getiuservalue(L, handle, 2) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, handle, 2);
}

// the end of a task ----------------------------------------------------------------------------

static void drop_ticket(lua_State *L, struct loop *loop, struct task *task) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, loop->anchor);
  lua_pushnil(L);
  lua_rawseti(L, -2, task->self.ticket + 1);
  lua_pop(L, 1);
  loop->tasks[task->self.ticket] = NULL;
  loop->live--;
  if (task->daemon) loop->daemons--;
}

// Stores the `count` values on top of the stack as the results of the handle below them; pops them.
static void keep_results(lua_State *L, struct task *task, int handle, int count) {
  task->results = count;
  if (count == 0) {
    lua_pushnil(L);
  } else if (count > 1) {
    lua_createtable(L, count, 0);
    lua_insert(L, -count - 1);
    for (int i = count; i >= 1; i--)
      lua_rawseti(L, -i - 1, i);
  }
  lua_setiuservalue(L, handle, 1);
}

// From now on the handle's end is noticed: an error that nobody asked for is reported then.
static void note_failure(lua_State *L, int handle) {
  lua_pushvalue(L, handle);
  luaL_setmetatable(L, FAILED_META);
  lua_pop(L, 1);
  handle_note_failure(L, handle);
}

// The task has come to its end with `count` values on top of `from` (one, the error, when `state`
// is not DONE).
static void end_task(struct loop *loop, struct task *task, int state, lua_State *from, int count) {
  lua_State *L = loop->base;
  luaL_checkstack(L, count + 4, "too many results");
  task_push(L, loop, task);
  int handle = lua_gettop(L);
  if (from == L)
    lua_insert(L, handle - count), handle -= count;
  else if (count)
    lua_xmove(from, L, count);
  keep_results(L, task, handle, count);
  task->co = NULL;
  timer_stop(&loop->timers, &task->timer);
  deadline_end_all(task);
  drop_ticket(L, loop, task);
  task->state = (uint8_t)state;
  task->loop = NULL;
  if (state == TASK_FAILED && !task->main) note_failure(L, handle);
  if (task->of_luv) loop_uv_called(loop);
  park_kick_all(&task->joiners);
  park_ring();
  lua_settop(L, handle - 1);
}

// The error at 1 is raised anew on its way out, and where it was first raised is known.
static bool is_kept(lua_State *L, int extras) {
  lua_getfield(L, extras, "kept");
  bool kept = lua_rawequal(L, 1, -1) && !lua_isnil(L, 1);
  lua_pop(L, 1);
  return kept;
}

static int traceback(lua_State *L, bool keep) {
  struct task *task = loop_self ? loop_self->current : NULL;
  if (!task || task_is_cancelled(L, 1)) return 1;
  task_push(L, loop_self, task);
  task_push_extras(L, 2);
  lua_replace(L, 2);
  if (!is_kept(L, 2)) {
    luaL_traceback(L, L, NULL, 1);
    lua_setfield(L, 2, "traceback");
  }
  if (keep) lua_pushvalue(L, 1);
  if (keep) lua_setfield(L, 2, "kept");
  lua_settop(L, 1);
  return 1;
}

// The message handler below every task: keeps the traceback of where the error was raised.
int task_traceback(lua_State *L) {
  lua_settop(L, 1);
  return traceback(L, false);
}

// The message handler of calls that raise the error again when they are done.
int task_keep_traceback(lua_State *L) {
  lua_settop(L, 1);
  return traceback(L, true);
}

static int body_done(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
  task->state = task_is_cancelled(L, -1) ? TASK_CANCELLED : TASK_FAILED;
  return 1;
}

// Runs a task's function below a pcall in its own coroutine, so that `__close` may still wait after
// an error.
static int body(lua_State *L) {
  struct task *task = lua_touserdata(L, 1);
  lua_pushcfunction(L, task_traceback);
  lua_replace(L, 1);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, (lua_KContext)task, body_done);
  return body_done(L, status, (lua_KContext)task);
}

// Takes a new task whose handle is at `handle` in: takes the function and its arguments from the
// top of the stack. It is then begun by loop_ready or task_run_within.
void task_admit(lua_State *L, struct task *task, int handle, int arguments) {
  struct loop *loop = task->loop;
  handle = lua_absindex(L, handle);
  task->results = arguments;
  if (arguments == 1) {
    lua_setiuservalue(L, handle, 3);
  } else if (arguments > 1) {
    lua_createtable(L, arguments + 1, 0);
    lua_insert(L, -arguments - 2);
    for (int i = arguments + 1; i >= 1; i--)
      lua_rawseti(L, -i - 1, i);
  }
  lua_setiuservalue(L, handle, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, loop->anchor);
  if (!take_ticket(loop, task)) luaL_error(L, "not enough memory");
  lua_pushvalue(L, handle);
  lua_rawseti(L, -2, task->self.ticket + 1);
  lua_pop(L, 1);
  if (task->daemon) loop->daemons++;
  if (trace_on()) trace_write(TRACE_WAKE, 0, 1, task->self.task, trace_task, program_seat_index);
}

// The same, and puts it last on its loop's ready list.
void task_begin(lua_State *L, struct task *task, int handle, int arguments) {
  task_admit(L, task, handle, arguments);
  loop_ready(task->loop, task);
}

// running --------------------------------------------------------------------------------------

// A coroutine for the task whose handle is at `handle`: one that another task is done with, or a
// new one.
static lua_State *take_coroutine(struct loop *loop, int handle) {
  lua_State *L = loop->base;
  if (loop->spare_count > 0) return loop->spares[--loop->spare_count];
  lua_State *co = gil_new_coroutine(L);
  if (loop->pool_size < LOOP_SPARES) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, loop->pool);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, ++loop->pool_size);
    lua_pop(L, 2);
    gil_extra(co)->pooled = 1;
  } else {
    lua_setiuservalue(L, handle, 1);
  }
  return co;
}

static void give_coroutine_back(struct loop *loop, lua_State *co, int status) {
  if (!gil_extra(co)->pooled) return;
  if (status != LUA_OK) lua_resetthread(co);
  lua_settop(co, 0);
  gil_set_user_hook(co, 0, 0);
  loop->spares[loop->spare_count++] = co;
}

// Before its first slice: gives the task a coroutine with its function and arguments on it. Returns
// how many values it is to be resumed with.
static int prepare(struct loop *loop, struct task *task) {
  lua_State *L = loop->base;
  int arguments = task->results;
  task_push(L, loop, task);
  int handle = lua_gettop(L);
  lua_getiuservalue(L, handle, 1);
  lua_State *co = take_coroutine(loop, handle);
  if (!lua_checkstack(co, arguments + 4)) luaL_error(L, "too many arguments");
  lua_pushcfunction(co, body);
  lua_pushlightuserdata(co, task);
  if (arguments == 1) {
    lua_getiuservalue(L, handle, 3);
    lua_pushnil(L);
    lua_setiuservalue(L, handle, 3);
  } else if (arguments > 1) {
    luaL_checkstack(L, arguments + 1, "too many arguments");
    for (int i = 1; i <= arguments + 1; i++)
      lua_rawgeti(L, handle + 1, i);
  }
  lua_xmove(L, co, arguments + 1);
  lua_settop(L, handle - 1);
  task->co = co;
  return arguments + 2;
}

static void never_ran(struct loop *loop, struct task *task) {
  task_push(loop->base, loop, task);
  lua_pushnil(loop->base);
  lua_setiuservalue(loop->base, -2, 3);
  lua_pop(loop->base, 1);
  task_push_cancelled(loop->base, task_cancel_reason(task), NULL);
  task->cancels = 0;
  end_task(loop, task, TASK_CANCELLED, loop->base, 1);
}

static void yielded(struct loop *loop, struct task *task, int values) {
  if (values) lua_pop(task->co, values);
  bool parked = loop->suspended;
  loop->suspended = false;
  if (!parked) loop_ready(loop, task); // a foreign C module's own yield: as task.yield
}

// Runs one slice of a ready task.
void task_run(struct loop *loop, struct task *task) {
  int values, given = 0;
  if (!task->co && task->cancels) {
    never_ran(loop, task);
    return;
  }
  if (!task->co) given = prepare(loop, task);
  loop->current = task;
  loop->chain_ok = true;
  task->state = TASK_RUNNING;
  lua_State *co = task->co;
  if (task->hard && !gil_extra(co)->parked) gil_wants_look = 1; // what waited raises by itself
  gil_extra(co)->parked = 0;
  gil_running = co;
  if (gil_wanted()) gil_arm(co);
  trace_task = task->self.task;
  if (trace_on()) task_trace_run(loop, task);
  int status = lua_resume(co, loop->base, given, &values);
  gil_running = NULL;
  if (status == LUA_YIELD) {
    yielded(loop, task, values);
  } else {
    int state = status != LUA_OK              ? TASK_FAILED
                : task->state == TASK_RUNNING ? TASK_DONE
                                              : task->state;
    end_task(loop, task, state, co, status == LUA_OK ? values : 1);
    loop->current = NULL; // the task may be collected from here on
    give_coroutine_back(loop, co, status);
  }
  if (trace_on()) task_trace_stop(loop, task);
  trace_task = 0;
  loop->current = NULL;
}

// Runs the first slice of a task that was taken in, at once, from a C function of the running task,
// which goes on when the new one waits or has ended.
void task_run_within(struct loop *loop, struct task *task) {
  struct task *outer = loop->current;
  lua_State *running = gil_running;
  outer->state = TASK_READY;
  if (trace_on()) task_trace_stop(loop, outer);
  task_run(loop, task);
  outer->state = TASK_RUNNING;
  trace_task = outer->self.task;
  if (trace_on()) task_trace_run(loop, outer);
  loop->current = outer;
  loop->chain_ok = true;
  gil_running = running;
}

// A full collection.
void task_collect(struct loop *loop) { lua_gc(loop->base, LUA_GCCOLLECT); }

// Forgets every task: in a forked child, where only the forked function's task lives.
void task_drop_all(struct loop *loop) {
  free(loop->tasks);
  free(loop->undescribed);
  loop->undescribed = NULL;
  loop->undescribed_cap = 0;
  loop->tasks = NULL;
  loop->task_cap = loop->task_free = loop->live = loop->daemons = 0;
  loop->ready_first = loop->ready_last = loop->current = NULL;
  loop->undescribed_count = 0;
  timers_free(&loop->timers);
}

// The same for a loop that goes on, as a rule in the memory it has: what is freed and asked for
// again after a fork is copied, too.
void task_forget_all(struct loop *loop) {
  if (loop->task_cap > FIRST_TICKETS) {
    task_drop_all(loop);
    return;
  }
  if (loop->tasks) memset(loop->tasks, 0, loop->task_cap * sizeof(struct task *));
  loop->task_free = loop->live = loop->daemons = 0;
  loop->ready_first = loop->ready_last = loop->current = NULL;
  loop->undescribed_count = 0;
  timers_clear(&loop->timers);
}

// Makes the metatables that tasks need in an interpreter.
void task_open(lua_State *L) {
  luaL_newmetatable(L, TASK_META);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
  luaL_newmetatable(L, FAILED_META);
  if (loop_self) {
    loop_self->interp->task_meta = lua_topointer(L, -2);
    loop_self->interp->failed_meta = lua_topointer(L, -1);
  }
  lua_pop(L, 2);
  task_cancel_open(L);
}

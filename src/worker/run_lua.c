// What a worker does in Lua: its interpreter, its function, what it leaves behind.
#include "loop/handle_lua.h"
#include "value/value.h"
#include "worker/handles_lua.h"
#include "worker/worker.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static void (*open_libraries)(lua_State *L);

// Hands over what opens the libraries in a new interpreter.
void worker_set_opener(void (*open)(lua_State *L)) { open_libraries = open; }

// Opens all libraries in a new interpreter. Raises.
void worker_open_libraries(lua_State *L) { open_libraries(L); }

// the worker's side ----------------------------------------------------------------------------

static uint64_t mix(uint64_t x) { // splitmix64 (Steele, Lea, Flood 2014)
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Gives the interpreter a math.random state of its own; after heddle.seed it follows from that and
// the worker's order.
void worker_seed(lua_State *L, uint32_t order) {
  uint64_t seed[2] = {mix(arena->seed)};
  seed[1] = mix(seed[0] + order);
  lua_getglobal(L, "math");
  lua_getfield(L, -1, "randomseed");
  lua_pushinteger(L, (lua_Integer)seed[0]);
  lua_pushinteger(L, (lua_Integer)seed[1]);
  lua_call(L, 2, 0);
  lua_pop(L, 1);
}

// Makes an interpreter, for the calling thread, which has sat down: with its libraries, GIL held.
// NULL: no memory.
struct loop *worker_open_interpreter(size_t memory_cap) {
  struct interp *interp = loop_interp_new(memory_cap);
  if (!interp) return NULL;
  gil_take(&interp->gil);
  return loop_new(interp, program_seat_index);
}

enum { KEPT = 1 << 20 };
static _Thread_local struct buffer leaving; // empty while Lua code may run

static bool leave_block(struct worker *w) {
  uint64_t block = arena_alloc(leaving.len);
  if (block) {
    memcpy(arena_at(block), leaving.data, leaving.len);
    w->end_size = leaving.len;
    w->end = block;
  }
  leaving.len = 0;
  buffer_trim(&leaving, KEPT);
  return block != 0;
}

// The calling thread ends: its buffer is given back.
void worker_thread_end(void) { buffer_free(&leaving); }

// [worker][results...]: leaves the results as a message. Raises what can't be copied.
static int leave_results(lua_State *L) {
  struct worker *w = lua_touserdata(L, 1);
  value_encode(L, 2, lua_gettop(L) - 1, "results", &leaving);
  if (!leave_block(w)) return luaL_error(L, "not enough shared memory for the results");
  return 0;
}

// [worker][error][traceback]: the same for an error.
static int leave_error(lua_State *L) {
  struct worker *w = lua_touserdata(L, 1);
  value_encode(L, 2, 2, "error", &leaving);
  if (!leave_block(w)) return luaL_error(L, "not enough shared memory for the error");
  return 0;
}

// A function that came from elsewhere tripped over a global that is nil here: the message at
// `error` says that and what to do about it instead of what was attempted.
static void add_hint(lua_State *L, int error) {
  static const char tried[] = "attempt to ", nil[] = "a nil value (global '";
  if (lua_type(L, error) != LUA_TSTRING) return;
  const char *text = lua_tostring(L, error), *at = strstr(text, nil), *from = NULL;
  for (const char *p = text; at && (p = strstr(p, tried)) && p < at; p++)
    from = p;
  const char *name = from ? at + strlen(nil) : NULL, *end = name ? strstr(name, "')") : NULL;
  if (!end) return;
  lua_pushlstring(L, text, (size_t)(from - text));
  lua_pushlstring(L, name, (size_t)(end - name));
  lua_pushfstring(
      L, "%sglobal '%s' was not sent: make it local, pass it, or set it in an initializer%s",
      lua_tostring(L, -2), lua_tostring(L, -1), end + strlen("')"));
  lua_replace(L, error);
  lua_pop(L, 2);
}

static void leave_failure(lua_State *L, struct worker *w, int error, int trace) {
  lua_pushcfunction(L, leave_error);
  lua_pushlightuserdata(L, w);
  lua_pushvalue(L, error);
  lua_pushvalue(L, trace);
  if (lua_pcall(L, 3, 0, 0) == LUA_OK) return;
  lua_pop(L, 1);
  lua_pushcfunction(L, leave_error); // an error that can't be copied becomes its text
  lua_pushlightuserdata(L, w);
  luaL_tolstring(L, error, NULL);
  lua_pushvalue(L, trace);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) lua_pop(L, 1);
}

static enum worker_outcome leave_done(lua_State *L, struct worker *w, const struct task *task,
                                      int results) {
  lua_pushcfunction(L, leave_results);
  lua_pushlightuserdata(L, w);
  luaL_checkstack(L, task->results + 2, "too many results");
  if (task->results == 1) lua_pushvalue(L, results);
  for (int i = 1; task->results > 1 && i <= task->results; i++)
    lua_rawgeti(L, results, i);
  if (lua_pcall(L, task->results + 1, 0, 0) == LUA_OK) return OUTCOME_DONE;
  lua_pushnil(L);
  leave_failure(L, w, lua_gettop(L) - 1, lua_gettop(L));
  return OUTCOME_FAILED;
}

// The main task of an isolate or process has ended: leaves what came of it. Returns the outcome.
static enum worker_outcome leave_outcome(lua_State *L, struct worker *w, int handle) {
  const struct task *task = lua_touserdata(L, handle);
  lua_getiuservalue(L, handle, 1);
  int value = lua_gettop(L);
  if (task->state == TASK_DONE) return leave_done(L, w, task, value);
  add_hint(L, value);
  lua_pushnil(L);
  if (lua_getiuservalue(L, handle, 2) == LUA_TTABLE) {
    lua_getfield(L, -1, "traceback");
    lua_replace(L, value + 1);
  }
  lua_settop(L, value + 1);
  if (lua_isstring(L, value + 1) && lua_type(L, value) != LUA_TSTRING)
    handle_join_trace(L, value); // a string brings its own along
  leave_failure(L, w, value, value + 1);
  return task->state == TASK_CANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED;
}

// Sets package.path and cpath from the message behind the function's.
static void take_paths(lua_State *L, const struct worker *w) {
  const char *message = (const char *)arena_at(w->start) + w->start_size;
  lua_getglobal(L, "package");
  value_decode_claimed(L, message, w->paths_size);
  lua_setfield(L, -3, "cpath");
  lua_setfield(L, -2, "path");
  lua_pop(L, 1);
}

static void call_boot(lua_State *L, const char *function, int arguments) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "heddle.boot");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, function);
  lua_replace(L, -2);
  if (arguments) lua_insert(L, -arguments - 1);
}

static void report_unread(lua_State *L) {
  lua_pushcfunction(L, worker_f_report_unread);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
}

// [worker][loop]: decodes the function, runs it as the main task, waits for its tasks and workers,
// leaves the outcome.
static int run_worker(lua_State *L) {
  struct worker *w = lua_touserdata(L, 1);
  struct loop *loop = lua_touserdata(L, 2);
  worker_seed(L, w->order);
  struct task *task = task_new(L, loop);
  int handle = lua_gettop(L);
  task->main = true;
  loop->main_task = task;
  program_seat(loop->seat)->main_task = task->self.task;
  loop->worker = w;
  uint64_t start = w->start;
  if (w->model == MODEL_ISOLATE) worker_claim_start(w, program_slot);
  take_paths(L, w);
  int values = value_decode_claimed(L, arena_at(start), w->start_size);
  w->start = 0;
  guard_step();
  arena_free(start);
  task_begin(L, task, handle, values - 1);
  loop_run(loop, task);
  lua_getfield(L, LUA_REGISTRYINDEX, "heddle.workers");
  if (lua_istable(L, -1)) {
    struct task *closer = task_new(L, loop);
    closer->internal = true;
    int at = lua_gettop(L);
    call_boot(L, "close_workers", 0);
    task_begin(L, closer, at, 0);
  }
  loop_run(loop, NULL);
  w->outcome = leave_outcome(L, w, handle);
  if (w->model == MODEL_PROCESS) report_unread(L); // an isolate's finalizers do
  return 0;
}

// The collector rests until the heap has grown as after a collection: here there is nothing to
// collect yet, and what a forked child does not mark it need not copy.
static void let_collector_rest(lua_State *L) {
#ifndef HEDDLE_STRESS
  lua_gc(L, LUA_GCSTEP, -lua_gc(L, LUA_GCCOUNT));
#else
  (void)L;
#endif
}

static int open_all(lua_State *L) {
  lua_gc(L, LUA_GCSTOP);
  worker_open_libraries(L);
  lua_gc(L, LUA_GCRESTART);
  let_collector_rest(L);
  return 0;
}

// Opens the libraries unless they are. Returns false when that failed; the error is on the stack.
bool worker_open_now(struct loop *loop) {
  lua_State *L = loop->base;
  lua_getglobal(L, "package");
  bool open = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (open) return true;
  lua_pushcfunction(L, open_all);
  return lua_pcall(L, 0, 0, 0) == LUA_OK;
}

// Does the work of an isolate or process whose interpreter is new or, after a fork, the parent's.
void worker_run(struct loop *loop, struct worker *w) {
  lua_State *L = loop->base;
  if (worker_open_now(loop)) {
    lua_pushcfunction(L, run_worker);
    lua_pushlightuserdata(L, w);
    lua_pushlightuserdata(L, loop);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK) return;
  }
  loop->interp->memory_cap = 0; // too small a one leaves no room to say so
  lua_pushnil(L);
  w->outcome = OUTCOME_FAILED;
  leave_failure(L, w, lua_gettop(L) - 1, lua_gettop(L));
}

// threads --------------------------------------------------------------------------------------

// [worker][loop]: the function and arguments wait in the handle's uservalue 1, a list; the main
// task goes there.
static int run_thread(lua_State *L) {
  struct worker *w = lua_touserdata(L, 1);
  struct loop *loop = lua_touserdata(L, 2);
  lua_getfield(L, LUA_REGISTRYINDEX, "heddle.workers");
  lua_rawgetp(L, -1, w);
  lua_getiuservalue(L, -1, 1);
  int given = lua_gettop(L);
  lua_getfield(L, given, "n");
  int count = (int)lua_tointeger(L, -1);
  struct task *task = task_new(L, loop);
  task->main = true;
  loop->main_task = task;
  program_seat(loop->seat)->main_task = task->self.task;
  loop->worker = w;
  int handle = lua_gettop(L);
  luaL_checkstack(L, count + 4, "too many arguments");
  for (int i = 1; i <= count; i++)
    lua_rawgeti(L, given, i);
  lua_pushvalue(L, handle);
  lua_setfield(L, given, "task");
  task_begin(L, task, handle, count - 1);
  for (int i = 1; i <= count; i++) {
    lua_pushnil(L);
    lua_rawseti(L, given, i);
  }
  loop_run(loop, NULL);
  lua_pushinteger(L, task->state == TASK_DONE     ? OUTCOME_DONE
                     : task->state == TASK_FAILED ? OUTCOME_FAILED
                                                  : OUTCOME_CANCELLED);
  return 1;
}

// Runs a thread's function and its tasks to their end. Returns how the main task ended.
enum worker_outcome worker_run_thread(struct loop *loop, struct worker *w) {
  lua_State *L = loop->base;
  enum worker_outcome outcome = OUTCOME_FAILED;
  lua_pushcfunction(L, run_thread);
  lua_pushlightuserdata(L, w);
  lua_pushlightuserdata(L, loop);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) outcome = (enum worker_outcome)lua_tointeger(L, -1);
  lua_settop(L, 0);
  return outcome;
}

// forked children ------------------------------------------------------------------------------

// In a forked child: makes the parent's loop its own, with a new seat and no tasks; its other
// threads are not here.
void worker_own_loop(struct loop *loop, uint32_t seat) {
  struct interp *interp = loop->interp;
  lua_State *L = interp->main;
  loop_forget_parent(interp);
  interp->loops = loop;
  interp->loop_count = 1;
  interp->id = atomic_fetch_add(&arena->next_id, 1);
  gil_running = NULL;
  loop->seat = seat;
  loop->next = NULL;
  gil_init(&interp->gil);
  gil_take(&interp->gil);
  atomic_fetch_add(&arena->awake, 1);
  loop->worker = NULL;
  loop->suspended = false;
  task_forget_all(loop);
  loop->base = gil_new_coroutine(L);
  luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  loop->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  loop->pool = luaL_ref(L, LUA_REGISTRYINDEX);
  loop->spare_count = loop->pool_size = 0;
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, "heddle.workers");
  let_collector_rest(L);
  if (interp->adopt) interp->adopt(loop);
}

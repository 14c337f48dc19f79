// heddle.native.loop: timers and signal handlers, and what the library needs to know of the loop.
#include "base/clock.h"
#include "base/program.h"
#include "loop/call.h"
#include "loop/callback_lua.h"
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "loop/signal.h"

#include <errno.h>
#include <lauxlib.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define CALL_META "heddle.call"
#define CALLS "heddle.calls" // in the registry: what is set, by address

static const double SHORTEST = 1e-6, LONGEST = 3e9; // seconds between the calls of a timer

// As userdata. Uservalue 1: the function, 2: the name or nil, 3: the task of the last call.
struct call {
  struct timer timer;
  struct call *next, *previous; // of the loop's, in the order in which they were set
  struct loop *loop;            // NULL: it is not set (any more)
  int64_t at;                   // when the next call is due
  int64_t interval;             // nanoseconds, 0: it calls once
  uint32_t number;              // of its default name
  uint32_t id, seen;            // signals that were answered
  uint16_t process;             // slot of the process it was made in
  uint8_t signal;               // its number, 0: a timer
  bool daemon;
};

enum { FUNCTION = 1, NAME, LAST_TASK, USERVALUES = LAST_TASK };

// setting and stopping -------------------------------------------------------------------------

static void anchor(lua_State *L, struct call *call, bool set) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, CALLS);
  if (set)
    lua_pushvalue(L, -2);
  else
    lua_pushnil(L);
  lua_rawsetp(L, -2, call);
  lua_pop(L, 1);
}

static void link_call(struct loop *loop, struct call *call) {
  call->loop = loop;
  call->previous = loop->last_call;
  *(call->previous ? &call->previous->next : &loop->calls) = call;
  loop->last_call = call;
}

static void unlink_call(struct call *call) {
  struct loop *loop = call->loop;
  *(call->previous ? &call->previous->next : &loop->calls) = call->next;
  *(call->next ? &call->next->previous : &loop->last_call) = call->previous;
  call->next = call->previous = NULL;
  call->loop = NULL;
}

static void stop_signal(struct loop *loop, const struct call *call) {
  signal_uncatch(call->signal);
  if (--loop->catching == 0) program_seat(loop->seat)->flags &= ~(uint32_t)SEAT_CATCHING;
}

// From any thread of the interpreter.
static bool stop(lua_State *L, struct call *call) {
  struct loop *loop = call->loop;
  if (!loop || call->process != program_slot) return false;
  unlink_call(call);
  timer_stop(&loop->timers, &call->timer);
  if (call->signal)
    stop_signal(loop, call);
  else if (!call->daemon)
    loop_unhold(loop, false);
  anchor(L, call, false);
  return true;
}

// Forgets every call of a loop that ends, or, in a forked child, was the parent's.
void call_drop_all(struct loop *loop) {
  lua_State *L = loop->base;
  while (loop->calls) {
    struct call *call = loop->calls;
    if (call->process == program_slot)
      stop(L, call);
    else
      unlink_call(call);
  }
  loop->catching = loop->holds = loop->listeners = 0;
}

// calling --------------------------------------------------------------------------------------

static void push_name(lua_State *L, int at) {
  const struct call *call = lua_touserdata(L, at);
  if (lua_getiuservalue(L, at, NAME) == LUA_TSTRING) return;
  lua_pop(L, 1);
  if (call->signal)
    lua_pushstring(L, signal_name(call->signal));
  else
    lua_pushfstring(L, "Timer-%d", (int)call->number);
}

// [call]: begins a task that makes the call. What is called at an interval is left out while the
// last call still runs.
static int begin(lua_State *L) {
  struct call *call = lua_touserdata(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, CALLS);
  lua_rawgetp(L, -1, call);
  lua_replace(L, 1);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, LAST_TASK);
  const struct task *last = lua_touserdata(L, -1);
  if (last && !call->signal && !task_ended(last)) return 0;
  push_name(L, 1);
  lua_getiuservalue(L, 1, FUNCTION);
  if (call->signal) lua_pushstring(L, signal_name(call->signal));
  callback_begin(L, call->loop, call->signal ? 1 : 0, call->daemon);
  lua_setiuservalue(L, 1, LAST_TASK);
  return 0;
}

static void make_call(struct call *call) {
  lua_State *L = call->loop->base;
  lua_pushcfunction(L, begin);
  lua_pushlightuserdata(L, call);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
  fprintf(stderr, "heddle: a callback could not be called: %s\n", luaL_tolstring(L, -1, NULL));
  lua_pop(L, 2);
}

// The timer of a call is due.
void call_timer_due(struct loop *loop, struct timer *timer) {
  struct call *call = (struct call *)((char *)timer - offsetof(struct call, timer));
  if (loop->released) return;
  make_call(call);
  if (call->interval == 0) {
    stop(loop->base, call);
    return;
  }
  int64_t now = clock_now();
  call->at += call->interval;
  if (call->at <= now) call->at = now + call->interval; // what was missed is not made up for
  timer_start(&loop->timers, &call->timer, call->at);
}

// Signals came: makes the calls for those that were not answered yet.
void call_signals(struct loop *loop) {
  struct call *next;
  for (struct call *call = loop->calls; call; call = next) {
    next = call->next;
    if (!call->signal || call->seen == signal_count(call->signal)) continue;
    call->seen = signal_count(call->signal);
    make_call(call);
  }
}

// the functions --------------------------------------------------------------------------------

// ([seconds or signal], fn[, options]): pushes a new call with its options read, not set.
static struct call *new_call(lua_State *L, const char *function, const char *const *known) {
  if (!lua_isfunction(L, 2))
    loop_misuse(L, "bad-argument", "%s: fn: a function expected, got %s", function,
                loop_typename(L, 2));
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) handle_check_options(L, 3, function, known);
  if (!loop_self) loop_misuse(L, "no-loop", "%s: there is no loop in this OS thread", function);
  struct call *call = lua_newuserdatauv(L, sizeof *call, USERVALUES);
  *call = (struct call){.process = (uint16_t)program_slot, .timer.kind = TIMER_CALL};
  call->id = atomic_fetch_add_explicit(&arena->next_id, 1, memory_order_relaxed);
  luaL_setmetatable(L, CALL_META);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, FUNCTION);
  if (lua_isnil(L, 3)) return call;
  lua_insert(L, 1); // [call][...][options]
  lua_insert(L, 1); // [options][call][...]
  call->daemon = handle_option_flag(L, function, "daemon");
  if (handle_option_name(L, function)) lua_setiuservalue(L, 2, NAME);
  lua_settop(L, 2);
  return call;
}

static int set(lua_State *L, struct call *call) {
  anchor(L, call, true);
  link_call(loop_self, call);
  return 1;
}

static int set_timer(lua_State *L, const char *function, bool repeat) {
  static const char *const options[] = {"daemon", "name", NULL};
  double seconds = loop_seconds(L, 1, function, "seconds");
  if (repeat && seconds < SHORTEST)
    loop_misuse(L, "bad-time", "%s: seconds: a number of seconds > 0 expected, got %s", function,
                seconds == 0 ? "0" : "less than a microsecond");
  struct call *call = new_call(L, function, options);
  call->at = clock_deadline(seconds);
  call->interval = !repeat ? 0 : seconds > LONGEST ? 1 : (int64_t)(seconds * 1e9);
  call->number = ++loop_self->interp->timer_names;
  if (!timer_start(&loop_self->timers, &call->timer, call->at))
    return luaL_error(L, "not enough memory");
  if (!call->daemon) loop_hold(loop_self, false);
  return set(L, call);
}

// loop.after(seconds, fn[, {name=, daemon=}]) -> timer: calls fn once
static int f_after(lua_State *L) { return set_timer(L, "loop.after", false); }

// loop.every(seconds, fn[, {name=, daemon=}]) -> timer: calls fn each time so many seconds passed
static int f_every(lua_State *L) { return set_timer(L, "loop.every", true); }

// loop.on_signal(name, fn[, {name=}]) -> handle: calls fn(name) when the signal comes
static int f_on_signal(lua_State *L) {
  static const char *const options[] = {"name", NULL};
  const char *name = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
  int number = name ? signal_number(name) : 0;
  if (!number)
    loop_misuse(L, "bad-signal",
                "loop.on_signal: signal: the name of a signal that can be caught expected "
                "(\"SIGTERM\", \"SIGINT\", \"SIGHUP\", \"SIGUSR1\" ...), got %s%s%s",
                name ? "'" : "", name ? name : loop_typename(L, 1), name ? "'" : "");
  struct call *call = new_call(L, "loop.on_signal", options);
  call->signal = (uint8_t)number;
  call->daemon = true;
  call->seen = signal_count(number);
  program_seat(loop_self->seat)->flags |= SEAT_CATCHING;
  if (!signal_catch(number)) return luaL_error(L, "loop.on_signal: %s: %s", name, strerror(errno));
  loop_self->catching++;
  return set(L, call);
}

// the handle -----------------------------------------------------------------------------------

static struct call *check(lua_State *L, const char *function) {
  struct call *call = luaL_testudata(L, 1, CALL_META);
  if (!call)
    loop_misuse(L, "bad-self", "%s: a timer or signal handler expected as self, got %s", function,
                loop_typename(L, 1));
  return call;
}

// timer:stop() -> whether it was set: calls no more
static int m_stop(lua_State *L) {
  lua_pushboolean(L, stop(L, check(L, "stop")));
  return 1;
}

static int m_close(lua_State *L) {
  stop(L, check(L, "close"));
  return 0;
}

static int m_index(lua_State *L) {
  const struct call *call = check(L, "index");
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "stop") == 0)
    lua_pushcfunction(L, m_stop);
  else if (strcmp(key, "name") == 0)
    push_name(L, 1);
  else if (strcmp(key, "id") == 0)
    lua_pushinteger(L, call->id);
  else
    lua_pushnil(L);
  return 1;
}

static int m_tostring(lua_State *L) {
  const struct call *call = check(L, "tostring");
  push_name(L, 1);
  const char *kind = call->signal ? "signal handler" : "timer";
  bool set = call->loop && call->process == program_slot;
  lua_pushfstring(L, "%s %s (%s)", kind, lua_tostring(L, -1), set ? "set" : "stopped");
  return 1;
}

static const luaL_Reg meta[] = {
    {"__close", m_close}, {"__index", m_index}, {"__tostring", m_tostring}, {NULL, NULL}};

// resting --------------------------------------------------------------------------------------

static bool rest_attempt(void *object, struct park_self *self) {
  struct loop *loop = object;
  bool over = !loop_held(loop);
  loop->resting = over || !self->enlist ? NULL : loop->current;
  self->entered = loop->resting != NULL;
  return over;
}

static void rest_leave(void *object, struct park_self *self) {
  (void)self;
  ((struct loop *)object)->resting = NULL;
}

static int rest_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)L, (void)object, (void)self, (void)got;
  return 0;
}

static const struct loop_op rest_op = {
    .name = "rest", .attempt = rest_attempt, .leave = rest_leave, .finish = rest_finish};

// loop.rest(): waits until no timer, listener or luv handle keeps this OS thread. For its main
// task.
static int f_rest(lua_State *L) {
  struct park_self ask = {0};
  return loop_block(L, &rest_op, loop_self, &ask, -1);
}

// loop.held() -> whether one does
static int f_held(lua_State *L) {
  lua_pushboolean(L, loop_held(loop_self));
  return 1;
}

// loop.release(): nothing keeps this OS thread any more but its tasks
static int f_release(lua_State *L) {
  (void)L;
  loop_release(loop_self);
  return 0;
}

static const luaL_Reg functions[] = {
    {"after", f_after}, {"every", f_every},     {"held", f_held}, {"on_signal", f_on_signal},
    {"rest", f_rest},   {"release", f_release}, {NULL, NULL}};

// Opens heddle.native.loop.
int luaopen_heddle_native_loop(lua_State *L) {
  if (luaL_newmetatable(L, CALL_META)) luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, functions);
  return 1;
}

// How the running task waits: parks, sleeps, yields; and what reports say of those that wait.
#include "loop/task.h"

#include "base/clock.h"
#include "loop/fds.h"
#include "loop/misuse_lua.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_UNDESCRIBED = 64 };

// Whether the running coroutine, and each around it up to the task, can be suspended here.
bool loop_may_block(lua_State *L) {
  struct loop *loop = loop_self;
  return loop && loop->current && loop->chain_ok && lua_isyieldable(L);
}

// Raises what keeps the running task from waiting: that it can't be suspended here, or a cancel.
int loop_cannot_block(lua_State *L, const char *function) {
  if (loop_may_block(L)) task_raise_pending(L, loop_self->current);
  return loop_misuse(
      L, "cannot-block",
      "%s: can't block here: inside a C call that can't be suspended (a sort comparator, gsub "
      "callback, require, load reader, finalizer, hook, error handler, or a metamethod called "
      "from C)",
      function);
}

// Whether the running task can wait here; raises if not.
void loop_check_may_block(lua_State *L, const char *function) {
  if (!loop_may_block(L)) loop_cannot_block(L, function);
}

static int suspend(lua_State *L, struct task *task, lua_KFunction k) {
  struct loop *loop = loop_self;
  task->state = TASK_PARKED;
  task->parked_in = L;
  gil_extra(L)->parked = 1;
  loop->suspended = true;
  return lua_yieldk(L, 0, (lua_KContext)task, k);
}

static void stop_waiting(struct task *task) {
  timer_stop(&task->loop->timers, &task->timer);
  if (task->watch) fds_leave(task); // its last attempt has made it wait again
  bool in_line = task->self.record || task->self.entered;
  if (in_line && task->op->leave) task->op->leave(task->object, &task->self);
  task->self.record = 0;
  task->self.entered = false;
  task->wake = 0;
}

// Keeps only those that still wait to be described.
static void compact_undescribed(struct loop *loop) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < loop->undescribed_count; i++) {
    const struct task *task = loop->tasks[loop->undescribed[i]];
    if (task && task->listed) loop->undescribed[kept++] = loop->undescribed[i];
  }
  loop->undescribed_count = kept;
}

// Notes that a task waits, to be described when the loop goes to sleep. Without memory reports say
// less.
static void note_undescribed(struct loop *loop, struct task *task) {
  if (loop->undescribed_count == loop->undescribed_cap) {
    compact_undescribed(loop);
    if (loop->undescribed_count >= loop->undescribed_cap / 2) {
      uint32_t cap = loop->undescribed_cap ? loop->undescribed_cap * 2 : FIRST_UNDESCRIBED;
      uint32_t *tickets = realloc(loop->undescribed, cap * sizeof *tickets);
      if (!tickets) return;
      loop->undescribed = tickets;
      loop->undescribed_cap = cap;
    }
  }
  loop->undescribed[loop->undescribed_count++] = task->self.ticket;
  task->listed = true;
}

// One whose place in line is new to reports.
static void note_wait(struct task *task) {
  if (task->self.record && !task->listed && !park_record(task->self.record)->described)
    note_undescribed(task->loop, task);
}

// The waiting task runs again: it has been cancelled, or tries once more, or its time is up.
static int woken(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  (void)status;
  bool time = task->wake & WAKE_TIME;
  const struct loop_op *op = task->op;
  if (task_interrupted(task)) {
    stop_waiting(task);
    task_raise_pending(L, task);
  }
  bool got = op->attempt ? op->attempt(task->object, &task->self) : time;
  if (!got && !time) {
    task->wake = 0;
    note_wait(task);
    return suspend(L, task, woken);
  }
  stop_waiting(task);
  return op->finish(L, task->object, &task->self, got);
}

// One that only sleeps has no record: it keeps here when it began, for reports.
static bool start_timer(struct task *task, double timeout) {
  int64_t deadline = clock_deadline(timeout);
  if (!task->op->attempt)
    task->self.number =
        (uint64_t)(deadline == CLOCK_NEVER ? clock_now() : deadline - (int64_t)(timeout * 1e9));
  return timer_start(&task->loop->timers, &task->timer, deadline);
}

// Makes the running task wait for `op` on `object` (which must be kept alive by L's stack): tries
// at once, then stands in line. `ask` carries what the operation needs; timeout in seconds, 0 only
// tries, < 0 never ends. To be called in tail position of a C function; finish pushes that
// function's results.
int loop_block(lua_State *L, const struct loop_op *op, void *object, struct park_self *ask,
               double timeout) {
  struct task *task = loop_self ? loop_self->current : NULL;
  ask->task = task ? task->self.task : 0;
  ask->enlist = false;
  ask->record = 0;
  ask->entered = false;
  if (task) loop_heed_cancels(task->loop);
  if (task && task_interrupted(task) && loop_may_block(L)) task_raise_pending(L, task);
  if (op->attempt && op->attempt(object, ask)) return op->finish(L, object, ask, true);
  if (timeout == 0) return op->finish(L, object, ask, false);
  loop_check_may_block(L, op->name);
  ask->ticket = task->self.ticket;
  ask->enlist = true;
  ask->timed = timeout > 0 || task->deadlines;
  task->self = *ask;
  task->op = op;
  task->object = object;
  task->wake = 0;
  if (op->attempt && op->attempt(object, &task->self))
    return op->finish(L, object, &task->self, true);
  if (timeout > 0 && !start_timer(task, timeout)) luaL_error(L, "not enough memory");
  note_wait(task);
  return suspend(L, task, woken);
}

static int slept(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)L, (void)object, (void)self, (void)got;
  return 0;
}

static const struct loop_op sleep_op = {.name = "sleep", .finish = slept};
static const struct loop_op input_op = {.name = "input", .finish = slept};
static const struct loop_op fd_op = {.name = "a descriptor", .finish = slept};

static int yield_done(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  (void)status;
  if (task_interrupted(task)) task_raise_pending(L, task);
  return 0;
}

// Lets the other ready tasks of this loop run first. Tail position; `k` NULL: returns nothing to
// Lua.
int loop_yield(lua_State *L, lua_KFunction k) {
  loop_check_may_block(L, "yield");
  struct task *task = loop_self->current;
  if (task_interrupted(task)) task_raise_pending(L, task);
  int result = 0;
  loop_ready(task->loop, task);
  task->state = TASK_READY;
  task->parked_in = L;
  gil_extra(L)->parked = 1;
  loop_self->suspended = true;
  result = lua_yieldk(L, 0, (lua_KContext)task, k ? k : yield_done);
  return result;
}

// Makes the running task sleep. Tail position.
int loop_sleep(lua_State *L, const char *function, double seconds) {
  struct park_self ask = {0};
  loop_check_may_block(L, function);
  if (seconds == 0) return loop_yield(L, NULL);
  return loop_block(L, &sleep_op, NULL, &ask, seconds);
}

// Makes the running task wait until a descriptor is ready for `events` (POLLIN, POLLOUT), then
// continues with `k`, which finds the task in its context; what is always ready (a regular file)
// only lets others run first. Raises when there is no room. Tail position.
int loop_wait_fd(lua_State *L, int fd, short events, lua_KFunction k) {
  loop_check_may_block(L, "wait");
  struct task *task = loop_self->current;
  if (task_interrupted(task)) task_raise_pending(L, task);
  task->op = fd == STDIN_FILENO ? &input_op : &fd_op;
  task->self.number = (uint64_t)clock_now();
  if (fds_wait(task, fd, (uint32_t)events, false)) return suspend(L, task, k);
  if (errno == EPERM) return loop_yield(L, k);
  return luaL_error(L, "can't wait for a descriptor: %s", strerror(errno));
}

// what waits, for reports ----------------------------------------------------------------------

static void describe_one(struct loop *loop, struct task *task) {
  struct park_record *r = park_record(task->self.record);
  char who[PARK_TEXTS], what[PARK_TEXTS] = "", where[24];
  lua_State *L = loop->base;
  if (r->described || !lua_checkstack(L, 8)) return;
  task_write_name(L, loop, task, who, sizeof who);
  if (task->op->describe) task->op->describe(task->object, what, sizeof what);
  task_describe_where(task->parked_in, where, sizeof where);
  park_describe(r, who, what, where);
  if (!r->timed && loop->fresh_count < LOOP_FRESH)
    loop->fresh[loop->fresh_count++] = task->self.record;
}

// Writes into the waiter records of the tasks parked since the last call who waits, for what and
// where.
void task_describe(struct loop *loop) {
  for (uint32_t i = 0; i < loop->undescribed_count; i++) {
    struct task *task = loop->tasks[loop->undescribed[i]];
    if (!task || !task->listed) continue;
    task->listed = false;
    if (task->state == TASK_PARKED && task->self.record) describe_one(loop, task);
  }
  loop->undescribed_count = 0;
}

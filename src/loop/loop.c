#include "loop/loop.h"

#include "base/program.h"
#include "loop/call.h"
#include "loop/deadline.h"
#include "loop/fds.h"
#include "loop/offload.h"
#include "loop/policy.h"
#include "loop/task.h"
#include "loop/uv_lua.h"

#ifdef HEDDLE_STRESS // what is rare is made frequent: a switch after every slice
enum { STRESS = 1 };
#else
enum { STRESS = 0 };
#endif

_Thread_local struct loop *loop_self;

static void (*attend)(struct loop *loop, uint32_t why);

// Hands over what to do when another thread asked for this loop's attention (enum seat_attention).
void loop_set_attention(void (*function)(struct loop *loop, uint32_t why)) { attend = function; }

// Gives the GIL up around something that needs no Lua.
void loop_leave(struct loop *loop) {
  loop->running = gil_running;
  gil_running = NULL;
  gil_release(&loop->interp->gil, false);
}

// Takes the GIL again.
void loop_enter(struct loop *loop) {
  gil_take(&loop->interp->gil);
  gil_running = loop->running;
  if (gil_running && gil_wanted()) gil_arm(gil_running); // asked when nothing ran here
}

// making tasks ready ---------------------------------------------------------------------------

static void append_ready(struct loop *loop, struct task *task) {
  if (task->watch) fds_leave(task);
  task->state = TASK_READY;
  task->next = NULL;
  if (loop->ready_last)
    loop->ready_last->next = task;
  else
    loop->ready_first = task;
  loop->ready_last = task;
}

static void wake_kicked(struct loop *loop, uint32_t index) {
  while (index) {
    struct park_record *r = park_record(index);
    uint32_t next = r->next_in;
    if (r->ticket == PARK_NOBODY) {
      park_record_free(index);
    } else {
      struct task *task = loop->tasks[r->ticket];
      r->woken = task->wake & WAKE_KICK ? PARK_WOKEN_LATER : PARK_WOKEN_FIRST;
      r->state = PARK_WAITING;
      task->wake |= WAKE_KICK;
      if (task->state == TASK_PARKED) append_ready(loop, task);
    }
    index = next;
  }
}

// Puts a task last on its loop's ready list, after those that were kicked before. Under the GIL,
// from any thread of the interpreter; a loop that has given the GIL up to sleep looks at its list
// once more only if it is asked to.
void loop_ready(struct loop *loop, struct task *task) {
  if (loop == loop_self) wake_kicked(loop, park_take_local());
  if (task->state != TASK_READY) append_ready(loop, task);
  if (loop != loop_self) program_ask(loop->seat, ATTENTION_READY);
}

static void wake_by_timer(struct loop *loop, struct task *task) {
  task->wake |= WAKE_TIME;
  if (task->state == TASK_PARKED) append_ready(loop, task);
}

static void wake_due(struct loop *loop) {
  if (loop->timers.count == 0) return;
  int64_t now = policy_now();
  struct timer *timer;
  while ((timer = timer_due(&loop->timers, now))) {
    if (timer->kind == TIMER_DEADLINE)
      deadline_timer_due(timer);
    else if (timer->kind == TIMER_CALL)
      call_timer_due(loop, timer);
    else
      wake_by_timer(loop, (struct task *)((char *)timer - offsetof(struct task, timer)));
  }
}

// A kick may have died on its way: lets every waiting task try again.
static void retry_all(struct loop *loop) {
  for (uint32_t i = 0; i < loop->task_cap; i++) {
    struct task *task = loop->tasks[i];
    if (!task || task->state != TASK_PARKED || task->self.record == 0) continue;
    task->wake |= WAKE_KICK;
    append_ready(loop, task);
  }
}

// Sees to a request to stop before the running task waits, or would have waited: a worker that
// never needs to wait does not come back to its loop.
void loop_heed_cancels(struct loop *loop) {
  struct program_seat *seat = program_seat(loop->seat);
  if (!(atomic_load_explicit(&seat->attention, memory_order_relaxed) & ATTENTION_WORKER)) return;
  atomic_fetch_and(&seat->attention, ~(uint32_t)ATTENTION_WORKER);
  if (attend) attend(loop, ATTENTION_WORKER);
}

// Makes ready whatever was woken: by this thread, by others, by time; sees to requests from
// outside.
void loop_take_in(struct loop *loop) {
  struct program_seat *seat = program_seat(loop->seat);
  wake_kicked(loop, park_take_local());
  wake_kicked(loop, park_take_inbox());
  wake_due(loop);
  if (atomic_load_explicit(&seat->attention, memory_order_relaxed) == 0) return;
  uint32_t why = atomic_exchange(&seat->attention, 0);
  if (why & ATTENTION_RESCAN) retry_all(loop);
  if (why & ATTENTION_BACK) offload_take_back(loop);
  if (why & ATTENTION_CAUGHT) call_signals(loop);
  if (attend) attend(loop, why);
}

static void stop_daemons(struct loop *loop) {
  for (uint32_t i = 0; i < loop->task_cap; i++)
    if (loop->tasks[i] && loop->tasks[i]->daemon) task_cancel(loop->tasks[i], REASON_DAEMON, true);
}

static bool finished(struct loop *loop, const struct task *until) {
  if (until) return task_ended(until);
  if (loop->live > loop->daemons || loop_held(loop)) return false;
  if (loop->live == 0) return true;
  if (!loop->stopping) stop_daemons(loop);
  loop->stopping = true;
  return false;
}

// While tasks are always ready, descriptors and libuv get their turn all the same.
static void look_around(struct loop *loop) {
  static const int64_t OFTEN_ENOUGH = 200000;
  int64_t now = clock_now();
  if (now - loop->looked < OFTEN_ENOUGH) return;
  loop->looked = now;
  if (fds_needed(loop)) fds_now(loop);
  if (loop->uv) loop_uv_run(loop);
}

// what keeps a loop beside its tasks ------------------------------------------------------------

static void end_rest(struct loop *loop) {
  if (loop->resting) loop_ready(loop, loop->resting);
  if (loop != loop_self) program_ring(loop->seat);
}

// Something keeps the loop's thread from now on, as a task does.
void loop_hold(struct loop *loop, bool listener) {
  loop->holds++;
  loop->listeners += listener;
  loop->swept = false;
}

// It keeps it no more. From any thread of the interpreter.
void loop_unhold(struct loop *loop, bool listener) {
  loop->listeners -= listener;
  if (--loop->holds == 0) end_rest(loop);
}

// Nothing keeps the loop from now on but its tasks: it is being stopped.
void loop_release(struct loop *loop) {
  loop->released = true;
  end_rest(loop);
}

// Whether something keeps the loop beside its tasks. Listeners that nobody can reach any more are
// collected first.
bool loop_held(struct loop *loop) {
  if (loop->released) return false;
  if (loop->uv && loop_uv_alive(loop)) return true;
  if (loop->holds == loop->listeners && loop->holds && !loop->swept) {
    task_collect(loop);
    loop->swept = true;
  }
  return loop->holds > 0;
}

// running --------------------------------------------------------------------------------------

// Runs tasks until `until` has ended; NULL: until all have, daemons being cancelled when only they
// are left.
void loop_run(struct loop *loop, struct task *until) {
  loop->stopping = false;
  while (!finished(loop, until)) {
    loop_take_in(loop);
    if (loop->fds && loop->ready_first) look_around(loop);
    struct task *task = policy_next(loop);
    if (task)
      task_run(loop, task);
    else if (!finished(loop, until))
      loop_idle(loop);
    if (gil_wants_switch || STRESS) {
      gil_release(&loop->interp->gil, true);
      gil_take(&loop->interp->gil);
    }
  }
}

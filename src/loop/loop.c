#include "loop/loop.h"

#include "base/program.h"
#include "loop/deadline.h"
#include "loop/policy.h"
#include "loop/task.h"

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
}

// making tasks ready ---------------------------------------------------------------------------

static void forget_fd(struct loop *loop, struct task *task) {
  task->on_fd = false;
  for (uint32_t i = 0; i < loop->fd_count; i++) {
    if (loop->fd_tickets[i] != task->self.ticket) continue;
    loop->fds[i] = loop->fds[--loop->fd_count];
    loop->fd_tickets[i] = loop->fd_tickets[loop->fd_count];
    return;
  }
}

static void append_ready(struct loop *loop, struct task *task) {
  if (task->on_fd) forget_fd(loop, task);
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
      r->state = PARK_WAITING;
      struct task *task = loop->tasks[r->ticket];
      task->wake |= WAKE_KICK;
      if (task->state == TASK_PARKED) append_ready(loop, task);
    }
    index = next;
  }
}

// Puts a task last on its loop's ready list, after those that were kicked before. Under the GIL,
// from any thread of the interpreter.
void loop_ready(struct loop *loop, struct task *task) {
  if (loop == loop_self) wake_kicked(loop, park_take_local());
  if (task->state != TASK_READY) append_ready(loop, task);
}

static void wake_due(struct loop *loop) {
  if (loop->timers.count == 0) return;
  int64_t now = policy_now();
  struct timer *timer;
  while ((timer = timer_due(&loop->timers, now))) {
    if (timer->of_deadline) {
      deadline_timer_due(timer);
      continue;
    }
    struct task *task = (struct task *)((char *)timer - offsetof(struct task, timer));
    task->wake |= WAKE_TIME;
    if (task->state == TASK_PARKED) append_ready(loop, task);
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
  if (attend) attend(loop, why);
}

static void stop_daemons(struct loop *loop) {
  for (uint32_t i = 0; i < loop->task_cap; i++)
    if (loop->tasks[i] && loop->tasks[i]->daemon) task_cancel(loop->tasks[i], REASON_DAEMON, true);
}

static bool finished(struct loop *loop, const struct task *until) {
  if (until) return task_ended(until);
  if (loop->live == 0) return true;
  if (loop->live == loop->daemons && !loop->stopping) {
    loop->stopping = true;
    stop_daemons(loop);
  }
  return false;
}

// Runs tasks until `until` has ended; NULL: until all have, daemons being cancelled when only they
// are left.
void loop_run(struct loop *loop, struct task *until) {
  loop->stopping = false;
  while (!finished(loop, until)) {
    loop_take_in(loop);
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

#include "base/clock.h"
#include "base/cores.h"
#include "base/futex.h"
#include "base/program.h"
#include "loop/fds.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "loop/uv_lua.h"

enum { MOST_LUCK = 16, FAILURE = 4, TRY_EVERY = 32 };
static const int64_t SPIN_TIME = 30000;

static void (*check_all)(void);
static void (*check_cycle)(uint32_t record);

// Hands over two checks for deadlock: of the whole program, called by a loop that is about to sleep
// with nothing but a ring to wake it; and for a cycle of held locks that a task which now waits is
// part of.
void loop_set_deadlock_checks(void (*all)(void), void (*cycle)(uint32_t record)) {
  check_all = all;
  check_cycle = cycle;
}

static void look_for_deadlock(struct loop *loop, bool hopeless) {
  if (hopeless && check_all) check_all();
  for (int i = 0; check_cycle && i < loop->fresh_count; i++)
    check_cycle(loop->fresh[i]);
  loop->fresh_count = 0;
}

static bool something_came(const struct program_seat *seat) {
  return atomic_load_explicit(&seat->inbox, memory_order_relaxed) ||
         atomic_load_explicit(&seat->attention, memory_order_relaxed);
}

// A waker on another core is often only a microsecond away, and waking from sleep costs twenty.
// Spins for as long as a wake-up would take, while that pays: after failures only now and then.
// Never while every core has a loop to run. (No pause instruction: a hypervisor may take the core
// away for it.)
static bool spin(struct loop *loop, const struct program_seat *seat) {
  if (loop->luck <= 0 && ++loop->sleeps % TRY_EVERY != 0) return false;
  int64_t limit = clock_now() + SPIN_TIME;
  do {
    if (something_came(seat)) {
      if (loop->luck < MOST_LUCK) loop->luck++;
      return true;
    }
  } while (arena->awake <= cores_usable() && clock_now() < limit);
  loop->luck = loop->luck > FAILURE ? loop->luck - FAILURE : 0;
  return false;
}

// Whether a ring is not all that can wake this loop when nothing is timed.
static bool has_hope(const struct loop *loop) {
  return fds_waited_for(loop) || loop->catching || loop->jobs || loop->resting || loop->live == 0 ||
         (loop->uv && loop_uv_hopes(loop));
}

static void sleep_on_bell(struct loop *loop, struct program_seat *seat, int64_t deadline, bool poll,
                          bool hopeless) {
  uint32_t bell = (poll ? BELL_POLLING : BELL_ASLEEP) | (hopeless ? BELL_HOPELESS : 0);
  atomic_store(&seat->bell, bell);
  if (!something_came(seat)) {
    look_for_deadlock(loop, hopeless);
    if (poll)
      fds_sleep(loop, deadline);
    else
      futex_wait(&seat->bell, bell, deadline);
  }
  atomic_store(&seat->bell, BELL_AWAKE);
}

static int64_t next_moment(struct loop *loop) {
  int64_t mine = timer_next(&loop->timers);
  int64_t libuv = loop->uv ? loop_uv_next(loop) : CLOCK_NEVER;
  return mine < libuv ? mine : libuv;
}

// Nothing is ready: gives the GIL up and sleeps until a kick, a request, a descriptor or the next
// timer. What is there already is taken without giving it up.
void loop_idle(struct loop *loop) {
  struct program_seat *seat = program_seat(loop->seat);
  bool poll = fds_needed(loop);
  if (poll && fds_now(loop) && loop->ready_first) return;
  if (loop->uv && loop_uv_run(loop)) return;
  int64_t deadline = next_moment(loop);
  bool hopeless = deadline == CLOCK_NEVER && !has_hope(loop);
  task_describe(loop);
  loop_leave(loop);
  if (poll || cores_usable() < 2 || !spin(loop, seat)) {
    atomic_fetch_sub(&arena->awake, 1);
    sleep_on_bell(loop, seat, deadline, poll, hopeless);
    atomic_fetch_add(&arena->awake, 1);
  }
  loop_enter(loop);
  if (poll) fds_dispatch(loop);
}

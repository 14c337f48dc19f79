#include "base/clock.h"
#include "base/cores.h"
#include "base/futex.h"
#include "base/program.h"
#include "loop/loop.h"
#include "loop/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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

static bool need_pipe(struct loop *loop) {
  if (loop->bell_pipe[0] >= 0) return true;
  if (pipe2(loop->bell_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  program_seat(loop->seat)->bell_fd = loop->bell_pipe[1];
  return true;
}

static void poll_fds(struct loop *loop, int64_t deadline) {
  struct pollfd *fds = loop->fds;
  fds[loop->fd_count] = (struct pollfd){.fd = loop->bell_pipe[0], .events = POLLIN};
  int64_t left = deadline - clock_now();
  struct timespec t = {left / 1000000000, left % 1000000000};
  if (left < 0) t = (struct timespec){0, 0};
  ppoll(fds, loop->fd_count + 1, deadline == CLOCK_NEVER ? NULL : &t, NULL);
  if (fds[loop->fd_count].revents) {
    char bytes[64];
    while (read(loop->bell_pipe[0], bytes, sizeof bytes) > 0) {
    }
  }
}

static void wake_fds(struct loop *loop) {
  for (uint32_t i = loop->fd_count; i-- > 0;)
    if (loop->fds[i].revents) loop_ready(loop, loop->tasks[loop->fd_tickets[i]]);
}

static void sleep_on_bell(struct loop *loop, struct program_seat *seat, int64_t deadline) {
  bool poll = loop->fd_count > 0 && need_pipe(loop);
  bool hopeless = deadline == CLOCK_NEVER && !poll;
  uint32_t bell = (poll ? BELL_POLLING : BELL_ASLEEP) | (hopeless ? BELL_HOPELESS : 0);
  atomic_store(&seat->bell, bell);
  if (!something_came(seat)) {
    look_for_deadlock(loop, hopeless);
    if (poll)
      poll_fds(loop, deadline);
    else
      futex_wait(&seat->bell, bell, deadline);
  }
  atomic_store(&seat->bell, BELL_AWAKE);
}

// Nothing is ready: gives the GIL up and sleeps until a kick, a request, a descriptor or the next
// timer.
void loop_idle(struct loop *loop) {
  struct program_seat *seat = program_seat(loop->seat);
  int64_t deadline = timer_next(&loop->timers);
  task_describe(loop);
  for (uint32_t i = 0; i < loop->fd_count; i++)
    loop->fds[i].revents = 0;
  loop_leave(loop);
  if (cores_usable() < 2 || !spin(loop, seat)) {
    atomic_fetch_sub(&arena->awake, 1);
    sleep_on_bell(loop, seat, deadline);
    atomic_fetch_add(&arena->awake, 1);
  }
  loop_enter(loop);
  if (loop->fd_count) wake_fds(loop);
}

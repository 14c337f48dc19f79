#include "base/program.h"

#include "base/forked.h"
#include "base/futex.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NO_SEAT UINT32_MAX

_Thread_local uint32_t program_seat_index = NO_SEAT;
FORKED uint32_t program_slot;

// The slot's record; slots are 0 .. ARENA_PROCESSES - 1, the root's is 0.
struct program_process *program_process(uint32_t slot) {
  return (struct program_process *)arena_at(ARENA_PROCESS_AT + (uint64_t)slot * 128);
}

// The seat's record; seats are 0 .. ARENA_SEATS - 1.
struct program_seat *program_seat(uint32_t seat) {
  return (struct program_seat *)arena_at(ARENA_SEAT_AT + (uint64_t)seat * 256);
}

_Static_assert(sizeof(struct program_process) <= 128, "a process slot is 128 bytes");
_Static_assert(sizeof(struct program_seat) <= 256, "a seat is 256 bytes");

static void raise_top(_Atomic uint32_t *top, uint32_t index) {
  uint32_t seen = atomic_load(top);
  while (seen <= index && !atomic_compare_exchange_weak(top, &seen, index + 1)) {
  }
}

// A slot for a process about to be started by the process in slot `parent`. Returns UINT32_MAX if
// all are taken.
uint32_t program_process_alloc(uint32_t parent) {
  for (uint32_t i = 0; i < ARENA_PROCESSES; i++) {
    struct program_process *p = program_process(i);
    uint32_t free = PROCESS_FREE;
    if (atomic_load_explicit(&p->state, memory_order_relaxed) != free) continue;
    if (!atomic_compare_exchange_strong(&p->state, &free, PROCESS_STARTING)) continue;
    raise_top(&arena->process_top, i);
    p->parent = parent;
    p->pid = 0;
    p->status = 0;
    p->worker = 0;
    p->orphan = 0;
    p->doomed = 0;
    p->lasting = (uint32_t)(getpid() == (pid_t)syscall(SYS_gettid));
    guard_step();
    p->orphan = 0;
    return i;
  }
  return UINT32_MAX;
}

// Sends a signal to a process that was started; one that has no pid yet gets it when it has.
// Returns false when it does not exist any more.
bool program_signal(uint32_t slot, int signal) {
  struct program_process *p = program_process(slot);
  p->doomed = signal; // before the pid is read: who sets that looks here afterwards
  pid_t pid = p->pid;
  return pid == 0 || kill(pid, signal) == 0;
}

// Gives a slot back: the process never came to be, or was buried.
void program_process_free(uint32_t slot) { program_process(slot)->state = PROCESS_FREE; }

static void drop_view(struct program_seat *seat) {
  uint64_t block = atomic_exchange(&seat->view, 0);
  if (block) arena_free(block);
}

// A seat for a thread of process `process`. Returns UINT32_MAX if all are taken.
uint32_t program_seat_alloc(uint32_t process, uint32_t flags) {
  for (uint32_t i = 0; i < ARENA_SEATS; i++) {
    struct program_seat *s = program_seat(i);
    uint32_t free = 0;
    if (atomic_load_explicit(&s->used, memory_order_relaxed) != 0) continue;
    if (!atomic_compare_exchange_strong(&s->used, &free, process + 1)) continue;
    raise_top(&arena->seat_top, i);
    atomic_fetch_add(&s->generation, 1);
    s->bell = BELL_AWAKE;
    s->inbox = 0;
    memset(&s->at, 0, sizeof s->at);
    s->attention = 0;
    s->flags = flags;
    s->bell_fd = -1;
    s->tid = 0;
    drop_view(s);
    s->view_turn = arena->view_turn;
    s->jobs_done = 0;
    s->lock_wait = 0;
    s->main_task = 0;
    s->name[0] = 0;
    return i;
  }
  return UINT32_MAX;
}

// Gives a seat back. Its thread takes no guard after this.
void program_seat_free(uint32_t seat) {
  drop_view(program_seat(seat));
  program_seat(seat)->used = 0;
}

static uint32_t owner_word(uint32_t seat) {
  return (program_seat(seat)->generation & 0x7fff) << 15 | (seat + 1);
}

// Whether the process of the thread with this owner word has died, with all of its threads. False
// when it can't be told.
bool program_owner_died(uint32_t owner) {
  uint32_t seat = (owner & 0x7fff) - 1;
  if (seat >= ARENA_SEATS || owner_word(seat) != owner) return false;
  uint32_t used = program_seat(seat)->used;
  if (used == 0 || used == program_slot + 1) return false;
  struct pollfd end = {.events = POLLIN};
  end.fd = (int)syscall(SYS_pidfd_open, program_process(used - 1)->pid, 0);
  if (end.fd < 0) return false;
  bool died = poll(&end, 1, 0) == 1;
  close(end.fd);
  return died;
}

// Called by a thread once, before it touches anything shared: the seat is its own from now on.
void program_seat_sit(uint32_t seat) {
  program_seat_index = seat;
  program_seat(seat)->tid = (int32_t)syscall(SYS_gettid);
  guard_set_owner(&program_seat(seat)->at, owner_word(seat));
}

// The write ends of other processes' bells that this thread has opened, by seat % KEPT.
enum { KEPT = 16 };
static _Thread_local struct {
  uint32_t seat, generation;
  int fd;
} kept[KEPT];

// The write end of another process's bell, opened through /proc and kept for as long as the seat's
// generation lasts.
static int foreign_bell(uint32_t index, const struct program_seat *seat) {
  unsigned k = index % KEPT;
  uint32_t used = seat->used;
  if (used == 0) return -1; // just buried
  if (kept[k].fd > 0 && kept[k].seat == index && kept[k].generation == seat->generation)
    return kept[k].fd - 1;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", program_process(used - 1)->pid, seat->bell_fd);
  if (kept[k].fd > 0) close(kept[k].fd - 1);
  int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  kept[k].fd = fd + 1;
  kept[k].seat = index;
  kept[k].generation = seat->generation;
  return fd;
}

// Closes what this thread has opened to ring other processes: before it ends.
void program_forget_bells(void) {
  for (int k = 0; k < KEPT; k++) {
    if (kept[k].fd > 0) close(kept[k].fd - 1);
    kept[k].fd = 0;
  }
}

static void ring_pipe(uint32_t index, struct program_seat *seat) {
  bool ours = seat->used == program_slot + 1;
  int fd = ours ? seat->bell_fd : foreign_bell(index, seat);
  if (fd >= 0 && write(fd, "", 1) < 0) return; // a full pipe wakes as well
}

// Wakes the seat's thread if it sleeps or is about to; else does nothing.
void program_ring(uint32_t index) {
  struct program_seat *seat = program_seat(index);
  uint32_t bell = atomic_load(&seat->bell);
  if (bell == BELL_AWAKE) return;
  // counted before the exchange: who looks for a deadlock reads the count before and after
  if (bell & BELL_HOPELESS) atomic_fetch_add(&arena->wakes, 1);
  guard_step();
  bell = atomic_exchange(&seat->bell, BELL_AWAKE);
  guard_step();
  if (bell & BELL_ASLEEP) futex_wake(&seat->bell, 1);
  if (bell & BELL_POLLING) ring_pipe(index, seat);
}

// Wakes whatever the bell says: the dead one may have been cut off between the two halves of a
// ring.
static void ring_anyway(uint32_t index) {
  struct program_seat *seat = program_seat(index);
  program_ring(index);
  futex_wake(&seat->bell, INT32_MAX);
  if (seat->bell_fd >= 0) ring_pipe(index, seat);
}

// Rings every loop of the program: after a death, since the dead one may have been about to.
void program_ring_all(void) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used) ring_anyway(i);
}

// Makes a loop look up for a reason of enum seat_attention.
void program_ask(uint32_t seat, uint32_t attention) {
  atomic_fetch_or(&program_seat(seat)->attention, attention);
  program_ring(seat);
}

// Rings every loop of one process.
void program_ring_process(uint32_t slot) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used == slot + 1) program_ring(i);
}

// Releases and marks the guards that the process's threads were at.
void program_bury_guards(uint32_t slot) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used == slot + 1) guard_bury(&program_seat(i)->at, owner_word(i));
}

// Gives the process's seats back.
void program_bury_seats(uint32_t slot) {
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    struct program_seat *seat = program_seat(i);
    if (seat->used != slot + 1) continue;
    if (!(seat->flags & SEAT_NO_LOOP) && seat->bell == BELL_AWAKE)
      atomic_fetch_sub(&arena->awake, 1);
    program_seat_free(i);
  }
}

// Deadlock: every loop of the program sleeps with nothing but a ring to wake it, so nobody will
// ever ring. The check reads the number of rings before and after it looks at every seat: if none
// came between, what it saw was true at one moment. The report is made from the waiter records
// alone, so any process can make it.
#include "worker/worker.h"

#include "base/text.h"
#include "sync/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_LINE = 512, SHORTEST_CUT = 16 };

static bool seats_are_hopeless(void) {
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    const struct program_seat *s = program_seat(i);
    if (s->used == 0 || (s->flags & SEAT_NO_LOOP)) continue;
    if (!(s->bell & BELL_HOPELESS) || s->inbox || s->attention) return false;
  }
  return true;
}

// The number in base 16 behind `name` in the text of /proc/PID/status.
static uint64_t status_bits(const char *text, const char *name) {
  const char *at = strstr(text, name);
  return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

// Whether a process has a signal to take, or has taken its last: it is about to die, or to run a
// handler. Its threads still look asleep then.
static bool has_signal(int pid) {
  char text[4096], path[32];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
  if (fd >= 0) close(fd);
  if (n <= 0) return true; // it is gone
  text[n] = 0;
  const char *state = strstr(text, "\nState:\t");
  if (state && (state[8] == 'Z' || state[8] == 'X')) return true;
  uint64_t pending = status_bits(text, "\nSigPnd:") | status_bits(text, "\nShdPnd:");
  return (pending & ~status_bits(text, "\nSigBlk:")) != 0;
}

static bool processes_are_settled(void) {
  for (uint32_t i = 0; i < arena->process_top; i++) {
    const struct program_process *p = program_process(i);
    uint32_t state = p->state;
    if (state == PROCESS_STARTING || state == PROCESS_DEAD) return false;
    if (state == PROCESS_LIVE && p->pid && has_signal(p->pid)) return false;
  }
  return true;
}

static const struct park_record *waiting_task(uint32_t task) {
  for (uint32_t i = 1; i < arena->wait_top; i++) {
    const struct park_record *r = park_record(i);
    if (r->seat && r->ticket != PARK_NOBODY && r->task == task && !r->beside) return r;
  }
  return NULL;
}

static const char *process_name(uint32_t slot) {
  return slot == 0 ? "main" : program_process(slot)->name;
}

// Writes who it is: a task with the thread, isolate or process that it lives in, and those with
// their process, unless that is the program's first.
static int write_who(const struct park_record *r, char *text, size_t size) {
  uint32_t seat = r->seat; // its process may be buried meanwhile
  const struct program_seat *s = program_seat(seat ? seat - 1 : 0);
  uint32_t used = s->used ? s->used : 1;
  const char *home = s->name, *process = process_name(used - 1);
  const char *who = park_who(r);
  size_t length = strlen(who);
  bool cut = length >= SHORTEST_CUT && strncmp(who, home, length) == 0;
  bool itself = *home == 0 || cut || strcmp(who, home) == 0;
  bool apart = used > 1 && strcmp(home, process) != 0;
  return snprintf(text, size, "%s%s%s%s%s", cut ? home : who, itself ? "" : " in ",
                  itself ? "" : home, apart ? " of " : "", apart ? process : "");
}

static void write_holder(const struct park_record *r, char *text, size_t size) {
  uint32_t process, task;
  char who[160];
  text[0] = 0;
  if (!sync_is_object(r->object)) return;
  const struct sync_object *object = arena_at(r->object);
  if ((object->kind != SYNC_LOCK && object->kind != SYNC_RLOCK) ||
      !sync_lock_holder((const struct sync_lock *)object, &process, &task))
    return;
  const struct park_record *holder = waiting_task(task);
  if (holder) write_who(holder, who, sizeof who);
  if (holder)
    snprintf(text, size, ", held by %s", who);
  else
    snprintf(text, size, ", held by a task of process %s that has ended", process_name(process));
}

// Writes what it waits for: a shared object's whole name, of which the record may have a part.
static void write_what(const struct park_record *r, char *text, size_t size) {
  const char *what = park_what(r);
  size_t length = strlen(what);
  text_copy(text, size, what);
  if (length < SHORTEST_CUT || !sync_is_object(r->object)) return;
  char label[96];
  sync_label(arena_at(r->object), label, sizeof label);
  if (strncmp(what, label, length) == 0) text_copy(text, size, label);
}

static size_t describe_waiter(const struct park_record *r, char *text, size_t size) {
  char who[160], what[96], holder[192];
  const char *where = park_where(r);
  write_who(r, who, sizeof who);
  write_what(r, what, sizeof what);
  write_holder(r, holder, sizeof holder);
  int n =
      snprintf(text, size, "  %s waits for %s at %s%s\n", who, what, *where ? where : "?", holder);
  return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size;
}

static void report(void) {
  static char text[16384];
  size_t n =
      (size_t)snprintf(text, sizeof text, "heddle: deadlock: every task waits for another\n");
  for (uint32_t i = 1; i < arena->wait_top && n < sizeof text - LONGEST_LINE; i++) {
    const struct park_record *r = park_record(i);
    if (r->seat && r->ticket != PARK_NOBODY && !r->beside)
      n += describe_waiter(r, text + n, sizeof text - n);
  }
  if (write(STDERR_FILENO, text, n) < 0) return;
}

// Looks for a deadlock of the whole program; if there is one, reports it once and has the root end
// the program with status 3. Called by a loop that is about to sleep without hope, and by a reaper
// after a burial.
void deadlock_check(void) {
  uint64_t wakes = arena->wakes;
  if (arena->deadlock || !seats_are_hopeless() || !processes_are_settled() || wakes != arena->wakes)
    return;
  if (atomic_exchange(&arena->deadlock, 1)) return;
  report();
  program_ask(arena->root_seat, ATTENTION_SIGNAL);
}

// cycles ---------------------------------------------------------------------------------------

enum { LONGEST_CYCLE = 64 };

// The lock that a waiter waits for without time-out; NULL if it waits for something else.
static struct sync_lock *lock_waited_for(const struct park_record *r) {
  if (r->timed || !sync_is_object(r->object)) return NULL;
  struct sync_object *object = arena_at(r->object);
  bool is_lock = object->kind == SYNC_LOCK || object->kind == SYNC_RLOCK;
  return is_lock ? (struct sync_lock *)object : NULL;
}

// The waiter record of the task that holds the lock which `r` waits for; NULL if that one does not
// wait, or has not described yet what it waits for.
static const struct park_record *next_in_cycle(const struct park_record *r) {
  uint32_t process, task;
  struct sync_lock *lock = lock_waited_for(r);
  if (!lock || !sync_lock_holder(lock, &process, &task)) return NULL;
  const struct park_record *next = waiting_task(task);
  return next && next->described ? next : NULL;
}

static int cycle_length(const struct park_record *start) {
  const struct park_record *r = start;
  for (int n = 1; n <= LONGEST_CYCLE; n++) {
    r = next_in_cycle(r);
    if (!r) return 0;
    if (r == start) return n;
  }
  return 0;
}

static void report_cycle(const struct park_record *r, int length) {
  char text[8192];
  size_t n =
      (size_t)snprintf(text, sizeof text, "heddle: deadlock among %d task%s; the others go on\n",
                       length, length > 1 ? "s" : "");
  for (; length-- > 0 && n < sizeof text - LONGEST_LINE; r = next_in_cycle(r)) {
    if (!r) return; // it came loose meanwhile
    lock_waited_for(r)->head.cycle = 1;
    n += describe_waiter(r, text + n, sizeof text - n);
  }
  if (write(STDERR_FILENO, text, n) < 0) return;
}

// Looks whether a task that has begun to wait closed a cycle of held locks, and names the cycle
// once. Each one's record is described before it looks: the last one to wait sees the whole cycle.
void deadlock_check_cycle(uint32_t record) {
  const struct park_record *r = park_record(record);
  struct sync_lock *lock = r->seat ? lock_waited_for(r) : NULL;
  if (!lock || lock->head.cycle || arena->deadlock) return;
  int length = cycle_length(r);
  if (length > 0) report_cycle(r, length);
}

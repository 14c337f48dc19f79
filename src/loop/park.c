#include "loop/park.h"

#include "base/clock.h"
#include "base/program.h"
#include "base/text.h"
#include "trace/trace.h"

#include <string.h>

enum { RINGS = 8, KEEP = 64 };

// A first waiter of another thread yields to newcomers for 1 ms.
#ifdef HEDDLE_STRESS // long enough for a kill between
static const int64_t PATIENCE = 100000000;
#else
static const int64_t PATIENCE = 1000000;
#endif

_Static_assert(sizeof(struct park_record) <= ARENA_WAIT_SIZE, "a waiter record has its size");

// This thread's own: wake-ups of its own tasks, seats to ring, and free records.
static _Thread_local uint32_t local_first, local_last;
static _Thread_local uint32_t rings[RINGS];
static _Thread_local int ring_count;
static _Thread_local uint32_t kept[KEEP];
static _Thread_local int kept_count;

// The record at an index (from 1).
struct park_record *park_record(uint32_t index) {
  return (struct park_record *)arena_at(ARENA_WAIT_AT + (uint64_t)index * ARENA_WAIT_SIZE);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Writes into a waiter record who waits, for what, and where. The place is kept whole; of the
// others, what there is room for, and at least the beginning.
void park_describe(struct park_record *record, const char *who, const char *what,
                   const char *where) {
  enum { LEAST = 20 }; // of each of the two, with its zero
  size_t places = strlen(where) + 1, names = strlen(who) + 1, things = strlen(what) + 1;
  size_t room = PARK_TEXTS - smaller(places, PARK_TEXTS - 2 * LEAST);
  if (names + things > room) names = smaller(names, room - smaller(things, LEAST));
  things = smaller(things, room - names);
  text_copy(record->texts, names, who);
  char *at = record->texts + strlen(record->texts) + 1;
  text_copy(at, things, what);
  at += strlen(at) + 1;
  text_copy(at, (size_t)(record->texts + PARK_TEXTS - at), where);
  record->described = 1;
}

// The `n`-th text of a record that may be another program's: damaged, it is a shorter one.
static const char *nth_text(const struct park_record *record, int n) {
  const char *at = record->texts, *last = record->texts + PARK_TEXTS - 1;
  for (; n > 0 && at < last; n--)
    at += strnlen(at, (size_t)(last - at)) + 1;
  return at < last ? at : "";
}

// The name of the task that waits, of a record that is described.
const char *park_who(const struct park_record *record) { return nth_text(record, 0); }

// What it waits for, such as `Lock-1 (f.lua:3)`.
const char *park_what(const struct park_record *record) { return nth_text(record, 1); }

// Where in the user's code it waits, as `file:line`; empty: unknown.
const char *park_where(const struct park_record *record) { return nth_text(record, 2); }

static uint32_t record_from_arena(void) {
  guard_lock(&arena->wait_guard);
  uint32_t index = arena->wait_free;
  if (index)
    arena->wait_free = park_record(index)->next;
  else if (arena->wait_top < ARENA_WAITS)
    index = arena->wait_top++;
  guard_unlock(&arena->wait_guard);
  return index;
}

// A fresh record of this thread's seat, in no list; 0 when the arena has no more.
uint32_t park_record_alloc(void) {
  uint32_t index = kept_count > 0 ? kept[--kept_count] : record_from_arena();
  if (index == 0) return 0;
  struct park_record *r = park_record(index);
  r->object = 0;
  r->state = PARK_WAITING;
  r->described = r->beside = r->woken = r->lock = 0;
  atomic_store_explicit(&r->seat, program_seat_index + 1, memory_order_relaxed);
  return index;
}

static void record_to_arena(uint32_t index) {
  atomic_store_explicit(&park_record(index)->seat, 0, memory_order_relaxed);
  guard_step();
  guard_lock(&arena->wait_guard);
  atomic_store_explicit(&park_record(index)->next, arena->wait_free, memory_order_relaxed);
  guard_step();
  arena->wait_free = index;
  guard_unlock(&arena->wait_guard);
}

// Gives a record back that is in no list and in no inbox; any thread may. One that its own thread
// keeps stays that seat's, so that it is not lost when the process dies.
void park_record_free(uint32_t index) {
  struct park_record *r = park_record(index);
  if (r->seat == program_seat_index + 1 && kept_count < KEEP) {
    r->ticket = PARK_NOBODY;
    guard_step();
    kept[kept_count++] = index;
  } else {
    record_to_arena(index);
  }
}

// The thread gives up its seat: its spare records go back.
void park_thread_end(void) {
  while (kept_count > 0)
    record_to_arena(kept[--kept_count]);
  local_first = local_last = 0;
}

// In a forked child: what the parent's thread kept is the parent's.
void park_after_fork(void) {
  kept_count = ring_count = 0;
  local_first = local_last = 0;
}

// Puts a record at the end of a list.
void park_append(struct park_list *list, uint32_t record) {
  struct park_record *r = park_record(record);
  atomic_store_explicit(&r->next, 0, memory_order_relaxed);
  atomic_store_explicit(&r->prev, list->last, memory_order_relaxed);
  guard_step();
  if (list->last)
    atomic_store_explicit(&park_record(list->last)->next, record, memory_order_relaxed);
  else
    list->first = record;
  guard_step();
  list->last = record;
}

// Takes a record out of its list.
void park_remove(struct park_list *list, uint32_t record) {
  struct park_record *r = park_record(record);
  if (r->prev)
    atomic_store_explicit(&park_record(r->prev)->next, r->next, memory_order_relaxed);
  else
    list->first = r->next;
  guard_step();
  if (r->next)
    atomic_store_explicit(&park_record(r->next)->prev, r->prev, memory_order_relaxed);
  else
    list->last = r->prev;
}

// Takes a record out of its list for good. One that was kicked and not yet seen by its loop is
// freed there.
void park_leave(struct park_list *list, uint32_t record) {
  struct park_record *r = park_record(record);
  park_remove(list, record);
  guard_step();
  r->object = 0;
  guard_step();
  if (r->state == PARK_KICKED)
    atomic_store_explicit(&r->ticket, PARK_NOBODY, memory_order_relaxed);
  else
    park_record_free(record);
}

static void remember_ring(uint32_t seat) {
  for (int i = 0; i < ring_count; i++)
    if (rings[i] == seat) return;
  if (ring_count == RINGS) park_ring();
  rings[ring_count++] = seat;
}

static void link_in(uint32_t record, uint32_t next) {
  atomic_store_explicit(&park_record(record)->next_in, next, memory_order_relaxed);
}

static void push_local(uint32_t record) {
  link_in(record, 0);
  if (local_last)
    link_in(local_last, record);
  else
    local_first = record;
  local_last = record;
}

static void push_inbox(uint32_t seat, uint32_t record) {
  _Atomic uint32_t *inbox = &program_seat(seat)->inbox;
  uint32_t newest = atomic_load_explicit(inbox, memory_order_relaxed);
  do {
    link_in(record, newest);
  } while (!atomic_compare_exchange_weak(inbox, &newest, record));
}

static void kick(uint32_t record) {
  struct park_record *r = park_record(record);
  // most find it kicked already, and the exchange is dear
  if (atomic_load_explicit(&r->state, memory_order_seq_cst) == PARK_KICKED ||
      atomic_exchange(&r->state, PARK_KICKED) == PARK_KICKED)
    return;
  guard_step();
  trace_event(TRACE_WAKE, 0, r->task, trace_task, program_seat_index);
  uint32_t seat = r->seat - 1;
  if (seat == program_seat_index) {
    push_local(record);
    return;
  }
  push_inbox(seat, record);
  guard_step();
  remember_ring(seat);
}

// Tells the list's first waiter to try again. Its loop is rung by the next park_ring(), to be
// called after the guard was given up.
void park_kick(const struct park_list *list) {
  if (list->first) kick(list->first);
}

// The same for all of them.
void park_kick_all(const struct park_list *list) {
  for (uint32_t r = list->first; r; r = park_record(r)->next)
    kick(r);
}

// Whether somebody who is not in the list may take what is there now. Tasks of one thread are
// served strictly in order; a first waiter of another thread is next once it has waited a
// millisecond.
bool park_may_overtake(const struct park_list *list) {
  if (list->first == 0) return true;
  const struct park_record *first = park_record(list->first);
  uint32_t me = program_seat_index + 1;
  if (first->seat == me || park_record(list->last)->seat == me) return false;
  return clock_recent() - first->since < PATIENCE;
}

// Until when others may overtake the list's first waiter, who stands there.
int64_t park_patience(const struct park_list *list) {
  return park_record(list->first)->since + PATIENCE;
}

// Rings the loops of those that were kicked since the last call.
void park_ring(void) {
  int n = ring_count;
  ring_count = 0;
  for (int i = 0; i < n; i++)
    program_ring(rings[i]);
}

// What other threads have kicked on this seat, oldest first, linked by next_in; 0: nothing.
uint32_t park_take_inbox(void) {
  _Atomic uint32_t *inbox = &program_seat(program_seat_index)->inbox;
  if (atomic_load_explicit(inbox, memory_order_relaxed) == 0) return 0;
  uint32_t newest = atomic_exchange(inbox, 0), oldest = 0;
  while (newest) {
    struct park_record *r = park_record(newest);
    uint32_t next = r->next_in;
    link_in(newest, oldest);
    oldest = newest;
    newest = next;
  }
  return oldest;
}

// What this thread itself has kicked of its own tasks, oldest first; 0: nothing.
uint32_t park_take_local(void) {
  uint32_t first = local_first;
  local_first = local_last = 0;
  return first;
}

static bool in_local(uint32_t record) {
  for (uint32_t r = local_first; r; r = park_record(r)->next_in)
    if (r == record) return true;
  return false;
}

// Called by the record's own thread under its object's guard, when it finds the record kicked: a
// kicker that died on its way may have marked it without putting it into the inbox. Takes the mark
// away if so.
void park_settle_kick(uint32_t record) {
  uint32_t next, r = park_take_inbox();
  for (; r; r = next) {
    next = park_record(r)->next_in;
    push_local(r);
  }
  if (!in_local(record)) park_record(record)->state = PARK_WAITING;
}

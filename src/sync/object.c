#include "sync/object.h"

#include "base/clock.h"
#include "base/program.h"
#include "sync/traced.h"
#include "trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct sync_object) <= 144, "a kind has 112 bytes of its own");
_Static_assert((int)SYNC_KINDS <= (int)ARENA_KINDS, "kinds are counted, and part of a number");

const struct sync_class *sync_classes[SYNC_KINDS] = {
    [SYNC_LOCK] = &sync_lock_class,           [SYNC_QUEUE] = &sync_queue_class,
    [SYNC_EVENT] = &sync_event_class,         [SYNC_LATCH] = &sync_latch_class,
    [SYNC_VALUE] = &sync_value_class,         [SYNC_RLOCK] = &sync_rlock_class,
    [SYNC_CONDITION] = &sync_condition_class, [SYNC_SEMAPHORE] = &sync_semaphore_class,
    [SYNC_BARRIER] = &sync_barrier_class,     [SYNC_RWLOCK] = &sync_rwlock_class,
    [SYNC_ARRAY] = &sync_array_class,         [SYNC_DICT] = &sync_dict_class,
    [SYNC_PIPE] = &sync_pipe_class,
};

// references -----------------------------------------------------------------------------------

static uint32_t cell_index(const struct sync_object *object) {
  return (uint32_t)((arena_offset(object) - ARENA_CELL_AT) / ARENA_CELL);
}

static struct sync_object *cell_at(uint32_t index) {
  return arena_at(ARENA_CELL_AT + (uint64_t)index * ARENA_CELL);
}

// How many of an object's references a process's interpreters hold: given back when it dies.
static _Atomic uint16_t *refs_of(uint32_t process, const struct sync_object *object) {
  uint64_t at = ARENA_REFS_AT + ((uint64_t)process * ARENA_CELLS + cell_index(object)) * 2;
  return arena_at(at);
}

static uint32_t next_number(enum sync_kind kind) {
  uint32_t nth = atomic_fetch_add(&arena->objects[kind], 1) + 1;
  return (uint32_t)kind << SYNC_NTH_BITS | (nth & ((1u << SYNC_NTH_BITS) - 1));
}

// A new object of a kind, held once by this process. NULL when the arena is full.
struct sync_object *sync_create(enum sync_kind kind) {
  uint64_t cell = arena_cell_alloc();
  if (cell == 0) return NULL;
  struct sync_object *object = arena_at(cell);
  object->number = next_number(kind);
  object->refs = 1;
  atomic_store(refs_of(program_slot, object), 1);
  atomic_store(&object->kind, kind);
  return object;
}

static void drop(struct sync_object *object, uint64_t references) {
  if (atomic_fetch_sub(&object->refs, references) != references) return;
  const struct sync_class *class = sync_classes[object->kind]; // none: its maker died making it
  if (class && class->release) class->release(object);
  object->kind = SYNC_NONE;
  arena_cell_free(arena_offset(object));
}

// Holds an object for who has found it in its cell and looks at it: false when it is on its way out
// or the cell in no use. Given back by sync_release, or with the rest when this process dies
// meanwhile.
bool sync_hold(struct sync_object *object) {
  uint64_t refs = atomic_load(&object->refs);
  while (refs > 0)
    if (atomic_compare_exchange_weak(&object->refs, &refs, refs + 1)) break;
  if (refs == 0) return false;
  atomic_fetch_add(refs_of(program_slot, object), 1);
  if (object->kind > SYNC_NONE && object->kind < SYNC_KINDS) return true;
  atomic_fetch_sub(refs_of(program_slot, object), 1);
  atomic_fetch_sub(&object->refs, 1);
  return false;
}

// One more interpreter of this process has it.
void sync_retain(struct sync_object *object) { sync_retain_for(object, program_slot); }

// The same on behalf of another process: one that is about to be forked.
void sync_retain_for(struct sync_object *object, uint32_t process) {
  atomic_fetch_add(&object->refs, 1);
  atomic_fetch_add(refs_of(process, object), 1);
}

// An interpreter of this process gives it up.
void sync_release(struct sync_object *object) {
  atomic_fetch_sub(refs_of(program_slot, object), 1);
  drop(object, 1);
}

// A reference that a message held is now an interpreter's of that process.
void sync_adopt_for(struct sync_object *object, uint32_t process) {
  atomic_fetch_add(refs_of(process, object), 1);
}

// A message, or another object, holds one more reference.
void sync_retain_message(struct sync_object *object) { atomic_fetch_add(&object->refs, 1); }

// A reference that a message held is given up.
void sync_release_message(struct sync_object *object) { drop(object, 1); }

// Whether the offset is that of a live object: for references that another process wrote.
bool sync_is_object(uint64_t offset) {
  if (offset < ARENA_CELL_AT || (offset - ARENA_CELL_AT) % ARENA_CELL) return false;
  if ((offset - ARENA_CELL_AT) / ARENA_CELL >= arena->cell_top) return false;
  uint32_t kind = ((struct sync_object *)arena_at(offset))->kind;
  return kind > SYNC_NONE && kind < SYNC_KINDS;
}

// Live objects in the whole program.
uint32_t sync_count(void) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < arena->cell_top; i++)
    if (cell_at(i)->kind != SYNC_NONE) n++;
  return n;
}

// repair ---------------------------------------------------------------------------------------

static bool waits_here(const struct park_record *r, uint64_t object) {
  uint32_t seat = r->seat; // its process may be buried meanwhile
  if (r->object != object || seat == 0) return false;
  uint32_t used = program_seat(seat - 1)->used;
  return used && program_process(used - 1)->state != PROCESS_DEAD;
}

static int by_arrival(const void *a, const void *b) {
  uint64_t x = park_record(*(const uint32_t *)a)->arrival,
           y = park_record(*(const uint32_t *)b)->arrival;
  return (x > y) - (x < y);
}

// The dead are left out: from now on they are in no list. Who dies after this look stays in it
// until the burial, which goes by the same mark.
static uint32_t count_waiters(uint64_t object) {
  uint32_t n = 0;
  for (uint32_t i = 1; i < arena->wait_top; i++) {
    struct park_record *r = park_record(i);
    if (waits_here(r, object))
      n++;
    else if (r->object == object)
      r->object = 0;
  }
  return n;
}

// The lists may be torn: makes them anew from the records that say they wait here.
static void rebuild_lists(struct sync_object *object) {
  uint64_t offset = arena_offset(object);
  uint32_t n = count_waiters(offset), k = 0;
  uint32_t *found = n ? malloc(n * sizeof *found) : NULL;
  for (uint32_t i = 1; found && i < arena->wait_top && k < n; i++)
    if (park_record(i)->object == offset) found[k++] = i;
  if (k > 1) qsort(found, k, sizeof *found, by_arrival);
  memset(object->waiters, 0, sizeof object->waiters);
  for (uint32_t i = 0; i < k; i++) {
    park_append(&object->waiters[park_record(found[i])->list % SYNC_LISTS], found[i]);
  }
  free(found);
}

static void repair(struct sync_object *object) {
  const struct sync_class *class = sync_classes[object->kind];
  rebuild_lists(object);
  if (class->repair) class->repair(object);
}

// changes --------------------------------------------------------------------------------------

// Begins a change: takes the guard, and repairs what a dead holder left.
void sync_begin(struct sync_object *object) {
  if (guard_lock(&object->guard)) repair(object);
}

// Ends a change: who may go on now is kicked, the guard given up, their loops rung.
void sync_end(struct sync_object *object) {
  sync_classes[object->kind]->settle(object);
  guard_unlock(&object->guard);
  park_ring();
}

static bool my_turn(const struct sync_object *object, const struct sync_wait *wait,
                    uint32_t record) {
  const struct park_list *list = &object->waiters[wait->list];
  if (wait->for_all && wait->for_all(object)) return true;
  return record ? list->first == record : park_may_overtake(list);
}

// Whether who waits for it waits for a lock or a permit. (Of shared data that is their lock.)
static bool is_lock(const struct sync_object *object) {
  switch (atomic_load_explicit(&object->kind, memory_order_relaxed)) {
  case SYNC_LOCK:
  case SYNC_RLOCK:
  case SYNC_SEMAPHORE:
  case SYNC_RWLOCK:
  case SYNC_VALUE:
  case SYNC_ARRAY:
  case SYNC_DICT:
    return true;
  default:
    return false;
  }
}

// Adds a wait for a lock that is over to what this thread has waited.
static void count_wait(const struct park_record *r) {
  if (!r->lock) return;
  _Atomic int64_t *wait = &program_seat(program_seat_index)->lock_wait;
  int64_t sum = atomic_load_explicit(wait, memory_order_relaxed) + clock_now() - r->since;
  atomic_store_explicit(wait, sum, memory_order_relaxed);
}

static void enlist(struct sync_object *object, int list, struct park_self *self) {
  uint32_t index = park_record_alloc();
  if (index == 0) return;
  struct park_record *r = park_record(index);
  r->list = (uint32_t)list;
  atomic_store_explicit(&r->ticket, self->ticket, memory_order_relaxed);
  atomic_store_explicit(&r->task, self->task, memory_order_relaxed);
  r->timed = self->timed;
  r->arrival = ++object->arrivals;
  r->since = clock_now();
  r->lock = is_lock(object);
  guard_step();
  atomic_store(&r->object, arena_offset(object)); // from here on a repair finds it
  guard_step();
  park_append(&object->waiters[list], index);
  guard_step();
  self->record = index;
  if (trace_on()) sync_trace_wait(object, list, self);
}

// Under the guard: the asker leaves the list it stands in, if it stands in one.
void sync_give_up_place(struct sync_object *object, struct park_self *self) {
  if (self->record == 0) return;
  count_wait(park_record(self->record));
  park_leave(&object->waiters[park_record(self->record)->list], self->record);
  guard_step();
  self->record = 0;
}

// As sync_attempt, under the guard already.
bool sync_attempt_inside(struct sync_object *object, const struct sync_wait *wait,
                         struct park_self *self) {
  if (self->record && park_record(self->record)->state == PARK_KICKED)
    park_settle_kick(self->record);
  bool got = my_turn(object, wait, self->record) && wait->take(object, self);
  if (self->record) {
    if (got) sync_give_up_place(object, self);
  } else if (!got && self->enlist) {
    enlist(object, wait->list, self);
  }
  return got;
}

// Tries to take what `wait` is about: if it is there and the asker's turn. Else, if the asker wants
// that, it stands in line from now on. Returns whether it got it (or an end that it must be told
// of).
bool sync_attempt(struct sync_object *object, const struct sync_wait *wait,
                  struct park_self *self) {
  sync_begin(object);
  bool got = sync_attempt_inside(object, wait, self);
  sync_end(object);
  return got;
}

// The asker waits no more: its place goes to the next.
void sync_leave(struct sync_object *object, const struct sync_wait *wait, struct park_self *self) {
  (void)wait;
  sync_begin(object);
  sync_give_up_place(object, self);
  sync_end(object);
}

// the end of a process -------------------------------------------------------------------------

static bool owned_by(uint32_t seat, uint32_t process) {
  return seat != 0 && program_seat(seat - 1)->used == process + 1;
}

static void bury_waiter(uint32_t index) {
  struct park_record *r = park_record(index);
  uint64_t offset = r->object;
  if (sync_is_object(offset) && sync_hold(arena_at(offset))) {
    struct sync_object *object = arena_at(offset);
    sync_begin(object);
    if (r->object == offset) {
      park_remove(&object->waiters[r->list % SYNC_LISTS], index);
      guard_step();
      r->object = 0;
    }
    sync_end(object);
    sync_release(object);
  }
  r->object = 0;
  r->state = PARK_WAITING;
  park_record_free(index);
}

// Repairs the objects that the process was changing when it died, and sets their waiters going.
// Returns whether there was one.
static bool bury_changes(uint32_t process) {
  bool any = false;
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    struct program_seat *seat = program_seat(i);
    if (seat->used != process + 1) continue;
    for (int k = 0; k < GUARD_DEPTH; k++) {
      uint64_t at = seat->at.at[k];
      uint64_t cell = at - at % ARENA_CELL;
      any = any || at != 0;
      if (!sync_is_object(cell) || !sync_hold(arena_at(cell))) continue;
      sync_begin(arena_at(cell));
      sync_end(arena_at(cell));
      sync_release(arena_at(cell));
    }
  }
  return any;
}

static bool can_be_held(const struct sync_object *object) {
  uint32_t kind = object->kind;
  return kind > SYNC_NONE && kind < SYNC_KINDS && sync_classes[kind]->bury;
}

static void give_up(struct sync_object *object, uint32_t process) {
  if (!can_be_held(object) || !sync_hold(object)) return;
  if (can_be_held(object)) sync_classes[object->kind]->bury(object, process);
  sync_release(object);
}

static void drop_references(struct sync_object *object, uint32_t process) {
  _Atomic uint16_t *refs = refs_of(process, object);
  uint16_t n = atomic_load(refs) ? atomic_exchange(refs, 0) : 0;
  if (n) drop(object, n);
}

// Takes out of the shared objects what a dead process left in them: its places in line, what it
// held, its references. The guards it was at are released before this. Returns whether it died
// inside a change: a wake-up may be lost then.
bool sync_bury_process(uint32_t process) {
  bool inside = bury_changes(process);
  for (uint32_t i = 1; i < arena->wait_top; i++)
    if (owned_by(park_record(i)->seat, process)) bury_waiter(i);
  for (uint32_t i = 0; i < arena->cell_top; i++) {
    give_up(cell_at(i), process);
    drop_references(cell_at(i), process);
  }
  return inside;
}

// Before the calling process ends: gives up what it holds, as its burial would. Its references stay
// until that. What can't be held is only read: it costs no pages.
void sync_leave_process(void) {
  for (uint32_t i = 0; i < arena->cell_top; i++)
    give_up(cell_at(i), program_slot);
}

// names ----------------------------------------------------------------------------------------

// The how many-th of its kind it is.
uint32_t sync_nth(const struct sync_object *object) {
  return object->number & ((1u << SYNC_NTH_BITS) - 1);
}

// What reports call it: its given name, or kind, number and birthplace.
void sync_label(const struct sync_object *object, char *text, size_t size) {
  if (object->name[0])
    snprintf(text, size, "%s", object->name);
  else
    snprintf(text, size, "%s-%u%s%s%s", sync_classes[object->kind]->name, sync_nth(object),
             object->place[0] ? " (" : "", object->place, object->place[0] ? ")" : "");
}

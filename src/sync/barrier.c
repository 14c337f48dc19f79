#include "sync/barrier.h"

#include "base/program.h"
#include "sync/queue.h"

#include <stdio.h>

_Static_assert(sizeof(struct sync_barrier) <= ARENA_CELL, "a barrier fits into its cell");

static uint32_t length(const struct park_list *list) {
  uint32_t n = 0;
  for (uint32_t r = list->first; r; r = park_record(r)->next)
    n++;
  return n;
}

// Moves the first `n` of those who have arrived to another list; their index goes with them.
static void move(struct sync_barrier *b, uint32_t n, int list) {
  struct park_list *arrived = &b->head.waiters[SYNC_ARRIVED];
  for (uint32_t i = 0; i < n && arrived->first; i++) {
    uint32_t index = arrived->first;
    struct park_record *r = park_record(index);
    park_remove(arrived, index);
    r->list = (uint32_t)list;
    r->arrival = i;
    park_append(&b->head.waiters[list], index);
    guard_step();
  }
  b->waiting = length(arrived);
  park_kick_all(&b->head.waiters[list]);
}

static void break_all(struct sync_barrier *b, bool for_good) {
  if (for_good) b->broken = 1;
  b->leader = 0;
  guard_step();
  move(b, UINT32_MAX, SYNC_BROKEN);
}

static bool is_full(const struct sync_barrier *b) {
  return b->leader == 0 && b->waiting >= b->parties;
}

// Somebody who had arrived is gone: its process died. Those who came while the leader was busy may
// be a full round by themselves: their first becomes the next leader.
static void settle(struct sync_object *object) {
  struct sync_barrier *b = (struct sync_barrier *)object;
  if (length(&object->waiters[SYNC_ARRIVED]) != b->waiting) break_all(b, true);
  park_kick(&object->waiters[SYNC_OPENED]);
  park_kick(&object->waiters[SYNC_BROKEN]);
  if (is_full(b)) park_kick(&object->waiters[SYNC_ARRIVED]);
}

static void bury(struct sync_object *object, uint32_t process) {
  struct sync_barrier *b = (struct sync_barrier *)object;
  sync_begin(object);
  if (b->leader && b->leader_process == process) break_all(b, true);
  sync_end(object);
}

static void release(struct sync_object *object) {
  struct sync_barrier *b = (struct sync_barrier *)object;
  if (b->action) sync_drop_block(b->action, b->action_size);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  const struct sync_barrier *b = (struct sync_barrier *)object;
  snprintf(text, size, "%u of %u arrived%s", b->waiting, b->parties, b->broken ? ", broken" : "");
}

const struct sync_class sync_barrier_class = {"Barrier", settle, NULL, release, bury, describe};

// The asker completes a round: it leads it, or opens the barrier at once.
static bool complete(struct sync_barrier *b, struct park_self *self) {
  self->number = b->parties - 1;
  if (b->has_action) {
    b->leader_process = program_slot;
    guard_step();
    b->leader = self->task;
  } else {
    move(b, b->parties - 1, SYNC_OPENED);
  }
  return true;
}

static bool take(struct sync_object *object, struct park_self *self) {
  struct sync_barrier *b = (struct sync_barrier *)object;
  const struct park_record *r = self->record ? park_record(self->record) : NULL;
  self->closed = r ? r->list == SYNC_BROKEN : b->broken;
  if (self->closed) return true;
  if (r && r->list == SYNC_OPENED) {
    self->number = r->arrival;
    return true;
  }
  if (b->leader || b->waiting + (r ? 0 : 1) < b->parties) return false;
  if (r && object->waiters[SYNC_ARRIVED].first != self->record) return false;
  if (r) {
    sync_give_up_place(object, self);
    b->waiting--;
  }
  return complete(b, self);
}

static bool always(const struct sync_object *object) {
  (void)object;
  return true;
}

static const struct sync_wait wait = {SYNC_ARRIVED, take, always};

// A new barrier for so many parties. NULL when the arena is full.
struct sync_barrier *sync_barrier_create(uint32_t parties, bool has_action, double timeout) {
  struct sync_barrier *b = (struct sync_barrier *)sync_create(SYNC_BARRIER);
  if (!b) return NULL;
  sync_begin(&b->head); // a reaper looks at every object there is
  b->parties = parties;
  b->has_action = has_action;
  b->timeout = timeout;
  sync_end(&b->head);
  return b;
}

// Arrives and waits for the others. self->closed: the barrier is broken; self->number: the index.
// One whose index is parties - 1 leads the round: if there is an action, the others wait for its
// sync_barrier_open.
bool sync_barrier_attempt(struct sync_barrier *b, struct park_self *self) {
  sync_begin(&b->head);
  uint32_t before = self->record;
  bool got = sync_attempt_inside(&b->head, &wait, self);
  if (!before && self->record) b->waiting++;
  guard_step();
  sync_end(&b->head);
  return got;
}

// Gives up waiting, which breaks the barrier. Returns false if it had opened for the asker before;
// self->closed: it had been broken or reset before, and stays as it is.
bool sync_barrier_leave(struct sync_barrier *b, struct park_self *self) {
  sync_begin(&b->head);
  uint32_t list = park_record(self->record)->list;
  self->closed = list == SYNC_BROKEN;
  if (list == SYNC_OPENED) self->number = park_record(self->record)->arrival;
  if (list == SYNC_ARRIVED) b->waiting--;
  sync_give_up_place(&b->head, self);
  if (list == SYNC_ARRIVED) break_all(b, true);
  sync_end(&b->head);
  return list != SYNC_OPENED;
}

// The leader has done the action: the others go on. Returns false if the barrier was broken or
// reset meanwhile.
bool sync_barrier_open(struct sync_barrier *b, uint32_t task) {
  sync_begin(&b->head);
  bool fine = b->leader == task;
  if (fine) {
    move(b, b->parties - 1, SYNC_OPENED);
    b->leader = 0;
  }
  sync_end(&b->head);
  return fine;
}

// Breaks it until it is reset.
void sync_barrier_abort(struct sync_barrier *b) {
  sync_begin(&b->head);
  break_all(b, true);
  sync_end(&b->head);
}

// Makes it as new: who waits is told that it is broken.
void sync_barrier_reset(struct sync_barrier *b) {
  sync_begin(&b->head);
  break_all(b, false);
  b->broken = 0;
  sync_end(&b->head);
}

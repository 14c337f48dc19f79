#include "sync/semaphore.h"

#include "base/program.h"

#include <stdio.h>

static uint64_t permits(const struct sync_semaphore *s) {
  return s->total - sync_shares_sum(&s->shares);
}

static bool take_permit(struct sync_object *object, struct park_self *self) {
  struct sync_semaphore *s = (struct sync_semaphore *)object;
  (void)self;
  if (permits(s) == 0) return false;
  s->total--;
  guard_step();
  return true;
}

static bool take_share(struct sync_object *object, struct park_self *self) {
  struct sync_semaphore *s = (struct sync_semaphore *)object;
  (void)self;
  return permits(s) > 0 && sync_shares_take(&s->shares, program_slot);
}

static void settle(struct sync_object *object) {
  if (permits((struct sync_semaphore *)object) > 0) park_kick(&object->waiters[0]);
}

static void release(struct sync_object *object) {
  sync_shares_free(&((struct sync_semaphore *)object)->shares);
}

static void bury(struct sync_object *object, uint32_t process) {
  struct sync_semaphore *s = (struct sync_semaphore *)object;
  sync_begin(object);
  sync_shares_bury(&s->shares, process);
  if (permits(s) > s->bound) s->total -= permits(s) - s->bound; // it had also released one
  sync_end(object);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  const struct sync_semaphore *s = (struct sync_semaphore *)object;
  char bound[32] = "";
  if (s->bound < SYNC_SEMAPHORE_MOST)
    snprintf(bound, sizeof bound, " of %llu", (unsigned long long)s->bound);
  snprintf(text, size, "%llu%s permits", (unsigned long long)permits(s), bound);
}

const struct sync_class sync_semaphore_class = {"Semaphore", settle, NULL, release, bury, describe};
static const struct sync_wait to_acquire = {0, take_permit, NULL};
static const struct sync_wait to_hold = {0, take_share, NULL};

// A new semaphore. NULL when the arena is full.
struct sync_semaphore *sync_semaphore_create(uint64_t n, uint64_t bound) {
  struct sync_semaphore *s = (struct sync_semaphore *)sync_create(SYNC_SEMAPHORE);
  if (!s) return NULL;
  sync_begin(&s->head); // a reaper looks at every object there is
  s->total = n;
  s->bound = bound;
  sync_end(&s->head);
  return s;
}

// Takes a permit for good (see sync_attempt).
bool sync_semaphore_acquire(struct sync_semaphore *s, struct park_self *self) {
  return sync_attempt(&s->head, &to_acquire, self);
}

// Takes a permit that belongs to this process until it is given back.
bool sync_semaphore_hold(struct sync_semaphore *s, struct park_self *self) {
  return sync_attempt(&s->head, &to_hold, self);
}

// Gives the place in line up.
void sync_semaphore_leave(struct sync_semaphore *s, struct park_self *self) {
  sync_leave(&s->head, &to_acquire, self);
}

// Adds permits. Returns false, and adds none, where there would be more than the bound.
bool sync_semaphore_release(struct sync_semaphore *s, uint64_t n) {
  sync_begin(&s->head);
  uint64_t sum = permits(s) + n;
  bool fine = sum <= s->bound; // both are below 2^63: no overflow
  if (fine) s->total += n;
  guard_step();
  sync_end(&s->head);
  return fine;
}

// Gives a permit back that was taken by sync_semaphore_hold. Returns false, and gives none, where
// there would be more than the bound.
bool sync_semaphore_give_back(struct sync_semaphore *s) {
  sync_begin(&s->head);
  bool fine = permits(s) < s->bound;
  if (fine) sync_shares_give(&s->shares, program_slot);
  sync_end(&s->head);
  return fine;
}

// Free permits.
uint64_t sync_semaphore_value(struct sync_semaphore *s) {
  sync_begin(&s->head);
  uint64_t n = permits(s);
  sync_end(&s->head);
  return n;
}

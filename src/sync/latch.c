#include "sync/latch.h"

#include <stdio.h>

static bool is_open(const struct sync_object *object) {
  return ((const struct sync_latch *)object)->count == 0;
}

static bool take(struct sync_object *object, struct park_self *self) {
  (void)self;
  return is_open(object);
}

// The last step kicks them all; here the first is enough: each kicks the next when it leaves.
static void settle(struct sync_object *object) {
  if (is_open(object)) park_kick(&object->waiters[0]);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  snprintf(text, size, "count %llu", (unsigned long long)((struct sync_latch *)object)->count);
}

const struct sync_class sync_latch_class = {"Latch", settle, NULL, NULL, NULL, describe};
static const struct sync_wait wait = {0, take, is_open};

// A new latch that opens after `count` steps. NULL when the arena is full.
struct sync_latch *sync_latch_create(uint64_t count) {
  struct sync_latch *latch = (struct sync_latch *)sync_create(SYNC_LATCH);
  if (latch) latch->count = count;
  return latch;
}

// Waits until the count is 0 (see sync_attempt).
bool sync_latch_attempt(struct sync_latch *latch, struct park_self *self) {
  if (self->record == 0 && latch->count == 0) return true;
  return sync_attempt(&latch->head, &wait, self);
}

// Gives the place in line up.
void sync_latch_leave(struct sync_latch *latch, struct park_self *self) {
  sync_leave(&latch->head, &wait, self);
}

// Goes `steps` down, at most to 0.
void sync_latch_count_down(struct sync_latch *latch, uint64_t steps) {
  sync_begin(&latch->head);
  latch->count = steps < latch->count ? latch->count - steps : 0;
  guard_step();
  if (latch->count == 0) park_kick_all(&latch->head.waiters[0]);
  sync_end(&latch->head);
}

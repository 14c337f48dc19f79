#include "sync/event.h"

#include <stdio.h>

static bool is_released(const struct sync_event *event, uint32_t record) {
  return event->set || (record && park_record(record)->arrival <= event->released);
}

static bool take(struct sync_object *object, struct park_self *self) {
  return is_released((struct sync_event *)object, self->record);
}

static bool always(const struct sync_object *object) {
  (void)object;
  return true;
}

// Setting kicks them all; here the first is enough: each kicks the next when it leaves.
static void settle(struct sync_object *object) {
  uint32_t first = object->waiters[0].first;
  if (first && is_released((struct sync_event *)object, first)) park_kick(&object->waiters[0]);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  snprintf(text, size, "%s", ((struct sync_event *)object)->set ? "set" : "not set");
}

const struct sync_class sync_event_class = {"Event", settle, NULL, NULL, NULL, describe};
static const struct sync_wait wait = {0, take, always};

// A new event, not set. NULL when the arena is full.
struct sync_event *sync_event_create(void) {
  return (struct sync_event *)sync_create(SYNC_EVENT);
}

// Waits until it is set (see sync_attempt).
bool sync_event_attempt(struct sync_event *event, struct park_self *self) {
  if (self->record == 0 && event->set) return true;
  return sync_attempt(&event->head, &wait, self);
}

// Gives the place in line up.
void sync_event_leave(struct sync_event *event, struct park_self *self) {
  sync_leave(&event->head, &wait, self);
}

// Sets it: everyone who waits goes on.
void sync_event_set(struct sync_event *event) {
  sync_begin(&event->head);
  event->set = 1;
  guard_step();
  event->released = event->head.arrivals;
  guard_step();
  park_kick_all(&event->head.waiters[0]);
  sync_end(&event->head);
}

// From now on waiting waits again.
void sync_event_clear(struct sync_event *event) {
  sync_begin(&event->head);
  event->set = 0;
  sync_end(&event->head);
}

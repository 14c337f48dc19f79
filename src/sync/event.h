// The event: set or not; whoever waits goes on when it is set, even if it is cleared before it came
// to run. Stands on: object.
#ifndef HEDDLE_SYNC_EVENT_H
#define HEDDLE_SYNC_EVENT_H

#include "sync/object.h"

struct sync_event {
  struct sync_object head;
  _Atomic uint32_t set;
  uint64_t released; // waiters that arrived up to here were there when it was set
};

struct sync_event *sync_event_create(void);
bool sync_event_attempt(struct sync_event *event, struct park_self *self);
void sync_event_leave(struct sync_event *event, struct park_self *self);
void sync_event_set(struct sync_event *event);
void sync_event_clear(struct sync_event *event);

#endif

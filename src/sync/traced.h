// What shared objects tell the recorder. Stands on: object, trace.
#ifndef HEDDLE_SYNC_TRACED_H
#define HEDDLE_SYNC_TRACED_H

#include "sync/object.h"

void sync_trace_wait(const struct sync_object *object, int list, const struct park_self *self);
void sync_trace_depth(const struct sync_object *queue, uint64_t items);

#endif

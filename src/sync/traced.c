#include "sync/traced.h"

#include "sync/lock.h"
#include "trace/trace.h"

static void name(const struct sync_object *object) {
  char label[80];
  if (trace_is_named(TRACE_OBJECT_NAME, object->number)) return;
  sync_label(object, label, sizeof label);
  trace_name(TRACE_OBJECT_NAME, object->number, label);
}

static uint32_t holder(const struct sync_object *object) {
  uint32_t process, task;
  if (object->kind != SYNC_LOCK && object->kind != SYNC_RLOCK) return 0;
  return sync_lock_holder((const struct sync_lock *)object, &process, &task) ? task : 0;
}

// While the recorder is on, under the guard: self->task stands in line from now on.
void sync_trace_wait(const struct sync_object *object, int list, const struct park_self *self) {
  name(object);
  uint64_t kind = trace_word(sync_classes[object->kind]->name);
  trace_write(TRACE_WAIT, 0, (unsigned)list, self->task, kind << 32 | object->number,
              holder(object));
}

// While the recorder is on, under the guard: how many items a queue holds now.
void sync_trace_depth(const struct sync_object *queue, uint64_t items) {
  name(queue);
  trace_write(TRACE_DEPTH, 0, 0, 0, queue->number, items);
}

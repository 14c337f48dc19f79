#include "sync/rwlock.h"

#include "base/program.h"

#include <stdio.h>

// Whether the other list's first waiter is to be served before the asker.
static bool is_behind(const struct sync_object *object, int other, const struct park_self *self) {
  const struct park_list *list = &object->waiters[other];
  if (list->first == 0) return false;
  if (self->record == 0) return !park_may_overtake(list);
  return park_record(list->first)->arrival < park_record(self->record)->arrival;
}

static void tell_abandoned(struct sync_rwlock *l, struct park_self *self) {
  self->abandoned = l->abandoned;
  l->abandoned = 0;
  guard_step();
}

static bool take_read(struct sync_object *object, struct park_self *self) {
  struct sync_rwlock *l = (struct sync_rwlock *)object;
  if (l->writer || is_behind(object, SYNC_WRITERS, self)) return false;
  if (!sync_shares_take(&l->readers, program_slot)) return false;
  tell_abandoned(l, self);
  return true;
}

static bool take_write(struct sync_object *object, struct park_self *self) {
  struct sync_rwlock *l = (struct sync_rwlock *)object;
  if (l->writer || sync_shares_sum(&l->readers) || is_behind(object, SYNC_READERS, self))
    return false;
  l->writer = program_slot + 1;
  guard_step();
  tell_abandoned(l, self);
  return true;
}

// Kicks the first of all waiters if it could go on.
static void settle(struct sync_object *object) {
  struct sync_rwlock *l = (struct sync_rwlock *)object;
  uint32_t reader = object->waiters[SYNC_READERS].first;
  uint32_t writer = object->waiters[SYNC_WRITERS].first;
  if (l->writer) return;
  bool reads = reader && (!writer || park_record(reader)->arrival < park_record(writer)->arrival);
  if (reads)
    park_kick(&object->waiters[SYNC_READERS]);
  else if (writer && sync_shares_sum(&l->readers) == 0)
    park_kick(&object->waiters[SYNC_WRITERS]);
}

static void release(struct sync_object *object) {
  sync_shares_free(&((struct sync_rwlock *)object)->readers);
}

static void bury(struct sync_object *object, uint32_t process) {
  struct sync_rwlock *l = (struct sync_rwlock *)object;
  sync_begin(object);
  bool held = sync_shares_bury(&l->readers, process) > 0 || l->writer == process + 1;
  if (held) l->abandoned = 1;
  if (l->writer == process + 1) l->writer = 0;
  sync_end(object);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  const struct sync_rwlock *l = (struct sync_rwlock *)object;
  unsigned long long readers = sync_shares_sum(&l->readers);
  if (l->writer)
    snprintf(text, size, "being written");
  else if (readers)
    snprintf(text, size, "%llu reading", readers);
  else
    snprintf(text, size, "free");
}

const struct sync_class sync_rwlock_class = {"RWLock", settle, NULL, release, bury, describe};
static const struct sync_wait to_read = {SYNC_READERS, take_read, NULL};
static const struct sync_wait to_write = {SYNC_WRITERS, take_write, NULL};

// A new read-write lock, free. NULL when the arena is full.
struct sync_rwlock *sync_rwlock_create(void) {
  return (struct sync_rwlock *)sync_create(SYNC_RWLOCK);
}

// Takes it for reading (see sync_attempt). self->abandoned: a process died that held it.
bool sync_rwlock_read(struct sync_rwlock *l, struct park_self *self) {
  return sync_attempt(&l->head, &to_read, self);
}

// Takes it for writing.
bool sync_rwlock_write(struct sync_rwlock *l, struct park_self *self) {
  return sync_attempt(&l->head, &to_write, self);
}

// Gives the place in line up.
void sync_rwlock_leave(struct sync_rwlock *l, struct park_self *self) {
  sync_leave(&l->head, &to_read, self);
}

// One of this process reads no more.
void sync_rwlock_end_read(struct sync_rwlock *l) {
  sync_begin(&l->head);
  sync_shares_give(&l->readers, program_slot);
  sync_end(&l->head);
}

// It is written no more.
void sync_rwlock_end_write(struct sync_rwlock *l) {
  sync_begin(&l->head);
  if (l->writer == program_slot + 1) l->writer = 0;
  guard_step();
  sync_end(&l->head);
}

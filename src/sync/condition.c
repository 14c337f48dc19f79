#include "sync/condition.h"

#include "base/program.h"

#include <stdio.h>

// The lock it stands on.
struct sync_object *sync_condition_lock(const struct sync_condition *c) {
  return arena_at(c->lock);
}

static struct sync_rlock *rlock_of(const struct sync_condition *c) {
  struct sync_object *lock = sync_condition_lock(c);
  return lock->kind == SYNC_RLOCK ? (struct sync_rlock *)lock : NULL;
}

static bool is_notified(const struct sync_condition *c, uint32_t record) {
  return record && park_record(record)->arrival <= c->notified;
}

static bool take(struct sync_object *object, struct park_self *self) {
  struct sync_condition *c = (struct sync_condition *)object;
  if (!is_notified(c, self->record)) return false;
  c->pending--;
  guard_step();
  return true;
}

static bool always(const struct sync_object *object) {
  (void)object;
  return true;
}

// Lets `n` more waiters go on.
static void let_go(struct sync_condition *c, uint64_t n) {
  uint32_t r = c->head.waiters[0].first;
  while (r && is_notified(c, r))
    r = park_record(r)->next;
  for (; r && n > 0; r = park_record(r)->next, n--) {
    c->notified = park_record(r)->arrival;
    guard_step();
    c->pending++;
    guard_step();
  }
}

// Notifying kicks the first; each kicks the next when it leaves.
static void settle(struct sync_object *object) {
  uint32_t first = object->waiters[0].first;
  if (is_notified((struct sync_condition *)object, first)) park_kick(&object->waiters[0]);
}

static uint64_t count_notified(const struct sync_condition *c) {
  uint64_t n = 0;
  for (uint32_t r = c->head.waiters[0].first; is_notified(c, r); r = park_record(r)->next)
    n++;
  return n;
}

static void repair(struct sync_object *object) {
  struct sync_condition *c = (struct sync_condition *)object;
  c->pending = count_notified(c);
}

static void release(struct sync_object *object) {
  sync_release_message(sync_condition_lock((struct sync_condition *)object));
}

// The dead process's waiters are out of the list: a notify that had met one of them goes to the
// next.
static void bury(struct sync_object *object, uint32_t process) {
  struct sync_condition *c = (struct sync_condition *)object;
  (void)process;
  sync_begin(object);
  uint64_t there = count_notified(c), lost = c->pending > there ? c->pending - there : 0;
  c->pending = there;
  let_go(c, lost);
  sync_end(object);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  struct sync_object *lock = sync_condition_lock((struct sync_condition *)object);
  sync_classes[lock->kind]->describe(lock, text, size);
}

const struct sync_class sync_condition_class = {"Condition", settle, repair,
                                                release,     bury,   describe};
static const struct sync_wait wait = {0, take, always};

// A new condition on a lock or rlock, which gets one more reference. NULL when the arena is full.
struct sync_condition *sync_condition_create(struct sync_object *lock) {
  struct sync_condition *c = (struct sync_condition *)sync_create(SYNC_CONDITION);
  if (!c) return NULL;
  sync_retain_message(lock);
  c->lock = arena_offset(lock);
  return c;
}

// Whether its lock is held: an rlock by that task, a lock by anyone.
bool sync_condition_is_held(const struct sync_condition *c, uint32_t task) {
  const struct sync_rlock *rlock = rlock_of(c);
  uint32_t process, holder;
  if (rlock) return sync_rlock_is_owner(rlock, task);
  return sync_lock_holder((struct sync_lock *)sync_condition_lock(c), &process, &holder);
}

// How deep its lock is held.
uint32_t sync_condition_levels(const struct sync_condition *c) {
  const struct sync_rlock *rlock = rlock_of(c);
  return rlock ? rlock->levels : 1;
}

// Gives its lock up, all levels.
void sync_condition_unlock(struct sync_condition *c) {
  sync_lock_release((struct sync_lock *)sync_condition_lock(c));
}

// Takes its lock back, self->number levels deep (see sync_attempt).
bool sync_condition_relock(struct sync_condition *c, struct park_self *self) {
  struct sync_rlock *rlock = rlock_of(c);
  if (!sync_lock_attempt((struct sync_lock *)sync_condition_lock(c), self)) return false;
  if (rlock) rlock->levels = (uint32_t)self->number;
  return true;
}

// Waits for a notify: stands in line, then gives the lock up.
bool sync_condition_attempt(struct sync_condition *c, struct park_self *self) {
  bool fresh = self->record == 0;
  if (!self->enlist) return false;
  bool got = sync_attempt(&c->head, &wait, self);
  if (fresh) sync_condition_unlock(c);
  return got;
}

// Gives the place in line up; a notify that has met it goes to the next.
void sync_condition_leave(struct sync_condition *c, struct park_self *self) {
  sync_begin(&c->head);
  bool notified = is_notified(c, self->record);
  if (notified) c->pending--;
  guard_step();
  park_leave(&c->head.waiters[0], self->record);
  guard_step();
  self->record = 0;
  if (notified) let_go(c, 1);
  sync_end(&c->head);
}

// Lets the first n waiters go on who were not notified before.
void sync_condition_notify(struct sync_condition *c, uint64_t n) {
  sync_begin(&c->head);
  let_go(c, n);
  sync_end(&c->head);
}

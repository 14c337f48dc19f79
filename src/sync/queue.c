#include "sync/queue.h"

#include "base/program.h"
#include "sync/traced.h"
#include "trace/trace.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct sync_queue) <= ARENA_CELL, "a queue fits into its cell");

static void (*drop_message)(const void *bytes, size_t size);

// Hands over what gives a message's references back when it is thrown away unread.
void sync_set_drop(void (*drop)(const void *bytes, size_t size)) { drop_message = drop; }

static uint64_t count(const struct sync_queue *q) { return q->puts - q->gets; }

// Under the guard; others may look without it.
static void add_one(_Atomic uint64_t *total) {
  atomic_store_explicit(total, atomic_load_explicit(total, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

// what is in it --------------------------------------------------------------------------------

static bool put_message(struct sync_queue *q, const struct sync_message *m) {
  uint32_t slot;
  if (q->order == SYNC_FIFO ? !sync_chunks_put(&q->chunks, m)
                            : !sync_heap_put(&q->heap, q->order, m, &slot))
    return false;
  add_one(&q->puts);
  guard_step();
  return true;
}

static bool get_message(struct sync_queue *q, struct sync_message *m) {
  uint32_t slot;
  if (q->order == SYNC_FIFO ? !sync_chunks_get(&q->chunks, m)
                            : !sync_heap_get(q->heap, q->order, m, &slot))
    return false;
  add_one(&q->gets);
  guard_step();
  if (q->order == SYNC_FIFO)
    sync_chunks_tidy(&q->chunks);
  else
    sync_heap_tidy(&q->heap, q->order, slot);
  return true;
}

// The number of a reference is how manieth it is, or its slot.
static bool put_reference(struct sync_queue *q, const struct sync_message *m, uint64_t *number) {
  uint32_t slot;
  if (q->order != SYNC_FIFO && !sync_heap_put(&q->heap, q->order, m, &slot)) return false;
  *number = q->order == SYNC_FIFO ? q->puts : slot;
  add_one(&q->puts);
  return true;
}

static bool get_reference(struct sync_queue *q, uint64_t *number) {
  uint32_t slot;
  if (q->order != SYNC_FIFO && !sync_heap_get(q->heap, q->order, NULL, &slot)) return false;
  *number = q->order == SYNC_FIFO ? q->gets : slot;
  add_one(&q->gets);
  if (q->order != SYNC_FIFO) sync_heap_tidy(&q->heap, q->order, slot);
  return true;
}

// the class ------------------------------------------------------------------------------------

static void settle(struct sync_object *object) {
  struct sync_queue *q = (struct sync_queue *)object;
  uint64_t n = count(q);
  if (q->closed) {
    if (n == 0)
      park_kick_all(&object->waiters[SYNC_GETTERS]);
    else
      park_kick(&object->waiters[SYNC_GETTERS]);
    park_kick_all(&object->waiters[SYNC_PUTTERS]);
  } else {
    if (n > 0) park_kick(&object->waiters[SYNC_GETTERS]);
    if (q->maxsize == 0 || n < q->maxsize) park_kick(&object->waiters[SYNC_PUTTERS]);
  }
  if (q->dones == q->puts) park_kick_all(&object->waiters[SYNC_JOINERS]);
}

// One change was under way: what holds the items says whether it was committed, the totals follow.
static void repair(struct sync_object *object) {
  struct sync_queue *q = (struct sync_queue *)object;
  if (q->interp && q->order == SYNC_FIFO) return;
  uint64_t n =
      q->order == SYNC_FIFO ? sync_chunks_repair(&q->chunks) : sync_heap_repair(q->heap, q->order);
  if (count(q) > n)
    q->gets = q->puts - n;
  else
    q->puts = q->gets + n;
}

static void drop(const struct sync_message *m) {
  if (m->block)
    sync_drop_block(m->block, m->size);
  else
    drop_message(m->into->data, m->into->len);
}

static void discard_chunks(struct sync_queue *q) {
  struct buffer bytes = {0};
  struct sync_message m = {.into = &bytes};
  while (sync_chunks_get(&q->chunks, &m)) {
    sync_chunks_tidy(&q->chunks);
    drop(&m);
  }
  buffer_free(&bytes);
  sync_chunks_free(&q->chunks);
}

static void discard_heap(struct sync_queue *q) {
  struct sync_message m = {0};
  for (uint32_t i = 0; i < sync_heap_slots(q->heap); i++)
    if (sync_heap_undress(q->heap, i, &m)) drop(&m);
}

static void release(struct sync_object *object) {
  struct sync_queue *q = (struct sync_queue *)object;
  discard_chunks(q);
  discard_heap(q);
  arena_free(q->heap);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  struct sync_queue *q = (struct sync_queue *)object;
  char limit[32] = "";
  if (q->maxsize) snprintf(limit, sizeof limit, " of %llu", (unsigned long long)q->maxsize);
  snprintf(text, size, "%llu%s items%s", (unsigned long long)count(q), limit,
           q->closed ? ", closed" : "");
}

const struct sync_class sync_queue_class = {"Queue", settle, repair, release, NULL, describe};

// operations -----------------------------------------------------------------------------------

// A put in two kinds: self->in is a message, or NULL (in a ranked queue: a message without bytes)
// for a reference that the binding will store at self->number.
static bool put_item(struct sync_queue *q, struct park_self *self) {
  const struct sync_message *m = self->in;
  if (q->interp) return put_reference(q, m, &self->number);
  self->number = SYNC_RECODE;
  bool is_reference = !m || (!m->bytes && !m->block); // the binding comes again, with a message
  return is_reference || put_message(q, m);
}

static bool take_place(struct sync_object *object, struct park_self *self) {
  struct sync_queue *q = (struct sync_queue *)object;
  self->closed = q->closed;
  if (q->closed) return true;
  if (q->maxsize && count(q) >= q->maxsize) return false;
  if (!put_item(q, self)) return false;
  if (trace_on()) sync_trace_depth(object, count(q));
  return true;
}

static bool take_item(struct sync_object *object, struct park_self *self) {
  struct sync_queue *q = (struct sync_queue *)object;
  bool any = count(q) > 0;
  self->closed = !any && q->closed;
  if (!any) return q->closed;
  if (trace_on()) sync_trace_depth(object, count(q) - 1);
  if (q->interp) return get_reference(q, &self->number);
  self->number = SYNC_RECODE;
  return get_message(q, self->out);
}

static bool see_item(struct sync_object *object, struct park_self *self) {
  const struct sync_queue *q = (const struct sync_queue *)object;
  self->closed = count(q) == 0 && q->closed;
  return count(q) > 0 || q->closed;
}

static bool is_done(const struct sync_object *object) {
  const struct sync_queue *q = (const struct sync_queue *)object;
  return q->dones == q->puts;
}

static bool take_end(struct sync_object *object, struct park_self *self) {
  (void)self;
  return is_done(object);
}

static bool is_closed(const struct sync_object *object) {
  return ((const struct sync_queue *)object)->closed;
}

static bool is_drained(const struct sync_object *object) {
  const struct sync_queue *q = (const struct sync_queue *)object;
  return q->closed && count(q) == 0;
}

static const struct sync_wait waits[] = {
    [SYNC_GETTERS] = {SYNC_GETTERS, take_item, is_drained},
    [SYNC_PUTTERS] = {SYNC_PUTTERS, take_place, is_closed},
    [SYNC_JOINERS] = {SYNC_JOINERS, take_end, is_done},
};
static const struct sync_wait to_see = {SYNC_GETTERS, see_item, is_drained};

// A new queue of references into interpreter `interp`, or of messages (0). NULL when the arena is
// full.
struct sync_queue *sync_queue_create(uint64_t maxsize, enum sync_order order, uint32_t interp) {
  struct sync_queue *q = (struct sync_queue *)sync_create(SYNC_QUEUE);
  if (!q) return NULL;
  q->maxsize = maxsize;
  q->order = (uint16_t)order;
  q->interp = interp;
  return q;
}

// Puts: a message from self->in, or a reference whose number comes back in self->number.
// self->closed: it is closed.
bool sync_queue_put(struct sync_queue *q, struct park_self *self) {
  return sync_attempt(&q->head, &waits[SYNC_PUTTERS], self);
}

// Gets: a message into self->out, or the number of a reference. self->closed: closed and drained.
bool sync_queue_get(struct sync_queue *q, struct park_self *self) {
  return sync_attempt(&q->head, &waits[SYNC_GETTERS], self);
}

// Waits until a get would not: self->closed: it is closed and drained.
bool sync_queue_peek(struct sync_queue *q, struct park_self *self) {
  return sync_attempt(&q->head, &to_see, self);
}

// Under the guard: takes the oldest message out. Returns false when there is none.
bool sync_queue_take(struct sync_queue *q, struct sync_message *message) {
  return get_message(q, message);
}

// Waits until every item that was put is done.
bool sync_queue_join(struct sync_queue *q, struct park_self *self) {
  return sync_attempt(&q->head, &waits[SYNC_JOINERS], self);
}

// Gives the place in the line `list` up.
void sync_queue_leave(struct sync_queue *q, struct park_self *self, int list) {
  sync_leave(&q->head, &waits[list], self);
}

// One item is done. Returns false if there were not that many.
bool sync_queue_done(struct sync_queue *q) {
  sync_begin(&q->head);
  bool fine = q->dones < q->puts;
  if (fine) q->dones++;
  guard_step();
  sync_end(&q->head);
  return fine;
}

// No more puts; gets drain what is there.
void sync_queue_close(struct sync_queue *q) {
  sync_begin(&q->head);
  q->closed = 1;
  guard_step();
  sync_end(&q->head);
}

// Items in it.
uint64_t sync_queue_size(struct sync_queue *q) {
  sync_begin(&q->head);
  uint64_t n = count(q);
  sync_end(&q->head);
  return n;
}

// Appends a message to a queue that still holds references: one of those that are turned into
// messages before sync_queue_share. Counts nothing. Returns false when the arena is full.
bool sync_queue_append(struct sync_queue *q, struct sync_message *message) {
  return sync_chunks_put(&q->chunks, message);
}

// Throws the messages away that were made for a queue which goes on holding references.
void sync_queue_discard(struct sync_queue *q) {
  discard_chunks(q);
  discard_heap(q);
}

// From now on it holds messages: what it held was appended as such.
void sync_queue_share(struct sync_queue *q) {
  sync_begin(&q->head);
  q->interp = 0;
  guard_step();
  sync_end(&q->head);
}

// The same, if it is empty. Returns whether it is.
bool sync_queue_share_empty(struct sync_queue *q) {
  sync_begin(&q->head);
  bool empty = count(q) == 0;
  if (empty) q->interp = 0;
  guard_step();
  sync_end(&q->head);
  return empty;
}

// Throws a message away that has a block of its own.
void sync_drop_block(uint64_t block, uint64_t size) {
  drop_message(arena_at(block), size);
  arena_free(block);
}

// A copy of a large message in an arena block of its own; 0 when the arena is full.
uint64_t sync_block(const void *bytes, size_t size) {
  uint64_t block = arena_alloc(size);
  if (block) memcpy(arena_at(block), bytes, size);
  return block;
}

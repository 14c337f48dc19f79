#include "sync/queue.h"

#include "base/program.h"
#include "sync/traced.h"
#include "trace/trace.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct sync_queue) <= ARENA_CELL, "a queue fits into its cell");

#ifdef HEDDLE_STRESS
enum { CHUNK = 512 - 64, SMALL_CHUNK = 256 - 64 };
#else
enum { CHUNK = 32768 - 64, SMALL_CHUNK = 8192 - 64 };
#endif

_Static_assert(SMALL_CHUNK >= SYNC_INLINE + 16, "any message fits into any chunk");

// A run of messages. Each is a word with its size, then its bytes, padded to 8.
struct chunk {
  uint64_t next;
  uint32_t size; // of the bytes
  _Atomic uint32_t read, write;
  uint32_t pad;
  char bytes[];
};

#define IN_BLOCK                                                                                   \
  0x80000000u // the size word of a message in a block of its own: its offset and size follow

struct block_reference {
  uint64_t block, size;
};

static void (*drop_message)(const void *bytes, size_t size);

// Hands over what gives a message's references back when it is thrown away unread.
void sync_set_drop(void (*drop)(const void *bytes, size_t size)) { drop_message = drop; }

static struct chunk *chunk_at(uint64_t offset) { return arena_at(offset); }
static uint32_t padded(uint32_t size) { return (8 + size + 7) & ~7u; }

static uint64_t count(const struct sync_queue *q) { return q->puts - q->gets; }

// chunks ---------------------------------------------------------------------------------------

static bool add_chunk(struct sync_queue *q) {
  uint64_t offset = q->spare;
  uint32_t size = q->last ? CHUNK : SMALL_CHUNK;
  if (offset) {
    q->spare = 0;
  } else {
    offset = arena_alloc(sizeof(struct chunk) + size);
    if (offset == 0) return false;
    chunk_at(offset)->size = size;
  }
  struct chunk *c = chunk_at(offset);
  c->next = 0;
  c->read = c->write = 0;
  guard_step();
  if (q->last)
    chunk_at(q->last)->next = offset;
  else
    q->first = offset;
  guard_step();
  q->last = offset;
  guard_step();
  return true;
}

// The first chunk is read to its end: the next becomes the first, or this one starts anew.
static void leave_chunk(struct sync_queue *q) {
  uint64_t offset = q->first;
  struct chunk *c = chunk_at(offset);
  if (c->next == 0) {
    c->write = 0; // with read > write an empty chunk is still seen as empty
    guard_step();
    c->read = 0;
    return;
  }
  q->first = c->next;
  guard_step();
  if (q->spare == 0 && c->size == CHUNK)
    q->spare = offset;
  else
    arena_free(offset);
}

static bool has_room(const struct chunk *c, uint32_t size) {
  return c->write + padded(size) <= c->size;
}

// Writes one message behind the others; it is there when the write index has moved. Returns false
// when the arena is full.
static bool append(struct sync_queue *q, const struct sync_message *m) {
  struct block_reference reference = {m->block, m->size};
  uint32_t size = m->block ? sizeof reference : (uint32_t)m->size;
  if (q->last == 0 || !has_room(chunk_at(q->last), size))
    if (!add_chunk(q)) return false;
  struct chunk *c = chunk_at(q->last);
  char *at = c->bytes + c->write;
  *(uint64_t *)(void *)at = m->block ? IN_BLOCK : size;
  memcpy(at + 8, m->block ? (const void *)&reference : m->bytes, size);
  guard_step();
  atomic_store_explicit(&c->write, c->write + padded(size), memory_order_release);
  guard_step();
  q->puts++;
  guard_step();
  return true;
}

static char *front(struct sync_queue *q, uint32_t *word) {
  while (q->first) {
    struct chunk *c = chunk_at(q->first);
    if (c->read < c->write) {
      *word = *(uint32_t *)(void *)(c->bytes + c->read);
      return c->bytes + c->read + 8;
    }
    if (c->next == 0) return NULL;
    leave_chunk(q);
  }
  return NULL;
}

// Takes the oldest message out; it is out when the read index has moved.
static bool remove_front(struct sync_queue *q, struct sync_message *m) {
  uint32_t word;
  char *at = front(q, &word);
  if (!at) return false;
  uint32_t size = word & IN_BLOCK ? sizeof(struct block_reference) : word;
  m->block = 0;
  if (word & IN_BLOCK) {
    struct block_reference reference;
    memcpy(&reference, at, sizeof reference);
    m->block = reference.block;
    m->size = reference.size;
  } else {
    m->into->len = 0;
    if (!buffer_append(m->into, at, size)) return false;
  }
  struct chunk *c = chunk_at(q->first);
  atomic_store_explicit(&c->read, c->read + padded(size), memory_order_release);
  guard_step();
  q->gets++;
  guard_step();
  if (c->read == c->write) leave_chunk(q);
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

static uint64_t count_messages(struct sync_queue *q) {
  uint64_t n = 0, last = 0;
  for (uint64_t at = q->first; at; at = chunk_at(at)->next) {
    struct chunk *c = chunk_at(at);
    if (c->read > c->write) c->read = c->write = 0;
    for (uint32_t i = c->read; i < c->write; n++) {
      uint32_t word = *(uint32_t *)(void *)(c->bytes + i);
      i += padded(word & IN_BLOCK ? sizeof(struct block_reference) : word);
    }
    last = at;
  }
  q->last = last;
  return n;
}

// One change was under way: the indices say whether it was committed, the totals follow.
static void repair(struct sync_object *object) {
  struct sync_queue *q = (struct sync_queue *)object;
  if (q->interp) return;
  uint64_t n = count_messages(q);
  if (count(q) > n)
    q->gets = q->puts - n;
  else
    q->puts = q->gets + n;
}

static void discard_messages(struct sync_queue *q) {
  struct buffer bytes = {0};
  struct sync_message m = {.into = &bytes};
  while (remove_front(q, &m)) {
    if (m.block)
      drop_message(arena_at(m.block), m.size);
    else
      drop_message(bytes.data, bytes.len);
    arena_free(m.block);
  }
  buffer_free(&bytes);
  while (q->first) {
    uint64_t next = chunk_at(q->first)->next;
    arena_free(q->first);
    q->first = next;
  }
  q->last = 0;
}

static void release(struct sync_object *object) {
  struct sync_queue *q = (struct sync_queue *)object;
  discard_messages(q);
  arena_free(q->spare);
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

// A put in two kinds: self->in is a message, or NULL for a reference that the binding will store at
// self->number.
static bool take_place(struct sync_object *object, struct park_self *self) {
  struct sync_queue *q = (struct sync_queue *)object;
  self->closed = q->closed;
  if (q->closed) return true;
  if (q->maxsize && count(q) >= q->maxsize) return false;
  self->number = SYNC_RECODE;
  if (q->interp)
    self->number = q->puts++;
  else if (self->in && !append(q, self->in))
    return false;
  if (trace_on()) sync_trace_depth(object, count(q));
  return true;
}

static bool take_item(struct sync_object *object, struct park_self *self) {
  struct sync_queue *q = (struct sync_queue *)object;
  bool any = count(q) > 0;
  self->closed = !any && q->closed;
  if (!any) return q->closed;
  if (trace_on()) sync_trace_depth(object, count(q) - 1);
  if (q->interp) {
    self->number = q->gets++;
    return true;
  }
  self->number = SYNC_RECODE;
  return remove_front(q, self->out);
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

// A new queue of references into interpreter `interp`, or of messages (0). NULL when the arena is
// full.
struct sync_queue *sync_queue_create(uint64_t maxsize, uint32_t interp) {
  struct sync_queue *q = (struct sync_queue *)sync_create(SYNC_QUEUE);
  if (!q) return NULL;
  q->maxsize = maxsize;
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
  uint64_t puts = q->puts;
  bool fine = append(q, message);
  q->puts = puts;
  return fine;
}

// Throws the messages away that were appended to a queue which goes on holding references.
void sync_queue_discard(struct sync_queue *q) {
  uint64_t gets = q->gets;
  discard_messages(q);
  q->gets = gets;
}

// From now on it holds messages: what it held was appended as such.
void sync_queue_share(struct sync_queue *q) {
  sync_begin(&q->head);
  q->interp = 0;
  guard_step();
  sync_end(&q->head);
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

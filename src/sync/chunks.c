#include "sync/chunks.h"

#include "base/arena.h"

#include <string.h>

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

static struct chunk *chunk_at(uint64_t offset) { return arena_at(offset); }
static uint32_t padded(uint32_t size) { return (8 + size + 7) & ~7u; }

static bool add_chunk(struct sync_chunks *q) {
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
static void leave_chunk(struct sync_chunks *q) {
  uint64_t offset = q->first;
  struct chunk *c = chunk_at(offset);
  if (c->next == 0) {
    // with read > write an empty chunk is still seen as empty
    atomic_store_explicit(&c->write, 0, memory_order_release);
    guard_step();
    atomic_store_explicit(&c->read, 0, memory_order_release);
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
bool sync_chunks_put(struct sync_chunks *q, const struct sync_message *m) {
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
  return true;
}

static char *front(struct sync_chunks *q, uint32_t *word) {
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

// Takes the oldest message out; it is out when the read index has moved. Returns false when there
// is none.
bool sync_chunks_get(struct sync_chunks *q, struct sync_message *m) {
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
  return true;
}

// After a get whose count was kept: an emptied chunk goes back.
void sync_chunks_tidy(struct sync_chunks *q) {
  const struct chunk *c = chunk_at(q->first);
  if (c->read == c->write) leave_chunk(q);
}

// After a death inside a change: makes `last` right. Returns how many messages there are.
uint64_t sync_chunks_repair(struct sync_chunks *q) {
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

// Gives all chunks back. There are no messages in them.
void sync_chunks_free(struct sync_chunks *q) {
  while (q->first) {
    uint64_t next = chunk_at(q->first)->next;
    arena_free(q->first);
    q->first = next;
  }
  q->last = 0;
  arena_free(q->spare);
  q->spare = 0;
}

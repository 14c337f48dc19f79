#include "sync/heap.h"

#include "base/arena.h"

#include <string.h>

enum { KEEP = 1024 }; // slots that an empty heap may keep
#ifdef HEDDLE_STRESS
enum { FIRST_SIZE = 240 };
#else
enum { FIRST_SIZE = 1008 };
#endif

struct slot {
  _Atomic uint64_t arrival; // orders equals; 0: the slot is free
  struct sync_rank rank;
  uint64_t block, size; // its message; 0: a reference
};

// The order's `capacity` slot numbers follow the slots; the first `count` are in use.
struct heap {
  uint64_t arrivals;
  uint32_t capacity, count;
  struct slot slots[];
};

static struct heap *heap_at(uint64_t offset) { return arena_at(offset); }
static uint32_t *order_of(struct heap *h) { return (uint32_t *)(void *)(h->slots + h->capacity); }

// ranks ----------------------------------------------------------------------------------------

// As Lua compares an integer with a float: exactly. -1, 0, 1.
static int compare_mixed(int64_t i, double d) {
  if (d >= 0x1p63) return -1;
  if (d < -0x1p63) return 1;
  int64_t whole = (int64_t)d; // towards 0
  if (i != whole) return i < whole ? -1 : 1;
  double rest = d - (double)whole;
  return rest > 0 ? -1 : rest < 0;
}

static int compare(const struct sync_rank *a, const struct sync_rank *b) {
  if (a->is_real && b->is_real) return (a->as.real > b->as.real) - (a->as.real < b->as.real);
  if (a->is_real) return -compare_mixed(b->as.integer, a->as.real);
  if (b->is_real) return compare_mixed(a->as.integer, b->as.real);
  return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
}

static bool comes_before(const struct slot *a, const struct slot *b) {
  int c = compare(&a->rank, &b->rank);
  return c < 0 || (c == 0 && a->arrival < b->arrival);
}

// the order ------------------------------------------------------------------------------------

static void swap(uint32_t *order, uint32_t i, uint32_t k) {
  uint32_t slot = order[i];
  order[i] = order[k];
  guard_step();
  order[k] = slot;
  guard_step();
}

static void sift_up(struct heap *h, uint32_t i) {
  uint32_t *order = order_of(h);
  for (; i > 0; i = (i - 1) / 2) {
    if (!comes_before(&h->slots[order[i]], &h->slots[order[(i - 1) / 2]])) return;
    swap(order, i, (i - 1) / 2);
  }
}

static void sift_down(struct heap *h, uint32_t i) {
  uint32_t *order = order_of(h);
  for (uint32_t child; (child = 2 * i + 1) < h->count; i = child) {
    if (child + 1 < h->count && comes_before(&h->slots[order[child + 1]], &h->slots[order[child]]))
      child++;
    if (!comes_before(&h->slots[order[child]], &h->slots[order[i]])) return;
    swap(order, i, child);
  }
}

// growth ---------------------------------------------------------------------------------------

static uint64_t new_heap(size_t size) {
  uint64_t offset = arena_alloc(size);
  if (offset == 0) return 0;
  struct heap *h = heap_at(offset);
  h->arrivals = 0;
  h->count = 0;
  h->capacity =
      (uint32_t)((arena_block_size(offset) - sizeof *h) / (sizeof(struct slot) + sizeof(uint32_t)));
  return offset;
}

// Copies a heap into a larger one; its items are there in the same slots.
static void copy_heap(struct heap *to, struct heap *from) {
  uint32_t n = from ? from->capacity : 0;
  if (from) {
    to->arrivals = from->arrivals;
    to->count = from->count;
    memcpy(to->slots, from->slots, n * sizeof *to->slots);
    memcpy(order_of(to), order_of(from), n * sizeof(uint32_t));
  }
  memset(to->slots + n, 0, (to->capacity - n) * sizeof *to->slots);
  for (uint32_t i = n; i < to->capacity; i++)
    order_of(to)[i] = i;
}

static bool grow(uint64_t *heap) {
  uint64_t old = *heap;
  uint64_t offset = new_heap(old ? arena_block_size(old) * 2 : FIRST_SIZE);
  if (offset == 0) return false;
  copy_heap(heap_at(offset), old ? heap_at(old) : NULL);
  guard_step();
  *heap = offset; // from here on it is the one
  guard_step();
  arena_free(old);
  return true;
}

// items ----------------------------------------------------------------------------------------

// The arena block that a message is to be in.
static bool find_block(const struct sync_message *item, uint64_t *block) {
  *block = item->block;
  if (*block || !item->bytes) return true;
  *block = arena_alloc(item->size);
  if (*block) memcpy(arena_at(*block), item->bytes, item->size);
  return *block != 0;
}

// Puts an item: a message, or a reference (bytes NULL), whose slot comes back. Returns false when
// the arena is full.
bool sync_heap_put(uint64_t *heap, enum sync_order order, const struct sync_message *item,
                   uint32_t *slot) {
  uint64_t block;
  if ((*heap == 0 || heap_at(*heap)->count == heap_at(*heap)->capacity) && !grow(heap))
    return false;
  if (!find_block(item, &block)) return false;
  struct heap *h = heap_at(*heap);
  *slot = order_of(h)[h->count];
  struct slot *s = &h->slots[*slot];
  s->rank = item->rank;
  s->block = block;
  s->size = item->size;
  h->arrivals++;
  guard_step();
  s->arrival = h->arrivals;
  guard_step();
  h->count++;
  guard_step();
  if (order == SYNC_PRIORITY) sift_up(h, h->count - 1);
  return true;
}

// Takes the first item out: a message's block into `item`, and the slot it was in. The order is
// left to sync_heap_tidy. Returns false when there is none.
bool sync_heap_get(uint64_t heap, enum sync_order order, struct sync_message *item,
                   uint32_t *slot) {
  struct heap *h = heap ? heap_at(heap) : NULL;
  if (!h || h->count == 0) return false;
  *slot = order_of(h)[order == SYNC_PRIORITY ? 0 : h->count - 1];
  struct slot *s = &h->slots[*slot];
  if (item) item->block = s->block;
  if (item) item->size = s->size;
  s->arrival = 0;
  guard_step();
  return true;
}

// After a get whose count was kept: puts the order right, and gives the memory of a large heap that
// is empty back.
void sync_heap_tidy(uint64_t *heap, enum sync_order order, uint32_t slot) {
  struct heap *h = heap_at(*heap);
  h->count--;
  guard_step();
  if (h->count == 0 && h->capacity > KEEP) {
    uint64_t old = *heap;
    *heap = 0;
    guard_step();
    arena_free(old);
  } else if (order == SYNC_PRIORITY) {
    order_of(h)[0] = order_of(h)[h->count];
    guard_step();
    order_of(h)[h->count] = slot;
    guard_step();
    sift_down(h, 0);
  }
}

// After a death inside a change: makes the order from the slots. Returns how many items there are.
uint64_t sync_heap_repair(uint64_t heap, enum sync_order order) {
  if (heap == 0) return 0;
  struct heap *h = heap_at(heap);
  uint32_t n = 0, free = h->capacity;
  for (uint32_t i = 0; i < h->capacity; i++)
    n += h->slots[i].arrival != 0;
  h->count = n;
  if (order == SYNC_LIFO) return n; // nothing in it was ever moved
  for (uint32_t i = h->capacity; i-- > 0;) {
    if (h->slots[i].arrival)
      order_of(h)[--n] = i;
    else
      order_of(h)[--free] = i;
  }
  for (uint32_t i = h->count / 2; i-- > 0;)
    sift_down(h, i);
  return h->count;
}

// references that become messages --------------------------------------------------------------

// How many slots there are, used or not.
uint32_t sync_heap_slots(uint64_t heap) { return heap ? heap_at(heap)->capacity : 0; }

// The arrival of the slot's item if that is a reference; else 0.
uint64_t sync_heap_bare(uint64_t heap, uint32_t slot) {
  const struct slot *s = &heap_at(heap)->slots[slot];
  return s->block ? 0 : s->arrival;
}

// The reference is from now on the message in item->block. Returns false when it is not there any
// more.
bool sync_heap_dress(uint64_t heap, uint32_t slot, uint64_t arrival, struct sync_message *item) {
  struct slot *s = &heap_at(heap)->slots[slot];
  if (s->arrival != arrival) return false;
  s->block = item->block;
  s->size = item->size;
  return true;
}

// The slot's item is a reference again; its message comes out. Returns false where there was none.
bool sync_heap_undress(uint64_t heap, uint32_t slot, struct sync_message *item) {
  struct slot *s = &heap_at(heap)->slots[slot];
  if (s->arrival == 0 || s->block == 0) return false;
  item->block = s->block;
  item->size = s->size;
  s->block = 0;
  return true;
}

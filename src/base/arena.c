#include "base/arena.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define MAGIC 0x68656464u
enum {
  SMALLEST = 6,
  GIVE_BACK = 20
}; // powers of two: 64 bytes; from 1 MiB on pages go back when freed

static int memory = -1;

// In front of each block: what arena_free needs to know.
struct block {
  uint32_t magic;
  uint32_t power; // the block is 1 << power bytes, this header included
  uint64_t next;  // the next free one, when free
};

static bool map(int fd) {
  void *p = mmap((void *)ARENA_BASE, ARENA_SIZE, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);
  return p == (void *)ARENA_BASE;
}

// Makes the program's arena. Called once, by the root process. Returns false with errno set.
bool arena_create(void) {
  memory = memfd_create("heddle", MFD_CLOEXEC);
  if (memory < 0 || ftruncate(memory, (off_t)ARENA_SIZE) != 0 || !map(memory)) return false;
  arena->magic = MAGIC;
  arena->root_pid = (uint32_t)getpid();
  arena->top = ARENA_HEAP_AT;
  arena->wait_top = 1;
  arena->next_id = 1;
  uint64_t seed;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) return false;
  arena->seed = seed;
  return getrandom(arena->key, sizeof arena->key, 0) == sizeof arena->key;
}

// Maps the arena that `fd` refers to: for a process that was started anew. Returns false if it is
// none.
bool arena_join(int fd) {
  memory = fd;
  return map(fd) && arena->magic == MAGIC;
}

// Whether `head` looks like the first page of an arena: for one that was mapped elsewhere.
bool arena_is_head(const struct arena_head *head) { return head->magic == MAGIC; }

// The descriptor to hand to a process that is started anew.
int arena_fd(void) { return memory; }

static struct block *header(uint64_t block) { return (struct block *)arena_at(block) - 1; }

static int power_for(size_t size) {
  size_t all = size + sizeof(struct block);
  int power = SMALLEST;
  while (((size_t)1 << power) < all)
    power++;
  return power;
}

static uint64_t fresh(int power) {
  uint64_t size = (uint64_t)1 << power;
  uint64_t at = atomic_fetch_add(&arena->top, size);
  return at + size <= ARENA_SIZE ? at : 0;
}

// A dead holder leaves a class's list whole (one store commits), so nothing needs repair here.
static uint64_t recycled(struct arena_class *class) {
  if (atomic_load_explicit(&class->free, memory_order_relaxed) == 0) return 0;
  guard_lock(&class->guard);
  uint64_t at = class->free;
  if (at) class->free = ((struct block *)arena_at(at))->next;
  guard_step();
  guard_unlock(&class->guard);
  return at;
}

// Memory for `size` bytes, not cleared. Returns its offset, aligned to 16; 0 when the arena is
// full.
uint64_t arena_alloc(size_t size) {
  if (size > ARENA_SIZE / 2) return 0;
  int power = power_for(size);
  uint64_t at = recycled(&arena->classes[power]);
  if (at == 0) at = fresh(power);
  if (at == 0) return 0;
  struct block *block = arena_at(at);
  block->magic = MAGIC;
  block->power = (uint32_t)power;
  atomic_fetch_add_explicit(&arena->live, (uint64_t)1 << power, memory_order_relaxed);
  return at + sizeof *block;
}

// Its whole pages go back to the system but for the header's.
static void give_pages_back(struct block *block, size_t size) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = ((uintptr_t)(block + 1) + page - 1) & ~(page - 1);
  uintptr_t to = ((uintptr_t)block + size) & ~(page - 1);
  madvise((void *)from, to - from, MADV_REMOVE);
}

// Gives a block of arena_alloc back; 0 is ignored.
void arena_free(uint64_t offset) {
  if (offset == 0) return;
  struct block *block = header(offset);
  struct arena_class *class = &arena->classes[block->power];
  size_t size = (size_t)1 << block->power;
  if (block->power >= GIVE_BACK) give_pages_back(block, size);
  guard_lock(&class->guard);
  block->magic = 0;
  block->next = class->free;
  guard_step();
  class->free = arena_offset(block);
  guard_unlock(&class->guard);
  atomic_fetch_sub_explicit(&arena->live, size, memory_order_relaxed);
}

// Bytes that fit into a block.
size_t arena_block_size(uint64_t block) {
  return ((size_t)1 << header(block)->power) - sizeof(struct block);
}

// Whether `block` looks like a block in use with room for `size` bytes: for references that another
// process wrote.
bool arena_is_block(uint64_t block, size_t size) {
  if (block < ARENA_HEAP_AT + sizeof(struct block) || block >= arena->top || block % 16)
    return false;
  struct block *b = header(block);
  return b->magic == MAGIC && b->power < ARENA_CLASSES && arena_block_size(block) >= size;
}

// Where a free cell links to the next: at its end, so that a reaper which comes late finds no kind,
// no references and a free guard in it.
static uint32_t *link_of(uint64_t cell) { return arena_at(cell + ARENA_CELL - sizeof(uint32_t)); }

// Word by word: a reaper may be looking at what the cell held before.
static void clear_cell(uint64_t cell) {
  _Atomic uint64_t *words = arena_at(cell);
  for (size_t i = 0; i < ARENA_CELL / sizeof *words; i++)
    atomic_store_explicit(&words[i], 0, memory_order_relaxed);
}

// A cell for one shared object, cleared. Returns its offset, 0 when there are too many.
uint64_t arena_cell_alloc(void) {
  guard_lock(&arena->cell_guard);
  uint32_t index = arena->cell_free;
  if (index) {
    index--;
    arena->cell_free = *link_of(ARENA_CELL_AT + (uint64_t)index * ARENA_CELL);
  } else if (arena->cell_top < ARENA_CELLS) {
    index = arena->cell_top++;
  } else {
    guard_unlock(&arena->cell_guard);
    return 0;
  }
  guard_unlock(&arena->cell_guard);
  uint64_t cell = ARENA_CELL_AT + (uint64_t)index * ARENA_CELL;
  clear_cell(cell);
  return cell;
}

// Gives a cell back. Its first word is 0 from then on.
void arena_cell_free(uint64_t cell) {
  atomic_store((_Atomic uint64_t *)arena_at(cell), 0);
  guard_lock(&arena->cell_guard);
  *link_of(cell) = arena->cell_free;
  arena->cell_free = (uint32_t)((cell - ARENA_CELL_AT) / ARENA_CELL) + 1;
  guard_unlock(&arena->cell_guard);
}

#include "base/slab.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
  PAGE = 16 << 10,
  REGION = 2 << 20, // as large as the kernel's bigger pages
  PAGES = REGION / PAGE,
  FEW = 4,   // regions of one owner that grow page by page; further ones come as wholes
  SPARE = 4, // regions an owner keeps though it uses none of them
  KEPT = 4   // regions that wait for another owner
};

struct block {
  struct block *next;
};

// The heads of a region's pages stand together at its start, which the first page goes without.
struct slab_page {
  struct block *free;
  char *fresh, *end; // what was never handed out
  struct slab_page *next, *prev;
  uint32_t size, used;
};

struct slab_region {
  struct slab_region *next, *prev;
  uint32_t used, begun; // pages: now, ever
  bool big;             // mapped as a whole
  struct slab_page pages[PAGES];
};

static _Atomic(struct slab_region *) kept[KEPT];

static size_t steps(size_t size) { return (size + SLAB_STEP - 1) / SLAB_STEP; }

static struct slab_region *region_of(const void *at) {
  return (struct slab_region *)((uintptr_t)at & ~((uintptr_t)REGION - 1));
}

static struct slab_page *page_of(const void *block) {
  struct slab_region *region = region_of(block);
  return &region->pages[((uintptr_t)block - (uintptr_t)region) / PAGE];
}

// regions --------------------------------------------------------------------------------------

static struct slab_region *map_region(void) {
  char *at =
      mmap(NULL, (size_t)REGION * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return NULL;
  char *start = (char *)region_of(at + REGION - 1);
  if (start > at) munmap(at, (size_t)(start - at));
  munmap(start + REGION, (size_t)(at + REGION - start));
  return (struct slab_region *)start;
}

static struct slab_region *take_kept(void) {
  for (int i = 0; i < KEPT; i++) {
    if (atomic_load_explicit(&kept[i], memory_order_relaxed) == NULL) continue;
    struct slab_region *region = atomic_exchange(&kept[i], NULL);
    if (region) return region;
  }
  return NULL;
}

static void give_region_back(struct slab_region *region) {
  for (int i = 0; i < KEPT && !region->big; i++) {
    struct slab_region *none = NULL;
    if (atomic_compare_exchange_strong(&kept[i], &none, region)) return;
  }
  munmap(region, REGION);
}

static void push(struct slab_page **list, struct slab_page *page) {
  page->prev = NULL;
  page->next = *list;
  if (*list) (*list)->prev = page;
  *list = page;
}

static void unlink_page(struct slab_page **list, struct slab_page *page) {
  if (page->prev)
    page->prev->next = page->next;
  else
    *list = page->next;
  if (page->next) page->next->prev = page->prev;
}

// What is large gets big pages, of which a processor has to look up fewer.
static struct slab_region *new_region(const struct slab *slab) {
  struct slab_region *region = map_region();
  if (!region) return NULL;
  bool big = slab->busy_count >= FEW;
  madvise(region, REGION, big ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  if (big) madvise(region, REGION, MADV_POPULATE_WRITE);
  region->big = big;
  return region;
}

static struct slab_region *find_region(struct slab *slab) {
  struct slab_region *region = slab->idle;
  if (region) {
    slab->idle = region->next;
    slab->idle_count--;
    return region;
  }
  region = take_kept();
  return region ? region : new_region(slab);
}

static bool add_region(struct slab *slab) {
  struct slab_region *region = find_region(slab);
  if (!region) return false;
  region->used = region->begun = 0;
  region->prev = NULL;
  region->next = slab->busy;
  if (region->next) region->next->prev = region;
  slab->busy = region;
  slab->busy_count++;
  return true;
}

// A region with no page in use; about so many are kept as are in use: a heap grows again after each
// collection.
static void set_aside(struct slab *slab, struct slab_region *region) {
  for (uint32_t i = 0; i < region->begun; i++)
    unlink_page(&slab->empty, &region->pages[i]);
  if (region->prev)
    region->prev->next = region->next;
  else
    slab->busy = region->next;
  if (region->next) region->next->prev = region->prev;
  slab->busy_count--;
  region->next = slab->idle;
  slab->idle = region;
  slab->idle_count++;
  while (slab->idle_count > slab->busy_count + SPARE) {
    region = slab->idle;
    slab->idle = region->next;
    slab->idle_count--;
    give_region_back(region);
  }
}

// pages ----------------------------------------------------------------------------------------

// A page of no size: one that was given back, or the next of the newest region.
static struct slab_page *empty_page(struct slab *slab) {
  struct slab_page *page = slab->empty;
  if (page) {
    unlink_page(&slab->empty, page);
    return page;
  }
  if (!slab->busy || slab->busy->begun == PAGES)
    if (!add_region(slab)) return NULL;
  return &slab->busy->pages[slab->busy->begun++];
}

static struct slab_page *new_page(struct slab *slab, size_t class) {
  struct slab_page *page = empty_page(slab);
  if (!page) return NULL;
  struct slab_region *region = region_of(page);
  region->used++;
  size_t number = (size_t)(page - region->pages);
  page->free = NULL;
  page->fresh = (char *)region + number * PAGE;
  page->end = page->fresh + PAGE;
  if (number == 0) page->fresh += steps(sizeof *region) * SLAB_STEP;
  page->size = (uint32_t) class * SLAB_STEP;
  page->used = 0;
  push(&slab->room[class], page);
  return page;
}

static bool is_full(const struct slab_page *page) {
  return !page->free && page->fresh + page->size > page->end;
}

// A page with no block in use serves any size.
static void retire(struct slab *slab, struct slab_page *page) {
  struct slab_region *region = region_of(page);
  unlink_page(&slab->room[page->size / SLAB_STEP], page);
  push(&slab->empty, page);
  if (--region->used == 0) set_aside(slab, region);
}

static void *take(struct slab *slab, size_t class) {
  struct slab_page *page = slab->room[class];
  if (!page && !(page = new_page(slab, class))) return NULL;
  void *block = page->free;
  if (block) {
    page->free = page->free->next;
  } else {
    block = page->fresh;
    page->fresh += page->size;
  }
  page->used++;
  if (is_full(page)) unlink_page(&slab->room[class], page);
  return block;
}

static void give(struct slab *slab, void *at) {
  struct slab_page *page = page_of(at);
  struct block *block = at;
  bool full = is_full(page);
  block->next = page->free;
  page->free = block;
  if (full) push(&slab->room[page->size / SLAB_STEP], page);
  if (--page->used == 0 && (page->next || page->prev)) retire(slab, page);
}

// all ------------------------------------------------------------------------------------------

static void release(struct slab *slab, void *block, size_t size) {
  if (size > SLAB_LARGEST)
    free(block);
  else
    give(slab, block);
}

// Makes, enlarges, shrinks and frees blocks, as realloc does: `block` NULL, a new one; `size` 0:
// frees it and returns NULL. `old`: the block's size in bytes, as it was asked for. NULL when there
// is no memory; the block is as it was then.
void *slab_resize(struct slab *slab, void *block, size_t old, size_t size) {
  if (!block) return size > SLAB_LARGEST ? malloc(size) : size ? take(slab, steps(size)) : NULL;
  if (size == 0) {
    release(slab, block, old);
    return NULL;
  }
  if (old > SLAB_LARGEST && size > SLAB_LARGEST) return realloc(block, size);
  if (old <= SLAB_LARGEST && steps(old) == steps(size)) return block;
  void *new = size > SLAB_LARGEST ? malloc(size) : take(slab, steps(size));
  if (!new) return NULL;
  memcpy(new, block, old < size ? old : size);
  release(slab, block, old);
  return new;
}

static void give_all_back(struct slab_region *region) {
  while (region) {
    struct slab_region *next = region->next;
    give_region_back(region);
    region = next;
  }
}

// Gives everything back but what malloc gave: the owner has freed its large blocks.
void slab_end(struct slab *slab) {
  give_all_back(slab->busy);
  give_all_back(slab->idle);
  *slab = (struct slab){0};
}

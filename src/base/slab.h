// An allocator for many small blocks whose sizes the owner remembers, as Lua does: no header per
// block, and blocks of one size side by side. One owner at a time (an interpreter, under its GIL).
// A region of memory is cut into pages, a page into blocks of one size; a page that is free again
// serves any size, a free region goes back. Blocks over SLAB_LARGEST come from malloc. Source:
// mimalloc's pages with their own free lists. Not a library's, since each of those measured is
// slower here (docs/BENCHMARKS.md, timers), and a fork must find no allocator's lock held. Stands
// on the C library.
#ifndef HEDDLE_BASE_SLAB_H
#define HEDDLE_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
enum { SLAB_LARGEST = 1024 };
#else // each block is malloc's, so that a use after its end is seen
enum { SLAB_LARGEST = 0 };
#endif
enum { SLAB_STEP = 16, SLAB_CLASSES = SLAB_LARGEST / SLAB_STEP + 1 };

struct slab_page;
struct slab_region;

struct slab {
  struct slab_page *room[SLAB_CLASSES]; // by size: pages with a free block
  struct slab_page *empty;              // pages of no size
  struct slab_region *busy;             // with pages in use
  struct slab_region *idle;             // with none
  uint32_t busy_count, idle_count;
};

void *slab_resize(struct slab *slab, void *block, size_t old, size_t size);
void slab_end(struct slab *slab);

#endif

// The arena: memory that every process of the program has mapped at the same address. It holds
// whatever two interpreters may touch. This file knows its map and its allocator; what lies in the
// regions belongs to others. References inside it are offsets, so that a damaged one is caught by
// one compare. Stands on: guard (for the free lists), the kernel.
#ifndef HEDDLE_BASE_ARENA_H
#define HEDDLE_BASE_ARENA_H

#include "base/guard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef HEDDLE_TSAN
#define ARENA_BASE 0x7e8000000000u
#else
#define ARENA_BASE 0x400000000000u
#endif
#define ARENA_SIZE ((uint64_t)64 << 30)

enum { ARENA_PROCESSES = 4096, ARENA_SEATS = 16384, ARENA_CLASSES = 36, ARENA_KINDS = 16 };
enum { ARENA_CELL = 256 };
#define ARENA_CELLS ((uint32_t)1 << 20)
#define ARENA_WAITS ((uint32_t)1 << 22)
#define ARENA_WAIT_SIZE 128

// The map: each region starts where the one before ends. Untouched pages cost nothing.
#define ARENA_PROCESS_AT ((uint64_t)1 << 16)
#define ARENA_SEAT_AT (ARENA_PROCESS_AT + (uint64_t)ARENA_PROCESSES * 128)
#define ARENA_WAIT_AT (ARENA_SEAT_AT + (uint64_t)ARENA_SEATS * 256)
#define ARENA_CELL_AT (ARENA_WAIT_AT + (uint64_t)ARENA_WAITS * ARENA_WAIT_SIZE)
#define ARENA_REFS_AT (ARENA_CELL_AT + (uint64_t)ARENA_CELLS * ARENA_CELL)
#define ARENA_HEAP_AT (ARENA_REFS_AT + (uint64_t)ARENA_PROCESSES * ARENA_CELLS * 2)

struct arena_class {
  struct guard guard;
  uint32_t unused;
  _Atomic uint64_t free; // offset of the first free block, 0: none
};

// The recorder's state (room trace), on a cache line of its own: every thread reads it all the
// time.
struct arena_trace {
  _Alignas(64) _Atomic uint32_t on; // number of the recording that goes on, 0: none does
  _Atomic uint32_t recordings;      // so far
  _Atomic uint32_t records;         // that a ring has room for
  _Atomic uint32_t by_counter;      // stamps are cycle counts, else nanoseconds
  uint64_t count;                   // of cycles, at the moment
  int64_t clock;                    // of this
  _Atomic uint64_t rings;           // the newest
};

// The first page of the arena.
struct arena_head {
  uint32_t magic;
  uint32_t root_pid;
  _Atomic uint32_t layout; // a number for how the build lays all this out
  unsigned char key[16];   // of this program: marks what it made itself
  _Atomic uint64_t top;    // first byte of the heap never handed out
  _Atomic uint64_t live;   // bytes handed out and not given back
  struct arena_class classes[ARENA_CLASSES];
  struct guard cell_guard;               // of the two fields below
  _Atomic uint32_t cell_top;             // cells ever used
  _Atomic uint32_t cell_free;            // index + 1 of the first free cell, linked through its end
  struct guard wait_guard;               // of the two fields below
  _Atomic uint32_t wait_top;             // wait records ever used, from 1
  _Atomic uint32_t wait_free;            // first free record, linked through its `next`
  _Atomic uint32_t process_top;          // process slots ever used
  _Atomic uint32_t seat_top;             // seats ever used
  _Atomic uint32_t processes;            // live ones besides the root
  _Atomic uint64_t wakes;                // rings that reached a loop that slept without hope
  _Atomic uint32_t next_id;              // the next handle's id
  _Atomic uint32_t objects[ARENA_KINDS]; // shared ones of each kind so far
  _Atomic int32_t awake;                 // loops that do not sleep: a hint for spinning
  _Atomic uint32_t deadlock;             // 1: found; the root's main loop ends the program
  _Atomic uint32_t started;              // workers started so far (order of seeds)
  _Atomic uint64_t seed;                 // of heddle.seed(), a random one before that
  _Atomic uint32_t forkserver;           // process slot + 1 of the fork server, 0: none
  _Atomic uint32_t fork_request;         // there are requests for it
  _Atomic uint32_t want_forkserver;
  _Atomic uint32_t reaper_seat;  // of the root's reaper
  _Atomic uint32_t root_seat;    // of the root's main thread
  _Atomic uint32_t main_cancels; // requests to the program's main task
  uint32_t root_id;              // the id of the root's process handle
  _Atomic uint32_t view_turn;    // requests for a view of all tasks so far
  _Atomic uint32_t view_askers;  // of these not yet answered
  struct arena_trace trace;
};

#define arena ((struct arena_head *)ARENA_BASE)

// The memory at an offset; the offset of memory inside the arena.
static inline void *arena_at(uint64_t offset) { return (char *)ARENA_BASE + offset; }
static inline uint64_t arena_offset(const void *p) { return (uint64_t)(uintptr_t)p - ARENA_BASE; }

bool arena_create(void);
bool arena_join(int fd);
bool arena_is_head(const struct arena_head *head);
int arena_fd(void);
uint64_t arena_alloc(size_t size);
void arena_free(uint64_t block);
size_t arena_block_size(uint64_t block);
bool arena_is_block(uint64_t block, size_t size);
uint64_t arena_cell_alloc(void);
void arena_cell_free(uint64_t cell);

#endif

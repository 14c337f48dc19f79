// Another program's arena, seen from outside: what `heddle top` reads. The whole arena is mapped
// for reading only, at an address of its own, and nothing read there is trusted: offsets are
// checked before they are followed. Its first part, with the seats, is mapped for writing too, for
// one purpose: to set the bit that asks a loop for a view of its tasks. No guard is taken, no
// reference held and no bell changed, so a reader that is killed at any moment leaves nothing
// undone; the view that it asked for stays at the loop's seat until the next one, or until the loop
// ends. Stands on: watch, arena, seats.
#ifndef HEDDLE_WORKER_PEER_H
#define HEDDLE_WORKER_PEER_H

#include "worker/watch.h"
#include "worker/worker.h"

struct peer {
  const char *memory; // its arena, NULL: closed
  char *asking;       // the part that may be written
  int root;           // pidfd of its first process
};

enum peer_failure { PEER_FINE, PEER_NO_ACCESS, PEER_NO_ARENA, PEER_OTHER_BUILD, PEER_GONE };

uint32_t peer_layout(void);
enum peer_failure peer_open(struct peer *peer, int fd);
void peer_close(struct peer *peer);
bool peer_lives(const struct peer *peer);
uint32_t peer_ask(struct peer *peer);
void peer_nudge(struct peer *peer, uint32_t turn);
bool peer_answered(const struct peer *peer, uint32_t turn);
struct watch_block *peer_copy_view(const struct peer *peer, uint32_t seat, uint32_t turn);

// Its parts. An index that is too large stays inside the region.
static inline const struct arena_head *peer_head(const struct peer *peer) {
  return (const struct arena_head *)peer->memory;
}
static inline const struct program_process *peer_process(const struct peer *peer, uint32_t slot) {
  uint64_t at = ARENA_PROCESS_AT + (uint64_t)(slot % ARENA_PROCESSES) * 128;
  return (const struct program_process *)(peer->memory + at);
}
static inline const struct program_seat *peer_seat(const struct peer *peer, uint32_t seat) {
  uint64_t at = ARENA_SEAT_AT + (uint64_t)(seat % ARENA_SEATS) * 256;
  return (const struct program_seat *)(peer->memory + at);
}
static inline const struct park_record *peer_record(const struct peer *peer, uint32_t index) {
  uint64_t at = ARENA_WAIT_AT + (uint64_t)(index % ARENA_WAITS) * ARENA_WAIT_SIZE;
  return (const struct park_record *)(peer->memory + at);
}
static inline const struct sync_object *peer_cell(const struct peer *peer, uint32_t index) {
  uint64_t at = ARENA_CELL_AT + (uint64_t)(index % ARENA_CELLS) * ARENA_CELL;
  return (const struct sync_object *)(peer->memory + at);
}

#endif

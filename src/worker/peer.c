#include "worker/peer.h"

#include "base/futex.h"
#include "sync/lock.h"
#include "sync/queue.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// A number for how this build lays the arena out: who maps another program's arena compares it.
uint32_t peer_layout(void) {
  static const size_t sizes[] = {
      sizeof(struct arena_head),
      sizeof(struct program_process),
      sizeof(struct program_seat),
      sizeof(struct park_record),
      sizeof(struct sync_object),
      sizeof(struct sync_queue),
      sizeof(struct sync_lock),
      sizeof(struct worker),
      sizeof(struct watch_block),
      sizeof(struct task_view),
      offsetof(struct worker, id),
      ARENA_CELL_AT,
      offsetof(struct arena_head, top),
      ARENA_HEAP_AT,
      SYNC_KINDS,
  };
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    hash = (hash ^ (uint32_t)(sizes[i] ^ sizes[i] >> 32)) * 16777619u;
  return hash;
}

static void *map(int fd, uint64_t size, int rights) {
  void *p = mmap(NULL, size, rights, MAP_SHARED | MAP_NORESERVE, fd, 0);
  return p == MAP_FAILED ? NULL : p;
}

static enum peer_failure examine(struct peer *peer) {
  const struct arena_head *head = peer_head(peer);
  if (!arena_is_head(head)) return PEER_NO_ARENA;
  if (head->layout != peer_layout()) return PEER_OTHER_BUILD;
  peer->root = (int)syscall(SYS_pidfd_open, (pid_t)head->root_pid, 0);
  return peer->root >= 0 ? PEER_FINE : PEER_GONE;
}

// Maps the arena that `fd` refers to, which stays the caller's. What fails leaves nothing open.
enum peer_failure peer_open(struct peer *peer, int fd) {
  peer->root = -1;
  peer->asking = NULL;
  if (lseek(fd, 0, SEEK_END) != (off_t)ARENA_SIZE) return PEER_NO_ARENA;
  peer->memory = map(fd, ARENA_SIZE, PROT_READ);
  if (!peer->memory) return PEER_NO_ACCESS;
  enum peer_failure failure = examine(peer);
  if (failure == PEER_FINE && !(peer->asking = map(fd, ARENA_WAIT_AT, PROT_READ | PROT_WRITE)))
    failure = PEER_NO_ACCESS;
  if (failure != PEER_FINE) peer_close(peer);
  return failure;
}

// Unmaps it. May be called again.
void peer_close(struct peer *peer) {
  if (peer->memory) munmap((void *)(uintptr_t)peer->memory, ARENA_SIZE);
  if (peer->asking) munmap(peer->asking, ARENA_WAIT_AT);
  if (peer->root >= 0) close(peer->root);
  *peer = (struct peer){NULL, NULL, -1};
}

// Whether its first process has not ended.
bool peer_lives(const struct peer *peer) {
  struct pollfd fd = {.fd = peer->root, .events = POLLIN};
  return peer->memory && poll(&fd, 1, 0) == 0;
}

static bool has_loop(const struct peer *peer, const struct program_seat *seat) {
  uint32_t used = seat->used;
  return used && seat->tid > 0 && !(seat->flags & (SEAT_NO_LOOP | SEAT_LEAVING)) &&
         peer_process(peer, used - 1)->state == PROCESS_LIVE;
}

// Whether a process handles the signal by which threads are made to look: one that is about to be
// replaced, or took a dead one's number, must not get it.
static bool handles_look(int pid) {
  char path[64], line[256];
  unsigned long long caught = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "SigCgt: %llx", &caught) == 1) break;
  fclose(file);
  return caught >> (gil_look_signal() - 1) & 1;
}

// The bell is left as it is: who sleeps on it wakes, finds its bit and sleeps again. That may come
// too early, so it is done again while there is no answer.
static void nudge(struct peer *peer, uint32_t index) {
  char *at = peer->asking + ARENA_SEAT_AT + (uint64_t)index * 256;
  struct program_seat *seat = (struct program_seat *)at;
  uint32_t used = seat->used;
  if (used == 0) return;
  int32_t pid = peer_process(peer, used - 1)->pid, tid = seat->tid;
  atomic_fetch_or(&seat->attention, ATTENTION_VIEW);
  if (seat->bell & BELL_ASLEEP)
    futex_wake(&seat->bell, 1);
  else if (pid > 0 && tid > 0 && handles_look(pid))
    gil_ask_thread_to_look(pid, tid);
}

static bool is_missing(const struct peer *peer, const struct program_seat *seat, uint32_t turn) {
  return has_loop(peer, seat) && (int32_t)(seat->view_turn - turn) < 0;
}

static uint32_t seats(const struct peer *peer) {
  uint32_t top = peer_head(peer)->seat_top;
  return top < ARENA_SEATS ? top : ARENA_SEATS;
}

// Asks every loop of the program for a view of its tasks. Returns the request's number.
uint32_t peer_ask(struct peer *peer) {
  struct arena_head *head = (struct arena_head *)peer->asking;
  uint32_t turn = atomic_fetch_add(&head->view_turn, 1) + 1;
  peer_nudge(peer, turn);
  return turn;
}

// Asks those again that have not answered yet.
void peer_nudge(struct peer *peer, uint32_t turn) {
  if (!peer_lives(peer)) return;
  for (uint32_t i = 0; i < seats(peer); i++)
    if (is_missing(peer, peer_seat(peer, i), turn)) nudge(peer, i);
}

// Whether every loop has answered.
bool peer_answered(const struct peer *peer, uint32_t turn) {
  for (uint32_t i = 0; i < seats(peer); i++)
    if (is_missing(peer, peer_seat(peer, i), turn)) return false;
  return true;
}

static bool is_in_heap(const struct peer *peer, uint64_t block, uint64_t size) {
  uint64_t top = peer_head(peer)->top;
  if (top > ARENA_SIZE) top = ARENA_SIZE;
  return block >= ARENA_HEAP_AT && block % 16 == 0 && block < top && size <= top - block;
}

// A copy of the view that hangs at a seat, if it is no older than the request and did not go away
// meanwhile; else NULL. Freed by the caller with free.
struct watch_block *peer_copy_view(const struct peer *peer, uint32_t index, uint32_t turn) {
  const struct program_seat *seat = peer_seat(peer, index);
  uint64_t at = seat->view;
  if (!is_in_heap(peer, at, sizeof(struct watch_block))) return NULL;
  const struct watch_block *block = (const struct watch_block *)(peer->memory + at);
  uint32_t count = block->count;
  uint64_t size = sizeof *block + (uint64_t)count * sizeof(struct task_view);
  if (!is_in_heap(peer, at, size)) return NULL;
  struct watch_block *copy = malloc(size);
  if (!copy) return NULL;
  memcpy(copy, block, size);
  if (seat->view == at && copy->count == count && (int32_t)(copy->turn - turn) >= 0) return copy;
  free(copy);
  return NULL;
}

#include "sync/shares.h"

#include "base/arena.h"

struct share {
  uint64_t next;
  uint32_t process; // its slot; another process may take over a block that holds nothing
  uint32_t held;
};

static struct share *share_at(uint64_t offset) { return offset ? arena_at(offset) : NULL; }

// How many permits are held in all.
uint64_t sync_shares_sum(const struct sync_shares *shares) {
  uint64_t sum = 0;
  for (const struct share *s = share_at(shares->first); s; s = share_at(s->next))
    sum += s->held;
  return sum;
}

static struct share *find(const struct sync_shares *shares, uint32_t process) {
  struct share *unused = NULL;
  for (struct share *s = share_at(shares->first); s; s = share_at(s->next)) {
    if (s->process == process) return s;
    if (s->held == 0) unused = s;
  }
  return unused;
}

static struct share *add(struct sync_shares *shares, uint32_t process) {
  uint64_t block = arena_alloc(sizeof(struct share));
  if (block == 0) return NULL;
  struct share *s = share_at(block);
  *s = (struct share){.next = shares->first, .process = process};
  guard_step();
  shares->first = block;
  guard_step();
  return s;
}

// One more is held by a process. Returns false when the arena is full.
bool sync_shares_take(struct sync_shares *shares, uint32_t process) {
  struct share *s = find(shares, process);
  if (!s) s = add(shares, process);
  if (!s) return false;
  s->process = process;
  guard_step();
  s->held++;
  guard_step();
  return true;
}

// It gives one back. Returns false if it holds none.
bool sync_shares_give(struct sync_shares *shares, uint32_t process) {
  struct share *s = find(shares, process);
  if (!s || s->process != process || s->held == 0) return false;
  s->held--;
  guard_step();
  return true;
}

// A process has ended: what it held comes back. Returns how many that were.
uint64_t sync_shares_bury(struct sync_shares *shares, uint32_t process) {
  struct share *s = find(shares, process);
  if (!s || s->process != process) return 0;
  uint32_t held = s->held;
  s->held = 0;
  guard_step();
  return held;
}

// Gives the blocks back, when the object goes.
void sync_shares_free(struct sync_shares *shares) {
  while (shares->first) {
    uint64_t next = share_at(shares->first)->next;
    arena_free(shares->first);
    shares->first = next;
  }
}

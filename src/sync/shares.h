// Shares: how many of an object's permits each process holds, so that they come back when it dies.
// One number changes at a time, and the sum is never kept: there is nothing to repair. Under the
// object's guard. Stands on: arena.
#ifndef HEDDLE_SYNC_SHARES_H
#define HEDDLE_SYNC_SHARES_H

#include <stdbool.h>
#include <stdint.h>

struct sync_shares {
  uint64_t first; // offset of the first process's block, 0: none
};

uint64_t sync_shares_sum(const struct sync_shares *shares);
bool sync_shares_take(struct sync_shares *shares, uint32_t process);
bool sync_shares_give(struct sync_shares *shares, uint32_t process);
uint64_t sync_shares_bury(struct sync_shares *shares, uint32_t process);
void sync_shares_free(struct sync_shares *shares);

#endif

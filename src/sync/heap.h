// The items of a queue that is not first in, first out: lowest rank first with ties in order of
// arrival, or last in, first out. They lie in one arena block: a slot per item, and the order,
// which is a permutation of the slots. An item is in when its slot bears its arrival, and out when
// that is 0; the order is made anew from the slots after a death. Stands on: arena, message.
#ifndef HEDDLE_SYNC_HEAP_H
#define HEDDLE_SYNC_HEAP_H

#include "sync/message.h"

enum sync_order { SYNC_FIFO, SYNC_LIFO, SYNC_PRIORITY };

bool sync_heap_put(uint64_t *heap, enum sync_order order, const struct sync_message *item,
                   uint32_t *slot);
bool sync_heap_get(uint64_t heap, enum sync_order order, struct sync_message *item, uint32_t *slot);
void sync_heap_tidy(uint64_t *heap, enum sync_order order, uint32_t slot);
uint64_t sync_heap_repair(uint64_t heap, enum sync_order order);

uint32_t sync_heap_slots(uint64_t heap);
uint64_t sync_heap_bare(uint64_t heap, uint32_t slot);
bool sync_heap_dress(uint64_t heap, uint32_t slot, uint64_t arrival, struct sync_message *item);
bool sync_heap_undress(uint64_t heap, uint32_t slot, struct sync_message *item);

#endif

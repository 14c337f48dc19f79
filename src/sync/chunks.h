// Messages first in, first out, in chunks of the arena. One is in when its chunk's write index has
// moved, and out when the read index has: after a death they alone say what there is. Stands on:
// arena, message.
#ifndef HEDDLE_SYNC_CHUNKS_H
#define HEDDLE_SYNC_CHUNKS_H

#include "sync/message.h"

struct sync_chunks {
  uint64_t first, last; // chunks with messages, 0: none
  uint64_t spare;       // an empty chunk kept for the next, 0: none
};

bool sync_chunks_put(struct sync_chunks *chunks, const struct sync_message *message);
bool sync_chunks_get(struct sync_chunks *chunks, struct sync_message *message);
void sync_chunks_tidy(struct sync_chunks *chunks);
uint64_t sync_chunks_repair(struct sync_chunks *chunks);
void sync_chunks_free(struct sync_chunks *chunks);

#endif

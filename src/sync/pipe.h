// The pipe: two ends, each a shared object of its own, and between them two queues of messages, one
// for each direction. An end is at one place at a time: an interpreter has it, or a message does
// that hands it over. Each move is counted; a handle that remembers an earlier count is stale.
// Whoever holds an end closes it by dying, and so does a message with an end that is thrown away.
// Stands on: queue.
#ifndef HEDDLE_SYNC_PIPE_H
#define HEDDLE_SYNC_PIPE_H

#include "sync/queue.h"

struct sync_pipe {
  struct sync_object head;
  uint64_t in, out;        // its queues: offsets of objects
  _Atomic uint64_t moves;  // how often it was handed over, from 1
  _Atomic uint32_t holder; // slot + 1 of the process that has it; 0: a message
  uint32_t transit;        // a message has it, which nobody has begun to read
};

bool sync_pipe_create(struct sync_pipe *ends[2]);
struct sync_queue *sync_pipe_in(const struct sync_pipe *end);
struct sync_queue *sync_pipe_out(const struct sync_pipe *end);
void sync_pipe_close(struct sync_pipe *end);

void sync_pipe_send(struct sync_pipe *end);
void sync_pipe_take_back(struct sync_pipe *end);
void sync_pipe_lose(struct sync_pipe *end);
void sync_pipe_claim(struct sync_pipe *end, uint32_t process);

#endif

// Jobs and answers of a pool: two queues of messages, used in a way that tells exactly what a
// worker had when it died. Whoever takes a job writes the job's place in the queue (its number,
// from 1) into a cell of shared memory before the queue's read index moves, which commits the
// taking. After the worker's burial its cell names the only job that it can have had: a job was
// taken if the queue's count of takings has reached its place. Stands on: queue.
#ifndef HEDDLE_SYNC_JOBS_H
#define HEDDLE_SYNC_JOBS_H

#include "sync/queue.h"

// Who takes: as self->out of an attempt.
struct jobs_taker {
  struct sync_message message; // what was got; a small one is in `bytes`
  struct buffer bytes;
  _Atomic uint64_t *claim; // where the place goes, NULL: nowhere
  uint64_t place;          // of what was got
};

enum jobs_posted { JOBS_POSTED, JOBS_FULL, JOBS_CLOSED, JOBS_NO_MEMORY };

enum jobs_posted jobs_post(struct sync_queue *queue, struct sync_message *message, bool urgent,
                           uint64_t *place);
bool jobs_answer(struct sync_queue *queue, struct sync_message *message, bool quiet);
void jobs_kick(struct sync_queue *queue);
bool jobs_take(struct sync_queue *queue, struct park_self *self);
bool jobs_wait_for_room(struct sync_queue *queue, struct park_self *self);
uint64_t jobs_taken(struct sync_queue *queue);

#endif

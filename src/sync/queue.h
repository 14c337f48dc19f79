// The queue: bounded or not, closable, with a count of unfinished items; first in first out, last
// in first out, or lowest rank first.
//
// Its items are either references into one interpreter's heap (the binding keeps them; here they
// are only counted, or ordered) or messages, bytes in the arena. It begins with references and
// changes to messages, once, when it is handed to another interpreter. What holds the messages says
// what is in it after a death; all counts are made from that. Stands on: object, chunks, heap.
#ifndef HEDDLE_SYNC_QUEUE_H
#define HEDDLE_SYNC_QUEUE_H

#include "sync/chunks.h"
#include "sync/heap.h"
#include "sync/object.h"

struct sync_queue {
  struct sync_object head;
  uint32_t interp; // whose references it holds; 0: it holds messages
  uint16_t order;  // enum sync_order
  _Atomic uint16_t closed;
  uint64_t maxsize;            // 0: no limit
  _Atomic uint64_t puts, gets; // items that ever went in and out
  uint64_t dones;              // task_done calls
  struct sync_chunks chunks;   // messages first in, first out
  uint64_t heap;               // items of another order
};

enum { SYNC_GETTERS, SYNC_PUTTERS, SYNC_JOINERS };

#define SYNC_RECODE                                                                                \
  UINT64_MAX // the number of an item that is a message: the queue holds no references now

struct sync_queue *sync_queue_create(uint64_t maxsize, enum sync_order order, uint32_t interp);
bool sync_queue_put(struct sync_queue *queue, struct park_self *self);
bool sync_queue_get(struct sync_queue *queue, struct park_self *self);
bool sync_queue_peek(struct sync_queue *queue, struct park_self *self);
bool sync_queue_join(struct sync_queue *queue, struct park_self *self);
void sync_queue_leave(struct sync_queue *queue, struct park_self *self, int list);
bool sync_queue_done(struct sync_queue *queue);
void sync_queue_close(struct sync_queue *queue);
uint64_t sync_queue_size(struct sync_queue *queue);
bool sync_queue_take(struct sync_queue *queue, struct sync_message *message);
bool sync_queue_append(struct sync_queue *queue, struct sync_message *message);
void sync_queue_discard(struct sync_queue *queue);
void sync_queue_share(struct sync_queue *queue);
bool sync_queue_share_empty(struct sync_queue *queue);
void sync_set_drop(void (*drop)(const void *bytes, size_t size));
void sync_drop_block(uint64_t block, uint64_t size);
uint64_t sync_block(const void *bytes, size_t size);

#endif

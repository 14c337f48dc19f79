// The queue: bounded or not, first in first out, closable, with a count of unfinished items.
//
// Its items are either references into one interpreter's heap (the binding keeps them; here they
// are only counted) or messages, bytes in chunks of the arena. It begins with references and
// changes to messages, once, when it is handed to another interpreter. A put commits when the
// chunk's write index moves, a get when its read index moves; all counts are made from these after
// a death. Stands on: object.
#ifndef HEDDLE_SYNC_QUEUE_H
#define HEDDLE_SYNC_QUEUE_H

#include "base/buffer.h"
#include "sync/object.h"

struct sync_queue {
  struct sync_object head;
  uint32_t interp; // whose references it holds; 0: it holds messages
  uint32_t closed;
  uint64_t maxsize;     // 0: no limit
  uint64_t puts, gets;  // items that ever went in and out
  uint64_t dones;       // task_done calls
  uint64_t first, last; // chunks with messages, 0: none
  uint64_t spare;       // an empty chunk kept for the next, 0: none
};

enum { SYNC_GETTERS, SYNC_PUTTERS, SYNC_JOINERS };

// What a put brings and a get receives: messages.
struct sync_message {
  const void *bytes; // in: the message
  size_t size;
  struct buffer *into; // out: where a small one is copied to
  uint64_t
      block; // in and out: a large one, in an arena block of its own that changes hands; 0: none
};

#define SYNC_RECODE                                                                                \
  UINT64_MAX // the number of an item that is a message: the queue holds no references now
#ifdef HEDDLE_STRESS
enum { SYNC_INLINE = 128 };
#else
enum { SYNC_INLINE = 4096 }; // larger messages travel in a block of their own
#endif

struct sync_queue *sync_queue_create(uint64_t maxsize, uint32_t interp);
bool sync_queue_put(struct sync_queue *queue, struct park_self *self);
bool sync_queue_get(struct sync_queue *queue, struct park_self *self);
bool sync_queue_join(struct sync_queue *queue, struct park_self *self);
void sync_queue_leave(struct sync_queue *queue, struct park_self *self, int list);
bool sync_queue_done(struct sync_queue *queue);
void sync_queue_close(struct sync_queue *queue);
uint64_t sync_queue_size(struct sync_queue *queue);
bool sync_queue_append(struct sync_queue *queue, struct sync_message *message);
void sync_queue_discard(struct sync_queue *queue);
void sync_queue_share(struct sync_queue *queue);
void sync_set_drop(void (*drop)(const void *bytes, size_t size));
void sync_drop_block(uint64_t block, uint64_t size);
uint64_t sync_block(const void *bytes, size_t size);

#endif

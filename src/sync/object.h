// Shared objects: a cell in the arena with a guard, lists of waiters, and a name. What is generic
// is written once here: references, waiting in line, repair after a death. A kind of object adds
// its fields and four functions.
//
// Every change happens between sync_begin and sync_end. sync_end lets the kind `settle`: look at
// the object's state and kick the first waiter of each list that could go on. Settling depends on
// nothing but the state, so it is also what sets a repaired object going again. Stands on: base,
// park.
#ifndef HEDDLE_SYNC_OBJECT_H
#define HEDDLE_SYNC_OBJECT_H

#include "base/arena.h"
#include "loop/park.h"

enum sync_kind {
  SYNC_NONE,
  SYNC_LOCK,
  SYNC_QUEUE,
  SYNC_WORKER,
  SYNC_EVENT,
  SYNC_LATCH,
  SYNC_VALUE,
  SYNC_RLOCK,
  SYNC_CONDITION,
  SYNC_SEMAPHORE,
  SYNC_BARRIER,
  SYNC_RWLOCK,
  SYNC_ARRAY,
  SYNC_DICT,
  SYNC_PIPE,
  SYNC_KINDS
};
enum { SYNC_LISTS = 3, SYNC_NTH_BITS = 28 };

struct sync_object {
  _Atomic uint32_t kind;  // SYNC_NONE: the cell is free
  uint32_t number;        // unique in the program: its kind, and the how many-th of it this is
  _Atomic uint64_t refs;  // interpreters that have it, and messages that hold it
  struct guard guard;     // of what follows
  _Atomic uint32_t cycle; // this lock's cycle of waiting was reported
  uint16_t
      lone; // only threads of one interpreter reach it: with its GIL, while there is one process
  uint64_t arrivals; // orders the waiters
  struct park_list waiters[SYNC_LISTS];
  char name[40];  // given by the user; empty: the default
  char place[24]; // where it was made, file:line
};

struct sync_class {
  const char *name;                           // "Lock"
  void (*settle)(struct sync_object *object); // kick those that may go on
  void (*repair)(
      struct sync_object *object); // make fields whole after a death; NULL: they always are
  void (*release)(struct sync_object *object); // the last reference is gone
  void (*bury)(struct sync_object *object,
               uint32_t process); // a process has ended; NULL: nothing to do
  void (*describe)(struct sync_object *object, char *text, size_t size); // its state, for tostring
};

// One way to wait on an object: in which list, and what there is to take.
struct sync_wait {
  int list;
  // Under the guard, and it is the asker's turn: takes it and returns true, or returns false. Fair
  // use: no waiting.
  bool (*take)(struct sync_object *object, struct park_self *self);
  bool (*for_all)(const struct sync_object
                      *object); // whether turns do not matter any more; NULL: they always do
};

extern const struct sync_class *sync_classes[SYNC_KINDS]; // the worker room adds its own
extern const struct sync_class sync_lock_class, sync_queue_class, sync_event_class;
extern const struct sync_class sync_latch_class, sync_value_class, sync_rlock_class;
extern const struct sync_class sync_condition_class, sync_semaphore_class, sync_barrier_class;
extern const struct sync_class sync_rwlock_class, sync_array_class, sync_dict_class;
extern const struct sync_class sync_pipe_class;

struct sync_object *sync_create(enum sync_kind kind);
void sync_retain(struct sync_object *object);
bool sync_hold(struct sync_object *object);
void sync_release(struct sync_object *object);
void sync_adopt_for(struct sync_object *object, uint32_t process);
void sync_retain_message(struct sync_object *object);
void sync_release_message(struct sync_object *object);
void sync_retain_for(struct sync_object *object, uint32_t process);
bool sync_is_object(uint64_t offset);

void sync_begin(struct sync_object *object);
void sync_end(struct sync_object *object);
bool sync_attempt(struct sync_object *object, const struct sync_wait *wait, struct park_self *self);
bool sync_attempt_inside(struct sync_object *object, const struct sync_wait *wait,
                         struct park_self *self);
void sync_give_up_place(struct sync_object *object, struct park_self *self);
void sync_leave(struct sync_object *object, const struct sync_wait *wait, struct park_self *self);

bool sync_bury_process(uint32_t process);
uint32_t sync_nth(const struct sync_object *object);
void sync_leave_process(void);
void sync_label(const struct sync_object *object, char *text, size_t size);
uint32_t sync_count(void);

#endif

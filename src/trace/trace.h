// The recorder: what happened when, in rings of fixed-size records in the arena, one ring per OS
// thread that has something to tell. A ring has one writer, which commits a record by moving the
// ring's head after it was written; so a reader in any process may copy it at any time, and what a
// killed process recorded is there to its last record. A full ring loses its oldest records. Off,
// each hook costs a load of a word that nobody writes and a branch. Stands on: base.
#ifndef HEDDLE_TRACE_TRACE_H
#define HEDDLE_TRACE_TRACE_H

#include "base/arena.h"

// What a record says. Its `task` is the id of the task it is about, 0: none.
enum trace_kind {
  TRACE_OWNER = 1, // from here on the ring is this thread's: a = pid << 32 | tid, b = order << 32
                   // | seat; extra
                   // 1: it was before, too
  TRACE_TEXT,      // 16 bytes of the name of what `task` numbers: flags enum trace_text, extra
                   // which 16
  TRACE_TASK,      // a task that is about to run here: flags enum trace_task, a = its number
  TRACE_RUN,       // its slice begins
  TRACE_PARK,      // its slice ends: flags enum trace_why; a = nanoseconds it sleeps at most, or -1
  TRACE_WAIT,      // it stands in line: flags the kind of object, extra the list, a = the object's
                   // number, b = the holder's task
  TRACE_WAKE,   // it may go on: a = the task that made it so, b = this thread's seat; extra 1: it
                // was started
  TRACE_WANT,   // the thread waits for the GIL: a = the holder's seat + 1
  TRACE_HAVE,   // it has it
  TRACE_JOB,    // flags enum trace_job, a = group << 32 | number, b = the number of its kind's or
                // status's name
  TRACE_DEPTH,  // a queue's: a = the object's number, b = how many items
  TRACE_KILLED, // by the reaper: the ring's process ended, a = exit status
};
enum trace_text { TRACE_THREAD_NAME, TRACE_TASK_NAME, TRACE_OBJECT_NAME, TRACE_WORD };
enum trace_task { TRACE_IS_MAIN = 1, TRACE_IS_INTERNAL = 2, TRACE_IS_NAMED = 4 };
enum trace_why {
  TRACE_YIELDED,
  TRACE_SLEEPS,
  TRACE_IO,
  TRACE_IN_LINE,
  TRACE_JOINS,
  TRACE_DONE,
  TRACE_FAILED,
  TRACE_CANCELLED
};
enum trace_job { TRACE_QUEUED, TRACE_STARTED, TRACE_ENDED, TRACE_RESULT };

// A record as trace_read hands it out.
struct trace_record {
  int64_t at; // nanoseconds of the monotonic clock
  uint8_t kind, flags;
  uint16_t extra;
  uint32_t task;
  uint64_t a, b;
};

extern _Thread_local uint32_t trace_task; // the task that runs in this thread, while recording

// Whether the recorder is on.
static inline bool trace_on(void) {
#ifdef HEDDLE_NO_RECORDER // to measure what asking costs
  return false;
#endif
  return __builtin_expect(atomic_load_explicit(&arena->trace.on, memory_order_relaxed) != 0, 0);
}

void trace_write(enum trace_kind kind, unsigned flags, unsigned extra, uint32_t task, uint64_t a,
                 uint64_t b);

// Records an event, if the recorder is on.
static inline void trace_event(enum trace_kind kind, unsigned flags, uint32_t task, uint64_t a,
                               uint64_t b) {
  if (trace_on()) trace_write(kind, flags, 0, task, a, b);
}

bool trace_is_named(enum trace_text what, uint32_t id);
void trace_remember(enum trace_text what, uint32_t id);
void trace_name(enum trace_text what, uint32_t id, const char *text);
uint32_t trace_word(const char *text);

void trace_start(uint32_t records);
void trace_stop(void);
void trace_thread_begin(const char *name, uint32_t order);
void trace_thread_end(void);
void trace_after_fork(void);
void trace_bury(uint32_t process, int status);

uint64_t trace_ring(uint64_t after);
bool trace_open(uint64_t ring, uint64_t *first, uint64_t *head, uint64_t *lost);
bool trace_read(uint64_t ring, uint64_t index, struct trace_record *record);

#endif

// The program's processes and seats, in the arena. A process slot stands for an OS process; a seat
// for an OS thread of it that may take guards and, if it runs a loop, be rung. Slots and seats of a
// dead process are used again only after it was buried. Stands on: arena, guard, futex.
#ifndef HEDDLE_BASE_PROGRAM_H
#define HEDDLE_BASE_PROGRAM_H

#include "base/arena.h"

enum process_state { PROCESS_FREE, PROCESS_STARTING, PROCESS_LIVE, PROCESS_DEAD };

#define PROGRAM_REQUESTED                                                                          \
  UINT32_MAX // as a parent: the fork server that takes the request will be it

struct program_process {
  _Atomic uint32_t state;
  _Atomic uint32_t parent; // slot of the process that must reap it
  _Atomic int32_t pid;
  _Atomic int32_t status;  // meaningful when dead: exit status, or minus the signal's number
  _Atomic uint64_t worker; // the shared object that stands for it, 0: none
  _Atomic int64_t orphan;  // when its parent died; the root has yet to look after it. 0: no
  _Atomic int32_t doomed;  // the last signal sent to it, also one sent before it had a pid
  uint32_t lasting;        // its parent's thread that starts it ends only with the whole parent
  uint32_t order;          // how many workers were started before it
  char name[32];
};

// What a seat's thread is doing, as others see it. Anything but AWAKE: it must be rung.
enum seat_bell {
  BELL_AWAKE = 0,
  BELL_ASLEEP = 1,   // on the word itself
  BELL_POLLING = 2,  // on descriptors: the ring is a byte on its pipe
  BELL_HOPELESS = 4, // nothing but a ring can wake it (with one of the above)
};

// CATCHING: its loop has signal handlers. LEAVING: its worker has ended, and only the OS thread is
// still on its way out.
enum seat_flags { SEAT_NO_LOOP = 1, SEAT_ISOLATE = 2, SEAT_CATCHING = 4, SEAT_LEAVING = 8 };

// Why a loop is asked to look up: wake-ups may have been lost with a dead process; its worker has a
// request; Ctrl-C, or a deadlock; somebody wants to see its tasks; it has another name; a signal
// with a handler came; a helper thread is done with a job.
enum seat_attention {
  ATTENTION_RESCAN = 1,
  ATTENTION_WORKER = 2,
  ATTENTION_SIGNAL = 4,
  ATTENTION_VIEW = 8,
  ATTENTION_NAME = 16,
  ATTENTION_CAUGHT = 32,
  ATTENTION_BACK = 64,
  ATTENTION_READY = 128,
};

struct program_seat {
  struct guard_at at;
  _Atomic uint32_t used;       // process slot + 1, 0: free
  _Atomic uint32_t generation; // grows each time the seat is given to a thread
  _Atomic uint32_t bell;
  _Atomic uint32_t inbox;     // newest wait record that was kicked from elsewhere
  _Atomic uint32_t attention; // the loop has a request to look at beside its inbox
  _Atomic uint32_t flags;
  _Atomic int32_t bell_fd; // write end of the bell's pipe, -1: none yet
  _Atomic int32_t tid;
  _Atomic uint64_t view;      // block with the latest view of the loop's tasks, 0: none
  _Atomic uint32_t view_turn; // the request that the last view was written for
  _Atomic uint64_t jobs_done; // jobs that its thread has ended
  _Atomic int64_t lock_wait;  // nanoseconds that its tasks have waited for locks
  _Atomic uint32_t main_task; // id of its thread's own function, 0: it runs none yet
  char name[32];
};

extern _Thread_local uint32_t program_seat_index; // this thread's
extern uint32_t program_slot;                     // this process's

uint32_t program_process_alloc(uint32_t parent);
void program_process_free(uint32_t slot);
struct program_process *program_process(uint32_t slot);
bool program_signal(uint32_t slot, int signal);

uint32_t program_seat_alloc(uint32_t process, uint32_t flags);
void program_seat_free(uint32_t seat);
void program_seat_sit(uint32_t seat);
bool program_owner_died(uint32_t owner);
struct program_seat *program_seat(uint32_t seat);

void program_ring(uint32_t seat);
void program_ring_all(void);
void program_forget_bells(void);
void program_ask(uint32_t seat, uint32_t attention);
void program_ring_process(uint32_t slot);

void program_bury_guards(uint32_t slot);
void program_bury_seats(uint32_t slot);

#endif

// The loop: one per OS thread that runs Lua. It runs ready tasks, wakes sleepers, takes in what
// other threads kicked, and sleeps on its bell with the GIL given up when there is nothing to do.
// An interpreter is one Lua heap with its GIL; a task is a coroutine bound to a loop.
// Stands on: base, park, gil, timer. What of it needs Lua is in interp_lua.c and task.c.
#ifndef HEDDLE_LOOP_LOOP_H
#define HEDDLE_LOOP_LOOP_H

#include "base/slab.h"
#include "loop/gil.h"
#include "loop/park.h"
#include "loop/timer.h"

typedef struct lua_State lua_State;

struct interp {
  lua_State *main;
  struct gil gil;
  struct loop *loops; // all of them, under the GIL
  _Atomic int loop_count;
  uint32_t id;                         // unique in the program
  struct slab slab;                    // where its memory comes from
  size_t memory, memory_cap;           // bytes in use; the cap, 0: none
  bool overdraw;                       // the cap does not count now
  const void *task_meta, *failed_meta; // the metatables of tasks
  char **sources;                      // words that tasks refer to: files, kinds of jobs
  uint32_t source_count;
  uint32_t names[4];                // the last number of Task-n, Thread-n, Isolate-n, Process-n
  void *luv;                        // luv's context, NULL until it is opened
  void (*adopt)(struct loop *loop); // then: what each take of the GIL does
  void (*left)(struct loop *loop);  // and each release
  uint32_t timer_names;             // the last number of Timer-n
  struct sync_handle *handles;      // of shared objects, in the heap
};

enum { LOOP_SPARES = 64, LOOP_FRESH = 32 };
enum task_state {
  TASK_NEW,
  TASK_READY,
  TASK_RUNNING,
  TASK_PARKED,
  TASK_DONE,
  TASK_FAILED,
  TASK_CANCELLED
};
// Why a task was asked to stop.
enum task_reason { REASON_CANCEL, REASON_INTERRUPTED, REASON_DAEMON };
enum task_wake { WAKE_KICK = 1, WAKE_TIME = 2, WAKE_CANCEL = 4 };

// How to wait for one kind of thing. None of these may raise but finish.
struct loop_op {
  const char *name; // of the function, for messages
  bool (*attempt)(void *object,
                  struct park_self *self); // take it, or enlist; NULL: only time ends it
  void (*leave)(void *object, struct park_self *self); // give the place in line up
  int (*finish)(lua_State *L, void *object, struct park_self *self, bool got); // push the results
  void (*describe)(void *object, char *text, size_t size);                     // what is waited for
};

// A task, as userdata in its interpreter. Uservalue 1: first its function (with several arguments:
// a list of all), while it runs its coroutine, then the results (one value, or a list) or the
// error; 2: a table of name, traceback, locals; 3: until it runs its only argument.
struct task {
  lua_State *co;     // from its first slice on: until then it needs none
  struct loop *loop; // NULL once it has ended
  struct task *next; // in the ready list, or among those that wait for a descriptor
  struct park_list joiners;
  struct deadline *deadlines; // the innermost that the task is in
  uint32_t number;            // of its default name
  uint16_t process;           // slot of the process it was made in
  uint16_t source;            // where it was started: the file (see handle_keep_word)
  int32_t line;               // and the line
  uint8_t reason;             // enum task_reason, of the last cancel
  uint8_t state, wake;
  uint8_t watch_for; // enum fds_event
  bool listed;       // in the undescribed list
  bool daemon, named, internal;
  bool asked;     // somebody has asked for its result
  bool hard;      // is being stopped for good
  bool main;      // the loop's own function: the thread's, isolate's or process's
  bool of_luv;    // calls back for luv
  uint8_t budget; // while it is being stopped for good: how much its clean-up may still run
  uint16_t shields;
  uint16_t cancels;  // requests not yet raised
  uint16_t job_kind; // the kind of the job that it does (see handle_keep_word), 0: none
  int32_t results;   // how many; before it runs: how many arguments
  uint32_t job;      // that job's number + 1, 0: none
  struct timer timer;
  struct watched *watch;    // while it waits for a descriptor
  const struct loop_op *op; // while it waits
  void *object;
  lua_State *parked_in;  // the coroutine that waits: the task's own or a user's inside it
  struct park_self self; // its id and ticket always, the rest while it waits
};

struct loop {
  struct interp *interp;
  lua_State *base;   // this OS thread's own state; runs nothing but the loop
  struct loop *next; // in the interpreter's list
  uint32_t seat;
  uint32_t id; // unique in the program
  struct task *ready_first, *ready_last;
  struct task *current;
  uint32_t *undescribed; // tickets of tasks parked since it last slept
  uint32_t undescribed_count, undescribed_cap;
  struct timers timers;
  struct task **tasks;          // by ticket; NULL: free
  uint32_t task_cap, task_free; // first free ticket to look at
  uint32_t fresh[LOOP_FRESH];   // waiter records described since it last slept
  int fresh_count;
  uint32_t live, daemons;         // tasks not ended; of these daemons
  lua_State *spares[LOOP_SPARES]; // coroutines for tasks to come, kept in the list `pool`
  int spare_count, pool_size;
  int pool;       // registry reference of that list
  int anchor;     // registry reference of the table that keeps the live tasks
  bool suspended; // the coroutine that just yielded was parked by the engine
  bool chain_ok;  // every coroutine around the running one can be suspended
  bool stopping;  // the main function has ended: daemons are being cancelled
  struct task *main_task;
  struct fds *fds;                // what it waits for beside its bell, NULL until first needed
  int64_t looked;                 // when it last looked at them
  struct loop_uv *uv;             // libuv's loop of this thread, NULL until first needed
  uint32_t calling;               // tasks that call back for luv
  struct call *calls, *last_call; // timers and signal handlers that are set
  uint32_t catching;              // of these signal handlers
  uint32_t holds;                 // what keeps the thread beside its tasks: timers, listeners
  uint32_t listeners;             // of these listeners
  bool swept;                     // listeners nobody can reach have been looked for
  bool released;                  // nothing keeps it any more: it is being stopped
  struct task *resting;           // the task that waits for the holds to end
  _Atomic uint32_t jobs;          // given to helper threads, not yet back
  struct offload *back;           // jobs that are, under the helpers' mutex
  struct gil_figures figures;     // this thread's share of the GIL
  void *worker;                   // the worker room's own record of this thread
  int model;                      // index into the names of models
  lua_State *running;             // what ran when the GIL was given up
  int luck;                       // above 0: spinning before sleep has paid lately
  unsigned sleeps;                // how often it slept without having spun
  int bell_pipe[2];               // read and write end, -1 until it polls
};

extern _Thread_local struct loop *loop_self;

struct interp *loop_interp_new(size_t memory_cap);
struct loop *loop_new(struct interp *interp, uint32_t seat);
void loop_interp_free(struct interp *interp);
void loop_detach(struct loop *loop);
void loop_free(struct loop *loop);
void loop_forget_parent(struct interp *interp);
void loop_run(struct loop *loop, struct task *until);
void loop_enter(struct loop *loop);
void loop_leave(struct loop *loop);
void loop_idle(struct loop *loop);
void loop_take_in(struct loop *loop);
void loop_heed_cancels(struct loop *loop);
void loop_ready(struct loop *loop, struct task *task);
bool loop_held(struct loop *loop);
void loop_hold(struct loop *loop, bool listener);
void loop_unhold(struct loop *loop, bool listener);
void loop_release(struct loop *loop);

void loop_set_attention(void (*attend)(struct loop *loop, uint32_t why));
void loop_set_deadlock_checks(void (*all)(void), void (*cycle)(uint32_t record));

#endif

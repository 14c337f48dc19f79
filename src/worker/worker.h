// Workers: threads, isolates and processes. Each has a shared object of kind "worker", which is
// what its handle and its own side have in common: its state, the requests to it, the message it
// starts with and the one it ends with. A thread's function and results stay in its interpreter;
// the others' travel as messages.
//
// The starter makes the object and the seat; the worker's own thread sits down, works, leaves its
// outcome and ends. A process that comes to its end does, too, before it exits; one that is cut off
// has ended when its parent has reaped and buried it. Stands on: base, value, loop, sync.
#ifndef HEDDLE_WORKER_WORKER_H
#define HEDDLE_WORKER_WORKER_H

#include "base/program.h"
#include "loop/task.h"
#include "sync/object.h"

enum worker_model { MODEL_TASK, MODEL_THREAD, MODEL_ISOLATE, MODEL_PROCESS };
enum worker_outcome { OUTCOME_NONE, OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_CANCELLED, OUTCOME_DIED };
enum worker_method { METHOD_FORK, METHOD_SPAWN, METHOD_FORKSERVER };

struct worker {
  struct sync_object head; // waiters[0]: those who wait for its end
  uint8_t model, daemon, asked, method;
  uint8_t standing;         // for what the program or interpreter began with
  _Atomic uint32_t ended;   // nothing of it runs any more
  _Atomic uint32_t outcome; // enum worker_outcome, set before it ends
  _Atomic uint32_t seat;    // its own thread's seat + 1 while it lives
  _Atomic uint32_t cancels; // requests made so far
  _Atomic uint32_t hard;    // one was for good; a process not yet begun: the signal it ends with
  uint32_t process;         // a process: its slot + 1
  _Atomic int32_t pid;
  int32_t exit_code; // a process: as h:exitcode()
  uint32_t id, order;
  char by[16];                // who asked it last to stop
  uint32_t parent;            // id of the thread, isolate or process that started it
  uint32_t starter;           // slot of the process that started it
  uint64_t memory, cpu;       // limits, 0: none
  uint64_t start, start_size; // block with the message it starts with, 0: taken
  uint32_t paths_size;        // of the message behind that: the paths of `require`
  uint32_t start_claimed;     // what that message holds is the worker's process's
  uint64_t end, end_size;     // block with its results, or its error and traceback
};

extern const struct sync_class worker_class;

void worker_init_root(void);
void worker_init_process(void);
void worker_set_opener(void (*open)(lua_State *L));
struct loop *worker_open_interpreter(size_t memory_cap);
void worker_end_root(struct loop *loop);
void worker_kill_all(void);
void worker_set_entry(struct task *task);
void worker_set_foreground(struct task *task);
uint32_t worker_interrupts(void);
uint32_t worker_interrupts_seen(void);
void worker_forget_interrupts(void);
void worker_claim_start(struct worker *worker, uint32_t process);
void worker_drop_start(struct worker *worker);
bool worker_is_start(int argc, char **argv, int *status);

// worker.c: the object
struct worker *worker_create(enum worker_model model);
void worker_finish(struct worker *worker, enum worker_outcome outcome);
bool worker_begun(const struct worker *worker);
bool worker_attempt_end(void *object, struct park_self *self);
void worker_leave_end(void *object, struct park_self *self);
bool worker_cancel(struct worker *worker, bool hard);
void worker_drop_message(uint64_t *block, uint64_t size);
const char *worker_status(const struct worker *worker);

// run_lua.c: its work
void worker_open_libraries(lua_State *L);
void worker_thread_end(void);
void worker_starter_end(void); // worker_lua.c
bool worker_open_now(struct loop *loop);
void worker_seed(lua_State *L, uint32_t order);
void worker_run(struct loop *loop, struct worker *worker);
enum worker_outcome worker_run_thread(struct loop *loop, struct worker *worker);
void worker_own_loop(struct loop *loop, uint32_t seat);

// the models
bool worker_start_thread(struct worker *worker, struct interp *interp);
bool worker_start_isolate(struct worker *worker);
bool worker_start_process(struct worker *worker);

// the start methods of processes
int process_fork(uint32_t slot, uint32_t seat);
int process_spawn(uint32_t slot, uint32_t seat);
int process_forkserver(uint32_t slot, uint32_t seat);
_Noreturn void process_child(struct loop *loop, uint32_t slot);
int32_t process_pid(struct worker *worker);
void process_pid_known(struct worker *worker, int32_t pid);
void process_install_signals(void);
void process_adopt_slot(uint32_t slot, uint32_t seat, uint32_t parent_pid);
_Noreturn void process_serve_forks(uint32_t seat);
bool process_start_image(const char *role, uint32_t slot, uint32_t seat, int *pid);

// reaper.c, deadlock.c
bool reaper_start(void);
void reaper_forget(void);
void reaper_bury(uint32_t slot, int status);
bool reaper_watch(uint32_t slot, int pid);
void reaper_ask_forkserver(void);
int reaper_reap_strangers(void);
void deadlock_check(void);
void deadlock_check_cycle(uint32_t record);

// The gate around libc's and OpenSSL's locks, which a fork takes for writing: threads that run
// without the GIL pass it.
void gate_enter(void);
void gate_leave(void);
void gate_close(void);
void gate_open(void);
void gate_renew(void);

#endif

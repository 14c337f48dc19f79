// Work that can't be waited for by a descriptor (files, name resolution) goes to helper threads,
// which touch no Lua; the task that asked waits, the others go on. Threads are started as jobs wait
// and end when they have been idle for a moment. A job whose task gives up waiting ends by itself.
// Stands on: loop, park.
#ifndef HEDDLE_LOOP_OFFLOAD_H
#define HEDDLE_LOOP_OFFLOAD_H

#include "loop/loop.h"

// The beginning of a job's own struct, allocated by malloc.
struct offload {
  void (*work)(struct offload *job);              // on a helper thread
  void (*drop)(struct offload *job);              // frees it
  int (*push)(lua_State *L, struct offload *job); // pushes its results and frees it; may raise
  struct offload *next;
  struct loop *loop; // NULL: nobody waits for it
  struct task *task;
  bool done;
};

int offload_wait(lua_State *L, const char *function, struct offload *job, double timeout);
void offload_take_back(struct loop *loop);
void offload_after_fork(void);

#endif

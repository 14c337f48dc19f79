// The start method "fork": the child goes on in the parent's heap, as the forking thread alone.
#include "worker/worker.h"

#include "sync/object_lua.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The child's loop: the parent's, with a new seat and no tasks; its other threads are not here.
static struct loop *make_own(struct loop *loop, uint32_t seat) {
  struct interp *interp = loop->interp;
  lua_State *L = interp->main;
  interp->loops = loop;
  interp->loop_count = 1;
  interp->id = atomic_fetch_add(&arena->next_id, 1);
  gil_running = NULL;
  gil_init(&interp->gil);
  gil_take(&interp->gil);
  loop->next = NULL;
  loop->seat = seat;
  loop->bell_pipe[0] = loop->bell_pipe[1] = -1;
  loop->worker = NULL;
  loop->suspended = false;
  task_drop_all(loop);
  loop->base = gil_new_coroutine(L);
  luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  loop->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  loop->pool = luaL_ref(L, LUA_REGISTRYINDEX);
  loop->spare_count = loop->pool_size = 0;
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, "heddle.workers");
  return loop;
}

static _Noreturn void become_child(struct loop *loop, uint32_t slot, uint32_t seat, pid_t parent, const sigset_t *old) {
  park_after_fork();
  reaper_forget();
  process_adopt_slot(slot, seat, (uint32_t)parent);
  loop = make_own(loop, seat);
  gate_renew();
  pthread_sigmask(SIG_SETMASK, old, NULL);
  process_child(loop, slot);
}

// Forks for a worker. Returns the child's pid, -1 with errno set; never in the child.
int process_fork(lua_State *L, struct worker *w, uint32_t slot, uint32_t seat) {
  sigset_t all, old;
  pid_t parent = getpid();
  (void)w;
  object_retain_all_for(L, slot);
  if (loop_self->interp->loop_count == 1) fflush(NULL);
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  gate_close();
  pid_t pid = fork();
  if (pid == 0) become_child(loop_self, slot, seat, parent, &old);
  gate_open();
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (pid > 0) {
    program_process(slot)->pid = pid;
    reaper_watch(slot, pid);
  }
  return pid;
}

#include "base/arena.h"
#include "loop/call.h"
#include "loop/fds.h"
#include "loop/offload.h"
#include "loop/signal.h"
#include "loop/task.h"
#include "loop/uv_lua.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// interpreters ---------------------------------------------------------------------------------

static void *allocate(void *context, void *block, size_t old, size_t size) {
  struct interp *interp = context;
  if (!block) old = 0;
  bool capped = interp->memory_cap && !interp->overdraw;
  if (capped && size > old && interp->memory + size - old > interp->memory_cap) return NULL;
  void *result = slab_resize(&interp->slab, block, old, size);
  if (result || size == 0) interp->memory += size - old;
  return result;
}

static int panic(lua_State *L) {
  fprintf(stderr, "heddle: unprotected error: %s\n", luaL_tolstring(L, -1, NULL));
  return 0;
}

// A new interpreter without libraries, its GIL held by nobody. `memory_cap` in bytes, 0: none.
// NULL: no memory.
struct interp *loop_interp_new(size_t memory_cap) {
  struct interp *interp = calloc(1, sizeof *interp);
  if (!interp) return NULL;
  interp->memory_cap = memory_cap;
  interp->id = atomic_fetch_add(&arena->next_id, 1);
  interp->main = lua_newstate(allocate, interp);
  if (!interp->main) {
    slab_end(&interp->slab);
    free(interp);
    return NULL;
  }
  lua_atpanic(interp->main, panic);
  memset(gil_extra(interp->main), 0, LUA_EXTRASPACE);
  gil_init(&interp->gil);
  return interp;
}

// loops ----------------------------------------------------------------------------------------

// A loop for this thread in an interpreter whose GIL the caller holds. `seat`: sat on by this
// thread already. Raises on lack of memory.
struct loop *loop_new(struct interp *interp, uint32_t seat) {
  struct loop *loop = calloc(1, sizeof *loop);
  if (!loop) luaL_error(interp->main, "not enough memory");
  loop->interp = interp;
  loop->seat = seat;
  loop->id = atomic_fetch_add_explicit(&arena->next_id, 1, memory_order_relaxed);
  loop->bell_pipe[0] = loop->bell_pipe[1] = -1;
  lua_State *L = interp->main;
  lua_newtable(L);
  loop->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  loop->pool = luaL_ref(L, LUA_REGISTRYINDEX);
  if (interp->loops) {
    loop->base = gil_new_coroutine(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, loop);
  } else {
    loop->base = L; // the first thread of an interpreter works on its main state
  }
  loop->next = interp->loops;
  interp->loops = loop;
  atomic_fetch_add(&interp->loop_count, 1);
  atomic_fetch_add(&arena->awake, 1);
  loop_self = loop;
  if (interp->adopt) interp->adopt(loop);
  return loop;
}

static void unlink_loop(struct loop *loop) {
  struct interp *interp = loop->interp;
  struct loop **link = &interp->loops;
  while (*link != loop)
    link = &(*link)->next;
  *link = loop->next;
  lua_State *L = interp->main;
  luaL_unref(L, LUA_REGISTRYINDEX, loop->anchor);
  luaL_unref(L, LUA_REGISTRYINDEX, loop->pool);
  if (interp->luv && loop->base != L) { // luv's work contexts remember who made them
    lua_rawgetp(L, LUA_REGISTRYINDEX, loop);
    luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, loop);
  atomic_fetch_sub(&interp->loop_count, 1);
  if (interp->gil.last == loop) interp->gil.last = NULL;
}

// In a forked child, signals blocked: lets go of everything that the parent's loops wait for.
void loop_forget_parent(struct interp *interp) {
  signal_after_fork();
  offload_after_fork();
  loop_uv_forget(interp);
  for (struct loop *loop = interp->loops; loop; loop = loop->next) {
    call_drop_all(loop);
    fds_free(loop);
    loop->back = NULL;
    loop->jobs = 0;
    loop->calling = 0;
    loop->resting = NULL;
    loop->released = false;
  }
}

// Closes an interpreter that has no loop.
void loop_interp_free(struct interp *interp) {
  if (interp->main) lua_close(interp->main);
  while (interp->source_count > 0)
    free(interp->sources[--interp->source_count]);
  free(interp->sources);
  slab_end(&interp->slab);
  free(interp);
}

// What the loop's thread has open beside its tasks.
static void end_loop(struct loop *loop) {
  if (loop->interp->left) loop->interp->left(loop);
  atomic_fetch_sub(&arena->awake, 1);
  call_drop_all(loop);
  offload_take_back(loop);
  loop_uv_close(loop);
}

static void free_loop(struct loop *loop) {
  struct gil *gil = &loop->interp->gil;
  task_drop_all(loop);
  fds_free(loop);
  loop_self = NULL;
  gil_release(gil, false);
  free(loop->uv);
  free(loop);
}

// Ends a loop and gives the GIL up, which its thread holds. The interpreter stays, if need be
// without a loop.
void loop_detach(struct loop *loop) {
  end_loop(loop);
  unlink_loop(loop);
  free_loop(loop);
}

// The same; the last one out closes the interpreter.
void loop_free(struct loop *loop) {
  struct interp *interp = loop->interp;
  if (interp->loops != loop || loop->next) {
    loop_detach(loop);
    return;
  }
  end_loop(loop);
  lua_close(interp->main);
  interp->main = NULL;
  free_loop(loop);
  loop_interp_free(interp);
}

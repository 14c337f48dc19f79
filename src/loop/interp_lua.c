#include "base/arena.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// interpreters ---------------------------------------------------------------------------------

static void *allocate(void *context, void *block, size_t old, size_t size) {
  struct interp *interp = context;
  if (!block) old = 0;
  if (interp->memory_cap && size > old && interp->memory + size - old > interp->memory_cap)
    return NULL;
  if (size == 0) {
    free(block);
    interp->memory -= old;
    return NULL;
  }
  void *result = realloc(block, size);
  if (result) interp->memory += size - old;
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
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, loop);
  atomic_fetch_sub(&interp->loop_count, 1);
  if (interp->gil.last == loop) interp->gil.last = NULL;
}

// Closes an interpreter that has no loop.
void loop_interp_free(struct interp *interp) {
  if (interp->main) lua_close(interp->main);
  while (interp->source_count > 0)
    free(interp->sources[--interp->source_count]);
  free(interp->sources);
  free(interp);
}

static void free_loop(struct loop *loop) {
  struct gil *gil = &loop->interp->gil;
  if (loop->bell_pipe[0] >= 0) {
    close(loop->bell_pipe[0]);
    close(loop->bell_pipe[1]);
  }
  task_drop_all(loop);
  free(loop->fds);
  free(loop->fd_tickets);
  loop_self = NULL;
  gil_release(gil, false);
  free(loop);
}

// Ends a loop and gives the GIL up, which its thread holds. The interpreter stays, if need be
// without a loop.
void loop_detach(struct loop *loop) {
  atomic_fetch_sub(&arena->awake, 1);
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
  atomic_fetch_sub(&arena->awake, 1);
  lua_close(interp->main);
  interp->main = NULL;
  free_loop(loop);
  loop_interp_free(interp);
}

// libuv and luv in the loop. An OS thread gets its libuv loop when its interpreter has luv open and
// it takes the GIL; others pay nothing. The loop never sleeps inside uv_run: it runs what is due
// with the GIL held, and polls libuv's descriptor beside its own. luv's context, one per
// interpreter, is set to the thread's own loop and state at each take of the GIL. Callbacks become
// tasks, which run inside uv_run until they wait. The engine keeps no handle of its own on libuv's
// loop. Stands on: loop, fds, task, libuv, luv.
#ifndef HEDDLE_LOOP_UV_LUA_H
#define HEDDLE_LOOP_UV_LUA_H

#include "loop/loop.h"

bool loop_uv_run(struct loop *loop);
void loop_uv_called(struct loop *loop);
bool loop_uv_alive(const struct loop *loop);
bool loop_uv_hopes(const struct loop *loop);
int64_t loop_uv_next(const struct loop *loop);
void loop_uv_close(struct loop *loop);
void loop_uv_forget(struct interp *interp);

int loop_open_luv(lua_State *L);

#endif

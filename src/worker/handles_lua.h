// What the binding files of workers share: their handles. A handle's uservalue 1 is a table: the
// function and its arguments (1 .. n) until it starts, then `task` (a thread's main task) or
// `results` (a list with n), `error` and `trace` (copies, once asked for), `source` and `line` (of
// the start), `locals`.
// Stands on: worker, object_lua, Lua.
#ifndef HEDDLE_WORKER_HANDLES_LUA_H
#define HEDDLE_WORKER_HANDLES_LUA_H

#include "sync/object_lua.h"
#include "worker/worker.h"

extern const char *const worker_model_names[];
extern const char *const worker_method_names[];
extern int worker_default_method; // -1: fork, or forkserver while other threads run

struct worker *worker_at(lua_State *L, int arg);
struct worker *worker_self(lua_State *L, const char *function);
const char *worker_kind(const struct worker *w);
bool worker_is_thread(const struct loop *loop);
struct loop *worker_main_loop(void);
void worker_open_handles(lua_State *L);

// What this interpreter has started.
void worker_push_all(lua_State *L);
void worker_remember(lua_State *L, int handle, struct worker *w);
void worker_forget(lua_State *L, struct worker *w);
void worker_push_live(lua_State *L, int model);

// start_lua.c
int worker_model_upvalue(lua_State *L);
int worker_method_named(lua_State *L, int arg, const char *function);
int worker_other_threads(void);
int worker_f_start(lua_State *L);
int worker_f_new(lua_State *L);
int worker_m_start(lua_State *L);

// outcome_lua.c
int worker_m_join(lua_State *L);
int worker_m_result(lua_State *L);
int worker_m_traceback(lua_State *L);
int worker_m_gc(lua_State *L);
int worker_f_report_unread(lua_State *L);

#endif

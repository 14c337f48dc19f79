// Tasks: their life from creation to result, and how a binding makes one wait.
// Stands on: loop, park, timer, gil, Lua.
#ifndef HEDDLE_LOOP_TASK_H
#define HEDDLE_LOOP_TASK_H

#include "loop/loop.h"

#include <lua.h>

struct task *task_new(lua_State *L, struct loop *loop);
void task_admit(lua_State *L, struct task *task, int handle, int arguments);
void task_begin(lua_State *L, struct task *task, int handle, int arguments);
struct task *task_check(lua_State *L, int arg, const char *function);
struct task *task_test(lua_State *L, int arg);
bool task_ended(const struct task *task);
void task_run(struct loop *loop, struct task *task);
void task_run_within(struct loop *loop, struct task *task);
bool task_cancel(struct task *task, enum task_reason reason, bool hard);
bool task_cancel_now(lua_State *L, struct task *task, bool hard);
void task_note_canceller(struct task *task, const char *by);
void task_write_canceller(lua_State *L, char *text, size_t size);
const char *task_cancel_reason(const struct task *task);
void task_push_cancelled(lua_State *L, const char *reason, const char *by);
bool task_is_cancelled(lua_State *L, int arg);
bool task_interrupted(const struct task *task);
void task_raise_pending(lua_State *L, struct task *task);
void task_push(lua_State *L, struct loop *loop, struct task *task);
void task_push_name(lua_State *L, int handle);
void task_push_extras(lua_State *L, int handle);
void task_write_name(lua_State *L, struct loop *loop, struct task *task, char *text, size_t size);
void task_describe(struct loop *loop);
void task_describe_where(lua_State *co, char *text, size_t size);
void task_trace_run(struct loop *loop, struct task *task);
void task_trace_stop(struct loop *loop, struct task *task);
int task_traceback(lua_State *L);
int task_keep_traceback(lua_State *L);
void task_drop_all(struct loop *loop);
void task_forget_all(struct loop *loop);
void task_collect(struct loop *loop);

bool loop_may_block(lua_State *L);
void loop_check_may_block(lua_State *L, const char *function);
int loop_cannot_block(lua_State *L, const char *function);
int loop_block(lua_State *L, const struct loop_op *op, void *object, struct park_self *ask,
               double timeout);
int loop_sleep(lua_State *L, const char *function, double seconds);
int loop_yield(lua_State *L, lua_KFunction k);
int loop_wait_fd(lua_State *L, int fd, short events, lua_KFunction k);

void task_open(lua_State *L);
void task_cancel_open(lua_State *L);

#endif

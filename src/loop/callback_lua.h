// Callbacks: functions of the program that the loop calls, each as a task of its own. An error in
// one goes to stderr with its traceback, and the program goes on. Stands on: task, Lua.
#ifndef HEDDLE_LOOP_CALLBACK_LUA_H
#define HEDDLE_LOOP_CALLBACK_LUA_H

#include "loop/task.h"

struct task *callback_new(lua_State *L, struct loop *loop, int arguments, bool daemon);
void callback_begin(lua_State *L, struct loop *loop, int arguments, bool daemon);

#endif

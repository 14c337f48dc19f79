// What the handles of all models have in common on their way to Lua: options, the place of the
// start, error texts. Stands on: task, Lua.
#ifndef HEDDLE_LOOP_HANDLE_LUA_H
#define HEDDLE_LOOP_HANDLE_LUA_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct interp;

void handle_check_options(lua_State *L, int arg, const char *function, const char *const *known);
int handle_split(lua_State *L, const char *function, const char *const *known);
bool handle_option_flag(lua_State *L, const char *function, const char *key);
bool handle_wants_hard(lua_State *L, int arg, const char *function);
bool handle_option_name(lua_State *L, const char *function);
uint16_t handle_keep_word(struct interp *interp, const char *word);
uint16_t handle_started_at(lua_State *L, int *line);
void handle_write_place(const struct interp *interp, uint16_t source, int line, char *text,
                        size_t size);
void handle_push_place(lua_State *L, uint16_t source, int line);
void handle_join_trace(lua_State *L, int error);
int handle_raise(lua_State *L);
void handle_push_report(lua_State *L, const char *kind);
void handle_note_failure(lua_State *L, int handle);
void handle_report_failures(lua_State *L);
void handle_open(lua_State *L, const char *meta, const luaL_Reg *methods, lua_CFunction index,
                 lua_CFunction tostring);

#endif

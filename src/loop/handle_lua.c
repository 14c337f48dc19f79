#include "loop/handle_lua.h"

#include "base/text.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SOURCES = 4096 };

static bool is_known(const char *key, const char *const *known) {
  for (; *known; known++)
    if (strcmp(key, *known) == 0) return true;
  return false;
}

// Checks that the value at `arg` is a table of known options; `known` is ended by NULL.
void handle_check_options(lua_State *L, int arg, const char *function, const char *const *known) {
  if (!lua_istable(L, arg))
    loop_misuse(L, "bad-argument", "%s: options: a table expected, got %s", function,
                loop_typename(L, arg));
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    if (key && is_known(key, known)) continue;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (const char *const *k = known; *k; k++) {
      if (k != known) luaL_addstring(&b, ", ");
      luaL_addstring(&b, *k);
    }
    luaL_pushresult(&b);
    loop_misuse(L, "unknown-option", "%s: options: unknown option '%s' (there are: %s)", function,
                key ? key : luaL_typename(L, -3), lua_tostring(L, -1));
  }
}

// Sorts out `([options,] fn, ...)`: leaves the options table (or nil) at 1, the function at 2, its
// arguments after it. Returns how many arguments there are. `known` lists the option keys, ended by
// NULL.
int handle_split(lua_State *L, const char *function, const char *const *known) {
  if (lua_istable(L, 1) && lua_isfunction(L, 2)) {
    handle_check_options(L, 1, function, known);
  } else {
    lua_pushnil(L);
    lua_insert(L, 1);
  }
  if (!lua_isfunction(L, 2))
    loop_misuse(L, "bad-argument", "%s: fn: a function expected, got %s", function,
                loop_typename(L, 2));
  return lua_gettop(L) - 2;
}

// Reads a yes-or-no option of the table at 1; false if it is not given.
bool handle_option_flag(lua_State *L, const char *function, const char *key) {
  if (lua_isnil(L, 1)) return false;
  int type = lua_getfield(L, 1, key);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    loop_misuse(L, "bad-option", "%s: %s: true or false expected, got %s", function, key,
                loop_typename(L, -1));
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

// Reads {hard=} of the table at `arg`, which may be missing. `function`: "thread:cancel" and the
// like.
bool handle_wants_hard(lua_State *L, int arg, const char *function) {
  static const char *const known[] = {"hard", NULL};
  if (lua_isnoneornil(L, arg)) return false;
  if (!lua_istable(L, arg))
    loop_misuse(L, "bad-argument", "%s: options: a table such as {hard=true} expected, got %s",
                function, loop_typename(L, arg));
  handle_check_options(L, arg, function, known);
  int type = lua_getfield(L, arg, "hard");
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    loop_misuse(L, "bad-option", "%s: hard: true or false expected, got %s", function,
                loop_typename(L, -1));
  bool hard = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return hard;
}

// Pushes the option `name` of the table at 1, or nil. Returns whether it is given.
bool handle_option_name(lua_State *L, const char *function) {
  if (lua_isnil(L, 1)) {
    lua_pushnil(L);
    return false;
  }
  int type = lua_getfield(L, 1, "name");
  if (type != LUA_TNIL && type != LUA_TSTRING)
    loop_misuse(L, "bad-option", "%s: name: a string expected, got %s", function,
                loop_typename(L, -1));
  return type == LUA_TSTRING;
}

// A number for a word that tasks refer to, the file they were started in or the kind of their job;
// 0 if there is no room. interp->sources has the words.
uint16_t handle_keep_word(struct interp *interp, const char *word) {
  for (uint32_t i = interp->source_count; i-- > 0;) // the last one is the likeliest
    if (strcmp(interp->sources[i], word) == 0) return (uint16_t)(i + 1);
  if (interp->source_count == MOST_SOURCES) return 0;
  char **sources = realloc(interp->sources, (interp->source_count + 1) * sizeof *sources);
  if (!sources) return 0;
  interp->sources = sources;
  sources[interp->source_count] = strdup(word);
  return sources[interp->source_count] ? (uint16_t)++interp->source_count : 0;
}

// Where the running function was called: sets the line, returns a number for the file. Cheap: the
// text is made by handle_push_place when it is wanted.
uint16_t handle_started_at(lua_State *L, int *line) {
  lua_Debug ar;
  *line = 0;
  if (!lua_getstack(L, 1, &ar)) return 0;
  lua_getinfo(L, "Sl", &ar);
  *line = ar.currentline;
  return ar.currentline > 0 ? handle_keep_word(loop_self->interp, ar.short_src) : 0;
}

// Pushes such a place as `file:line`, or "?".
void handle_push_place(lua_State *L, uint16_t source, int line) {
  if (source == 0 || !loop_self)
    lua_pushliteral(L, "?");
  else
    lua_pushfstring(L, "%s:%d", loop_self->interp->sources[source - 1], line);
}

// Writes such a place, without its folder; "?" if it is unknown.
void handle_write_place(const struct interp *interp, uint16_t source, int line, char *text,
                        size_t size) {
  if (source)
    text_place(text, size, interp->sources[source - 1], line);
  else
    text_copy(text, size, "?");
}

// joined tracebacks ----------------------------------------------------------------------------

#define TRACE_HEAD "stack traceback:\n"

// The traceback that a worker's error brought along in its text; NULL: none.
static const char *trace_inside(const char *text) {
  const char *at = text ? strstr(text, "\n" TRACE_HEAD) : NULL;
  return at ? at + 1 : NULL;
}

// The tracebacks of errors that are no strings, by the error.
static void push_traces(lua_State *L) {
  if (!luaL_getsubtable(L, LUA_REGISTRYINDEX, "heddle.traces")) {
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
  }
}

static bool is_object(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TTABLE || lua_type(L, index) == LUA_TUSERDATA;
}

// Pushes the traceback that came with the error at `error` from a worker further in, or nil.
static void push_inner_trace(lua_State *L, int error) {
  error = lua_absindex(L, error);
  if (is_object(L, error)) {
    push_traces(L);
    lua_pushvalue(L, error);
    lua_rawget(L, -2);
    lua_replace(L, -2);
  } else {
    lua_pushstring(L,
                   lua_type(L, error) == LUA_TSTRING ? trace_inside(lua_tostring(L, error)) : NULL);
  }
}

// With a traceback on top: puts before it the one that came with the error at `error` from a worker
// further in, so that both are one.
void handle_join_trace(lua_State *L, int error) {
  push_inner_trace(L, error);
  if (lua_type(L, -1) != LUA_TSTRING) {
    lua_pop(L, 1);
    return;
  }
  const char *own = lua_tostring(L, -2);
  if (strncmp(own, TRACE_HEAD, strlen(TRACE_HEAD)) == 0) own += strlen(TRACE_HEAD);
  lua_pushfstring(L, "%s\n%s", lua_tostring(L, -1), own);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

// With [error][traceback or nil] on top: adds the traceback to a string in place of the one that is
// in there; with any other error it is kept for who joins it. Pops the traceback.
static void attach_trace(lua_State *L) {
  const char *text = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
  if (lua_type(L, -1) == LUA_TSTRING && text) {
    const char *inner = trace_inside(text);
    if (inner)
      lua_pushlstring(L, text, (size_t)(inner - text - 1));
    else
      lua_pushvalue(L, -2);
    lua_pushliteral(L, "\n");
    lua_pushvalue(L, -3);
    lua_concat(L, 3);
    lua_replace(L, -3);
  } else if (lua_type(L, -1) == LUA_TSTRING && is_object(L, -2)) {
    push_traces(L);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

// With [error][joined traceback or nil] on top: raises the error, a string with its traceback.
int handle_raise(lua_State *L) {
  attach_trace(L);
  return lua_error(L);
}

// With [name][error][traceback or nil] on top: replaces them by the report of an error nobody asked
// for.
void handle_push_report(lua_State *L, const char *kind) {
  if (lua_type(L, -2) != LUA_TSTRING) {
    luaL_tolstring(L, -2, NULL);
    lua_replace(L, -3);
  }
  attach_trace(L);
  lua_pushfstring(L, "heddle: %s %s failed, and nobody asked for its result: %s\n", kind,
                  lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

// The handle's worker or task has failed: if nobody asks for its result until the program or
// process ends, handle_report_failures finds it, unless it was collected before.
void handle_note_failure(lua_State *L, int handle) {
  handle = lua_absindex(L, handle);
  if (!luaL_getsubtable(L, LUA_REGISTRYINDEX, "heddle.failures")) {
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
  }
  lua_pushvalue(L, handle);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

// Reports the failures that were noted and that nobody asked for. A handle's finalizer does it.
void handle_report_failures(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, "heddle.failures");
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pop(L, 1);
    luaL_getmetafield(L, -1, "__gc");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
  }
  lua_pop(L, 1);
}

// Makes a metatable for handles: `index` gets the methods as its upvalue 1, so that Lua may add to
// them.
void handle_open(lua_State *L, const char *meta, const luaL_Reg *methods, lua_CFunction index,
                 lua_CFunction tostring) {
  luaL_getmetatable(L, meta);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    luaL_newmetatable(L, meta);
  }
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "methods");
  lua_pushcclosure(L, index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}

#include "loop/misuse_lua.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Pushes where the misuse is: the line that called, past the library's own in Lua.
static void push_place(lua_State *L) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (strncmp(ar.source, "@heddle/", 8) == 0) continue;
    if (ar.currentline <= 0) break;
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
    return;
  }
  lua_pushliteral(L, "");
}

// Raises `position: text [code]`. The text names the function, the argument and what would be
// right. Never returns.
int loop_misuse(lua_State *L, const char *code, const char *fmt, ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  push_place(L);
  lua_pushfstring(L, "%s [%s]", text, code);
  lua_concat(L, 2);
  return lua_error(L);
}

// What a value is, in the words of messages: its type, or "a negative number", "NaN", "nothing".
const char *loop_typename(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TNUMBER)
    return lua_isnone(L, arg) ? "nothing" : luaL_typename(L, arg);
  lua_Number n = lua_tonumber(L, arg);
  return n != n ? "NaN" : n < 0 ? "a negative number" : "a number";
}

// Reads an argument in seconds: a number, not negative, not NaN.
double loop_seconds(lua_State *L, int arg, const char *function, const char *what) {
  lua_Number n = lua_tonumber(L, arg);
  if (lua_type(L, arg) != LUA_TNUMBER || !(n >= 0))
    loop_misuse(L, "bad-time", "%s: %s: a number of seconds >= 0 expected, got %s", function, what,
                loop_typename(L, arg));
  return n;
}

// Reads an optional time-out: seconds, or -1 (no end) for nil.
double loop_timeout(lua_State *L, int arg, const char *function) {
  if (lua_gettop(L) < arg) return -1;
  return lua_isnil(L, arg) ? -1 : loop_seconds(L, arg, function, "timeout");
}

#include "io/http_head_lua.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#define HEADERS_META "heddle.http.headers"

// Pushes an empty table of header fields.
void http_head_new(lua_State *L) {
  lua_createtable(L, 0, 4);
  luaL_setmetatable(L, HEADERS_META);
}

// Pushes the metatable of such tables: a C function for Lua, which completes it.
int http_head_class(lua_State *L) {
  luaL_newmetatable(L, HEADERS_META);
  return 1;
}

static void push_lower(lua_State *L, const char *name, size_t size) {
  char few[64];
  luaL_Buffer b;
  char *lower = size <= sizeof few ? few : luaL_buffinitsize(L, &b, size);
  for (size_t i = 0; i < size; i++)
    lower[i] = (char)tolower((unsigned char)name[i]);
  if (lower == few)
    lua_pushlstring(L, few, size);
  else
    luaL_pushresultsize(&b, size);
}

// Adds a field to the table on top of the stack. Values of one name are joined by ", ", those of
// set-cookie by newlines, since they hold commas.
void http_head_add(lua_State *L, const char *name, size_t name_size, const char *value,
                   size_t value_size) {
  push_lower(L, name, name_size);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushlstring(L, value, value_size);
  } else {
    bool cookie = strcmp(lua_tostring(L, -2), "set-cookie") == 0;
    lua_pushstring(L, cookie ? "\n" : ", ");
    lua_pushlstring(L, value, value_size);
    lua_concat(L, 3);
  }
  lua_rawset(L, -3);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void add_line(lua_State *L, const char *line, const char *end) {
  const char *colon = memchr(line, ':', (size_t)(end - line));
  if (!colon || colon == line) return;
  const char *value = colon + 1;
  while (value < end && is_blank(*value))
    value++;
  while (end > value && is_blank(end[-1]))
    end--;
  http_head_add(L, line, (size_t)(colon - line), value, (size_t)(end - value));
}

// Pushes the fields of a response's header lines; the first is the status line.
void http_head_parse(lua_State *L, const char *lines, size_t size) {
  const char *all = lines + size;
  http_head_new(L);
  for (bool first = true; lines < all; first = false) {
    const char *end = memchr(lines, '\n', (size_t)(all - lines));
    if (!end) end = all;
    if (!first) add_line(L, lines, end);
    lines = end + 1;
  }
}

// `heddle.native.value`: the codec for Lua, and the registry of classes.
#include <lauxlib.h>

#include "value/names.h"
#include "value/value.h"

// Gives the buffer's memory back when its userdata is closed or collected.
static int free_buffer(lua_State *L) {
  buffer_free(lua_touserdata(L, 1));
  return 0;
}

// Pushes a userdata that is an empty buffer.
static struct buffer *push_buffer(lua_State *L) {
  struct buffer *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
  *buffer = (struct buffer){0};
  if (luaL_newmetatable(L, "heddle.value.buffer")) {
    lua_pushcfunction(L, free_buffer);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return buffer;
}

// encode(...) -> the message that holds the arguments, as a string.
// Raises `can't copy args[i]…: TYPE`.
static int f_encode(lua_State *L) {
  int count = lua_gettop(L);
  struct buffer *buffer = push_buffer(L);
  value_encode(L, 1, count, "args", buffer);
  lua_pushlstring(L, (const char *)buffer->data, buffer->len);
  buffer_free(buffer);
  return 1;
}

// decode(message) -> the values in it, which takes the references that the message holds.
// Raises `damaged message: …` and what `require` raises.
static int f_decode(lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  return value_decode(L, bytes, len);
}

// drop(message): gives back the references of a message that nobody will decode.
static int f_drop(lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  value_drop(bytes, len);
  return 0;
}

// class(name, metatable) -> metatable: objects with this metatable keep it across interpreters,
// where it has the same name; where the name is not known yet the copy that arrives gets it.
// Raises [bad-argument].
static int f_class(lua_State *L) {
  size_t len = 0;
  if (lua_type(L, 1) == LUA_TSTRING) lua_tolstring(L, 1, &len);
  if (len == 0)
    return luaL_error(L, "heddle.class: name: a non-empty string expected, got %s [bad-argument]",
                      lua_type(L, 1) == LUA_TSTRING ? "an empty one" : luaL_typename(L, 1));
  if (!lua_istable(L, 2))
    return luaL_error(L, "heddle.class: metatable: a table expected, got %s [bad-argument]",
                      luaL_typename(L, 2));
  value_set_class(L, 1, 2);
  lua_settop(L, 2);
  return 1;
}

// modules_changed(): what is loaded, or a module's functions, may have changed.
static int f_modules_changed(lua_State *L) {
  value_modules_changed(L);
  return 0;
}

static const luaL_Reg functions[] = {
    {"class", f_class},
    {"decode", f_decode},
    {"drop", f_drop},
    {"encode", f_encode},
    {"modules_changed", f_modules_changed},
    {NULL, NULL},
};

// Opens `heddle.native.value`. Returns 1, the module.
int luaopen_heddle_native_value(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}

#include "io/io_lua.h"

#include <string.h>

// Returns nil, the message of an errno, its name; `what`, or NULL, stands before the message.
int io_fail(lua_State *L, const char *what, int error) {
  const char *name = strerrorname_np(error);
  lua_pushnil(L);
  lua_pushfstring(L, what ? "%s: %s" : "%s%s", what ? what : "", strerror(error));
  lua_pushstring(L, name ? name : "?");
  return 3;
}

// Returns nil, "closed".
int io_closed(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  return 2;
}

// Returns nil, "timeout".
int io_timeout(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "timeout");
  return 2;
}

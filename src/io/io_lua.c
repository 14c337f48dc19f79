#include "io/io_lua.h"

#include "io/address.h"

#include <arpa/inet.h>
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

// Pushes an address as its text.
void address_push(lua_State *L, const struct address *address) {
  char host[INET6_ADDRSTRLEN];
  switch (address->to.any.sa_family) {
  case AF_INET:
    inet_ntop(AF_INET, &address->to.v4.sin_addr, host, sizeof host);
    lua_pushfstring(L, "%s:%d", host, address_port(address));
    break;
  case AF_INET6:
    inet_ntop(AF_INET6, &address->to.v6.sin6_addr, host, sizeof host);
    lua_pushfstring(L, "[%s]:%d", host, address_port(address));
    break;
  default:
    lua_pushfstring(L, "unix:%s", address->to.local.sun_path);
  }
}

// Makes a class of closable objects: `index` gets its methods as upvalue 1.
void io_class(lua_State *L, const char *meta, const luaL_Reg *methods, lua_CFunction index,
              lua_CFunction tostring, lua_CFunction close) {
  luaL_newmetatable(L, meta);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushcclosure(L, index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

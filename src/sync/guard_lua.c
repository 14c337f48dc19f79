#include "sync/guard_lua.h"

#include "loop/misuse_lua.h"

#define GUARD_META "heddle.guard"

struct guard_handle {
  struct sync_object *object; // NULL: given back
  guard_give_back give_back;
};

// Pushes a guard of the object whose handle is at 1, and "abandoned" if so. Returns how many
// values.
int guard_push(lua_State *L, struct sync_object *object, guard_give_back give_back,
               bool abandoned) {
  struct guard_handle *guard = lua_newuserdatauv(L, sizeof *guard, 1);
  guard->object = object;
  guard->give_back = give_back;
  luaL_setmetatable(L, GUARD_META);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); // keeps the object alive
  if (!abandoned) return 1;
  lua_pushliteral(L, "abandoned");
  return 2;
}

// guard:release(), and the end of its block: gives back, once.
static int m_release(lua_State *L) {
  struct guard_handle *guard = luaL_testudata(L, 1, GUARD_META);
  if (!guard)
    return loop_misuse(L, "bad-self",
                       "guard:release: self: a guard expected, got %s (call it with a colon)",
                       loop_typename(L, 1));
  struct sync_object *object = guard->object;
  if (!object) return 0;
  guard->give_back(L, object);
  guard->object = NULL;
  return 0;
}

static int m_tostring(lua_State *L) {
  const struct guard_handle *guard = luaL_checkudata(L, 1, GUARD_META);
  char label[80] = "released";
  if (guard->object) sync_label(guard->object, label, sizeof label);
  lua_pushfstring(L, "guard (%s)", label);
  return 1;
}

// Makes the guards' metatable in an interpreter.
void guard_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"release", m_release}, {"__close", m_release}, {"__tostring", m_tostring}, {NULL, NULL}};
  if (luaL_newmetatable(L, GUARD_META)) {
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}

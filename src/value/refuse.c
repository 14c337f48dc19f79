// The search for what can't be copied, and its path: only when a message has been refused, so it
// may take its time. It goes through the values in breadth, so the path found is a shortest one.
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "value/names.h"
#include "value/objects.h"
#include "value/refuse.h"
#include "value/value.h"

// How an object was reached from the one that holds it.
enum step { STEP_ROOT, STEP_FIELD, STEP_KEY, STEP_META, STEP_UPVALUE, STEP_KINDS };

enum { SHOWN_STEPS = 24, SHOWN_KEY = 40 };

// The search's tables on the Lua stack, above `base`. Number i of each: an object met, how it was
// reached (number of its holder * STEP_KINDS + step), by which key, upvalue's name, or root's
// number.
enum { OBJECTS = 1, STEPS, KEYS, MET, TABLES = MET };

struct search {
  lua_State *L;
  int base;
  const char *root;
  struct names *names;
  lua_Integer count;
};

struct path {
  size_t len;
  char text[1536]; // SHOWN_STEPS of the longest
};

// --- the path ---------------------------------------------------------------------------------

static void add(struct path *path, const char *text) {
  size_t room = sizeof path->text - 1 - path->len, len = strlen(text);
  len = len < room ? len : room;
  memcpy(path->text + path->len, text, len);
  path->len += len;
  path->text[path->len] = '\0';
}

static bool is_name(const char *text, size_t len) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return len > 0 && len <= SHOWN_KEY && strspn(text, letters) == len &&
         !(*text >= '0' && *text <= '9');
}

// Adds a string in quotes, shortened, without the bytes that could disturb a terminal.
static void add_quoted(struct path *path, const char *text, size_t len) {
  add(path, "[\"");
  for (size_t i = 0; i < len && i < SHOWN_KEY; i++) {
    unsigned char byte = (unsigned char)text[i];
    char shown[5] = {(char)byte};
    if (byte == '"' || byte == '\\')
      snprintf(shown, sizeof shown, "\\%c", byte);
    else if (byte < ' ' || byte == 0x7f)
      snprintf(shown, sizeof shown, "\\%03d", byte);
    add(path, shown);
  }
  add(path, len > SHOWN_KEY ? "...\"]" : "\"]");
}

// Adds the step by the key at the top of the stack.
static void add_key(lua_State *L, struct path *path) {
  size_t len;
  char number[48];
  if (lua_type(L, -1) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, -1, &len);
    if (!is_name(text, len)) {
      add_quoted(path, text, len);
      return;
    }
    add(path, ".");
    add(path, text);
    return;
  }
  if (lua_isinteger(L, -1))
    snprintf(number, sizeof number, "[" LUA_INTEGER_FMT "]", lua_tointeger(L, -1));
  else if (lua_isnumber(L, -1))
    snprintf(number, sizeof number, "[" LUA_NUMBER_FMT "]", lua_tonumber(L, -1));
  else if (lua_isboolean(L, -1))
    snprintf(number, sizeof number, "[%s]", lua_toboolean(L, -1) ? "true" : "false");
  else
    snprintf(number, sizeof number, "[%s]", luaL_typename(L, -1));
  add(path, number);
}

// Adds the root whose number is at the top of the stack. The function that is started has no name:
// its upvalues are roots.
static void add_root(struct search *s, struct path *path) {
  lua_Integer number = lua_tointeger(s->L, -1);
  const char *root = s->root;
  char text[64];
  bool starts = strcmp(root, "fn") == 0;
  if (starts) {
    root = "args";
    if (--number == 0) return;
  }
  if (starts || strcmp(root, "args") == 0 || strcmp(root, "results") == 0)
    snprintf(text, sizeof text, "%.32s[" LUA_INTEGER_FMT "]", root, number);
  else
    snprintf(text, sizeof text, "%.32s", root);
  add(path, text);
}

// Adds a step; its key is at the top of the stack.
static void add_step(struct search *s, struct path *path, enum step step) {
  switch (step) {
  case STEP_ROOT:
    add_root(s, path);
    break;
  case STEP_FIELD:
    add_key(s->L, path);
    break;
  case STEP_KEY:
    add(path, ": key");
    break;
  case STEP_META:
    add(path, ": metatable");
    break;
  default:
    add(path, path->len > 0 ? ": upvalue " : "upvalue ");
    add(path, lua_tostring(s->L, -1));
  }
}

// Pushes the steps' numbers as a list, the last step first; returns how many.
static lua_Integer push_chain(struct search *s, lua_Integer number) {
  lua_State *L = s->L;
  lua_Integer length = 0;
  lua_newtable(L);
  while (number > 0) {
    lua_pushinteger(L, number);
    lua_rawseti(L, -2, ++length);
    lua_rawgeti(L, s->base + STEPS, number);
    number = lua_tointeger(L, -1) / STEP_KINDS;
    lua_pop(L, 1);
  }
  return length;
}

// Writes the path of an object; of a long one only both ends.
static void write_path(struct search *s, lua_Integer number, struct path *path) {
  lua_State *L = s->L;
  lua_Integer length = push_chain(s, number);
  for (lua_Integer i = length; i > 0; i--) {
    lua_Integer from_root = length - i;
    if (from_root == SHOWN_STEPS / 2 && i > SHOWN_STEPS / 2) {
      add(path, "...");
      i = SHOWN_STEPS / 2;
    }
    lua_rawgeti(L, -1, i);
    lua_Integer at = lua_tointeger(L, -1);
    lua_rawgeti(L, s->base + STEPS, at);
    lua_rawgeti(L, s->base + KEYS, at);
    add_step(s, path, (enum step)(lua_tointeger(L, -2) % STEP_KINDS));
    lua_pop(L, 3);
  }
  lua_pop(L, 1);
}

// What the value at the top of the stack is called: a table that is bound has a name of its own.
static const char *type_of(lua_State *L) {
  if (lua_type(L, -1) != LUA_TTABLE || !lua_getmetatable(L, -1)) return luaL_typename(L, -1);
  lua_pushliteral(L, "__uncopyable");
  lua_rawget(L, -2);
  const char *name = lua_tostring(L, -1); // kept by the metatable
  lua_pop(L, 2);
  return name ? name : "table";
}

// The user's line stands before it, but none of the library's own.
static int refuse(lua_State *L, const char *path, const char *type) {
  luaL_where(L, 1);
  if (strncmp(lua_tostring(L, -1), "heddle/", 7) == 0) lua_pushliteral(L, "");
  lua_pushfstring(L, "can't copy %s: %s", path, type);
  lua_concat(L, 2);
  return lua_error(L);
}

// Raises the refusal of object number `number`, which is at the top of the stack.
static int raise_refusal(struct search *s, lua_Integer number) {
  struct path path = {0};
  const char *type = type_of(s->L);
  write_path(s, number, &path);
  if (path.len == 0) add(&path, "the function to start");
  return refuse(s->L, path.text, type);
}

// --- the search -------------------------------------------------------------------------------

// Is what is at the top of the stack one of heddle's shared objects?
static bool is_shared(lua_State *L) {
  uint64_t reference;
  const struct value_shared *ops = value_shared_ops();
  return lua_type(L, -1) == LUA_TUSERDATA && ops && ops->identify(L, lua_gettop(L), &reference);
}

// Does the value at the top of the stack cross by name, or as the receiver's globals?
static bool has_name(struct search *s) {
  const void *object = lua_topointer(s->L, -1);
  if (object == s->names->globals) return true;
  const struct name *name = value_names_of_top(s->L, s->names);
  return name && name->kind != NAME_CLASS;
}

static bool is_bound(lua_State *L) {
  if (!lua_getmetatable(L, -1)) return false;
  bool bound = value_is_bound(L);
  lua_pop(L, 1);
  return bound;
}

// Can the value at the top of the stack not be copied, whatever is in it?
static bool is_refused(struct search *s) {
  switch (lua_type(s->L, -1)) {
  case LUA_TFUNCTION:
    return lua_iscfunction(s->L, -1) && !has_name(s);
  case LUA_TUSERDATA:
    return !is_shared(s->L);
  case LUA_TTABLE:
    return is_bound(s->L);
  case LUA_TLIGHTUSERDATA:
  case LUA_TTHREAD:
    return true;
  default:
    return false;
  }
}

// Has the value at the top of the stack parts that are still to be looked at? Marks it as met.
static bool is_new(struct search *s) {
  lua_State *L = s->L;
  if (!(lua_istable(L, -1) || (lua_isfunction(L, -1) && !lua_iscfunction(L, -1))) || has_name(s))
    return false;
  lua_pushvalue(L, -1);
  bool met = lua_rawget(L, s->base + MET) != LUA_TNIL;
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_pushboolean(L, 1);
  lua_rawset(L, s->base + MET);
  return !met;
}

// Looks at the value at the top of the stack, reached from object `holder` by the key at the index
// `key`, and pops it. Raises if that is it.
static void look_at(struct search *s, lua_Integer holder, enum step step, int key) {
  lua_State *L = s->L;
  bool refused = is_refused(s);
  if (refused || is_new(s)) {
    lua_Integer number = ++s->count;
    lua_pushvalue(L, -1);
    lua_rawseti(L, s->base + OBJECTS, number);
    lua_pushinteger(L, holder * STEP_KINDS + step);
    lua_rawseti(L, s->base + STEPS, number);
    lua_pushvalue(L, key);
    lua_rawseti(L, s->base + KEYS, number);
    if (refused) raise_refusal(s, number);
  }
  lua_pop(L, 1);
}

// Looks at the parts of the table at the top of the stack, which is object `number`.
static void look_into_table(struct search *s, lua_Integer number) {
  lua_State *L = s->L;
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table);) {
    look_at(s, number, STEP_FIELD, table + 1);
    lua_pushvalue(L, -1);
    look_at(s, number, STEP_KEY, table + 1);
  }
  if (lua_getmetatable(L, table)) look_at(s, number, STEP_META, table);
}

static void look_into_function(struct search *s, lua_Integer number) {
  lua_State *L = s->L;
  int function = lua_gettop(L);
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, function, i)); i++) {
    if (strcmp(name, "_ENV") == 0) {
      lua_pop(L, 1);
      continue;
    }
    if (strcmp(name, "(no name)") == 0)
      lua_pushfstring(L, "#%d", i);
    else
      lua_pushstring(L, name);
    lua_insert(L, -2);
    look_at(s, number, STEP_UPVALUE, function + 1);
    lua_pop(L, 1);
  }
}

// Raises `can't copy PATH: TYPE` for the first of `count` values from the stack index `first` on in
// which something can't be copied.
// root: as in value_encode().
int value_refuse(lua_State *L, int first, int count, const char *root) {
  luaL_checkstack(L, TABLES + 20, NULL);
  struct search s = {.L = L, .base = lua_gettop(L), .root = root, .names = value_names(L)};
  value_names_refresh(L, s.names);
  for (int i = 0; i < TABLES; i++)
    lua_newtable(L);
  for (int i = 0; i < count; i++) {
    lua_pushinteger(L, i + 1);
    lua_pushvalue(L, first + i);
    look_at(&s, 0, STEP_ROOT, s.base + TABLES + 1);
    lua_pop(L, 1);
  }
  for (lua_Integer number = 1; number <= s.count; number++) {
    if (lua_rawgeti(L, s.base + OBJECTS, number) == LUA_TTABLE)
      look_into_table(&s, number);
    else
      look_into_function(&s, number);
    lua_settop(L, s.base + TABLES);
  }
  return refuse(L, root, "a value in it");
}

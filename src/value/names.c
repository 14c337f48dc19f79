#include "value/names.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "value/encoder.h"
#include "value/value.h"

enum { FIRST_SLOTS = 512 };

// The tables kept with the names: classes by name, the list of the strings in the map.
// At 0 of that list stands "__gc".
enum { CLASSES = 1, TEXTS, KEPT = TEXTS };

static const char names_key; // its address is the key of the names in the registry

static int collect(lua_State *L) {
  struct names *names = lua_touserdata(L, 1);
  free(names->slots);
  value_encoder_free(names->spare);
  memset(names, 0, sizeof *names);
  return 0;
}

// Prepares an interpreter for messages; once for each, before any other function of the room.
// May raise a memory error.
void value_open(lua_State *L) {
  struct names *names = lua_newuserdatauv(L, sizeof *names, KEPT);
  memset(names, 0, sizeof *names);
  for (int i = CLASSES; i <= KEPT; i++) {
    lua_newtable(L);
    lua_setiuservalue(L, -2, i);
  }
  lua_getiuservalue(L, -1, TEXTS);
  lua_pushliteral(L, "__gc");
  lua_rawseti(L, -2, 0);
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  names->globals = lua_topointer(L, -1);
  lua_pop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
}

// The names of an interpreter, which value_open() has made.
struct names *value_names(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
  struct names *names = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (!names) luaL_error(L, "the codec is not open in this interpreter");
  return names;
}

// Pushes one of the tables kept with the names.
static void push_kept(lua_State *L, int table) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
  lua_getiuservalue(L, -1, table);
  lua_replace(L, -2);
}

// Replaces the key at the top of the stack by what the table below it holds, and that table.
static int replace_by_field(lua_State *L) {
  int type = lua_rawget(L, -2);
  lua_replace(L, -2);
  return type;
}

// --- the map ----------------------------------------------------------------------------------

// How far to look down on a module's name: Lua's own first, then heddle's, then the user's.
static int rank(const char *module) {
  static const char *const own[] = {"_G", "string", "table",     "math",  "io",
                                    "os", "utf8",   "coroutine", "debug", "package"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (strcmp(module, own[i]) == 0) return 0;
  return strncmp(module, "heddle", 6) == 0 ? 1 : 2;
}

// Is a module's name better than the one an entry has? So that every interpreter and every
// build of the map chooses alike.
static bool is_better(const struct name *entry, const char *module) {
  const char *other = entry->first.bytes;
  int difference = rank(module) - rank(other);
  if (difference == 0) difference = (int)strlen(module) - (int)strlen(other);
  if (difference == 0) difference = strcmp(module, other);
  return difference < 0;
}

// Makes room for one more entry.
static void make_room(lua_State *L, struct names *names) {
  if (names->slots && names->count < names->mask / 2) return;
  uint32_t before = names->slots ? names->mask + 1 : 0, size = before ? 2 * before : FIRST_SLOTS;
  struct name *old = names->slots, *slots = calloc(size, sizeof *slots);
  if (!slots) luaL_error(L, "not enough memory");
  for (uint32_t i = 0; i < before; i++) {
    if (old[i].kind == 0) continue;
    uint32_t at = value_slot(old[i].object, size - 1);
    while (slots[at].kind != 0)
      at = (at + 1) & (size - 1);
    slots[at] = old[i];
  }
  free(old);
  names->slots = slots;
  names->mask = size - 1;
}

// The building of a map.
struct build {
  lua_State *L;
  struct names *names;
  int texts;               // the index of the list of strings
  struct name_text module; // the one whose fields are entered; or a class
};

// Keeps the string at idx.
static struct name_text keep_text(struct build *b, int idx) {
  size_t len;
  struct name_text text = {.at = ++b->names->texts};
  text.bytes = lua_tolstring(b->L, idx, &len);
  if (len > UINT32_MAX) luaL_error(b->L, "a module's name is too long");
  text.len = (uint32_t)len;
  lua_pushvalue(b->L, idx);
  lua_rawseti(b->L, b->texts, text.at);
  return text;
}

// Enters the object at the top of the stack as b->module, or as its field whose name stands below,
// unless a better name is known.
static void enter(struct build *b, enum name_kind kind) {
  struct names *names = b->names;
  const void *object = lua_topointer(b->L, -1);
  make_room(b->L, names);
  uint32_t i = value_slot(object, names->mask);
  while (names->slots[i].kind != 0 && names->slots[i].object != object)
    i = (i + 1) & names->mask;
  struct name *entry = &names->slots[i];
  if (entry->kind == 0)
    names->count++;
  else if ((entry->kind != NAME_CLASS || kind == NAME_CLASS) && !is_better(entry, b->module.bytes))
    return;
  struct name fresh = {.object = object, .first = b->module, .kind = kind};
  if (kind == NAME_FIELD) fresh.second = keep_text(b, -2);
  *entry = fresh;
}

// Enters the functions that are fields of the module at the top of the stack. A Lua function among
// the globals is the script's own: the receiver has none of it.
static void enter_fields(struct build *b) {
  lua_State *L = b->L;
  int module = lua_gettop(L);
  bool is_globals = lua_topointer(L, module) == b->names->globals;
  for (lua_pushnil(L); lua_next(L, module); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1) &&
        (!is_globals || lua_iscfunction(L, -1)))
      enter(b, NAME_FIELD);
}

// Enters what the table at the top of the stack holds by name, and pops that table.
static void enter_all(struct build *b, enum name_kind kind) {
  lua_State *L = b->L;
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || !(lua_istable(L, -1) || lua_isfunction(L, -1))) continue;
    b->module = keep_text(b, -2);
    enter(b, kind);
    if (kind == NAME_MODULE && lua_istable(L, -1)) enter_fields(b);
  }
  lua_pop(L, 1);
}

// Builds the map anew. May raise a memory error; the map is then to be built again. Makes nothing
// that could start the collector.
void value_names_refresh(lua_State *L, struct names *names) {
  luaL_checkstack(L, 12, NULL);
  struct build b = {.L = L, .names = names, .texts = lua_gettop(L) + 1};
  names->fresh = false;
  names->count = 0;
  names->texts = 0;
  if (names->slots) memset(names->slots, 0, (names->mask + 1) * sizeof *names->slots);
  make_room(L, names);
  push_kept(L, TEXTS);
  push_kept(L, CLASSES);
  enter_all(&b, NAME_CLASS);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  enter_all(&b, NAME_MODULE);
  lua_pop(L, 1);
  names->fresh = true;
}

static void push_text(lua_State *L, const struct name_text *text) {
  push_kept(L, TEXTS);
  lua_rawgeti(L, -1, text->at);
  lua_replace(L, -2);
}

// Has the metatable at the top of the stack a finalizer? Makes nothing that could start the
// collector.
bool value_has_finalizer(lua_State *L) {
  push_text(L, &(struct name_text){.at = 0});
  bool has = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 1);
  return has;
}

// Has the metatable at the top of the stack a field `__uncopyable`, a string that says what its
// tables are? They belong to one interpreter.
bool value_is_bound(lua_State *L) {
  lua_pushliteral(L, "__uncopyable");
  bool bound = lua_rawget(L, -2) == LUA_TSTRING;
  lua_pop(L, 1);
  return bound;
}

// Does the name still lead to the object at the top of the stack? Makes nothing that could start
// the collector.
bool value_names_holds(lua_State *L, const struct name *name) {
  if (name->kind == NAME_CLASS)
    push_kept(L, CLASSES);
  else
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  push_text(L, &name->first);
  if (replace_by_field(L) == LUA_TTABLE && name->kind == NAME_FIELD) {
    push_text(L, &name->second);
    replace_by_field(L);
  }
  bool holds = lua_rawequal(L, -1, -2);
  lua_pop(L, 1);
  return holds;
}

// The name of the object at the top of the stack, NULL if it has none; for when time does not
// matter: the map is built anew for a C function that it does not know.
const struct name *value_names_of_top(lua_State *L, struct names *names) {
  const struct name *name = value_name_of(names, lua_topointer(L, -1));
  if (!name && lua_iscfunction(L, -1)) {
    value_names_refresh(L, names);
    name = value_name_of(names, lua_topointer(L, -1));
  }
  return name && value_names_holds(L, name) ? name : NULL;
}

// --- what a name means here -------------------------------------------------------------------

// Loads a module by the program's `require`, and pushes it.
static void require(lua_State *L, const char *name, size_t len) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  lua_pushliteral(L, "require");
  replace_by_field(L);
  lua_pushlstring(L, name, len);
  lua_call(L, 1, 1);
}

// Pushes a module, which is loaded when it is not there yet. name: checked, see wire.h. Raises what
// `require` raises.
void value_push_module(lua_State *L, const char *name, size_t len) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushlstring(L, name, len);
  if (replace_by_field(L) == LUA_TNIL) {
    lua_pop(L, 1);
    require(L, name, len);
  }
  if (!lua_istable(L, -1) && !lua_isfunction(L, -1)) {
    lua_pushlstring(L, name, len);
    luaL_error(L, "module '%s' is no table here", lua_tostring(L, -1));
  }
}

// Pushes a function of a module. name: that of the module, a zero, that of the function; checked.
// Raises what `require` raises, and when there is no such function here.
void value_push_field(lua_State *L, const char *name, size_t len) {
  const char *end = memchr(name, '\0', len);
  size_t module = end ? (size_t)(end - name) : len;
  const char *field = end ? end + 1 : name + len;
  value_push_module(L, name, module);
  lua_pushlstring(L, field, len - (size_t)(field - name));
  lua_pushvalue(L, -1);
  if (lua_istable(L, -3)) lua_rawget(L, -3);
  if (!lua_isfunction(L, -1)) {
    lua_pushlstring(L, name, module);
    luaL_error(L, "module '%s' has no function '%s' here", lua_tostring(L, -1),
               lua_tostring(L, -3));
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

// Pushes the metatable registered under a name, or nil. Returns whether there is one.
bool value_push_class(lua_State *L, const char *name, size_t len) {
  push_kept(L, CLASSES);
  lua_pushlstring(L, name, len);
  return replace_by_field(L) == LUA_TTABLE;
}

// Registers the table at the index `metatable` as the class whose name stands at the index `name`,
// instead of what had that name.
void value_set_class(lua_State *L, int name, int metatable) {
  name = lua_absindex(L, name);
  metatable = lua_absindex(L, metatable);
  push_kept(L, CLASSES);
  lua_pushvalue(L, name);
  lua_pushvalue(L, metatable);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  value_names(L)->fresh = false;
}

// To be told when a module was loaded, or the functions of one were changed.
void value_modules_changed(lua_State *L) { value_names(L)->fresh = false; }

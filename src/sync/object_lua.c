#include "sync/object_lua.h"

#include "base/program.h"
#include "base/text.h"
#include "loop/misuse_lua.h"
#include "sync/holder_lua.h"
#include "value/value.h"

#include <stdio.h>
#include <string.h>

static const char *const metas[SYNC_KINDS] = {
    [SYNC_LOCK] = "heddle.lock",           [SYNC_QUEUE] = "heddle.queue",
    [SYNC_WORKER] = "heddle.worker",       [SYNC_EVENT] = "heddle.event",
    [SYNC_LATCH] = "heddle.latch",         [SYNC_VALUE] = "heddle.value",
    [SYNC_RLOCK] = "heddle.rlock",         [SYNC_CONDITION] = "heddle.condition",
    [SYNC_SEMAPHORE] = "heddle.semaphore", [SYNC_BARRIER] = "heddle.barrier",
    [SYNC_RWLOCK] = "heddle.rwlock",       [SYNC_ARRAY] = "heddle.array",
    [SYNC_DICT] = "heddle.dict",           [SYNC_PIPE] = "heddle.pipe",
};
static const char marker; // its address is the key by which our metatables are known
static const char cache;  // the registry's key of the table object -> userdata

static int m_index(lua_State *L);

static void (*cross_of[SYNC_KINDS])(lua_State *L, int handle);
static const struct object_travel *travel_of[SYNC_KINDS];

static void push_cache(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &cache) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &cache);
}

static void enlist(struct sync_handle *handle) {
  struct sync_handle **first = &loop_self->interp->handles;
  handle->link = first;
  handle->next = *first;
  if (*first) (*first)->link = &handle->next;
  *first = handle;
}

static void delist(struct sync_handle *handle) {
  *handle->link = handle->next;
  if (handle->next) handle->next->link = handle->link;
}

// Pushes the userdata of an object, taking over one reference of this process.
static void push_handle(lua_State *L, struct sync_object *object) {
  struct sync_handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
  handle->magic = OBJECT_MAGIC + object->kind;
  handle->object = object;
  handle->own = 0;
  handle->lookups = 0;
  handle->link = NULL;
  const char *meta = metas[object->kind];
  if (luaL_getmetatable(L, meta) == LUA_TNIL) luaL_error(L, "%s is not open", meta);
  lua_setmetatable(L, -2);
  enlist(handle);
  push_cache(L);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, object);
  lua_pop(L, 1);
}

// Pushes the object's userdata in this interpreter; gives one reference of this process up if there
// was one already.
void object_push(lua_State *L, struct sync_object *object) {
  push_cache(L);
  if (lua_rawgetp(L, -1, object) == LUA_TUSERDATA) {
    lua_replace(L, -2);
    sync_release(object);
    return;
  }
  lua_pop(L, 2);
  push_handle(L, object);
}

static void note_place(lua_State *L, struct sync_object *object) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline <= 0 || strncmp(ar.source, "@heddle/", 8) == 0) continue;
    bool named = ar.source[0] == '@' || ar.source[0] == '=';
    text_place(object->place, sizeof object->place, named ? ar.source + 1 : ar.short_src,
               ar.currentline);
    return;
  }
}

// Pushes a new object, or raises if there was no room for it.
void object_push_new(lua_State *L, struct sync_object *object) {
  if (!object) luaL_error(L, "not enough memory for another shared object");
  note_place(L, object);
  push_handle(L, object);
}

// Raises that the value at index 1 is no self of a method.
struct sync_handle *object_refuse(lua_State *L, enum sync_kind kind, const char *function) {
  loop_misuse(L, "bad-self", "%s: self: a %s expected, got %s (call it with a colon)", function,
              metas[kind] + 7, loop_typename(L, 1));
  return NULL;
}

// The handle of any kind at index 1; NULL if it is something else.
static struct sync_handle *any_handle(lua_State *L) {
  struct sync_handle *handle = object_at(L, 1);
  return handle && handle->magic - OBJECT_MAGIC < SYNC_KINDS ? handle : NULL;
}

// The object at 1, of a metamethod that was perhaps called by hand.
static struct sync_object *self_object(lua_State *L) {
  const struct sync_handle *handle = any_handle(L);
  if (!handle || !handle->object)
    loop_misuse(L, "bad-self", "self: a shared object expected, got %s", loop_typename(L, 1));
  return handle->object;
}

// lookup of methods ----------------------------------------------------------------------------

// The method or field with the key on top, as the table of methods at an upvalue has it. A light
// userdata there stands for the name.
static int push_member(lua_State *L, const struct sync_handle *handle) {
  char label[80];
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TLIGHTUSERDATA) return 1;
  if (!handle || !handle->object) return 0;
  sync_label(handle->object, label, sizeof label);
  lua_pushstring(L, label);
  return 1;
}

// What is not among an object's own copy of its methods.
static int m_rest(lua_State *L) {
  lua_settop(L, 2);
  return push_member(L, lua_touserdata(L, lua_upvalueindex(2)));
}

// Copies the table on top into a new one, but what stands for the name; replaces it.
static void copy_table(lua_State *L) {
  lua_createtable(L, 0, 16);
  for (lua_pushnil(L); lua_next(L, -3);) {
    if (lua_islightuserdata(L, -1)) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_replace(L, -2);
}

// Gives the object at 1 a metatable of its own, whose __index is a table: with a function there,
// each call of a method is two. Names are read from shared memory, so it can't be one table for
// all.
static void own_methods(lua_State *L) {
  lua_getmetatable(L, 1);
  lua_getfield(L, -1, "__index");
  bool plain = lua_tocfunction(L, -1) == m_index;
  if (!plain) return;
  lua_pop(L, 1);
  copy_table(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  copy_table(L);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, m_rest, 2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, 1);
}

// Methods and the field name. An object that is used often gets methods of its own.
static int m_index(lua_State *L) {
  enum { OFTEN = 100 };
  lua_settop(L, 2);
  struct sync_handle *handle = any_handle(L);
  if (handle && ++handle->lookups == OFTEN) own_methods(L);
  lua_settop(L, 2);
  return push_member(L, handle);
}

static int m_newindex(lua_State *L) {
  struct sync_object *object = self_object(L);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  if (strcmp(key, "name") != 0)
    return loop_misuse(L, "no-field", "%s: field '%s' can't be set (only name can)",
                       metas[object->kind] + 7, key);
  if (lua_type(L, 3) != LUA_TSTRING)
    return loop_misuse(L, "bad-argument", "name: a string expected, got %s", loop_typename(L, 3));
  text_copy(object->name, sizeof object->name, lua_tostring(L, 3));
  return 0;
}

static uint32_t count_waiters(struct sync_object *object) {
  uint32_t n = 0;
  sync_begin(object);
  for (int i = 0; i < SYNC_LISTS; i++)
    for (uint32_t r = object->waiters[i].first; r; r = park_record(r)->next)
      n++;
  sync_end(object);
  return n;
}

static int m_tostring(lua_State *L) {
  struct sync_object *object = self_object(L);
  char label[80], state[64];
  sync_label(object, label, sizeof label);
  sync_classes[object->kind]->describe(object, state, sizeof state);
  holder_push(L, object);
  lua_pushfstring(L, "%s %s (%s%s, %d waiting)", metas[object->kind] + 7, label, state,
                  lua_tostring(L, -1), (int)count_waiters(object));
  return 1;
}

static int m_gc(lua_State *L) {
  struct sync_handle *handle = any_handle(L);
  if (handle) object_let_go(handle);
  return 0;
}

// Makes the metatable of a kind. Names that begin with __ go into the metatable.
void object_open(lua_State *L, enum sync_kind kind, const luaL_Reg *methods) {
  if (!luaL_newmetatable(L, metas[kind])) {
    lua_pop(L, 1);
    return;
  }
  lua_pushboolean(L, 1);
  lua_rawsetp(L, -2, &marker);
  lua_newtable(L);
  for (; methods->name; methods++) {
    lua_pushcfunction(L, methods->func);
    lua_setfield(L, strncmp(methods->name, "__", 2) == 0 ? -3 : -2, methods->name);
  }
  lua_pushlightuserdata(L, (void *)&marker);
  lua_setfield(L, -2, "name");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "methods");
  lua_pushcclosure(L, m_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, m_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, m_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, m_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

// Before a fork: the child will have every object that this interpreter has, also those whose
// handles wait for their finalizers.
void object_retain_all_for(const struct interp *interp, uint32_t process) {
  for (const struct sync_handle *handle = interp->handles; handle; handle = handle->next)
    sync_retain_for(handle->object, process);
}

// Gives a handle's reference up.
void object_let_go(struct sync_handle *handle) {
  if (!handle->object) return;
  if (handle->link) delist(handle);
  sync_release(handle->object);
  handle->object = NULL;
}

// "lock", "queue" …
const char *object_kind_name(const struct sync_object *object) {
  const char *meta = object->kind < SYNC_KINDS ? metas[object->kind] : NULL;
  return meta ? meta + 7 : "object";
}

// As a loop_op's describe: the object's label.
void object_describe(void *object, char *text, size_t size) {
  char label[80];
  sync_label(object, label, sizeof label);
  snprintf(text, size, "%s", label);
}

// Pushes nil and the reason why nothing came of it; returns 2.
int object_timed_out(lua_State *L, const char *reason) {
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

// crossing -------------------------------------------------------------------------------------

static bool identify(lua_State *L, int index, uint64_t *reference) {
  struct sync_handle *handle = lua_touserdata(L, index);
  if (!handle || !lua_getmetatable(L, index)) return false;
  bool ours = lua_rawgetp(L, -1, &marker) == LUA_TBOOLEAN;
  lua_pop(L, 2);
  if (!ours || !handle->object || handle->object->kind == SYNC_WORKER) return false;
  void (*cross)(lua_State *, int) = cross_of[handle->object->kind];
  if (cross) cross(L, lua_absindex(L, index));
  *reference = arena_offset(handle->object);
  return true;
}

static const struct object_travel *travel(const struct sync_object *object) {
  return travel_of[object->kind];
}

static void retain(uint64_t reference) {
  struct sync_object *object = arena_at(reference);
  atomic_fetch_add(&object->refs, 1);
  if (travel(object)) travel(object)->sent(object);
}

static void release(uint64_t reference) {
  if (!sync_is_object(reference)) return;
  struct sync_object *object = arena_at(reference);
  if (travel(object)) travel(object)->lost(object);
  sync_release_message(object);
}

static void take_back(uint64_t reference) {
  struct sync_object *object = arena_at(reference);
  if (travel(object)) travel(object)->back(object);
  sync_release_message(object);
}

static void claim(uint64_t reference, uint32_t process) {
  if (!sync_is_object(reference)) return;
  struct sync_object *object = arena_at(reference);
  sync_adopt_for(object, process);
  if (travel(object)) travel(object)->claimed(object, process);
}

static void give_up(uint64_t reference) {
  if (sync_is_object(reference)) sync_release(arena_at(reference));
}

static const char *module_of(enum sync_kind kind) {
  switch (kind) {
  case SYNC_QUEUE:
    return "heddle.queue";
  case SYNC_VALUE:
  case SYNC_ARRAY:
  case SYNC_DICT:
    return "heddle.shared";
  case SYNC_PIPE:
    return "heddle.pipe";
  default:
    return "heddle.sync";
  }
}

static bool push(lua_State *L, uint64_t reference) {
  if (!sync_is_object(reference)) return false;
  struct sync_object *object = arena_at(reference);
  luaL_getmetatable(L, metas[object->kind]);
  bool open = lua_istable(L, -1);
  lua_pop(L, 1);
  if (!open) {
    lua_getglobal(L, "require");
    lua_pushstring(L, module_of(object->kind));
    lua_call(L, 1, 0);
  }
  object_push(L, object);
  if (travel(object)) travel(object)->arrived(lua_touserdata(L, -1));
  return true;
}

// What a kind does when one of its objects is handed to another interpreter; it may raise.
void object_set_cross(enum sync_kind kind, void (*cross)(lua_State *L, int handle)) {
  cross_of[kind] = cross;
}

// What else happens to a kind's objects when they are handed over. ops: stays valid.
void object_set_travel(enum sync_kind kind, const struct object_travel *ops) {
  travel_of[kind] = ops;
}

static const struct value_shared shared = {identify, retain,  release, take_back,
                                           claim,    give_up, push};

// Lets shared objects cross between interpreters.
void object_cross(void) { value_set_shared(&shared); }

// Shared objects as Lua sees them: one userdata per object and interpreter, so that the same object
// is the same value; names, tostring, and how they cross between interpreters. Stands on: object,
// value, loop, Lua.
#ifndef HEDDLE_SYNC_OBJECT_LUA_H
#define HEDDLE_SYNC_OBJECT_LUA_H

#include "loop/loop.h"
#include "sync/object.h"

#include <lauxlib.h>
#include <lua.h>

// The userdata. Uservalue 1 is the kind's own.
struct sync_handle {
  uint64_t magic; // tells it from other userdata
  struct sync_object *object;
  uint64_t own;                     // the kind's own
  uint32_t lookups;                 // how often a method was looked up with the kind's metatable
  struct sync_handle *next, **link; // in its interpreter's list
};

// What a kind whose objects are at one place at a time does when a message with one is written,
// thrown away, not sent after all, and about to be read; and when its handle is there.
struct object_travel {
  void (*sent)(struct sync_object *object);
  void (*lost)(struct sync_object *object);
  void (*back)(struct sync_object *object);
  void (*claimed)(struct sync_object *object, uint32_t process);
  void (*arrived)(struct sync_handle *handle);
};

void object_push(lua_State *L, struct sync_object *object);
void object_push_new(lua_State *L, struct sync_object *object);
struct sync_handle *object_refuse(lua_State *L, enum sync_kind kind, const char *function);
void object_open(lua_State *L, enum sync_kind kind, const luaL_Reg *methods);
void object_retain_all_for(const struct interp *interp, uint32_t process);
void object_let_go(struct sync_handle *handle);
const char *object_kind_name(const struct sync_object *object);
void object_describe(void *object, char *text, size_t size);
void object_cross(void);
void queue_cross(void);
void barrier_cross(void);
void dict_cross(void);
void pipe_cross(void);
void queue_thread_end(void);
void dict_thread_end(void);
void object_set_travel(enum sync_kind kind, const struct object_travel *ops);
void jobs_thread_end(void);
void object_set_cross(enum sync_kind kind, void (*cross)(lua_State *L, int handle));
int object_timed_out(lua_State *L, const char *reason);

#define OBJECT_MAGIC 0x686564646c650000u // plus the kind

// What may be a handle; its magic tells. The length of a light userdata is 0.
static inline struct sync_handle *object_at(lua_State *L, int arg) {
  struct sync_handle *handle = (struct sync_handle *)lua_touserdata(L, arg);
  return handle && lua_rawlen(L, arg) == sizeof *handle ? handle : NULL;
}

// The handle of an object of that kind at `arg`; NULL if it is something else.
static inline struct sync_handle *object_test(lua_State *L, int arg, enum sync_kind kind) {
  struct sync_handle *handle = object_at(L, arg);
  return handle && handle->magic == OBJECT_MAGIC + kind ? handle : NULL;
}

// The handle at index 1 as self of a method; anything else is misuse.
static inline struct sync_handle *object_check(lua_State *L, enum sync_kind kind,
                                               const char *function) {
  struct sync_handle *handle = object_test(L, 1, kind);
  return handle ? handle : object_refuse(L, kind, function);
}

#endif

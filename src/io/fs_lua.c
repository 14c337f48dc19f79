// heddle.native.fs: files and folders, without blocking other tasks.
#include "io/fs.h"
#include "io/io_lua.h"
#include "loop/misuse_lua.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

// results --------------------------------------------------------------------------------------

// Ends a job: `results` were pushed, or it failed.
static int ended(lua_State *L, struct fs_job *j, int results) {
  if (j->error) results = io_fail(L, j->path, j->error);
  fs_drop(&j->offload);
  return results;
}

static int push_true(lua_State *L, struct offload *job) {
  lua_pushboolean(L, 1);
  return ended(L, (struct fs_job *)job, 1);
}

static int push_data(lua_State *L, struct offload *job) {
  struct fs_job *j = (struct fs_job *)job;
  if (!j->error) lua_pushlstring(L, j->data, j->size);
  return ended(L, j, 1);
}

static int push_names(lua_State *L, struct offload *job) {
  struct fs_job *j = (struct fs_job *)job;
  lua_createtable(L, j->error ? 0 : (int)j->count, 0);
  for (size_t i = 0; !j->error && i < j->count; i++) {
    lua_pushstring(L, j->names[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return ended(L, j, 1);
}

static const char *type_of(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "file";
  case S_IFDIR:
    return "directory";
  case S_IFIFO:
    return "fifo";
  case S_IFSOCK:
    return "socket";
  case S_IFCHR:
    return "character device";
  case S_IFBLK:
    return "block device";
  default:
    return "other";
  }
}

static void set_integer(lua_State *L, const char *key, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

static void set_time(lua_State *L, const char *key, struct timespec t) {
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  lua_setfield(L, -2, key);
}

static int push_stat(lua_State *L, struct offload *job) {
  struct fs_job *j = (struct fs_job *)job;
  const struct stat *st = &j->stat;
  lua_createtable(L, 0, 11);
  lua_pushstring(L, type_of(st->st_mode));
  lua_setfield(L, -2, "type");
  set_integer(L, "size", st->st_size);
  set_integer(L, "mode", st->st_mode & 07777);
  set_integer(L, "uid", st->st_uid);
  set_integer(L, "gid", st->st_gid);
  set_integer(L, "links", (lua_Integer)st->st_nlink);
  set_integer(L, "device", (lua_Integer)st->st_dev);
  set_integer(L, "inode", (lua_Integer)st->st_ino);
  set_time(L, "atime", st->st_atim);
  set_time(L, "mtime", st->st_mtim);
  set_time(L, "ctime", st->st_ctim);
  return ended(L, j, 1);
}

// the functions --------------------------------------------------------------------------------

static const char *check_path(lua_State *L, int arg, const char *function, const char *what) {
  size_t size = 0;
  const char *path = lua_type(L, arg) == LUA_TSTRING ? lua_tolstring(L, arg, &size) : NULL;
  if (!path)
    loop_misuse(L, "bad-argument", "%s: %s: a string expected, got %s", function, what,
                loop_typename(L, arg));
  if (strlen(path) != size)
    loop_misuse(L, "bad-argument", "%s: %s: a string without zero bytes expected", function, what);
  return path;
}

static struct fs_job *new_job(lua_State *L, const char *function,
                              void (*operation)(struct fs_job *job),
                              int (*push)(lua_State *L, struct offload *job)) {
  struct fs_job *j = fs_new(operation, check_path(L, 1, function, "path"));
  if (!j) luaL_error(L, "not enough memory");
  j->offload.push = push;
  return j;
}

static int no_memory(lua_State *L, struct fs_job *j) {
  fs_drop(&j->offload);
  return luaL_error(L, "not enough memory");
}

static int begin(lua_State *L, const char *function, void (*operation)(struct fs_job *job),
                 int (*push)(lua_State *L, struct offload *job)) {
  return offload_wait(L, function, &new_job(L, function, operation, push)->offload, -1);
}

// The job gets a copy of what it writes: the task may give up while a helper writes.
static int begin_write(lua_State *L, const char *function, void (*operation)(struct fs_job *job)) {
  if (lua_type(L, 2) != LUA_TSTRING) {
    check_path(L, 1, function, "path");
    loop_misuse(L, "bad-argument", "%s: s: a string expected, got %s", function,
                loop_typename(L, 2));
  }
  struct fs_job *j = new_job(L, function, operation, push_true);
  const char *bytes = lua_tolstring(L, 2, &j->size);
  j->data = malloc(j->size + 1);
  if (!j->data) return no_memory(L, j);
  memcpy(j->data, bytes, j->size);
  return offload_wait(L, function, &j->offload, -1);
}

// fs.read(path) -> content | nil, message, code
static int f_read(lua_State *L) { return begin(L, "fs.read", fs_read, push_data); }

// fs.write(path, s) -> true | nil, message, code
static int f_write(lua_State *L) { return begin_write(L, "fs.write", fs_write); }

// fs.append(path, s) -> true | nil, message, code
static int f_append(lua_State *L) { return begin_write(L, "fs.append", fs_append); }

// fs.stat(path) -> table | nil, message, code
static int f_stat(lua_State *L) { return begin(L, "fs.stat", fs_stat, push_stat); }

// fs.list(path) -> names | nil, message, code
static int f_list(lua_State *L) { return begin(L, "fs.list", fs_list, push_names); }

// fs.mkdir(path) -> true | nil, message, code
static int f_mkdir(lua_State *L) { return begin(L, "fs.mkdir", fs_mkdir, push_true); }

// fs.remove(path) -> true | nil, message, code
static int f_remove(lua_State *L) { return begin(L, "fs.remove", fs_remove, push_true); }

// fs.rename(path, to) -> true | nil, message, code
static int f_rename(lua_State *L) {
  check_path(L, 1, "fs.rename", "path");
  const char *to = check_path(L, 2, "fs.rename", "to");
  struct fs_job *j = new_job(L, "fs.rename", fs_rename, push_true);
  j->to = strdup(to);
  if (!j->to) return no_memory(L, j);
  return offload_wait(L, "fs.rename", &j->offload, -1);
}

// error_name(errno) -> its name, as in "ENOENT": the code of failures that io.open tells as a
// number
static int f_error_name(lua_State *L) {
  const char *name = strerrorname_np((int)luaL_checkinteger(L, 1));
  lua_pushstring(L, name ? name : "?");
  return 1;
}

static const luaL_Reg functions[] = {{"append", f_append}, {"error_name", f_error_name},
                                     {"list", f_list},     {"mkdir", f_mkdir},
                                     {"read", f_read},     {"remove", f_remove},
                                     {"rename", f_rename}, {"stat", f_stat},
                                     {"write", f_write},   {NULL, NULL}};

// Opens heddle.native.fs.
int luaopen_heddle_native_fs(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}

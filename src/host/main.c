#include "host/modules.h"

#include "base/program.h"
#include "loop/task.h"
#include "value/value.h"
#include "worker/worker.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What the main task's function found: the exit status.
static int exit_status = 1;

static void push_arguments(lua_State *L, int argc, char **argv) {
  lua_createtable(L, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
}

// Runs the main task: heddle.cli's main with the command line; its result is the exit status.
static int run_main(lua_State *L) {
  struct loop *loop = lua_touserdata(L, 1);
  modules_open(L);
  worker_seed(L, 0);
  struct task *task = task_new(L, loop);
  task->main = true;
  loop->main_task = task;
  int handle = lua_gettop(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "heddle.boot");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_replace(L, -2);
  lua_pushvalue(L, 2);
  task_begin(L, task, handle, 1);
  loop_run(loop, NULL);
  if (lua_getiuservalue(L, handle, 1) == LUA_TNUMBER) exit_status = (int)lua_tointeger(L, -1);
  if (task->state == TASK_FAILED) fprintf(stderr, "heddle: %s\n", luaL_tolstring(L, -1, NULL));
  return 0;
}

static int start_program(int argc, char **argv) {
  if (!arena_create()) {
    perror("heddle: can't make the shared memory");
    return 1;
  }
  worker_init_root();
  struct loop *loop = worker_open_interpreter(0);
  lua_State *L = loop->base;
  lua_pushcfunction(L, run_main);
  lua_pushlightuserdata(L, loop);
  push_arguments(L, argc, argv);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) fprintf(stderr, "heddle: %s\n", luaL_tolstring(L, -1, NULL));
  worker_end_root(loop);
  return exit_status;
}

// A standard file that is closed must not become one of ours. Reading from what takes its place
// ends at once, writing to it fails.
static void keep_standard_files(void) {
  int fd;
  do
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

int main(int argc, char **argv) {
  keep_standard_files();
  worker_set_opener(modules_open);
  int status;
  if (worker_is_start(argc, argv, &status)) return status;
  return start_program(argc, argv);
}

// heddle.native.repl: what the REPL needs of the terminal and of the engine.
#include "host/editor.h"
#include "host/screen.h"
#include "loop/task.h"
#include "worker/worker.h"

#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Makes the folders that lead to `path`, for this user alone. What fails shows when the file is
// written.
static void make_folders(const char *path) {
  char folder[4096];
  if (strlen(path) >= sizeof folder) return;
  for (size_t i = 1; path[i]; i++) {
    if (path[i] != '/') continue;
    memcpy(folder, path, i);
    folder[i] = 0;
    mkdir(folder, 0700);
  }
}

// repl.open(history file or nil) -> true | nil, why: the terminal is the REPL's from now on
static int f_open(lua_State *L) {
  const char *history = luaL_optstring(L, 1, NULL), *why;
  if (!screen_open()) return luaL_fileresult(L, 0, "screen");
  if (!editor_open(&why)) {
    screen_close();
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  if (history) editor_load_history(history);
  lua_pushboolean(L, true);
  return 1;
}

static int f_close(lua_State *L) {
  (void)L;
  screen_close();
  return 0;
}

static bool editing; // a line is being edited, or its end has not been taken yet

static enum editor_event take(char **text) {
  enum editor_event event = editor_take(text);
  editing = event == EDITOR_COMPLETE;
  return event;
}

// Returns whether the line was still being typed; the editor is done with it then.
static bool give_up(void) {
  char *text;
  enum editor_event event = EDITOR_LINE;
  if (editing) editor_abandon();
  while (editing) {
    event = take(&text);
    if (editing) editor_answer("", "");
    free(text);
  }
  return event == EDITOR_ABANDONED;
}

// repl.give_up() -> whether it was still being typed: the line ends here, the editor is done with
// it
static int f_give_up(lua_State *L) {
  lua_pushboolean(L, give_up());
  return 1;
}

static int event_came(lua_State *L, int status, lua_KContext context) {
  static const char *const names[] = {"line", "end", "abandoned", "complete"};
  struct task *task = (struct task *)context;
  char *text;
  (void)status;
  if (task_interrupted(task)) task_raise_pending(L, task);
  struct pollfd fd = {.fd = editor_fd(), .events = POLLIN};
  if (poll(&fd, 1, 0) == 0) return loop_wait_fd(L, editor_fd(), POLLIN, event_came);
  lua_pushstring(L, names[take(&text)]);
  lua_pushstring(L, text);
  free(text);
  return 2;
}

// repl.wait() -> what came ("line", "end", "abandoned", "complete"), its text; only the task waits
static int f_wait(lua_State *L) { return event_came(L, LUA_OK, (lua_KContext)loop_self->current); }

// repl.ask(prompt): a line is typed from now on; repl.wait() returns it
static int f_ask(lua_State *L) {
  const char *prompt = luaL_checkstring(L, 1);
  give_up(); // Ctrl-C may have been raised between two steps of whoever asked
  editor_ask(prompt);
  editing = true;
  return 0;
}

// repl.answer(insert, list): after "complete": what to insert, what to show
static int f_answer(lua_State *L) {
  editor_answer(luaL_checkstring(L, 1), luaL_checkstring(L, 2));
  return 0;
}

// repl.remember(line): into the history
static int f_remember(lua_State *L) {
  editor_remember(luaL_checkstring(L, 1));
  return 0;
}

// repl.save(path) -> true | nil, message, errno: writes the history
static int f_save(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  make_folders(path);
  bool saved = editor_save_history(path);
  if (saved) chmod(path, 0600);
  return luaL_fileresult(L, saved, path);
}

// repl.flush(): returns when what was printed is on the terminal
static int f_flush(lua_State *L) {
  (void)L;
  screen_flush();
  return 0;
}

// repl.pause(boolean): while true, another program has the terminal
static int f_pause(lua_State *L) {
  screen_pause(lua_toboolean(L, 1));
  return 0;
}

// repl.foreground(task): Ctrl-C, and a deadlock, stop this one from now on, and no other
static int f_foreground(lua_State *L) {
  worker_set_foreground(task_check(L, 1, "foreground"));
  return 0;
}

static const luaL_Reg functions[] = {
    {"give_up", f_give_up}, {"answer", f_answer}, {"ask", f_ask},
    {"close", f_close},     {"flush", f_flush},   {"foreground", f_foreground},
    {"open", f_open},       {"pause", f_pause},   {"remember", f_remember},
    {"save", f_save},       {"wait", f_wait},     {NULL, NULL}};

// Opens heddle.native.repl.
int luaopen_heddle_native_repl(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}

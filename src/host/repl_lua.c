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

// repl.open(history file or nil) -> true | nil, why: the terminal is the REPL's from now on. Ctrl-C
// is never raised in the running task; repl.wait() tells of it.
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
  loop_self->current->shields++;
  worker_set_foreground(loop_self->current);
  lua_pushboolean(L, true);
  return 1;
}

// repl.close(): the terminal is as it was
static int f_close(lua_State *L) {
  (void)L;
  screen_close();
  loop_self->current->shields--;
  return 0;
}

static bool editing; // a line is being edited, or its end has not been taken yet

static enum editor_event take(char **text) {
  enum editor_event event = editor_take(text);
  if (event != EDITOR_NOTHING) editing = event == EDITOR_COMPLETE;
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

// Ends the line. What came of Ctrl-C up to now was meant for it.
static int interrupted(lua_State *L, bool typed) {
  typed = give_up() || typed;
  worker_forget_interrupts();
  lua_pushstring(L, "interrupted");
  lua_pushboolean(L, typed);
  return 2;
}

static int event_came(lua_State *L, int status, lua_KContext context) {
  static const char *const names[] = {"line", "end", NULL, "complete"};
  struct task *task = (struct task *)context;
  char *text;
  (void)status;
  task->shields++;
  if (task->cancels || editor_interrupted()) return interrupted(L, false);
  struct pollfd fd = {.fd = editor_fd(), .events = POLLIN};
  enum editor_event event = poll(&fd, 1, 0) > 0 ? take(&text) : EDITOR_NOTHING;
  if (event == EDITOR_ABANDONED) return interrupted(L, true);
  if (event == EDITOR_NOTHING) {
    task->shields--; // only here Ctrl-C wakes the task
    return loop_wait_fd(L, editor_fd(), POLLIN, event_came);
  }
  lua_pushstring(L, names[event]);
  lua_pushstring(L, text);
  free(text);
  return 2;
}

// repl.wait() -> what came: "line", its text | "end" | "complete", what stands before the cursor |
// "interrupted" (Ctrl-C; the line has ended), whether it was still being typed. Only the task
// waits.
static int f_wait(lua_State *L) {
  struct task *task = loop_self->current;
  task->shields--;
  return event_came(L, LUA_OK, (lua_KContext)task);
}

// repl.ask(prompt): a line is typed from now on; repl.wait() returns it
static int f_ask(lua_State *L) {
  editor_ask(luaL_checkstring(L, 1), loop_self->current->cancels > 0);
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

// repl.end_line(): what is printed next begins a line
static int f_end_line(lua_State *L) {
  (void)L;
  screen_flush();
  screen_lock();
  screen_end_line();
  screen_unlock();
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

// repl.entry([task]): a deadlock stops this one from now on; nil: it ends the program
static int f_entry(lua_State *L) {
  worker_set_entry(lua_isnoneornil(L, 1) ? NULL : task_check(L, 1, "entry"));
  return 0;
}

static const luaL_Reg functions[] = {{"answer", f_answer},
                                     {"ask", f_ask},
                                     {"close", f_close},
                                     {"end_line", f_end_line},
                                     {"entry", f_entry},
                                     {"flush", f_flush},
                                     {"foreground", f_foreground},
                                     {"open", f_open},
                                     {"pause", f_pause},
                                     {"remember", f_remember},
                                     {"save", f_save},
                                     {"wait", f_wait},
                                     {NULL, NULL}};

// Opens heddle.native.repl.
int luaopen_heddle_native_repl(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}

// heddle.native.keys: single keys of the terminal, for what redraws the screen.
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static bool changed;

static void restore(void) {
  if (changed) tcsetattr(STDIN_FILENO, TCSANOW, &before);
  changed = false;
}

// keys.open() -> whether stdin is a terminal that now gives single keys, which it does not show;
// Ctrl-C and its like stay signals
static int f_open(lua_State *L) {
  static bool at_exit;
  struct termios raw;
  if (!at_exit) atexit(restore);
  at_exit = true;
  bool ok = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp() &&
            tcgetattr(STDIN_FILENO, &before) == 0;
  if (ok) {
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    changed = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  lua_pushboolean(L, ok && changed);
  return 1;
}

// keys.close(): the terminal is as it was
static int f_close(lua_State *L) {
  (void)L;
  restore();
  return 0;
}

// keys.read() -> the next byte of stdin if there is one, "" if there is none, nil at its end; does
// not wait
static int f_read(lua_State *L) {
  char key;
  struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
  if (poll(&fd, 1, 0) <= 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if (read(STDIN_FILENO, &key, 1) != 1) return 0;
  lua_pushlstring(L, &key, 1);
  return 1;
}

// keys.size(fd) -> columns, rows of that terminal, nothing where it is none
static int f_size(lua_State *L) {
  struct winsize size;
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
  lua_pushinteger(L, size.ws_col);
  lua_pushinteger(L, size.ws_row);
  return 2;
}

// keys.group([fd]) -> the number of this process's group, or of the group in front of that
// terminal, nil where it is not this session's
static int f_group(lua_State *L) {
  pid_t group = lua_isnoneornil(L, 1) ? getpgrp() : tcgetpgrp((int)luaL_checkinteger(L, 1));
  if (group < 0) return 0;
  lua_pushinteger(L, group);
  return 1;
}

// keys.leave_group(): the terminal's signals are not for this process any more; it may still write
// there
static int f_leave_group(lua_State *L) {
  (void)L;
  signal(SIGTTOU, SIG_IGN);
  setpgid(0, 0);
  return 0;
}

// keys.stop(): stops this process as Ctrl-Z does, until it is told to go on
static int f_stop(lua_State *L) {
  (void)L;
  raise(SIGSTOP);
  return 0;
}

static const luaL_Reg functions[] = {
    {"close", f_close}, {"group", f_group}, {"open", f_open}, {"leave_group", f_leave_group},
    {"read", f_read},   {"size", f_size},   {"stop", f_stop}, {NULL, NULL}};

// Opens heddle.native.keys.
int luaopen_heddle_native_keys(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}

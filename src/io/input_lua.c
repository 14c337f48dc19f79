// heddle.native.input: standard input, read without blocking other tasks. What was read ahead is
// kept in one buffer of the process, for all its interpreters.
#include "base/buffer.h"
#include "loop/task.h"

#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PIECE = 4096 };
enum outcome { TAKEN, AT_END, NOTHING_YET, NO_MEMORY };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // of what follows; a fork holds it
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct buffer kept;
static size_t start; // of what is left of it

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }
static void watch_forks(void) { pthread_atfork(before_fork, after_fork, after_fork); }

struct piece {
  char *bytes;
  size_t size;
};

static enum outcome take(struct piece *piece, size_t size, size_t used) {
  piece->bytes = malloc(size + 1);
  if (!piece->bytes) return NO_MEMORY;
  if (size) memcpy(piece->bytes, kept.data + start, size);
  piece->size = size;
  start += used;
  return TAKEN;
}

// `what`: 'l', 'L', 'a', or 'n' for so many bytes.
static enum outcome take_if_there(struct piece *piece, char what, size_t count, bool ended) {
  size_t left = kept.len - start;
  const char *newline = NULL;
  if (left && (what == 'l' || what == 'L')) newline = memchr(kept.data + start, '\n', left);
  if (newline) {
    size_t line = (size_t)(newline - (const char *)kept.data) - start;
    return take(piece, what == 'L' ? line + 1 : line, line + 1);
  }
  if (what == 'n' && left >= count && left > 0) return take(piece, count, count);
  if (!ended) return NOTHING_YET;
  return left > 0 || what == 'a' ? take(piece, left, left) : AT_END;
}

static ssize_t read_now(void *bytes) {
  struct iovec piece = {bytes, PIECE};
  ssize_t n = preadv2(STDIN_FILENO, &piece, 1, -1, RWF_NOWAIT); // another process may be quicker
  return n < 0 && errno == EOPNOTSUPP ? read(STDIN_FILENO, bytes, PIECE) : n;
}

// Reads what is there. TAKEN: something was added.
static enum outcome read_ahead(void) {
  struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
  if (poll(&fd, 1, 0) <= 0) return NOTHING_YET;
  if (start > 0) memmove(kept.data, kept.data + start, kept.len - start);
  kept.len -= start;
  start = 0;
  if (!buffer_reserve(&kept, PIECE)) return NO_MEMORY;
  ssize_t n = read_now(kept.data + kept.len);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return NOTHING_YET;
  if (n > 0) kept.len += (size_t)n;
  return n > 0 ? TAKEN : AT_END;
}

static enum outcome get(struct piece *piece, char what, size_t count) {
  bool ended = false;
  pthread_mutex_lock(&mutex);
  enum outcome outcome = take_if_there(piece, what, count, false);
  while (outcome == NOTHING_YET && !ended) {
    enum outcome more = read_ahead();
    if (more == NOTHING_YET || more == NO_MEMORY) {
      outcome = more;
      break;
    }
    ended = more == AT_END;
    outcome = take_if_there(piece, what, count, ended);
  }
  pthread_mutex_unlock(&mutex);
  return outcome;
}

// [what][count]: the task has been woken.
static int try(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  struct piece piece;
  (void)status;
  if (task_interrupted(task)) task_raise_pending(L, task);
  switch (get(&piece, *lua_tostring(L, 1), (size_t)lua_tointeger(L, 2))) {
  case TAKEN:
    lua_pushlstring(L, piece.bytes, piece.size);
    free(piece.bytes);
    return 1;
  case AT_END:
    lua_pushnil(L);
    return 1;
  case NO_MEMORY:
    return luaL_error(L, "not enough memory");
  default:
    return loop_wait_fd(L, STDIN_FILENO, POLLIN, try);
  }
}

// input.read([what]) -> string | nil at the end. what: "l" (a line), "L" (with its newline), "a"
// (the rest), a number of bytes.
static int f_read(lua_State *L) {
  loop_check_may_block(L, "input");
  pthread_once(&once, watch_forks);
  if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_pushliteral(L, "n");
    lua_insert(L, 1);
  }
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_pushliteral(L, "l");
  }
  luaL_checkstring(L, 1);
  lua_settop(L, 2);
  return try(L, LUA_OK, (lua_KContext)loop_self->current);
}

static bool put_before(const char *bytes, size_t size) {
  if (start < size) {
    if (!buffer_reserve(&kept, size)) return false;
    memmove(kept.data + size, kept.data + start, kept.len - start);
    kept.len += size - start;
    start = size;
  }
  start -= size;
  memcpy(kept.data + start, bytes, size);
  return true;
}

// input.give_back(bytes): they are what is read next, by whomever.
static int f_give_back(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  if (size == 0) return 0;
  pthread_once(&once, watch_forks);
  pthread_mutex_lock(&mutex);
  bool put = put_before(bytes, size);
  pthread_mutex_unlock(&mutex);
  return put ? 0 : luaL_error(L, "not enough memory");
}

static const luaL_Reg functions[] = {{"read", f_read}, {"give_back", f_give_back}, {NULL, NULL}};

// Opens heddle.native.input.
int luaopen_heddle_native_input(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}

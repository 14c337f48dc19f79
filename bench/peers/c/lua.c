/* Limits with Lua embedded in C: coroutines resumed from C, an interpreter on an OS thread, and a
 * ring between two interpreters with the least codec that works. */
#include "harness.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- coroutines ---- */
static double task_switch(long n) {
  lua_State *L = luaL_newstate(), *co[2];
  int results;
  luaL_openlibs(L);
  luaL_loadstring(L, "local yield = coroutine.yield while true do yield() end");
  for (int i = 0; i < 2; i++) {
    co[i] = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co[i], 1);
  }
  double t0 = bench_now();
  for (long i = 0; i < n; i++) {
    lua_State *c = co[i & 1];
    if (lua_resume(c, L, 0, &results) != LUA_YIELD) abort();
    lua_settop(c, 0);
  }
  t0 = bench_now() - t0;
  lua_close(L);
  return t0;
}

static double resident(void) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%*d %ld", &pages) != 1) abort();
  fclose(f);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Bytes of a suspended coroutine, each with a closure of its own. One figure a process. */
static double task_memory(long unused) {
  static const char *const code = "local yield, all = coroutine.yield, {} "
                                  "for i = 1, 100000 do "
                                  "  all[i] = coroutine.create(function() yield() end) "
                                  "  coroutine.resume(all[i]) "
                                  "end";
  static double bytes = 0;
  (void)unused;
  if (bytes > 0) return bytes;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  double before = resident();
  if (luaL_dostring(L, code)) abort();
  bytes = (resident() - before) / 100000;
  return bytes;
}

/* ---- an interpreter a thread ---- */
static void *empty_interpreter(void *p) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  lua_close(L);
  return p;
}

static double start_isolate(long n) {
  double t0 = bench_now();
  for (long i = 0; i < n; i++) {
    pthread_t t;
    pthread_create(&t, NULL, empty_interpreter, NULL);
    pthread_join(t, NULL);
  }
  return bench_now() - t0;
}

/* ---- a ring of byte strings ---- */
enum { CAP = 1024 };

/* An integer travels in the slot itself: p is NULL and len the value. */
typedef struct {
  size_t len;
  unsigned char *p;
} message;

static struct {
  pthread_mutex_t m;
  pthread_cond_t not_empty, not_full;
  unsigned head, count, get_wait, put_wait;
  message slot[CAP];
} R = {.m = PTHREAD_MUTEX_INITIALIZER,
       .not_empty = PTHREAD_COND_INITIALIZER,
       .not_full = PTHREAD_COND_INITIALIZER};

static void put(message x) {
  pthread_mutex_lock(&R.m);
  while (R.count == CAP) {
    R.put_wait++;
    pthread_cond_wait(&R.not_full, &R.m);
    R.put_wait--;
  }
  R.slot[(R.head + R.count++) % CAP] = x;
  int wake = R.get_wait > 0;
  pthread_mutex_unlock(&R.m);
  if (wake) pthread_cond_signal(&R.not_empty);
}

static message get(void) {
  pthread_mutex_lock(&R.m);
  while (R.count == 0) {
    R.get_wait++;
    pthread_cond_wait(&R.not_empty, &R.m);
    R.get_wait--;
  }
  message x = R.slot[R.head];
  R.head = (R.head + 1) % CAP;
  R.count--;
  int wake = R.put_wait > 0;
  pthread_mutex_unlock(&R.m);
  if (wake) pthread_cond_signal(&R.not_full);
  return x;
}

static int put_int(lua_State *L) {
  put((message){(size_t)luaL_checkinteger(L, 1), NULL});
  return 0;
}

static int get_int(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)get().len);
  return 1;
}

/* ---- codec: a type byte, then the value; tables as a counted list and counted pairs ---- */
enum { INTEGER = 100 };

typedef struct {
  unsigned char *p;
  size_t n, cap;
} buffer;

static void add(buffer *b, const void *p, size_t n) {
  if (b->n + n > b->cap) {
    b->cap = (b->n + n) * 2;
    b->p = realloc(b->p, b->cap);
  }
  memcpy(b->p + b->n, p, n);
  b->n += n;
}

static void encode(lua_State *L, int i, buffer *b);

static int in_list(lua_State *L, int i, uint32_t length) {
  return lua_isinteger(L, i) && (uint64_t)lua_tointeger(L, i) - 1 < length;
}

static void encode_table(lua_State *L, int i, buffer *b) {
  uint32_t length = (uint32_t)lua_rawlen(L, i), pairs = 0;
  size_t at = b->n;
  add(b, &length, 4);
  add(b, &pairs, 4);
  for (uint32_t k = 1; k <= length; k++) {
    lua_rawgeti(L, i, k);
    encode(L, lua_gettop(L), b);
    lua_pop(L, 1);
  }
  for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
    int top = lua_gettop(L);
    if (in_list(L, top - 1, length)) continue;
    encode(L, top - 1, b);
    encode(L, top, b);
    pairs++;
  }
  memcpy(b->p + at + 4, &pairs, 4);
}

static void encode_string(lua_State *L, int i, buffer *b) {
  size_t n;
  const char *s = lua_tolstring(L, i, &n);
  uint32_t k = (uint32_t)n;
  add(b, &k, 4);
  add(b, s, n);
}

static void encode_number(lua_State *L, int i, buffer *b) {
  lua_Integer integer = lua_tointeger(L, i);
  lua_Number number = lua_tonumber(L, i);
  if (lua_isinteger(L, i))
    add(b, &integer, sizeof integer);
  else
    add(b, &number, sizeof number);
}

static void encode(lua_State *L, int i, buffer *b) {
  unsigned char t = (unsigned char)(lua_isinteger(L, i) ? INTEGER : lua_type(L, i));
  add(b, &t, 1);
  if (t == INTEGER || t == LUA_TNUMBER)
    encode_number(L, i, b);
  else if (t == LUA_TSTRING)
    encode_string(L, i, b);
  else if (t == LUA_TTABLE)
    encode_table(L, i, b);
  else
    abort();
}

static const unsigned char *decode(lua_State *L, const unsigned char *p);

static const unsigned char *decode_table(lua_State *L, const unsigned char *p) {
  uint32_t length, pairs;
  memcpy(&length, p, 4);
  memcpy(&pairs, p + 4, 4);
  p += 8;
  lua_createtable(L, (int)length, (int)pairs);
  for (uint32_t k = 1; k <= length; k++) {
    p = decode(L, p);
    lua_rawseti(L, -2, k);
  }
  while (pairs--) {
    p = decode(L, p);
    p = decode(L, p);
    lua_rawset(L, -3);
  }
  return p;
}

static const unsigned char *decode(lua_State *L, const unsigned char *p) {
  lua_Integer integer;
  lua_Number number;
  uint32_t n;
  switch (*p++) {
  case INTEGER:
    memcpy(&integer, p, sizeof integer);
    lua_pushinteger(L, integer);
    return p + sizeof integer;
  case LUA_TNUMBER:
    memcpy(&number, p, sizeof number);
    lua_pushnumber(L, number);
    return p + sizeof number;
  case LUA_TSTRING:
    memcpy(&n, p, 4);
    lua_pushlstring(L, (const char *)p + 4, n);
    return p + 4 + n;
  default:
    return decode_table(L, p);
  }
}

static int put_any(lua_State *L) {
  buffer b = {malloc(128), 0, 128};
  encode(L, 1, &b);
  put((message){b.n, b.p});
  return 0;
}

static int get_any(lua_State *L) {
  message m = get();
  decode(L, m.p);
  free(m.p);
  return 1;
}

/* ---- one interpreter that puts, one that gets ---- */
typedef struct {
  const char *code;
  long n;
  pthread_barrier_t *bar;
} script;

static void *run(void *p) {
  script *s = p;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  lua_register(L, "put_int", put_int);
  lua_register(L, "get_int", get_int);
  lua_register(L, "put", put_any);
  lua_register(L, "get", get_any);
  if (luaL_loadstring(L, s->code)) abort();
  lua_pushinteger(L, s->n);
  pthread_barrier_wait(s->bar);
  if (lua_pcall(L, 1, 0, 0)) abort();
  lua_close(L);
  return NULL;
}

static double between_two(long n, const char *produce, const char *consume) {
  pthread_barrier_t bar;
  pthread_t t[2];
  pthread_barrier_init(&bar, NULL, 3);
  script scripts[] = {{produce, n, &bar}, {consume, n, &bar}};
  for (int i = 0; i < 2; i++)
    pthread_create(&t[i], NULL, run, &scripts[i]);
  pthread_barrier_wait(&bar);
  double t0 = bench_now();
  for (int i = 0; i < 2; i++)
    pthread_join(t[i], NULL);
  return bench_now() - t0;
}

static double queue_integers(long n) {
  return between_two(n, "local put, n = put_int, ... for i = 1, n do put(i) end",
                     "local get, n = get_int, ... for i = 1, n do get() end");
}

static double queue_tables(long n) {
  return between_two(n,
                     "local put, n = put, ... for i = 1, n do "
                     "put({id = i, name = 'job-' .. i, size = 0.5, tags = {'a', 'b', 'c'}}) end",
                     "local get, n = get, ... for i = 1, n do get() end");
}

const bench_work lua_works[] = {
    {"task_switch", "lua_resume", "switches/s", 10000, task_switch, 0},
    {"task_memory", "bare coroutine", "bytes", 0, task_memory, 1},
    {"start_isolate", "pthread, lua_State, openlibs", "starts/s", 100, start_isolate, 0},
    {"queue_isolate_1x1", "ring, two lua_States", "items/s", 10000, queue_integers, 0},
    {"queue_isolate_table", "ring, two lua_States, least codec", "items/s", 10000, queue_tables, 0},
    {0},
};

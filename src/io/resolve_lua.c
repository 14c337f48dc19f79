#include "io/address.h"
#include "io/resolve.h"

#include <errno.h>
#include <lauxlib.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void look_up(struct offload *job) {
  struct resolve *r = (struct resolve *)job;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  r->status = getaddrinfo(r->host, r->port, &hints, &r->found);
  r->error = errno;
}

static void drop(struct offload *job) {
  struct resolve *r = (struct resolve *)job;
  if (r->found) freeaddrinfo(r->found);
  free(r->host);
  free(r);
}

static const char *code_of(int status) {
  switch (status) {
  case EAI_AGAIN:
    return "EAI_AGAIN";
  case EAI_FAIL:
    return "EAI_FAIL";
  case EAI_MEMORY:
    return "EAI_MEMORY";
  default:
    return "EAI_NONAME";
  }
}

static int push_failure(lua_State *L, const struct resolve *r) {
  bool system = r->status == EAI_SYSTEM;
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", r->host, system ? strerror(r->error) : gai_strerror(r->status));
  lua_pushstring(L, system ? strerrorname_np(r->error) : code_of(r->status));
  return 3;
}

static int push(lua_State *L, struct offload *job) {
  const struct resolve *r = (struct resolve *)job;
  int results = 1;
  if (r->status != 0) {
    results = push_failure(L, r);
  } else {
    lua_Integer n = 0;
    lua_newtable(L);
    for (const struct addrinfo *a = r->found; a; a = a->ai_next) {
      struct address address = {.size = a->ai_addrlen};
      memcpy(&address.to, a->ai_addr, a->ai_addrlen);
      lua_pushlstring(L, (const char *)&address, sizeof address);
      lua_rawseti(L, -2, ++n);
    }
  }
  drop(job);
  return results;
}

// A job that looks up a host. NULL: no memory.
struct resolve *resolve_new(const char *host, uint16_t port) {
  struct resolve *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->host = strdup(host);
  r->offload = (struct offload){.work = look_up, .drop = drop, .push = push};
  snprintf(r->port, sizeof r->port, "%u", port);
  if (r->host) return r;
  free(r);
  return NULL;
}

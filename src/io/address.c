#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool parse_local(const char *path, struct address *address) {
  struct sockaddr_un *local = &address->to.local;
  if (!*path || strlen(path) >= sizeof local->sun_path) return false;
  local->sun_family = AF_UNIX;
  strcpy(local->sun_path, path);
  address->size = sizeof *local;
  return true;
}

// The digits of a port; -1: anything else.
static int parse_port(const char *text) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 5 || text[digits]) return -1;
  int port = atoi(text);
  return port <= UINT16_MAX ? port : -1;
}

static bool parse_v6(const char *text, struct address *address) {
  char host[INET6_ADDRSTRLEN];
  const char *end = strchr(text, ']');
  if (!end || end[1] != ':' || (size_t)(end - text) > sizeof host) return false;
  int port = parse_port(end + 2);
  snprintf(host, sizeof host, "%.*s", (int)(end - text - 1), text + 1);
  struct sockaddr_in6 *v6 = &address->to.v6;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons((uint16_t)port);
  address->size = sizeof *v6;
  return port >= 0 && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

static bool parse_v4(const char *text, struct address *address) {
  char host[INET_ADDRSTRLEN];
  const char *colon = strchr(text, ':');
  if (!colon || (size_t)(colon - text) >= sizeof host) return false;
  int port = parse_port(colon + 1);
  snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
  if (strcmp(host, "localhost") == 0) strcpy(host, "127.0.0.1");
  if (!*host) strcpy(host, "0.0.0.0");
  struct sockaddr_in *v4 = &address->to.v4;
  v4->sin_family = AF_INET;
  v4->sin_port = htons((uint16_t)port);
  address->size = sizeof *v4;
  return port >= 0 && inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

// Reads an address; false: it is none.
bool address_parse(const char *text, struct address *address) {
  memset(address, 0, sizeof *address);
  if (strncmp(text, "unix:", 5) == 0) return parse_local(text + 5, address);
  if (*text == '[') return parse_v6(text, address);
  return parse_v4(text, address);
}

static int fail(int fd) {
  int error = errno;
  if (fd >= 0) close(fd);
  return -error;
}

// Opens a socket that listens there, non-blocking, closed on exec, and sets the address to the one
// it got. Returns the descriptor, or a negative errno.
int address_listen(struct address *address) {
  int on = 1;
  int fd = socket(address->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(fd);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, &address->to.any, address->size) != 0 || listen(fd, SOMAXCONN) != 0) return fail(fd);
  if (address->to.any.sa_family != AF_UNIX) {
    socklen_t size = sizeof address->to;
    getsockname(fd, &address->to.any, &size);
  }
  return fd;
}

// Its port; 0 for one that has none.
int address_port(const struct address *address) {
  switch (address->to.any.sa_family) {
  case AF_INET:
    return ntohs(address->to.v4.sin_port);
  case AF_INET6:
    return ntohs(address->to.v6.sin6_port);
  default:
    return 0;
  }
}

// Writes it as a text that address_parse reads, of less than ADDRESS_TEXT bytes.
void address_text(const struct address *address, char *text) {
  char host[INET6_ADDRSTRLEN];
  switch (address->to.any.sa_family) {
  case AF_INET:
    inet_ntop(AF_INET, &address->to.v4.sin_addr, host, sizeof host);
    snprintf(text, ADDRESS_TEXT, "%s:%d", host, address_port(address));
    break;
  case AF_INET6:
    inet_ntop(AF_INET6, &address->to.v6.sin6_addr, host, sizeof host);
    snprintf(text, ADDRESS_TEXT, "[%s]:%d", host, address_port(address));
    break;
  default:
    snprintf(text, ADDRESS_TEXT, "unix:%s", address->to.local.sun_path);
  }
}

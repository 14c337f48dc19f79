// Looking up the addresses of a host, on a helper thread. Stands on loop/offload.
#ifndef HEDDLE_IO_RESOLVE_H
#define HEDDLE_IO_RESOLVE_H

#include "loop/offload.h"

struct resolve {
  struct offload offload; // its results: a list of addresses, or nil, message, code
  char *host;
  char port[8];
  struct addrinfo *found;
  int status, error;
};

struct resolve *resolve_new(const char *host, uint16_t port);

#endif

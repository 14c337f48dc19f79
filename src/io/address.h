// Addresses to listen at, as texts: "127.0.0.1:8080", "[::1]:0", "localhost:80", ":80" (every
// interface), "unix:/path". No name is looked up. Stands on the C library.
#ifndef HEDDLE_IO_ADDRESS_H
#define HEDDLE_IO_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { ADDRESS_TEXT = 128 }; // room for any address's text

struct address {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
  } to;
  socklen_t size;
};

bool address_parse(const char *text, struct address *address);
int address_listen(struct address *address);
void address_text(const struct address *address, char *text);
int address_port(const struct address *address);

#endif

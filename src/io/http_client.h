// The HTTP client of one OS thread: libcurl's multi interface, whose sockets are watched through
// one epoll descriptor. A transfer is begun, worked on whenever the descriptor is ready or the time
// has come, and is done or aborted. A client belongs to the thread that made it; a child of fork
// must forget it. Stands on curl, end, buffer, private_fd.
#ifndef HEDDLE_IO_HTTP_CLIENT_H
#define HEDDLE_IO_HTTP_CLIENT_H

#include "base/buffer.h"
#include "io/curl.h"
#include "io/end.h"

enum { HTTP_SPARES = 128, HTTP_MOST_HEAD = 1 << 18 };

struct http_client {
  CURLM *multi;
  int epoll_fd;
  int64_t due;               // when libcurl wants to be called, CLOCK_NEVER: not by time
  uint32_t busy;             // transfers under way
  uint32_t open;             // sockets
  CURL *spares[HTTP_SPARES]; // handles for transfers to come
  uint32_t spare_count;
  struct http_client *inherited; // link of those that a child of fork got from its parent
};

// What is asked for. The texts must stay until the transfer is done.
struct http_ask {
  const char *url, *method;
  const char *body; // NULL: none
  size_t body_size;
  struct curl_slist *headers; // becomes the transfer's
  const char *ca;             // file of certificates to trust, NULL: the system's
  const char *socket;         // path of a Unix socket to connect to, NULL: none
  long redirects;             // how many to follow
};

struct http_transfer {
  struct end end;
  struct http_client *client; // NULL: it is not under way
  CURL *easy;                 // while it is under way
  struct curl_slist *headers;
  struct buffer head, body; // the last response's header lines; its body
  size_t max_body;          // bytes
  uint32_t process;         // slot of the process it was begun in
  bool too_big;             // the body
  bool long_head;           // the header lines are larger than HTTP_MOST_HEAD
  CURLcode result;
  long status, os_errno;
  char error[CURL_ERROR_SIZE];
};

struct http_client *http_client_new(void);
void http_client_free(struct http_client *client);
bool http_client_begin(struct http_client *client, struct http_transfer *transfer,
                       const struct http_ask *ask);
void http_client_work(struct http_client *client);
void http_transfer_abort(struct http_transfer *transfer);
void http_transfer_free(struct http_transfer *transfer);
const char *http_transfer_code(const struct http_transfer *transfer);

#endif

// An HTTP server of one OS thread: libmicrohttpd with an epoll descriptor that the thread waits
// for. For each request it calls `begin`, at once, from within http_server_work; the request is
// answered there and then, or later. Stands on mhd, address, end, buffer, private_fd.
#ifndef HEDDLE_IO_HTTP_SERVER_H
#define HEDDLE_IO_HTTP_SERVER_H

#include "base/buffer.h"
#include "io/address.h"
#include "io/end.h"
#include "io/mhd.h"
#include "loop/loop.h"

struct http_request {
  struct http_server *server;
  struct MHD_Connection *connection; // NULL: it is gone
  struct http_request *next, *prev;  // in the server's list
  struct task *task;                 // its handler, while `running`
  struct buffer body;
  struct MHD_Response *response; // once answered; NULL: there was no memory for one
  unsigned status;
  bool seen;      // its header has been looked at
  bool begun;     // its handler was started
  bool running;   // and has not ended
  bool answered;  // what to send is known
  bool suspended; // the connection waits for that
  char method[16];
  char target[]; // as it was sent
};

struct http_server {
  struct end end;
  struct MHD_Daemon *daemon; // NULL: it has ended
  struct http_request *requests;
  void (*begin)(struct http_server *server, struct http_request *request);
  struct address address;
  size_t max_body;    // bytes
  int listen_fd;      // -1: closed
  int epoll_fd;       // libmicrohttpd's
  uint32_t under_way; // requests begun and not yet answered in full
  uint32_t process;   // slot of the process it was made in
  int64_t until;      // closing: when handlers are cancelled
  bool closing;       // takes no more requests
  bool cancelled;     // and has cancelled its handlers
  struct loop *loop;  // what follows is the binding's
  struct task *driver;
  lua_State *L; // the driver's, while it works
  uint16_t source;
  int line;
};

int http_server_start(struct http_server *server);
void http_server_wake(struct http_server *server);
void http_server_work(struct http_server *server);
int64_t http_server_due(struct http_server *server);
void http_server_stop_listening(struct http_server *server);
void http_server_stop(struct http_server *server);
void http_request_answer(struct http_request *request, unsigned status,
                         struct MHD_Response *response);
void http_request_refuse(struct http_request *request, unsigned status, const char *text);
const char *http_request_peer(const struct http_request *request);
void http_request_ended(struct http_request *request);

#endif

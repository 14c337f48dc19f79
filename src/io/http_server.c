#include "io/http_server.h"

#include "base/clock.h"
#include "base/private_fd.h"
#include "base/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { IDLE_SECONDS = 60, SPARE_FDS = 32, MOST_CONNECTIONS = 1 << 20 };
// Bytes for a request's line and headers, and the response's; cleared for each request.
enum { HEAD_ROOM = 16384 };

// requests -------------------------------------------------------------------------------------

static void link_request(struct http_server *server, struct http_request *request) {
  request->next = server->requests;
  if (request->next) request->next->prev = request;
  server->requests = request;
}

static void free_request(struct http_request *request) {
  struct http_server *server = request->server;
  if (request->next) request->next->prev = request->prev;
  if (request->prev)
    request->prev->next = request->next;
  else
    server->requests = request->next;
  if (request->response) mhd.response_free(request->response);
  buffer_free(&request->body);
  free(request);
}

// Says what is to be sent; the response, NULL if there was no memory for it, becomes the request's.
void http_request_answer(struct http_request *request, unsigned status,
                         struct MHD_Response *response) {
  request->status = status;
  request->response = response;
  request->answered = true;
  if (!request->suspended || !request->connection) return;
  request->suspended = false;
  mhd.resume(request->connection);
}

// Answers with a short text that stays.
void http_request_refuse(struct http_request *request, unsigned status, const char *text) {
  http_request_answer(request, status,
                      mhd.response_new(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT));
}

// The handler has ended; the request is gone if its connection is.
void http_request_ended(struct http_request *request) {
  request->running = false;
  if (!request->connection) free_request(request);
}

// what libmicrohttpd calls ---------------------------------------------------------------------

static void *on_target(void *context, const char *target, struct MHD_Connection *connection) {
  struct http_request *request = calloc(1, sizeof *request + strlen(target) + 1);
  if (!request) return NULL;
  request->server = context;
  request->connection = connection;
  strcpy(request->target, target);
  link_request(context, request);
  return request;
}

static bool declares_too_much(struct http_request *request) {
  const char *text = NULL;
  size_t size = 0;
  mhd.lookup(request->connection, MHD_HEADER_KIND, "Content-Length", strlen("Content-Length"),
             &text, &size);
  return text && strtoull(text, NULL, 10) > request->server->max_body;
}

static enum MHD_Result respond(struct http_request *request) {
  if (!request->response) return MHD_NO;
  return mhd.respond(request->connection, request->status, request->response);
}

static enum MHD_Result look_at(struct http_request *request, const char *method) {
  request->seen = true;
  strncpy(request->method, method, sizeof request->method - 1);
  if (!declares_too_much(request)) return MHD_YES;
  http_request_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
  return respond(request);
}

static enum MHD_Result take_body(struct http_request *request, const char *bytes, size_t *size) {
  size_t room = request->server->max_body - request->body.len;
  bool ok = *size <= room && buffer_append(&request->body, bytes, *size);
  *size = 0;
  return ok ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *size, void **state) {
  struct http_server *server = context;
  struct http_request *request = *state;
  (void)path, (void)version;
  if (!request || (server->closing && !request->begun)) return MHD_NO;
  if (!request->seen) return look_at(request, method);
  if (*size > 0) return take_body(request, bytes, size);
  if (!request->begun) {
    request->begun = true;
    server->under_way++;
    server->begin(server, request);
  }
  if (request->answered) return respond(request);
  if (server->end.reached) return MHD_NO;
  request->suspended = true;
  mhd.suspend(connection);
  return MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why) {
  struct http_server *server = context;
  struct http_request *request = *state;
  (void)connection, (void)why;
  *state = NULL;
  if (!request) return;
  if (request->begun) server->under_way--;
  request->connection = NULL;
  if (!request->running) free_request(request);
}

// What is known of a connection as long as it lasts: the text of the other side's address.
static char *peer_text(struct MHD_Connection *connection) {
  struct address peer = {.size = sizeof peer.to};
  const struct sockaddr *from =
      mhd.connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
  char text[ADDRESS_TEXT];
  if (!from || from->sa_family == AF_UNIX) return NULL;
  memcpy(&peer.to, from, from->sa_family == AF_INET ? sizeof peer.to.v4 : sizeof peer.to.v6);
  address_text(&peer, text);
  return strdup(text);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **peer,
                          enum MHD_ConnectionNotificationCode what) {
  int fd = mhd.connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  (void)context;
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    private_fd_add(fd);
    *peer = peer_text(connection);
  } else {
    private_fd_remove(fd);
    free(*peer);
  }
}

// The other side's address as a text, NULL if it has none (a Unix socket). The connection is there.
const char *http_request_peer(const struct http_request *request) {
  return mhd.connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
      ->socket_context;
}

// the server -----------------------------------------------------------------------------------

// As many as there may be descriptors.
static unsigned most_connections(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > MOST_CONNECTIONS)
    return MOST_CONNECTIONS;
  return limit.rlim_cur > 2 * SPARE_FDS ? (unsigned)limit.rlim_cur - SPARE_FDS : SPARE_FDS;
}

static bool start(struct http_server *server) {
  server->daemon = mhd.start(
      MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, on_request, server,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_ROOM, MHD_OPTION_LISTEN_SOCKET,
      server->listen_fd, MHD_OPTION_CONNECTION_LIMIT, most_connections(),
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_URI_LOG_CALLBACK, on_target,
      server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
      on_connection, server, MHD_OPTION_END);
  if (!server->daemon) return false;
  server->epoll_fd = mhd.daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  return private_fd_add(server->epoll_fd);
}

// Starts a server that is all zero but for address, max_body and begin; mhd_open has succeeded.
// Returns 0 or an errno.
int http_server_start(struct http_server *server) {
  server->process = program_slot;
  server->until = CLOCK_NEVER;
  int fd = address_listen(&server->address);
  if (fd < 0) return -fd;
  server->listen_fd = fd;
  if (private_fd_add(fd) && start(server)) return 0;
  http_server_stop_listening(server);
  http_server_stop(server);
  return ENOMEM;
}

// Lets its driver look again. Under the GIL, from any thread of the interpreter.
void http_server_wake(struct http_server *server) {
  if (server->end.reached || server->driver->state != TASK_PARKED) return;
  loop_ready(server->loop, server->driver);
}

// Does what can be done now without waiting.
void http_server_work(struct http_server *server) { mhd.run(server->daemon); }

// When it wants to work again even if its descriptor is not ready.
int64_t http_server_due(struct http_server *server) {
  MHD_UNSIGNED_LONG_LONG milliseconds;
  if (mhd.get_timeout(server->daemon, &milliseconds) != MHD_YES) return CLOCK_NEVER;
  return milliseconds == 0 ? 0 : clock_now() + (int64_t)milliseconds * INT64_C(1000000);
}

// Takes no more connections.
void http_server_stop_listening(struct http_server *server) {
  if (server->listen_fd < 0) return;
  if (server->daemon) mhd.quiesce(server->daemon);
  private_fd_remove(server->listen_fd);
  close(server->listen_fd);
  server->listen_fd = -1;
  if (server->address.to.any.sa_family == AF_UNIX) unlink(server->address.to.local.sun_path);
}

// Ends a server that no longer listens, and all its connections. Handlers that still run may end
// later.
void http_server_stop(struct http_server *server) {
  server->closing = server->end.reached = true;
  if (!server->daemon) return;
  for (struct http_request *r = server->requests; r; r = r->next) {
    if (r->suspended) mhd.resume(r->connection);
    r->suspended = false;
  }
  private_fd_remove(server->epoll_fd);
  mhd.stop(server->daemon);
  server->daemon = NULL;
  end_reach(&server->end);
}

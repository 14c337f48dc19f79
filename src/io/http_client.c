#include "io/http_client.h"

#include "base/clock.h"
#include "base/private_fd.h"
#include "base/program.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64 };

// what libcurl calls ---------------------------------------------------------------------------

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known) {
  struct http_client *client = context;
  struct epoll_event event = {.data.fd = fd};
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, &event);
    return 0;
  }
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  epoll_ctl(client->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  if (!known) curl.multi_assign(client->multi, fd, client);
  return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context) {
  struct http_client *client = context;
  (void)multi;
  client->due = milliseconds < 0 ? CLOCK_NEVER : clock_now() + milliseconds * INT64_C(1000000);
  return 0;
}

static curl_socket_t open_socket(void *context, curlsocktype type, struct curl_sockaddr *address) {
  struct http_client *client = context;
  (void)type;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  private_fd_add(fd);
  client->open++;
  return fd;
}

static int close_socket(void *context, curl_socket_t fd) {
  struct http_client *client = context;
  private_fd_remove(fd);
  client->open--;
  return close(fd);
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context) {
  struct http_transfer *transfer = context;
  (void)one;
  transfer->too_big = size > transfer->max_body - transfer->body.len;
  return !transfer->too_big && buffer_append(&transfer->body, bytes, size) ? size : 0;
}

// Each response begins anew: of a row of redirections the last one's are kept.
static size_t on_header(char *bytes, size_t one, size_t size, void *context) {
  struct http_transfer *transfer = context;
  (void)one;
  if (size > 5 && memcmp(bytes, "HTTP/", 5) == 0) transfer->head.len = 0;
  transfer->long_head = transfer->head.len + size > HTTP_MOST_HEAD;
  return !transfer->long_head && buffer_append(&transfer->head, bytes, size) ? size : 0;
}

// the client -----------------------------------------------------------------------------------

static bool set_up(struct http_client *client) {
  client->multi = curl.multi_init();
  client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!client->multi || client->epoll_fd < 0) return false;
  curl.multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl.multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
  curl.multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl.multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
  return private_fd_add(client->epoll_fd);
}

// A client for this OS thread; curl_open has succeeded. NULL: no memory, or no descriptor left.
struct http_client *http_client_new(void) {
  struct http_client *client = calloc(1, sizeof *client);
  if (!client) return NULL;
  client->due = CLOCK_NEVER;
  if (set_up(client)) return client;
  http_client_free(client);
  return NULL;
}

// Closes its connections and frees it; no transfer is under way.
void http_client_free(struct http_client *client) {
  while (client->spare_count > 0)
    curl.easy_cleanup(client->spares[--client->spare_count]);
  if (client->multi) curl.multi_cleanup(client->multi);
  if (client->epoll_fd >= 0) {
    private_fd_remove(client->epoll_fd);
    close(client->epoll_fd);
  }
  free(client);
}

// a transfer -----------------------------------------------------------------------------------

static void set_method(CURL *easy, const struct http_ask *ask) {
  bool post = strcmp(ask->method, "POST") == 0;
  if (ask->body || post) {
    curl.easy_setopt(easy, CURLOPT_POSTFIELDS, ask->body ? ask->body : "");
    curl.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body_size);
  } else if (strcmp(ask->method, "HEAD") == 0) {
    curl.easy_setopt(easy, CURLOPT_NOBODY, 1L);
  }
  bool plain =
      post || (!ask->body && (strcmp(ask->method, "GET") == 0 || strcmp(ask->method, "HEAD") == 0));
  if (!plain) curl.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, ask->method);
}

// A proxy that the environment names is used, but never for this machine itself.
static void set_proxy(CURL *easy) {
  const char *others = getenv("no_proxy");
  char list[1024];
  if (!others) others = getenv("NO_PROXY");
  if (others && strcmp(others, "*") == 0) return;
  int n = snprintf(list, sizeof list, "localhost,127.0.0.1,::1%s%s", others ? "," : "",
                   others ? others : "");
  if (n < (int)sizeof list) curl.easy_setopt(easy, CURLOPT_NOPROXY, list);
}

// QUICK_EXIT: to abort a transfer must not wait for the system's resolver.
static void set_up_transfer(struct http_client *client, struct http_transfer *transfer,
                            const struct http_ask *ask) {
  CURL *easy = transfer->easy;
  curl.easy_setopt(easy, CURLOPT_URL, ask->url);
  curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl.easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
  curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl.easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl.easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl.easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl.easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
  curl.easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl.easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
  curl.easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
  curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, ask->redirects > 0 ? 1L : 0L);
  curl.easy_setopt(easy, CURLOPT_MAXREDIRS, ask->redirects);
  if (ask->ca) curl.easy_setopt(easy, CURLOPT_CAINFO, ask->ca);
  if (ask->socket) curl.easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, ask->socket);
  set_proxy(easy);
  set_method(easy, ask);
}

// Begins a transfer, which is all zero but for max_body. Its headers are its own from now on.
// Returns false when there is no memory.
bool http_client_begin(struct http_client *client, struct http_transfer *transfer,
                       const struct http_ask *ask) {
  transfer->headers = ask->headers;
  transfer->process = program_slot;
  transfer->easy =
      client->spare_count > 0 ? client->spares[--client->spare_count] : curl.easy_init();
  if (!transfer->easy) return false;
  transfer->client = client;
  client->busy++;
  set_up_transfer(client, transfer, ask);
  if (curl.multi_add(client->multi, transfer->easy) == CURLM_OK) return true;
  http_transfer_abort(transfer);
  return false;
}

// Takes a transfer out of its client.
static void leave(struct http_transfer *transfer) {
  struct http_client *client = transfer->client;
  curl.multi_remove(client->multi, transfer->easy);
  client->busy--;
  if (client->spare_count < HTTP_SPARES) {
    curl.easy_reset(transfer->easy);
    client->spares[client->spare_count++] = transfer->easy;
  } else {
    curl.easy_cleanup(transfer->easy);
  }
  curl.slist_free(transfer->headers);
  transfer->headers = NULL;
  transfer->easy = NULL;
  transfer->client = NULL;
}

// Ends a transfer that is not done; one that is, or was never begun, is left alone. On the client's
// own OS thread.
void http_transfer_abort(struct http_transfer *transfer) {
  if (transfer->client && transfer->process == program_slot) leave(transfer);
}

// Frees what a transfer holds; it is not under way.
void http_transfer_free(struct http_transfer *transfer) {
  buffer_free(&transfer->head);
  buffer_free(&transfer->body);
}

static void finish(struct http_transfer *transfer, CURLcode result) {
  transfer->result = result;
  curl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->status);
  curl.easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &transfer->os_errno);
  leave(transfer);
  end_reach(&transfer->end);
}

static void act(struct http_client *client, curl_socket_t fd, uint32_t events) {
  int running, what = 0;
  if (events & EPOLLIN) what |= CURL_CSELECT_IN;
  if (events & EPOLLOUT) what |= CURL_CSELECT_OUT;
  if (events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
  curl.multi_act(client->multi, fd, what, &running);
}

// Does what can be done now without waiting, and wakes those whose transfers are done.
void http_client_work(struct http_client *client) {
  struct epoll_event events[EVENTS];
  int n = epoll_wait(client->epoll_fd, events, EVENTS, 0);
  for (int i = 0; i < n; i++)
    act(client, events[i].data.fd, events[i].events);
  if (client->due <= clock_now()) {
    client->due = CLOCK_NEVER;
    act(client, CURL_SOCKET_TIMEOUT, 0);
  }
  const CURLMsg *message;
  int left;
  while ((message = curl.multi_read(client->multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    struct http_transfer *transfer;
    curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    finish(transfer, message->data.result);
  }
  park_ring();
}

// errors ---------------------------------------------------------------------------------------

static const struct {
  CURLcode result;
  const char *code;
} codes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "EAI_NONAME"},
    {CURLE_COULDNT_RESOLVE_PROXY, "EAI_NONAME"},
    {CURLE_COULDNT_CONNECT, "ECONNREFUSED"},
    {CURLE_OPERATION_TIMEDOUT, "ETIMEDOUT"},
    {CURLE_GOT_NOTHING, "ECONNRESET"},
    {CURLE_PARTIAL_FILE, "ECONNRESET"},
    {CURLE_SEND_ERROR, "ECONNRESET"},
    {CURLE_TOO_MANY_REDIRECTS, "ELOOP"},
    {CURLE_FILESIZE_EXCEEDED, "EFBIG"},
    {CURLE_OUT_OF_MEMORY, "ENOMEM"},
    {CURLE_WRITE_ERROR, "ENOMEM"},
    {CURLE_PEER_FAILED_VERIFICATION, "ECERT"},
    {CURLE_SSL_CACERT_BADFILE, "ECERT"},
    {CURLE_SSL_ISSUER_ERROR, "ECERT"},
    {CURLE_SSL_CERTPROBLEM, "ECERT"},
    {CURLE_URL_MALFORMAT, "EINVAL"},
};

// The code of a transfer's failure: an errno's name where there is one, "EAI_NONAME" for an unknown
// host, "ECERT" for a certificate that is not trusted, "EPROTO" for what is no HTTP or TLS.
const char *http_transfer_code(const struct http_transfer *transfer) {
  if (transfer->too_big || transfer->long_head) return "EFBIG";
  bool network = transfer->result == CURLE_COULDNT_CONNECT ||
                 transfer->result == CURLE_RECV_ERROR || transfer->result == CURLE_SEND_ERROR;
  const char *name =
      network && transfer->os_errno ? strerrorname_np((int)transfer->os_errno) : NULL;
  if (name) return name;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (codes[i].result == transfer->result) return codes[i].code;
  return "EPROTO";
}

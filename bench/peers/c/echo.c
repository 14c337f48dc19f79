/* tcp_echo: 50 connections, 64 bytes, one message outstanding on each. The client is the same for
 * every server; the server here is what C does with one epoll set. */
#define _GNU_SOURCE
#include "harness.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 50, SIZE = 64, EVENTS = 64, LOOK = 1000 };

static void die(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

static void add(int set, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

/* Round trips per second against a server at that port. */
double bench_echo_client(int port, double seconds) {
  struct sockaddr_in address = loopback(port);
  char message[SIZE], bytes[SIZE];
  struct epoll_event events[EVENTS];
  int set = epoll_create1(0), fds[CONNECTIONS];
  long count = 0;
  memset(message, 'x', sizeof message);
  for (int i = 0; i < CONNECTIONS; i++) {
    fds[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fds[i], (struct sockaddr *)&address, sizeof address)) die("connect");
    add(set, fds[i]);
    if (write(fds[i], message, SIZE) != SIZE) die("write");
  }
  double begun = bench_now(), now = begun;
  while (now - begun < seconds) {
    int n = epoll_wait(set, events, EVENTS, LOOK);
    for (int i = 0; i < n; i++) {
      if (read(events[i].data.fd, bytes, SIZE) != SIZE) die("read");
      if (write(events[i].data.fd, message, SIZE) != SIZE) die("write");
      count++;
    }
    now = bench_now();
  }
  for (int i = 0; i < CONNECTIONS; i++)
    close(fds[i]);
  close(set);
  return (double)count / (now - begun);
}

static void serve(int listener) {
  struct epoll_event events[EVENTS];
  char bytes[4096];
  int set = epoll_create1(0);
  add(set, listener);
  for (;;) {
    int n = epoll_wait(set, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        add(set, accept4(fd, NULL, NULL, SOCK_NONBLOCK));
        continue;
      }
      ssize_t size = read(fd, bytes, sizeof bytes);
      if (size <= 0 || write(fd, bytes, (size_t)size) != size) close(fd);
    }
  }
}

static double tcp_echo(long n) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  (void)n;
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128))
    die("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  pid_t server = fork();
  if (server == 0) serve(listener);
  const char *s = getenv("BENCH_SECONDS");
  double rate = bench_echo_client(ntohs(address.sin_port), s ? atof(s) : 0.4);
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
  close(listener);
  return rate;
}

const bench_work echo_works[] = {
    {"tcp_echo", "epoll", "round trips/s", 0, tcp_echo, 1},
    {0},
};

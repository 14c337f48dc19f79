#include "host/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 4096, STREAMS = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t drawer;
static int channel[2] = {-1, -1}; // what is written comes in at 1 and is drawn from 0
static int terminal = -1;         // the real one
static int kept[STREAMS];         // the descriptors 1 and 2 as they were, -1: left alone
static const struct screen_line *shown;
static bool open_line; // the last line that was drawn has not ended

static void write_all(const char *text, size_t size) {
  while (size > 0) {
    ssize_t n = write(terminal, text, size);
    if (n < 0 && errno != EINTR && errno != EAGAIN) return;
    if (n > 0) {
      text += n;
      size -= (size_t)n;
    }
  }
}

// Draws what has been written so far, above the line that is being typed.
static void draw_pending(void) {
  char piece[PIECE];
  char last = '\n';
  ssize_t n = read(channel[0], piece, sizeof piece);
  if (n <= 0) return;
  if (shown) shown->erase();
  for (; n > 0; n = read(channel[0], piece, sizeof piece)) {
    write_all(piece, (size_t)n);
    last = piece[n - 1];
  }
  open_line = !shown && last != '\n';
  if (!shown) return;
  if (last != '\n') write_all("\n", 1);
  shown->draw();
}

static void *draw_for_ever(void *unused) {
  (void)unused;
  struct pollfd fd = {.fd = channel[0], .events = POLLIN};
  while (poll(&fd, 1, -1) >= 0 || errno == EINTR) {
    if (fd.revents & POLLHUP && !(fd.revents & POLLIN)) return NULL;
    screen_lock();
    draw_pending();
    screen_unlock();
  }
  return NULL;
}

// Makes `stream` write into the pipe, or to the terminal again.
static void lead(int stream, bool into_pipe) {
  if (kept[stream - 1] >= 0) dup2(into_pipe ? channel[1] : kept[stream - 1], stream);
}

static bool start_drawer(void) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  bool started = pthread_create(&drawer, NULL, draw_for_ever, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (started) pthread_setname_np(drawer, "heddle-screen");
  return started;
}

// Takes standard output, and standard error if it is a terminal too, over. Returns false, with
// errno set, when it can't.
bool screen_open(void) {
  if (pipe2(channel, O_CLOEXEC) != 0) return false;
  fcntl(channel[0], F_SETFL, O_NONBLOCK);
  terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  for (int stream = 1; stream <= STREAMS; stream++)
    kept[stream - 1] = isatty(stream) ? fcntl(stream, F_DUPFD_CLOEXEC, 3) : -1;
  if (terminal < 0 || !start_drawer()) return false;
  screen_pause(false);
  return true;
}

// The real terminal's descriptor.
int screen_terminal(void) { return terminal; }

// Nobody else draws until it is unlocked.
void screen_lock(void) { pthread_mutex_lock(&lock); }

// The others may draw again.
void screen_unlock(void) { pthread_mutex_unlock(&lock); }

// Ends the line that was drawn last, if it has not ended: a prompt begins a line. To be called with
// the screen locked.
void screen_end_line(void) {
  if (open_line) write_all("\n", 1);
  open_line = false;
}

// A line is being typed from now on (NULL: none any more). To be called with the screen locked.
void screen_show_line(const struct screen_line *line) { shown = line; }

// Returns when all that was written before is on the terminal.
void screen_flush(void) {
  fflush(NULL);
  screen_lock();
  draw_pending();
  screen_unlock();
}

// While it is paused the program writes to the terminal itself: another program uses it.
void screen_pause(bool pause) {
  screen_flush();
  for (int stream = 1; stream <= STREAMS; stream++)
    lead(stream, !pause);
}

// Gives standard output and error back. The drawer stays for what workers may still write.
void screen_close(void) { screen_pause(true); }

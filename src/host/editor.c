#include "host/editor.h"

#include "host/columns.h"
#include "host/paste.h"
#include "host/screen.h"
#include "worker/worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define LIBRARY "libedit.so.2"
enum { HISTORY = 1000, DEFAULT_COLUMNS = 80, DEFAULT_ROWS = 24, PATIENCE = 2, CTRL_D = 4 };

// libedit's functions, valid once it is open.
static struct {
  __typeof__(el_init) *init;
  __typeof__(el_set) *set;
  __typeof__(el_gets) *gets;
  __typeof__(el_line) *line;
  __typeof__(el_insertstr) *insert;
  __typeof__(el_resize) *resize;
  __typeof__(history_init) *history_new;
  __typeof__(history) *history;
} edit;

static EditLine *editor;
static History *memory;
static char prompt_text[64];
static locale_t locale;

// Between the editor's thread and the one that asks, under `lock`.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool asked, answered, abandoned;
static enum editor_event event = EDITOR_NOTHING;
static bool stopped;        // of the editor's thread: the line ended without being finished
static uint32_t interrupts; // how often Ctrl-C had come before those that are for the line
static char *event_text, *answer, *answer_list;
static int ready[2] = {-1, -1}; // a byte per event
static int news[2] = {-1, -1};  // a byte: the terminal has changed
static int wake[2] = {-1, -1};  // a byte: the line is abandoned

static bool find(void *library, const char *name, void *target) {
  void *symbol = dlsym(library, name);
  memcpy(target, &symbol, sizeof symbol);
  return symbol != NULL;
}

static bool open_library(void) {
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  return library && find(library, "el_init", &edit.init) && find(library, "el_set", &edit.set) &&
         find(library, "el_gets", &edit.gets) && find(library, "el_line", &edit.line) &&
         find(library, "el_insertstr", &edit.insert) && find(library, "el_resize", &edit.resize) &&
         find(library, "history_init", &edit.history_new) &&
         find(library, "history", &edit.history);
}

// the line on the screen -----------------------------------------------------------------------

static bool dumb; // the terminal knows no control sequences

static void control(const char *sequence) {
  if (!dumb) dprintf(screen_terminal(), "%s", sequence);
}

static struct winsize shown_size; // of the terminal, as the line was drawn

static struct winsize terminal_size(void) {
  struct winsize size;
  if (ioctl(screen_terminal(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    size = (struct winsize){.ws_row = DEFAULT_ROWS, .ws_col = DEFAULT_COLUMNS};
  return size;
}

// Rows from the first of the line to the cursor's, on a terminal so wide. libedit shows no more
// rows of a line than the terminal has.
static int rows_above(int width) {
  struct columns_place place = {.width = width};
  const LineInfo *line = edit.line(editor);
  columns_walk(&place, prompt_text, strlen(prompt_text));
  columns_walk(&place, line->buffer, (size_t)(line->cursor - line->buffer));
  return place.row < shown_size.ws_row ? place.row : shown_size.ws_row - 1;
}

static void erase_rows(int up) {
  if (dumb) dprintf(screen_terminal(), "\n");
  if (dumb) return;
  if (up > 0) dprintf(screen_terminal(), "\033[%dA", up);
  dprintf(screen_terminal(), "\r\033[J");
}

static void erase_line(void) {
  locale_t before = uselocale(locale);
  erase_rows(rows_above(shown_size.ws_col));
  uselocale(before);
}

// Some terminals fold lines anew when their width changes: nothing above the line may be erased.
static void erase_resized_line(void) {
  int before = rows_above(shown_size.ws_col);
  shown_size = terminal_size();
  int now = rows_above(shown_size.ws_col);
  erase_rows(before < now ? before : now);
}

static void draw_line(void) {
  locale_t before = uselocale(locale);
  edit.set(editor, EL_REFRESH);
  uselocale(before);
}

static const struct screen_line shown_line = {erase_line, draw_line};

// the editor's thread --------------------------------------------------------------------------

static void post(enum editor_event what, char *text) {
  pthread_mutex_lock(&lock);
  event = what;
  free(event_text);
  event_text = text;
  pthread_mutex_unlock(&lock);
  while (write(ready[1], "", 1) < 0 && errno == EINTR) {
  }
}

// A read takes what is there and returns: Ctrl-C empties the terminal's queue, maybe of the very
// key that poll has told of. libedit sets this anew now and then.
static void let_reads_return(void) {
  struct termios mode;
  if (tcgetattr(STDIN_FILENO, &mode) != 0 || mode.c_cc[VMIN] == 0) return;
  mode.c_cc[VMIN] = 0;
  mode.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

// LAST: the terminal has been hung up; NEWS: it has changed.
enum key { KEY_THERE, KEY_LAST, KEY_NONE, KEY_NEWS };

static enum key await_byte(void) {
  struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                         {.fd = wake[0], .events = POLLIN},
                         {.fd = news[0], .events = POLLIN}};
  while (poll(fds, 3, -1) < 0 && errno == EINTR) {
  }
  if (fds[1].revents) return KEY_NONE;
  if (fds[2].revents) return KEY_NEWS;
  return fds[0].revents & (POLLHUP | POLLERR | POLLNVAL) ? KEY_LAST : KEY_THERE;
}

// The terminal has another size, or had another program in front of it meanwhile.
static void take_terminal_again(void) {
  char byte;
  while (read(news[0], &byte, 1) > 0) {
  }
  erase_resized_line();
  edit.set(editor, EL_PREP_TERM, 0); // else libedit takes the mode for the one it set
  edit.set(editor, EL_PREP_TERM, 1);
  let_reads_return();
  control(PASTE_ON);
  edit.resize(editor);
  draw_line();
}

// A Ctrl-C is seen here before any key behind it: those are for the next line. It may not have got
// to its handler yet.
static bool given_up(void) {
  enum { TRIES = 100, PAUSE = 100 };
  sigset_t pending;
  for (int i = 0; i < TRIES; i++) {
    if (sigpending(&pending) != 0 || !sigismember(&pending, SIGINT)) break;
    usleep(PAUSE);
  }
  return editor_interrupted();
}

// Adds the byte that should be there to the character. Returns 1 when that is whole, 0 when more
// bytes are needed, -1 at the end.
static int add_byte(mbstate_t *state, wchar_t *c, bool last) {
  char byte;
  ssize_t n = read(STDIN_FILENO, &byte, 1);
  if (n <= 0) return last || (n < 0 && errno != EINTR && errno != EAGAIN) ? -1 : 0;
  size_t used = mbrtowc(c, &byte, 1, state);
  if (used == (size_t)-1) memset(state, 0, sizeof *state);
  return used == 0 || used == 1;
}

static enum key await_key(void) {
  gate_leave();
  screen_unlock();
  enum key key = await_byte();
  screen_lock();
  gate_enter();
  return given_up() ? KEY_NONE : key;
}

static bool nothing_typed(void) {
  const LineInfo *line = edit.line(editor);
  return line->lastchar == line->buffer;
}

// Waits for a key; the others may draw and fork meanwhile. Returns 1, or 0 when the line is given
// up or the terminal is gone.
static int get_key(EditLine *el, wchar_t *c) {
  mbstate_t state = {0};
  int got = 0;
  (void)el;
  let_reads_return();
  while (got == 0 && !given_up()) {
    enum key key = await_key();
    stopped = key == KEY_NONE;
    if (key == KEY_NEWS) {
      take_terminal_again();
      continue;
    }
    got = stopped ? -1 : add_byte(&state, c, key == KEY_LAST);
  }
  if (stopped || given_up()) {
    stopped = true;
    erase_line(); // of what was drawn, Ctrl-C may have emptied the terminal's queue
    draw_line();
    return 0;
  }
  // A Ctrl-D that was typed ahead of the prompt comes as a zero.
  if (got > 0 && *c == 0 && nothing_typed()) *c = CTRL_D;
  return got > 0;
}

static char *line_before_cursor(void) {
  const LineInfo *line = edit.line(editor);
  return strndup(line->buffer, (size_t)(line->cursor - line->buffer));
}

static bool await_answer(void) {
  struct timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += PATIENCE;
  pthread_mutex_lock(&lock);
  while (!answered && !abandoned && pthread_cond_timedwait(&changed, &lock, &limit) == 0) {
  }
  bool got = answered && !abandoned;
  pthread_mutex_unlock(&lock);
  return got;
}

// Tab: asks what could stand here. The loop may be busy; then nothing does.
static unsigned char complete(EditLine *el, int key) {
  (void)key;
  pthread_mutex_lock(&lock);
  answered = false;
  pthread_mutex_unlock(&lock);
  post(EDITOR_COMPLETE, line_before_cursor());
  screen_unlock();
  bool got = await_answer();
  screen_lock();
  if (!got || (!*answer && !*answer_list)) return CC_ERROR;
  if (*answer_list) {
    erase_line();
    dprintf(screen_terminal(), "%s\n", answer_list);
    draw_line();
  }
  if (*answer && edit.insert(el, answer) < 0) return CC_ERROR;
  return CC_REFRESH;
}

// What is pasted stands in the line as it is, also where it has several lines: one entry.
static unsigned char take_paste(EditLine *el, int key) {
  struct paste paste = {NULL, 0, 0};
  wchar_t c;
  (void)key;
  do {
    if (get_key(el, &c)) continue;
    paste_free(&paste);
    return CC_EOF;
  } while (!paste_add(&paste, c));
  const char *text = paste_text(&paste);
  bool fine = !*text || edit.insert(el, text) >= 0;
  paste_free(&paste);
  return fine ? CC_REFRESH : CC_ERROR;
}

static char *prompt_of(EditLine *el) {
  (void)el;
  return prompt_text;
}

static void await_question(void) {
  pthread_mutex_lock(&lock);
  while (!asked)
    pthread_cond_wait(&changed, &lock);
  asked = false;
  pthread_mutex_unlock(&lock);
}

static void edit_one_line(void) {
  int size = 0;
  screen_lock();
  gate_enter();
  edit.resize(editor);
  shown_size = terminal_size();
  edit.set(editor, EL_PREP_TERM, 1); // else what is typed ahead is shown twice
  control(PASTE_ON);
  screen_end_line();
  control("\r\033[K"); // what was typed ahead has been echoed, and is shown again
  screen_show_line(&shown_line);
  stopped = false;
  const char *line = edit.gets(editor, &size);
  screen_show_line(NULL);
  control(PASTE_OFF);
  char *copy = line && size > 0 ? strdup(line) : NULL;
  gate_leave();
  screen_unlock();
  if (stopped || !copy) dprintf(screen_terminal(), stopped ? "^C\n" : "\n");
  post(stopped ? EDITOR_ABANDONED : copy ? EDITOR_LINE : EDITOR_END, copy);
}

static void *edit_for_ever(void *unused) {
  (void)unused;
  uselocale(locale);
  for (;;) {
    await_question();
    edit_one_line();
  }
  return NULL;
}

// the terminal's signals -----------------------------------------------------------------------

static struct termios mode_before; // the line editor

static void on_change(int signal) {
  int before = errno;
  (void)signal;
  if (write(news[1], "", 1) < 0) errno = before; // there is news already
}

// Ctrl-Z: the shell gets the terminal as it was; SIGCONT tells when it is ours again.
static void on_stop(int signal) {
  int before = errno;
  (void)signal;
  if (dumb || write(screen_terminal(), PASTE_OFF, sizeof PASTE_OFF - 1) > 0)
    tcsetattr(STDIN_FILENO, TCSANOW, &mode_before);
  raise(SIGSTOP);
  errno = before;
}

static void handle_signals(void) {
  static const int signals[] = {SIGWINCH, SIGCONT, SIGTSTP};
  tcgetattr(STDIN_FILENO, &mode_before);
  for (int i = 0; i < 3; i++) {
    struct sigaction action = {.sa_handler = signals[i] == SIGTSTP ? on_stop : on_change,
                               .sa_flags = SA_RESTART};
    sigaction(signals[i], &action, NULL);
  }
}

// for the loop's thread ------------------------------------------------------------------------

static void set_up(void) {
  edit.set(editor, EL_PROMPT, prompt_of);
  edit.set(editor, EL_EDITOR, "emacs");
  edit.set(editor, EL_HIST, edit.history, memory);
  edit.set(editor, EL_GETCFN, get_key);
  edit.set(editor, EL_ADDFN, "heddle-complete", "completes a name", complete);
  edit.set(editor, EL_BIND, "^I", "heddle-complete", NULL);
  edit.set(editor, EL_ADDFN, "heddle-paste", "takes what is pasted", take_paste);
  edit.set(editor, EL_BIND, PASTE_BEGIN, "heddle-paste", NULL);
  edit.set(editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
  edit.set(editor, EL_BIND, "\033[A", "ed-prev-history", NULL);
  edit.set(editor, EL_BIND, "\033[B", "ed-next-history", NULL);
  edit.set(editor, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
}

static bool make_editor(void) {
  HistEvent e;
  const char *kind = getenv("TERM");
  dumb = !kind || !*kind || strcmp(kind, "dumb") == 0;
  FILE *in = fdopen(dup(STDIN_FILENO), "r"), *out = fdopen(dup(screen_terminal()), "w");
  if (!in || !out || pipe2(ready, O_CLOEXEC) != 0 || pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0 ||
      pipe2(news, O_CLOEXEC | O_NONBLOCK) != 0)
    return false;
  setvbuf(out, NULL, _IOFBF, BUFSIZ);
  editor = edit.init("heddle", in, out, out);
  memory = edit.history_new();
  if (!editor || !memory) return false;
  edit.history(memory, &e, H_SETSIZE, HISTORY);
  edit.history(memory, &e, H_SETUNIQUE, 1);
  set_up();
  return true;
}

static bool start_thread(void) {
  pthread_t thread;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  bool started = pthread_create(&thread, NULL, edit_for_ever, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (!started) return false;
  pthread_setname_np(thread, "heddle-editor");
  pthread_detach(thread);
  return true;
}

// Opens the editor on standard input and the screen's terminal. Returns false and says why when it
// can't be had.
bool editor_open(const char **why) {
  *why = "the line editor " LIBRARY " is not installed (package libedit2)";
  if (!open_library()) return false;
  locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  locale_t before = locale ? uselocale(locale) : (locale_t)0;
  bool made = make_editor();
  if (locale) uselocale(before);
  *why = "the line editor does not start";
  if (!made) return false;
  handle_signals();
  return start_thread();
}

// Readable when there is an event.
int editor_fd(void) { return ready[0]; }

// Begins to edit a new line behind `prompt`; its end is an event. A Ctrl-C that nobody has seen yet
// is for this line, and so is one that `interrupted` tells of: it gets no keys.
void editor_ask(const char *prompt, bool interrupted) {
  screen_flush();
  snprintf(prompt_text, sizeof prompt_text, "%s", prompt);
  char byte;
  while (read(wake[0], &byte, 1) > 0) { // of a line that had ended already
  }
  interrupts = worker_interrupts_seen() - interrupted;
  pthread_mutex_lock(&lock);
  abandoned = false;
  asked = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

// Waits for an event and takes it; EDITOR_NOTHING: it was overtaken by the one that was taken
// before. `text`: the line, or for EDITOR_COMPLETE what stands before the cursor; to be freed; may
// be NULL.
enum editor_event editor_take(char **text) {
  char byte;
  while (read(ready[0], &byte, 1) < 0 && errno == EINTR) {
  }
  pthread_mutex_lock(&lock);
  enum editor_event what = event;
  *text = event_text;
  event = EDITOR_NOTHING;
  event_text = NULL;
  pthread_mutex_unlock(&lock);
  return what;
}

// Answers an EDITOR_COMPLETE: what to insert at the cursor, and what to show above the line. An
// answer that comes late, when there is another event, is dropped.
void editor_answer(const char *insert, const char *list) {
  pthread_mutex_lock(&lock);
  free(answer);
  free(answer_list);
  answer = strdup(insert);
  answer_list = strdup(list);
  answered = answer && answer_list && event == EDITOR_NOTHING;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

// Whether Ctrl-C came that is for the line.
bool editor_interrupted(void) { return worker_interrupts() != interrupts; }

// Gives the line that is being typed up; an EDITOR_ABANDONED follows, unless its end came before.
void editor_abandon(void) {
  pthread_mutex_lock(&lock);
  abandoned = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  if (write(wake[1], "", 1) < 0) return;
}

// Puts a line into the history. No line may be being edited.
void editor_remember(const char *line) {
  HistEvent e;
  edit.history(memory, &e, H_ENTER, line);
}

// Reads a file of lines that editor_save_history wrote. Returns false when it can't.
bool editor_load_history(const char *path) {
  HistEvent e;
  return edit.history(memory, &e, H_LOAD, path) >= 0;
}

// Writes the lines to a file. Returns false when it can't.
bool editor_save_history(const char *path) {
  HistEvent e;
  return edit.history(memory, &e, H_SAVE, path) >= 0;
}

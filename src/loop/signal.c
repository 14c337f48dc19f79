#include "loop/signal.h"

#include "base/forked.h"
#include "base/program.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { SIGNALS = 65 };

// Those that may be caught: not what the kernel keeps, what a crash raises, nor what libuv and the
// engine need.
static const struct {
  const char *name;
  int number;
} known[] = {{"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},       {"SIGQUIT", SIGQUIT},
             {"SIGTERM", SIGTERM}, {"SIGUSR1", SIGUSR1},     {"SIGUSR2", SIGUSR2},
             {"SIGALRM", SIGALRM}, {"SIGCONT", SIGCONT},     {"SIGTSTP", SIGTSTP},
             {"SIGTTIN", SIGTTIN}, {"SIGTTOU", SIGTTOU},     {"SIGWINCH", SIGWINCH},
             {"SIGURG", SIGURG},   {"SIGXCPU", SIGXCPU},     {"SIGIO", SIGIO},
             {"SIGPROF", SIGPROF}, {"SIGVTALRM", SIGVTALRM}, {NULL, 0}};

static _Atomic uint32_t came[SIGNALS];
FORKED static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // of what follows
FORKED static uint32_t catchers[SIGNALS];
static struct sigaction before[SIGNALS];

// The number of a signal that may be caught, by its name; 0: there is none.
int signal_number(const char *name) {
  for (int i = 0; known[i].name; i++)
    if (strcmp(known[i].name, name) == 0) return known[i].number;
  return 0;
}

// Its name.
const char *signal_name(int number) {
  for (int i = 0; known[i].name; i++)
    if (known[i].number == number) return known[i].name;
  return "?";
}

static void on_signal(int number) {
  int saved = errno;
  atomic_fetch_add(&came[number], 1);
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    const struct program_seat *seat = program_seat(i);
    if (seat->used == program_slot + 1 && (seat->flags & SEAT_CATCHING))
      program_ask(i, ATTENTION_CAUGHT);
  }
  errno = saved;
}

// The process catches the signal from now on, in one more place. Returns false with errno set when
// the system does not allow it.
bool signal_catch(int number) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  pthread_mutex_lock(&mutex);
  bool fine = catchers[number] > 0 || sigaction(number, &action, &before[number]) == 0;
  if (fine) catchers[number]++;
  pthread_mutex_unlock(&mutex);
  return fine;
}

// In one place less.
void signal_uncatch(int number) {
  pthread_mutex_lock(&mutex);
  if (--catchers[number] == 0) sigaction(number, &before[number], NULL);
  pthread_mutex_unlock(&mutex);
}

// How often the signal came so far.
uint32_t signal_count(int number) { return came[number]; }

// In a forked child: nobody catches anything here.
void signal_after_fork(void) {
  pthread_mutex_init(&mutex, NULL);
  for (int number = 1; number < SIGNALS; number++) {
    if (catchers[number] == 0) continue; // one that is not written need not be copied
    sigaction(number, &before[number], NULL);
    catchers[number] = 0;
  }
}

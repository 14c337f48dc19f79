/* Limits: what C does on this machine.  usage: c WORK
 * BENCH_SECONDS and BENCH_REPS in the environment say how long and how often. */
#include "harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_REPS = 50 };

/* Seconds on the monotonic clock. */
double bench_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double setting(const char *name, double usual) {
  const char *s = getenv(name);
  return s ? atof(s) : usual;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The number of operations that take about `seconds`. */
static long calibrate(const bench_work *w, double seconds) {
  long n = w->first;
  double t = w->run(n);
  while (t < seconds / 5) {
    long m = (long)((double)n * (t > 0.001 ? seconds / 3 / t : 10));
    n = m > n ? m : n * 2;
    t = w->run(n);
  }
  n = (long)((double)n * seconds / t);
  return n < w->first ? w->first : n;
}

static void measure(const bench_work *w) {
  double v[MOST_REPS], seconds = setting("BENCH_SECONDS", 0.4);
  int reps = (int)setting("BENCH_REPS", 3);
  reps = reps < 1 ? 1 : reps > MOST_REPS ? MOST_REPS : reps;
  long n = w->once ? 0 : calibrate(w, seconds);
  for (int i = 0; i < reps; i++)
    v[i] = w->once ? w->run(0) : (double)n / w->run(n);
  qsort(v, (size_t)reps, sizeof *v, compare);
  printf("{\"peer\":\"c\",\"work\":\"%s\",\"variant\":\"%s\",\"value\":%.6g,\"unit\":\"%s\","
         "\"min\":%.6g,\"max\":%.6g}\n",
         w->name, w->variant, v[reps / 2], w->unit, v[0], v[reps - 1]);
}

int main(int argc, char **argv) {
  const bench_work *tables[] = {ring_works, lua_works, echo_works};
  if (argc == 4 && !strcmp(argv[1], "echo_client")) {
    printf("%.6g\n", bench_echo_client(atoi(argv[2]), atof(argv[3])));
    return 0;
  }
  for (int t = 0; argc == 2 && t < 3; t++)
    for (const bench_work *w = tables[t]; w->name; w++)
      if (!strcmp(w->name, argv[1])) {
        measure(w);
        return 0;
      }
  fprintf(stderr, "usage: c WORK | c echo_client PORT SECONDS\n");
  return 3;
}

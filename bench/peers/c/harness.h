/* What the C programs share: a clock, works in a table, and the line of JSON that a run prints.
 * Stands on libc alone. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

/* One work: `run(n)` performs n operations and returns the seconds they took. With `once`, run(0)
 * returns the figure itself (bytes, for example). The last entry of a table has no name. */
typedef struct {
  const char *name, *variant, *unit;
  long first; /* operations of the first, calibrating run */
  double (*run)(long n);
  int once;
} bench_work;

extern const bench_work ring_works[];
extern const bench_work lua_works[];
extern const bench_work echo_works[];

double bench_now(void);
double bench_echo_client(int port, double seconds);

#endif

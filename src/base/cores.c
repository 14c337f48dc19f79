#include "base/cores.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Atomic int usable;

// Cores in this process's affinity mask, looked up once.
int cores_usable(void) {
  int n = atomic_load_explicit(&usable, memory_order_relaxed);
  if (n > 0) return n;
  cpu_set_t set;
  n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  atomic_store(&usable, n);
  return n;
}

static double cgroup_quota(void) {
  double quota, period;
  FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (!f) return 0;
  int n = fscanf(f, "%lf %lf", &quota, &period);
  fclose(f);
  return n == 2 && period > 0 ? quota / period : 0;
}

// Cores worth of time this program may use at once; *why says what limits it: "affinity" or "cgroup
// quota".
double cores_quota(const char **why) {
  double cores = cores_usable(), quota = cgroup_quota();
  *why = "affinity";
  if (quota <= 0 || quota >= cores) return cores;
  *why = "cgroup quota";
  return quota;
}

// What limits the cores of this program: its affinity mask, and the CPU quotas of its control
// groups and of those around them, of either version of cgroups. Where a group's files are mounted,
// and which part of the tree that is, /proc/self/mountinfo tells.
#include "base/cores.h"

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CPUS = 1 << 16 };

static _Atomic int usable;

static int count_mask(void) {
  for (int cpus = CPU_SETSIZE; cpus <= MOST_CPUS; cpus *= 2) { // too small a set is refused
    cpu_set_t *set = CPU_ALLOC((size_t)cpus);
    if (!set) return 1;
    size_t size = CPU_ALLOC_SIZE((size_t)cpus);
    int n = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (n > 0) return n;
  }
  return 1;
}

// Cores in this process's affinity mask, looked up once.
int cores_usable(void) {
  int n = atomic_load_explicit(&usable, memory_order_relaxed);
  if (n > 0) return n;
  n = count_mask();
  atomic_store(&usable, n);
  return n;
}

// quotas ---------------------------------------------------------------------------------------

// The numbers in a file: how many of the two there are.
static int read_numbers(const char *folder, const char *name, double *a, double *b) {
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "re");
  if (!f) return 0;
  int n = fscanf(f, "%lf %lf", a, b);
  fclose(f);
  return n < 0 ? 0 : n;
}

// Cores that the group in a folder may use; 0: as many as there are.
static double quota_of(const char *folder) {
  double quota = 0, period = 0;
  if (read_numbers(folder, "cpu.max", &quota, &period) < 2) {
    if (!read_numbers(folder, "cpu.cfs_quota_us", &quota, &period)) return 0;
    if (!read_numbers(folder, "cpu.cfs_period_us", &period, &(double){0})) return 0;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

static double smaller(double a, double b) { return b > 0 && (a <= 0 || b < a) ? b : a; }

// The smallest quota from `mount` down to the group `inside` it.
static double quota_along(const char *mount, const char *inside) {
  char folder[PATH_MAX];
  int n = snprintf(folder, sizeof folder, "%s%s", mount, inside);
  if (n < 0 || n >= (int)sizeof folder) return quota_of(mount);
  double least = quota_of(folder);
  for (char *end; (end = strrchr(folder, '/')) && (size_t)(end - folder) >= strlen(mount);) {
    *end = 0;
    least = smaller(least, quota_of(folder));
  }
  return least;
}

// groups ---------------------------------------------------------------------------------------

// Whether a list of words parted by commas has one.
static bool has_word(const char *list, const char *word) {
  size_t size = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += size)
    if ((at == list || at[-1] == ',') && strchr(",\n", at[size])) return true;
  return false;
}

// The path of this process's group: in the tree of version 2 or in that with version 1's CPU
// quotas.
static bool find_group(const char *proc, bool second, char *group) {
  char path[PATH_MAX], line[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/cgroup", proc);
  FILE *f = fopen(path, "re");
  if (!f) return false;
  bool found = false;
  while (!found && fgets(line, sizeof line, f)) {
    char *controllers = strchr(line, ':'), *at = controllers ? strchr(++controllers, ':') : NULL;
    if (!at) continue;
    *at++ = 0;
    at[strcspn(at, "\n")] = 0;
    found = second ? *controllers == 0 : has_word(controllers, "cpu");
    if (found) snprintf(group, PATH_MAX, "%s", at);
  }
  fclose(f);
  return found;
}

// The part of a group's path below a mount's root; empty where it lies elsewhere, as in a container
// that sees its own group as the root.
static const char *below(const char *group, const char *root) {
  size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
  if (strncmp(group, root, size) != 0 || strchr("/", group[size]) == NULL) return "";
  return strcmp(group + size, "/") == 0 || strstr(group, "/..") ? "" : group + size;
}

// The smallest quota over a group in the mounts of one version.
static double quota_in_mounts(const char *proc, bool second, const char *group) {
  char path[PATH_MAX], line[2 * PATH_MAX], root[PATH_MAX], mount[PATH_MAX], type[32], rest[1024];
  double least = 0;
  snprintf(path, sizeof path, "%s/mountinfo", proc);
  FILE *f = fopen(path, "re");
  if (!f) return 0;
  while (fgets(line, sizeof line, f)) {
    const char *tail = strstr(line, " - ");
    if (!tail || sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2) continue;
    if (sscanf(tail, " - %31s %*s %1023s", type, rest) != 2) continue;
    bool fits = second ? strcmp(type, "cgroup2") == 0
                       : strcmp(type, "cgroup") == 0 && has_word(rest, "cpu");
    if (fits) least = smaller(least, quota_along(mount, below(group, root)));
  }
  fclose(f);
  return least;
}

// Cores that the quotas over a process leave it; 0: no quota limits it. `proc`: its folder in
// /proc.
double cores_cgroup_quota(const char *proc) {
  double least = 0;
  char group[PATH_MAX];
  for (int second = 0; second <= 1; second++)
    if (find_group(proc, second, group))
      least = smaller(least, quota_in_mounts(proc, second, group));
  return least;
}

// This program's, looked up once.
static double own_quota(void) {
  static _Atomic int64_t found = -1; // in millionths
  int64_t n = found;
  if (n < 0) found = n = (int64_t)(cores_cgroup_quota("/proc/self") * 1e6);
  return (double)n / 1e6;
}

// Cores worth of time this program may use at once; *why says what limits it: "affinity" or "cgroup
// quota".
double cores_quota(const char **why) {
  double cores = cores_usable(), quota = own_quota();
  *why = "affinity";
  if (quota <= 0 || quota >= cores) return cores;
  *why = "cgroup quota";
  return quota;
}

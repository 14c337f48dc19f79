// How many cores this program may use, and whether spinning can pay.
#ifndef HEDDLE_BASE_CORES_H
#define HEDDLE_BASE_CORES_H

int cores_usable(void);
double cores_cgroup_quota(const char *proc);
double cores_quota(const char **why);

static inline void cores_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("" ::: "memory");
#endif
}

#endif

/* The job kernels: what a CPU-bound job does while it counts as work. SHA3-512 is OpenSSL's, whose
   libcrypto is opened on first use, so that a program which never hashes does not pay for it;
   spinning counts this thread's CPU seconds. Every function may run on any OS thread and none of
   them needs Lua or its lock. Stands on pthreads, libcrypto and the room's gate. */
#ifndef HEDDLE_WORKER_KERNEL_H
#define HEDDLE_WORKER_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define WORKER_KERNEL_SHA3_BYTES 64

typedef struct worker_kernel_usage {
  double cpu;       /* CPU seconds of the calling OS thread, user and system */
  long voluntary;   /* its switches by waiting */
  long involuntary; /* its switches by having had its share */
} worker_kernel_usage;

const char *worker_kernel_open(void);
int worker_kernel_sha3_512(const void *bytes, size_t length, unsigned char *digest);
int worker_kernel_sha3(int64_t rounds);
void worker_kernel_spin(double seconds);
double worker_kernel_cpu(void);
int worker_kernel_disk(int64_t bytes);
void worker_kernel_touch(char *bytes, size_t size);
void worker_kernel_begin(void);
void worker_kernel_measure(worker_kernel_usage *usage);

#endif

#include "worker/kernel.h"

#include "worker/worker.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define LIBRARY "libcrypto.so.3"

/* libcrypto's functions, valid once opened. */
static struct {
  __typeof__(OPENSSL_init_crypto) *init;
  __typeof__(EVP_MD_fetch) *fetch;
  __typeof__(EVP_MD_CTX_new) *context_new;
  __typeof__(EVP_MD_CTX_free) *context_free;
  __typeof__(EVP_DigestInit_ex) *begin;
  __typeof__(EVP_DigestUpdate) *update;
  __typeof__(EVP_DigestFinal_ex) *finish;
} crypto;

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static char complaint[256];  /* why opening failed; empty when it did not */
static EVP_MD *sha3;         /* fetched once per process: the fetch takes locks of OpenSSL's */
static pthread_key_t leaver; /* frees an OS thread's context when the thread ends */
static _Thread_local EVP_MD_CTX *context;

static void complain(const char *what, const char *why) {
  snprintf(complaint, sizeof complaint, "%s: %s", what, why ? why : "unknown reason");
}

/* Finds one function in the library; returns 0 and leaves a complaint when it is not there. */
static int find(void *library, const char *name, void *target) {
  void *symbol = dlsym(library, name);
  if (!symbol) {
    complain(name, dlerror());
    return 0;
  }
  memcpy(target, &symbol, sizeof symbol);
  return 1;
}

static int find_all(void *library) {
  return find(library, "OPENSSL_init_crypto", &crypto.init) &&
         find(library, "EVP_MD_fetch", &crypto.fetch) &&
         find(library, "EVP_MD_CTX_new", &crypto.context_new) &&
         find(library, "EVP_MD_CTX_free", &crypto.context_free) &&
         find(library, "EVP_DigestInit_ex", &crypto.begin) &&
         find(library, "EVP_DigestUpdate", &crypto.update) &&
         find(library, "EVP_DigestFinal_ex", &crypto.finish);
}

static void free_context(void *held) { crypto.context_free(held); }

/* Opens libcrypto and fetches the algorithm; no configuration file is read. */
static void find_sha3(void) {
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    complain("can't open " LIBRARY " (Debian: apt install libssl3)", dlerror());
    return;
  }
  if (!find_all(library)) return;
  crypto.init(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
  sha3 = crypto.fetch(NULL, "SHA3-512", NULL);
  if (!sha3)
    complain(LIBRARY, "it has no SHA3-512");
  else if (pthread_key_create(&leaver, free_context) != 0)
    complain(LIBRARY, "no thread key left");
}

/* A fork meanwhile would leave the locks of the loader and of OpenSSL held in the child. */
static void open_library(void) {
  gate_enter();
  find_sha3();
  gate_leave();
}

/* Opens what SHA-3 needs, once per process.
   Returns NULL, or why it can't be had (static text). */
const char *worker_kernel_open(void) {
  pthread_once(&opened, open_library);
  return complaint[0] ? complaint : NULL;
}

/* Makes this OS thread's context; worker_kernel_open has succeeded. */
static int make_context(void) {
  EVP_MD_CTX *made = crypto.context_new();
  if (!made) return 0;
  if (!crypto.begin(made, sha3, NULL) || pthread_setspecific(leaver, made) != 0) {
    crypto.context_free(made);
    return 0;
  }
  context = made;
  return 1;
}

/* Hashes once with this thread's context, which is always left begun for the next message:
   beginning again with the same algorithm only clears the state. */
static int hash(const void *bytes, size_t length, unsigned char *digest) {
  if (!context && !make_context()) return 0;
  if (length && !crypto.update(context, bytes, length)) return 0;
  return crypto.finish(context, digest, NULL) && crypto.begin(context, NULL, NULL);
}

/* Hashes bytes with SHA3-512 into digest (64 bytes). worker_kernel_open has succeeded before.
   Returns 1, or 0 when memory ran out. */
int worker_kernel_sha3_512(const void *bytes, size_t length, unsigned char *digest) {
  return hash(bytes, length, digest);
}

/* Computes SHA3-512 of the empty string the given number of times. worker_kernel_open has succeeded
   before. Returns 1, or 0 when memory ran out. */
int worker_kernel_sha3(int64_t rounds) {
  unsigned char digest[WORKER_KERNEL_SHA3_BYTES];
  for (; rounds > 0; rounds--)
    if (!hash(NULL, 0, digest)) return 0;
  return 1;
}

static double cpu_of_os_thread(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static worker_kernel_usage measure_os_thread(void) {
  struct rusage r;
  getrusage(RUSAGE_THREAD, &r);
  return (worker_kernel_usage){cpu_of_os_thread(), r.ru_nvcsw, r.ru_nivcsw};
}

static _Thread_local worker_kernel_usage before; /* what it used for the workers before this one */

/* The calling OS thread begins to work for another worker, and counts from here. */
void worker_kernel_begin(void) { before = measure_os_thread(); }

/* Returns the CPU seconds that the calling OS thread has used for its worker so far. */
double worker_kernel_cpu(void) { return cpu_of_os_thread() - before.cpu; }

/* Computes until this OS thread has used the given CPU seconds more; 0 or less returns at once. */
void worker_kernel_spin(double seconds) {
  double end = worker_kernel_cpu() + seconds;
  while (worker_kernel_cpu() < end)
    for (volatile int i = 0; i < 500; i++)
      ;
}

/* Writes to each page of `size` bytes, so that they are really there. */
void worker_kernel_touch(char *bytes, size_t size) {
  for (size_t i = 0; i < size; i += 4096)
    *(volatile char *)(bytes + i) = (char)i;
}

/* Reads what the calling OS thread has used for its worker so far. */
void worker_kernel_measure(worker_kernel_usage *usage) {
  *usage = measure_os_thread();
  usage->cpu -= before.cpu;
  usage->voluntary -= before.voluntary;
  usage->involuntary -= before.involuntary;
}

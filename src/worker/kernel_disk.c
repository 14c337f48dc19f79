#include "worker/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536

/* A file without a name, gone when it is closed, however this process ends. Returns -1 and leaves
   errno when there is none to be had. */
static int open_nameless(void) {
  const char *folder = getenv("TMPDIR");
  if (!folder || !*folder) folder = "/tmp";
  int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
  char path[4096];
  if (snprintf(path, sizeof path, "%s/heddle-XXXXXX", folder) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  fd = mkostemp(path, O_CLOEXEC);
  if (fd >= 0) unlink(path);
  return fd;
}

static int write_all(int fd, const char *block, int64_t bytes) {
  while (bytes > 0) {
    ssize_t n = write(fd, block, bytes < BLOCK ? (size_t)bytes : BLOCK);
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) bytes -= n;
  }
  return 0;
}

static int read_all(int fd, char *block, int64_t bytes) {
  if (lseek(fd, 0, SEEK_SET) < 0) return errno;
  while (bytes > 0) {
    ssize_t n = read(fd, block, BLOCK);
    if (n < 0 && errno != EINTR) return errno;
    if (n == 0) return EIO;
    if (n > 0) bytes -= n;
  }
  return 0;
}

/* Writes so many bytes to a file without a name in $TMPDIR (/tmp) and reads them back; the file is
   gone at the end, also when the process is killed meanwhile. Needs no Lua.
   Returns 0, or an errno. */
int worker_kernel_disk(int64_t bytes) {
  char *block = malloc(BLOCK);
  if (!block) return ENOMEM;
  memset(block, 'x', BLOCK);
  int fd = open_nameless(), why = fd < 0 ? errno : 0;
  if (!why) why = write_all(fd, block, bytes);
  if (!why) why = read_all(fd, block, bytes);
  if (fd >= 0) close(fd);
  free(block);
  return why;
}

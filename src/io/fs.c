#include "io/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 4096, FIRST_NAMES = 16 };

static void work(struct offload *job) {
  struct fs_job *j = (struct fs_job *)job;
  j->operation(j);
}

// A job of the operation on a path. NULL: no memory.
struct fs_job *fs_new(void (*operation)(struct fs_job *job), const char *path) {
  struct fs_job *j = calloc(1, sizeof *j);
  if (!j) return NULL;
  j->offload.work = work;
  j->offload.drop = fs_drop;
  j->operation = operation;
  j->path = strdup(path);
  if (j->path) return j;
  free(j);
  return NULL;
}

// Frees a job with all that it holds.
void fs_drop(struct offload *job) {
  struct fs_job *j = (struct fs_job *)job;
  for (size_t i = 0; i < j->count; i++)
    free(j->names[i]);
  free(j->names);
  free(j->data);
  free(j->path);
  free(j->to);
  free(j);
}

// Notes how a call ended: anything below 0 is a failure. Returns whether it was fine.
static bool fine(struct fs_job *j, ssize_t result) {
  if (result >= 0) return true;
  if (!j->error) j->error = errno;
  return false;
}

// reading --------------------------------------------------------------------------------------

static bool make_room(struct fs_job *j) {
  if (j->size < j->room) return true;
  size_t room = j->room ? j->room * 2 : FIRST;
  char *data = realloc(j->data, room);
  if (!data) return errno = ENOMEM, false;
  j->data = data;
  j->room = room;
  return true;
}

static void read_all(struct fs_job *j, int fd) {
  ssize_t n = -1;
  if (fstat(fd, &j->stat) == 0 && S_ISREG(j->stat.st_mode)) { // its size, and one to see the end
    j->room = (size_t)j->stat.st_size + 1;
    j->data = malloc(j->room);
    if (!j->data) j->room = 0;
  }
  while (make_room(j) && (n = read(fd, j->data + j->size, j->room - j->size)) != 0) {
    if (n > 0)
      j->size += (size_t)n;
    else if (errno != EINTR)
      break;
  }
  fine(j, n);
}

// Reads a file whole.
void fs_read(struct fs_job *j) {
  int fd = open(j->path, O_RDONLY | O_CLOEXEC);
  if (!fine(j, fd)) return;
  read_all(j, fd);
  close(fd);
}

// writing --------------------------------------------------------------------------------------

static void write_all(struct fs_job *j, int flags) {
  int fd = open(j->path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
  if (!fine(j, fd)) return;
  for (size_t done = 0; done < j->size;) {
    ssize_t n = write(fd, j->data + done, j->size - done);
    if (n < 0 && errno == EINTR) continue;
    if (!fine(j, n)) break;
    done += (size_t)n;
  }
  fine(j, close(fd));
}

// Makes the data the whole content of a file.
void fs_write(struct fs_job *j) { write_all(j, O_TRUNC); }

// Adds the data to a file.
void fs_append(struct fs_job *j) { write_all(j, O_APPEND); }

// looking --------------------------------------------------------------------------------------

// Finds out about what is at a path.
void fs_stat(struct fs_job *j) { fine(j, stat(j->path, &j->stat)); }

static bool add_name(struct fs_job *j, const char *name) {
  if (j->count == j->room) {
    size_t room = j->room ? j->room * 2 : FIRST_NAMES;
    char **names = realloc(j->names, room * sizeof *names);
    if (!names) return false;
    j->names = names;
    j->room = room;
  }
  j->names[j->count] = strdup(name);
  return j->names[j->count] && ++j->count;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// Lists a folder's names, in order, without "." and "..".
void fs_list(struct fs_job *j) {
  DIR *folder = opendir(j->path);
  if (!fine(j, folder ? 0 : -1)) return;
  const struct dirent *entry;
  while ((errno = 0, entry = readdir(folder))) {
    bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (!dots && !add_name(j, entry->d_name)) {
      errno = ENOMEM;
      break;
    }
  }
  j->error = errno;
  closedir(folder);
  if (j->count) qsort(j->names, j->count, sizeof *j->names, by_name);
}

// changing -------------------------------------------------------------------------------------

// Makes a folder.
void fs_mkdir(struct fs_job *j) { fine(j, mkdir(j->path, 0777)); }

// Removes a file or an empty folder.
void fs_remove(struct fs_job *j) { fine(j, remove(j->path)); }

// Gives a file or folder another name.
void fs_rename(struct fs_job *j) { fine(j, rename(j->path, j->to)); }

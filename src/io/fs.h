// Operations on files and folders, done by helper threads. Stands on loop/offload.
#ifndef HEDDLE_IO_FS_H
#define HEDDLE_IO_FS_H

#include "loop/offload.h"

#include <sys/stat.h>

struct fs_job {
  struct offload offload;
  void (*operation)(struct fs_job *job);
  char *path, *to;   // of its own
  char *data;        // to be written, or what was read
  size_t size, room; // bytes of it
  char **names;      // what a folder holds
  size_t count;
  struct stat stat;
  int error; // errno, 0: done
};

struct fs_job *fs_new(void (*operation)(struct fs_job *job), const char *path);
void fs_drop(struct offload *job);

void fs_read(struct fs_job *job);
void fs_write(struct fs_job *job);
void fs_append(struct fs_job *job);
void fs_stat(struct fs_job *job);
void fs_list(struct fs_job *job);
void fs_mkdir(struct fs_job *job);
void fs_remove(struct fs_job *job);
void fs_rename(struct fs_job *job);

#endif

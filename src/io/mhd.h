// libmicrohttpd's functions, found when they are first needed. Stands on library.
#ifndef HEDDLE_IO_MHD_H
#define HEDDLE_IO_MHD_H

#include <microhttpd.h>

struct mhd_functions {
  __typeof__(MHD_start_daemon) *start;
  __typeof__(MHD_stop_daemon) *stop;
  __typeof__(MHD_quiesce_daemon) *quiesce;
  __typeof__(MHD_run) *run;
  __typeof__(MHD_get_timeout) *get_timeout;
  __typeof__(MHD_get_daemon_info) *daemon_info;
  __typeof__(MHD_get_connection_info) *connection_info;
  __typeof__(MHD_get_connection_values_n) *values;
  __typeof__(MHD_lookup_connection_value_n) *lookup;
  __typeof__(MHD_suspend_connection) *suspend;
  __typeof__(MHD_resume_connection) *resume;
  __typeof__(MHD_create_response_from_buffer) *response_new;
  __typeof__(MHD_add_response_header) *response_header;
  __typeof__(MHD_queue_response) *respond;
  __typeof__(MHD_destroy_response) *response_free;
};

// Valid once mhd_open has returned NULL.
extern struct mhd_functions mhd;

const char *mhd_open(void);

#endif

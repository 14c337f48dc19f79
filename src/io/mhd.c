#include "io/mhd.h"

#include "io/library.h"

struct mhd_functions mhd;

static const struct library_symbol symbols[] = {
    {"MHD_start_daemon", &mhd.start},
    {"MHD_stop_daemon", &mhd.stop},
    {"MHD_quiesce_daemon", &mhd.quiesce},
    {"MHD_run", &mhd.run},
    {"MHD_get_timeout", &mhd.get_timeout},
    {"MHD_get_daemon_info", &mhd.daemon_info},
    {"MHD_get_connection_info", &mhd.connection_info},
    {"MHD_get_connection_values_n", &mhd.values},
    {"MHD_lookup_connection_value_n", &mhd.lookup},
    {"MHD_suspend_connection", &mhd.suspend},
    {"MHD_resume_connection", &mhd.resume},
    {"MHD_create_response_from_buffer", &mhd.response_new},
    {"MHD_add_response_header", &mhd.response_header},
    {"MHD_queue_response", &mhd.respond},
    {"MHD_destroy_response", &mhd.response_free},
    {NULL, NULL},
};

static struct library library = {
    .file = "libmicrohttpd.so.12", .package = "libmicrohttpd12", .symbols = symbols};

// Opens libmicrohttpd unless that has been done.
// Returns NULL, or why it can't be had.
const char *mhd_open(void) { return library_open(&library); }

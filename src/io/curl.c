#include "io/curl.h"

#include "io/library.h"

struct curl_functions curl;

static const struct library_symbol symbols[] = {
    {"curl_global_init", &curl.global_init},
    {"curl_easy_init", &curl.easy_init},
    {"curl_easy_cleanup", &curl.easy_cleanup},
    {"curl_easy_reset", &curl.easy_reset},
    {"curl_easy_setopt", &curl.easy_setopt},
    {"curl_easy_getinfo", &curl.easy_getinfo},
    {"curl_easy_strerror", &curl.easy_strerror},
    {"curl_multi_init", &curl.multi_init},
    {"curl_multi_cleanup", &curl.multi_cleanup},
    {"curl_multi_setopt", &curl.multi_setopt},
    {"curl_multi_add_handle", &curl.multi_add},
    {"curl_multi_remove_handle", &curl.multi_remove},
    {"curl_multi_socket_action", &curl.multi_act},
    {"curl_multi_info_read", &curl.multi_read},
    {"curl_multi_assign", &curl.multi_assign},
    {"curl_slist_append", &curl.slist_append},
    {"curl_slist_free_all", &curl.slist_free},
    {"curl_url", &curl.url_new},
    {"curl_url_set", &curl.url_set},
    {"curl_url_cleanup", &curl.url_free},
    {NULL, NULL},
};

static bool begin(void) { return curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

static struct library library = {
    .file = "libcurl.so.4", .package = "libcurl4", .symbols = symbols, .begin = begin};

// Opens libcurl unless that has been done.
// Returns NULL, or why it can't be had.
const char *curl_open(void) { return library_open(&library); }

// libcurl's functions, found when they are first needed. Stands on library.
#ifndef HEDDLE_IO_CURL_H
#define HEDDLE_IO_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

struct curl_functions {
  __typeof__(curl_global_init) *global_init;
  __typeof__(curl_easy_init) *easy_init;
  __typeof__(curl_easy_cleanup) *easy_cleanup;
  __typeof__(curl_easy_reset) *easy_reset;
  CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
  CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
  __typeof__(curl_easy_strerror) *easy_strerror;
  __typeof__(curl_multi_init) *multi_init;
  __typeof__(curl_multi_cleanup) *multi_cleanup;
  CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
  __typeof__(curl_multi_add_handle) *multi_add;
  __typeof__(curl_multi_remove_handle) *multi_remove;
  __typeof__(curl_multi_socket_action) *multi_act;
  __typeof__(curl_multi_info_read) *multi_read;
  __typeof__(curl_multi_assign) *multi_assign;
  __typeof__(curl_slist_append) *slist_append;
  __typeof__(curl_slist_free_all) *slist_free;
  __typeof__(curl_url) *url_new;
  __typeof__(curl_url_set) *url_set;
  __typeof__(curl_url_cleanup) *url_free;
};

// Valid once curl_open has returned NULL.
extern struct curl_functions curl;

const char *curl_open(void);

#endif

/*
 * A Node addon for clones of a frozen VM. Two things that Node itself has no way to:
 *
 * - From the moment it is loaded, OpenSSL's random bytes come from the kernel, each time. OpenSSL's own generator keeps its
 *   state in memory, where every clone starts with the same; the kernel's is renewed before anything else after a thaw.
 * - `watch(path)` maps a file that the guest's agent writes at each thaw, so that a look at memory tells whether there was one.
 *
 * It needs no header and no library: what it uses of Node-API, OpenSSL and the C library is declared here and found in
 * the node program when the addon is loaded.
 */
#include <stddef.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);
typedef int napi_status;

/* js_native_api.h of Node; status 0 is napi_ok. */
extern napi_status napi_create_function(napi_env env, const char *name, size_t length, napi_callback callback, void *data, napi_value *result);
extern napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
extern napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *values, napi_value *receiver, void **data);
extern napi_status napi_get_value_string_utf8(napi_env env, napi_value value, char *text, size_t size, size_t *length);
extern napi_status napi_create_external_arraybuffer(napi_env env, void *data, size_t length, void *finalize, void *hint, napi_value *result);
extern napi_status napi_throw_error(napi_env env, const char *code, const char *message);

/* openssl/rand.h; 1 is success. */
typedef struct {
  int (*seed)(const void *bytes, int count);
  int (*bytes)(unsigned char *bytes, int count);
  void (*cleanup)(void);
  int (*add)(const void *bytes, int count, double entropy);
  int (*pseudorand)(unsigned char *bytes, int count);
  int (*status)(void);
} RAND_METHOD;
extern int RAND_set_rand_method(const RAND_METHOD *method);

/* sys/random.h, fcntl.h, sys/mman.h, unistd.h */
extern long getrandom(void *bytes, size_t count, unsigned flags);
extern int open(const char *path, int flags, ...);
extern void *mmap(void *at, size_t length, int protection, int flags, int fd, long offset);
extern int close(int fd);
enum { OPEN_READ_ONLY = 0, PROTECTION_READ = 1, MAP_IS_SHARED = 1, PAGE = 4096, LONGEST_PATH = 256 };

#define EXPORTED __attribute__((visibility("default")))

static int kernel_bytes(unsigned char *bytes, int count) {
  for (int have = 0; have < count;) {
    long got = getrandom(bytes + have, (size_t)(count - have), 0);
    if (got > 0) have += (int)got; /* else a signal came in between: this call has no other failure */
  }
  return 1;
}

/* What is offered as entropy is not needed. */
static int take(const void *bytes, int count) { (void)bytes; (void)count; return 1; }
static int take_more(const void *bytes, int count, double entropy) { (void)entropy; return take(bytes, count); }
static int ready(void) { return 1; }

static const RAND_METHOD kernel = {take, kernel_bytes, NULL, take_more, kernel_bytes, ready};

static napi_value watch(napi_env env, napi_callback_info info) {
  napi_value path_value = NULL, page = NULL;
  size_t count = 1;
  char path[LONGEST_PATH];
  if (napi_get_cb_info(env, info, &count, &path_value, NULL, NULL) != 0 || count != 1 ||
      napi_get_value_string_utf8(env, path_value, path, sizeof path, NULL) != 0) {
    napi_throw_error(env, NULL, "watch takes a path");
    return NULL;
  }
  int fd = open(path, OPEN_READ_ONLY);
  if (fd < 0) {
    napi_throw_error(env, NULL, "the renewal page cannot be opened");
    return NULL;
  }
  void *memory = mmap(NULL, PAGE, PROTECTION_READ, MAP_IS_SHARED, fd, 0);
  close(fd);
  if (memory == (void *)-1 || napi_create_external_arraybuffer(env, memory, PAGE, NULL, NULL, &page) != 0) {
    napi_throw_error(env, NULL, "the renewal page cannot be mapped");
    return NULL;
  }
  return page;
}

EXPORTED int node_api_module_get_api_version_v1(void) { return 8; }

EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function;
  if (RAND_set_rand_method(&kernel) != 1) {
    napi_throw_error(env, NULL, "OpenSSL did not take the kernel's generator");
    return NULL;
  }
  if (napi_create_function(env, "watch", 5, watch, NULL, &function) != 0) return NULL;
  if (napi_set_named_property(env, exports, "watch", function) != 0) return NULL;
  return exports;
}

/*
 * A Node addon with one function: `reseed()` makes OpenSSL's random generators in
 * this process take fresh entropy from the kernel, and answers whether they did.
 *
 * Every clone of a frozen VM starts with the same generator state. Node has no
 * call that renews OpenSSL's part of it, but exports OpenSSL itself: RAND_poll(3)
 * reseeds the primary generator, and those derived from it notice at their next use.
 *
 * It needs no header and no library: what it uses of Node-API and OpenSSL is
 * declared here and found in the node program when the addon is loaded.
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
extern napi_status napi_get_boolean(napi_env env, _Bool value, napi_value *result);

/* openssl/rand.h; 1 is success. */
extern int RAND_poll(void);

#define EXPORTED __attribute__((visibility("default")))

static napi_value reseed(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value done = NULL;
  napi_get_boolean(env, RAND_poll() == 1, &done);
  return done;
}

EXPORTED int node_api_module_get_api_version_v1(void) { return 8; }

EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function;
  if (napi_create_function(env, "reseed", 6, reseed, NULL, &function) != 0) return NULL;
  if (napi_set_named_property(env, exports, "reseed", function) != 0) return NULL;
  return exports;
}

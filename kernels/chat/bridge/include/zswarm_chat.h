// The C face of the Rust crate that renders chat templates; kernels/chat/chat_template.h is what C++ uses.
//
// A template is immutable: any thread may render with it. Text is UTF-8 with a length, not ended by a zero.
// Every text that a call fills must be given to zs_chat_text_free once, whatever the status. No call throws,
// aborts or unwinds; running out of memory aborts the process, as everywhere in Rust (node/chat_process.h
// contains that).
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct zs_chat_template zs_chat_template;

typedef struct {
  uint8_t* data;
  size_t len;
} zs_chat_text;

typedef struct {
  uint64_t fuel;             /* instructions of the template machine */
  uint64_t max_output_bytes; /* of the rendered text; what is built on the way may be some times that */
  int64_t now_unix_s;        /* what strftime_now() shows, in the machine's time zone */
} zs_chat_limits;

enum {
  ZS_CHAT_OK = 0,
  ZS_CHAT_INVALID =
      1, /* the template does not parse, or fails on these values; or the values are no JSON object */
  ZS_CHAT_REFUSED = 2,     /* raise_exception: the text is the template's own words */
  ZS_CHAT_TOO_LARGE = 3,   /* more text than allowed */
  ZS_CHAT_OUT_OF_FUEL = 4, /* more instructions than allowed */
  ZS_CHAT_PANIC = 5        /* a bug in the engine, caught */
};

/* On ZS_CHAT_OK *compiled is set and `message` untouched, else `message` is filled. */
int32_t zs_chat_compile(const uint8_t* source, size_t len, zs_chat_template** compiled,
                        zs_chat_text* message);

/* `context`: a JSON object. `out` is filled with the rendered text, or with what is wrong. */
int32_t zs_chat_render(const zs_chat_template* compiled, const uint8_t* context, size_t len,
                       const zs_chat_limits* limits, zs_chat_text* out);

void zs_chat_template_free(zs_chat_template* compiled);
void zs_chat_text_free(zs_chat_text text);

#ifdef __cplusplus
}
#endif

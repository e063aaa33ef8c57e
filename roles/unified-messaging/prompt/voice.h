#ifndef UM_PROMPT_VOICE_H
#define UM_PROMPT_VOICE_H
/*
 * voice - text to speech, and what was said before
 *
 * One worker thread synthesises (flite), so a long text delays others but no call's
 * sound.  Clips are kept by their text, the least used go when they hold more than
 * VOICE_CACHE_BYTES: what everybody hears is made once.
 *
 * A text is cut at VOICE_TEXT_MAX, and holds nothing but letters, digits and plain
 * punctuation when it is spoken: no markup, no controls.
 */
#include "common/base/err.h"
#include "roles/unified-messaging/media/clip.h"
#include <uv.h>

#define VOICE_CACHE_BYTES (64u * 1024 * 1024)
#define VOICE_TEXT_MAX	  4000

struct voice;
struct voice_order;

/* INTERNAL: no voice. */
enum err voice_open(uv_loop_t *loop, struct voice **out, struct errbuf *eb) A_MUST_USE;
void voice_close(struct voice **v);	/* orders must be cancelled; *v may be NULL */

/* c (the callback's reference) or NULL if it could not be made.  Once, from the loop,
 * never from inside voice_say(). */
typedef void voice_cb(void *ctx, struct clip *c);
struct voice_order *voice_say(struct voice *v, const char *text, voice_cb *cb, void *ctx);
void voice_cancel(struct voice_order **o);	/* *o may be NULL */
/* A clip that is there already (a new reference); NULL. */
struct clip *voice_have(struct voice *v, const char *text);
/* Make it, for somebody who will ask. */
void voice_prepare(struct voice *v, const char *text);
#endif

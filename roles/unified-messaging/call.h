#ifndef UM_CALL_H
#define UM_CALL_H
/*
 * call - one call: signalling, sound, and the application that talks to the caller
 *
 * The application is a table of functions and a context: it is told what happens and
 * decides what is said next.  It may hand the call over to another application (an
 * attendant to call answering) with call_take().
 *
 *	begin -> (key | heard | played | tick)* -> gone
 *
 * gone() comes once, last, and the application frees itself in it.  call_hang_up()
 * ends a call: gone() follows from the loop, not from inside.
 */
#include "common/base/list.h"
#include "common/base/log.h"
#include "roles/unified-messaging/media/stream.h"
#include "roles/unified-messaging/um.h"

struct call;
struct object;

struct call_app {
	const char *kind;		/* "answering", for people */
	void (*begin)(void *app);	/* the call stands, sound flows */
	void (*key)(void *app, char key);
	void (*played)(void *app);	/* all that was to be said has been said */
	void (*heard)(void *app, const int16_t *pcm, size_t n);	/* optional */
	void (*tick)(void *app, int64_t mono_ms);	/* about every 100 ms; optional */
	void (*transferred)(void *app, bool done);	/* optional */
	void (*gone)(void *app);
	const char *(*state)(void *app);		/* "recording", for people */
};

enum { CALL_SAY_MAX = 16 };

struct call {
	struct list node;		/* um->calls */
	struct um *um;
	struct sip_leg *leg;
	struct stream *stream;
	const struct call_app *app;
	void *ctx;			/* the application */
	struct log_ctx log;
	char id[16], call_id[SIP_CALL_ID];
	struct number caller, called, wanted;	/* wanted: whom the caller wanted first */
	enum divert why;
	char caller_name[NAME_MAX_LEN];	/* by the directory, else what the gateway said */
	char mailbox_name[128], gateway[128];
	int64_t started_ms, began_mono_ms, max_ms;	/* wall; monotonic; length */
	bool established, ending, begun;
	/* what is being said: clips in order, some still being made */
	struct call_say {
		struct call *call;
		struct voice_order *order;
		struct clip *clip;
		bool done;
	} say[CALL_SAY_MAX];
	size_t n_say, next_say;
};

/* An INVITE, from sip/stack.h; ctx is the um. */
void call_invite(void *um, struct sip_leg *leg, const struct sip_facts *f);
/* Everybody: at the end of the process. */
void call_close_all(struct um *um);
void call_tick(struct um *um, int64_t mono_ms);
struct call *call_find(struct um *um, const char *id);

/* ---- for applications ------------------------------------------------------------- */

/* Another application takes over: it is begun, if the call stands.  The one before is
 * not told: it frees itself after this. */
void call_take(struct call *c, const struct call_app *app, void *ctx);

/* Say text, or play a clip (a reference is taken), after what is being said.  played()
 * comes when all is out. */
void call_say(struct call *c, const char *text);
void call_play(struct call *c, struct clip *clip);
void call_quiet(struct call *c);	/* stop; played() does not come */
bool call_is_talking(const struct call *c);
void call_hang_up(struct call *c);
enum err call_transfer(struct call *c, const char *number, struct errbuf *eb) A_MUST_USE;
#endif

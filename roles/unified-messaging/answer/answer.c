#include "roles/unified-messaging/answer/answer.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/replica/member.h"
#include "common/api/object.h"
#include "common/api/store.h"
#include "roles/unified-messaging/media/recorder.h"
#include "roles/unified-messaging/message/address.h"
#include "roles/unified-messaging/prompt/phrase.h"
#include "roles/unified-messaging/route.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MENU_MS = 10000,		/* for a key in the review menu */
	MENU_TRIES = 3,
	QUIET_RMS = 130,		/* softer is silence: about -48 dB */
	TAIL_MS = 500,			/* of a silence at the end that stays */
	MINUTE = 60000,
};

enum state { GREETING, BEEP, RECORDING, REVIEW, LISTENING, GOODBYE };

struct answer {
	struct call *call;
	struct um *um;
	enum state state;
	struct note note;
	char name[NAME_MAX_LEN];	/* whose mailbox, to be spoken */
	bool missed_wanted;
	struct api_call *ask;		/* the store, whether there is room */
	bool full;
	int64_t max_ms, idle_ms;
	/* the recording */
	struct recorder *rec;
	char id[POST_ID];
	int16_t *kept;			/* for listening again */
	size_t n_kept, cap_kept;
	size_t quiet;			/* samples of silence at the end */
	int64_t heard_ms;		/* monotonic; 0: nothing yet */
	bool loud;			/* something was said */
	/* the menu */
	int64_t asked_ms;
	unsigned tries;
	bool sent;
};

/* ---- the message ------------------------------------------------------------------------- */

/* The recording outlives the call. */
struct ending {
	struct post *post;
	struct um *um;
	struct note note;
	char id[POST_ID];
};

static void recorded(void *ctx, enum err e, size_t samples)
{
	struct ending *x = ctx;

	/* Not whole or not synced: what there is of it is still better than nothing. */
	if (e)
		log_error(NULL, "recording-damaged id=%s err=%s", x->id, err_text(e));
	x->note.duration_s = (unsigned)((samples + x->note.rate / 2) / x->note.rate);
	post_end(x->post, x->id, &x->note);
	free(x);
}

static unsigned rate(const struct answer *a)
{
	return a->note.rate;
}

/* Without the silence that ended it. */
static size_t worth(const struct answer *a)
{
	size_t tail = (size_t)TAIL_MS * rate(a) / 1000, n = recorder_samples(a->rec);

	return a->quiet > tail ? n - (a->quiet - tail) : n;
}

static bool is_long_enough(const struct answer *a)
{
	return a->rec && a->loud && worth(a) >= (size_t)ANSWER_MIN_MS * rate(a) / 1000;
}

static void drop_recording(struct answer *a)
{
	if (!a->rec)
		return;
	recorder_drop(&a->rec);
	post_forget(a->um->post, a->id);
	a->n_kept = a->quiet = 0;
	a->loud = false;
}

static void send_recording(struct answer *a)
{
	struct ending *x = xcalloc(1, sizeof(*x));

	x->post = a->um->post;
	x->um = a->um;
	x->note = a->note;
	memcpy(x->id, a->id, sizeof(x->id));
	recorder_finish(&a->rec, worth(a), recorded, x);
	a->sent = true;
	um_count(a->um, UM_MESSAGES, 1);
}

static void send_missed(struct answer *a)
{
	if (!a->missed_wanted || a->sent)
		return;
	a->note.kind = NOTE_MISSED;
	a->note.rate = 0;
	a->sent = true;
	post_note(a->um->post, &a->note);
	um_count(a->um, UM_MISSED, 1);
}

/* ---- recording ------------------------------------------------------------------------------- */

static bool start_recording(struct answer *a)
{
	struct errbuf eb = { "" };
	char path[600];
	enum err e;

	a->note.rate = stream_rate(a->call->stream);
	e = post_begin(a->um->post, &a->note, a->id, path, sizeof(path), &eb);
	if (!e) {
		e = recorder_new(a->um->pool, path, rate(a), &a->rec, &eb);
		if (e)
			post_forget(a->um->post, a->id);
	}
	if (e)
		log_error(&a->call->log, "not-recording err=%s detail=\"%s\"", err_text(e), eb.text);
	return e == ERR_OK;
}

static void say_end(struct answer *a, const char *text)
{
	a->state = GOODBYE;
	call_quiet(a->call);
	call_say(a->call, text);
}

static void ask_review(struct answer *a)
{
	a->state = REVIEW;
	a->asked_ms = 0;
	call_quiet(a->call);
	call_say(a->call, "To send this message, press pound. To listen to it, press 1. To record it "
		 "again, press 2. To mark it urgent, press 3. To mark it private, press 4.");
}

/* # or 2: the recording is over, the caller has more to say about it. */
static void stop_by_key(struct answer *a)
{
	if (!is_long_enough(a)) {
		drop_recording(a);
		a->state = BEEP;
		call_quiet(a->call);
		call_say(a->call, "The recording was too short. Please record your message after the "
			 "tone.");
		call_play(a->call, a->um->beep);
		return;
	}
	ask_review(a);
}

/* Silence or the longest time: the caller is done. */
static void stop_by_itself(struct answer *a)
{
	if (is_long_enough(a)) {
		send_recording(a);
		say_end(a, "Your message has been sent. Goodbye.");
	} else {
		drop_recording(a);
		say_end(a, "Goodbye.");
	}
}

static void keep_sound(struct answer *a, const int16_t *pcm, size_t n)
{
	if (a->n_kept + n > (size_t)rate(a) * 60)	/* a minute is enough to judge by */
		return;
	if (a->n_kept + n > a->cap_kept) {
		a->cap_kept = a->cap_kept ? a->cap_kept * 2 : (size_t)rate(a) * 4;
		a->kept = xrealloc(a->kept, a->cap_kept * sizeof(*pcm));
	}
	memcpy(a->kept + a->n_kept, pcm, n * sizeof(*pcm));
	a->n_kept += n;
}

static bool is_quiet(const int16_t *pcm, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)((int32_t)pcm[i] * pcm[i]);
	return sum < (uint64_t)QUIET_RMS * QUIET_RMS * n;
}

static void on_heard(void *app, const int16_t *pcm, size_t n)
{
	struct answer *a = app;

	if (a->state != RECORDING || !a->rec)
		return;
	a->heard_ms = clock_mono_ms();
	recorder_add(a->rec, pcm, n);
	keep_sound(a, pcm, n);
	if (is_quiet(pcm, n)) {
		a->quiet += n;
	} else {
		a->quiet = 0;
		a->loud = true;
	}
	if (recorder_samples(a->rec) >= (size_t)a->max_ms * rate(a) / 1000 ||
	    a->quiet >= (size_t)a->idle_ms * rate(a) / 1000)
		stop_by_itself(a);
}

/* ---- keys -------------------------------------------------------------------------------------- */

static void listen_again(struct answer *a)
{
	struct clip *c = NULL;

	if (clip_new(a->kept, a->n_kept, rate(a), &c, NULL) == ERR_OK) {
		a->state = LISTENING;
		call_quiet(a->call);
		call_play(a->call, c);
	}
	clip_unref(&c);
}

static void mark(struct answer *a, bool *what, const char *name)
{
	char text[80];

	*what = !*what;
	snprintf(text, sizeof(text), "Your message is %s%s.", *what ? "marked " : "no longer ", name);
	a->asked_ms = 0;
	call_quiet(a->call);
	call_say(a->call, text);
}

static void review_key(struct answer *a, char key)
{
	a->state = REVIEW;
	switch (key) {
	case '#':
		send_recording(a);
		say_end(a, "Your message has been sent. Goodbye.");
		break;
	case '1':
		listen_again(a);
		break;
	case '2':
		drop_recording(a);
		a->state = BEEP;
		call_quiet(a->call);
		call_play(a->call, a->um->beep);
		break;
	case '3':
		mark(a, &a->note.urgent, "urgent");
		break;
	case '4':
		mark(a, &a->note.private, "private");
		break;
	default:
		ask_review(a);
	}
}

static void on_key(void *app, char key)
{
	struct answer *a = app;

	switch (a->state) {
	case GREETING:
		if (key == '#' && !a->full) {
			a->state = BEEP;
			call_quiet(a->call);
			call_play(a->call, a->um->beep);
		}
		break;
	case RECORDING:
		if (key == '#')
			stop_by_key(a);
		break;
	case REVIEW:
	case LISTENING:
		review_key(a, key);
		break;
	case BEEP:
	case GOODBYE:
		break;
	}
}

/* ---- the conversation ---------------------------------------------------------------------------- */

static void on_begin(void *app)
{
	struct answer *a = app;
	char text[NAME_MAX_LEN + 80];

	a->state = GREETING;
	snprintf(text, sizeof(text), "Please leave a message for %s after the tone.", a->name);
	call_say(a->call, text);
}

static void on_played(void *app)
{
	struct answer *a = app;

	switch (a->state) {
	case GREETING:
		if (a->full) {
			say_end(a, "The mailbox is full and cannot take messages. Goodbye.");
			break;
		}
		a->state = BEEP;
		call_play(a->call, a->um->beep);
		break;
	case BEEP:
		a->state = RECORDING;
		a->heard_ms = clock_mono_ms();
		if (!start_recording(a))
			say_end(a, "Your message cannot be recorded now. Please call again later.");
		break;
	case LISTENING:
		ask_review(a);
		break;
	case REVIEW:
		a->asked_ms = clock_mono_ms();
		break;
	case GOODBYE:
		call_hang_up(a->call);
		break;
	case RECORDING:
		break;
	}
}

static void on_tick(void *app, int64_t now)
{
	struct answer *a = app;

	/* A telephone that sends nothing while nobody speaks is as silent as one that
	 * sends silence; but the first words may take their time. */
	if (a->state == RECORDING && a->rec && a->loud && now - a->heard_ms > a->idle_ms) {
		stop_by_itself(a);
		return;
	}
	if (a->state != REVIEW || a->asked_ms == 0 || now - a->asked_ms < MENU_MS)
		return;
	if (++a->tries < MENU_TRIES) {
		ask_review(a);
		return;
	}
	send_recording(a);
	say_end(a, "Your message has been sent. Goodbye.");
}

static void on_gone(void *app)
{
	struct answer *a = app;

	if (a->rec && is_long_enough(a))
		send_recording(a);
	else
		drop_recording(a);
	/* A caller who said goodbye to silence has missed somebody, too; an INVITE that
	 * came to nothing was no call. */
	if (a->call->begun)
		send_missed(a);
	api_cancel(&a->ask);
	free(a->kept);
	free(a);
}

static const char *on_state(void *app)
{
	static const char *const names[] = {
		[GREETING] = "greeting", [BEEP] = "beep", [RECORDING] = "recording",
		[REVIEW] = "review", [LISTENING] = "listening", [GOODBYE] = "goodbye",
	};

	return names[((struct answer *)app)->state];
}

static const struct call_app app = {
	.kind = "answering", .begin = on_begin, .key = on_key, .played = on_played,
	.heard = on_heard, .tick = on_tick, .gone = on_gone, .state = on_state,
};

/* Its answer comes while the greeting is spoken; a store that is away is none, and the
 * message waits for it. */
static void on_room(void *ctx, enum err e, const struct store_info *i)
{
	struct answer *a = ctx;

	a->ask = NULL;
	a->full = !e && i->quota_recv && i->size >= i->quota_recv;
}

static void ask_for_room(struct answer *a, const struct object *mailbox)
{
	struct store_at at = { .mailbox = mailbox->guid, .principal = mailbox->guid };
	struct guid database;

	if (!object_guid(mailbox, OBJ_DATABASE, &database))
		return;
	at.peer = links_to_database(member_links(a->um->member), &database);
	if (at.peer)
		a->ask = store_open(&at, on_room, a);
}

static bool wants_missed(const struct route_to *to)
{
	bool policy = !to->policy || object_bool(to->policy, OBJ_MISSED_CALL, true);

	return policy && object_bool(to->target, OBJ_MISSED_CALL, true);
}

void answer_new(struct call *c, const struct route_to *to)
{
	struct answer *a = xcalloc(1, sizeof(*a));
	const char *name = object_text(to->target, OBJ_DISPLAY);
	struct note *n = &a->note;

	a->call = c;
	a->um = c->um;
	n->kind = NOTE_VOICE;
	n->codec = note_codec_of(object_text(to->plan, OBJ_AUDIO_CODEC));
	n->at_ms = c->started_ms;
	NOTE_SET(n, caller, c->caller.user);
	NOTE_SET(n, caller_name, c->caller_name);
	if (to->caller && object_has(to->caller, OBJ_EMAIL))
		NOTE_SET(n, caller_address, object_text(to->caller, OBJ_EMAIL));
	NOTE_SET(n, called, c->wanted.user);
	NOTE_SET(n, call_id, c->call_id);
	address_note(to->target, n);
	phrase_name(name ? name : object_text(to->target, OBJ_NAME), a->name, sizeof(a->name));
	a->missed_wanted = wants_missed(to);
	a->max_ms = object_number(to->plan, OBJ_MAX_RECORDING, 20 * MINUTE);
	a->idle_ms = object_number(to->plan, OBJ_RECORDING_IDLE, 5000);
	ask_for_room(a, to->target);
	call_take(c, &app, a);
}

#include "roles/unified-messaging/call.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/replica/member.h"
#include "roles/unified-messaging/answer/answer.h"
#include "roles/unified-messaging/attendant/attendant.h"
#include "roles/unified-messaging/route.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALL_MS = 30 * 60000, SDP_CAP = 16 * 1024 };

/* ---- the end ---------------------------------------------------------------------------- */

static void forget_says(struct call *c)
{
	for (size_t i = 0; i < c->n_say; i++) {
		voice_cancel(&c->say[i].order);
		clip_unref(&c->say[i].clip);
	}
	c->n_say = c->next_say = 0;
}

static void call_free(struct call *c)
{
	struct um *um = c->um;
	struct stream_stats st = { 0 };

	if (c->stream)
		stream_get_stats(c->stream, &st);
	log_info(&c->log, "call-ended kind=%s seconds=%lld received=%llu lost=%llu sent=%llu "
		 "strangers=%llu unreadable=%llu", c->app ? c->app->kind : "none",
		 (long long)(clock_mono_ms() - c->began_mono_ms) / 1000,
		 (unsigned long long)st.received, (unsigned long long)st.lost,
		 (unsigned long long)st.sent, (unsigned long long)st.strangers,
		 (unsigned long long)st.unreadable);
	um_count(um, UM_LOST, (int64_t)st.lost);
	list_del(&c->node);
	um->n_calls--;
	forget_says(c);
	stream_free(&c->stream);
	sip_leg_close(&c->leg);
	if (c->app)
		c->app->gone(c->ctx);
	free(c);
}

void call_hang_up(struct call *c)
{
	c->ending = true;	/* the next tick does it */
}

/* ---- saying ------------------------------------------------------------------------------- */

/* Clips go to the stream in their order, as far as they are there. */
static void feed_stream(struct call *c)
{
	while (c->next_say < c->n_say && c->say[c->next_say].done) {
		struct call_say *s = &c->say[c->next_say++];

		if (s->clip && c->stream)
			stream_play(c->stream, s->clip);
		clip_unref(&s->clip);
	}
	if (c->next_say == c->n_say)
		c->n_say = c->next_say = 0;
}

static void said(void *ctx, struct clip *clip)
{
	struct call_say *s = ctx;
	struct call *c = s->call;

	s->order = NULL;
	s->clip = clip;
	s->done = true;
	feed_stream(c);
	/* What could not be made is passed over; nobody waits for ever. */
	if (!call_is_talking(c) && c->begun && !c->ending)
		c->app->played(c->ctx);
}

static struct call_say *add_say(struct call *c)
{
	struct call_say *s;

	if (c->n_say == CALL_SAY_MAX)
		return NULL;
	s = &c->say[c->n_say++];
	*s = (struct call_say){ .call = c };
	return s;
}

void call_say(struct call *c, const char *text)
{
	struct call_say *s = add_say(c);

	if (!s)
		return;
	s->clip = voice_have(c->um->voice, text);
	if (s->clip)
		s->done = true;
	else
		s->order = voice_say(c->um->voice, text, said, s);
	feed_stream(c);
}

void call_play(struct call *c, struct clip *clip)
{
	struct call_say *s = add_say(c);

	if (!s)
		return;
	s->clip = clip_ref(clip);
	s->done = true;
	feed_stream(c);
}

void call_quiet(struct call *c)
{
	forget_says(c);
	if (c->stream)
		stream_stop(c->stream);
}

bool call_is_talking(const struct call *c)
{
	return c->n_say > 0 || (c->stream && stream_is_playing(c->stream));
}

enum err call_transfer(struct call *c, const char *number, struct errbuf *eb)
{
	return c->leg ? sip_leg_transfer(c->leg, number, eb) :
			err_set(eb, ERR_INVALID, "the call has ended");
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void begin(struct call *c)
{
	if (c->begun || !c->established || c->ending)
		return;
	c->begun = true;
	stream_start(c->stream);
	c->app->begin(c->ctx);
}

static void on_key(void *ctx, char key)
{
	struct call *c = ctx;

	log_debug(&c->log, "key");	/* which one may be part of a PIN */
	if (c->begun && !c->ending)
		c->app->key(c->ctx, key);
}

static void on_heard(void *ctx, const int16_t *pcm, size_t n)
{
	struct call *c = ctx;

	if (c->begun && !c->ending && c->app->heard)
		c->app->heard(c->ctx, pcm, n);
}

static void on_played(void *ctx)
{
	struct call *c = ctx;

	if (!call_is_talking(c) && !c->ending)
		c->app->played(c->ctx);
}

static void on_trouble(void *ctx, enum stream_trouble t)
{
	struct call *c = ctx;

	log_warn(&c->log, "call-trouble why=%s", t == STREAM_BAD_KEYS ? "srtp-keys-do-not-fit" :
		 "no-rtp");
	call_hang_up(c);
}

static const struct stream_events stream_events = { on_key, on_heard, on_played, on_trouble };

static void on_established(void *ctx)
{
	struct call *c = ctx;

	c->established = true;
	begin(c);
}

static unsigned on_offer(void *ctx, struct span sdp, struct buf *answer)
{
	struct call *c = ctx;
	struct errbuf eb = { "" };
	enum err e;

	if (c->ending || !c->stream)
		return 481;
	e = sdp.n ? stream_accept(c->stream, sdp, answer, &eb) :
		    stream_offer(c->stream, answer, &eb);
	if (e)
		log_info(&c->log, "offer-refused detail=\"%s\"", eb.text);
	return e ? 488 : 200;
}

static bool on_answer(void *ctx, struct span sdp)
{
	struct call *c = ctx;
	struct errbuf eb = { "" };

	if (stream_answered(c->stream, sdp, &eb) == ERR_OK)
		return true;
	log_warn(&c->log, "answer-refused detail=\"%s\"", eb.text);
	call_hang_up(c);
	return false;
}

static void on_transferred(void *ctx, unsigned status)
{
	struct call *c = ctx;

	log_info(&c->log, "transferred status=%u", status);
	if (!c->ending && c->app->transferred)
		c->app->transferred(c->ctx, status >= 200 && status < 300);
}

static void on_closed(void *ctx, unsigned status)
{
	struct call *c = ctx;

	log_debug(&c->log, "closed status=%u", status);
	sip_leg_close(&c->leg);
	c->ending = true;
}

static const struct sip_leg_events leg_events = {
	on_established, on_offer, on_answer, on_key, on_transferred, on_closed,
};

void call_take(struct call *c, const struct call_app *app, void *ctx)
{
	call_quiet(c);
	c->app = app;
	c->ctx = ctx;
	if (c->begun && !c->ending)
		app->begin(ctx);
}

void call_tick(struct um *um, int64_t now)
{
	LIST_EACH (&um->calls, n) {
		struct call *c = CONTAINER_OF(n, struct call, node);

		if (!c->ending && now - c->began_mono_ms > c->max_ms) {
			log_info(&c->log, "call-too-long");
			c->ending = true;
		}
		if (!c->ending && c->begun && c->app->tick)
			c->app->tick(c->ctx, now);
		if (c->ending)
			call_free(c);
	}
}

void call_close_all(struct um *um)
{
	LIST_EACH (&um->calls, n)
		call_free(CONTAINER_OF(n, struct call, node));
}

struct call *call_find(struct um *um, const char *id)
{
	LIST_EACH (&um->calls, n) {
		struct call *c = CONTAINER_OF(n, struct call, node);

		if (strcmp(c->id, id) == 0)
			return c;
	}
	return NULL;
}

/* ---- the beginning ------------------------------------------------------------------------------ */

static void refuse(struct um *um, struct sip_leg **leg, unsigned status, const char *reason,
		   const struct sip_facts *f)
{
	char called[NUMBER_MAX];

	um_count(um, UM_REFUSED, 1);
	log_info(NULL, "call-refused status=%u called=%s reason=\"%s\"", status,
		 log_clean(f->called.user, strlen(f->called.user), called, sizeof(called)), reason);
	sip_leg_reject(leg, status, reason, NULL);
}

static enum stream_security security_of(const struct object *plan)
{
	const char *s = object_text(plan, OBJ_VOIP_SECURITY);

	return s && strcmp(s, "secured") == 0 ? STREAM_SECURE : STREAM_PLAIN;
}

static bool transport_ok(const struct object *plan, enum sip_transport t)
{
	const char *s = object_text(plan, OBJ_VOIP_SECURITY);

	return t == SIP_TLS || !s || strcmp(s, "unsecured") == 0;
}

static struct call *call_new(struct um *um, const struct sip_facts *f, const struct gateway *gw,
			     const struct route_to *to)
{
	struct call *c = xcalloc(1, sizeof(*c));
	const char *name = to->caller ? object_text(to->caller, OBJ_DISPLAY) : NULL;

	c->um = um;
	snprintf(c->id, sizeof(c->id), "%08x", randombytes_random());
	memcpy(c->call_id, f->call_id, sizeof(c->call_id));
	c->caller = f->caller;
	c->called = f->called;
	c->wanted = f->diverted.user[0] ? f->diverted : f->called;
	c->why = f->why;
	if (!name && to->caller)
		name = object_text(to->caller, OBJ_NAME);
	snprintf(c->caller_name, sizeof(c->caller_name), "%s", name ? name : f->caller.name);
	snprintf(c->gateway, sizeof(c->gateway), "%s", gw->name);
	if (to->target)
		snprintf(c->mailbox_name, sizeof(c->mailbox_name), "%s",
			 object_text(to->target, OBJ_NAME));
	c->started_ms = clock_wall_ms();
	c->began_mono_ms = clock_mono_ms();
	c->max_ms = object_number(to->plan, OBJ_MAX_CALL, MAX_CALL_MS);
	snprintf(c->log.tags, sizeof(c->log.tags), "call=%s", c->id);
	list_init(&c->node);
	return c;
}

/* Describe ourselves and answer.  On failure the leg has its status. */
static enum err pick_up(struct call *c, struct sip_leg *leg, const struct sip_facts *f,
			enum stream_security security, unsigned *status, struct errbuf *eb)
{
	const struct stream_conf sc = {
		.ticker = c->um->ticker, .local = &f->local, .signalling = &f->source,
		.port_min = c->um->conf.rtp_min, .port_max = c->um->conf.rtp_max,
		.security = security, .ev = &stream_events, .ctx = c,
	};
	struct buf sdp;
	enum err e = stream_new(&sc, &c->stream, eb);

	*status = 503;
	if (e)
		return e;
	buf_init(&sdp, SDP_CAP);
	*status = 488;
	e = f->sdp.n ? stream_accept(c->stream, f->sdp, &sdp, eb) :
		       stream_offer(c->stream, &sdp, eb);
	if (!e) {
		c->leg = leg;
		*status = 0;
		e = sip_leg_answer(leg, sdp.data, sdp.len, &leg_events, c, eb);
	}
	buf_fini(&sdp);
	return e;
}

static void start(struct um *um, struct sip_leg *leg, const struct sip_facts *f,
		  const struct gateway *gw, const struct route_to *to)
{
	struct call *c = call_new(um, f, gw, to);
	struct errbuf eb = { "" };
	unsigned status = 0;
	char number[NUMBER_MAX];
	enum err e;

	if (to->kind == ROUTE_ANSWERING)
		answer_new(c, to);
	else if (to->kind == ROUTE_ATTENDANT)
		attendant_new(c, to);
	if (!c->app) {
		free(c);
		refuse(um, &leg, 480, "Nobody Answers That Number", f);
		return;
	}
	list_add_tail(&um->calls, &c->node);
	um->n_calls++;
	e = pick_up(c, leg, f, security_of(to->plan), &status, &eb);
	if (e) {
		log_info(&c->log, "call-not-answered detail=\"%s\"", eb.text);
		if (status)
			refuse(um, &leg, status, status == 488 ? "Not Acceptable Here" :
			       "Service Unavailable", f);
		call_free(c);
		return;
	}
	um_count(um, UM_CALLS, 1);
	log_info(&c->log, "call kind=%s transport=%s gateway=\"%s\" caller=%s called=%s mailbox=\"%s\" "
		 "diverted=%s codec=%s srtp=%d", c->app->kind, sip_transport_name(f->transport),
		 gw->name, log_clean(c->caller.user, strlen(c->caller.user), number, sizeof(number)),
		 c->wanted.user, c->mailbox_name, divert_name(f->why), stream_codec(c->stream),
		 stream_is_secure(c->stream));
}

void call_invite(void *ctx, struct sip_leg *leg, const struct sip_facts *f)
{
	struct um *um = ctx;
	const struct gateway *gw = gateways_find(&um->gateways, &f->source);
	struct arena a = { 0 };
	struct route_to to;

	if (!gw || gw->status != GATEWAY_ENABLED) {
		refuse(um, &leg, 403, "Forbidden", f);
	} else if (um->draining || um->n_calls >= um->conf.max_calls) {
		refuse(um, &leg, 503, "Service Unavailable", f);
	} else {
		route_find(member_replica(um->member), gw, f, &a, &to);
		if (!to.plan || to.kind == ROUTE_NOBODY)
			refuse(um, &leg, 404, "Not Found", f);
		else if (!transport_ok(to.plan, f->transport))
			refuse(um, &leg, 403, "TLS Required", f);
		else
			start(um, leg, f, gw, &to);
	}
	arena_fini(&a);
}

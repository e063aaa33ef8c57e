/*
 * GENURLAUTH, RESETKEY, URLFETCH (RFC 4467), with the mechanism INTERNAL.
 *
 * A URL is signed for the user named in it, who must be the one who asks, with a key
 * the store keeps for him and the folder.  Whoever shows it later reads in his name,
 * if the access identifier lets him: "submit+" is for the submission server alone,
 * which asks the store itself; here it gives nothing.
 */
#include "roles/client-access/imap/namespace.h"

#include "common/api/part.h"
#include "common/api/store_meta.h"
#include "common/base/clock.h"
#include "common/imap/url.h"
#include "common/imap/write.h"
#include "roles/client-access/account.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_URLS 100			/* in one command */

struct url_run {
	struct span urls[MAX_URLS];
	size_t n, at;
	struct imap_url url;		/* the one at hand */
	struct store_part *part;
	uint64_t left;			/* of its literal */
	size_t held;			/* bytes said and not acknowledged */
	bool begun, over;
	enum err e;
};

static enum next fetch_next(struct imap_session *s);

static void drop(struct imap_session *s)
{
	struct url_run *r = s->run;

	store_part_close(&r->part);
}

static struct url_run *run_new(struct imap_session *s)
{
	struct url_run *r = arena_alloc(&s->reader.arena, sizeof(*r));

	s->run = r;
	s->run_free = drop;
	return r;
}

/* ---- GENURLAUTH --------------------------------------------------------------------- */

static enum next sign(struct imap_session *s);

static void signed_one(void *ctx, enum err e, const uint8_t token[URL_TOKEN])
{
	struct imap_session *s = ctx;
	struct url_run *r = s->run;
	const struct span *url = &r->urls[r->at++];
	char hex[2 * URL_TOKEN + 1], *full;

	imap_call_done(s);
	if (e) {
		imap_fail(s, e);
		imap_pump(s);
		return;
	}
	for (size_t i = 0; i < URL_TOKEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", token[i]);
	full = arena_printf(&s->reader.arena, "%.*s:internal:%s", (int)url->n, url->p, hex);
	out_str(s, r->at == 1 ? "* GENURLAUTH " : " ");
	out_done(s, imap_write_astring(&s->out, span_of(full)));
	imap_work(s, sign);
	imap_pump(s);
}

/* May this session have it signed? */
static const char *refusal(struct imap_session *s, struct span text, struct imap_url *u)
{
	struct shared owner;

	if (!imap_url_parse(text, &s->reader.arena, u) || u->access == IMAP_URL_NONE ||
	    u->mechanism.n > 0)
		return "BAD Expected a URL that ends with its access identifier.";
	if (!u->has_host || u->user.n == 0 ||
	    sharing_find(s->cas, SHARING_USER, u->user.p, &s->reader.arena, &owner) != ERR_OK ||
	    !guid_eq(&owner.guid, &s->who.principal))
		return "BAD The URL must name you and this server.";
	if (ns_is_elsewhere(u->mailbox))
		return "NO [CANNOT] Only URLs of your own mailbox are signed.";
	return NULL;
}

static enum next sign(struct imap_session *s)
{
	struct url_run *r = s->run;
	const char *path, *rump;

	if (r->at == r->n) {
		out_str(s, "\r\n");
		return imap_finish(s, "OK Done.");
	}
	if (!imap_url_parse(r->urls[r->at], &s->reader.arena, &r->url))
		return imap_fail(s, ERR_INVALID);	/* it could be parsed before */
	path = r->url.mailbox;
	rump = arena_strn(&s->reader.arena, r->url.rump.p, r->url.rump.n);
	s->call = store_url_sign(&s->at, path, rump, signed_one, s);
	return imap_await(s);
}

enum next imap_verb_genurlauth(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct url_run *r = run_new(s);
	struct span mechanism;
	const char *why;

	do {
		if (r->n == MAX_URLS)
			return imap_finish(s, "BAD Too many URLs.");
		if (!imap_lex_sp(l) || !imap_lex_astring(l, &r->urls[r->n]) || !imap_lex_sp(l) ||
		    !imap_lex_atom(l, &mechanism))
			return imap_bad(s);
		if (!span_is(mechanism, "INTERNAL"))
			return imap_finish(s, "BAD Unknown mechanism.");
		why = refusal(s, r->urls[r->n++], &r->url);
		if (why)
			return imap_finish(s, "%s", why);
	} while (imap_lex_peek(l) == ' ');
	return imap_lex_end(l) ? sign(s) : imap_bad(s);
}

/* ---- RESETKEY -------------------------------------------------------------------------- */

static void was_reset(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;

	(void)cn;
	imap_call_done(s);
	if (e)
		imap_fail(s, e);
	else
		imap_finish(s, "OK [URLMECH INTERNAL] Done.");
	imap_pump(s);
}

enum next imap_verb_resetkey(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct span mechanism;
	char *path = NULL;

	if (imap_lex_peek(l) == ' ' && (!imap_lex_sp(l) || !imap_lex_mailbox(l, &path)))
		return imap_bad(s);
	while (imap_lex_peek(l) == ' ') {
		if (!imap_lex_sp(l) || !imap_lex_atom(l, &mechanism))
			return imap_bad(s);
		if (!span_is(mechanism, "INTERNAL"))
			return imap_finish(s, "BAD Unknown mechanism.");
	}
	if (!imap_lex_end(l))
		return imap_bad(s);
	if (path && ns_is_elsewhere(path))
		return imap_fail(s, ERR_NOTFOUND);
	s->call = store_url_reset(&s->at, path, was_reset, s);
	return imap_await(s);
}

/* ---- URLFETCH ----------------------------------------------------------------------------- */

static void say_url(struct imap_session *s)
{
	struct url_run *r = s->run;

	out_str(s, "* URLFETCH ");
	out_done(s, imap_write_astring(&s->out, r->urls[r->at]));
	out_str(s, " ");
}

static enum next give_nil(struct imap_session *s)
{
	struct url_run *r = s->run;

	say_url(s);
	out_str(s, "NIL\r\n");
	r->at++;
	return imap_work(s, fetch_next);
}

/* Acknowledge as the client takes; then the next one. */
static enum next fetch_wait(struct imap_session *s)
{
	struct url_run *r = s->run;
	size_t n = r->held;

	if (!r->over) {
		if (n > 0 && !out_full(s)) {
			r->held = 0;
			store_part_grant(r->part, n);
		}
		return NEXT_WAIT;
	}
	store_part_close(&r->part);
	if (r->e && !r->begun)
		return give_nil(s);
	if (r->e || r->left > 0) {	/* in the middle of a literal: there is no way back */
		s->broken = true;
		return NEXT_WAIT;
	}
	out_str(s, "\r\n");
	r->at++;
	return imap_work(s, fetch_next);
}

static void on_begin(void *ctx, uint64_t size)
{
	struct imap_session *s = ctx;
	struct url_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	r->begun = true;
	r->left = size;
	say_url(s);
	out_done(s, imap_write_literal_head(&s->out, size));
}

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct imap_session *s = ctx;
	struct url_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (n > r->left) {
		r->e = ERR_CORRUPT;
		n = (size_t)r->left;
	}
	r->left -= n;
	r->held += n;
	out_add(s, p, n);
	if (!out_full(s)) {		/* else when the client has taken some */
		n = r->held;
		r->held = 0;
		store_part_grant(r->part, n);
	}
}

static void on_done(void *ctx, enum err e)
{
	struct imap_session *s = ctx;
	struct url_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	r->over = true;
	if (r->e == ERR_OK)
		r->e = e;
	imap_pump(s);
}

static void checked(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;
	struct url_run *r = s->run;
	const struct imap_url *u = &r->url;

	(void)cn;
	imap_call_done(s);
	if (e) {
		give_nil(s);
		imap_pump(s);
		return;
	}
	r->begun = r->over = false;
	r->e = ERR_OK;
	r->left = r->held = 0;
	r->part = store_part_open(&s->at, &(struct store_part_ask){
		.path = u->mailbox, .uidvalidity = u->uidvalidity, .uid = u->uid,
		.section = u->section, .partial = u->partial, .offset = u->offset,
		.length = u->length,
	}, on_begin, on_bytes, on_done, s);
	imap_work(s, fetch_wait);
}

/* Is this session somebody the URL was made for? */
static bool may_use(struct imap_session *s, const struct imap_url *u)
{
	struct shared user;

	if (u->has_expire && u->expire_s < clock_wall_ms() / 1000)
		return false;
	switch (u->access) {
	case IMAP_URL_ANONYMOUS:
	case IMAP_URL_AUTHUSER:
		return true;
	case IMAP_URL_USER:
		return sharing_find(s->cas, SHARING_USER, u->access_user.p, &s->reader.arena,
				    &user) == ERR_OK &&
		       guid_eq(&user.guid, &s->who.principal);
	case IMAP_URL_SUBMIT:
	case IMAP_URL_NONE:
		break;
	}
	return false;
}

static bool read_token(struct span hex, uint8_t token[URL_TOKEN])
{
	if (hex.n != 2 * URL_TOKEN)
		return false;
	for (size_t i = 0; i < URL_TOKEN; i++) {
		const char two[3] = { hex.p[2 * i], hex.p[2 * i + 1], '\0' };

		token[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return true;
}

static enum next fetch_next(struct imap_session *s)
{
	struct url_run *r = s->run;
	struct imap_url *u = &r->url;
	uint8_t token[URL_TOKEN];
	struct shared owner;

	if (out_full(s))
		return NEXT_WAIT;
	if (r->at == r->n)
		return imap_finish(s, "OK Done.");
	if (!imap_url_parse(r->urls[r->at], &s->reader.arena, u) || !u->has_host ||
	    u->user.n == 0 || !span_is(u->mechanism, "internal") ||
	    !read_token(u->token, token) || ns_is_elsewhere(u->mailbox) || !may_use(s, u) ||
	    sharing_find(s->cas, SHARING_USER, u->user.p, &s->reader.arena, &owner) != ERR_OK ||
	    account_locate(s->cas, &owner.guid, &s->at) != ERR_OK)
		return give_nil(s);
	s->call = store_url_check(&s->at, u->mailbox,
				  arena_strn(&s->reader.arena, u->rump.p, u->rump.n), token,
				  checked, s);
	return imap_await(s);
}

enum next imap_verb_urlfetch(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct url_run *r = run_new(s);

	do {
		if (r->n == MAX_URLS)
			return imap_finish(s, "BAD Too many URLs.");
		if (!imap_lex_sp(l) || !imap_lex_astring(l, &r->urls[r->n++]))
			return imap_bad(s);
	} while (imap_lex_peek(l) == ' ');
	return imap_lex_end(l) ? imap_work(s, fetch_next) : imap_bad(s);
}

/* CATENATE (RFC 4469): parts of a message that are in the store already, by URL. */
#include "roles/client-access/imap/append.h"

#include "common/imap/url.h"
#include "roles/client-access/imap/namespace.h"

#define URL_SAID 300			/* bytes of a URL in BADURL */

/* RFC 4469 section 4.1: no "]", and nothing that would end the line. */
static const char *bad_url(struct imap_session *s, struct span url)
{
	char *said = arena_strn(&s->reader.arena, url.n ? url.p : "", url.n < URL_SAID ? url.n :
											 URL_SAID);

	for (char *p = said; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == ']' || *p == '\\')
			*p = '?';
	return arena_printf(&s->reader.arena, "NO [BADURL %s] Nothing is there.",
			    *said ? said : "?");
}

/* What came, as far as the store has room for it. */
static void send_on(struct append_run *r)
{
	size_t n = append_send(r);

	if (n > 0)
		store_part_grant(r->part, n);
}

static void on_begin(void *ctx, uint64_t size)
{
	struct imap_session *s = ctx;
	struct append_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (size > s->cas->conf.max_message - r->total)
		r->part_err = ERR_LIMIT;
	else
		r->total += size;
}

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct imap_session *s = ctx;
	struct append_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (r->part_err) {
		store_part_grant(r->part, n);
		return;
	}
	if (buf_add(&r->from, p, n) != ERR_OK)
		r->part_err = ERR_CORRUPT;	/* more than we acknowledged */
	send_on(r);
}

static void on_done(void *ctx, enum err e)
{
	struct imap_session *s = ctx;
	struct append_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	r->part_over = true;
	if (r->part_err == ERR_OK)
		r->part_err = e;
	imap_pump(s);
}

/* On this server, ours, and not to be had by signature: that is URLFETCH's. */
static bool open_url(struct imap_session *s, struct span text)
{
	struct append_run *r = s->run;
	struct imap_url u;
	struct store_part_ask ask;
	struct ns_place from = { .at = s->at };

	if (!imap_url_parse(text, &r->scratch, &u))
		return false;
	if (u.has_host && u.user.n && !span_is(u.user, s->who.user))
		return false;
	if (u.mailbox == NULL && s->state != IN_SELECTED)
		return false;
	if (ns_resolve(s, u.mailbox ? u.mailbox : s->view.path, &from) != ERR_OK)
		return false;
	ask = (struct store_part_ask){
		.path = from.path, .uid = u.uid,
		.uidvalidity = u.mailbox ? u.uidvalidity : s->view.uidvalidity,
		.section = u.section, .partial = u.partial, .offset = u.offset,
		.length = u.length,
	};
	r->part_over = false;
	r->part_err = ERR_OK;
	r->part = store_part_open(&from.at, &ask, on_begin, on_bytes, on_done, s);
	return true;
}

enum append_step append_url(struct imap_session *s)
{
	struct append_run *r = s->run;
	enum err e;

	if (r->part == NULL) {
		if (open_url(s, r->parse.url))
			return APPEND_WAIT;
		append_fail(s, bad_url(s, r->parse.url));
		return APPEND_DONE;
	}
	send_on(r);
	if (!r->part_over || (r->from.len > 0 && r->part_err == ERR_OK))
		return APPEND_WAIT;
	e = r->part_err;
	store_part_close(&r->part);
	buf_clear(&r->from);
	if (e == ERR_LIMIT)
		append_fail(s, "NO [TOOBIG] Message too large.");
	else if (e == ERR_NOTFOUND || e == ERR_INVALID || e == ERR_DENIED)
		append_fail(s, bad_url(s, r->parse.url));
	else if (e)
		append_fail(s, imap_err_reply(e));
	return APPEND_DONE;
}

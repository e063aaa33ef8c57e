#include "common/relay/dsn.h"

#include "common/base/check.h"
#include "common/mime/build.h"
#include "common/mime/date.h"
#include "common/mime/header.h"
#include "common/mime/word.h"
#include <stdarg.h>
#include <stdio.h>

#define HEADER_MAX   (64u << 10)	/* of an original's header that is returned */
#define ORIGINAL_MAX (1u << 20)
#define SUBJECT_MAX  200
#define PIECE	     (32u << 10)

static const struct {
	const char *name;	/* of the Action field */
	const char *subject;
	const char *words;	/* above the list of recipients */
} actions[] = {
	[DSN_FAILED] = { "failed", "Undeliverable: ",
			 "Your message could not be delivered to these recipients:" },
	[DSN_DELAYED] = { "delayed", "Delivery delayed: ",
			  "Your message has not been delivered yet to these recipients.\r\n"
			  "You need not send it again; delivery is still being tried:" },
	[DSN_DELIVERED] = { "delivered", "Delivered: ",
			    "Your message was delivered to these recipients:" },
	[DSN_RELAYED] = { "relayed", "Relayed: ",
			  "Your message was handed to a system that will not report its\r\n"
			  "delivery to these recipients:" },
	[DSN_EXPANDED] = { "expanded", "Expanded: ",
			   "Your message was delivered to these groups, whose members you may\r\n"
			   "not hear of:" },
};

/* The report being written.  The first error stands; later writes do nothing. */
struct writer {
	const struct dsn *d;
	struct buf *out;
	enum err e;
	bool utf8;		/* some address is not ASCII: RFC 6533 types */
	struct buf header;	/* the original's, or empty */
	bool header_8bit;
};

const char *dsn_action_text(enum dsn_action a)
{
	return actions[a].name;
}

bool dsn_wanted(const struct smtp_address *sender, unsigned notify, enum dsn_action action)
{
	if (smtp_address_is_null(sender) || notify & SMTP_NOTIFY_NEVER)
		return false;
	if (action == DSN_FAILED)
		return notify == 0 || notify & SMTP_NOTIFY_FAILURE;
	if (action == DSN_DELAYED)
		return notify == 0 || notify & SMTP_NOTIFY_DELAY;
	return notify & SMTP_NOTIFY_SUCCESS;
}

/* ---- writing ---------------------------------------------------------------- */

static void put(struct writer *w, const char *fmt, ...) A_PRINTF(2, 3);
static void put(struct writer *w, const char *fmt, ...)
{
	va_list ap;

	if (w->e)
		return;
	va_start(ap, fmt);
	w->e = buf_addv(w->out, fmt, ap);
	va_end(ap);
}

/* No value can begin a line of its own: build.h sees to that. */
static void field(struct writer *w, const char *name, const char *fmt, ...) A_PRINTF(3, 4);
static void field(struct writer *w, const char *name, const char *fmt, ...)
{
	struct buf value;
	va_list ap;

	if (w->e)
		return;
	buf_init(&value, 8192);
	va_start(ap, fmt);
	w->e = buf_addv(&value, fmt, ap);
	va_end(ap);
	if (!w->e)
		w->e = build_raw_field(w->out, name, (struct span){ value.data, value.len });
	buf_fini(&value);
}

static void date_field(struct writer *w, const char *name, int64_t ms)
{
	char text[DATE_TEXT_MAX];

	if (ms == 0)
		return;
	date_write(text, ms, 0);
	field(w, name, "%s", text);
}

static bool is_8bit(const char *s)
{
	return s && smtp_has_8bit(span_of(s));
}

static bool given(const char *s)
{
	return s && s[0] != '\0';
}

static bool any(const struct dsn *d, enum dsn_action a)
{
	for (size_t i = 0; i < d->n_rcpts; i++)
		if (d->rcpts[i].action == a)
			return true;
	return false;
}

/* ---- the original ----------------------------------------------------------- */

/* Its header; empty if it cannot be read or is larger than we return. */
static void read_header(struct writer *w)
{
	struct spool_body *b = w->d->original;
	bool closed = false;
	size_t got, n;

	if (!b || buf_reserve(&w->header, HEADER_MAX) != ERR_OK ||
	    spool_body_read(b, 0, w->header.data, HEADER_MAX, &got, NULL) != ERR_OK)
		return;
	buf_grown(&w->header, got);
	n = header_length((struct span){ w->header.data, got }, &closed);
	buf_cut(&w->header, closed || n == spool_body_size(b) ? n : 0);
	w->header_8bit = smtp_has_8bit((struct span){ w->header.data, w->header.len });
}

static struct span original_field(const struct writer *w, const char *name)
{
	struct span all = { w->header.data, w->header.len };
	struct header_field f;

	return header_find(all, name, &f) ? header_trim(f.value) : (struct span){ NULL, 0 };
}

/* RET asks only for what failed (RFC 3461 5.2); other reports carry headers. */
static bool returns_all(const struct writer *w)
{
	uint64_t max = w->d->max_original ? w->d->max_original : ORIGINAL_MAX;

	return w->d->original && w->d->ret != SMTP_RET_HDRS && any(w->d, DSN_FAILED) &&
	       spool_body_size(w->d->original) <= max;
}

static void put_original(struct writer *w)
{
	char piece[PIECE];
	uint64_t off = 0;
	size_t got = 0;

	do {
		if (!w->e)
			w->e = spool_body_read(w->d->original, off, piece, sizeof(piece), &got, NULL);
		if (!w->e)
			w->e = buf_add(w->out, piece, got);
		off += got;
	} while (!w->e && got > 0);
}

/* ---- the header of the report -------------------------------------------------- */

static void put_subject(struct writer *w)
{
	enum dsn_action a = DSN_FAILED;
	struct span s = original_field(w, "Subject");
	struct buf text;

	while (a < DSN_EXPANDED && !any(w->d, a))
		a++;
	buf_init(&text, strlen(actions[a].subject) + SUBJECT_MAX);
	CHECK(buf_adds(&text, actions[a].subject) == ERR_OK);
	if (s.n > 0)
		word_decode(s, &text);
	else
		CHECK(buf_adds(&text, "your message") == ERR_OK);
	if (!w->e)
		w->e = build_field(w->out, "Subject", (struct span){ text.data, text.len });
	buf_fini(&text);
}

/* References to the original, if its Message-ID is one that can be repeated. */
static void put_reference(struct writer *w)
{
	struct span id = original_field(w, "Message-ID");

	if (id.n < 3 || id.n > 900 || id.p[0] != '<' || id.p[id.n - 1] != '>' ||
	    smtp_has_8bit(id) || memchr(id.p, '\n', id.n) || memchr(id.p, '\r', id.n) ||
	    memchr(id.p, ' ', id.n) || memchr(id.p, '\t', id.n))
		return;
	field(w, "In-Reply-To", "%.*s", (int)id.n, id.p);
	field(w, "References", "%.*s", (int)id.n, id.p);
}

static void put_top(struct writer *w)
{
	const struct dsn *d = w->d;

	field(w, "From", "Mail Delivery System <%s>", d->postmaster);
	field(w, "To", "<%s>", d->to);
	put_subject(w);
	date_field(w, "Date", d->now_ms);
	field(w, "Message-ID", "<%s>", d->message_id);
	put_reference(w);
	field(w, "Auto-Submitted", "auto-replied");
	field(w, "MIME-Version", "1.0");
	field(w, "Content-Type", "multipart/report; report-type=%s; boundary=\"%s\"",
	      w->utf8 ? "global-delivery-status" : "delivery-status", d->boundary);
	if (w->utf8 || w->header_8bit || (d->original_8bit && returns_all(w)))
		field(w, "Content-Transfer-Encoding", "8bit");
	put(w, "\r\n");
}

static void begin_part(struct writer *w, const char *type, bool eight)
{
	put(w, "\r\n--%s\r\n", w->d->boundary);
	field(w, "Content-Type", "%s", type);
	if (eight)
		field(w, "Content-Transfer-Encoding", "8bit");
	put(w, "\r\n");
}

/* ---- words for people --------------------------------------------------------- */

/* Text of a peer within a line of ours. */
static void put_clean(struct writer *w, const char *text)
{
	for (size_t n = 0; *text != '\0' && n < 600 && !w->e; text++, n++) {
		unsigned char c = (unsigned char)*text;

		w->e = buf_addc(w->out, c < ' ' || c == 127 ? ' ' : (char)c);
	}
}

static void put_rcpt_words(struct writer *w, const struct dsn_rcpt *r)
{
	char date[DATE_TEXT_MAX];

	put(w, "\r\n  ");
	put_clean(w, r->final);
	put(w, "\r\n    %s", r->status);
	if (given(r->diagnostic)) {
		put(w, r->code ? " %u " : " ", r->code);
		put_clean(w, r->diagnostic);
	}
	put(w, "\r\n");
	if (given(r->remote_mta)) {
		put(w, "    Server: ");
		put_clean(w, r->remote_mta);
		put(w, "\r\n");
	}
	if (r->action == DSN_DELAYED && r->retry_until_ms) {
		date_write(date, r->retry_until_ms, 0);
		put(w, "    Delivery will be tried until %s.\r\n", date);
	}
}

static void put_words(struct writer *w)
{
	begin_part(w, "text/plain; charset=utf-8", w->utf8);
	put(w, "This is the mail system at %s.\r\n", w->d->reporting_mta);
	for (enum dsn_action a = DSN_FAILED; a <= DSN_EXPANDED; a++) {
		if (!any(w->d, a))
			continue;
		put(w, "\r\n%s\r\n", actions[a].words);
		for (size_t i = 0; i < w->d->n_rcpts; i++)
			if (w->d->rcpts[i].action == a)
				put_rcpt_words(w, &w->d->rcpts[i]);
	}
}

/* ---- fields for programs -------------------------------------------------------- */

static void put_orcpt(struct writer *w, const char *orcpt)
{
	const char *semi = strchr(orcpt, ';');

	if (semi)
		field(w, "Original-Recipient", "%.*s; %s", (int)(semi - orcpt), orcpt, semi + 1);
}

static void put_rcpt_fields(struct writer *w, const struct dsn_rcpt *r)
{
	put(w, "\r\n");
	if (given(r->orcpt))
		put_orcpt(w, r->orcpt);
	field(w, "Final-Recipient", "%s; %s", is_8bit(r->final) ? "utf-8" : "rfc822", r->final);
	field(w, "Action", "%s", actions[r->action].name);
	field(w, "Status", "%s", r->status);
	if (given(r->remote_mta))
		field(w, "Remote-MTA", "dns; %s", r->remote_mta);
	/* Only what a server said is an smtp diagnostic (RFC 3464 2.3.6). */
	if (given(r->diagnostic) && r->code)
		field(w, "Diagnostic-Code", "smtp; %u %.600s", r->code, r->diagnostic);
	else if (given(r->diagnostic))
		field(w, "Diagnostic-Code", "x-bourse; %.600s", r->diagnostic);
	date_field(w, "Last-Attempt-Date", r->last_attempt_ms);
	if (r->action == DSN_DELAYED)
		date_field(w, "Will-Retry-Until", r->retry_until_ms);
}

static void put_status(struct writer *w)
{
	const struct dsn *d = w->d;

	begin_part(w, w->utf8 ? "message/global-delivery-status" : "message/delivery-status",
		   w->utf8);
	if (given(d->envid))
		field(w, "Original-Envelope-Id", "%s", d->envid);
	field(w, "Reporting-MTA", "dns; %s", d->reporting_mta);
	date_field(w, "Arrival-Date", d->arrival_ms);
	for (size_t i = 0; i < d->n_rcpts; i++)
		put_rcpt_fields(w, &d->rcpts[i]);
}

/* ---- the third part -------------------------------------------------------------- */

static void put_all_of_it(struct writer *w)
{
	begin_part(w, w->header_8bit ? "message/global" : "message/rfc822",
		   w->header_8bit || w->d->original_8bit);
	put_original(w);
}

static void put_header_of_it(struct writer *w)
{
	begin_part(w, w->header_8bit ? "message/global-headers" : "text/rfc822-headers",
		   w->header_8bit);
	if (!w->e)
		w->e = buf_add(w->out, w->header.data, w->header.len);
}

static void put_nothing_of_it(struct writer *w)
{
	(void)w;
}

/* The end of the report, with this third part if there is room for both. */
static bool finish_with(struct writer *w, void (*part)(struct writer *w))
{
	size_t before = w->out->len;
	enum err e = w->e;

	part(w);
	put(w, "\r\n--%s--\r\n", w->d->boundary);
	if (w->e == ERR_OK || e != ERR_OK)
		return true;
	buf_cut(w->out, before);
	w->e = part == put_nothing_of_it ? w->e : ERR_OK;
	return false;
}

static void put_rest(struct writer *w)
{
	if ((!returns_all(w) || !finish_with(w, put_all_of_it)) &&
	    (w->header.len == 0 || !finish_with(w, put_header_of_it)))
		(void)finish_with(w, put_nothing_of_it);
}

static bool needs_utf8(const struct dsn *d)
{
	bool utf8 = is_8bit(d->to) || is_8bit(d->envid) || is_8bit(d->postmaster);

	for (size_t i = 0; i < d->n_rcpts && !utf8; i++)
		utf8 = is_8bit(d->rcpts[i].final) || is_8bit(d->rcpts[i].orcpt) ||
		       is_8bit(d->rcpts[i].diagnostic) || is_8bit(d->rcpts[i].remote_mta);
	return utf8;
}

enum err dsn_build(const struct dsn *d, struct buf *out, struct dsn_facts *facts,
		   struct errbuf *eb)
{
	struct writer w = { .d = d, .out = out, .utf8 = needs_utf8(d) };
	size_t before = out->len;

	CHECK(d->n_rcpts > 0);
	buf_init(&w.header, HEADER_MAX);
	read_header(&w);
	put_top(&w);
	put_words(&w);
	put_status(&w);
	put_rest(&w);
	buf_fini(&w.header);
	if (w.e) {
		buf_cut(out, before);
		return err_set(eb, w.e, "delivery report does not fit");
	}
	*facts = (struct dsn_facts){
		.utf8 = is_8bit(d->to) || is_8bit(d->postmaster),
		.body_8bit = smtp_has_8bit((struct span){ out->data + before, out->len - before }),
	};
	return ERR_OK;
}

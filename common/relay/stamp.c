#include "common/relay/stamp.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/mime/address.h"
#include "common/mime/date.h"
#include "common/mime/header.h"
#include "common/relay/spool.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX (64u * 1024)
#define COPY_BYTES (128u * 1024)

static const char *const forbidden[] = {
	"X-MS-Exchange-Organization-",
	"X-MS-Exchange-Forest-",
};

static bool is_forbidden(const struct header_field *f)
{
	for (size_t i = 0; i < N_ELEMS(forbidden); i++)
		if (header_has_prefix(f, forbidden[i]))
			return true;
	return false;
}

/* The front of the body: in memory, or read into *mem (freed by the caller). */
static enum err front_of(const struct mail *m, char **mem, struct span *out, struct errbuf *eb)
{
	size_t got = 0;
	enum err e;

	*mem = NULL;
	if (m->data) {
		*out = (struct span){ m->data, (size_t)m->size };
		return ERR_OK;
	}
	*mem = xcalloc(1, HEADER_MAX);
	e = spool_body_read(m->body, 0, *mem, HEADER_MAX, &got, eb);
	*out = (struct span){ *mem, got };
	return e;
}

static void note_message_id(struct mail *m, struct span value)
{
	struct span v = header_trim(value);
	char clean[512];

	if (v.n > 0)
		m->message_id = arena_str(&m->arena, log_clean(v.p, v.n, clean, sizeof(clean)));
}

static const char *address_text(struct arena *a, const struct address *p)
{
	return p->host.n ? arena_printf(a, "%.*s@%.*s", (int)p->local.n, p->local.p, (int)p->host.n,
					p->host.p)
			 : arena_strn(a, p->local.p, p->local.n);
}

static void note_from(struct mail *m, struct span value, struct stamp_header *out)
{
	struct address *list;
	size_t n = address_parse(&m->arena, value, 4 * STAMP_AUTHORS, &list);

	out->has_from = true;
	for (size_t i = 0; i < n; i++) {
		if (list[i].kind != ADDRESS_MAILBOX)
			continue;
		if (out->n_from < STAMP_AUTHORS)
			out->from[out->n_from] = address_text(&m->arena, &list[i]);
		out->n_from++;
	}
}

static void note_sender(struct mail *m, struct span value, struct stamp_header *out)
{
	struct address *list;
	size_t n = address_parse(&m->arena, value, 4, &list);
	const struct address *first = address_first(list, n);

	out->sender = first ? address_text(&m->arena, first) : "";
}

static void look_at(struct mail *m, const struct header_field *f, struct stamp_header *out)
{
	if (f->name.n == 0)
		return;
	switch (f->name.p[0] | 0x20) {
	case 'r':
		out->n_received += span_is(f->name, "Received");
		break;
	case 'd':
		out->has_date |= span_is(f->name, "Date");
		break;
	case 'f':
		if (span_is(f->name, "From"))
			note_from(m, f->value, out);
		break;
	case 'm':
		if (!out->has_message_id && span_is(f->name, "Message-ID")) {
			out->has_message_id = true;
			note_message_id(m, f->value);
		}
		break;
	case 's':
		if (span_is(f->name, "Sender"))
			note_sender(m, f->value, out);
		break;
	case 'x':
		out->forbidden |= is_forbidden(f);
		break;
	default:
		break;
	}
}

enum err stamp_read(struct mail *m, struct stamp_header *out, struct errbuf *eb)
{
	struct header_field f;
	struct span all, rest;
	char *mem;
	enum err e = front_of(m, &mem, &all, eb);

	*out = (struct stamp_header){ 0 };
	if (!e) {
		rest = (struct span){ all.p, header_length(all, &out->closed) };
		while (header_next(&rest, &f))
			look_at(m, &f, out);
	}
	free(mem);
	return e;
}

static enum err copy_rest(const struct mail *m, struct spool_body *to, uint64_t off,
			  struct errbuf *eb)
{
	char *chunk = xcalloc(1, COPY_BYTES);
	size_t got = 1;
	enum err e = ERR_OK;

	while (!e && got > 0) {
		e = spool_body_read(m->body, off, chunk, COPY_BYTES, &got, eb);
		if (!e && got > 0)
			e = spool_body_add(to, chunk, got, eb);
		off += got;
	}
	free(chunk);
	return e;
}

/* Everything of the header but forbidden fields, junk lines and empty line
 * included. */
static enum err copy_header(struct span header, struct spool_body *to, struct errbuf *eb)
{
	const char *done = header.p, *end = header.p + header.n;
	struct span rest = header;
	struct header_field f;
	enum err e = ERR_OK;

	while (!e && header_next(&rest, &f)) {
		if (!is_forbidden(&f))
			continue;
		if (f.raw.p > done)
			e = spool_body_add(to, done, (size_t)(f.raw.p - done), eb);
		done = f.raw.p + f.raw.n;
	}
	return e || done >= end ? e : spool_body_add(to, done, (size_t)(end - done), eb);
}

enum err stamp_firewall(struct mail *m, struct spool *s, struct errbuf *eb)
{
	struct spool_body *to;
	struct span all;
	size_t n;
	char *mem;
	enum err e = front_of(m, &mem, &all, eb);

	if (e) {
		free(mem);
		return e;
	}
	to = spool_body_new(s);
	n = header_length(all, NULL);
	e = copy_header((struct span){ all.p, n }, to, eb);
	if (!e)
		e = copy_rest(m, to, n, eb);
	free(mem);
	if (e) {
		spool_body_unref(&to);
		return e;
	}
	spool_body_seal(to);
	mail_set_body(m, to);
	return ERR_OK;
}

/* What a peer said, fit to stand in a header field: no blanks, no brackets. */
static const char *word(const char *s, char *out, size_t cap)
{
	size_t n = 0;

	for (; *s && n + 1 < cap; s++)
		if ((unsigned char)*s > ' ' && (unsigned char)*s < 0x7f && !strchr("()<>\";,\\", *s))
			out[n++] = *s;
	out[n] = '\0';
	return n ? out : "unknown";
}

static const char *client(struct arena *a, const struct stamp_trace *t)
{
	char w[256], host[ADDR_TEXT];

	if (t->hide_peer)
		return "[submission]";
	word(t->helo, w, sizeof(w));
	if (!t->peer)
		return arena_str(a, w);
	return arena_printf(a, "%s ([%s%s])", w, t->peer->family == 6 ? "IPv6:" : "",
			    addr_host(t->peer, host));
}

void stamp_received(struct mail *m, const struct stamp_trace *t)
{
	struct arena *a = &m->arena;
	char date[DATE_TEXT_MAX], id[64];
	const char *tls = "", *to = "";

	date_write(date, t->now_ms, 0);
	if (t->tls_version)
		tls = arena_printf(a, "\r\n\t(%s %s)", t->tls_version, t->tls_cipher);
	/* One recipient may be named; several would tell each of the others. */
	if (m->n_rcpts == 1 && strlen(m->rcpts[0].address) < 300)
		to = arena_printf(a, "\r\n\tfor <%s>", m->rcpts[0].address);
	m->prefix = arena_printf(a, "Received: from %s\r\n\tby %s with %s id %s%s%s; %s\r\n%s",
				 client(a, t), t->by, t->protocol, mail_id_text(&m->id, id), tls, to,
				 date, m->prefix);
}

void stamp_sender(struct mail *m, const char *address)
{
	m->prefix = arena_printf(&m->arena, "%sSender: <%s>\r\n", m->prefix, address);
}

void stamp_complete(struct mail *m, const struct stamp_header *h, const char *domain,
		    int64_t now_ms)
{
	char date[DATE_TEXT_MAX], text[GUID_TEXT];
	struct guid g;

	if (!h->has_message_id) {
		g = guid_make();
		m->message_id = arena_printf(&m->arena, "<%s@%s>", guid_text(&g, text), domain);
		m->prefix = arena_printf(&m->arena, "%sMessage-ID: %s\r\n", m->prefix, m->message_id);
	}
	if (!h->has_date) {
		date_write(date, now_ms, 0);
		m->prefix = arena_printf(&m->arena, "%sDate: %s\r\n", m->prefix, date);
	}
	if (!h->has_from && m->sender[0])
		m->prefix = arena_printf(&m->arena, "%sFrom: <%s>\r\n", m->prefix, m->sender);
}

/* What a session says, and the words of the store in the client's. */
#include "roles/client-access/imap/imap.h"

#include "common/imap/write.h"
#include <stdarg.h>
#include <string.h>

#define FLUSH_AT (32u << 10)

void out_done(struct imap_session *s, enum err e)
{
	if (e)
		s->broken = true;
	else if (s->out.len >= FLUSH_AT)
		out_flush(s);
}

void out_add(struct imap_session *s, const void *p, size_t n)
{
	out_done(s, buf_add(&s->out, p, n));
}

void out_str(struct imap_session *s, const char *text)
{
	out_add(s, text, strlen(text));
}

void out_fmt(struct imap_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	out_done(s, buf_addv(&s->out, fmt, ap));
	va_end(ap);
}

void out_flush(struct imap_session *s)
{
	if (s->out.len == 0)
		return;
	if (s->squeeze)
		compress_write(s->squeeze, s->out.data, s->out.len, s->io.send, s->io.ctx);
	else
		s->io.send(s->io.ctx, s->out.data, s->out.len);
	if (s->squeeze && s->idling)
		compress_rest(s->squeeze);
	buf_clear(&s->out);
}

bool out_full(struct imap_session *s)
{
	return s->io.is_full(s->io.ctx);
}

/* ---- flags ------------------------------------------------------------------- */

static const struct {
	unsigned imap, store;
} flag_pairs[] = {
	{ IMAP_SEEN, FLAG_SEEN },	{ IMAP_ANSWERED, FLAG_ANSWERED },
	{ IMAP_FLAGGED, FLAG_FLAGGED }, { IMAP_DELETED, FLAG_DELETED },
	{ IMAP_DRAFT, FLAG_DRAFT },
};

/* Keywords for the client, flags in the store (RFC 5788's registry). */
static const struct {
	const char *name;
	unsigned store;
} flag_words[] = {
	{ "$Forwarded", FLAG_FORWARDED },
	{ "$MDNSent", FLAG_MDNSENT },
};

unsigned flag_to_store(unsigned imap_flag)
{
	for (size_t i = 0; i < N_ELEMS(flag_pairs); i++)
		if (flag_pairs[i].imap == imap_flag)
			return flag_pairs[i].store;
	return 0;
}

unsigned word_to_store(struct span keyword)
{
	for (size_t i = 0; i < N_ELEMS(flag_words); i++)
		if (span_is(keyword, flag_words[i].name))
			return flag_words[i].store;
	return 0;
}

unsigned flags_to_store(const struct imap_flags *f)
{
	unsigned out = 0;

	for (size_t i = 0; i < N_ELEMS(flag_pairs); i++)
		if (f->system & flag_pairs[i].imap)
			out |= flag_pairs[i].store;
	for (size_t i = 0; i < f->n_keywords; i++)
		out |= word_to_store(f->keywords[i]);
	return out;
}

const char *const *keywords_to_store(struct arena *a, const struct imap_flags *f)
{
	const char **list;
	size_t n = 0;

	if (f->n_keywords == 0)
		return NULL;
	list = arena_alloc(a, (f->n_keywords + 1) * sizeof(*list));
	for (size_t i = 0; i < f->n_keywords; i++)
		if (word_to_store(f->keywords[i]) == 0)
			list[n++] = arena_strn(a, f->keywords[i].p, f->keywords[i].n);
	return n ? list : NULL;
}

bool imap_is_recent(const struct imap_session *s, uint32_t uid)
{
	return uid > s->view.recent_above && uid <= s->view.recent_last &&
	       !(s->modes & MODE_REV2);		/* RFC 9051: there is no \Recent */
}

void imap_put_recent(struct imap_session *s)
{
	const struct imap_view *v = &s->view;

	if ((s->modes & MODE_REV2) == 0)
		out_fmt(s, "* %u RECENT\r\n",
			v->recent_last > v->recent_above
				? uid_map_count(v->map, v->recent_above + 1, v->recent_last)
				: 0);
}

enum err imap_put_flags(const struct imap_session *s, struct buf *out, uint32_t uid,
			unsigned store_flags, const struct span *keywords, size_t n)
{
	struct span words[ROW_MAX_KEYWORDS + N_ELEMS(flag_words)];
	unsigned bits = imap_is_recent(s, uid) ? IMAP_RECENT : 0;
	size_t n_words = 0;
	enum err e = buf_adds(out, "FLAGS ");

	for (size_t i = 0; i < N_ELEMS(flag_pairs); i++)
		if (store_flags & flag_pairs[i].store)
			bits |= flag_pairs[i].imap;
	for (size_t i = 0; i < N_ELEMS(flag_words); i++)
		if (store_flags & flag_words[i].store)
			words[n_words++] = span_of(flag_words[i].name);
	for (size_t i = 0; i < n && i < ROW_MAX_KEYWORDS; i++)
		words[n_words++] = keywords[i];
	return e ? e : imap_write_flags(out, bits, words, n_words);
}

void out_flags(struct imap_session *s, uint32_t uid, unsigned store_flags,
	       const struct span *keywords, size_t n)
{
	out_done(s, imap_put_flags(s, &s->out, uid, store_flags, keywords, n));
}

/* RFC 6855 3, RFC 9051 5.1: UTF-8 to who asked for it, else modified UTF-7. */
void out_mailbox(struct imap_session *s, const char *path)
{
	if (s->modes & MODE_UTF8)
		out_done(s, imap_write_utf8(&s->out, span_of(path)));
	else
		out_done(s, imap_write_mailbox(&s->out, path));
}

void out_range(struct imap_session *s, struct uid_range r)
{
	if (r.first == r.last)
		out_fmt(s, "%u", r.first);
	else
		out_fmt(s, "%u:%u", r.first, r.last);
}

enum err imap_put_fetch(const struct imap_session *s, struct buf *out, uint32_t seq,
			uint32_t uid)
{
	const bool by_uid = s->modes & MODE_UIDONLY;
	enum err e = buf_adds(out, "* ");

	if (!e)
		e = buf_addu(out, by_uid ? uid : seq);
	return e ? e : buf_adds(out, by_uid ? " UIDFETCH (" : " FETCH (");
}

bool imap_says_vanished(const struct imap_session *s)
{
	return s->modes & (MODE_QRESYNC | MODE_UIDONLY);
}

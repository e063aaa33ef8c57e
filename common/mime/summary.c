#include "common/mime/summary.h"

#include "common/mime/address.h"
#include "common/mime/date.h"
#include "common/mime/header.h"
#include "common/mime/utf8.h"
#include "common/mime/word.h"

#define ADDRESSES_MAX 64	/* more do not fit in to_text anyway */

uint64_t summary_id_hash(struct span id)
{
	uint64_t h = 0xcbf29ce484222325;	/* FNV-1a, then mixed */

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * 0x100000001b3;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93;
	h ^= h >> 32;
	return h ? h : 1;
}

static struct span keep(struct arena *a, struct span s)
{
	return (struct span){ arena_dup(a, s.n ? s.p : "", s.n), s.n };
}

static struct span decoded(struct arena *a, struct span raw, size_t max)
{
	struct span out;
	struct buf b;

	buf_init(&b, max);
	word_decode(raw, &b);
	out = keep(a, (struct span){ b.data, b.len });
	buf_fini(&b);
	return out;
}

/* ---- base subject, RFC 5256 section 2.1 ------------------------------------ */

static bool starts(struct span s, const char *with)
{
	size_t n = strlen(with);

	return s.n >= n && strncasecmp(s.p, with, n) == 0;
}

static bool ends(struct span s, const char *with)
{
	size_t n = strlen(with);

	return s.n >= n && strncasecmp(s.p + s.n - n, with, n) == 0;
}

static struct span from(struct span s, size_t at)
{
	return (struct span){ s.p + at, s.n - at };
}

static size_t spaces(struct span s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] == ' ')
		n++;
	return n;
}

/* subj-blob at the start: its length, or 0. */
static size_t blob(struct span s)
{
	if (s.n == 0 || s.p[0] != '[')
		return 0;
	for (size_t i = 1; i < s.n && s.p[i] != '['; i++)
		if (s.p[i] == ']')
			return i + 1 + spaces(from(s, i + 1));
	return 0;
}

/* ("re" / "fw" / "fwd") *WSP [blob] ":" */
static size_t refwd(struct span s)
{
	size_t n = starts(s, "fwd") ? 3 : starts(s, "re") || starts(s, "fw") ? 2 : 0;

	if (n == 0)
		return 0;
	n += spaces(from(s, n));
	n += blob(from(s, n));
	return n < s.n && s.p[n] == ':' ? n + 1 : 0;
}

static struct span cut_trailers(struct span s, bool *is_reply)
{
	for (;;) {
		if (s.n && s.p[s.n - 1] == ' ') {
			s.n--;
		} else if (ends(s, "(fwd)")) {
			s.n -= 5;
			*is_reply = true;
		} else {
			return s;
		}
	}
}

/* The leader is *blob refwd or a space.  Blobs alone stay for the next step;
 * they are measured once for both, so that "[][][]..." costs one pass. */
static struct span cut_leaders(struct span s, bool *is_reply)
{
	for (;;) {
		size_t blobs = spaces(s), k;

		s = from(s, blobs);
		for (blobs = 0; (k = blob(from(s, blobs))) > 0; blobs += k)
			;
		k = refwd(from(s, blobs));
		if (k == 0) {
			/* Blobs go as long as something is left behind them. */
			size_t last = 0;

			for (size_t at = 0; (k = blob(from(s, at))) > 0; at += k)
				if (at + k < s.n)
					last = at + k;
			return from(s, last);
		}
		*is_reply = true;
		s = from(s, blobs + k);
	}
}

struct span summary_base_subject(struct arena *a, struct span subject, bool *is_reply)
{
	char *p = arena_alloc(a, subject.n + 1);
	struct span s = { p, 0 };

	*is_reply = false;
	for (size_t i = 0; i < subject.n; i++) {
		char c = subject.p[i] == '\t' ? ' ' : subject.p[i];

		if (c != ' ' || s.n == 0 || p[s.n - 1] != ' ')
			p[s.n++] = c;
	}
	for (;;) {
		s = cut_trailers(s, is_reply);
		s = cut_leaders(s, is_reply);
		if (!starts(s, "[fwd:") || !ends(s, "]"))
			return s;
		*is_reply = true;
		s = (struct span){ s.p + 5, s.n - 6 };
	}
}

/* ---- addresses ---------------------------------------------------------------- */

static struct span spec_of(struct arena *a, const struct address *ad)
{
	struct buf raw;
	struct span out;
	enum err e;

	buf_init(&raw, ad->local.n + ad->host.n + 1);
	e = buf_add(&raw, ad->local.p, ad->local.n);
	if (!e && ad->host.n)
		e = buf_addc(&raw, '@');
	if (!e)
		e = buf_add(&raw, ad->host.p, ad->host.n);
	out = e ? SPAN("") : decoded(a, (struct span){ raw.data, raw.len }, SUMMARY_NAME_MAX);
	buf_fini(&raw);
	return out;
}

static void parse_from(struct arena *a, struct span raw, struct summary *out)
{
	struct address *list;
	size_t n = address_parse(a, raw, ADDRESSES_MAX, &list);
	const struct address *first = address_first(list, n);

	if (first == NULL)
		return;
	out->from_name = decoded(a, first->name, SUMMARY_NAME_MAX);
	out->from_addr = spec_of(a, first);
}

static void parse_to(struct arena *a, struct span raw, struct summary *out)
{
	struct address *list;
	size_t n = address_parse(a, raw, ADDRESSES_MAX, &list);
	struct buf text;

	buf_init(&text, SUMMARY_TO_MAX);
	for (size_t i = 0; i < n; i++) {
		struct span one;
		size_t gap = text.len ? 2 : 0;

		if (list[i].kind == ADDRESS_GROUP_END)
			continue;
		if (list[i].name.n)
			one = decoded(a, list[i].name, SUMMARY_NAME_MAX);
		else
			one = spec_of(a, &list[i]);
		if (one.n == 0)
			continue;
		if (gap + one.n > text.max - text.len)
			break;				/* whole names only */
		if ((gap && buf_add(&text, "; ", 2)) || buf_add(&text, one.p, one.n))
			break;
	}
	out->to_text = keep(a, (struct span){ text.data, text.len });
	buf_fini(&text);
}

/* ---- message ids ---------------------------------------------------------------- */

/* The next <id> of a raw value; folding and space inside it are dropped. */
static bool next_id(struct span *rest, char dst[SUMMARY_ID_MAX], struct span *id)
{
	while (rest->n) {
		const char *lt = memchr(rest->p, '<', rest->n);
		size_t i = 1, n = 0;

		if (lt == NULL)
			return false;
		*rest = from(*rest, (size_t)(lt - rest->p));
		for (; i < rest->n && rest->p[i] != '>' && rest->p[i] != '<'; i++)
			if ((unsigned char)rest->p[i] > ' ' && n < SUMMARY_ID_MAX)
				dst[n++] = rest->p[i];
		*rest = from(*rest, i);
		*id = (struct span){ dst, n };
		if (n)
			return true;
	}
	return false;
}

static void parse_ids(struct arena *a, struct span raw, struct summary *out)
{
	uint64_t ring[SUMMARY_REFS_MAX], *refs;
	char id_text[SUMMARY_ID_MAX];
	struct span id;
	size_t n = 0;

	while (next_id(&raw, id_text, &id))
		ring[n++ % SUMMARY_REFS_MAX] = summary_id_hash(id);
	if (n == 0)
		return;
	out->n_refs = n < SUMMARY_REFS_MAX ? n : SUMMARY_REFS_MAX;
	refs = arena_alloc(a, out->n_refs * sizeof(*refs));
	for (size_t i = 0; i < out->n_refs; i++)
		refs[i] = ring[(n - out->n_refs + i) % SUMMARY_REFS_MAX];
	out->refs = refs;
}

static void parse_message_id(struct arena *a, struct span raw, struct summary *out)
{
	char id_text[SUMMARY_ID_MAX];
	struct span id;

	if (!next_id(&raw, id_text, &id)) {
		id = header_trim(raw);			/* brackets forgotten */
		if (id.n == 0 || id.n > SUMMARY_ID_MAX)
			return;
	}
	out->message_id_hash = summary_id_hash(id);
	out->message_id = decoded(a, id, SUMMARY_ID_MAX);
}

/* The fields that count, the first of each name. */
enum { S_DATE, S_FROM, S_IN_REPLY_TO, S_MESSAGE_ID, S_REFERENCES, S_SUBJECT, S_TO, S_COUNT };

static void find_fields(struct span header, struct span v[S_COUNT])
{
	static const struct span names[S_COUNT] = {
		[S_DATE] = { "Date", 4 },
		[S_FROM] = { "From", 4 },
		[S_IN_REPLY_TO] = { "In-Reply-To", 11 },
		[S_MESSAGE_ID] = { "Message-ID", 10 },
		[S_REFERENCES] = { "References", 10 },
		[S_SUBJECT] = { "Subject", 7 },
		[S_TO] = { "To", 2 },
	};
	struct header_field f;

	while (header_next(&header, &f))
		for (unsigned i = 0; i < S_COUNT; i++)
			if (v[i].p == NULL && f.name.n == names[i].n &&
			    strncasecmp(f.name.p, names[i].p, f.name.n) == 0)
				v[i] = f.value;
}

void summary_parse(struct arena *a, struct span header, struct summary *out)
{
	struct span v[S_COUNT] = { { 0 } }, id, rest;
	char id_text[SUMMARY_ID_MAX];

	*out = (struct summary){ 0 };
	find_fields(header, v);
	if (v[S_SUBJECT].p) {
		out->subject = decoded(a, v[S_SUBJECT], SUMMARY_SUBJECT_MAX);
		out->base_subject = summary_base_subject(a, out->subject, &out->is_reply);
	}
	if (v[S_FROM].p)
		parse_from(a, v[S_FROM], out);
	if (v[S_TO].p)
		parse_to(a, v[S_TO], out);
	if (v[S_DATE].p)
		out->has_date = date_parse(v[S_DATE], &out->sent_ms, &out->sent_zone);
	if (v[S_MESSAGE_ID].p)
		parse_message_id(a, v[S_MESSAGE_ID], out);
	if (v[S_REFERENCES].p)
		parse_ids(a, v[S_REFERENCES], out);
	rest = v[S_IN_REPLY_TO];
	if (rest.p && next_id(&rest, id_text, &id))
		out->in_reply_to_hash = summary_id_hash(id);
	/* Of In-Reply-To the first id alone counts (RFC 5256 section 3, REFERENCES 1). */
	if (out->in_reply_to_hash && out->n_refs == 0) {
		out->refs = arena_dup(a, &out->in_reply_to_hash, sizeof(*out->refs));
		out->n_refs = 1;
	}
}

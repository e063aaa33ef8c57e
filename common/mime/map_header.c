#include "common/mime/map_priv.h"

#include "common/base/check.h"
#include "common/mime/address.h"
#include "common/mime/header.h"
#include "common/mime/param.h"

/*
 * From the header of one part to the texts that IMAP shows of it.  They are
 * written once, in the order of enum node_text, and only glued together later.
 */
#define ADDRESSES_MAX 2000	/* shown of one field */
#define LANGUAGES_MAX 32

enum field {
	F_BCC, F_CC, F_DATE, F_DESC, F_DISPOSITION, F_ENCODING, F_FROM, F_ID,
	F_IN_REPLY_TO, F_LANGUAGE, F_LOCATION, F_MD5, F_MESSAGE_ID, F_REPLY_TO,
	F_SENDER, F_SUBJECT, F_TO, F_TYPE, F_COUNT
};

#define NAME(text) { text, sizeof(text) - 1 }
static const struct span names[F_COUNT] = {
	[F_BCC] = NAME("Bcc"),
	[F_CC] = NAME("Cc"),
	[F_DATE] = NAME("Date"),
	[F_DESC] = NAME("Content-Description"),
	[F_DISPOSITION] = NAME("Content-Disposition"),
	[F_ENCODING] = NAME("Content-Transfer-Encoding"),
	[F_FROM] = NAME("From"),
	[F_ID] = NAME("Content-ID"),
	[F_IN_REPLY_TO] = NAME("In-Reply-To"),
	[F_LANGUAGE] = NAME("Content-Language"),
	[F_LOCATION] = NAME("Content-Location"),
	[F_MD5] = NAME("Content-MD5"),
	[F_MESSAGE_ID] = NAME("Message-ID"),
	[F_REPLY_TO] = NAME("Reply-To"),
	[F_SENDER] = NAME("Sender"),
	[F_SUBJECT] = NAME("Subject"),
	[F_TO] = NAME("To"),
	[F_TYPE] = NAME("Content-Type"),
};

/* Raw values; p NULL: no such field.  Of several the first counts. */
struct fields {
	struct span v[F_COUNT];
};

static void read_fields(struct span header, struct fields *out)
{
	struct header_field f;

	*out = (struct fields){ 0 };
	while (header_next(&header, &f)) {
		for (unsigned i = 0; i < F_COUNT; i++) {
			if (names[i].n != f.name.n ||
			    strncasecmp(names[i].p, f.name.p, f.name.n) != 0)
				continue;
			if (out->v[i].p == NULL)
				out->v[i] = f.value;
			break;
		}
	}
}

/* ---- IMAP strings (RFC 3501 section 4.3) ------------------------------------- */

static bool is_quotable(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned c = (unsigned char)s.p[i];

		if (c == '\r' || c == '\n' || c >= 0x80)
			return false;
	}
	return true;
}

static enum err put_quoted(struct buf *b, struct span s)
{
	enum err e = buf_reserve(b, s.n * 2 + 2);
	char *p;

	if (e)
		return e;
	p = b->data + b->len;
	*p++ = '"';
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			*p++ = '\\';
		*p++ = s.p[i];
	}
	*p++ = '"';
	buf_grown(b, (size_t)(p - (b->data + b->len)));
	return ERR_OK;
}

/* A quoted string, or a literal where that cannot be.  A NUL can be in neither
 * and becomes a question mark. */
static enum err put_string(struct mime_map *m, struct span s)
{
	enum err e;

	if (s.n && memchr(s.p, '\0', s.n)) {
		char *copy = arena_dup(&m->scratch, s.p, s.n);

		for (size_t i = 0; i < s.n; i++)
			if (copy[i] == '\0')
				copy[i] = '?';
		s.p = copy;
	}
	if (is_quotable(s))
		return put_quoted(&m->text, s);
	e = buf_addf(&m->text, "{%zu}\r\n", s.n);
	return e ? e : buf_add(&m->text, s.p, s.n);
}

static enum err put_sp_string(struct mime_map *m, struct span s)
{
	enum err e = buf_addc(&m->text, ' ');

	return e ? e : put_string(m, s);
}

/* A field's value on one line; NIL if there is no field. */
static enum err put_field(struct mime_map *m, struct span raw)
{
	struct span s;
	char *p;

	if (raw.p == NULL)
		return buf_adds(&m->text, "NIL");
	p = arena_alloc(&m->scratch, raw.n + 1);
	s = (struct span){ p, header_unfold(raw, p) };
	return put_string(m, s);
}

static enum err put_sp_field(struct mime_map *m, struct span raw)
{
	enum err e = buf_addc(&m->text, ' ');

	return e ? e : put_field(m, raw);
}

/* SP ("name" "value" ...) or SP NIL; a text without charset is us-ascii. */
static enum err put_sp_params(struct mime_map *m, const struct param_value *v,
			      bool with_charset)
{
	bool add_charset = with_charset && !param_find(v, "charset") &&
			   !param_find(v, "charset*");
	const char *sep = " (";
	enum err e = ERR_OK;

	if (v->n_params == 0 && !add_charset)
		return buf_adds(&m->text, " NIL");
	for (size_t i = 0; !e && i < v->n_params; i++) {
		e = buf_adds(&m->text, sep);
		if (!e)
			e = put_string(m, v->params[i].name);
		if (!e)
			e = put_sp_string(m, v->params[i].value);
		sep = " ";
	}
	if (!e && add_charset) {
		e = buf_adds(&m->text, sep);
		if (!e)
			e = buf_adds(&m->text, "\"charset\" \"us-ascii\"");
	}
	return e ? e : buf_addc(&m->text, ')');
}

/* ---- the envelope --------------------------------------------------------------- */

static enum err put_nstring(struct mime_map *m, struct span s)
{
	return s.n ? put_string(m, s) : buf_adds(&m->text, "NIL");
}

/* (name route mailbox host); NIL as host or mailbox marks groups, so a missing
 * one of an address is an empty string. */
static enum err put_address(struct mime_map *m, const struct address *a)
{
	enum err e;

	if (a->kind == ADDRESS_GROUP_END)
		return buf_adds(&m->text, "(NIL NIL NIL NIL)");
	if (a->kind == ADDRESS_GROUP) {
		e = buf_adds(&m->text, "(NIL NIL");
		if (!e)
			e = put_sp_string(m, a->name);
		return e ? e : buf_adds(&m->text, " NIL)");
	}
	e = buf_addc(&m->text, '(');
	if (!e)
		e = put_nstring(m, a->name);
	if (!e)
		e = buf_addc(&m->text, ' ');
	if (!e)
		e = put_nstring(m, a->route);
	if (!e)
		e = put_sp_string(m, a->local);
	if (!e)
		e = put_sp_string(m, a->host);
	return e ? e : buf_addc(&m->text, ')');
}

struct text_range {
	size_t start, len;
};

/* SP and the list, or what `instead` says if it is empty. */
static enum err put_sp_list(struct mime_map *m, struct span raw, struct text_range *instead)
{
	size_t start = m->text.len, n = 0;
	struct address *list = NULL;
	enum err e;

	if (raw.p)
		n = address_parse(&m->scratch, raw, ADDRESSES_MAX, &list);
	if (n == 0) {
		if (instead == NULL || instead->len == 0)
			return buf_adds(&m->text, " NIL");
		e = buf_reserve(&m->text, instead->len);
		return e ? e : buf_add(&m->text, m->text.data + instead->start, instead->len);
	}
	e = buf_adds(&m->text, " (");
	for (size_t i = 0; !e && i < n; i++)
		e = put_address(m, &list[i]);
	if (!e)
		e = buf_addc(&m->text, ')');
	if (instead && instead->len == 0)
		*instead = (struct text_range){ start, m->text.len - start };
	return e;
}

static enum err put_envelope(struct mime_map *m, const struct fields *f)
{
	struct text_range from = { 0, 0 };
	enum err e;

	e = buf_addc(&m->text, '(');
	if (!e)
		e = put_field(m, f->v[F_DATE]);
	if (!e)
		e = put_sp_field(m, f->v[F_SUBJECT]);
	if (!e)
		e = put_sp_list(m, f->v[F_FROM], &from);
	for (unsigned i = 0; !e && i < 2; i++) {
		struct text_range same = from;

		/* Without From there is nothing to default to. */
		e = put_sp_list(m, f->v[i ? F_REPLY_TO : F_SENDER], same.len ? &same : NULL);
	}
	if (!e)
		e = put_sp_list(m, f->v[F_TO], NULL);
	if (!e)
		e = put_sp_list(m, f->v[F_CC], NULL);
	if (!e)
		e = put_sp_list(m, f->v[F_BCC], NULL);
	if (!e)
		e = put_sp_field(m, f->v[F_IN_REPLY_TO]);
	if (!e)
		e = put_sp_field(m, f->v[F_MESSAGE_ID]);
	return e ? e : buf_addc(&m->text, ')');
}

/* ---- one part --------------------------------------------------------------------- */

static struct span encoding_of(struct mime_map *m, struct span raw, enum mime_encoding *out)
{
	static const struct {
		const char *name;
		enum mime_encoding code;
	} known[] = {
		{ "7bit", MIME_7BIT }, { "8bit", MIME_8BIT }, { "binary", MIME_BINARY },
		{ "quoted-printable", MIME_QP }, { "base64", MIME_BASE64 },
	};
	struct param_value v;

	*out = MIME_7BIT;
	param_parse(&m->scratch, raw, &v);
	if (v.type.n == 0)
		return SPAN("7bit");
	*out = MIME_OTHER;
	for (size_t i = 0; i < N_ELEMS(known); i++)
		if (span_is(v.type, known[i].name))
			*out = known[i].code;
	return v.type;
}

/* SP ("en" "de") or SP NIL */
static enum err put_sp_languages(struct mime_map *m, struct span raw)
{
	const char *sep = " (";
	struct address *list;
	size_t n = 0;
	enum err e = ERR_OK;

	/* Tags between commas, comments allowed: the shape of an address list. */
	if (raw.p)
		n = address_parse(&m->scratch, raw, LANGUAGES_MAX, &list);
	for (size_t i = 0; !e && i < n; i++) {
		if (list[i].kind != ADDRESS_MAILBOX || list[i].local.n == 0)
			continue;
		e = buf_adds(&m->text, sep);
		if (!e)
			e = put_string(m, list[i].local);
		sep = " ";
	}
	if (e)
		return e;
	return *sep && sep[1] ? buf_adds(&m->text, " NIL") : buf_addc(&m->text, ')');
}

static enum err put_tail(struct mime_map *m, const struct fields *f,
			 const struct param_value *disposition)
{
	enum err e;

	if (disposition->type.n == 0) {
		e = buf_adds(&m->text, " NIL");
	} else {
		e = buf_adds(&m->text, " (");
		if (!e)
			e = put_string(m, disposition->type);
		if (!e)
			e = put_sp_params(m, disposition, false);
		if (!e)
			e = buf_addc(&m->text, ')');
	}
	if (!e)
		e = put_sp_languages(m, f->v[F_LANGUAGE]);
	return e ? e : put_sp_field(m, f->v[F_LOCATION]);
}

/* Content-Type, or what RFC 2045 section 5.2 and RFC 2046 section 5.1.5 put in
 * the place of a missing or malformed one. */
static void type_of(struct mime_map *m, struct span raw, bool in_digest,
		    struct param_value *out)
{
	param_parse(&m->scratch, raw, out);
	if (out->type.n && out->subtype.n)
		return;
	*out = (struct param_value){ .type = SPAN("text"), .subtype = SPAN("plain") };
	if (in_digest && raw.p == NULL) {
		out->type = SPAN("message");
		out->subtype = SPAN("rfc822");
	}
}

/* What a person would call an attachment: not the text, not the pictures that
 * HTML refers to, not signatures or the parts of a report. */
static bool is_attachment(const struct mime_map *m, const struct map_node *n,
			  const struct param_value *type, const struct param_value *disp,
			  const struct fields *f)
{
	const struct map_node *up = n->parent == MAP_NO_NODE ? NULL : &m->node[n->parent];
	bool named = param_find(type, "name") || param_find(type, "name*") ||
		     param_find(disp, "filename") || param_find(disp, "filename*");

	if (span_is(type->type, "multipart"))
		return false;
	if (span_is(disp->type, "attachment"))
		return true;
	if (up && up->is_related)
		return false;
	if (span_is(type->subtype, "pkcs7-signature") ||
	    span_is(type->subtype, "x-pkcs7-signature") ||
	    span_is(type->subtype, "pgp-signature"))
		return false;
	if (n->is_text || span_is(disp->type, "inline"))
		return named && (!n->is_text || !span_is(disp->type, "inline")) &&
		       f->v[F_ID].p == NULL;
	return true;
}

static void classify(struct map_node *n, const struct param_value *type,
		     struct span *boundary)
{
	const struct param *b;

	n->is_text = span_is(type->type, "text");
	n->is_rfc822 = span_is(type->type, "message") && span_is(type->subtype, "rfc822");
	*boundary = (struct span){ NULL, 0 };
	if (n->is_rfc822)
		n->part.kind = MIME_MESSAGE;
	if (!span_is(type->type, "multipart"))
		return;
	n->part.kind = MIME_MULTIPART;
	n->is_digest = span_is(type->subtype, "digest");
	n->is_related = span_is(type->subtype, "related") || span_is(type->subtype, "report");
	b = param_find(type, "boundary");
	if (b == NULL)
		return;
	*boundary = b->value;
	while (boundary->n && strchr(" \t", boundary->p[boundary->n - 1]))
		boundary->n--;
	if (boundary->n > MAP_BOUNDARY_MAX)
		boundary->n = 0;
}

static void mark(struct mime_map *m, struct map_node *n, enum node_text t)
{
	n->text_end[t] = (uint32_t)m->text.len;
}

static enum err put_part(struct mime_map *m, struct map_node *n, const struct fields *f,
			 const struct param_value *type, const struct param_value *disp)
{
	struct span encoding = encoding_of(m, f->v[F_ENCODING], &n->part.encoding);
	enum err e = put_string(m, type->type);

	mark(m, n, TEXT_TYPE);
	if (!e)
		e = put_sp_string(m, type->subtype);
	mark(m, n, TEXT_SUBTYPE);
	if (!e)
		e = put_sp_params(m, type, n->is_text);
	mark(m, n, TEXT_PARAMS);
	if (!e)
		e = put_sp_field(m, f->v[F_ID]);
	if (!e)
		e = put_sp_field(m, f->v[F_DESC]);
	if (!e)
		e = put_sp_string(m, encoding);
	mark(m, n, TEXT_FIELDS);
	if (!e)
		e = put_sp_field(m, f->v[F_MD5]);
	mark(m, n, TEXT_MD5);
	if (!e)
		e = put_tail(m, f, disp);
	mark(m, n, TEXT_TAIL);
	return e;
}

enum err map_read_header(struct mime_map *m, uint32_t i, struct span *boundary)
{
	struct map_node *n = &m->node[i];
	const struct map_node *up = n->parent == MAP_NO_NODE ? NULL : &m->node[n->parent];
	struct param_value type, disposition;
	struct fields f;
	enum err e;

	read_fields((struct span){ m->hdr.data, m->hdr.len }, &f);
	type_of(m, f.v[F_TYPE], up && up->is_digest, &type);
	param_parse(&m->scratch, f.v[F_DISPOSITION], &disposition);
	classify(n, &type, boundary);
	/* The message inside a message/rfc822 is no attachment by itself. */
	n->is_attachment = !(up && up->is_rfc822) &&
			   is_attachment(m, n, &type, &disposition, &f);
	n->text_start = (uint32_t)m->text.len;
	e = put_part(m, n, &f, &type, &disposition);
	if (!e && (up == NULL || up->is_rfc822))
		e = put_envelope(m, &f);
	mark(m, n, TEXT_ENVELOPE);
	return e;
}

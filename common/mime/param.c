#include "common/mime/param.h"

#include "common/mime/word.h"

#define SEGMENT_MAX PARAM_MAX

struct cursor {
	const char *p, *end;
	struct arena *arena;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_token_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static void skip_cfws(struct cursor *s)
{
	unsigned depth = 0;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '(') {
			depth++;
		} else if (depth == 0) {
			if (!is_blank(*s->p))
				return;
		} else if (*s->p == '\\' && s->p + 1 < s->end) {
			s->p++;
		} else if (*s->p == ')') {
			depth--;
		}
	}
}

static struct span take_token(struct cursor *s)
{
	struct span t = { s->p, 0 };

	while (s->p < s->end && is_token_char(*s->p))
		s->p++;
	t.n = (size_t)(s->p - t.p);
	t.p = arena_dup(s->arena, t.p, t.n);
	return t;
}

static struct span take_quoted(struct cursor *s)
{
	const char *q = s->p;
	size_t room, n = 0;
	char *dst;

	for (; q < s->end && *q != '"'; q++)		/* room for this one only */
		if (*q == '\\' && q + 1 < s->end)
			q++;
	room = (size_t)(q - s->p);
	dst = arena_alloc(s->arena, room + 1);
	for (; s->p < s->end && *s->p != '"'; s->p++) {
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
		if (*s->p != '\r' && *s->p != '\n' && *s->p != '\0')
			dst[n++] = *s->p;
	}
	if (s->p < s->end)
		s->p++;
	return (struct span){ dst, n };
}

static struct span take_value(struct cursor *s)
{
	struct span v = { s->p, 0 };

	if (s->p < s->end && *s->p == '"') {
		s->p++;
		return take_quoted(s);
	}
	while (s->p < s->end && *s->p != ';' && *s->p != '\0' && !is_blank(*s->p) &&
	       *s->p != '(')
		s->p++;
	v.n = (size_t)(s->p - v.p);
	v.p = arena_dup(s->arena, v.p, v.n);
	return v;
}

/* Up to and behind the next semicolon outside quotes. */
static bool skip_semicolon(struct cursor *s)
{
	while (s->p < s->end) {
		char c = *s->p++;

		if (c == ';')
			return true;
		if (c == '"') {
			while (s->p < s->end && *s->p != '"') {
				if (*s->p == '\\' && s->p + 1 < s->end)
					s->p++;
				s->p++;
			}
			if (s->p < s->end)
				s->p++;
		}
	}
	return false;
}

/* "base*3*" */
struct segment {
	struct span base;
	long number;		/* -1: not a continuation */
	bool is_encoded;
};

static struct segment segment_of(struct span name)
{
	struct segment g = { .base = name, .number = -1 };
	const char *star = name.n ? memchr(name.p, '*', name.n) : NULL;
	size_t at;

	if (star == NULL)
		return g;
	at = (size_t)(star - name.p) + 1;
	g.base.n = at - 1;
	g.is_encoded = name.p[name.n - 1] == '*';
	for (; at < name.n && name.p[at] >= '0' && name.p[at] <= '9'; at++) {
		if (g.number < 0)
			g.number = 0;
		if (g.number <= SEGMENT_MAX)
			g.number = g.number * 10 + (name.p[at] - '0');
	}
	return g;
}

static bool same_base(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static size_t percent(char *dst, struct span v)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		unsigned c = (unsigned char)v.p[i];

		if (is_token_char(v.p[i]) && c < 0x80 && !strchr("*'%", v.p[i])) {
			dst[n++] = v.p[i];
			continue;
		}
		dst[n++] = '%';
		dst[n++] = digits[c >> 4];
		dst[n++] = digits[c & 15];
	}
	return n;
}

static const struct param *find_segment(const struct param *raw, size_t n,
					struct span base, long number)
{
	for (size_t i = 0; i < n; i++) {
		struct segment g = segment_of(raw[i].name);

		if (g.number == number && same_base(g.base, base))
			return &raw[i];
	}
	return NULL;
}

/* All pieces 0, 1, 2 ... of base as one parameter. */
static struct param join(struct arena *a, const struct param *raw, size_t n,
			 struct span base)
{
	const struct param *piece[SEGMENT_MAX];
	bool any_encoded = false, first_encoded = false;
	size_t n_pieces = 0, room = 8;
	struct param out;
	char *name, *dst;

	while (n_pieces < SEGMENT_MAX) {
		const struct param *p = find_segment(raw, n, base, (long)n_pieces);

		if (p == NULL)
			break;
		any_encoded |= segment_of(p->name).is_encoded;
		piece[n_pieces++] = p;
		room += p->value.n * 3;
	}
	first_encoded = n_pieces && segment_of(piece[0]->name).is_encoded;
	name = arena_alloc(a, base.n + 2);
	memcpy(name, base.p, base.n);
	name[base.n] = '*';
	out.name = (struct span){ name, base.n + any_encoded };
	dst = arena_alloc(a, room);
	out.value = (struct span){ dst, 0 };
	if (any_encoded && !first_encoded) {		/* no charset was given */
		memcpy(dst, "''", 2);
		out.value.n = 2;
	}
	for (size_t i = 0; i < n_pieces; i++) {
		struct span v = piece[i]->value;

		if (any_encoded && !segment_of(piece[i]->name).is_encoded) {
			out.value.n += percent(dst + out.value.n, v);
		} else {
			if (v.n)
				memcpy(dst + out.value.n, v.p, v.n);
			out.value.n += v.n;
		}
	}
	return out;
}

static void merge(struct arena *a, const struct param *raw, size_t n,
		  struct param_value *out)
{
	out->params = n ? arena_alloc(a, n * sizeof(*raw)) : NULL;
	out->n_params = 0;
	for (size_t i = 0; i < n; i++) {
		struct segment g = segment_of(raw[i].name);

		if (g.number < 0)
			out->params[out->n_params++] = raw[i];
		else if (g.number == 0 && find_segment(raw, n, g.base, 0) == &raw[i])
			out->params[out->n_params++] = join(a, raw, n, g.base);
	}
}

void param_parse(struct arena *a, struct span value, struct param_value *out)
{
	struct cursor s = { .arena = a };
	struct param raw[PARAM_MAX];
	size_t n = 0;

	*out = (struct param_value){ 0 };
	if (value.n == 0)
		return;
	s.p = value.p;
	s.end = value.p + value.n;
	skip_cfws(&s);
	out->type = take_token(&s);
	skip_cfws(&s);
	if (s.p < s.end && *s.p == '/') {
		s.p++;
		skip_cfws(&s);
		out->subtype = take_token(&s);
	}
	while (n < PARAM_MAX && skip_semicolon(&s)) {
		struct param p;

		skip_cfws(&s);
		p.name = take_token(&s);
		skip_cfws(&s);
		if (p.name.n == 0 || s.p == s.end || *s.p != '=')
			continue;
		s.p++;
		skip_cfws(&s);
		p.value = take_value(&s);
		raw[n++] = p;
	}
	merge(a, raw, n, out);
}

const struct param *param_find(const struct param_value *v, const char *name)
{
	for (size_t i = 0; i < v->n_params; i++)
		if (span_is(v->params[i].name, name))
			return &v->params[i];
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* charset'language'percent-encoded */
static void decode_extended(struct span v, struct buf *out)
{
	const char *q1 = v.n ? memchr(v.p, '\'', v.n) : NULL;
	const char *q2 = q1 ? memchr(q1 + 1, '\'', v.n - (size_t)(q1 + 1 - v.p)) : NULL;
	struct span charset = { v.p, q2 ? (size_t)(q1 - v.p) : 0 };
	const char *p = q2 ? q2 + 1 : v.p, *end = v.p + v.n;
	struct buf bytes;
	enum err e = ERR_OK;

	buf_init(&bytes, v.n);
	for (; p < end && !e; p++) {
		if (*p == '%' && end - p > 2 && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
			e = buf_addc(&bytes, (char)(hex(p[1]) << 4 | hex(p[2])));
			p += 2;
		} else {
			e = buf_addc(&bytes, *p);
		}
	}
	if (!word_convert(charset, (struct span){ bytes.data, bytes.len }, out))
		word_convert(SPAN("utf-8"), (struct span){ bytes.data, bytes.len }, out);
	buf_fini(&bytes);
}

bool param_text(const struct param_value *v, const char *name, struct buf *out)
{
	const struct param *p;

	for (size_t i = 0; i < v->n_params; i++) {
		struct span n = v->params[i].name;

		if (n.n && n.p[n.n - 1] == '*' &&
		    span_is((struct span){ n.p, n.n - 1 }, name)) {
			decode_extended(v->params[i].value, out);
			return true;
		}
	}
	p = param_find(v, name);
	if (p)
		word_decode(p->value, out);
	return p != NULL;
}

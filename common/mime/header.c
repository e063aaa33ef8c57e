#include "common/mime/header.h"

#define NO_MATCH 99

static bool is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the line at p, its LF included. */
static size_t line_length(const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);

	return nl ? (size_t)(nl - p) + 1 : n;
}

static bool line_is_empty(const char *p, size_t n)
{
	return (n == 1 && p[0] == '\n') || (n == 2 && p[0] == '\r' && p[1] == '\n');
}

size_t header_length(struct span raw, bool *closed)
{
	size_t at = 0;

	while (at < raw.n) {
		size_t n = line_length(raw.p + at, raw.n - at);

		if (line_is_empty(raw.p + at, n)) {
			if (closed)
				*closed = true;
			return at + n;
		}
		at += n;
	}
	if (closed)
		*closed = false;
	return raw.n;
}

static struct span cut_line_end(struct span s)
{
	if (s.n && s.p[s.n - 1] == '\n') {
		s.n--;
		if (s.n && s.p[s.n - 1] == '\r')
			s.n--;
	}
	return s;
}

static void split_field(struct span raw, size_t colon, struct header_field *out)
{
	size_t n = colon;

	while (n && is_wsp(raw.p[n - 1]))
		n--;
	out->raw = raw;
	out->name = (struct span){ raw.p, n };
	out->value = cut_line_end((struct span){ raw.p + colon + 1, raw.n - colon - 1 });
}

bool header_next(struct span *rest, struct header_field *out)
{
	while (rest->n) {
		const char *p = rest->p;
		size_t len = line_length(p, rest->n);
		const char *colon;

		if (line_is_empty(p, len))
			return false;
		colon = is_wsp(p[0]) ? NULL : memchr(p, ':', len);
		while (len < rest->n && is_wsp(p[len]))
			len += line_length(p + len, rest->n - len);
		rest->p += len;
		rest->n -= len;
		if (colon) {
			split_field((struct span){ p, len }, (size_t)(colon - p), out);
			return true;
		}
	}
	return false;
}

bool header_find(struct span header, const char *name, struct header_field *out)
{
	while (header_next(&header, out))
		if (span_is(out->name, name))
			return true;
	return false;
}

size_t header_count(struct span header, const char *name)
{
	struct header_field f;
	size_t n = 0;

	while (header_next(&header, &f))
		n += span_is(f.name, name);
	return n;
}

bool header_has_prefix(const struct header_field *f, const char *prefix)
{
	size_t n = strlen(prefix);

	return f->name.n >= n && strncasecmp(f->name.p, prefix, n) == 0;
}

static bool is_space(char c)
{
	return is_wsp(c) || c == '\r' || c == '\n';
}

struct span header_trim(struct span v)
{
	while (v.n && is_space(v.p[0])) {
		v.p++;
		v.n--;
	}
	while (v.n && is_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

size_t header_unfold(struct span value, char *dst)
{
	struct span v = header_trim(value);
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\n')
			continue;
		if (v.p[i] == '\r' && i + 1 < v.n && v.p[i + 1] == '\n')
			continue;
		dst[n++] = v.p[i];
	}
	return n;
}

void header_scan_init(struct header_scan *s, size_t max)
{
	*s = (struct header_scan){ .max = max, .state = HEADER_MORE };
}

/* Count "Received" at the start of a line, obsolete space before the colon
 * included, whatever the chunks are. */
static void scan_name(struct header_scan *s, char c)
{
	static const char want[] = "received";

	if (s->match < sizeof(want) - 1) {
		char low = (c >= 'A' && c <= 'Z') ? (char)(c + 32) : c;

		s->match = low == want[s->match] ? s->match + 1 : NO_MATCH;
	} else if (s->match == sizeof(want) - 1) {
		if (c == ':')
			s->n_received++;
		if (!is_wsp(c))
			s->match = NO_MATCH;
	}
}

static void scan_byte(struct header_scan *s, char c)
{
	if (c == '\n') {
		if (s->col == 0 || s->only_cr)
			s->state = HEADER_DONE;
		s->col = 0;
		s->only_cr = false;
		s->match = 0;
		return;
	}
	s->only_cr = s->col == 0 && c == '\r';
	scan_name(s, c);
	s->col = 1;
}

enum header_scan_state header_scan_feed(struct header_scan *s, const char *p, size_t n,
					size_t *used)
{
	size_t i = 0;

	while (i < n && s->state == HEADER_MORE) {
		if (s->len == s->max) {
			s->state = HEADER_LIMIT;
			break;
		}
		scan_byte(s, p[i++]);
		s->len++;
	}
	if (used)
		*used = i;
	return s->state;
}

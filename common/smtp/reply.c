#include "common/smtp/reply.h"

#include "common/base/check.h"
#include <ctype.h>
#include <stdlib.h>

/* Octets of text in a line: 512 less code, separator, enhanced code and CRLF. */
#define TEXT_IN_LINE (512 - 4 - 12 - 2)

/* How much of s the next line takes: whole words while there are any. */
static size_t line_length(struct span s)
{
	size_t n;

	if (s.n <= TEXT_IN_LINE)
		return s.n;
	for (n = TEXT_IN_LINE; n > TEXT_IN_LINE / 2; n--)
		if (s.p[n] == ' ')
			return n;
	return TEXT_IN_LINE;
}

/* The next line in front of *s, which moves behind it. */
static struct span next_line(struct span *s)
{
	const char *nl = s->n > 0 ? memchr(s->p, '\n', s->n) : NULL;
	struct span line = { s->p, nl ? (size_t)(nl - s->p) : s->n };
	size_t n = line_length(line);
	size_t skip = n < line.n ? line.p[n] == ' ' : nl != NULL;

	*s = (struct span){ s->p + n + skip, s->n - n - skip };
	line.n = n;
	return line;
}

static enum err write_line(struct buf *out, unsigned code, char sep, const char *enhanced,
			   struct span text)
{
	enum err e;

	e = enhanced ? buf_addf(out, "%03u%c%s ", code, sep, enhanced)
		     : buf_addf(out, "%03u%c", code, sep);
	for (size_t i = 0; i < text.n && !e; i++) {
		unsigned char c = (unsigned char)text.p[i];

		e = buf_addc(out, c >= ' ' && c < 127 ? (char)c : '?');
	}
	return e ? e : buf_add(out, "\r\n", 2);
}

enum err smtp_reply_write(struct buf *out, unsigned code, const char *enhanced,
			  const char *text)
{
	struct span rest = span_of(text);
	size_t before = out->len;
	enum err e;

	CHECK(code >= 200 && code <= 599);
	do {
		struct span line = next_line(&rest);

		e = write_line(out, code, rest.n > 0 ? '-' : ' ', enhanced, line);
	} while (!e && rest.n > 0);
	if (e)
		buf_cut(out, before);
	return e;
}

/* ---- reading ---------------------------------------------------------------- */

void smtp_reply_init(struct smtp_reply *r)
{
	r->code = 0;
	r->enhanced[0] = '\0';
	r->n_line = 0;
	r->n_lines = 0;
	buf_init(&r->text, SMTP_REPLY_TEXT_MAX);
}

void smtp_reply_fini(struct smtp_reply *r)
{
	buf_fini(&r->text);
}

void smtp_reply_reset(struct smtp_reply *r)
{
	r->code = 0;
	r->enhanced[0] = '\0';
	r->n_line = 0;
	r->n_lines = 0;
	buf_clear(&r->text);
}

/* class "." subject "." detail, each of the latter 1*3DIGIT (RFC 3463 2). */
size_t smtp_enhanced_length(struct span s)
{
	size_t i = 1;

	if (s.n < 5 || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5'))
		return 0;
	for (unsigned part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i >= s.n || s.p[i++] != '.')
			return 0;
		while (i < s.n && isdigit((unsigned char)s.p[i]) && digits < 4) {
			i++;
			digits++;
		}
		if (digits == 0 || digits > 3)
			return 0;
	}
	return i == s.n || s.p[i] == ' ' ? i : 0;
}

/* Past the ceiling text is lost, and nothing else: it is for people. */
static void keep_text(struct smtp_reply *r, struct span s)
{
	size_t nl = r->n_lines > 0;

	if (r->text.len + nl + s.n > r->text.max)
		return;
	CHECK(buf_add(&r->text, "\n", nl) == ERR_OK);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		CHECK(buf_addc(&r->text, c < ' ' || c == 127 ? ' ' : (char)c) == ERR_OK);
	}
}

static enum smtp_reply_result whole_line(struct smtp_reply *r)
{
	struct span s = { r->line, r->n_line };
	unsigned code = 0;
	bool more;
	size_t n;

	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	if (s.n < 3 || s.p[0] < '2' || s.p[0] > '5')
		return SMTP_REPLY_BAD;
	for (size_t i = 0; i < 3; i++) {
		if (!isdigit((unsigned char)s.p[i]))
			return SMTP_REPLY_BAD;
		code = code * 10 + (unsigned)(s.p[i] - '0');
	}
	if ((r->n_lines > 0 && code != r->code) ||
	    (s.n > 3 && s.p[3] != ' ' && s.p[3] != '-') ||
	    r->n_lines == SMTP_REPLY_LINES_MAX)
		return SMTP_REPLY_BAD;
	more = s.n > 3 && s.p[3] == '-';
	n = s.n > 3 ? 4 : 3;
	s = (struct span){ s.p + n, s.n - n };
	n = smtp_enhanced_length(s);
	if (n > 0 && s.p[0] == r->line[0]) {
		if (r->enhanced[0] == '\0') {
			memcpy(r->enhanced, s.p, n);
			r->enhanced[n] = '\0';
		}
		n += n < s.n;
		s = (struct span){ s.p + n, s.n - n };
	}
	keep_text(r, s);
	r->code = code;
	r->n_lines++;
	r->n_line = 0;
	return more ? SMTP_REPLY_MORE : SMTP_REPLY_DONE;
}

enum smtp_reply_result smtp_reply_feed(struct smtp_reply *r, struct span *in)
{
	enum smtp_reply_result res = SMTP_REPLY_MORE;

	while (in->n > 0 && res == SMTP_REPLY_MORE) {
		const char *lf = memchr(in->p, '\n', in->n);
		size_t n = lf ? (size_t)(lf - in->p) : in->n;

		if (n > sizeof(r->line) - r->n_line)
			return SMTP_REPLY_BAD;
		memcpy(r->line + r->n_line, in->p, n);
		r->n_line += n;
		n += lf != NULL;
		*in = (struct span){ in->p + n, in->n - n };
		if (lf)
			res = whole_line(r);
	}
	return res;
}

/* ---- EHLO ------------------------------------------------------------------- */

static const struct {
	const char *keyword;
	enum smtp_ext ext;
} keywords[] = {
	{ "SIZE", SMTP_EXT_SIZE },
	{ "8BITMIME", SMTP_EXT_8BITMIME },
	{ "SMTPUTF8", SMTP_EXT_SMTPUTF8 },
	{ "DSN", SMTP_EXT_DSN },
	{ "AUTH", SMTP_EXT_AUTH },
	{ "PIPELINING", SMTP_EXT_PIPELINING },
	{ "CHUNKING", SMTP_EXT_CHUNKING },
	{ "STARTTLS", SMTP_EXT_STARTTLS },
	{ "ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCED },
};

static unsigned one_extension(struct span line, struct span *arg)
{
	const char *blank = line.n > 0 ? memchr(line.p, ' ', line.n) : NULL;
	struct span name = { line.p, blank ? (size_t)(blank - line.p) : line.n };

	*arg = (struct span){ line.p + name.n, line.n - name.n };
	while (arg->n > 0 && arg->p[0] == ' ')
		*arg = (struct span){ arg->p + 1, arg->n - 1 };
	for (size_t i = 0; i < N_ELEMS(keywords); i++)
		if (span_is(name, keywords[i].keyword))
			return keywords[i].ext;
	return 0;
}

unsigned smtp_reply_extensions(const struct smtp_reply *r, uint64_t *max_size, char *auth,
			       size_t auth_cap)
{
	struct span rest = { r->text.data, r->text.len };
	unsigned all = 0;

	*max_size = 0;
	if (auth)
		auth[0] = '\0';
	for (bool greeting = true; rest.n > 0; greeting = false) {
		const char *nl = memchr(rest.p, '\n', rest.n);
		struct span line = { rest.p, nl ? (size_t)(nl - rest.p) : rest.n }, arg;
		size_t n = line.n + (nl != NULL);
		unsigned ext = greeting ? 0 : one_extension(line, &arg);

		rest = (struct span){ rest.p + n, rest.n - n };
		all |= ext;
		/* The text is NUL-terminated, so a number ends by itself. */
		if (ext == SMTP_EXT_SIZE && arg.n > 0 && isdigit((unsigned char)arg.p[0]))
			*max_size = strtoull(arg.p, NULL, 10);
		if (ext == SMTP_EXT_AUTH && auth && arg.n < auth_cap) {
			memcpy(auth, arg.p, arg.n);
			auth[arg.n] = '\0';
		}
	}
	return all;
}

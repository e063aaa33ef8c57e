#include "common/mime/codec.h"

#define LINE_MAX_CHARS 76

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789ABCDEF";

static enum err b64_group(struct b64_enc *s, struct buf *out)
{
	const unsigned char *h = s->hold;
	char four[4] = { alphabet[h[0] >> 2], alphabet[(h[0] & 3) << 4 | h[1] >> 4],
			 s->n_hold > 1 ? alphabet[(h[1] & 15) << 2 | h[2] >> 6] : '=',
			 s->n_hold > 2 ? alphabet[h[2] & 63] : '=' };
	enum err e = buf_add(out, four, 4);

	s->hold[0] = s->hold[1] = s->hold[2] = 0;
	s->n_hold = 0;
	s->col += 4;
	if (e || s->col < LINE_MAX_CHARS)
		return e;
	s->col = 0;
	return buf_add(out, "\r\n", 2);
}

enum err b64_enc_feed(struct b64_enc *s, const char *p, size_t n, struct buf *out)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++) {
		s->hold[s->n_hold++] = (unsigned char)p[i];
		if (s->n_hold == 3)
			e = b64_group(s, out);
	}
	return e;
}

enum err b64_enc_end(struct b64_enc *s, struct buf *out)
{
	enum err e = s->n_hold ? b64_group(s, out) : ERR_OK;

	if (e || s->col == 0)
		return e;
	s->col = 0;
	return buf_add(out, "\r\n", 2);
}

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum err b64_dec_feed(struct b64_dec *s, const char *p, size_t n, struct buf *out)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++) {
		int v = b64_value(p[i]);

		if (p[i] == '=')
			s->bits = 0;
		if (v < 0)
			continue;
		s->acc = (s->acc << 6 | (unsigned)v) & 0xffff;
		s->bits += 6;
		if (s->bits >= 8) {
			s->bits -= 8;
			e = buf_addc(out, (char)(s->acc >> s->bits & 0xff));
		}
	}
	return e;
}

/* n characters that must stay on one line. */
static enum err qp_put(struct qp_enc *s, const char *p, unsigned n, struct buf *out)
{
	enum err e = ERR_OK;

	if (s->col + n > LINE_MAX_CHARS - 1) {		/* room for a soft break */
		e = buf_add(out, "=\r\n", 3);
		s->col = 0;
	}
	s->col += n;
	return e ? e : buf_add(out, p, n);
}

static enum err qp_escape(struct qp_enc *s, char c, struct buf *out)
{
	char three[3] = { '=', hex_digits[(unsigned char)c >> 4],
			  hex_digits[(unsigned char)c & 15] };

	return qp_put(s, three, 3, out);
}

/* A space held back; at the end of a line it must be escaped. */
static enum err qp_space(struct qp_enc *s, bool at_end, struct buf *out)
{
	char c = s->space;

	s->space = '\0';
	if (c == '\0')
		return ERR_OK;
	return at_end ? qp_escape(s, c, out) : qp_put(s, &c, 1, out);
}

static enum err qp_line_end(struct qp_enc *s, struct buf *out)
{
	enum err e = qp_space(s, true, out);

	s->col = 0;
	return e ? e : buf_add(out, "\r\n", 2);
}

/* A CR that no LF follows is data. */
static enum err qp_lone_cr(struct qp_enc *s, struct buf *out)
{
	enum err e;

	if (!s->cr)
		return ERR_OK;
	s->cr = false;
	e = qp_space(s, false, out);
	return e ? e : qp_escape(s, '\r', out);
}

static enum err qp_byte(struct qp_enc *s, char c, struct buf *out)
{
	enum err e;

	if (c == '\n') {
		s->cr = false;
		return qp_line_end(s, out);
	}
	e = qp_lone_cr(s, out);
	if (e)
		return e;
	if (c == '\r') {
		s->cr = true;
		return ERR_OK;
	}
	e = qp_space(s, false, out);
	if (e)
		return e;
	if (c == ' ' || c == '\t') {
		s->space = c;
		return ERR_OK;
	}
	/* A dot at the start of a line is what SMTP would stuff. */
	if (c < ' ' || c == 0x7f || c == '=' || (c == '.' && s->col == 0))
		return qp_escape(s, c, out);
	return qp_put(s, &c, 1, out);
}

enum err qp_enc_feed(struct qp_enc *s, const char *p, size_t n, struct buf *out)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++)
		e = qp_byte(s, p[i], out);
	return e;
}

enum err qp_enc_end(struct qp_enc *s, struct buf *out)
{
	enum err e = qp_lone_cr(s, out);

	return e ? e : qp_space(s, true, out);
}

enum { QP_TEXT, QP_EQ, QP_DIGIT, QP_SOFT };

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum err qp_flush(struct qp_dec *s, struct buf *out)
{
	enum err e = s->n_space ? buf_add(out, s->space, s->n_space) : ERR_OK;

	s->n_space = 0;
	return e;
}

/* CR is held with the spaces, so that "text  \r\n" loses only the spaces. */
static enum err qp_text(struct qp_dec *s, char c, struct buf *out)
{
	enum err e = ERR_OK;

	if (c == '\n') {
		bool cr = s->n_space && s->space[s->n_space - 1] == '\r';

		s->n_space = 0;
		return cr ? buf_add(out, "\r\n", 2) : buf_addc(out, '\n');
	}
	if (c == ' ' || c == '\t' || c == '\r') {
		if (s->n_space == sizeof(s->space) ||
		    (s->n_space && s->space[s->n_space - 1] == '\r'))
			e = qp_flush(s, out);
		s->space[s->n_space++] = c;
		return e;
	}
	e = qp_flush(s, out);
	if (c == '=') {
		s->state = QP_EQ;
		return e;
	}
	return e ? e : buf_addc(out, c);
}

/* What began with "=" was no escape: it stands for itself. */
static enum err qp_bad(struct qp_dec *s, char c, struct buf *out)
{
	enum err e = buf_addc(out, '=');

	if (!e && s->state == QP_DIGIT)
		e = buf_addc(out, s->digit);
	s->state = QP_TEXT;
	return e ? e : qp_text(s, c, out);
}

static enum err qp_dec_byte(struct qp_dec *s, char c, struct buf *out)
{
	if (s->state == QP_TEXT)
		return qp_text(s, c, out);
	if (s->state == QP_DIGIT && hex_value(c) >= 0) {
		s->state = QP_TEXT;
		return buf_addc(out, (char)(hex_value(s->digit) * 16 + hex_value(c)));
	}
	if (s->state == QP_EQ && hex_value(c) >= 0) {
		s->state = QP_DIGIT;
		s->digit = c;
		return ERR_OK;
	}
	if (s->state == QP_DIGIT)
		return qp_bad(s, c, out);
	if (c == '\n') {
		s->state = QP_TEXT;
		return ERR_OK;
	}
	if (c == ' ' || c == '\t' || c == '\r') {
		s->state = QP_SOFT;
		return ERR_OK;
	}
	return qp_bad(s, c, out);
}

enum err qp_dec_feed(struct qp_dec *s, const char *p, size_t n, struct buf *out)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++)
		e = qp_dec_byte(s, p[i], out);
	return e;
}

enum err qp_dec_end(struct qp_dec *s, struct buf *out)
{
	enum err e = ERR_OK;

	if (s->state == QP_DIGIT) {
		char two[2] = { '=', s->digit };

		e = buf_add(out, two, 2);
	}
	s->state = QP_TEXT;
	s->n_space = 0;
	return e;
}

#include "common/smtp/data.h"

/*
 *	           other           CR                LF
 *	START ---> LINE        --> CR            --> (bare)
 *	  |  '.' (dots) --> DOT ------> DOT_CR ---------> END
 *	  |                  | other: LINE
 *	LINE: a run without CR and LF; CR --> CR --> LF: START
 */
enum { AT_START, AT_LINE, AT_CR, AT_DOT, AT_DOT_CR };

static const struct smtp_fault replies[] = {
	[SMTP_DATA_BARE] = { 550, "5.6.11", "Bare CR, bare LF or NUL in message" },
	[SMTP_DATA_LINE] = { 554, "5.6.0", "Line in message too long" },
	[SMTP_DATA_HEADER] = { 552, "5.3.4",
			       "Header size exceeds fixed maximum size" },
	[SMTP_DATA_SIZE] = { 552, "5.3.4",
			     "Message size exceeds fixed maximum message size" },
};

const struct smtp_fault *smtp_data_reply(enum smtp_data_fault f)
{
	return f == SMTP_DATA_FINE ? NULL : &replies[f];
}

void smtp_data_init(struct smtp_data *d, const struct smtp_data_conf *conf, bool dots)
{
	*d = (struct smtp_data){ .conf = *conf, .dots = dots, .in_header = true,
				 .at = AT_START };
}

static void fail(struct smtp_data *d, enum smtp_data_fault f)
{
	if (d->fault < f)
		d->fault = f;
}

/* n octets of content passed; d->at is behind them. */
static void count(struct smtp_data *d, size_t n)
{
	d->bytes += n;
	if (d->bytes > d->conf.max_bytes)
		fail(d, SMTP_DATA_SIZE);
	if (d->in_header && d->bytes > d->conf.max_header)
		fail(d, SMTP_DATA_HEADER);
}

static void end_line(struct smtp_data *d)
{
	if (d->line == 0)
		d->in_header = false;
	d->line = 0;
	d->at = AT_START;
}

/* Octets of a line without its end: up to CR or LF or the end of what there is. */
static size_t run(struct smtp_data *d, struct span in)
{
	const char *lf = memchr(in.p, '\n', in.n);
	struct span s = { in.p, lf ? (size_t)(lf - in.p) : in.n };
	const char *cr = memchr(s.p, '\r', s.n);

	if (cr)
		s.n = (size_t)(cr - s.p);
	if (s.n == 0)
		return 0;
	d->at = AT_LINE;
	d->line += s.n;
	if (d->line > d->conf.max_line)
		fail(d, SMTP_DATA_LINE);
	if (memchr(s.p, '\0', s.n))
		fail(d, SMTP_DATA_BARE);
	if (smtp_has_8bit(s)) {
		if (d->in_header)
			d->header_8bit = true;
		else
			d->body_8bit = true;
	}
	count(d, s.n);
	return s.n;
}

/* One CR or LF, or a run, in START, LINE or CR; the octets it took. */
static size_t step(struct smtp_data *d, struct span in)
{
	if (d->at == AT_CR) {
		if (in.p[0] == '\n') {
			count(d, 1);
			end_line(d);
			return 1;
		}
		fail(d, SMTP_DATA_BARE);
		d->at = AT_LINE;
		d->line++;
	}
	if (in.p[0] == '\n') {		/* ends no line: a dot behind it is no end */
		fail(d, SMTP_DATA_BARE);
		d->at = AT_LINE;
		d->line++;
		return 1;
	}
	if (in.p[0] == '\r') {
		count(d, 1);
		d->at = AT_CR;
		return 1;
	}
	return run(d, in);
}

/* The octets behind a dot that begins a line.  The dot itself is no content, and
 * neither is a CR behind it that turns out to be the end. */
static bool step_dot(struct smtp_data *d, struct span *in)
{
	char c = in->p[0];

	if (d->at == AT_DOT && c != '\r') {
		d->at = AT_LINE;
		return false;
	}
	if (d->at == AT_DOT_CR && c != '\n') {	/* ".\rx": refused, so no need to be exact */
		fail(d, SMTP_DATA_BARE);
		d->at = AT_LINE;
		return false;
	}
	*in = (struct span){ in->p + 1, in->n - 1 };
	if (d->at == AT_DOT_CR)
		return true;
	d->at = AT_DOT_CR;
	return false;
}

enum smtp_data_result smtp_data_next(struct smtp_data *d, struct span *in, struct span *out)
{
	*out = (struct span){ in->p, 0 };
	while (in->n > 0) {
		size_t n;

		if (d->at == AT_DOT || d->at == AT_DOT_CR) {
			if (step_dot(d, in))
				return SMTP_DATA_END;
			out->p = in->p;
			continue;
		}
		if (d->at == AT_START && d->dots && in->p[0] == '.') {
			if (out->n > 0)
				return SMTP_DATA_CHUNK;
			d->at = AT_DOT;
			*in = (struct span){ in->p + 1, in->n - 1 };
			out->p = in->p;
			continue;
		}
		n = step(d, *in);
		*in = (struct span){ in->p + n, in->n - n };
		if (d->fault == SMTP_DATA_FINE)
			out->n += n;
		else
			*out = (struct span){ in->p, 0 };
	}
	return out->n > 0 ? SMTP_DATA_CHUNK : SMTP_DATA_MORE;
}

void smtp_data_finish(struct smtp_data *d)
{
	if (d->at == AT_CR)
		fail(d, SMTP_DATA_BARE);
}

/* ---- writing ---------------------------------------------------------------- */

static void put(struct buf *out, const char *p, size_t n)
{
	memcpy(out->data + out->len, p, n);
	buf_grown(out, n);
}

/* Octets up to a CR or LF; room was reserved. */
static size_t write_run(struct smtp_data_writer *w, struct span in, struct buf *out)
{
	const char *lf = memchr(in.p, '\n', in.n);
	size_t n = lf ? (size_t)(lf - in.p) : in.n;
	const char *cr = memchr(in.p, '\r', n);

	if (cr)
		n = (size_t)(cr - in.p);
	if (n == 0)
		return 0;
	if (!w->inside && in.p[0] == '.')
		put(out, ".", 1);
	put(out, in.p, n);
	w->inside = true;
	return n;
}

static void write_eol(struct smtp_data_writer *w, struct buf *out)
{
	put(out, "\r\n", 2);
	w->inside = w->cr = false;
}

enum err smtp_data_write(struct smtp_data_writer *w, struct span in, struct buf *out)
{
	size_t i = 0;
	enum err e;

	if (in.n > (SIZE_MAX - 2) / 2)
		return ERR_LIMIT;
	e = buf_reserve(out, in.n * 2 + 2);
	if (e)
		return e;
	while (i < in.n) {
		if (w->cr || in.p[i] == '\n') {
			bool lf = in.p[i] == '\n';

			write_eol(w, out);
			i += lf;
		} else if (in.p[i] == '\r') {
			w->cr = true;
			i++;
		} else {
			i += write_run(w, (struct span){ in.p + i, in.n - i }, out);
		}
	}
	return ERR_OK;
}

enum err smtp_data_write_end(struct smtp_data_writer *w, struct buf *out)
{
	enum err e = buf_reserve(out, 5);

	if (e)
		return e;
	if (w->inside || w->cr)
		write_eol(w, out);
	put(out, ".\r\n", 3);
	return ERR_OK;
}

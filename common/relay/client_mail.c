/*
 * One message of the SMTP client session: MAIL, RCPT and DATA sent ahead of their
 * replies as far as PIPELINING allows, then the content.
 *
 *	send_pos   the next command to say      reply_pos   whose reply comes next
 */
#include "common/relay/client_session.h"

#include <stdlib.h>

#define PIECE (32u << 10)	/* content read at a time */

/* RFC 5321 4.5.3.2, seconds */
#define MAIL_S	300
#define RCPT_S	300
#define DATA_S	120
#define BLOCK_S 180
#define FINAL_S 600

static unsigned pos_data(const struct smtp_client *c)
{
	return POS_RCPT + c->msg.n_rcpts;
}

/* The first position from pos on that is said: no RSET unless needed, nobody the
 * peer could not be asked about. */
static unsigned skip(const struct smtp_client *c, unsigned pos)
{
	if (pos == POS_RSET && !c->need_rset)
		pos++;
	while (pos >= POS_RCPT && pos < pos_data(c) && c->rcpts[pos - POS_RCPT] == RCPT_UNFIT)
		pos++;
	return pos;
}

static uint64_t total_size(const struct smtp_client *c)
{
	return c->msg.prefix.n + spool_body_size(c->msg.body);
}

/* ---- telling ---------------------------------------------------------------- */

static void tell(struct smtp_client *c, unsigned i, const struct smtp_result *r)
{
	if (c->rcpts[i] == RCPT_TOLD || c->rcpts[i] == RCPT_UNFIT)
		return;
	if (c->rcpts[i] == RCPT_ACCEPTED)
		c->accepted--;
	c->rcpts[i] = RCPT_TOLD;
	if (c->ev->rcpt)
		c->ev->rcpt(c->ctx, c, i, r);
}

static void tell_all(struct smtp_client *c, const struct smtp_result *r)
{
	if (!c->rcpts)		/* it ended before it began */
		c->rcpts = xcalloc(c->msg.n_rcpts, 1);
	for (unsigned i = 0; i < c->msg.n_rcpts; i++)
		tell(c, i, r);
}

void client_mail_over(struct smtp_client *c, const struct smtp_result *r, bool reusable)
{
	tell_all(c, r);
	free(c->rcpts);
	c->rcpts = NULL;
	c->in_hand = false;
	client_enter(c, PHASE_IDLE, 0);
	if (c->ev->done)
		c->ev->done(c->ctx, c, reusable);
}

/* ---- what this peer cannot take ----------------------------------------------- */

static bool needs_utf8(const struct smtp_client *c)
{
	return smtp_address_needs_utf8(&c->msg.mail.from) ||
	       (c->msg.mail.smtputf8 && c->msg.header_8bit);
}

/* A reason to refuse the message as a whole. */
static bool unfit(const struct smtp_client *c, struct smtp_result *r)
{
	bool utf8 = c->ext & SMTP_EXT_SMTPUTF8;

	if (c->peer_max > 0 && total_size(c) > c->peer_max)
		client_result_local(r, SMTP_PERM, "5.3.4", "message is larger than the server accepts");
	else if (!utf8 && smtp_address_needs_utf8(&c->msg.mail.from))
		client_result_local(r, SMTP_PERM, "5.6.7", "server does not support SMTPUTF8");
	else if (!utf8 && needs_utf8(c))
		client_result_local(r, SMTP_PERM, "5.6.9", "server does not support UTF-8 header fields");
	else if ((c->msg.body_8bit || c->msg.header_8bit) && !c->conf->send_8bit &&
		 !(c->ext & SMTP_EXT_8BITMIME))
		client_result_local(r, SMTP_PERM, "5.6.3", "server does not support 8BITMIME");
	else
		return false;
	return true;
}

/* Recipients that only SMTPUTF8 could name. */
static void tell_unfit(struct smtp_client *c)
{
	struct smtp_result r;

	client_result_local(&r, SMTP_PERM, "5.6.7", "server does not support SMTPUTF8");
	for (unsigned i = 0; i < c->msg.n_rcpts; i++) {
		if (!smtp_address_needs_utf8(&c->msg.rcpts[i].to))
			continue;
		if (c->ext & SMTP_EXT_SMTPUTF8) {
			c->smtputf8 = true;
			continue;
		}
		tell(c, i, &r);
		c->rcpts[i] = RCPT_UNFIT;
	}
}

bool client_fits(const struct smtp_client *c)
{
	struct smtp_result r;

	for (unsigned i = 0; i < c->msg.n_rcpts && !(c->ext & SMTP_EXT_SMTPUTF8); i++)
		if (smtp_address_needs_utf8(&c->msg.rcpts[i].to))
			return false;
	return !unfit(c, &r);
}

void client_begin(struct smtp_client *c)
{
	struct smtp_result r = { 0 };
	unsigned i = 0;

	free(c->rcpts);
	c->rcpts = xcalloc(c->msg.n_rcpts, 1);
	c->accepted = 0;
	c->in_flight = 0;
	c->mail_refused = false;
	c->off = 0;
	c->writer = (struct smtp_data_writer){ 0 };
	c->smtputf8 = c->ext & SMTP_EXT_SMTPUTF8 && (c->msg.mail.smtputf8 || needs_utf8(c));
	if (unfit(c, &r)) {
		client_mail_over(c, &r, true);
		return;
	}
	tell_unfit(c);
	while (i < c->msg.n_rcpts && c->rcpts[i] == RCPT_UNFIT)
		i++;
	if (i == c->msg.n_rcpts) {
		client_mail_over(c, &r, true);
		return;
	}
	c->send_pos = c->reply_pos = skip(c, POS_RSET);
	client_enter(c, PHASE_ENVELOPE, c->conf->mail_s ? c->conf->mail_s : MAIL_S);
}

/* ---- the envelope ----------------------------------------------------------- */

static enum err say_mail(struct smtp_client *c)
{
	struct smtp_mail m = c->msg.mail;
	enum err e;

	m.size = total_size(c);
	m.smtputf8 = c->smtputf8;
	m.body = c->msg.body_8bit || c->msg.header_8bit ? SMTP_BODY_8BIT : SMTP_BODY_7BIT;
	e = buf_adds(&c->out, "MAIL FROM:<");
	if (!e)
		e = smtp_address_write(&m.from, &c->out);
	if (!e)
		e = buf_addc(&c->out, '>');
	if (!e)
		e = smtp_mail_write(&m, c->ext & ~(unsigned)SMTP_EXT_AUTH, &c->out);
	return e ? e : buf_adds(&c->out, "\r\n");
}

static enum err say_rcpt(struct smtp_client *c, const struct smtp_rcpt *r)
{
	enum err e = buf_adds(&c->out, "RCPT TO:<");

	if (!e)
		e = smtp_address_write(&r->to, &c->out);
	if (!e)
		e = buf_addc(&c->out, '>');
	if (!e)
		e = smtp_rcpt_write(r, c->ext, c->smtputf8, &c->out);
	return e ? e : buf_adds(&c->out, "\r\n");
}

static enum err say_at(struct smtp_client *c, unsigned pos)
{
	if (pos == POS_RSET)
		return buf_adds(&c->out, "RSET\r\n");
	if (pos == POS_MAIL)
		return say_mail(c);
	if (pos == pos_data(c))
		return buf_adds(&c->out, "DATA\r\n");
	return say_rcpt(c, &c->msg.rcpts[pos - POS_RCPT]);
}

/* All that was said was answered, and nobody is left to send to. */
static bool pointless(const struct smtp_client *c)
{
	return c->in_flight == 0 &&
	       (c->mail_refused || (c->send_pos == pos_data(c) && c->accepted == 0));
}

void client_send_envelope(struct smtp_client *c)
{
	unsigned window = !(c->ext & SMTP_EXT_PIPELINING) ? 1 :
			  c->conf->max_rcpts ? c->conf->max_rcpts : 100;
	enum err e;

	while (c->send_pos <= pos_data(c) && c->in_flight < window && !c->mail_refused &&
	       !pointless(c) && !c->full) {
		e = say_at(c, c->send_pos);
		CHECK(e == ERR_OK);	/* out has room for a piece and a command */
		if (c->out.len >= PIECE)
			client_flush(c);
		c->send_pos = skip(c, c->send_pos + 1);
		c->in_flight++;
	}
}

static void on_mail(struct smtp_client *c)
{
	struct smtp_result r;

	if (c->reply.code < 300)
		return;
	client_result_remote(c, &r);
	c->mail_refused = true;
	tell_all(c, &r);
}

static void on_rcpt(struct smtp_client *c, unsigned i)
{
	struct smtp_result r;

	if (c->mail_refused)		/* said before we knew */
		return;
	client_result_remote(c, &r);
	if (r.outcome == SMTP_OK) {
		c->rcpts[i] = RCPT_ACCEPTED;
		c->accepted++;
		return;
	}
	if (r.code == 552)		/* RFC 5321 4.5.3.1.10: an old word for 452 */
		r.outcome = SMTP_TEMP;
	tell(c, i, &r);
}

static void on_data(struct smtp_client *c)
{
	struct smtp_result r;

	if (c->reply.code == 354) {
		if (c->accepted == 0)	/* it waits for a message to nobody: an empty one */
			c->off = total_size(c);
		client_enter(c, PHASE_CONTENT, c->conf->block_s ? c->conf->block_s : BLOCK_S);
		return;
	}
	client_result_remote(c, &r);
	if (r.outcome == SMTP_OK)
		client_result_local(&r, SMTP_TEMP, "4.5.0", "unexpected reply to DATA");
	c->need_rset = true;
	client_mail_over(c, &r, true);
}

static unsigned next_wait(const struct smtp_client *c)
{
	if (c->reply_pos == pos_data(c))
		return c->conf->data_s ? c->conf->data_s : DATA_S;
	return c->conf->rcpt_s ? c->conf->rcpt_s : RCPT_S;
}

void client_envelope_reply(struct smtp_client *c)
{
	unsigned pos = c->reply_pos;
	struct smtp_result r = { 0 };

	if (c->in_flight == 0) {
		client_end_local(c, SMTP_TEMP, "4.5.0", "reply without a command");
		return;
	}
	c->in_flight--;
	c->reply_pos = skip(c, pos + 1);
	if (pos == pos_data(c)) {
		on_data(c);
		return;
	}
	if (pos == POS_RSET)
		c->need_rset = false;
	else if (pos == POS_MAIL)
		on_mail(c);
	else
		on_rcpt(c, pos - POS_RCPT);
	if (pointless(c)) {
		c->need_rset = !c->mail_refused;
		client_mail_over(c, &r, true);
		return;
	}
	client_wait(c, next_wait(c));
}

/* ---- the content ------------------------------------------------------------ */

/* The next octets of prefix and body. */
static enum err read_piece(struct smtp_client *c, char *p, size_t *n)
{
	struct span prefix = c->msg.prefix;

	if (c->off < prefix.n) {
		*n = prefix.n - (size_t)c->off < PIECE ? prefix.n - (size_t)c->off : PIECE;
		memcpy(p, prefix.p + c->off, *n);
		return ERR_OK;
	}
	return spool_body_read(c->msg.body, c->off - prefix.n, p, PIECE, n, NULL);
}

void client_send_content(struct smtp_client *c)
{
	char piece[PIECE];
	size_t n;

	while (!c->full && c->off < total_size(c)) {
		if (read_piece(c, piece, &n) != ERR_OK || n == 0) {
			client_end_local(c, SMTP_TEMP, "4.3.0", "message body cannot be read");
			return;
		}
		c->off += n;
		if (smtp_data_write(&c->writer, (struct span){ piece, n }, &c->out) != ERR_OK) {
			client_end_local(c, SMTP_TEMP, "4.3.0", "no room to send");
			return;
		}
		client_wait(c, c->conf->block_s ? c->conf->block_s : BLOCK_S);
		if (c->out.len >= PIECE)
			client_flush(c);
	}
	if (c->off < total_size(c))
		return;
	CHECK(smtp_data_write_end(&c->writer, &c->out) == ERR_OK);
	client_enter(c, PHASE_FINAL, c->conf->final_s ? c->conf->final_s : FINAL_S);
}

/* It did not wait for the end: what it says stands, and the connection is lost,
 * because it may take the rest of the content for commands. */
void client_content_reply(struct smtp_client *c)
{
	struct smtp_result r;

	client_result_remote(c, &r);
	if (r.outcome == SMTP_OK)
		client_result_local(&r, SMTP_TEMP, "4.5.0", "reply before the end of the message");
	client_end(c, &r);
}

void client_final_reply(struct smtp_client *c)
{
	struct smtp_result r;

	client_result_remote(c, &r);
	if (c->reply.code / 100 == 3)
		client_result_local(&r, SMTP_TEMP, "4.5.0", "unexpected reply to the message");
	client_mail_over(c, &r, true);
}

#ifndef RELAY_SERVER_H
#define RELAY_SERVER_H
/*
 * server - one SMTP client's conversation with us (RFC 5321), without its socket
 *
 * Bytes come in by smtp_server_feed() and leave through io->send().  Syntax,
 * order of commands, limits, DATA and BDAT are dealt with here; whether a thing
 * is *allowed* is asked of the role, through the policy.  A policy function is
 * called for one thing at a time and is answered once by smtp_server_answer(),
 * from inside the call or any time later; meanwhile what the client pipelines
 * waits, up to a limit, and then the socket does.
 *
 * Answers: 2xx agrees (to DATA: 354), 4xx and 5xx refuse, and 421 in any answer
 * ends the session once it is sent.
 *
 *	GREET -> LINE -> AWAIT -> REPLY -> LINE        the policy answers
 *	          |                 |---> CONTENT      after 354
 *	          +-> REPLY         |---> AUTH         after 334
 *	                            |---> TLS          after 220 to STARTTLS
 *	                            +---> BYE          hang up
 *
 * Promises
 *  1. Replies leave in the order of the commands; as few sends as possible: what
 *     one piece of input causes leaves together, unless something is waited for.
 *  2. Nothing that was received before TLS is obeyed under TLS.
 *  3. Content with bare CR, bare LF or NUL, or over a limit, is read to its end and
 *     refused; the policy never sees it.
 *  4. Memory is bounded: at most one command line and 64 KiB of pipelined input.
 *     A client that does not read its replies is not read from.
 *  5. No function of the policy is called after gone(), and gone() is called once.
 *
 * Time comes in by smtp_server_tick(), about once a second.  One thread.
 */
#include "common/relay/spool.h"
#include "common/smtp/command.h"
#include "common/smtp/data.h"

struct smtp_server;

struct smtp_server_conf {	/* borrowed: lives as long as the sessions */
	const char *hostname;	/* greeting, EHLO */
	unsigned ext;		/* SMTP_EXT_* to offer; STARTTLS only until it is on */
	bool auth_needs_tls;	/* AUTH is offered and taken under TLS only */
	uint64_t max_size;	/* octets of a message */
	uint64_t max_header;
	size_t max_line;	/* in a message */
	unsigned max_rcpts;	/* accepted ones in a message; then 452 4.5.3 */
	unsigned max_protocol_errors;	/* answered; the next one is 421 */
	unsigned max_logon_failures;	/* the last of them is 421 */
	unsigned max_messages_minute;	/* of this session; 0: no limit */
	unsigned inactivity_s;
	unsigned connection_s;
	unsigned tarpit_ms;	/* before a 5xx to who is not authenticated; 0: none */
};

/* Exchange 2007's defaults: a hub's, or an edge's. */
void smtp_server_conf_hub(struct smtp_server_conf *c);
void smtp_server_conf_edge(struct smtp_server_conf *c);

/* None of them may call into the session.  All get ctx of smtp_server_new(). */
struct smtp_server_io {
	/* p is copied.  false: enough is queued, say smtp_server_writable() when
	 * there is room again. */
	bool (*send)(void *ctx, const char *p, size_t n);
	/* Flush, then shake hands; then smtp_server_tls_started(), or free the
	 * session.  Plain bytes still held go to nobody. */
	void (*starttls)(void *ctx);
	/* Call smtp_server_wake() in ms milliseconds.  One at a time; freeing the
	 * session must stop it.  NULL: no tarpit. */
	void (*timer)(void *ctx, unsigned ms);
	/* Stop (true) or go on (false) reading.  What is fed in between is kept.  May
	 * be NULL where nothing can be stopped. */
	void (*pause)(void *ctx, bool stop);
	/* The session is over: flush and close; free it now or later. */
	void (*hangup)(void *ctx);
};

/* What a message turned out to be; borrowed during data_end(). */
struct smtp_server_facts {
	bool header_8bit, body_8bit;	/* of the content, whatever BODY= said */
};

/* A NULL function agrees.  Arguments are borrowed during the call. */
struct smtp_server_policy {
	/* A client is here.  220, with a text after the host name or NULL; 4xx, 5xx
	 * (554) turn it away. */
	void (*connect)(void *ctx, struct smtp_server *s);
	void (*helo)(void *ctx, struct smtp_server *s, const char *name, bool esmtp);
	/* AUTH.  mechanisms(): what to offer now, blank-separated, or "".  auth() begins
	 * an exchange, auth_line() is the client's next line, both as on the wire
	 * (common/auth/sasl.h takes them so).  Answer by smtp_server_challenge(), 235,
	 * or a refusal.  NULL auth: AUTH is not offered. */
	const char *(*mechanisms)(void *ctx, struct smtp_server *s);
	void (*auth)(void *ctx, struct smtp_server *s, const char *mech, const char *initial);
	void (*auth_line)(void *ctx, struct smtp_server *s, const char *line, size_t n);
	void (*mail)(void *ctx, struct smtp_server *s, const struct smtp_mail *m);
	void (*rcpt)(void *ctx, struct smtp_server *s, const struct smtp_rcpt *r);
	/* Before the first octet of content.  354 (or 250) to go on. */
	void (*data_begin)(void *ctx, struct smtp_server *s);
	/* The message, sealed: take a reference to keep it.  250 means: durable, and it
	 * will be delivered or bounced.  The transaction is over with the answer. */
	void (*data_end)(void *ctx, struct smtp_server *s, struct spool_body *body,
			 const struct smtp_server_facts *facts);
	/* A transaction that mail() agreed to ended without data_end(). */
	void (*reset)(void *ctx, struct smtp_server *s);
	/* Resources are low: asked before MAIL, true is answered 452 4.3.1. */
	bool (*low)(void *ctx);
	/* The session is being freed; no answer is expected any more.  A message in
	 * data_end() is the role's own affair: the client will send it again. */
	void (*gone)(void *ctx, struct smtp_server *s);
};

/* conf, spool, io and policy are borrowed.  Nothing happens before
 * smtp_server_start(), so that the role can store the session first. */
struct smtp_server *smtp_server_new(const struct smtp_server_conf *conf, struct spool *spool,
				    const struct smtp_server_io *io,
				    const struct smtp_server_policy *policy, void *ctx,
				    int64_t now_ms);
void smtp_server_free(struct smtp_server **s);	/* *s may be NULL.  From anywhere but
						 * inside a policy function */

/* After each of these the session may be gone, if hangup() frees it. */
void smtp_server_start(struct smtp_server *s, bool tls);	/* tls: from the first byte */
void smtp_server_feed(struct smtp_server *s, const char *p, size_t n);
void smtp_server_writable(struct smtp_server *s);
void smtp_server_wake(struct smtp_server *s);
void smtp_server_tick(struct smtp_server *s, int64_t now_ms);
void smtp_server_tls_started(struct smtp_server *s);
/* Say 421 4.3.2 as soon as no transaction is open. */
void smtp_server_drain(struct smtp_server *s);

/* The answer to the policy function last called.  text: copied, cut to 1,000
 * octets, '\n' begins another line; NULL: the usual text for the thing asked.
 * enhanced NULL: the usual for the code. */
void smtp_server_answer(struct smtp_server *s, unsigned code, const char *enhanced,
			const char *text);
/* Instead, from auth() or auth_line(): "334 " and this line (base64). */
void smtp_server_challenge(struct smtp_server *s, const char *line);

/* ---- what the role may set, from inside policy functions or before start ------ */

void smtp_server_set_max_size(struct smtp_server *s, uint64_t max);	/* this session's */
void smtp_server_set_trusted(struct smtp_server *s);	/* no tarpit, no message rate */

/* ---- and ask -------------------------------------------------------------------- */

const char *smtp_server_helo(const struct smtp_server *s);	/* "" before it */
bool smtp_server_is_tls(const struct smtp_server *s);
bool smtp_server_is_authenticated(const struct smtp_server *s);
/* The client spoke before our greeting, or sent a message before our 354. */
bool smtp_server_is_hasty(const struct smtp_server *s);
unsigned smtp_server_rcpts(const struct smtp_server *s);	/* accepted in this transaction */
/* "ESMTPSA" ...: for the Received field (RFC 3848, RFC 6531 4.3). */
const char *smtp_server_protocol(const struct smtp_server *s);
#endif

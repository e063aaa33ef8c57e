#ifndef RELAY_CLIENT_H
#define RELAY_CLIENT_H
/*
 * client - our conversation with another SMTP server, without its socket
 *
 * Greeting, EHLO (or HELO), STARTTLS, AUTH; then any number of messages, one
 * after the other, each with a result for every recipient; then QUIT.
 *
 *	GREETING -> EHLO -> [STARTTLS -> TLS -> EHLO] -> [AUTH] -> ready()
 *	smtp_client_send() -> ENVELOPE -> DATA -> CONTENT -> FINAL -> done()
 *
 * Promises
 *  1. Of every smtp_client_send() each recipient gets exactly one result, then
 *     done() is called once: also when the peer goes away in the middle.
 *  2. A recipient is OK only if the peer said 2xx to it and to the content.
 *  3. If the connection is lost between the final dot and its reply the result is
 *     TEMP: the message will be sent again (at least once, never lost).
 *  4. Bytes a peer sent before TLS are not believed under TLS: it is cut off.
 *
 * Time comes in by smtp_client_tick(); waiting times are those of RFC 5321
 * 4.5.3.2.  Callbacks come from feed, tick, writable, tls_done and hangup, never
 * from smtp_client_send().  One thread.
 */
#include "common/relay/spool.h"
#include "common/smtp/command.h"
#include "common/smtp/reply.h"

struct smtp_client;

enum smtp_client_tls {
	SMTP_CLIENT_PLAIN,		/* never STARTTLS (IgnoreSTARTTLS) */
	SMTP_CLIENT_OPPORTUNISTIC,
	SMTP_CLIENT_REQUIRED
};

struct smtp_client_conf {	/* borrowed for the session's life */
	const char *hostname;		/* to say HELO with */
	enum smtp_client_tls tls;
	bool force_helo;		/* no ESMTP at all */
	bool send_8bit;			/* 8-bit content to who lacks 8BITMIME; else it bounces */
	unsigned max_rcpts;		/* pipelined at a time; 0: 100 */
	const char *user, *password;	/* AUTH PLAIN or LOGIN, under TLS only; NULL: none */
	unsigned greeting_s, mail_s, rcpt_s, data_s, block_s, final_s;	/* 0: RFC 5321's */
};

enum smtp_outcome { SMTP_OK, SMTP_TEMP, SMTP_PERM };

struct smtp_result {
	enum smtp_outcome outcome;
	bool remote;		/* the peer said so; else we found it out ourselves */
	bool tls_failed;	/* dial again without TLS, if that is allowed */
	unsigned code;		/* 0 if not remote */
	char enhanced[12];	/* always set: the peer's, or one that fits */
	char text[512];		/* the peer's, or ours; printable, lines joined by blanks */
};

/* None of them may call into the session. */
struct smtp_client_io {
	bool (*send)(void *ctx, const char *p, size_t n);	/* as smtp_server_io */
	void (*starttls)(void *ctx);	/* then smtp_client_tls_done() */
	void (*hangup)(void *ctx);	/* flush and close; comes after closed() */
};

struct smtp_client_events {
	/* Messages may be sent.  Once, after the greetings. */
	void (*ready)(void *ctx, struct smtp_client *c);
	/* Recipient i of the message in hand. */
	void (*rcpt)(void *ctx, struct smtp_client *c, unsigned i, const struct smtp_result *r);
	/* All recipients have their results.  reusable: the next may be sent, now. */
	void (*done)(void *ctx, struct smtp_client *c, bool reusable);
	/* The session is of no more use, and why (OK: after our QUIT).  If ready() never
	 * came this is the next hop's result.  hangup() follows. */
	void (*closed)(void *ctx, struct smtp_client *c, const struct smtp_result *r);
};

struct smtp_client_message {	/* borrowed until done() */
	struct smtp_mail mail;		/* size is filled in by us */
	const struct smtp_rcpt *rcpts;
	unsigned n_rcpts;		/* at least 1 */
	struct span prefix;		/* header fields to put in front, CRLF at the end */
	struct spool_body *body;	/* sealed */
	bool header_8bit, body_8bit;
};

struct smtp_client *smtp_client_new(const struct smtp_client_conf *conf,
				    const struct smtp_client_io *io,
				    const struct smtp_client_events *ev, void *ctx, bool tls,
				    int64_t now_ms);	/* connected; tls: from the start */
void smtp_client_free(struct smtp_client **c);	/* no callback.  Not inside a callback but
						 * hangup(); *c may be NULL */

/* After ready() or a done() that says reusable; also from inside them. */
void smtp_client_send(struct smtp_client *c, const struct smtp_client_message *m);
void smtp_client_quit(struct smtp_client *c);	/* when nothing is in hand; also from inside them */

/* After each of these the session may be gone, if hangup() frees it. */
void smtp_client_feed(struct smtp_client *c, const char *p, size_t n);
void smtp_client_writable(struct smtp_client *c);
void smtp_client_tls_done(struct smtp_client *c, bool ok);
void smtp_client_tick(struct smtp_client *c, int64_t now_ms);
void smtp_client_hangup(struct smtp_client *c, const char *why);	/* the peer is gone */

bool smtp_client_is_tls(const struct smtp_client *c);
/* After ready(): the peer offers DSN, so that it is the one to report success from
 * here on (RFC 3461 section 5.2.2); else we say "relayed". */
bool smtp_client_offers_dsn(const struct smtp_client *c);
#endif

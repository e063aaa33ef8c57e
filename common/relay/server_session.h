#ifndef RELAY_SERVER_SESSION_H
#define RELAY_SERVER_SESSION_H
/* Private to the SMTP server session: server.c, server_verb.c, server_content.c. */
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/relay/server.h"
#include "common/smtp/reply.h"

#define SERVER_TEXT_MAX 1001
#define SERVER_HELD_MAX (32u << 10)	/* input held back before we stop reading */

/* Bits, so that a verb can say in which states it is legal. */
enum server_state {
	IN_START = 1,		/* nobody said HELO */
	IN_READY = 2,
	IN_MAIL = 4,
	IN_RCPT = 8,		/* at least one recipient was accepted */
	IN_CHUNK = 16		/* BDAT has begun */
};
#define IN_ANY		(IN_START | IN_READY | IN_MAIL | IN_RCPT | IN_CHUNK)
#define IN_TRANSACTION	(IN_MAIL | IN_RCPT | IN_CHUNK)

enum server_step {
	STEP_GREET,
	STEP_LINE,	/* a command */
	STEP_SKIP,	/* the rest of a line that is too long */
	STEP_AWAIT,	/* the policy's answer */
	STEP_REPLY,
	STEP_TARPIT,
	STEP_AUTH,	/* a line for auth_line() */
	STEP_CONTENT,	/* DATA */
	STEP_CHUNK,	/* BDAT */
	STEP_TLS,	/* the handshake */
	STEP_BYE
};

enum next { NEXT_MORE, NEXT_WAIT, NEXT_DONE };

/* What the policy was asked last. */
enum server_ask { ASK_NOTHING, ASK_CONNECT, ASK_HELO, ASK_AUTH, ASK_MAIL, ASK_RCPT, ASK_DATA,
		  ASK_CHUNK, ASK_MESSAGE };

/* The reply being made: an answer, or our own. */
struct server_reply {
	unsigned code;
	char enhanced[12];		/* "" for none */
	char text[SERVER_TEXT_MAX];
};

struct smtp_server {
	unsigned magic;
#define SMTP_SERVER_MAGIC 0x53e47e12u
	const struct smtp_server_conf *conf;
	struct spool *spool;
	const struct smtp_server_io *io;
	const struct smtp_server_policy *policy;
	void *ctx;
	int64_t now_ms, born_ms, active_ms, minute_ms;

	enum server_state state;
	enum server_step step, after;	/* after: where STEP_REPLY goes */
	enum server_ask asked;
	bool answered;			/* reply holds what the policy said */
	struct server_reply reply;
	struct buf challenge;		/* the line of a 334, while one is due */

	struct buf in;			/* input that was not used up at once */
	struct span cur;		/* what is left of it, or of what feed() was given */
	struct buf out;

	bool pumping, over;
	bool full;			/* io->send() wants no more */
	bool paused;
	bool tls, handshake, esmtp, authenticated, trusted, hasty, draining;
	bool slept;			/* this reply has been in the tarpit */
	bool early_content;		/* more came behind DATA than DATA */
	char helo[SMTP_DOMAIN_MAX + 1];
	uint64_t max_size;
	unsigned protocol_errors, logon_failures, minute_messages;

	/* the transaction */
	bool smtputf8;
	unsigned n_rcpts;
	struct smtp_data data;
	struct spool_body *body;	/* NULL: content is read and dropped */
	enum err body_err;		/* why there is none */
	uint64_t chunk_left;
	bool chunk_last, chunk_refused;	/* refused: reply holds why */
};

/* Make a reply and go to STEP_REPLY, then to `after`. */
enum next server_respond(struct smtp_server *s, unsigned code, const char *enhanced,
			 const char *text, enum server_step after);
/* The client broke the rules: f, or 421 if that happens too often. */
enum next server_fault(struct smtp_server *s, const struct smtp_fault *f);
/* Before calling a policy function; return NEXT_MORE after it. */
void server_ask(struct smtp_server *s, enum server_ask what);
/* Forget the transaction; tell: by way of policy->reset(). */
void server_end_transaction(struct smtp_server *s, bool tell);
void server_flush(struct smtp_server *s);

/* A whole line from the input, without its end.  LINE_BAD: it did not end in CRLF. */
enum line_result { LINE_DONE, LINE_MORE, LINE_LONG, LINE_BAD };
enum line_result server_take_line(struct smtp_server *s, size_t max, struct span *out);
void server_wipe(struct smtp_server *s, struct span line);	/* it held a secret */

enum next server_run_verb(struct smtp_server *s, struct span line);	/* server_verb.c */
void server_ehlo_text(struct smtp_server *s, struct buf *out);

void server_begin_content(struct smtp_server *s, bool dots);		/* server_content.c */
enum next server_step_content(struct smtp_server *s);
enum next server_step_chunk(struct smtp_server *s);
#endif

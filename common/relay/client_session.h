#ifndef RELAY_CLIENT_SESSION_H
#define RELAY_CLIENT_SESSION_H
/* Private to the SMTP client session: client.c (the connection), client_mail.c
 * (one message). */
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/relay/client.h"
#include "common/smtp/data.h"

enum client_phase {
	PHASE_GREETING,
	PHASE_EHLO,
	PHASE_HELO,
	PHASE_STARTTLS,
	PHASE_TLS,
	PHASE_AUTH,
	PHASE_IDLE,
	PHASE_BEGIN,		/* a message is in hand, nothing said yet */
	PHASE_ENVELOPE,
	PHASE_CONTENT,
	PHASE_FINAL,
	PHASE_QUIT
};

/* A recipient of the message in hand. */
enum rcpt_state {
	RCPT_OPEN,
	RCPT_ACCEPTED,
	RCPT_TOLD,		/* has a result */
	RCPT_UNFIT		/* has one, and the peer was never asked */
};

/* Commands of an envelope by position; recipient i stands at POS_RCPT + i, and
 * DATA behind the last. */
enum { POS_RSET, POS_MAIL, POS_RCPT };

struct smtp_client {
	unsigned magic;
#define SMTP_CLIENT_MAGIC 0x53e47c11u
	const struct smtp_client_conf *conf;
	const struct smtp_client_io *io;
	const struct smtp_client_events *ev;
	void *ctx;
	int64_t now_ms, deadline_ms;	/* deadline 0: none */

	enum client_phase phase;
	bool tls, busy, full, over;
	bool ending;			/* end says why; the next leave() does it */
	struct smtp_result end;
	unsigned ext;
	uint64_t peer_max;
	char mechanisms[128];
	unsigned auth_step;
	struct smtp_reply reply;
	struct buf out;

	/* the message in hand */
	struct smtp_client_message msg;
	bool in_hand, smtputf8, need_rset;
	bool mail_refused;
	unsigned char *rcpts;		/* enum rcpt_state */
	unsigned accepted;
	unsigned send_pos, reply_pos, in_flight;
	uint64_t off;			/* of prefix and body together */
	struct smtp_data_writer writer;
};

/* ---- results ---------------------------------------------------------------- */

void client_result_local(struct smtp_result *r, enum smtp_outcome o, const char *enhanced,
			 const char *text);
void client_result_remote(const struct smtp_client *c, struct smtp_result *r);

/* End the session with this result, at the end of what is going on. */
void client_end(struct smtp_client *c, const struct smtp_result *r);
void client_end_local(struct smtp_client *c, enum smtp_outcome o, const char *enhanced,
		      const char *text);

void client_enter(struct smtp_client *c, enum client_phase p, unsigned seconds);
void client_wait(struct smtp_client *c, unsigned seconds);	/* a new deadline */
void client_flush(struct smtp_client *c);

/* ---- client_mail.c ---------------------------------------------------------- */

void client_begin(struct smtp_client *c);		/* PHASE_BEGIN */
bool client_fits(const struct smtp_client *c);		/* client_begin() would tell nobody */
void client_send_envelope(struct smtp_client *c);
void client_send_content(struct smtp_client *c);
void client_envelope_reply(struct smtp_client *c);
void client_content_reply(struct smtp_client *c);
void client_final_reply(struct smtp_client *c);
/* r to everybody who has heard nothing, then done(). */
void client_mail_over(struct smtp_client *c, const struct smtp_result *r, bool reusable);
#endif

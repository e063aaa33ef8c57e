/* Private to roles/client-access/pop3. */
#ifndef CAS_POP3_H
#define CAS_POP3_H

#include "common/api/store.h"
#include "common/auth/sasl.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/smtp/data.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/front.h"
#include "roles/client-access/pop3/drop.h"

/* Bits, so that a verb can say in which states it is legal. */
enum pop3_state {
	IN_AUTH = 1,		/* AUTHORIZATION */
	IN_TRANSACTION = 2,
	IN_UPDATE = 4
};
#define IN_ANY (IN_AUTH | IN_TRANSACTION)

/* What a step tells the pump. */
enum next {
	NEXT_MORE,	/* s->step is set, run it */
	NEXT_WAIT,	/* parked: input, an answer, or room for output will pump again */
	NEXT_DONE	/* the conversation is over */
};

enum step {
	STEP_LINE,	/* the client's next line */
	STEP_AWAIT,	/* another role's answer, whose callback sets the next step */
	STEP_WORK,	/* s->work(): output in pieces */
	STEP_TLS,	/* the handshake */
	STEP_BYE
};

struct pop3_session;
struct pop3_update;
typedef enum next pop3_work_fn(struct pop3_session *s);

/* LIST and UIDL of all. */
struct pop3_list {
	uint32_t next;			/* number */
	bool uids;
};

/* The message that is being sent. */
struct pop3_retr {
	struct smtp_data_writer writer;
	uint32_t uid, size;
	uint64_t offset, page_left;	/* of the content; of what was asked for last */
	bool begun, over;		/* "+OK" was said; nothing more of it is wanted */
	bool top, in_body;		/* TOP, and where it is */
	bool in_line, cr;		/* the line has something in it; a CR came first */
	uint32_t lines;			/* TOP: of the body, still to come */
};

struct pop3_session {
	unsigned magic;
#define POP3_SESSION_MAGIC 0x909355e5u
	struct cas *cas;
	struct front_io io;
	struct log_ctx log;
	struct addr peer;
	bool tls;

	enum pop3_state state;
	enum step step;
	pop3_work_fn *work;
	struct buf in, out;
	bool paused;
	bool skipping;			/* the rest of a line that is too long */
	bool cut;			/* hang up without a word */
	bool stopping;			/* the daemon stops */
	unsigned errors;		/* before login */

	char *user;			/* of USER, for PASS */
	struct login_call *login_call;
	struct sasl *sasl;
	struct login_result who;	/* valid in IN_TRANSACTION */
	struct users_seat seat;		/* among who is logged in */
	bool utf8;			/* RFC 6856 */
	struct store_at at;
	struct api_call *call;		/* the one store call in flight */
	struct pop3_update *update;	/* outlives the session */
	uint64_t fid;
	uint32_t uidvalidity;
	enum err bad_rows;		/* what the snapshot's rows came to */
	struct drop drop;
	struct pop3_list list;
	struct pop3_retr retr;
	uint64_t n_commands, n_retrieved;
};

enum verb_flags {
	VERB_SECRET = 1,	/* the line is wiped */
	VERB_REST = 2,		/* one argument: what follows the first blank, blanks too */
	VERB_TLS = 4		/* only where a login is safe: pop3_may_login() */
};

/* The strings live in the session's input while the verb runs. */
struct pop3_cmd {
	const char *arg[2];	/* NULL: absent */
};

typedef enum next pop3_verb_fn(struct pop3_session *s, const struct pop3_cmd *c);

struct pop3_verb {
	const char *name;
	pop3_verb_fn *run;
	unsigned states;	/* IN_* where it is legal */
	unsigned min, max;	/* arguments */
	unsigned flags;
	const char *capability;	/* said in CAPA because of this verb */
};

/* Run one line.  It is changed: its words are NUL-terminated in place. */
enum next pop3_command(struct pop3_session *s, char *line, size_t n, unsigned *flags);

/* ---- session.c ------------------------------------------------------------ */

/* Run steps until one parks.  The last thing its caller does: s may be gone. */
void pop3_pump(struct pop3_session *s);
/* One-line answers, "+OK ..." and "-ERR ...", after which the next line is read.
 * Strangers have a limited number of errors. */
enum next pop3_ok(struct pop3_session *s, const char *fmt, ...) A_PRINTF(2, 3);
enum next pop3_err(struct pop3_session *s, const char *fmt, ...) A_PRINTF(2, 3);
enum next pop3_fail(struct pop3_session *s, enum err e);	/* -ERR as the table has it */
enum next pop3_work(struct pop3_session *s, pop3_work_fn *fn);
enum next pop3_await(struct pop3_session *s);
/* First thing in a callback of s->call, with its ctx. */
struct pop3_session *pop3_answered(void *ctx);

void pop3_put(struct pop3_session *s, const char *text);
void pop3_putf(struct pop3_session *s, const char *fmt, ...) A_PRINTF(2, 3);
void pop3_flush(struct pop3_session *s);
bool pop3_full(struct pop3_session *s);		/* flushes first */

/* ---- the rest --------------------------------------------------------------- */

/* May a password be said on this connection? */
bool pop3_may_login(const struct pop3_session *s);
const char *pop3_mechanisms(struct pop3_session *s, char out[SASL_NAMES_MAX]);
void pop3_login_line(struct pop3_session *s, const char *line, size_t n);	/* to AUTH */
/* s->who has logged in: take the snapshot, then answer the command. */
enum next pop3_open_drop(struct pop3_session *s);
/* The session ends while deletions are under way: they go on without it, unless
 * the daemon stops. */
void pop3_update_leave(struct pop3_session *s);

pop3_verb_fn verb_user, verb_pass, verb_auth, verb_stls, verb_utf8, verb_lang;
pop3_verb_fn verb_stat, verb_list, verb_uidl, verb_dele, verb_rset;
pop3_verb_fn verb_retr, verb_top, verb_quit;
/* The message an argument names; NULL after -ERR was said. */
const struct drop_message *pop3_message(struct pop3_session *s, const char *arg,
					uint32_t *number);
bool pop3_number(const char *arg, uint32_t *out);	/* decimal, saturating */
#endif

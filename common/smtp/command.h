#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H
/*
 * command - one line that an SMTP client sends, taken apart (RFC 5321 4.1)
 *
 * A line comes without its CRLF.  The verb decides which of the parsers below
 * reads its argument.  Each answers NULL and fills *out, or says what is wrong
 * as the reply to give: the texts are static.
 *
 * Parameters are accepted only for extensions the caller says were offered;
 * others are 555, as are ones nobody knows.  A parameter given twice is 501.
 * Source routes (RFC 5321 C) are checked for shape and dropped.
 *
 * Pure; strings that outlive the line are copied into the structs.
 */
#include "common/base/span.h"
#include "common/smtp/address.h"
#include <stdint.h>

#define SMTP_LINE_MAX	   2048	 /* octets of a command, CRLF included */
#define SMTP_AUTH_LINE_MAX 12288 /* RFC 4954 4: AUTH, and the lines that follow it */

#define SMTP_VERBS(X)                                                          \
	X(HELO, ARG_NEEDED)                                                    \
	X(EHLO, ARG_NEEDED)                                                    \
	X(MAIL, ARG_NEEDED)                                                    \
	X(RCPT, ARG_NEEDED)                                                    \
	X(DATA, ARG_NONE)                                                      \
	X(BDAT, ARG_NEEDED)                                                    \
	X(RSET, ARG_NONE)                                                      \
	X(NOOP, ARG_ANY)                                                       \
	X(QUIT, ARG_NONE)                                                      \
	X(VRFY, ARG_NEEDED)                                                    \
	X(EXPN, ARG_NEEDED)                                                    \
	X(HELP, ARG_ANY)                                                       \
	X(STARTTLS, ARG_NONE)                                                  \
	X(AUTH, ARG_NEEDED)

enum smtp_verb {
#define X(name, arg) SMTP_##name,
	SMTP_VERBS(X)
#undef X
		SMTP_UNKNOWN
};
#define SMTP_N_VERBS SMTP_UNKNOWN

/* What EHLO offers, and so what parameters are understood. */
enum smtp_ext {
	SMTP_EXT_SIZE = 1,	/* RFC 1870 */
	SMTP_EXT_8BITMIME = 2,	/* RFC 6152 */
	SMTP_EXT_SMTPUTF8 = 4,	/* RFC 6531 */
	SMTP_EXT_DSN = 8,	/* RFC 3461 */
	SMTP_EXT_AUTH = 16,	/* RFC 4954 */
	SMTP_EXT_PIPELINING = 32,
	SMTP_EXT_CHUNKING = 64,	/* RFC 3030, without BINARYMIME */
	SMTP_EXT_STARTTLS = 128,
	SMTP_EXT_ENHANCED = 256	/* ENHANCEDSTATUSCODES, RFC 2034 */
};

/* A reply: code, enhanced code (RFC 3463), text. */
struct smtp_fault {
	unsigned code;
	const char *enhanced, *text;
};

struct smtp_command {
	enum smtp_verb verb;
	struct span arg;	/* into the line; blanks around it are gone */
};

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BIT };
enum smtp_ret { SMTP_RET_UNSET, SMTP_RET_FULL, SMTP_RET_HDRS };
enum smtp_notify {	/* bits; 0: not given */
	SMTP_NOTIFY_NEVER = 1,
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8
};

#define SMTP_ENVID_MAX 101	/* decoded, with NUL: RFC 3461 4.4 */
#define SMTP_ORCPT_MAX 501	/* RFC 3461 4.2 */

struct smtp_mail {
	struct smtp_address from;	/* null: <> */
	uint64_t size;			/* 0: not said */
	enum smtp_body body;
	enum smtp_ret ret;
	bool smtputf8;
	char envid[SMTP_ENVID_MAX];	/* "": none */
	bool has_auth;			/* AUTH= was given, and is syntactically fine */
	char auth[SMTP_KEY_MAX];	/* decoded mailbox; "": AUTH=<> */
};

struct smtp_rcpt {
	struct smtp_address to;		/* domain "": the bare Postmaster */
	unsigned notify;		/* SMTP_NOTIFY_* */
	char orcpt[SMTP_ORCPT_MAX];	/* "type;address" decoded, or "" */
};

struct smtp_bdat {
	uint64_t size;
	bool last;
};

/* The verb and its argument, checked as the table above says.  SMTP_UNKNOWN
 * comes with its 500. */
const struct smtp_fault *smtp_command_parse(struct span line,
					    struct smtp_command *out) A_MUST_USE;
const char *smtp_verb_name(enum smtp_verb v);

/* arg: what follows "MAIL".  ext: SMTP_EXT_* offered in this session. */
const struct smtp_fault *smtp_mail_parse(struct span arg, unsigned ext,
					 struct smtp_mail *out) A_MUST_USE;
/* smtputf8: MAIL said so in this transaction. */
const struct smtp_fault *smtp_rcpt_parse(struct span arg, unsigned ext, bool smtputf8,
					 struct smtp_rcpt *out) A_MUST_USE;
const struct smtp_fault *smtp_bdat_parse(struct span arg,
					 struct smtp_bdat *out) A_MUST_USE;

/* The name a client gives itself: one word, for the log and the Received field.
 * Names that are no host name are let through: refusing them is policy. */
const struct smtp_fault *smtp_helo_parse(struct span arg,
					 char out[SMTP_DOMAIN_MAX + 1]) A_MUST_USE;

/* The client's half: the parameters of a MAIL or RCPT command, with a blank in
 * front of each, as far as the peer offers them.  An orcpt that is no "type;text" in
 * UTF-8 is left out.  LIMIT when out is full. */
enum err smtp_mail_write(const struct smtp_mail *m, unsigned ext, struct buf *out) A_MUST_USE;
enum err smtp_rcpt_write(const struct smtp_rcpt *r, unsigned ext, bool smtputf8,
			 struct buf *out) A_MUST_USE;
#endif

#ifndef RELAY_DSN_H
#define RELAY_DSN_H
/*
 * dsn - delivery status notifications: multipart/report (RFC 6522, 3464, 6533)
 *
 * A report has three parts: words for people, message/delivery-status for
 * programs, and the original message or its header.  It is sent with the null
 * reverse path, and never about a message that came with one: dsn_wanted() is
 * where that, NOTIFY and the kind of event are decided.
 *
 * The result is canonical (CRLF) if the original is, and 7-bit unless the original
 * that it carries, or an address, is 8-bit: facts say so.  Its size is bounded by
 * out and by max_original: an original that does not fit is replaced by its header,
 * a header by nothing.
 */
#include "common/base/buf.h"
#include "common/relay/spool.h"
#include "common/smtp/command.h"
#include <stdint.h>

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_rcpt {
	const char *final;	/* the address we tried, "ann@example.org" */
	const char *orcpt;	/* "rfc822;..." decoded, or NULL or "" */
	enum dsn_action action;
	const char *status;	/* "5.1.1" */
	const char *remote_mta;	/* a host name, or NULL */
	unsigned code;		/* of the remote's reply; 0: none */
	const char *diagnostic;	/* its text, or ours; may be NULL */
	int64_t last_attempt_ms;	/* Unix time; 0: not known */
	int64_t retry_until_ms;	/* delayed: when we give up; 0: not known */
};

struct dsn {
	const char *reporting_mta;	/* our host name */
	const char *postmaster;		/* From: address */
	const char *to;			/* the sender of the original, as an address */
	const char *envid;		/* decoded, NULL or "": none */
	const char *message_id;		/* for this report, without <> */
	const char *boundary;		/* must not occur in the original; unguessable */
	int64_t now_ms;
	int64_t arrival_ms;		/* of the original; 0: not known */
	enum smtp_ret ret;		/* HDRS: never more than the header.  Else what failed
					 * comes back whole, other reports with the header */
	const struct dsn_rcpt *rcpts;
	size_t n_rcpts;
	struct spool_body *original;	/* may be NULL: lost */
	bool original_8bit;		/* its header or body */
	uint64_t max_original;		/* octets returned at most; 0: 1 MiB */
};

struct dsn_facts {
	bool utf8;	/* its own header needs SMTPUTF8 */
	bool body_8bit;	/* needs 8BITMIME */
};

/* Is there a report to send?  notify: SMTP_NOTIFY_* of the recipient, 0: not given
 * (then failures and delays are told). */
bool dsn_wanted(const struct smtp_address *sender, unsigned notify, enum dsn_action action);

/* out is appended to, and as it was unless OK.  LIMIT: it has no room. */
enum err dsn_build(const struct dsn *d, struct buf *out, struct dsn_facts *facts,
		   struct errbuf *eb) A_MUST_USE;
const char *dsn_action_text(enum dsn_action a);
#endif

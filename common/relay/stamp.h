#ifndef RELAY_STAMP_H
#define RELAY_STAMP_H
/*
 * stamp - what a hub or edge reads in a message's header, and writes above it
 *
 * The content itself is never changed, with one exception: fields that only our
 * own servers may write (X-MS-Exchange-Organization-*, X-MS-Exchange-Forest-*)
 * are taken out of what comes from anybody else.  All that is added stands in
 * mail.prefix.
 */
#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/relay/mail.h"

#define STAMP_AUTHORS 16

struct stamp_header {
	size_t n_received;
	bool closed;		/* an empty line ends it */
	bool has_date, has_from, has_message_id;
	bool forbidden;		/* has fields that only our servers may write */
	/* Addresses of From, and of Sender; in m's arena.  All of From are counted. */
	const char *from[STAMP_AUTHORS];
	size_t n_from;
	const char *sender;	/* NULL: none */
};

/* Read the header and note its Message-ID in m.  Headers are at most 64 KiB
 * (the SMTP front sees to that); more is not looked at. */
enum err stamp_read(struct mail *m, struct stamp_header *out, struct errbuf *eb) A_MUST_USE;

/* Say who sent it on behalf of those in From (RFC 5322 section 3.6.2). */
void stamp_sender(struct mail *m, const char *address);

/* Take the forbidden fields out: m gets a new body. */
enum err stamp_firewall(struct mail *m, struct spool *s, struct errbuf *eb) A_MUST_USE;

struct stamp_trace {
	const char *helo;		/* what the client called itself */
	const struct addr *peer;	/* NULL: handed over by `helo` on the bus */
	const char *by;			/* our host name */
	const char *protocol;		/* "ESMTPS" */
	const char *tls_version, *tls_cipher;	/* NULL: none */
	bool hide_peer;			/* a user's submission: do not tell where from */
	int64_t now_ms;
};
/* Put a Received field in front of m's prefix (RFC 5321 section 4.4). */
void stamp_received(struct mail *m, const struct stamp_trace *t);

/* A submitted message lacks what it must have (RFC 6409 section 8): put it in the
 * prefix.  domain: for the Message-ID. */
void stamp_complete(struct mail *m, const struct stamp_header *h, const char *domain,
		    int64_t now_ms);
#endif

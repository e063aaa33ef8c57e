#ifndef IMAP_URL_H
#define IMAP_URL_H
/*
 * url - IMAP URLs that name a message or a part of one (RFC 5092, RFC 4467)
 *
 *	imap://ann@host/Drafts;UIDVALIDITY=3/;UID=20/;SECTION=1.2/;PARTIAL=0.1024
 *		;EXPIRE=2027-01-01T00:00:00Z;URLAUTH=submit+ann:internal:91354a...
 *	/Drafts/;UID=20			on this server
 *	;UID=20				in the selected mailbox
 *
 * Names of parameters are read in any case.  What is percent-encoded is decoded
 * and lives in the arena, the other spans point into the text.
 */
#include "common/base/arena.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

enum imap_url_access {		/* who may use a URL that is signed */
	IMAP_URL_NONE,		/* no URLAUTH */
	IMAP_URL_SUBMIT,	/* "submit+" access_user: a submission server for that user */
	IMAP_URL_USER,		/* "user+" access_user */
	IMAP_URL_AUTHUSER,	/* whoever is logged in */
	IMAP_URL_ANONYMOUS	/* everybody */
};

struct imap_url {
	bool has_host;
	struct span user;		/* decoded; n 0: none */
	struct span host;		/* with port as it stands */
	const char *mailbox;		/* decoded UTF-8; NULL: the selected one */
	uint32_t uidvalidity;		/* 0: not said */
	uint32_t uid;			/* never 0 */
	struct span section;		/* decoded; n 0: the whole message */
	bool partial;
	uint64_t offset, length;	/* length 0: to the end */
	bool has_expire;
	int64_t expire_s;		/* Unix time */
	enum imap_url_access access;
	struct span access_user;	/* decoded */
	struct span mechanism;		/* n 0: not signed (yet) */
	struct span token;		/* in hexadecimal */
	struct span rump;		/* the text up to the access: what is signed */
};

/* False: it is none, or names no message. */
bool imap_url_parse(struct span text, struct arena *a, struct imap_url *out) A_MUST_USE;
#endif

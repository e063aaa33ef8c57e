#ifndef RELAY_MAIL_H
#define RELAY_MAIL_H
/*
 * mail - one message under way: identity, envelope and body
 *
 * The daemon that reads DATA gives a message its identity, and every hop keeps
 * it (DESIGN section 6).  What a hub or edge makes of a message, a DSN say, has
 * an identity derived from its parent's, so that two daemons that make the same
 * one make it once.  `root` is the origin whose done_below covers the mail: its
 * own, or for what is derived its parent's.
 *
 * Strings of a mail live in its arena.  A mail is counted, because a call, a
 * queue request and a session may hold it at a time; it belongs to the loop's
 * thread, but for the time that the queue's writer reads it.
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

struct spool;
struct spool_body;

/* Where a recipient goes next.  Stored in queues: append, never renumber. */
enum hop_kind {
	HOP_SUBMIT = 1,		/* this hub's categoriser */
	HOP_DATABASE = 2,	/* a mailbox database; name: its GUID as text */
	HOP_HUB = 3,		/* any hub (an edge's inbound mail) */
	HOP_EDGE = 4,		/* an edge that sends for us; name: its GUID, or "" for any */
	HOP_DOMAIN = 5,		/* mail exchangers of a domain; name: the domain */
	HOP_SMART = 6,		/* a smart host; name: host:port */
	HOP_REPORT = 7,		/* the sender is to be told: action, status and diag say what */
	HOP_POISON = 8,		/* nowhere, until an administrator decides: poison.h */
};
const char *hop_kind_name(unsigned kind);	/* "database"; "?" */

/* Stored: append, never renumber.  In the words of RFC 3464 section 2.3.3. */
enum mail_action { ACTION_NONE, ACTION_FAILED, ACTION_DELAYED, ACTION_DELIVERED,
		   ACTION_RELAYED, ACTION_EXPANDED };

struct mail_id {
	struct guid origin;
	uint64_t seq;		/* at least 1 */
};

struct mail_rcpt {
	const char *address;
	const char *orcpt;	/* "rfc822;ann@example.com", or "" */
	unsigned notify;	/* enum smtp_notify bits; 0: not said */
	enum hop_kind kind;
	const char *hop;	/* name of the next hop, "" */
	struct guid target;	/* HOP_DATABASE: the mailbox */
	unsigned action;	/* HOP_REPORT: enum mail_action */
	const char *status;	/* "5.1.1"; "" */
	const char *diag;	/* what was said, for people; "" */
	const char *remote;	/* who said it; "" */
	uint32_t num;		/* its number in the queue's row */
	uint32_t tries;		/* so far */
	int64_t due_ms;		/* next try, wall clock */
};

enum mail_flags {
	MAIL_8BIT = 1,		/* BODY=8BITMIME */
	MAIL_UTF8 = 2,		/* SMTPUTF8 */
	MAIL_RET_FULL = 4,
	MAIL_RET_HDRS = 8,
	MAIL_AUTHENTICATED = 16, /* came from one of our users or servers */
	MAIL_REPORT = 32,	/* a DSN of ours */
	MAIL_SUSPENDED = 64,	/* by an administrator */
};

#define MAIL_MAX_RCPTS 5000u	/* in one mail; more are split into several */
#define MAIL_INLINE (256u * 1024) /* a body up to this lives in memory and database */

struct mail {
	struct arena arena;
	unsigned refs;
	struct mail_id id;
	struct guid root;
	const char *sender;	/* "" for the null reverse path */
	const char *envid;	/* "" */
	unsigned flags;		/* enum mail_flags */
	int64_t received_ms;	/* wall clock, where it entered; expiry counts from it */
	const char *prefix;	/* trace fields to stand above the body, CRLF ended; "" */
	const char *message_id;	/* for the log, "" if unknown */
	struct guid submitter;	/* the authenticated user's object; null: none */
	struct guid offered;	/* the server it may have been committed at; null: none */
	int64_t offered_ms;	/* when; 0: never offered to anybody */
	uint32_t n_reports;	/* DSNs made of it so far: the next derived identity */
	uint64_t size;		/* of the body, without prefix */
	struct spool_body *body;	/* counted; NULL only while a mail is being made */
	const char *data;	/* the body if it is in memory, or NULL: in a file */
	struct mail_rcpt *rcpts;
	size_t n_rcpts, cap_rcpts;
};

struct mail *mail_new(void);			/* one reference */
struct mail *mail_ref(struct mail *m);
void mail_unref(struct mail **m);		/* *m may be NULL */

void mail_set_body(struct mail *m, struct spool_body *body);	/* sealed; taken */
/* A body of these bytes.  FULL, INTERNAL as spool_body_add(). */
enum err mail_fill_body(struct mail *m, struct spool *s, const void *p, size_t n,
			struct errbuf *eb) A_MUST_USE;

/* A new recipient, strings copied; valid until the next one is added.  address
 * must not be longer than MAIL_MAX_ADDRESS. */
#define MAIL_MAX_ADDRESS 1024u
struct mail_rcpt *mail_add(struct mail *m, const char *address);
/* A copy of r of another mail, or of this one. */
struct mail_rcpt *mail_add_copy(struct mail *m, const struct mail_rcpt *r);
/* The same envelope, identity and body, no recipients. */
struct mail *mail_split(struct mail *m);

/* The recipient goes to this hop. */
void mail_route(struct mail *m, struct mail_rcpt *r, enum hop_kind kind, const char *name);
/* The sender is to be told about it. */
void mail_report(struct mail *m, struct mail_rcpt *r, enum mail_action action,
		 const char *status, const char *diag, const char *remote);

/* The origin of what `purpose` makes of a mail of this origin: a hash, equal on
 * every daemon.  seq stays the parent's. */
struct guid mail_derive(const struct guid *origin, const char *purpose);

const char *mail_id_text(const struct mail_id *id, char out[64]);	/* guid-prefix.seq */
#endif

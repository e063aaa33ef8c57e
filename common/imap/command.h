#ifndef IMAP_COMMAND_H
#define IMAP_COMMAND_H
/*
 * command - cut a client's bytes into commands (RFC 3501 2.2, RFC 7888)
 *
 * Bytes are fed as they arrive; feed() says what happened and how many bytes it
 * used, and wants the rest again.  The events never depend on how the network
 * cut the bytes.
 *
 *	for (;;) {
 *		ev = imap_reader_feed(r, p, n, &used);
 *		p += used; n -= used;
 *		switch (ev) ...		until IMAP_READ_MORE
 *	}
 *
 * A command with its small literals is held whole, at most max_line +
 * max_literals bytes.  The message of an APPEND is not: IMAP_READ_STREAM comes
 * when its literal begins, with the arguments before it in r->cmd, and the
 * caller answers imap_reader_accept() or imap_reader_refuse() before it feeds
 * on (it may take its time).  The message then comes as IMAP_READ_DATA pieces
 * that are never copied.  The arguments before an accepted message are forgotten:
 * r->cmd.args is then what stands behind it, up to the next message of the command
 * (MULTIAPPEND, CATENATE, REPLACE: IMAP_READ_STREAM again) or to its end.
 *
 * A refused literal is never read when the client waits for our "+", and is
 * read and dropped when it does not.  IMAP_READ_REFUSED says that the command is
 * over.
 *
 * After IMAP_READ_COMMAND, _REFUSED or _BAD call imap_reader_next(); after
 * IMAP_READ_FATAL only imap_reader_fini().
 */
#include "common/base/buf.h"
#include "common/imap/lex.h"

struct imap_limits {
	uint32_t max_line;	/* bytes of one command without its literals */
	uint32_t max_literals;	/* bytes of all its small literals */
	uint32_t max_nonsync;	/* LITERAL-: bytes of one {n+}, streamed or not; 0: any */
	uint64_t max_drain;	/* bytes of an unwanted {n+} we read to stay in step */
};

extern const struct imap_limits imap_limits_default;	/* 64 KiB, 64 KiB, 0, 256 MiB */

enum imap_read {
	IMAP_READ_MORE,		/* all used, nothing to do */
	IMAP_READ_CONTINUE,	/* send "+ ..." and feed on */
	IMAP_READ_COMMAND,	/* r->cmd is complete */
	IMAP_READ_STREAM,	/* accept or refuse r->literal */
	IMAP_READ_DATA,		/* r->data: borrowed from p; may be the last piece */
	IMAP_READ_LINE,		/* r->data: the line asked for, until the next call */
	IMAP_READ_REFUSED,	/* command over, r->why; r->cmd as far as known */
	IMAP_READ_BAD,		/* not a command: r->why; r->cmd.tag may be known */
	IMAP_READ_FATAL		/* out of step with the client: BYE with r->why */
};

struct imap_cmd {
	struct span tag;	/* n = 0: there was none, answer "*" */
	struct span name;	/* as sent, "UID FETCH" being "FETCH" with uid */
	bool uid;
	struct imap_lex args;	/* behind the name: at the end, or at a space */
};

struct imap_reader {
	struct imap_cmd cmd;		/* lives until imap_reader_next() */
	struct imap_literal literal;	/* of STREAM and DATA */
	uint64_t left;			/* bytes of it still to come */
	struct span data;
	const char *why;		/* "BAD ...", "NO ...", for FATAL just the text */
	bool utf8;			/* set by the owner: cmd.args are to be read so */
	/* private */
	const struct imap_limits *lim;
	struct arena arena;
	struct buf text;		/* the command so far */
	size_t mark, literals;		/* end of the last literal; bytes of all */
	size_t args_at, raw_at;		/* offsets into text */
	bool named;			/* cmd has tag and name, args_at is known */
	bool goes_on;			/* a message came: text is what stands behind it */
	bool doomed;			/* refused when its message was already here */
	int state;
};

void imap_reader_init(struct imap_reader *r, const struct imap_limits *lim); /* lim borrowed */
void imap_reader_fini(struct imap_reader *r);

enum imap_read imap_reader_feed(struct imap_reader *r, const char *p, size_t n,
				size_t *used) A_MUST_USE;
void imap_reader_next(struct imap_reader *r);	/* drops the command and its arena */

/* True: the client waits, send "+ ...". */
bool imap_reader_accept(struct imap_reader *r) A_MUST_USE;
/* why: static, "NO ..." or "BAD ...", given back with IMAP_READ_REFUSED.  Also
 * later, until the command is over (the store said no): the rest is dropped. */
void imap_reader_refuse(struct imap_reader *r, const char *why);

/* The next line is no command: SASL response, DONE.  It comes without CRLF as
 * IMAP_READ_LINE.  Tag and name of the command stay, its arguments do not. */
void imap_reader_want_line(struct imap_reader *r);
/* Overwrite what the client sent, before next(): it was a password. */
void imap_reader_wipe(struct imap_reader *r);
bool imap_reader_idle(const struct imap_reader *r);	/* between two commands? */
#endif

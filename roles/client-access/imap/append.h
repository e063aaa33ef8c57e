/* Private to verb_append.c, verb_catenate.c and verb_replace.c: one APPEND or REPLACE. */
#ifndef CAS_IMAP_APPEND_H
#define CAS_IMAP_APPEND_H

#include "common/api/part.h"
#include "common/imap/append.h"
#include "common/mime/unbinary.h"
#include "roles/client-access/imap/imap.h"

#define APPEND_AHEAD 8			/* messages with the store at a time */
#define APPEND_MANY  10000		/* messages of one command: as many as the store stages */
#define APPEND_URL_BUFFER (4u << 20)	/* more than a store sends before it is acknowledged */

/* A message on its way to the store. */
struct append_slot {
	struct imap_session *s;
	struct api_call *call;
};

struct append_run {
	struct imap_append parse;
	struct imap_lex lex;		/* over the piece of the arguments at hand */
	struct arena scratch;		/* of the arguments of the message at hand */
	bool literal;			/* the piece ends at a literal that waits for us */
	bool met_waits;			/* `met` is not dealt with yet */
	enum imap_append_met met;
	const char *why;		/* the command fails: "NO ...", lives as long as it */
	bool refused;			/* the reader knows */

	char *path;
	uint64_t fid;
	struct guid batch;
	struct append_slot slots[APPEND_AHEAD];
	struct append_slot *cur;	/* of the message at hand; NULL: none */
	bool finishing;			/* the last call was made */
	bool open;			/* cur has no size before its end */
	bool single;			/* cur is an APPEND of its own, without its last byte */
	char last;
	uint64_t size, sent;		/* of the literal */
	uint64_t total;			/* bytes of the message so far */

	struct unbinary *plain;		/* of a literal8: parts sent as they are */
	uint64_t made;			/* bytes it has become */
	struct buf from;		/* what came of it, or of a URL, and waits for room */

	/* CATENATE: the URL at hand. */
	struct store_part *part;
	bool part_over;
	enum err part_err;

	uint32_t replace_uid;		/* REPLACE */
};

enum append_step { APPEND_DONE, APPEND_WAIT };

/* The command ends with why, an APPEND's "NO ..." or "BAD ..." in the command's arena
 * or static.  The first reason stands. */
void append_fail(struct imap_session *s, const char *why);
const char *append_refusal(enum err e);
/* Send of r->from what the store has room for; returns how much. */
size_t append_send(struct append_run *r);

/* verb_catenate.c: send the bytes that r->parse.url names. */
enum append_step append_url(struct imap_session *s);
/* verb_replace.c: which message goes; false: it failed. */
bool append_replaces(struct imap_session *s);
#endif

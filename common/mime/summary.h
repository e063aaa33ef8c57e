#ifndef MIME_SUMMARY_H
#define MIME_SUMMARY_H
/*
 * summary - what listings, threads and searches need of a message's header
 *
 * All texts are well-formed UTF-8 on one line, cut at a character's end.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/span.h"
#include <stdint.h>

#define SUMMARY_SUBJECT_MAX 1000	/* bytes; also of the base subject */
#define SUMMARY_NAME_MAX    320
#define SUMMARY_TO_MAX      1000
#define SUMMARY_ID_MAX      998
#define SUMMARY_REFS_MAX    100		/* the newest (last) ones are kept */

struct summary {
	struct span subject;		/* RFC 2047 decoded; p NULL: no such field */
	struct span base_subject;	/* RFC 5256 section 2.1, case kept */
	bool is_reply;			/* a Re:, Fwd: or (fwd) was taken off */
	struct span from_name;		/* decoded; n 0 if there is only an address */
	struct span from_addr;		/* local@host, quotes removed */
	struct span to_text;		/* names, or addresses, of To joined by "; " */
	int64_t sent_ms;		/* Date:; 0 with has_date false */
	int sent_zone;			/* minutes east of UTC that it was written in */
	bool has_date;
	struct span message_id;		/* without < and >, n 0 if missing */
	uint64_t message_id_hash;	/* 0 if missing */
	/* Ids of References, oldest first, else the first one of In-Reply-To. */
	const uint64_t *refs;
	size_t n_refs;
	uint64_t in_reply_to_hash;	/* the first id there, 0 if missing */
};

/* Fill *out from the header's bytes; its texts live in a. */
void summary_parse(struct arena *a, struct span header, struct summary *out);

/* The base subject of a decoded subject, in a. */
struct span summary_base_subject(struct arena *a, struct span subject, bool *is_reply);

/* A summary as bytes, to be kept until its message gets a place (summary_blob.c).
 * Unpacked it lives in a; CORRUPT if the bytes are none of pack's. */
enum err summary_pack(const struct summary *s, struct buf *out) A_MUST_USE;	/* LIMIT */
enum err summary_unpack(struct span blob, struct arena *a, struct summary *out) A_MUST_USE;

/* Hash of a message id without its angle brackets.  Never 0, and the same in
 * every process and version: it is stored. */
uint64_t summary_id_hash(struct span id);
#endif

#ifndef IMAP_THREAD_H
#define IMAP_THREAD_H
/*
 * thread - THREAD=REFERENCES and THREAD=ORDEREDSUBJECT (RFC 5256 section 3)
 *
 * Messages are added by number, lowest first, with hashes in place of ids and base
 * subjects; then the threads come out as text, piece by piece.
 *
 * Bounds: THREADER_MESSAGES messages, and as many places for messages that are only
 * referred to; references beyond are left out.  About 130 bytes a message and 70 a
 * missing one.  Nothing recurses, and chains longer than THREADER_CHAIN are cut where
 * looking for a loop would cost more.
 */
#include "common/base/buf.h"
#include "common/imap/sort.h"

#define THREADER_MESSAGES 2000000u
#define THREADER_CHAIN	  5000u

struct threader_msg {
	uint32_t number;		/* what the client is told */
	bool is_reply;			/* by its subject */
	int64_t sent_ms;
	uint64_t id;			/* hash of its Message-ID; 0: none */
	uint64_t subject[2];		/* hash of its base subject; both 0: empty */
	const uint8_t *refs;		/* little endian, 8 bytes each, oldest first */
	size_t n_refs;
};

struct threader;

struct threader *threader_new(enum imap_thread_alg alg);
void threader_free(struct threader **t);	/* *t may be NULL */
/* refs are not needed after the call.  LIMIT. */
enum err threader_add(struct threader *t, const struct threader_msg *m) A_MUST_USE;
void threader_finish(struct threader *t);
/* Append "(2)(3 6 (4 23)(44 7 96))", about max bytes of it; false: that was all.  out
 * has room for max + 64 bytes. */
bool threader_write(struct threader *t, struct buf *out, size_t max) A_MUST_USE;
#endif

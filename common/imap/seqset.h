#ifndef IMAP_SEQSET_H
#define IMAP_SEQSET_H
/*
 * seqset - sets of message numbers or UIDs as ranges (RFC 3501 sequence-set)
 *
 * A set is read from a command, resolved against the highest number there is
 * ('*'), and then it is normal: ranges ascend, do not touch and hold no '*'.
 * Iterating, contains() and writing ask for a normal set.  Sets are also built
 * number by number, for COPYUID and ESEARCH; ascending numbers keep one normal
 * and cost O(1) each.
 *
 * Ranges live in an arena.  A set never holds more than `max` ranges.
 */
#include "common/base/buf.h"
#include "common/imap/lex.h"

#define IMAP_STAR 0u		/* '*', before imap_seqset_resolve() */

struct imap_range {
	uint32_t first, last;	/* both included */
};

struct imap_seqset {
	struct imap_range *r;
	size_t n;
	struct arena *arena;
	size_t cap, max;
	bool normal;
	bool saved;		/* "$" was read: no ranges, see view_ranges() */
};

void imap_seqset_init(struct imap_seqset *s, struct arena *arena, size_t max);
enum err imap_seqset_add(struct imap_seqset *s, uint32_t first, uint32_t last) A_MUST_USE; /* LIMIT */

/* Reads a sequence-set.  "$" (RFC 5182), alone, gives an empty set with saved set. */
bool imap_lex_seqset(struct imap_lex *l, struct imap_seqset *out) A_MUST_USE;
/* Replace '*' by highest (with 0, an empty folder, '*' alone names nothing) and
 * make the set normal. */
void imap_seqset_resolve(struct imap_seqset *s, uint32_t highest);

bool imap_seqset_contains(const struct imap_seqset *s, uint32_t v);
uint64_t imap_seqset_count(const struct imap_seqset *s);
/* The smallest member >= from, or 0: start with 1, go on with v + 1, end at 0. */
uint32_t imap_seqset_next(const struct imap_seqset *s, uint32_t from);

enum err imap_seqset_write(const struct imap_seqset *s, struct buf *out) A_MUST_USE;
#endif

#ifndef MAILBOX_KEYWORD_H
#define MAILBOX_KEYWORD_H
/*
 * keyword - a mailbox's keywords: names, and the small numbers rows hold
 *
 * item.kw is a packed set: two bytes a keyword, little endian, ascending.  Names
 * compare without ASCII case; the first spelling stays.
 */
#include "common/base/arena.h"
#include "common/base/span.h"
#include "roles/mailbox/tx.h"

#define KEYWORDS_MAILBOX 1000	/* different ones in a mailbox */
#define KEYWORDS_MESSAGE 128
#define KEYWORD_BYTES    255

/* A packed set: bytes that live elsewhere, n of them. */
struct kwset {
	const uint8_t *p;
	size_t n;
};

/* Names to a set in a.  make: new ones are added (LIMIT), else they are left out. */
enum err keyword_pack(struct tx *tx, struct arena *a, int64_t mbx, const char *const *names,
		      bool make, struct kwset *out, struct errbuf *eb) A_MUST_USE;
/* The same without writing, for readers; missing counts names nobody knows. */
enum err keyword_find(struct db *db, struct arena *a, int64_t mbx, const char *const *names,
		      struct kwset *out, size_t *missing, struct errbuf *eb) A_MUST_USE;

bool kwset_has(struct kwset s, uint16_t kid);
bool kwset_eq(struct kwset a, struct kwset b);
bool kwset_covers(struct kwset s, struct kwset all);	/* s has all of these */
bool kwset_meets(struct kwset s, struct kwset any);	/* s has one of these */
struct kwset kwset_union(struct arena *a, struct kwset x, struct kwset y);
struct kwset kwset_without(struct arena *a, struct kwset x, struct kwset y);

/* Every name by its number, to turn rows' sets into names. */
struct kwnames {
	struct span *name;	/* by kid; p NULL: none */
	size_t n;
};
enum err keyword_names(struct db *db, struct arena *a, int64_t mbx, struct kwnames *out,
		       struct errbuf *eb) A_MUST_USE;
/* The names of a set, in a. */
size_t kwset_names(struct arena *a, const struct kwnames *all, struct kwset s,
		   const struct span **out);
#endif

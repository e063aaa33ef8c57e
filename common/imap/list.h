#ifndef IMAP_LIST_H
#define IMAP_LIST_H
/*
 * list - LIST with RFC 5258 (LIST-EXTENDED), RFC 5819 (STATUS), RFC 6154
 *
 * And matching of names against patterns: '*' is anything, '%' anything without
 * the delimiter.  A pattern is compiled once; matching costs one pass over the
 * name with a few words of state, whatever the pattern (no backtracking).
 */
#include "common/base/err.h"
#include "common/imap/lex.h"

enum imap_list_select {
	IMAP_SELECT_SUBSCRIBED = 1,
	IMAP_SELECT_REMOTE = 2,
	IMAP_SELECT_RECURSIVEMATCH = 4,
	IMAP_SELECT_SPECIAL_USE = 8
};

enum imap_list_return {
	IMAP_LIST_SUBSCRIBED = 1,
	IMAP_LIST_CHILDREN = 2,
	IMAP_LIST_SPECIAL_USE = 4,
	IMAP_LIST_STATUS = 8,
	IMAP_LIST_MYRIGHTS = 64,	/* RFC 8440 */
	IMAP_LIST_METADATA = 128	/* RFC 9590 */
};

#define IMAP_MAX_PATTERNS 32
#define IMAP_MAX_PATTERN  1000		/* bytes of one, with the reference */

struct imap_list {
	bool extended;			/* any RFC 5258 syntax was used */
	unsigned select, returns;
	unsigned status;		/* enum imap_status_item */
	const char **metadata;		/* entries, NULL-terminated */
	char *reference;		/* UTF-8 */
	char *patterns[IMAP_MAX_PATTERNS];	/* UTF-8, reference not yet put before */
	size_t n_patterns;
};

/* Everything behind "LIST " (or, without extensions, "LSUB "). */
bool imap_lex_list(struct imap_lex *l, bool extensions, struct imap_list *out) A_MUST_USE;

struct imap_pattern;

/* reference and pattern are joined.  LIMIT.  Lives in the arena. */
enum err imap_pattern_make(struct arena *a, const char *reference, const char *pattern,
			   struct imap_pattern **out) A_MUST_USE;
/* delim is '/'.  The first level INBOX matches without regard to case. */
bool imap_pattern_match(const struct imap_pattern *p, const char *name);
/* May it match a name that begins so? */
bool imap_pattern_may_begin(const struct imap_pattern *p, const char *start);
#endif

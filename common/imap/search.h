#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H
/*
 * search - SEARCH criteria as a tree (RFC 9051 6.4.4, 4731, 5032, 5182, 5267, 7162,
 * 8474, 8514, 9394)
 *
 * The tree is an array in the arena: keys[0] is an AND of what stands on the
 * command line; children hang on `first` and are chained by `next` (0: none).
 * It is at most IMAP_SEARCH_DEPTH deep, so walking it may recurse, and was read
 * without recursion.  Synonyms are gone: NEW is an AND, UNSEEN a FLAG that must
 * not be set.
 *
 * Texts are valid UTF-8 if `charset` is empty, else bytes in that charset, not looked
 * at.  Sets are as sent: whoever knows the folder resolves them.
 */
#include "common/imap/fetch.h"
#include "common/imap/seqset.h"

#define IMAP_SEARCH_DEPTH 50
#define IMAP_SEARCH_KEYS  2000

enum imap_key_op {
	IMAP_KEY_AND,		/* true without children */
	IMAP_KEY_OR,		/* two children */
	IMAP_KEY_NOT,		/* one child */
	IMAP_KEY_ALL,
	IMAP_KEY_FLAG,		/* system bit n is set (want) or not */
	IMAP_KEY_KEYWORD,	/* text is set (want) or not */
	IMAP_KEY_SEQ,		/* message number in set */
	IMAP_KEY_UID,		/* UID in set */
	IMAP_KEY_BEFORE,	/* INTERNALDATE, by day */
	IMAP_KEY_ON,
	IMAP_KEY_SINCE,
	IMAP_KEY_SENTBEFORE,	/* Date: header, by day */
	IMAP_KEY_SENTON,
	IMAP_KEY_SENTSINCE,
	IMAP_KEY_OLDER,		/* INTERNALDATE at least n seconds ago */
	IMAP_KEY_YOUNGER,
	IMAP_KEY_LARGER,	/* RFC822.SIZE > n */
	IMAP_KEY_SMALLER,
	IMAP_KEY_HEADER,	/* field contains text ("" : is there) */
	IMAP_KEY_BODY,
	IMAP_KEY_TEXT,
	IMAP_KEY_MODSEQ,	/* MODSEQ >= n */
	IMAP_KEY_SAVEDBEFORE,	/* when it came into this folder, by day (RFC 8514) */
	IMAP_KEY_SAVEDON,
	IMAP_KEY_SAVEDSINCE,
	IMAP_KEY_SAVEDATESUPPORTED,
	IMAP_KEY_EMAILID,	/* text (RFC 8474) */
	IMAP_KEY_THREADID,
	IMAP_KEY_SAVED		/* "$": what SAVE kept */
};

struct imap_key {
	enum imap_key_op op;
	uint32_t first, next;
	bool want;
	bool is_raw;		/* HEADER: the field as it stands, not FROM, TO, CC, BCC */
	int32_t day;
	uint64_t n;
	struct span field;	/* HEADER: name; also for FROM, TO, CC, BCC, SUBJECT */
	struct span text;
	struct imap_seqset *set;
};

enum imap_search_return {
	IMAP_RETURN_MIN = 1,
	IMAP_RETURN_MAX = 2,
	IMAP_RETURN_ALL = 4,
	IMAP_RETURN_COUNT = 8,
	IMAP_RETURN_PARTIAL = 16,
	IMAP_RETURN_SAVE = 32,		/* says nothing (RFC 5182) */
	IMAP_RETURN_UPDATE = 64,	/* and tell what changes (RFC 5267) */
	IMAP_RETURN_CONTEXT = 128	/* a hint: will ask again */
};
#define IMAP_RETURN_SAYS (IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_ALL | \
			  IMAP_RETURN_COUNT | IMAP_RETURN_PARTIAL)

struct imap_search {
	bool esearch;			/* answer with ESEARCH */
	unsigned returns;		/* enum imap_search_return, never 0 with esearch */
	struct imap_partial partial;	/* with IMAP_RETURN_PARTIAL */
	bool has_modseq;		/* answer with the highest MODSEQ of the hits */
	struct span charset;		/* n 0: texts are UTF-8 */
	struct imap_key *keys;
	size_t n_keys;
};

/* Everything behind "SEARCH ". */
bool imap_lex_search(struct imap_lex *l, struct imap_search *out) A_MUST_USE;

/* The pieces, for SORT, THREAD and ESEARCH.  Start with a zeroed *out: return options
 * from "RETURN" on, with the space behind them, if they are there; then keys up to the
 * command's end. */
bool imap_lex_search_returns(struct imap_lex *l, struct imap_search *out) A_MUST_USE;
bool imap_lex_search_keys(struct imap_lex *l, struct imap_search *out) A_MUST_USE;
/* A charset, which may be UTF-8 or US-ASCII; before the keys. */
bool imap_lex_search_charset(struct imap_lex *l, struct imap_search *out) A_MUST_USE;
#endif

#ifndef IMAP_SORT_H
#define IMAP_SORT_H
/* sort - arguments of SORT and THREAD (RFC 5256, 5957, 5267) */
#include "common/imap/search.h"

enum imap_sort_key {
	IMAP_SORT_ARRIVAL,
	IMAP_SORT_CC,
	IMAP_SORT_DATE,
	IMAP_SORT_DISPLAYFROM,
	IMAP_SORT_DISPLAYTO,
	IMAP_SORT_FROM,
	IMAP_SORT_SIZE,
	IMAP_SORT_SUBJECT,
	IMAP_SORT_TO,
	IMAP_SORT_KEYS
};

struct imap_sort {
	struct {
		enum imap_sort_key key;
		bool reverse;
	} by[IMAP_SORT_KEYS];		/* a key named twice counts where it came first */
	size_t n;
};

enum imap_thread_alg { IMAP_THREAD_REFERENCES, IMAP_THREAD_ORDEREDSUBJECT };

/* Everything behind "SORT " or "THREAD ". */
bool imap_lex_sort(struct imap_lex *l, struct imap_sort *sort, struct imap_search *out) A_MUST_USE;
bool imap_lex_thread(struct imap_lex *l, enum imap_thread_alg *alg,
		     struct imap_search *out) A_MUST_USE;
#endif

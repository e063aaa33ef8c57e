/* Private to verb_search.c and search_*.c: one SEARCH at work. */
#ifndef CAS_IMAP_SEARCH_RUN_H
#define CAS_IMAP_SEARCH_RUN_H

#include "common/imap/search.h"
#include "common/mime/map.h"
#include "roles/client-access/imap/ahead.h"
#include "roles/client-access/imap/imap.h"
#include "roles/client-access/imap/row_feed.h"
#include "roles/client-access/imap/text_search.h"

enum tri { TRI_NO, TRI_YES, TRI_MAYBE };	/* MAYBE: look into the message */

struct search_run {
	struct imap_search q;
	bool uid;
	int64_t now_ms;

	/* What the store answers from its columns. */
	struct store_query query;
	const char *words_set[33], *words_clear[33];
	size_t n_set, n_clear;
	struct uid_ranges within;
	bool nothing;			/* a key that nothing can match */
	bool everything;		/* the query asks for no more than within */
	bool whole;			/* within is all the client knows of */

	/* What is left: q's tree, with ALL where the query has answered. */
	bool residual;
	unsigned columns;
	struct text_needle *needles;	/* one for each key that asks the text */
	uint32_t *needle_of;		/* by key; 0 none, else index + 1 */
	size_t n_needles;
	bool only_headers;

	struct row_feed feed;		/* of the candidates */
	const struct store_row *row;
	struct imap_seqset candidates, hits;	/* UIDs */
	uint64_t highest_modseq;

	/* The message being looked into. */
	struct mime_view map;
	struct mime_map *mapper;	/* the store had none: first pass */
	struct buf blob, slice;
	struct text_search *text;
	struct api_call *content;
	struct ahead ahead;
	struct ahead_slot *slot;	/* what is awaited was asked for ahead */
	uint64_t pos, size;
	bool reading, enough;
	enum err content_err;

	bool said_head;
	uint32_t at;			/* the next hit to say */
};

/* search_plan.c: move what the store can answer from the tree into r->query. */
void search_plan(struct imap_session *s, struct search_run *r);
/* search_eval.c: does r->row match?  final: needles have their hits. */
enum tri search_eval(struct imap_session *s, const struct search_run *r, bool final);
#endif

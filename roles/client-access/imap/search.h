/* Private to verb_search.c, verb_sort.c and search_*.c: one SEARCH at work. */
#ifndef CAS_IMAP_SEARCH_RUN_H
#define CAS_IMAP_SEARCH_RUN_H

#include "common/api/store_search.h"
#include "common/imap/sort.h"
#include "common/imap/thread.h"
#include "common/mime/map.h"
#include "roles/client-access/imap/ahead.h"
#include "roles/client-access/imap/imap.h"
#include "roles/client-access/imap/row_feed.h"
#include "roles/client-access/imap/text_search.h"

#define SEARCH_HITS 500000u	/* ranges of an answer */

enum tri { TRI_NO, TRI_YES, TRI_MAYBE };	/* MAYBE: look into the message */

/* A key that asks a text. */
struct search_needle {
	uint32_t key;			/* of the tree */
	bool must;			/* no message without it is a hit */
	bool known;			/* by the store: only these can hold it */
	struct uid_ranges maybe;
};

/* What a search inside another command has put aside. */
struct search_outer {
	struct arena arena;
	void *run;
	void (*run_free)(struct imap_session *s);
};

struct search_run {
	struct imap_search q;
	struct span program;		/* q as it was sent; lives as long as the command */
	bool is_fleeting;		/* a key of the moment: no context can be made of it */
	uint64_t begun_modseq;		/* what the folder was known to be when it began */
	struct uid_ranges only;		/* n > 0: look among these alone */
	bool is_nested;
	struct search_outer outer;	/* if is_nested */
	enum err failed;		/* a nested one does not end the command */
	const char *path;		/* of ESEARCH: the folder, else NULL */
	uint32_t uidvalidity;
	bool uid;
	int64_t now_ms;
	imap_work_fn *then;

	/* What the store answers from its columns. */
	struct store_query query;
	const char *words_set[33], *words_clear[33];
	size_t n_set, n_clear;
	struct uid_ranges within;	/* ascending, no overlap; owned by the arena */
	bool nothing;			/* a key that nothing can match */
	bool everything;		/* the query asks for no more than within */
	bool whole;			/* within is all the client knows of */

	/* What is left: q's tree, with ALL where the query has answered. */
	bool residual;
	unsigned columns;
	struct text_needle *needles;	/* one for each key that asks the text */
	struct search_needle *about;	/* of each */
	uint32_t *needle_of;		/* by key; 0 none, else index + 1 */
	bool *must;			/* by key: it has to hold for every hit */
	size_t n_needles;
	bool only_headers;

	struct row_feed feed;		/* of the candidates */
	const struct store_row *row;
	struct imap_seqset candidates, hits;	/* UIDs */
	uint64_t highest_modseq, first_modseq, last_modseq;	/* of the hits */
	uint64_t n_rows, n_candidates;	/* done, of all: for INPROGRESS */
	int64_t said_ms;

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

	/* SORT: hits as they come in order. */
	struct imap_sort sort;
	uint64_t n_sorted, n_hits;
	uint32_t first, last;		/* UIDs */
	uint32_t run_first, run_last;	/* names not said yet */
	bool nothing_said;		/* of the set being written */
	struct buf part;		/* of PARTIAL */
	struct imap_seqset picked;	/* UIDs of PARTIAL, for SAVE */
	/* THREAD */
	enum imap_thread_alg alg;
	struct threader *threader;
};

/* ---- search_run.c ------------------------------------------------------------------- */

/* A run of a command: zeroed, in the arena, freed with it. */
struct search_run *search_new(struct imap_session *s);
/* r->q has been read: its texts as UTF-8.  False: the charset is not known, and the
 * command was answered. */
bool search_texts(struct imap_session *s, struct search_run *r);
/* Find the hits in the selected folder; then then() works. */
enum next search_start(struct imap_session *s, struct search_run *r, imap_work_fn *then);
enum next search_fail(struct imap_session *s, enum err e);
/* What the run holds beside the arena; it may start again. */
void search_drop(struct search_run *r);

/* A search inside another command, with memory of its own: for each folder of an
 * ESEARCH, for each context that is updated.  program: what stands behind "SEARCH ".
 * NULL: it cannot be read.  then() looks at r->failed, and ends it by search_unnest(),
 * after which s->run is what it was. */
struct search_run *search_nest(struct imap_session *s, struct span program, bool uid);
void search_unnest(struct imap_session *s);

/* search_plan.c: move what the store can answer from the tree into r->query. */
void search_plan(struct imap_session *s, struct search_run *r);
/* Only these can be hits: keep what of r->within lies in them. */
void search_narrow(struct imap_session *s, struct search_run *r, struct uid_ranges to);
/* search_eval.c: does r->row match?  final: needles have their hits. */
enum tri search_eval(struct imap_session *s, const struct search_run *r, bool final);

/* ---- search_say.c ------------------------------------------------------------------- */

enum next search_say(struct imap_session *s);	/* SEARCH or ESEARCH, SAVE; ends the command */
enum err search_put(struct imap_session *s) A_MUST_USE;	/* only the line of ESEARCH */
/* "* ESEARCH (TAG "a1") UID" */
void search_say_head(struct imap_session *s, const struct search_run *r);
uint32_t search_name(struct imap_session *s, const struct search_run *r, uint32_t uid);
/* The positions, from 1, that PARTIAL means among n; false: none. */
bool search_partial(const struct imap_partial *p, uint64_t n, uint64_t *from, uint64_t *to);
void search_say_range(struct imap_session *s, const struct imap_partial *p);	/* "-1:-100" */

/* ---- context.c: results that are kept up to date (RFC 5267) ----------------------------- */

/* The tag of this command names a context already: it is BAD. */
bool context_is_used(const struct imap_session *s);
/* The search is done: keep its hits up to date, or say NOUPDATE. */
void context_add(struct imap_session *s, struct search_run *r);
void context_refuse(struct imap_session *s, struct span tag);	/* NOUPDATE */

/* ---- search_saved.c: "$" of RFC 5182 ------------------------------------------------- */

bool saved_has(const struct imap_session *s, uint32_t uid);
/* LIMIT: the result is too large; "$" is empty then. */
enum err saved_keep(struct imap_session *s, const struct imap_seqset *uids) A_MUST_USE;
#endif

/*
 * context - results of searches that are kept up to date (RFC 5267 UPDATE)
 *
 * A context is the text of its search, the UIDs of its hits, and the change (MODSEQ) up
 * to which they are right.  When the client has been told what changed in the folder,
 * each context asks which messages changed since, searches among these alone, and says
 * what came (ADDTO) and went (REMOVEFROM).  So an update costs what changed, not the
 * folder.  Expunged messages leave when their EXPUNGE is said.  Flags that the client
 * changes itself have their effect told by the same command, also where it may not be
 * told of anything else.
 */
#include "roles/client-access/imap/search.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONTEXTS 8u
#define MAX_RANGES   16384u		/* of hits: 128 KiB */
#define MAX_PROGRAM  (16u << 10)

struct search_context {
	struct search_context *next;
	char *tag;
	struct span program;		/* ours */
	bool uid;
	struct uid_range *hits;		/* ascending */
	size_t n;
	uint64_t modseq;		/* hits are right up to here */
	bool is_over;			/* to be dropped */
};

/* An update of all contexts, in the session's command. */
struct context_run {
	imap_work_fn *then;
	struct search_context *at;	/* being updated */
	uint64_t modseq;		/* then */
	struct uid_range *changed;
	size_t n_changed;
};

static imap_work_fn next_context, find_hits, found;

static void free_one(struct search_context *c)
{
	free(c->tag);
	free((char *)(uintptr_t)c->program.p);
	free(c->hits);
	free(c);
}

void context_free(struct imap_session *s)
{
	while (s->contexts) {
		struct search_context *c = s->contexts;

		s->contexts = c->next;
		free_one(c);
	}
}

/* ---- making -------------------------------------------------------------------------- */

void context_refuse(struct imap_session *s, struct span tag)
{
	out_fmt(s, "* NO [NOUPDATE \"%.*s\"] This result is not kept up to date.\r\n",
		(int)tag.n, tag.p);
}

bool context_is_used(const struct imap_session *s)
{
	struct span tag = s->reader.cmd.tag;

	for (const struct search_context *c = s->contexts; c; c = c->next)
		if (span_eq(span_of(c->tag), tag))
			return true;
	return false;
}

static unsigned count(const struct imap_session *s)
{
	unsigned n = 0;

	for (const struct search_context *c = s->contexts; c; c = c->next)
		n++;
	return n;
}

void context_add(struct imap_session *s, struct search_run *r)
{
	struct span tag = s->reader.cmd.tag;
	struct search_context *c;

	if (r->is_fleeting || r->program.n > MAX_PROGRAM || r->hits.n > MAX_RANGES ||
	    count(s) == MAX_CONTEXTS) {
		context_refuse(s, tag);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->tag = xcalloc(1, tag.n + 1);
	memcpy(c->tag, tag.p, tag.n);
	c->program = (struct span){ xmemdup(r->program.p, r->program.n), r->program.n };
	c->uid = r->uid;
	c->hits = xcalloc(r->hits.n + 1, sizeof(*c->hits));
	for (size_t i = 0; i < r->hits.n; i++)
		c->hits[i] = (struct uid_range){ r->hits.r[i].first, r->hits.r[i].last };
	c->n = r->hits.n;
	c->modseq = r->begun_modseq;
	c->next = s->contexts;
	s->contexts = c;
}

/* ---- sets ------------------------------------------------------------------------------ */

enum both { IN_BOTH, IN_FIRST_ONLY, IN_EITHER };

static bool keeps(enum both how, bool a, bool b)
{
	return how == IN_BOTH ? a && b : how == IN_FIRST_ONLY ? a && !b : a || b;
}

/* Walk along the borders of both; out has room for 2 * (a.n + b.n) + 1. */
static size_t combine(struct uid_ranges a, struct uid_ranges b, enum both how,
		      struct uid_range *out)
{
	uint64_t at = 1;
	size_t i = 0, k = 0, n = 0;

	while (i < a.n || k < b.n) {
		bool in_a = i < a.n && a.r[i].first <= at, in_b = k < b.n && b.r[k].first <= at;
		uint64_t end_a = i == a.n ? UINT64_MAX :
				 in_a ? (uint64_t)a.r[i].last + 1 : a.r[i].first;
		uint64_t end_b = k == b.n ? UINT64_MAX :
				 in_b ? (uint64_t)b.r[k].last + 1 : b.r[k].first;
		uint64_t end = end_a < end_b ? end_a : end_b;

		if (keeps(how, in_a, in_b)) {
			if (n > 0 && (uint64_t)out[n - 1].last + 1 == at)
				out[n - 1].last = (uint32_t)(end - 1);
			else
				out[n++] = (struct uid_range){ (uint32_t)at, (uint32_t)(end - 1) };
		}
		i += in_a && end == end_a;
		k += in_b && end == end_b;
		at = end;
	}
	return n;
}

static struct uid_ranges combined(struct arena *arena, struct uid_ranges a, struct uid_ranges b,
				  enum both how)
{
	struct uid_range *out = arena_alloc(arena, (2 * (a.n + b.n) + 1) * sizeof(*out));

	return (struct uid_ranges){ out, combine(a, b, how, out) };
}

/* ---- saying ------------------------------------------------------------------------------ */

/* "* ESEARCH (TAG "a1") UID ADDTO (0 3:5)"; those that are no messages of the view are
 * left out. */
static void say(struct imap_session *s, const struct search_context *c, const char *what,
		struct uid_ranges uids)
{
	struct arena a = { 0 };
	struct imap_seqset set;
	struct uid_range run;
	enum err e = ERR_OK;

	imap_seqset_init(&set, &a, 4 * MAX_RANGES);
	for (size_t i = 0; i < uids.n; i++)
		for (uint32_t from = uids.r[i].first;
		     !e && from && uid_map_run(s->view.map, from, &run) &&
		     run.first <= uids.r[i].last; from = run.last + 1) {
			uint32_t last = run.last < uids.r[i].last ? run.last : uids.r[i].last;
			uint32_t seq = c->uid ? 0 : uid_map_seq(s->view.map, run.first);

			e = c->uid ? imap_seqset_add(&set, run.first, last)
				   : imap_seqset_add(&set, seq, seq + (last - run.first));
		}
	imap_seqset_resolve(&set, 0);
	if (!e && set.n > 0) {
		out_fmt(s, "* ESEARCH (TAG \"%s\")%s %s (0 ", c->tag, c->uid ? " UID" : "", what);
		out_done(s, imap_seqset_write(&set, &s->out));
		out_str(s, ")\r\n");
	}
	arena_fini(&a);
}

static void keep(struct search_context *c, struct uid_ranges hits)
{
	struct uid_range *r = xcalloc(hits.n + 1, sizeof(*r));

	if (hits.n)
		memcpy(r, hits.r, hits.n * sizeof(*r));
	free(c->hits);
	c->hits = r;
	c->n = hits.n;
	c->is_over |= hits.n > MAX_RANGES;
}

void context_gone(struct imap_session *s, struct uid_range gone)
{
	const struct uid_ranges g = { &gone, 1 };
	struct arena a = { 0 };

	for (struct search_context *c = s->contexts; c; c = c->next) {
		struct uid_ranges had = { c->hits, c->n };
		struct uid_ranges lost = combined(&a, had, g, IN_BOTH);

		if (lost.n == 0)
			continue;
		say(s, c, "REMOVEFROM", lost);
		keep(c, combined(&a, had, g, IN_FIRST_ONLY));
	}
	arena_fini(&a);
}

/* ---- updating ------------------------------------------------------------------------------ */

static enum next over(struct imap_session *s)
{
	struct context_run *u = s->context_run;
	imap_work_fn *then = u->then;

	free(u->changed);
	free(u);
	s->context_run = NULL;
	for (struct search_context **p = &s->contexts; *p;) {
		struct search_context *c = *p;

		if (!c->is_over) {
			p = &c->next;
			continue;
		}
		context_refuse(s, span_of(c->tag));
		*p = c->next;
		free_one(c);
	}
	return then(s);
}

/* On to the next context. */
static enum next done(struct imap_session *s)
{
	struct context_run *u = s->context_run;

	u->at = u->at->next;
	return imap_work(s, u->at ? next_context : over);
}

/* Is one among them that the client was not told of?  They are asked for again then,
 * when it was. */
static bool is_ahead(const struct imap_session *s, struct uid_ranges changed)
{
	return changed.n > 0 && changed.r[changed.n - 1].last > uid_map_last(s->view.map);
}

static enum next found(struct imap_session *s)
{
	struct context_run *u = s->context_run;
	struct search_context *c = u->at;
	struct search_run *r = s->run;
	struct arena *a = &s->reader.arena;
	struct uid_ranges had = { c->hits, c->n }, hits, lost, stay;
	const struct uid_ranges changed = { u->changed, u->n_changed };

	imap_seqset_resolve(&r->hits, 0);
	hits = (struct uid_ranges){ arena_dup(a, r->hits.n ? (const void *)r->hits.r : "",
					      r->hits.n * sizeof(*hits.r)), r->hits.n };
	if (r->failed) {
		c->is_over = true;
	} else {
		lost = combined(a, combined(a, had, changed, IN_BOTH), hits, IN_FIRST_ONLY);
		stay = combined(a, had, changed, IN_FIRST_ONLY);
		say(s, c, "REMOVEFROM", lost);
		say(s, c, "ADDTO", combined(a, hits, had, IN_FIRST_ONLY));
		keep(c, combined(a, stay, hits, IN_EITHER));
		if (!is_ahead(s, changed))
			c->modseq = u->modseq;
	}
	search_unnest(s);
	return done(s);
}

static enum next find_hits(struct imap_session *s)
{
	struct context_run *u = s->context_run;
	struct search_run *r = search_nest(s, u->at->program, u->at->uid);

	if (r == NULL) {
		u->at->is_over = true;
		return done(s);
	}
	r->only = (struct uid_ranges){ u->changed, u->n_changed };
	return search_start(s, r, found);
}

static void on_changed(void *ctx, enum err e, struct uid_ranges runs, uint64_t highestmodseq,
		       bool more)
{
	struct imap_session *s = ctx;
	struct context_run *u = s->context_run;

	imap_call_done(s);
	free(u->changed);
	u->changed = xcalloc(runs.n + 1, sizeof(*u->changed));
	u->n_changed = runs.n;
	if (runs.n)
		memcpy(u->changed, runs.r, runs.n * sizeof(*u->changed));
	u->modseq = highestmodseq;
	if (e || more)
		u->at->is_over = true;
	else if (runs.n == 0)
		u->at->modseq = highestmodseq;
	if (e || more || runs.n == 0)
		done(s);
	else
		imap_work(s, find_hits);
	imap_pump(s);
}

static enum next next_context(struct imap_session *s)
{
	const struct search_context *c = s->context_run->at;
	const struct store_query q = { .fid = s->view.fid, .modseq = c->modseq + 1 };

	s->call = store_query(&s->at, &q, on_changed, s);
	return imap_await(s);
}

enum next context_update(struct imap_session *s, imap_work_fn *then)
{
	struct context_run *u = xcalloc(1, sizeof(*u));

	u->then = then;
	u->at = s->contexts;
	s->context_run = u;
	s->own.is_news = false;
	return imap_work(s, next_context);
}

void context_run_free(struct imap_session *s)
{
	struct context_run *u = s->context_run;

	s->context_run = NULL;
	if (u)
		free(u->changed);
	free(u);
}

/* ---- CANCELUPDATE ----------------------------------------------------------------------------- */

static bool cancel(struct imap_session *s, struct span tag)
{
	for (struct search_context **p = &s->contexts; *p; p = &(*p)->next) {
		struct search_context *c = *p;

		if (!span_eq(span_of(c->tag), tag))
			continue;
		*p = c->next;
		free_one(c);
		return true;
	}
	return false;
}

enum next imap_verb_cancelupdate(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct span tags[MAX_CONTEXTS];
	bool all = true;
	size_t n = 0;

	do {
		if (n == MAX_CONTEXTS || !imap_lex_sp(l) || !imap_lex_string(l, &tags[n++]))
			return imap_bad(s);
	} while (imap_lex_peek(l) == ' ');
	if (!imap_lex_end(l))
		return imap_bad(s);
	for (size_t i = 0; i < n; i++)
		all &= cancel(s, tags[i]);
	return imap_finish(s, all ? "OK No further updates." : "BAD No context has this tag.");
}

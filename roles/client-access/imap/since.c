#include "roles/client-access/imap/since.h"

#include <stdlib.h>

#define PAGE	      2000u	/* changes asked for at a time */
#define GONE_PAGE     10000u	/* when only what went away is of interest */
#define MAX_CHANGED   5000u	/* more are cheaper to find by going through the rows */
#define MAX_GONE      500000u	/* ranges */
#define LINE_RANGES   400u	/* of one VANISHED */

static imap_work_fn ask;

/* ---- the feed ------------------------------------------------------------------- */

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct since *c = ctx;
	const uint32_t last = uid_map_last(c->s->view.map);

	CHECK_OBJ(c->s, IMAP_SESSION_MAGIC);
	for (size_t i = 0; i < n && !c->too_many; i++) {
		if (rows[i].uid > last)
			continue;		/* news, for the next sync */
		if (c->n_uid == MAX_CHANGED) {
			c->too_many = true;
			break;
		}
		if (c->n_uid == c->cap_uid) {
			c->cap_uid = c->cap_uid ? 2 * c->cap_uid : 64;
			c->uid = xrealloc(c->uid, c->cap_uid * sizeof(*c->uid));
		}
		c->uid[c->n_uid++] = rows[i].uid;
	}
	api_grant(c->s->call, bytes);
}

static void note_gone(struct since *c, struct uid_ranges gone)
{
	for (size_t i = 0; i < gone.n && c->wants_gone && !c->forgotten; i++) {
		if (c->n_gone == MAX_GONE) {	/* then all that is not there is */
			c->forgotten = true;
			break;
		}
		if (c->n_gone == c->cap_gone) {
			c->cap_gone = c->cap_gone ? 2 * c->cap_gone : 64;
			c->gone = xrealloc(c->gone, c->cap_gone * sizeof(*c->gone));
		}
		c->gone[c->n_gone++] = gone.r[i];
	}
}

static int by_uid(const void *pa, const void *pb)
{
	const uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return a < b ? -1 : a > b;
}

static int by_first(const void *pa, const void *pb)
{
	const struct uid_range *a = pa, *b = pb;

	return a->first < b->first ? -1 : a->first > b->first;
}

static void join(struct since *c)
{
	size_t n = 0;

	if (c->n_uid > 0)
		qsort(c->uid, c->n_uid, sizeof(*c->uid), by_uid);
	if (c->n_gone == 0)
		return;
	qsort(c->gone, c->n_gone, sizeof(*c->gone), by_first);
	for (size_t i = 1; i < c->n_gone; i++) {
		struct uid_range *end = &c->gone[n];

		if (end->last != UINT32_MAX && c->gone[i].first > end->last + 1)
			c->gone[++n] = c->gone[i];
		else if (c->gone[i].last > end->last)
			end->last = c->gone[i].last;
	}
	c->n_gone = n + 1;
}

static bool needs_more(const struct since *c)
{
	return !c->too_many || (c->wants_gone && !c->forgotten);
}

static void on_changes(void *ctx, enum err e, const struct store_changes *ch)
{
	struct since *c = ctx;
	struct imap_session *s = c->s;

	imap_call_done(s);
	/* Older than what the store remembers, or one change of more messages than an
	 * answer can name. */
	if (e == ERR_LIMIT || (!e && ch->reset)) {
		c->forgotten = c->too_many = true;
		imap_work(s, c->then);
	} else if (e) {
		imap_fail(s, e);
	} else {
		c->at = ch->until;
		note_gone(c, ch->gone);
		if (ch->more && needs_more(c)) {
			imap_work(s, ask);
		} else {
			join(c);
			imap_work(s, c->then);
		}
	}
	imap_pump(s);
}

static enum next ask(struct imap_session *s)
{
	struct since *c = s->since;

	if (c->too_many)
		s->call = store_gone(&s->at, s->view.fid, c->at, GONE_PAGE, on_changes, c);
	else
		s->call = store_changes(&s->at, s->view.fid, c->at, PAGE, on_rows, on_changes, c);
	return imap_await(s);
}

enum next since_start(struct since *c, struct imap_session *s, uint64_t modseq,
		      bool wants_gone, imap_work_fn *then)
{
	*c = (struct since){ .s = s, .at = modseq, .wants_gone = wants_gone, .then = then };
	s->since = c;
	return imap_work(s, ask);
}

void since_fini(struct since *c)
{
	if (c->s)
		c->s->since = NULL;
	free(c->uid);
	free(c->gone);
	*c = (struct since){ .s = NULL };
}

struct uid_ranges since_changed(const struct since *c, struct uid_ranges in)
{
	struct uid_range *out = arena_alloc(&c->s->reader.arena, c->n_uid * sizeof(*out) + 1);
	size_t n = 0, k = 0;

	CHECK(!c->too_many);
	for (size_t i = 0; i < c->n_uid; i++) {
		const uint32_t uid = c->uid[i];

		while (k < in.n && in.r[k].last < uid)
			k++;
		if (k == in.n)
			break;
		if (uid < in.r[k].first || (n > 0 && out[n - 1].last == uid))
			continue;
		if (n > 0 && out[n - 1].last + 1 == uid)
			out[n - 1].last = uid;
		else
			out[n++] = (struct uid_range){ uid, uid };
	}
	return (struct uid_ranges){ out, n };
}

/* ---- VANISHED (EARLIER) ------------------------------------------------------------ */

void vanished_init(struct vanished *v, const struct since *c, struct uid_ranges set,
		   uint32_t from)
{
	*v = (struct vanished){ .c = c, .set = set, .from = from };
}

/* The first range of gone that ends at or behind uid; n_gone: none. */
static size_t gone_at(const struct since *c, uint32_t uid)
{
	size_t lo = 0, hi = c->n_gone;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->gone[mid].last < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Cut r down to its first piece that went away; false: r's beginning did not, and
 * r->first is where to look on (0: nowhere). */
static bool cut(const struct since *c, struct uid_range *r)
{
	const struct uid_map *map = c->s->view.map;
	struct uid_range here;

	if (!c->forgotten) {
		const size_t g = gone_at(c, r->first);

		if (g == c->n_gone || c->gone[g].first > r->last) {
			r->first = r->last == UINT32_MAX ? 0 : r->last + 1;
			return false;
		}
		if (c->gone[g].first > r->first)
			r->first = c->gone[g].first;
		if (c->gone[g].last < r->last)
			r->last = c->gone[g].last;
	}
	if (!uid_map_run(map, r->first, &here) || here.first > r->last)
		return true;
	if (here.first > r->first) {
		r->last = here.first - 1;
		return true;
	}
	r->first = here.last == UINT32_MAX ? 0 : here.last + 1;
	return false;
}

static bool next_piece(struct vanished *v, struct uid_range *out)
{
	while (v->from != 0 && v->i < v->set.n) {
		const struct uid_range *in = &v->set.r[v->i];

		if (in->last < v->from) {
			v->i++;
			continue;
		}
		out->first = in->first > v->from ? in->first : v->from;
		out->last = in->last;
		if (cut(v->c, out)) {
			v->from = out->last == UINT32_MAX ? 0 : out->last + 1;
			return true;
		}
		v->from = out->first;
	}
	return false;
}

bool vanished_say(struct vanished *v)
{
	struct imap_session *s = v->c->s;
	struct uid_range piece;
	size_t n = 0;

	while (n < LINE_RANGES && next_piece(v, &piece)) {
		out_str(s, n++ ? "," : "* VANISHED (EARLIER) ");
		out_range(s, piece);
	}
	if (n > 0)
		out_str(s, "\r\n");
	return n > 0;
}

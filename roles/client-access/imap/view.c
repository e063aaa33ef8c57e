/* The selected folder as one client knows it. */
#include "roles/client-access/imap/imap.h"

#include "roles/client-access/imap/namespace.h"
#include "roles/client-access/imap/notify.h"
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 4096		/* keywords remembered; beyond that FLAGS lacks them */

static void word_add(struct imap_view *v, struct span word);
static void words_free(struct imap_view *v);

static void on_hint(struct watch_seat *seat)
{
	struct imap_session *s = CONTAINER_OF(seat, struct imap_session, view.seat);

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	s->view.dirty = true;
	if (s->idling)
		idle_news(s);
	else
		notify_news(s);
}

void view_share(struct imap_session *s)
{
	struct imap_view *v = &s->view;
	const struct uid_map_key key = { v->mailbox, v->fid, v->epoch, v->cn };

	uid_map_share(&s->cas->uid_maps, &v->map, &key);
}

void view_open(struct imap_session *s, const struct store_folder *f,
	       const struct store_selected *sel, bool read_only)
{
	struct imap_view *v = &s->view;

	CHECK(s->state == IN_AUTH);
	*v = (struct imap_view){
		.mailbox = s->at.mailbox, .rights = sel->rights, .own_seen = sel->own_seen,
		.fid = f->fid, .epoch = sel->epoch,
		.uidvalidity = sel->uidvalidity, .uidnext = sel->uidnext,
		.recent_above = sel->recent_uid,
		.recent_last = sel->uidnext ? sel->uidnext - 1 : 0,
		.cn = sel->highestmodseq, .highestmodseq = sel->highestmodseq,
		.read_only = read_only,
		.map = uid_map_new(sel->runs.r, sel->runs.n),
		.path = xstrdup(f->path),
	};
	for (size_t i = 0; i < sel->n_keywords && i < MAX_WORDS; i++)
		word_add(v, span_of(sel->keywords[i]));
	v->seat.hint = on_hint;
	s->own.n = 0;
	s->state = IN_SELECTED;
	view_share(s);
	v->dirty = watch_join(&s->cas->watches, &v->seat, &s->at, v->cn);
}

void view_close(struct imap_session *s)
{
	CHECK(s->state == IN_SELECTED);
	watch_leave(&s->cas->watches, &s->view.seat);
	uid_map_unref(&s->view.map);
	free(s->view.path);
	words_free(&s->view);
	saved_clear(s);
	context_free(s);
	memset(&s->view, 0, sizeof(s->view));
	s->state = IN_AUTH;
}

/* A number beyond the folder is the client's mistake; an unknown UID is not. */
static bool numbers_to_uids(struct imap_session *s, const struct imap_range *in,
			    struct uid_range *out)
{
	if (in->last > uid_map_total(s->view.map))
		return false;
	out->first = uid_map_uid(s->view.map, in->first);
	out->last = uid_map_uid(s->view.map, in->last);
	return true;
}

bool view_ranges(struct imap_session *s, struct imap_seqset *set, bool uid,
		 struct uid_ranges *out)
{
	uint32_t last = uid_map_last(s->view.map);
	struct uid_range *r;
	size_t n = 0;

	if (set->saved) {			/* UIDs, whatever the command */
		r = s->saved.n ? arena_dup(&s->reader.arena, s->saved.r,
					   s->saved.n * sizeof(*r)) : NULL;
		*out = (struct uid_ranges){ r, s->saved.n };
		return true;
	}
	imap_seqset_resolve(set, uid ? last : uid_map_total(s->view.map));
	*out = (struct uid_ranges){ NULL, 0 };
	if (set->n == 0)
		return uid;		/* "*" of an empty folder */
	r = arena_alloc(&s->reader.arena, set->n * sizeof(*r));
	for (size_t i = 0; i < set->n; i++) {
		if (!uid) {
			if (!numbers_to_uids(s, &set->r[i], &r[n++]))
				return false;
		} else if (set->r[i].first <= last) {
			r[n++] = (struct uid_range){ set->r[i].first,
				set->r[i].last < last ? set->r[i].last : last };
		}
	}
	*out = (struct uid_ranges){ r, n };
	return true;
}

bool uids_have(struct uid_ranges set, uint32_t uid)
{
	size_t lo = 0, hi = set.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (set.r[mid].last < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < set.n && set.r[lo].first <= uid;
}

struct uid_ranges view_partial(struct imap_session *s, struct uid_ranges in,
			       const struct imap_partial *p)
{
	struct uid_map *m = s->view.map;
	struct uid_range *out = arena_alloc(&s->reader.arena, in.n * sizeof(*out) + 1);
	uint64_t total = 0, from = p->from, to = p->to, at = 0;
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++)
		total += uid_map_count(m, in.r[i].first, in.r[i].last);
	if (p->from_end) {
		from = p->to < total ? total - p->to + 1 : 1;
		to = p->from <= total ? total - p->from + 1 : 0;
	}
	/* at messages stand in the ranges before. */
	for (size_t i = 0; i < in.n && at < to; i++) {
		const uint32_t count = uid_map_count(m, in.r[i].first, in.r[i].last);
		const uint32_t seq = count ? uid_map_seq(m, uid_map_next(m, in.r[i].first)) : 0;
		const uint64_t low = from > at ? from - at : 1;
		const uint64_t high = to - at < count ? to - at : count;

		at += count;
		if (low <= high)
			out[n++] = (struct uid_range){ uid_map_uid(m, seq + (uint32_t)low - 1),
						       uid_map_uid(m, seq + (uint32_t)high - 1) };
	}
	return (struct uid_ranges){ out, n };
}

void view_todo(struct imap_session *s, struct view_todo *t, struct uid_ranges uids)
{
	t->n = uids.n;
	t->r = uids.n ? arena_dup(&s->reader.arena, uids.r, uids.n * sizeof(*uids.r)) : NULL;
}

size_t view_cut(struct imap_session *s, struct view_todo *t, struct uid_range *out,
		size_t max, uint32_t most)
{
	struct uid_map *m = s->view.map;
	size_t n = 0;

	while (t->n > 0 && n < max && most > 0) {
		struct uid_range *at = t->r;
		uint32_t first = uid_map_next(m, at->first), high = at->last;

		if (first != 0 && first <= at->last) {
			high = uid_map_uid(m, uid_map_seq(m, first) + most - 1);
			if (high == 0 || high > at->last)
				high = at->last;
			most -= uid_map_count(m, first, high);
			out[n++] = (struct uid_range){ first, high };
		}
		if (high == at->last) {
			t->r++;
			t->n--;
		} else {
			at->first = high + 1;
		}
	}
	return n;
}

void view_remove(struct imap_session *s, const struct uid_range *gone, size_t n)
{
	uid_map_own(&s->view.map);
	if (n == 1)
		uid_map_remove(s->view.map, gone->first, gone->last);
	else
		uid_map_remove_all(s->view.map, gone, n);
}

/* ---- keywords -------------------------------------------------------------------- */

static bool word_known(const struct imap_view *v, struct span word)
{
	for (size_t i = 0; i < v->n_words; i++)
		if (span_is(word, v->words[i]))
			return true;
	return false;
}

static void word_add(struct imap_view *v, struct span word)
{
	if (v->n_words == v->cap_words) {
		v->cap_words = v->cap_words ? 2 * v->cap_words : 4;
		v->words = xrealloc(v->words, v->cap_words * sizeof(*v->words));
	}
	v->words[v->n_words] = xcalloc(1, word.n + 1);
	memcpy(v->words[v->n_words++], word.p, word.n);
}

void view_put_flags(struct imap_session *s)
{
	static const unsigned all = IMAP_SEEN | IMAP_ANSWERED | IMAP_FLAGGED | IMAP_DELETED |
				    IMAP_DRAFT;
	struct imap_view *v = &s->view;
	struct span *words = arena_alloc(&s->reader.arena, (v->n_words + 2) * sizeof(*words));
	size_t n = 0;

	words[n++] = SPAN("$Forwarded");
	words[n++] = SPAN("$MDNSent");
	for (size_t i = 0; i < v->n_words; i++)
		words[n++] = span_of(v->words[i]);
	out_str(s, "* FLAGS ");
	out_done(s, imap_write_flags(&s->out, all, words, n));
	out_str(s, "\r\n");
}

void view_words(struct imap_session *s, const struct span *words, size_t n)
{
	struct imap_view *v = &s->view;
	const size_t had = v->n_words;

	for (size_t i = 0; i < n && v->n_words < MAX_WORDS; i++)
		if (!word_known(v, words[i]))
			word_add(v, words[i]);
	if (v->n_words > had)
		view_put_flags(s);
}

static void words_free(struct imap_view *v)
{
	for (size_t i = 0; i < v->n_words; i++)
		free(v->words[i]);
	free(v->words);
}

/* ---- what the session changed itself ------------------------------------------------ */

void own_note(struct imap_own *o, uint32_t uid, uint64_t modseq)
{
	o->is_news = true;
	/* One operation of the store has one number: what lies between two of its
	 * messages and has that number is ours as well. */
	if (o->n > 0 && o->r[o->n - 1].modseq == modseq) {
		if (uid < o->r[o->n - 1].first)
			o->r[o->n - 1].first = uid;
		if (uid > o->r[o->n - 1].last)
			o->r[o->n - 1].last = uid;
		return;
	}
	if (o->n == IMAP_OWN) {
		memmove(&o->r[0], &o->r[1], (IMAP_OWN - 1) * sizeof(o->r[0]));
		o->n--;
	}
	o->r[o->n].first = o->r[o->n].last = uid;
	o->r[o->n++].modseq = modseq;
}

bool own_knows(const struct imap_own *o, uint32_t uid, uint64_t modseq)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->r[i].modseq == modseq && o->r[i].first <= uid && uid <= o->r[i].last)
			return true;
	return false;
}

/* ---- folders by path ----------------------------------------------------------- */

static void found(void *ctx, enum err e, const struct store_folders *f)
{
	struct imap_session *s = ctx;
	struct store_folder one;

	imap_call_done(s);
	if (!e && f->n == 0)
		e = ERR_NOTFOUND;
	if (!e) {
		one = f->f[0];
		if (*s->find_prefix)
			one.path = arena_printf(&s->reader.arena, "%s%s", s->find_prefix, one.path);
	}
	s->find_then(s, e, e ? NULL : &one);
	imap_pump(s);
}

enum next folder_find(struct imap_session *s, const char *path, folder_then_fn *then)
{
	struct ns_place p;
	/* To the store the empty path is all folders. */
	enum err e = *path ? ns_resolve(s, path, &p) : ERR_NOTFOUND;

	if (e)
		return then(s, e, NULL);
	s->at = p.at;
	s->find_then = then;
	s->find_prefix = p.prefix;
	s->call = (s->find_deleted ? store_folder_list_deleted : store_folder_list)(&s->at, p.path,
										    found, s);
	s->find_deleted = false;
	return imap_await(s);
}

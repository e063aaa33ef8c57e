#include "common/imap/thread.h"

#include "common/base/check.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

/*
 * A node is a message, or a dummy for one that others refer to.  Nodes are named by
 * their index; 0 is the root of all.  Children hang on `child`, chained by `next`, in
 * any order until they are sorted.
 */
struct node {
	uint32_t parent, child, next, prev;
	uint32_t number;		/* 0: a dummy */
	bool is_reply, linked, gone;
	int64_t sent_ms;		/* of a dummy, once sorted: of its first child */
	uint32_t tie;			/* the number, so too */
	uint64_t id;
	uint64_t subject[2];
};

struct threader {
	enum imap_thread_alg alg;
	struct node *node;
	uint32_t n, cap;
	uint32_t n_messages;
	uint32_t *slot;			/* by id; a node's index, 0: free */
	uint32_t n_slots;		/* a power of two */
	uint32_t used;			/* slots taken */
	uint32_t *order;		/* scratch of sorting */
	/* writing */
	uint32_t at;
	uint32_t *open;			/* nodes whose bracket is open, innermost last */
	uint32_t n_open, open_cap;
};

#define ROOT 0u

static uint32_t new_node(struct threader *t)
{
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 256;

		t->node = xrealloc(t->node, cap * sizeof(*t->node));
		t->cap = cap;
	}
	t->node[t->n] = (struct node){ 0 };
	return t->n++;
}

struct threader *threader_new(enum imap_thread_alg alg)
{
	struct threader *t = xcalloc(1, sizeof(*t));

	t->alg = alg;
	(void)new_node(t);
	return t;
}

void threader_free(struct threader **tp)
{
	struct threader *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	free(t->node);
	free(t->slot);
	free(t->order);
	free(t->open);
	free(t);
}

/* ---- links --------------------------------------------------------------------------- */

static void unlink_node(struct threader *t, uint32_t i)
{
	struct node *n = &t->node[i];

	if (!n->linked)
		return;
	if (n->prev)
		t->node[n->prev].next = n->next;
	else
		t->node[n->parent].child = n->next;
	if (n->next)
		t->node[n->next].prev = n->prev;
	n->linked = false;
	n->parent = n->next = n->prev = 0;
}

static void link_node(struct threader *t, uint32_t parent, uint32_t i)
{
	struct node *n = &t->node[i], *p = &t->node[parent];

	unlink_node(t, i);
	n->parent = parent;
	n->next = p->child;
	n->prev = 0;
	n->linked = true;
	if (n->next)
		t->node[n->next].prev = i;
	p->child = i;
}

/* Would i below parent make a loop?  When in doubt (THREADER_CHAIN) it would. */
static bool makes_loop(const struct threader *t, uint32_t parent, uint32_t i)
{
	if (parent == i)
		return true;
	if (t->node[i].child == 0)
		return false;		/* it is above nobody */
	for (unsigned steps = 0; parent != ROOT; parent = t->node[parent].parent)
		if (parent == i || ++steps > THREADER_CHAIN)
			return true;
	return false;
}

/* ---- nodes by id ----------------------------------------------------------------------- */

static uint32_t *find_slot(struct threader *t, uint64_t id)
{
	uint32_t i = (uint32_t)(id ^ id >> 29) & (t->n_slots - 1);

	while (t->slot[i] && t->node[t->slot[i]].id != id)
		i = (i + 1) & (t->n_slots - 1);
	return &t->slot[i];
}

static void grow_slots(struct threader *t)
{
	uint32_t *old = t->slot, n = t->n_slots;

	t->n_slots = n ? n * 2 : 1024;
	t->slot = xcalloc(t->n_slots, sizeof(*t->slot));
	for (uint32_t i = 0; i < n; i++)
		if (old[i])
			*find_slot(t, t->node[old[i]].id) = old[i];
	free(old);
}

/* The node of this id, made as a dummy; 0: there are too many. */
static uint32_t node_of(struct threader *t, uint64_t id)
{
	uint32_t *slot;

	if (2 * t->used >= t->n_slots)
		grow_slots(t);
	slot = find_slot(t, id);
	if (*slot == 0 && t->n < 2 * THREADER_MESSAGES) {
		*slot = new_node(t);
		t->node[*slot].id = id;
		t->used++;
	}
	return *slot;
}

/* ---- adding (REFERENCES 1) ---------------------------------------------------------------- */

static uint32_t add_message(struct threader *t, const struct threader_msg *m)
{
	uint32_t i = t->alg == IMAP_THREAD_REFERENCES && m->id ? node_of(t, m->id) : 0;
	struct node *n;

	/* Without an id, or with that of another message, it is one of its own. */
	if (i == 0 || t->node[i].number)
		i = new_node(t);
	n = &t->node[i];
	n->number = n->tie = m->number;
	n->is_reply = m->is_reply;
	n->sent_ms = m->sent_ms;
	memcpy(n->subject, m->subject, sizeof(n->subject));
	return i;
}

static uint64_t ref_at(const struct threader_msg *m, size_t i)
{
	uint64_t v;

	memcpy(&v, m->refs + 8 * i, sizeof(v));
	return le64toh(v);
}

/* References are linked in a chain where that breaks no link; 0, or the last. */
static uint32_t link_refs(struct threader *t, const struct threader_msg *m)
{
	uint32_t before = 0;

	for (size_t k = 0; k < m->n_refs; k++) {
		uint32_t i = node_of(t, ref_at(m, k));

		if (i == 0)
			continue;
		if (before && !t->node[i].linked && !makes_loop(t, before, i))
			link_node(t, before, i);
		before = i;
	}
	return before;
}

enum err threader_add(struct threader *t, const struct threader_msg *m)
{
	uint32_t i, parent;

	if (t->n_messages == THREADER_MESSAGES)
		return ERR_LIMIT;
	t->n_messages++;
	i = add_message(t, m);
	if (t->alg != IMAP_THREAD_REFERENCES)
		return ERR_OK;
	parent = link_refs(t, m);
	/* What it says itself counts more than what others say of it (1 B), even when a
	 * loop leaves it without a parent. */
	unlink_node(t, i);
	if (parent && !makes_loop(t, parent, i))
		link_node(t, parent, i);
	return ERR_OK;
}

/* ---- order ------------------------------------------------------------------------------- */

static int by_date(const void *pa, const void *pb, void *nodes)
{
	const struct node *all = nodes;
	const struct node *a = &all[*(const uint32_t *)pa], *b = &all[*(const uint32_t *)pb];

	if (a->sent_ms != b->sent_ms)
		return a->sent_ms < b->sent_ms ? -1 : 1;
	return a->tie < b->tie ? -1 : a->tie > b->tie;
}

/* Put the children of p in order of their dates, and its own date if it is a dummy. */
static void sort_children(struct threader *t, uint32_t p)
{
	uint32_t n = 0, before = 0;

	for (uint32_t c = t->node[p].child; c; c = t->node[c].next)
		t->order[n++] = c;
	if (n > 1)
		qsort_r(t->order, n, sizeof(*t->order), by_date, t->node);
	for (uint32_t i = 0; i < n; i++) {
		struct node *c = &t->node[t->order[i]];

		c->prev = before;
		c->next = i + 1 < n ? t->order[i + 1] : 0;
		before = t->order[i];
	}
	if (n == 0)
		return;
	t->node[p].child = t->order[0];
	if (t->node[p].number == 0) {
		t->node[p].sent_ms = t->node[t->order[0]].sent_ms;
		t->node[p].tie = t->node[t->order[0]].tie;
	}
}

/* The node after i when children come before their parents; ROOT is the last. */
static uint32_t deepest(const struct threader *t, uint32_t i)
{
	while (t->node[i].child)
		i = t->node[i].child;
	return i;
}

static uint32_t next_up(const struct threader *t, uint32_t i)
{
	return t->node[i].next ? deepest(t, t->node[i].next) : t->node[i].parent;
}

/* Everybody's children by date, from below, so that dummies have theirs first. */
static void sort_all(struct threader *t)
{
	uint32_t i = deepest(t, ROOT);

	while (i != ROOT) {
		if (t->node[i].next) {
			i = deepest(t, t->node[i].next);
		} else {
			i = t->node[i].parent;
			sort_children(t, i);
		}
	}
}

/* ---- REFERENCES 2 and 3: roots, dummies ------------------------------------------------------ */

static void gather_roots(struct threader *t)
{
	for (uint32_t i = t->n - 1; i > 0; i--)
		if (!t->node[i].linked)
			link_node(t, ROOT, i);
}

/* The children of i take its place. */
static void promote(struct threader *t, uint32_t i)
{
	uint32_t parent = t->node[i].parent, c;

	while ((c = t->node[i].child) != 0)
		link_node(t, parent, c);
	unlink_node(t, i);
	t->node[i].gone = true;
}

static bool has_one_child(const struct threader *t, uint32_t i)
{
	uint32_t c = t->node[i].child;

	return c && t->node[c].next == 0;
}

/* Dummies go: from below, so that what they leave has been pruned. */
static void prune(struct threader *t)
{
	uint32_t i = deepest(t, ROOT);

	while (i != ROOT) {
		struct node *n = &t->node[i];
		uint32_t next = next_up(t, i);

		if (n->number == 0 &&
		    (n->child == 0 || n->parent != ROOT || has_one_child(t, i)))
			promote(t, i);
		i = next;
	}
}

/* ---- REFERENCES 5: subjects -------------------------------------------------------------------- */

/* Whose subject counts for a thread. */
static const struct node *speaker(const struct threader *t, uint32_t i)
{
	return t->node[i].number ? &t->node[i] : &t->node[t->node[i].child];
}

static bool has_subject(const struct node *n)
{
	return n->subject[0] != 0 || n->subject[1] != 0;
}

static uint32_t *find_subject(struct threader *t, const uint64_t subject[2])
{
	uint32_t i = (uint32_t)(subject[0] ^ subject[1]) & (t->n_slots - 1);

	for (; t->slot[i]; i = (i + 1) & (t->n_slots - 1)) {
		const struct node *n = speaker(t, t->slot[i]);

		if (memcmp(n->subject, subject, sizeof(n->subject)) == 0)
			break;
	}
	return &t->slot[i];
}

static void new_table(struct threader *t, uint32_t entries)
{
	free(t->slot);
	t->n_slots = 1024;
	while (t->n_slots / 2 < entries)
		t->n_slots *= 2;
	t->slot = xcalloc(t->n_slots, sizeof(*t->slot));
}

/* 5 B: the table of the threads that others are put to. */
static void note_subjects(struct threader *t)
{
	for (uint32_t i = t->node[ROOT].child; i; i = t->node[i].next) {
		const struct node *n = speaker(t, i), *known;
		uint32_t *slot;

		if (!has_subject(n))
			continue;
		slot = find_subject(t, n->subject);
		known = *slot ? &t->node[*slot] : NULL;
		if (known == NULL ||
		    (known->number && (t->node[i].number == 0 ||
				       (known->is_reply && !n->is_reply))))
			*slot = i;
	}
}

/* 5 C: i and the thread in the table have the same subject. */
static void merge(struct threader *t, uint32_t *slot, uint32_t i)
{
	uint32_t known = *slot, both;

	if (t->node[known].number == 0 && t->node[i].number == 0) {
		uint32_t c;

		while ((c = t->node[i].child) != 0)
			link_node(t, known, c);
		unlink_node(t, i);
		t->node[i].gone = true;
	} else if (t->node[known].number == 0 ||
		   (t->node[i].is_reply && !t->node[known].is_reply)) {
		link_node(t, known, i);
	} else {
		both = new_node(t);
		memcpy(t->node[both].subject, t->node[known].subject,
		       sizeof(t->node[both].subject));
		link_node(t, ROOT, both);
		link_node(t, both, i);
		link_node(t, both, known);
		*slot = both;
	}
}

static void merge_subjects(struct threader *t)
{
	uint32_t n = 0;

	for (uint32_t i = t->node[ROOT].child; i; i = t->node[i].next)
		t->order[n++] = i;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = t->order[k], *slot;

		if (t->node[i].parent != ROOT || t->node[i].gone ||
		    !has_subject(speaker(t, i)))
			continue;
		slot = find_subject(t, speaker(t, i)->subject);
		if (*slot && *slot != i)
			merge(t, slot, i);
	}
}

/* ---- ORDEREDSUBJECT -------------------------------------------------------------------------------- */

static int by_subject(const void *pa, const void *pb, void *nodes)
{
	const struct node *all = nodes;
	const struct node *a = &all[*(const uint32_t *)pa], *b = &all[*(const uint32_t *)pb];
	int c = memcmp(a->subject, b->subject, sizeof(a->subject));

	return c ? c : by_date(pa, pb, nodes);
}

/* The first message of each subject is the parent of all others (section 3). */
static void thread_subjects(struct threader *t)
{
	uint32_t n = t->n - 1, head = 0;

	for (uint32_t i = 0; i < n; i++)
		t->order[i] = i + 1;
	qsort_r(t->order, n, sizeof(*t->order), by_subject, t->node);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = t->order[i];

		if (head && memcmp(t->node[head].subject, t->node[k].subject,
				   sizeof(t->node[k].subject)) == 0) {
			link_node(t, head, k);
		} else {
			link_node(t, ROOT, k);
			head = k;
		}
	}
}

void threader_finish(struct threader *t)
{
	/* Merging makes one more node for each that it joins, at most. */
	t->order = xcalloc(2 * (size_t)t->n + 1, sizeof(*t->order));
	if (t->alg == IMAP_THREAD_ORDEREDSUBJECT) {
		thread_subjects(t);
	} else {
		gather_roots(t);
		prune(t);
		sort_all(t);
		new_table(t, t->n);
		note_subjects(t);
		merge_subjects(t);
	}
	sort_all(t);
	t->at = t->node[ROOT].child;
	free(t->order);
	t->order = NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------ */

static void add(struct buf *out, const char *s)
{
	CHECK(buf_adds(out, s) == ERR_OK);
}

static void open_bracket(struct threader *t, struct buf *out, uint32_t i)
{
	if (t->n_open == t->open_cap) {
		t->open_cap = t->open_cap ? t->open_cap * 2 : 64;
		t->open = xrealloc(t->open, t->open_cap * sizeof(*t->open));
	}
	t->open[t->n_open++] = i;
	add(out, "(");
}

/* A child that is alone stands behind its parent; others have brackets of their own. */
static void write_node(struct threader *t, struct buf *out, uint32_t i)
{
	const struct node *n = &t->node[i], *parent = &t->node[n->parent];

	if (n->parent != ROOT && parent->number && n->prev == 0)
		add(out, " ");
	if (n->parent == ROOT || !has_one_child(t, n->parent))
		open_bracket(t, out, i);
	if (n->number)
		CHECK(buf_addu(out, n->number) == ERR_OK);
	t->at = n->child;
}

bool threader_write(struct threader *t, struct buf *out, size_t max)
{
	size_t full = out->len + max;

	while (t->at || t->n_open) {
		if (out->len >= full)
			return true;
		if (t->at) {
			write_node(t, out, t->at);
		} else {	/* close what ends here, and go to the next one of it */
			add(out, ")");
			t->at = t->node[t->open[--t->n_open]].next;
		}
	}
	return false;
}

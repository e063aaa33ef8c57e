#include "roles/client-access/imap/uid_map.h"

#include "common/base/check.h"
#include <stdlib.h>
#include <string.h>

struct run {
	uint32_t first, last;
	uint32_t seq;			/* of first; right only below m->right */
};

struct uid_map {
	unsigned refs;
	struct run *r;
	size_t n, cap;
	size_t right;			/* runs [0, right) have their numbers */
	uint32_t total;
	struct uid_maps *pool;		/* NULL: not shared */
	struct uid_map_key key;
	struct hash_node node;
};

void uid_maps_init(struct uid_maps *pool)
{
	hash_init(&pool->table);
}

void uid_maps_fini(struct uid_maps *pool)
{
	CHECK(pool->table.n == 0);
	hash_fini(&pool->table);
}

static void push(struct uid_map *m, uint32_t first, uint32_t last)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 4;
		m->r = xrealloc(m->r, m->cap * sizeof(*m->r));
	}
	m->r[m->n++] = (struct run){ first, last, 0 };
	m->total += last - first + 1;
}

struct uid_map *uid_map_new(const struct uid_range *runs, size_t n)
{
	struct uid_map *m = xcalloc(1, sizeof(*m));

	m->refs = 1;
	if (n > 0) {
		m->cap = n;
		m->r = xcalloc(n, sizeof(*m->r));
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t end = m->n ? m->r[m->n - 1].last : 0;

		if (runs[i].first <= end || runs[i].last < runs[i].first)
			break;
		if (end != 0 && runs[i].first == end + 1) {
			m->total += runs[i].last - end;
			m->r[m->n - 1].last = runs[i].last;
		} else {
			push(m, runs[i].first, runs[i].last);
		}
	}
	return m;
}

void uid_map_unref(struct uid_map **mp)
{
	struct uid_map *m = *mp;

	*mp = NULL;
	if (m == NULL || --m->refs > 0)
		return;
	if (m->pool)
		hash_del(&m->pool->table, &m->node);
	free(m->r);
	free(m);
}

static void unshare(struct uid_map *m)
{
	if (m->pool)
		hash_del(&m->pool->table, &m->node);
	m->pool = NULL;
}

void uid_map_own(struct uid_map **mp)
{
	struct uid_map *m = *mp, *copy;

	if (m->refs == 1) {
		unshare(m);
		return;
	}
	copy = xcalloc(1, sizeof(*copy));
	copy->refs = 1;
	copy->n = copy->cap = m->n;
	copy->right = m->right;
	copy->total = m->total;
	if (m->n > 0)
		copy->r = xmemdup(m->r, m->n * sizeof(*m->r));
	m->refs--;
	*mp = copy;
}

void uid_map_share(struct uid_maps *pool, struct uid_map **mp, const struct uid_map_key *key)
{
	struct uid_map *m = *mp;
	struct hash_node *n;

	if (m->pool)		/* unchanged since it was shared */
		return;
	memset(&m->key, 0, sizeof(m->key));	/* padding is hashed too */
	m->key.mailbox = key->mailbox;
	m->key.fid = key->fid;
	m->key.epoch = key->epoch;
	m->key.cn = key->cn;
	n = hash_find(&pool->table, &m->key, sizeof(m->key));
	if (n != NULL) {
		struct uid_map *same = CONTAINER_OF(n, struct uid_map, node);

		/* Two states under one number would be the store's mistake: then
		 * each session keeps its own. */
		if (same->n != m->n || same->total != m->total)
			return;
		same->refs++;
		uid_map_unref(mp);
		*mp = same;
		return;
	}
	if (m->cap > m->n + 4) {
		m->cap = m->n ? m->n : 1;
		m->r = xrealloc(m->r, m->cap * sizeof(*m->r));
	}
	m->pool = pool;
	hash_add(&pool->table, &m->node, &m->key, sizeof(m->key));
}

uint32_t uid_map_total(const struct uid_map *m)
{
	return m->total;
}

size_t uid_map_runs(const struct uid_map *m)
{
	return m->n;
}

/* Number the runs up to and including index i. */
static void number(struct uid_map *m, size_t i)
{
	for (; m->right <= i; m->right++) {
		const struct run *before = m->right ? &m->r[m->right - 1] : NULL;

		m->r[m->right].seq =
			before ? before->seq + (before->last - before->first) + 1 : 1;
	}
}

/* The first run that ends at or above uid; m->n if none. */
static size_t find(const struct uid_map *m, uint32_t uid)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->r[mid].last < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t uid_map_uid(struct uid_map *m, uint32_t seq)
{
	size_t lo = 0, hi = m->n;

	if (seq == 0 || seq > m->total)
		return 0;
	number(m, m->n - 1);
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->r[mid].seq <= seq)
			lo = mid;
		else
			hi = mid;
	}
	return m->r[lo].first + (seq - m->r[lo].seq);
}

uint32_t uid_map_seq(struct uid_map *m, uint32_t uid)
{
	size_t i = find(m, uid);

	if (i == m->n || m->r[i].first > uid || uid == 0)
		return 0;
	number(m, i);
	return m->r[i].seq + (uid - m->r[i].first);
}

uint32_t uid_map_last(const struct uid_map *m)
{
	return m->n ? m->r[m->n - 1].last : 0;
}

uint32_t uid_map_count(struct uid_map *m, uint32_t from, uint32_t to)
{
	uint32_t low = uid_map_next(m, from), high = uid_map_highest(m, from, to);

	if (low == 0 || high == 0)
		return 0;
	return uid_map_seq(m, high) - uid_map_seq(m, low) + 1;
}

uint32_t uid_map_highest(const struct uid_map *m, uint32_t from, uint32_t to)
{
	size_t i = find(m, to);
	uint32_t uid;

	if (i < m->n && m->r[i].first <= to)
		uid = to;
	else if (i > 0)
		uid = m->r[i - 1].last;
	else
		return 0;
	return uid >= from ? uid : 0;
}

bool uid_map_run(const struct uid_map *m, uint32_t from, struct uid_range *out)
{
	size_t i = find(m, from);

	if (i == m->n)
		return false;
	*out = (struct uid_range){ m->r[i].first, m->r[i].last };
	if (out->first < from)
		out->first = from;
	return true;
}

uint32_t uid_map_next(const struct uid_map *m, uint32_t from)
{
	size_t i = find(m, from);

	if (i == m->n)
		return 0;
	return m->r[i].first > from ? m->r[i].first : from;
}

void uid_map_append(struct uid_map *m, uint32_t uid)
{
	uint32_t end = uid_map_last(m);

	CHECK(m->refs == 1 && m->pool == NULL);
	if (uid <= end)
		return;
	if (m->n > 0 && uid == end + 1) {
		m->r[m->n - 1].last = uid;
		m->total++;
	} else {
		push(m, uid, uid);
	}
}

static void insert(struct uid_map *m, size_t i, uint32_t first, uint32_t last)
{
	if (m->n == m->cap) {
		m->cap = m->cap * 2;
		m->r = xrealloc(m->r, m->cap * sizeof(*m->r));
	}
	memmove(&m->r[i + 1], &m->r[i], (m->n - i) * sizeof(*m->r));
	m->r[i] = (struct run){ first, last, 0 };
	m->n++;
}

/* Runs [i, k) go. */
static void drop(struct uid_map *m, size_t i, size_t k)
{
	memmove(&m->r[i], &m->r[k], (m->n - k) * sizeof(*m->r));
	m->n -= k - i;
}

void uid_map_remove(struct uid_map *m, uint32_t first, uint32_t last)
{
	size_t i = find(m, first), k;

	CHECK(m->refs == 1 && m->pool == NULL);
	if (i == m->n || m->r[i].first > last || first == 0 || first > last)
		return;
	if (m->r[i].first < first) {
		const uint32_t end = m->r[i].last;

		m->r[i].last = first - 1;
		m->total -= end - first + 1;
		if (m->right > i + 1)
			m->right = i + 1;
		if (end > last) {
			insert(m, i + 1, last + 1, end);
			m->total += end - last;
			return;
		}
		i++;
	}
	if (m->right > i)
		m->right = i;
	for (k = i; k < m->n && m->r[k].last <= last; k++)
		m->total -= m->r[k].last - m->r[k].first + 1;
	if (k < m->n && m->r[k].first <= last) {
		m->total -= last - m->r[k].first + 1;
		m->r[k].first = last + 1;
	}
	drop(m, i, k);
}

/* The runs behind the first that is hit are written anew. */
void uid_map_remove_all(struct uid_map *m, const struct uid_range *gone, size_t n)
{
	const size_t from = n ? find(m, gone[0].first) : m->n;
	const size_t n_old = m->n - from;
	struct run *old;
	size_t g = 0;

	CHECK(m->refs == 1 && m->pool == NULL);
	if (n_old == 0)
		return;
	old = xmemdup(&m->r[from], n_old * sizeof(*old));
	m->n = from;
	if (m->right > from)
		m->right = from;
	for (size_t i = 0; i < n_old; i++) {
		uint64_t first = old[i].first;

		m->total -= old[i].last - old[i].first + 1;
		while (g < n && gone[g].last < first)
			g++;
		for (; g < n && gone[g].first <= old[i].last && first <= old[i].last; g++) {
			if (gone[g].first > first)
				push(m, (uint32_t)first, gone[g].first - 1);
			first = (uint64_t)gone[g].last + 1;
			if (gone[g].last >= old[i].last)
				break;		/* it may reach into the next run */
		}
		if (first <= old[i].last)
			push(m, (uint32_t)first, old[i].last);
	}
	free(old);
}

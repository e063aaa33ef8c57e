#include "tests/system/lib/mbox.h"

#include "common/base/check.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

unsigned mbox_flags(const struct mbox *m, const struct mbox_place *p)
{
	return m->item[p->item].flags | (p->deleted ? MBOX_DELETED : 0);
}

struct mbox_place *mbox_find(struct mbox *m, int folder, uint32_t uid)
{
	struct mbox_folder *f = &m->f[folder];
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (f->at[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && f->at[lo].uid == uid ? &f->at[lo] : NULL;
}

bool mbox_has_room(const struct mbox *m, int folder, size_t n)
{
	size_t total = n;

	for (int i = 0; i < MBOX_FOLDERS; i++)
		total += m->f[i].n;
	return m->f[folder].n + n < MBOX_PLACES && total < MBOX_ITEMS;
}

static int new_item(struct mbox *m, unsigned flags, unsigned size)
{
	for (int i = 0; i < MBOX_ITEMS; i++)
		if (m->item[i].links == 0) {
			m->item[i] = (struct mbox_item){ flags & ~(unsigned)MBOX_DELETED, size, 0 };
			return i;
		}
	CHECK(!"room for another item");
	return -1;
}

static void put(struct mbox *m, int folder, uint32_t uid, int item, bool deleted)
{
	struct mbox_folder *f = &m->f[folder];

	CHECK(f->n < MBOX_PLACES && uid > f->last_uid);
	f->at[f->n++] = (struct mbox_place){ uid, item, deleted };
	f->last_uid = uid;
	m->item[item].links++;
}

static void take(struct mbox *m, int folder, struct mbox_place *p)
{
	struct mbox_folder *f = &m->f[folder];
	size_t i = (size_t)(p - f->at);

	m->item[p->item].links--;
	memmove(p, p + 1, (f->n - i - 1) * sizeof(*p));
	f->n--;
}

void mbox_add(struct mbox *m, int folder, uint32_t uid, unsigned flags, unsigned size)
{
	put(m, folder, uid, new_item(m, flags, size), flags & MBOX_DELETED);
}

void mbox_store(struct mbox *m, int folder, const struct mbox_set *s, enum mbox_store how,
		unsigned flags)
{
	for (size_t i = 0; i < s->n; i++) {
		struct mbox_place *p = mbox_find(m, folder, s->uid[i]);
		unsigned now;

		if (p == NULL)
			continue;
		now = mbox_flags(m, p);
		now = how == MBOX_ADD	   ? now | flags
		      : how == MBOX_REMOVE ? now & ~flags
					   : flags;
		p->deleted = now & MBOX_DELETED;
		m->item[p->item].flags = now & ~(unsigned)MBOX_DELETED;
	}
}

static bool holds(const struct mbox *m, int folder, int item)
{
	for (size_t i = 0; i < m->f[folder].n; i++)
		if (m->f[folder].at[i].item == item)
			return true;
	return false;
}

size_t mbox_copy(struct mbox *m, int folder, const struct mbox_set *s, int to, bool move,
		 uint32_t first_uid)
{
	uint32_t uid = first_uid ? first_uid : m->f[to].last_uid + 1;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct mbox_place *p = mbox_find(m, folder, s->uid[i]);
		int item;

		if (p == NULL)
			continue;
		item = p->item;
		if (!(move && folder == to) && holds(m, to, item))
			item = new_item(m, m->item[item].flags, m->item[item].size);
		put(m, to, uid++, item, false);
		n++;
	}
	if (move)
		mbox_expunge(m, folder, s, false);
	return n;
}

void mbox_expunge(struct mbox *m, int folder, const struct mbox_set *s, bool only_deleted)
{
	for (size_t i = 0; i < s->n; i++) {
		struct mbox_place *p = mbox_find(m, folder, s->uid[i]);

		if (p && (p->deleted || !only_deleted))
			take(m, folder, p);
	}
}

bool mbox_same(const struct mbox *m, int folder, const struct mbox_seen *s, char *why, size_t cap)
{
	const struct mbox_folder *f = &m->f[folder];

	for (size_t i = 0; i < f->n && i < s->n; i++) {
		const struct mbox_place *p = &f->at[i];
		const struct mbox_row *r = &s->row[i];
		const struct mbox_item *it = &m->item[p->item];

		if (r->uid == p->uid && r->flags == mbox_flags(m, p) &&
		    (r->size == 0 || it->size == 0 || r->size == it->size))
			continue;
		snprintf(why, cap, "message %zu: model uid %u flags %x size %u, server uid %u flags %x"
			 " size %u", i + 1, p->uid, mbox_flags(m, p), it->size, r->uid, r->flags, r->size);
		return false;
	}
	if (f->n != s->n)
		snprintf(why, cap, "model has %zu messages, server %zu", f->n, s->n);
	return f->n == s->n;
}

void mbox_learn(struct mbox *m, int folder, uint32_t since, const struct mbox_seen *s)
{
	struct mbox_folder *f = &m->f[folder];
	size_t i = 0;

	if (f->n != s->n)
		return;
	while (i < f->n && f->at[i].uid <= since)
		i++;
	for (; i < f->n && s->row[i].uid > since; i++) {
		f->at[i].uid = s->row[i].uid;
		f->last_uid = s->row[i].uid;
	}
}

static const struct {
	const char *name;
	unsigned bit;
} names[] = {
	{ "\\Seen", MBOX_SEEN }, { "\\Answered", MBOX_ANSWERED }, { "\\Flagged", MBOX_FLAGGED },
	{ "\\Draft", MBOX_DRAFT }, { "\\Deleted", MBOX_DELETED }, { "$k0", MBOX_KEYWORD },
	{ "$k1", MBOX_KEYWORD << 1 }, { "$k2", MBOX_KEYWORD << 2 }, { "$k3", MBOX_KEYWORD << 3 },
};

void mbox_flags_text(unsigned flags, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_ELEMS(names); i++)
		if (flags & names[i].bit)
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? " " : "", names[i].name);
}

unsigned mbox_flags_parse(const char *p)
{
	unsigned flags = 0;

	while (*p && *p != ')') {
		size_t n = strcspn(p, " )");

		for (size_t i = 0; i < N_ELEMS(names); i++)
			if (strlen(names[i].name) == n && strncasecmp(p, names[i].name, n) == 0)
				flags |= names[i].bit;
		p += n;
		p += *p == ' ';
	}
	return flags;
}

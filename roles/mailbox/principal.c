#include "roles/mailbox/principal.h"

#include "common/base/check.h"
#include <stdlib.h>
#include <string.h>

enum { KNOWN_MAX = 4096 };

struct known {
	struct hash_node node;		/* in role.principals, by guid */
	struct guid guid;
	struct guid *groups, *full;
	size_t n_groups, n_full;
};

static void drop(struct role *st, struct known *k)
{
	hash_del(&st->principals, &k->node);
	free(k->groups);
	free(k->full);
	free(k);
}

void principal_forget(struct role *st)
{
	struct hash_node *n = hash_next(&st->principals, NULL), *next;

	for (; n; n = next) {
		next = hash_next(&st->principals, n);
		drop(st, CONTAINER_OF(n, struct known, node));
	}
}

static struct guid *keep(const struct guid *g, size_t n)
{
	return n ? xmemdup(g, n * sizeof(*g)) : NULL;
}

static struct known *look_up(struct role *st, const struct guid *who)
{
	struct replica *r = member_replica(st->member);
	struct guid set[1 + PRINCIPAL_GROUPS], full[PRINCIPAL_FULL];
	size_t n = replica_principals(r, who, set, N_ELEMS(set)), n_full = 0;
	struct known *k = xcalloc(1, sizeof(*k));

	for (size_t i = 0; i < n && n_full < N_ELEMS(full); i++)
		n_full += replica_linked(r, &set[i], OBJ_FULL_ACCESS, full + n_full,
					 N_ELEMS(full) - n_full);
	k->guid = *who;
	k->n_groups = n - 1;
	k->groups = keep(set + 1, n - 1);
	k->n_full = n_full;
	k->full = keep(full, n_full);
	hash_add(&st->principals, &k->node, &k->guid, sizeof(k->guid));
	return k;
}

void principal_resolve(struct role *st, struct who *w, struct arena *a)
{
	struct hash_node *n;
	struct known *k;

	if (who_may_all(w) || st->member == NULL)
		return;
	n = hash_find(&st->principals, &w->principal, sizeof(w->principal));
	if (n == NULL && st->principals.n >= KNOWN_MAX)
		principal_forget(st);
	k = n ? CONTAINER_OF(n, struct known, node) : look_up(st, &w->principal);
	for (size_t i = 0; i < k->n_full && !w->full; i++)
		w->full = guid_eq(&k->full[i], &w->mailbox);
	w->n_groups = k->n_groups;
	w->groups = k->n_groups ? arena_dup(a, k->groups, k->n_groups * sizeof(*k->groups)) : NULL;
}

#include "roles/client-access/users.h"

#include "common/base/check.h"
#include <stdlib.h>

struct user {
	struct hash_node node;
	struct list rest;
	struct guid who;
	unsigned n[USERS_KINDS];
	int64_t last_ms, until_ms;	/* of the delayed kind; rests until */
};

void users_init(struct users *u)
{
	hash_init(&u->table);
	list_init(&u->resting);
	u->n_resting = 0;
}

static void forget(struct users *u, struct user *one)
{
	if (!list_empty(&one->rest)) {
		list_del(&one->rest);
		u->n_resting--;
	}
	hash_del(&u->table, &one->node);
	free(one);
}

void users_fini(struct users *u)
{
	LIST_EACH (&u->resting, n)
		forget(u, CONTAINER_OF(n, struct user, rest));
	CHECK(u->table.n == 0);
	hash_fini(&u->table);
}

size_t users_known(const struct users *u)
{
	return u->table.n;
}

static bool is_in(const struct user *one)
{
	for (size_t i = 0; i < USERS_KINDS; i++)
		if (one->n[i] > 0)
			return true;
	return false;
}

/* Who left first rests at the front; whose time is over behind one who still has to wait
 * stays a little longer. */
static void clean(struct users *u, int64_t now_ms)
{
	while (!list_empty(&u->resting)) {
		struct user *one = CONTAINER_OF(u->resting.next, struct user, rest);

		if (one->until_ms > now_ms && u->n_resting <= USERS_RESTING)
			break;
		forget(u, one);
	}
}

static void rest_or_forget(struct users *u, struct user *one)
{
	if (is_in(one))
		return;
	if (one->until_ms == 0) {
		forget(u, one);
		return;
	}
	list_add_tail(&u->resting, &one->rest);
	u->n_resting++;
}

static struct user *claim(struct users *u, const struct guid *who)
{
	struct hash_node *n = hash_find(&u->table, who, sizeof(*who));
	struct user *one = n ? CONTAINER_OF(n, struct user, node) : NULL;

	if (one == NULL) {
		one = xcalloc(1, sizeof(*one));
		one->who = *who;
		list_init(&one->rest);
		hash_add(&u->table, &one->node, &one->who, sizeof(one->who));
	} else if (!list_empty(&one->rest)) {
		list_del(&one->rest);
		list_init(&one->rest);
		u->n_resting--;
	}
	return one;
}

enum err users_enter(struct users *u, struct users_seat *s, const struct guid *who,
		     enum users_kind kind, const struct users_limits *limits, int64_t now_ms)
{
	struct user *one;
	enum err e = ERR_OK;

	CHECK(s->all == NULL);
	if (limits->max == 0 && limits->delay_ms == 0)
		return ERR_OK;
	clean(u, now_ms);
	one = claim(u, who);
	if (limits->max > 0 && one->n[kind] >= limits->max)
		e = ERR_LIMIT;
	else if (limits->delay_ms > 0 && one->until_ms > 0 &&
		 now_ms - one->last_ms < limits->delay_ms)
		e = ERR_AGAIN;
	if (e) {
		rest_or_forget(u, one);
		return e;
	}
	if (limits->delay_ms > 0) {
		one->last_ms = now_ms;
		one->until_ms = now_ms + limits->delay_ms;
	}
	one->n[kind]++;
	*s = (struct users_seat){ u, one, kind };
	return ERR_OK;
}

void users_leave(struct users_seat *s)
{
	struct user *one = s->user;
	struct users *u = s->all;

	if (u == NULL)
		return;
	CHECK(one->n[s->kind] > 0);
	one->n[s->kind]--;
	*s = (struct users_seat){ NULL, NULL, s->kind };
	rest_or_forget(u, one);
}

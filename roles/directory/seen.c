#include "common/base/check.h"
#include "roles/directory/directory.h"
#include <stdio.h>
#include <stdlib.h>

/* What servers reported since we started; it is asked for again at each start. */

static struct seen *find(const struct directory *d, const struct guid *server)
{
	struct hash_node *n = hash_find(&d->members, server->b, sizeof(server->b));

	return n ? CONTAINER_OF(n, struct seen, node) : NULL;
}

const struct seen *seen_find(const struct directory *d, const struct guid *server)
{
	return find(d, server);
}

void seen_note(struct directory *d, const struct guid *server, uint64_t usn,
	       const char *version, int64_t started_ms, int64_t now_ms)
{
	struct seen *s = find(d, server);

	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->server = *server;
		hash_add(&d->members, &s->node, s->server.b, sizeof(s->server.b));
		metric_add(d->m, M_MEMBERS, 1);
	}
	s->usn = usn;
	s->at_ms = now_ms;
	s->started_ms = started_ms;
	snprintf(s->version, sizeof(s->version), "%s", version);
}

void seen_forget(struct directory *d, const struct guid *server)
{
	struct seen *s = find(d, server);

	if (!s)
		return;
	hash_del(&d->members, &s->node);
	free(s);
	metric_add(d->m, M_MEMBERS, -1);
}

void seen_free(struct directory *d)
{
	struct hash_node *n = hash_next(&d->members, NULL), *next;

	for (; n; n = next) {
		next = hash_next(&d->members, n);
		hash_del(&d->members, n);
		free(CONTAINER_OF(n, struct seen, node));
	}
	hash_fini(&d->members);
}

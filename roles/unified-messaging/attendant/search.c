#include "roles/unified-messaging/attendant/search.h"

#include "common/replica/objects.h"
#include "common/replica/replica.h"
#include "roles/unified-messaging/prompt/phrase.h"
#include "roles/unified-messaging/route.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 50 };

void search_begin(struct search *s, struct replica *r, const struct guid *plan, const char *typed)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->typed, sizeof(s->typed), "%s", typed);
	s->n_policies = replica_linked(r, plan, OBJ_DIAL_PLAN, s->policy, N_ELEMS(s->policy));
}

static void look_at(struct search *s, const struct object *o)
{
	const char *display = object_text(o, OBJ_DISPLAY), *extension = object_text(o, OBJ_EXTENSION);
	char keys[SPELL_MAX];
	struct search_hit *h;

	if (!display)
		display = object_text(o, OBJ_NAME);
	if (o->klass != CLASS_MAILBOX || !display || !extension || !route_is_in_service(o) ||
	    object_bool(o, OBJ_HIDDEN, false))
		return;
	spell_person(object_text(o, OBJ_SURNAME), object_text(o, OBJ_GIVEN_NAME), display, keys);
	if (!spell_matches(keys, s->typed))
		return;
	if (s->n_hits == SEARCH_HITS) {
		s->too_many = true;
		return;
	}
	h = &s->hit[s->n_hits++];
	h->mailbox = o->guid;
	snprintf(h->extension, sizeof(h->extension), "%s", extension);
	phrase_name(display, h->name, sizeof(h->name));
}

/* One page of one policy. */
static size_t page(struct search *s, struct replica *r)
{
	struct guid g[PAGE];
	struct arena a = { 0 };
	size_t n = objects_linked(replica_db(r), &s->policy[s->at], OBJ_UM_POLICY, &s->after, g, PAGE);
	struct object *o;

	for (size_t i = 0; i < n && !s->too_many; i++) {
		arena_reset(&a);
		if (replica_by_guid(r, &g[i], &a, &o) == ERR_OK)
			look_at(s, o);
	}
	arena_fini(&a);
	return n;
}

bool search_step(struct search *s, struct replica *r, size_t n)
{
	size_t seen = 0;

	while (s->at < s->n_policies && !s->too_many && seen < n && replica_is_ready(r)) {
		size_t got = page(s, r);

		seen += got + 1;
		if (got < PAGE) {
			s->at++;
			s->after = 0;
		}
	}
	return s->at >= s->n_policies || s->too_many || !replica_is_ready(r);
}

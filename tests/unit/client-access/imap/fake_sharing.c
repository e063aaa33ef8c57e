/* fake_sharing - a directory in which nobody shares anything: "bob" is all others, and
 * his mailbox is as empty as a store that never answers */
#include "roles/client-access/sharing.h"

#include "common/api/rights.h"
#include "common/api/store.h"
#include "common/base/check.h"
#include <string.h>

static const struct guid bob = { { 9 } };

enum err sharing_find(struct cas *cas, enum sharing_kind kind, const char *name,
		      struct arena *a, struct shared *out)
{
	(void)cas;
	(void)a;
	if (strcmp(name, "ann@example.test") == 0) {	/* fake_auth.c's */
		*out = (struct shared){ .guid = { { 1, 2, 3 } }, .name = "ann" };
		return ERR_OK;
	}
	*out = (struct shared){ .guid = bob, .name = "bob" };
	return kind == SHARING_USER && strcmp(name, "bob") == 0 ? ERR_OK : ERR_NOTFOUND;
}

bool sharing_name(struct cas *cas, const struct guid *g, struct arena *a, struct shared *out)
{
	(void)cas;
	(void)a;
	*out = (struct shared){ .guid = *g, .name = guid_eq(g, &bob) ? "bob" : "ann" };
	return true;
}

size_t sharing_full(struct cas *cas, const struct guid *who, struct guid *out, size_t cap)
{
	(void)cas;
	(void)who;
	(void)out;
	(void)cap;
	return 0;
}

size_t sharing_public(struct cas *cas, struct arena *a, struct shared **out)
{
	(void)cas;
	(void)a;
	*out = NULL;
	return 0;
}

size_t sharing_stores(struct cas *cas, struct rpc_peer **out, size_t cap)
{
	(void)cas;
	(void)out;
	(void)cap;
	return 0;
}

enum err sharing_identify(struct cas *cas, const char *identifier, struct guid *out)
{
	(void)cas;
	*out = bob;
	return strcmp(identifier, "bob") == 0 ? ERR_OK : ERR_NOTFOUND;
}

const char *sharing_identifier(struct cas *cas, const struct guid *g, struct arena *a)
{
	(void)cas;
	(void)a;
	return guid_eq(g, &bob) ? "bob" : "ann";
}

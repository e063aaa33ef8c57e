#ifndef FAKE_REPLICA_H
#define FAKE_REPLICA_H
/* fake_replica - a directory of a few objects in memory, in the replica's place */
#include "common/replica/replica.h"

struct replica {
	struct arena arena;
	struct object *o[16384];
	size_t n;
	const char *domain[8];
	enum domain_kind kind[8];
	size_t n_domains;
	bool away;		/* answers AGAIN */
	unsigned lookups;
};

void fake_fini(struct replica *r);
struct object *fake_add(struct replica *r, unsigned klass, const char *name, const char *address);
struct guid *fake_guid(struct replica *r, const char *name);	/* of the object so named */
void fake_domain(struct replica *r, const char *domain, enum domain_kind kind);
#endif

#ifndef REPLICA_TABLES_H
#define REPLICA_TABLES_H
/*
 * tables - the few directory objects that are asked for with every message on the
 * bus or at every RCPT TO, in memory: keys of servers and administrators, domains
 *
 * Made anew as a whole when one of their objects changes; there are tens to
 * hundreds of them.
 */
#include "common/base/hash.h"
#include "common/db/db.h"
#include "common/replica/replica.h"

struct tables {
	struct hash keys, domains;
	struct arena arena;
};

void tables_init(struct tables *t);
void tables_fini(struct tables *t);
void tables_load(struct tables *t, struct db *db);
bool tables_hold(unsigned klass);		/* does a change of this class matter? */

bool tables_who(const struct tables *t, const uint8_t key[RPC_KEY], struct rpc_ident *out);
/* domain: lower case A-label.  plus: does local+tag@ reach local@? */
enum domain_kind tables_domain(const struct tables *t, const char *domain, bool *plus);
#endif

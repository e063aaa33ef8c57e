/* Private to roles/unified-messaging/sip. */
#ifndef UM_SIP_STACK_PRIV_H
#define UM_SIP_STACK_PRIV_H
#include "common/base/hash.h"
#include "roles/unified-messaging/sip/stack.h"
#include <re.h>

#define SIP_LEG_MAGIC 0x5e61e600u

struct leg_refer;
struct sip_source;

struct sip_stack {
	struct sip_stack_conf conf;
	struct sip *sip;
	struct dnsc *dns;
	struct tls *tls;
	struct sip_lsnr *gate;
	struct sipsess_sock *sessions;
	struct sipevent_sock *events;
	size_t n_subs;
	struct hash legs;		/* by Call-ID */
	struct hash sources;		/* struct sip_source, by address */
	struct sip_stack_stats stats;
};

struct sip_leg {
	unsigned magic;
	struct hash_node node;
	bool listed;
	struct sip_stack *stack;
	const struct sip_msg *invite;	/* until it is answered or rejected */
	struct sipsess *sess;
	const struct sip_leg_events *ev;
	void *ctx;
	struct leg_refer *refer;	/* a transfer under way */
	struct tmr expiry;		/* session timer */
	char call_id[SIP_CALL_ID];
	char peer_host[NUMBER_MAX];
	unsigned session_s;		/* 0: no session timer */
};

struct span span_of_pl(const struct pl *p);
void addr_of_sa(const struct sa *sa, struct addr *out);

/* ---- gate.c: requests before libre's sessions see them ------------------------- */
bool gate_request(const struct sip_msg *msg, void *stack);
/* May this source have another call now?  Counts it. */
bool gate_flood_ok(struct sip_stack *s, const struct addr *source);
void gate_fini(struct sip_stack *s);

/* ---- subscribe.c ------------------------------------------------------------------ */
bool subscribe_request(const struct sip_msg *msg, void *stack);	/* a SUBSCRIBE */

/* ---- leg.c ------------------------------------------------------------------------- */
void leg_invite(const struct sip_msg *msg, void *stack);	/* sipsess's conn handler */
struct sip_leg *leg_find(struct sip_stack *s, const struct sip_msg *msg);
/* The session goes on: RFC 4028. */
void leg_refreshed(struct sip_leg *l, const struct sip_msg *msg);
#endif

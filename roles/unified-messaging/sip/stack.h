#ifndef UM_SIP_STACK_H
#define UM_SIP_STACK_H
/*
 * stack - SIP: listeners, who may call, and the legs of calls
 *
 * libre does transports, transactions and dialogs; here is what it leaves to us or
 * does wrong: Require is refused with 420 when it names what we do not do, UPDATE and
 * session timers (RFC 4028) are answered, peers that are no gateways get a 403 that
 * costs us no state, and calls are counted before anything is allocated.
 *
 * A leg is one call's signalling.  It is made for an INVITE, handed to on_invite, and
 * belongs to whoever answers it.  Nothing of libre is visible here.
 */
#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "roles/unified-messaging/sip/numbers.h"
#include <stdbool.h>
#include <uv.h>

struct sip_stack;
struct sip_leg;
struct sip_sub;

enum sip_transport { SIP_UDP, SIP_TCP, SIP_TLS };
const char *sip_transport_name(enum sip_transport t);

#define SIP_CALL_ID 160
#define SIP_SUBS_MAX 10000	/* telephones that watch for messages */

/* What an INVITE said.  Spans are borrowed during on_invite. */
struct sip_facts {
	char call_id[SIP_CALL_ID];
	struct addr source, local;	/* local: the address of ours it came to */
	enum sip_transport transport;
	struct number caller;		/* user "" if withheld */
	struct number called;		/* of the request URI */
	struct number to;
	struct number diverted;		/* whom the caller wanted; user "" if not diverted */
	enum divert why;
	struct span sdp;		/* n 0: they want our offer */
	bool redirected;		/* another um server sent it here: never again */
};

struct sip_leg_events {
	/* The ACK came. */
	void (*established)(void *ctx);
	/* A new offer; sdp.n 0: ours is wanted.  Status of the answer: 200 and the
	 * description, or 488, 500. */
	unsigned (*offer)(void *ctx, struct span sdp, struct buf *answer);
	/* The answer to an offer of ours.  False: it does not do, the call ends. */
	bool (*answer)(void *ctx, struct span sdp);
	void (*key)(void *ctx, char key);	/* by INFO */
	/* REFER: how the transfer went; status 0: no answer. */
	void (*transferred)(void *ctx, unsigned status);
	/* The other side has hung up, cancelled, or failed: status is a SIP status, 0 for
	 * BYE.  The leg is still to be closed by its owner, perhaps right here. */
	void (*closed)(void *ctx, unsigned status);
};

struct sip_stack_conf {
	uv_loop_t *loop;
	char *const *udp, *const *tcp, *const *tls;	/* addresses, "*:5060"; to NULL */
	const char *cert, *key;		/* PEM */
	const char *client_ca;		/* peers on TLS must show a certificate of it; "": not */
	unsigned per_second;		/* new calls of one source address; 0: no limit */
	/* Is this the address of a gateway? */
	bool (*known)(void *ctx, const struct addr *source);
	/* A call: answer, reject or redirect it before this returns. */
	void (*on_invite)(void *ctx, struct sip_leg *leg, const struct sip_facts *f);
	/* A telephone wants to know of messages (sip/subscribe.h): take it, or false. */
	bool (*on_subscribe)(void *ctx, struct sip_sub *s, const struct number *called);
	void *ctx;
};

enum err sip_stack_open(const struct sip_stack_conf *conf, struct sip_stack **out,
			struct errbuf *eb) A_MUST_USE;
/* Legs must be closed.  BYEs that are under way are not waited for. */
void sip_stack_close(struct sip_stack **s);
size_t sip_stack_busy(const struct sip_stack *s);	/* legs that are open */

size_t sip_stack_watched(const struct sip_stack *s);	/* telephones that watch */

struct sip_stack_stats {
	uint64_t invites, unknown, flooded, options, extensions;	/* refused by 420 */
};
void sip_stack_get_stats(const struct sip_stack *s, struct sip_stack_stats *out);

/* ---- legs --------------------------------------------------------------------- */

/* 200 with this description.  ev is borrowed, ctx is handed to it.  INTERNAL: the
 * caller is gone already; the leg is then to be closed. */
enum err sip_leg_answer(struct sip_leg *l, const char *sdp, size_t n,
			const struct sip_leg_events *ev, void *ctx, struct errbuf *eb) A_MUST_USE;
/* A status from 300 on; contact: of a 302, else NULL.  l is gone. */
void sip_leg_reject(struct sip_leg **l, unsigned status, const char *reason,
		    const char *contact);
/* BYE if it stands.  No event comes after it.  *l may be NULL. */
void sip_leg_close(struct sip_leg **l);
/* Blind transfer: the gateway is asked (REFER) to call this user part at its own host.
 * transferred() tells the end. */
enum err sip_leg_transfer(struct sip_leg *l, const char *user, struct errbuf *eb) A_MUST_USE;
#endif

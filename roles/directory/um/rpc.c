/* PINs over the bus: set by administrators and users, counted when they are wrong. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/replica/objects.h"
#include "gen/directory.pb-c.h"
#include "roles/directory/um/um.h"
#include <sodium.h>
#include <stdlib.h>

enum { MAX_OLD = 20 };

/* What a worker needs and finds.  A PIN has few digits, so what protects it is the
 * pepper and the lockout; the hash costs what a password's does. */
struct pin_hash {
	struct rpc_request *rq;		/* NULL: the caller has gone */
	struct apply *ap;		/* in rq's arena */
	void (*applied)(struct rpc_request *rq, struct apply *ap);
	char pin[UM_PIN_MAX + 2];
	struct password_params params;
	struct pepper pepper;
	struct sealed old[MAX_OLD];	/* the present one, and earlier ones */
	size_t n_old;
	struct sealed made, scram;	/* the latter is not used */
	enum err result;
	struct errbuf eb;
};

static void pin_hash_free(struct pin_hash *h)
{
	sodium_memzero(h, sizeof(*h));
	free(h);
}

static void hash_run(void *ctx)
{
	struct pin_hash *h = ctx;
	bool stale;

	for (size_t i = 0; i < h->n_old; i++)
		if (password_check(&h->old[i], h->pin, strlen(h->pin), &h->params, &h->pepper,
				   &stale) == ERR_OK) {
			h->result = err_set(&h->eb, ERR_INVALID, "the PIN was used before");
			return;
		}
	h->result = password_make(h->pin, &h->params, &h->pepper, &h->made, &h->scram, &h->eb);
}

static void hash_done(void *ctx)
{
	struct pin_hash *h = ctx;
	struct rpc_request *rq = h->rq;

	if (rq)
		rq->data = NULL;
	if (rq && h->result) {
		rq->eb = h->eb;
		rpc_fail(rq, h->result);
	} else if (rq) {
		h->ap->pin_event = UM_PIN_SET;
		h->ap->pin = &h->made;
		h->ap->pin_text = h->pin;
		h->applied(rq, h->ap);
	}
	pin_hash_free(h);
}

static void hash_gone(struct rpc_request *rq)
{
	struct pin_hash *h = rq->data;

	if (h)
		h->rq = NULL;
}

static void remember_old(struct pin_hash *h, struct directory *d)
{
	struct arena a = { 0 };
	struct object *o;

	if (apply_find(d, CLASS_MAILBOX, h->ap->name, &h->ap->guid, &a, &o, NULL) == ERR_OK)
		for (const struct object_value *v = object_values(o, OBJ_PIN);
		     v && h->n_old < MAX_OLD; v = v->next) {
			if (v->bytes.n == 0 || v->bytes.n > PASSWORD_SEALED_MAX)
				continue;
			memcpy(h->old[h->n_old].b, v->bytes.p, v->bytes.n);
			h->old[h->n_old++].n = v->bytes.n;
		}
	arena_fini(&a);
}

static void hash_then(struct rpc_request *rq, struct apply *ap, const char *pin,
		      void (*applied)(struct rpc_request *rq, struct apply *ap))
{
	struct directory *d = rq->role;
	struct pin_hash *h;
	enum err e;

	if (!um_is_digits(pin, 1, UM_PIN_MAX)) {
		rpc_fail(rq, err_set(&rq->eb, ERR_INVALID, "a PIN is up to %u digits", UM_PIN_MAX));
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->rq = rq;
	h->ap = ap;
	h->applied = applied;
	memcpy(h->pin, pin, strlen(pin) + 1);
	h->params = (struct password_params){ d->conf->argon_bytes, d->conf->argon_passes, 4096 };
	h->pepper = d->pepper;
	if (ap->what != APPLY_CREATE)
		remember_old(h, d);
	e = work_submit(d->pool, hash_run, hash_done, h, NULL);
	if (e) {
		pin_hash_free(h);
		rpc_fail(rq, err_set(&rq->eb, e, "too many PINs at once: try again"));
		return;
	}
	rq->data = h;
	rq->on_gone = hash_gone;
}

void um_apply_pin(struct rpc_request *rq, struct apply *ap, const char *pin, bool expired)
{
	ap->pin_expired = expired;
	hash_then(rq, ap, pin, directory_apply_now);
}

/* ---- directory.pin ------------------------------------------------------------------------- */

static void pin_answer(struct rpc_request *rq, struct apply *ap)
{
	Directory__PinRep rep = DIRECTORY__PIN_REP__INIT;
	struct directory *d = rq->role;
	struct um_pin_rules rules = { .lockout_after = 15 };
	struct notes notes = { .n = 0 };
	struct object *o;
	enum err e;

	ap->now_ms = clock_wall_ms();
	e = apply_run(d, ap, &rq->arena, &o, &notes, &rq->eb);
	if (!e)
		e = um_pin_rules(d, o, &rq->arena, &rules, &rq->eb);
	if (e) {
		rpc_fail(rq, e);
		return;
	}
	rep.failures = (uint32_t)object_number(o, OBJ_PIN_FAILURES, 0);
	rep.locked = rep.failures >= rules.lockout_after;
	rep.reset = !rep.locked && rules.reset_after && rep.failures == rules.reset_after;
	rpc_reply(rq, &rep.base, NULL, 0);
}

void um_serve_pin(struct rpc_request *rq, const ProtobufCMessage *body)
{
	const Directory__PinReq *in = (const void *)body;
	struct apply *ap = arena_alloc(&rq->arena, sizeof(*ap));

	*ap = (struct apply){ .what = APPLY_MODIFY, .klass = CLASS_MAILBOX,
			      .who = rq->caller->name };
	if (guid_from(in->mailbox.data, in->mailbox.len, &ap->guid) != ERR_OK) {
		rpc_fail(rq, err_set(&rq->eb, ERR_INVALID, "not a GUID"));
		return;
	}
	switch (in->what) {
	case DIRECTORY__PIN_REQ__WHAT__FAILED:
		ap->pin_event = UM_PIN_FAILED;
		break;
	case DIRECTORY__PIN_REQ__WHAT__RIGHT:
		ap->pin_event = UM_PIN_RIGHT;
		break;
	case DIRECTORY__PIN_REQ__WHAT__SET:
		ap->pin_expired = in->expired;
		hash_then(rq, ap, in->pin, pin_answer);
		sodium_memzero(in->pin, strlen(in->pin));
		return;
	default:
		rpc_fail(rq, err_set(&rq->eb, ERR_INVALID, "nothing this version can do"));
		return;
	}
	pin_answer(rq, ap);
}

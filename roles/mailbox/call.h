#ifndef MAILBOX_CALL_H
#define MAILBOX_CALL_H
/*
 * call - a bus call that threads work on
 *
 * The handler copies what it needs into the call's arena, sets a job up and
 * returns; the job's end brings it back to the loop.  The caller may be gone by
 * then: the work is done all the same, the answer dropped.
 *
 * A call may stream bytes back: call_stream() sends what a buffer holds as credit
 * allows, then asks for more by `more`.
 */
#include "common/base/arena.h"
#include "common/rpc/rpc.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/role.h"

struct call {
	struct role *st;
	struct rpc_request *rq;		/* NULL: the caller is gone */
	struct mref *ref;		/* valid until the first wait only */
	struct mdb *mdb;
	int64_t mbx;			/* the ref's, 0: none */
	struct job job;
	struct arena arena;
	void *op;			/* in the arena */
	void (*fini)(struct call *c);	/* what the op owns; optional */
	/* The job is done: answer (call_reply, call_fail) or go on.  With the caller
	 * gone it is not called, unless even_if_gone is set. */
	void (*on_job)(struct call *c, enum err e);
	bool even_if_gone;
	bool is_working;		/* the job is with a thread */
	/* Interactive writes wait while another has a hold on the mailbox (job.h), unless
	 * they touch no message that is there. */
	bool passes_holds;
	int64_t other_mbx;		/* a second mailbox they change, 0: none */
	struct hold *hold;		/* may be NULL */

	/* Streaming. */
	struct buf *out;
	void (*more)(struct call *c);	/* out is sent and empty */
	bool is_pumping;
};

/* Takes rq over.  ref may be NULL. */
struct call *call_new(struct rpc_request *rq, struct mref *ref, size_t op_size);
/* The usual beginning: find the mailbox with this GUID (n bytes).  NULL: it cannot be
 * used, and rq was answered. */
struct call *call_begin(struct rpc_request *rq, const void *mailbox, size_t n, size_t op_size);
/* A list of strings, NULL-terminated, in the call's arena; NULL if n is 0. */
const char *const *call_strings(struct call *c, char *const *s, size_t n);
void call_write(struct call *c, tx_fn *fn, enum lane lane, size_t bytes);
void call_read(struct call *c, read_fn *fn);
/* The answer, and the call goes on without a caller.  Nothing if it was given. */
void call_answer(struct call *c, const ProtobufCMessage *rep);
/* All three end the call; what its op owns is freed. */
void call_reply(struct call *c, const ProtobufCMessage *rep);
void call_fail(struct call *c, enum err e);
void call_drop(struct call *c);
/* Send out's bytes, then call more(); at once if there are none. */
void call_stream(struct call *c, struct buf *out, void (*more)(struct call *c));

/* The principal of the request for this mailbox: what operations are given. */
struct who call_who(struct call *c);
/* The same for another mailbox. */
struct who call_who_in(struct call *c, const struct mref *m);
#endif

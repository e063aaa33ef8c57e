#ifndef SHELL_LINK_H
#define SHELL_LINK_H
/*
 * link - the shell's connection to the directory, and calls that wait
 *
 * DIR/bourse.conf, written by the directory, says where it is.  On its own host
 * the shell uses the local socket of its Unix uid and proves itself by that;
 * elsewhere it needs an enrolled key (`bourse admin key`).
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/rpc/rpc.h"

struct link;

/* AGAIN: the directory does not answer; DENIED: it does not know us. */
enum err link_open(const char *config_dir, struct link **out, struct errbuf *eb) A_MUST_USE;
void link_close(struct link **l);

/* One call of the directory, waited for.  The reply lives until the next call. */
enum err link_call(struct link *l, const char *method, const ProtobufCMessage *req,
		   const ProtobufCMessageDescriptor *rep, unsigned timeout_ms,
		   const ProtobufCMessage **out, struct errbuf *eb) A_MUST_USE;

/* Several at once, for imports: done(ctx, e, detail) for each, from link_wait()
 * or from link_start() when too many are under way. */
typedef void link_done_fn(void *ctx, enum err e, const char *detail);
void link_start(struct link *l, const char *method, const ProtobufCMessage *req,
		link_done_fn *done, void *ctx);
void link_wait(struct link *l);

/* The administrator's own key pair, made if there is none; hex of the public half. */
enum err link_own_key(char hex[2 * RPC_KEY + 1], struct errbuf *eb) A_MUST_USE;
#endif

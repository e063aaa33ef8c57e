#ifndef API_STORE_PRIV_H
#define API_STORE_PRIV_H
/* store_priv - what the files of the store's stubs share; private to common/api */
#include "common/api/store.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/rpc/rpc.h"
#include "gen/store.pb-c.h"

typedef void api_any_fn(void);
struct api_call;
/* Turns the reply into the owner's callback.  rep is NULL unless e is OK. */
typedef void api_finish_fn(struct api_call *c, enum err e, const ProtobufCMessage *rep);
#define REP(Type, rep) ((const Type *)(const void *)(rep))

/* One call. */
struct api_call {
	struct rpc_call *rpc;
	api_finish_fn *finish;
	api_any_fn *cb;			/* the owner's, of the type finish() knows */
	store_rows_cb *rows;
	store_bytes_cb *bytes;
	store_hint_cb *hint;
	struct store_watches *watches;	/* store_watch.c; NULL: none of those */
	struct hash_node watch_node;
	struct list watch_new;
	uint64_t watch_id, watch_since;
	struct guid watch_mailbox;
	void (*writable)(void *ctx);
	void *ctx;
	struct arena arena;		/* what finish() or a chunk of rows needs */
	struct buf partial;		/* the beginning of a row that is not whole yet */
	bool whole;			/* the pieces are one message, for finish() in partial */
	uint64_t left;			/* upload: bytes still to come */
	bool in_callback, is_dead;
};

struct api_start {
	const char *method;
	const ProtobufCMessage *body;
	const ProtobufCMessageDescriptor *rep;
	unsigned timeout_ms;		/* 0: the usual */
	const void *payload;
	size_t payload_len;
	bool upload;
};

struct api_call *store_call_new(api_finish_fn *finish, api_any_fn *cb, void *ctx);
/* c's callbacks are set; sends it.  Returns c. */
struct api_call *store_call_start(struct api_call *c, const struct store_at *at,
				  const struct api_start *s);

/* The call is over: the owner is told, c is gone. */
void store_call_end(struct api_call *c, enum err e);
/* Around a callback that may cancel c. */
void store_call_enter(struct api_call *c);
void store_call_leave(struct api_call *c);
void store_watch_leave(struct api_call *c);	/* it is cancelled */

ProtobufCBinaryData store_guid(const struct guid *g);
char *store_str(const char *s);
/* Ranges as protobuf wants them, in c's arena. */
Store__UidRange **store_to_pb(struct api_call *c, struct uid_ranges u, size_t *n);
struct uid_ranges store_from_pb(struct api_call *c, Store__UidRange *const *in, size_t n);
/* first, last, first, last ... */
struct uid_ranges store_from_pairs(struct api_call *c, const uint32_t *in, size_t n);
size_t store_count(const char *const *list);	/* NULL-terminated, or NULL */

enum { STORE_LONG_MS = 30 * 60 * 1000 };	/* as long as a slow client may take */

/* Calls that are answered with a change number alone: start one, and its finish. */
struct api_call *store_start_done(struct api_call *c, const struct store_at *at,
				  const char *method, const ProtobufCMessage *rq);
void store_done_finish(struct api_call *c, enum err e, const ProtobufCMessage *m);
#endif

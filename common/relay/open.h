#ifndef RELAY_OPEN_H
#define RELAY_OPEN_H
/*
 * open - what hubs and edges open alike when they start
 *
 * Everything lives below the daemon's data folder: tls/, where a certificate is
 * made if none is configured, spool/, queue.db, working and track/.  On an error what was
 * opened before it stays in the caller's pointers, which the caller closes as
 * ever.  Blocks; for the start, before the loop runs.
 */
#include "common/relay/rpc.h"
#include "common/tls/ctx.h"
#include <stdint.h>
#include <uv.h>

struct work_pool;

/* An empty name (on the heap) is replaced by the host's, or by
 * "localhost.localdomain" if the host has none. */
void relay_name_host(char **name);

struct relay_tls {
	const char *data_dir;
	const char *certificate, *key;	/* PEM files; made, self-signed, if missing */
	const char *hostname;
	bool client_certs;		/* ask clients for theirs */
	const char *client_ca;		/* who vouches for them; NULL or empty: nobody */
};
/* The client side takes any certificate: RFC 3207 section 4.1, opportunistic. */
enum err relay_open_tls(const struct relay_tls *c, struct tls_ctx **server,
			struct tls_ctx **client, struct errbuf *eb) A_MUST_USE;

/* After relay_open_tls(): the same, showing our certificate to a server that asks,
 * for struct outbound_conf.smart_tls. */
enum err relay_open_smart_tls(const struct relay_tls *c, struct tls_ctx **client,
			      struct errbuf *eb) A_MUST_USE;

struct relay_storage {
	uv_loop_t *loop;
	struct work_pool *pool;
	const char *data_dir;
	uint64_t cache_bytes;		/* page cache of the queue */
	unsigned poison;		/* deaths that make a message poison; 0: never */
	uint64_t track_bytes;
	int64_t track_ms;		/* age; whole days count */
	void (*on_due)(void *ctx, const struct queue_hop *hop);	/* queue.h */
	void *ctx;
};
/* Opens r->spool, r->track, r->poison and r->queue. */
enum err relay_open_storage(struct relay *r, const struct relay_storage *c,
			    struct errbuf *eb) A_MUST_USE;
#endif

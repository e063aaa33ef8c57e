/* One try at one database. */
#include "common/api/store.h"
#include "common/base/check.h"
#include "common/relay/spool.h"
#include "common/replica/member.h"
#include "common/rpc/rpc.h"
#include "roles/hub-transport/deliver.h"
#include "roles/hub-transport/hub.h"
#include "roles/hub-transport/behalf.h"

#include <stdlib.h>

struct drop {
	struct mail *mail;
	struct api_call *call;
	uint64_t sent;			/* of a streamed body */
	bool broken;			/* the body cannot be read */
	size_t n;
	drop_cb *cb;
	void *ctx;
};

static void drop_free(struct drop *d)
{
	mail_unref(&d->mail);
	free(d);
}

void drop_cancel(struct drop **dp)
{
	struct drop *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	api_cancel(&d->call);
	drop_free(d);
}

static enum drop_result result_of(const struct store_delivered *r)
{
	switch (r->status) {
	case ERR_OK:
		return DROP_DONE;
	case ERR_LIMIT:
		return DROP_FULL;
	case ERR_NOTFOUND:
		return DROP_UNKNOWN;
	case ERR_DENIED:
	case ERR_INVALID:
		return DROP_REFUSED;
	default:
		return DROP_AGAIN;
	}
}

static void delivered(void *ctx, enum err e, const struct store_delivered *results, size_t n)
{
	struct drop *d = ctx;
	enum drop_result out[DROP_MAX_RCPTS];
	bool whole = e == ERR_OK && n == d->n;

	d->call = NULL;
	for (size_t i = 0; i < d->n; i++)
		out[i] = whole ? result_of(&results[i])
			 : e == ERR_INVALID ? DROP_REFUSED : DROP_AGAIN;
	d->cb(d->ctx, out, d->n, e == ERR_AGAIN);
	drop_free(d);
}

/* A body from a file goes as the store has room for it.  What cannot be read is
 * not sent: the call runs into its deadline, and the queue tries again. */
static void writable(void *ctx)
{
	struct drop *d = ctx;
	char *chunk = NULL;
	size_t room;

	while (!d->broken && d->sent < d->mail->size && (room = store_append_room(d->call)) > 0) {
		size_t n = room < RPC_CHUNK ? room : RPC_CHUNK, got = 0;

		if (!chunk)
			chunk = xcalloc(1, RPC_CHUNK);
		if (spool_body_read(d->mail->body, d->sent, chunk, n, &got, NULL) || got == 0) {
			d->broken = true;
			break;
		}
		store_append_data(d->call, chunk, got);
		d->sent += got;
	}
	free(chunk);
}

bool drop_can_reach(struct hub *h, const char *database)
{
	struct rpc_peer *p;
	struct guid db;

	if (guid_parse(database, &db))
		return false;
	p = links_to_database(member_links(h->relay.member), &db);
	return p && rpc_peer_is_up(p);
}

struct drop *drop_send(struct hub *h, struct mail *m, const struct guid *database,
		       const uint32_t *which, size_t n, unsigned timeout_ms, drop_cb *cb,
		       void *ctx)
{
	struct rpc_peer *peer = links_to_database(member_links(h->relay.member), database);
	struct store_deliver_to to[DROP_MAX_RCPTS];
	const struct store_at at = { .peer = peer, .trace = m->id.seq };
	const struct store_deliver sd = {
		.origin = m->id.origin, .seq = m->id.seq, .to = to, .n_to = n,
		.return_path = m->sender, .received_ms = m->received_ms, .prefix = m->prefix,
		.size = m->size,
	};
	const char *data = m->data && m->size <= RPC_CHUNK ? m->data : NULL;
	const bool is_sent = behalf_is_copy(m);
	struct drop *d;

	CHECK(n > 0 && n <= DROP_MAX_RCPTS);
	if (!peer || !rpc_peer_is_up(peer))
		return NULL;
	for (size_t i = 0; i < n; i++)
		to[i] = (struct store_deliver_to){ .mailbox = m->rcpts[which[i]].target,
						   .role = is_sent ? "sent" : NULL,
						   .flags = is_sent ? FLAG_SEEN : 0 };
	d = xcalloc(1, sizeof(*d));
	d->mail = mail_ref(m);
	d->n = n;
	d->cb = cb;
	d->ctx = ctx;
	d->call = store_deliver(&at, &sd, data, timeout_ms, writable, delivered, d);
	if (!data)
		writable(d);
	return d;
}

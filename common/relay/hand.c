#include "common/relay/hand.h"

#include "common/relay/spool.h"
#include "common/rpc/rpc.h"

#include <string.h>

#define ONE_MESSAGE (300u * 1024)

static enum err read_body(void *src, uint64_t off, void *p, size_t n, size_t *got)
{
	return spool_body_read(src, off, p, n, got, NULL);
}

/* What the envelope takes on the bus, roughly; with the content it must fit one
 * message. */
static size_t envelope_size(const struct mail *m)
{
	size_t n = 512 + strlen(m->prefix) + strlen(m->sender) + strlen(m->message_id);

	for (size_t i = 0; i < m->n_rcpts; i++)
		n += 32 + strlen(m->rcpts[i].address) + strlen(m->rcpts[i].orcpt);
	return n;
}

void hand_from_mail(const struct mail *m, struct arena *a, struct hand *out,
		    struct hand_content *content)
{
	*out = (struct hand){
		.origin = m->id.origin, .root = m->root, .seq = m->id.seq, .sender = m->sender,
		.envid = m->envid, .prefix = m->prefix, .message_id = m->message_id,
		.flags = m->flags & ~(unsigned)MAIL_SUSPENDED, .received_ms = m->received_ms,
		.n_rcpts = m->n_rcpts, .size = m->size,
	};
	out->rcpts = arena_alloc(a, m->n_rcpts * sizeof(*out->rcpts));
	for (size_t i = 0; i < m->n_rcpts; i++)
		out->rcpts[i] = (struct hand_rcpt){ m->rcpts[i].address, m->rcpts[i].orcpt,
						    m->rcpts[i].notify };
	*content = (struct hand_content){
		.data = m->data && m->size <= RPC_CHUNK && m->size + envelope_size(m) < ONE_MESSAGE
			? m->data : NULL,
		.read = read_body, .src = m->body,
	};
}

struct mail *hand_to_mail(const struct hand *h)
{
	struct mail *m = mail_new();

	m->id.origin = h->origin;
	m->id.seq = h->seq;
	m->root = h->root;
	m->sender = arena_str(&m->arena, h->sender);
	m->envid = arena_str(&m->arena, h->envid);
	m->prefix = arena_str(&m->arena, h->prefix);
	m->message_id = arena_str(&m->arena, h->message_id);
	m->flags = h->flags & ~(unsigned)MAIL_SUSPENDED;
	m->received_ms = h->received_ms;
	for (size_t i = 0; i < h->n_rcpts; i++) {
		struct mail_rcpt *r = mail_add(m, h->rcpts[i].address);

		r->orcpt = arena_str(&m->arena, h->rcpts[i].orcpt);
		r->notify = h->rcpts[i].notify;
	}
	return m;
}

/* The connections of one loop, and when they are flushed. */
#include "common/base/check.h"
#include "common/tls/conn_priv.h"
#include <signal.h>
#include <stdlib.h>

/* Rounds of callbacks causing output causing callbacks before the kernel gets
 * its turn again. */
#define MAX_ROUNDS 8

static void on_busy(uv_idle_t *h)
{
	(void)h;
}

static void on_flush(uv_prepare_t *h)
{
	struct net *n = h->data;
	struct list round;

	for (int i = 0; i < MAX_ROUNDS && !list_empty(&n->dirty); i++) {
		struct list *node;

		list_init(&round);
		while ((node = list_pop(&n->dirty)) != NULL)
			list_add_tail(&round, node);
		while ((node = list_pop(&round)) != NULL)
			conn_turn(conn_of_dirty(node));
	}
	if (list_empty(&n->dirty)) {
		uv_prepare_stop(&n->flush);
		uv_idle_stop(&n->busy);
	}
}

void conn_mark(struct conn *c)
{
	struct list *node = conn_dirty_node(c);
	struct net *n = conn_net(c);

	if (!list_empty(node))
		return;
	list_add_tail(&n->dirty, node);
	uv_prepare_start(&n->flush, on_flush);
	uv_idle_start(&n->busy, on_busy);
}

struct net *net_open(uv_loop_t *loop)
{
	struct net *n = xcalloc(1, sizeof(*n));

	signal(SIGPIPE, SIG_IGN);	/* libuv writes with write(2) */
	n->loop = loop;
	n->refs = 2;			/* the two handles */
	n->in = xrealloc(NULL, READ_BYTES);	/* not zeroed: pages never used cost nothing */
	n->plain = xrealloc(NULL, READ_BYTES);
	list_init(&n->conns);
	list_init(&n->dirty);
	uv_prepare_init(loop, &n->flush);
	uv_idle_init(loop, &n->busy);
	n->flush.data = n->busy.data = n;
	return n;
}

void net_release(struct net *n)
{
	if (--n->refs > 0)
		return;
	free(n->in);
	free(n->plain);
	free(n);
}

static void on_handle_closed(uv_handle_t *h)
{
	net_release(h->data);
}

void net_close(struct net **np)
{
	struct net *n = *np;

	*np = NULL;
	if (n == NULL)
		return;
	n->closed = true;
	LIST_EACH (&n->conns, node)
		conn_drop(conn_of_node(node));
	uv_close((uv_handle_t *)&n->flush, on_handle_closed);
	uv_close((uv_handle_t *)&n->busy, on_handle_closed);
}

size_t net_conns(const struct net *n)
{
	return n->n_conns;
}

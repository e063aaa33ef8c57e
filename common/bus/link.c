#include "common/bus/parts.h"

#include "common/base/check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bus_link_init(struct bus_link *l, struct bus *b)
{
	l->bus = b;
	list_init(&l->queue);
	list_init(&l->blocked);
	list_init(&l->due);
	list_init(&l->node);
}

static void out_free(struct bus_out *o)
{
	for (unsigned i = 0; i < o->n; i++)
		zmq_msg_close(&o->part[i]);
	free(o);
}

void bus_link_clear(struct bus_link *l)
{
	struct list *n;

	while ((n = list_pop(&l->queue)) != NULL)
		out_free(CONTAINER_OF(n, struct bus_out, node));
	l->queued = 0;
	l->was_full = false;
	list_del(&l->blocked);
}

void bus_link_free(struct bus_link *l)
{
	bus_link_clear(l);
	free(l->endpoint);
	free(l);
}

void bus_link_break(struct bus_link *l)
{
	if (l->broken || l->state != LINK_OPEN)
		return;
	l->broken = true;
	bus_link_clear(l);
	list_del(&l->due);
	list_add_tail(&l->bus->broken, &l->due);
	/* Wake the turn that reports it. */
	bus_sock_touch(l->sock);
}

/* 0, EAGAIN, or what broke the link.  Parts that were sent are empty messages. */
static int send_parts(struct bus_link *l, zmq_msg_t *part, unsigned n)
{
	void *z = l->sock->z;

	/* Any call may swallow a wake-up. */
	bus_sock_touch(l->sock);
	if (!l->dialled &&
	    zmq_send(z, l->id, l->id_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return zmq_errno();
	for (unsigned i = 0; i < n; i++) {
		if (zmq_msg_send(&part[i], z, ZMQ_DONTWAIT | (i + 1 < n ? ZMQ_SNDMORE : 0)) >= 0)
			continue;
		/* libzmq promises room for the whole message with its first
		 * frame; if not, the connection went away in between. */
		return i == 0 && l->dialled ? zmq_errno() : EPIPE;
	}
	return 0;
}

bool bus_link_flush(struct bus_link *l)
{
	bool went = false;

	while (!list_empty(&l->queue) && !l->broken && l->state == LINK_OPEN) {
		struct bus_out *o = CONTAINER_OF(l->queue.next, struct bus_out, node);
		int rc = send_parts(l, o->part, o->n);

		if (rc == EAGAIN)
			break;
		if (rc != 0) {
			bus_link_break(l);
			break;
		}
		list_del(&o->node);
		l->queued -= o->bytes;
		out_free(o);
		went = true;
	}
	return went;
}

static void enqueue(struct bus_link *l, zmq_msg_t *part, unsigned n, size_t bytes)
{
	struct bus_out *o = xcalloc(1, sizeof(*o));

	o->n = n;
	o->bytes = bytes;
	for (unsigned i = 0; i < n; i++) {
		zmq_msg_init(&o->part[i]);
		zmq_msg_move(&o->part[i], &part[i]);
	}
	list_add_tail(&l->queue, &o->node);
	l->queued += bytes;
	l->was_full |= l->queued >= BUS_ROOM;
	if (list_empty(&l->blocked))
		list_add_tail(&l->sock->blocked, &l->blocked);
}

static enum err send_or_queue(struct bus_link *l, zmq_msg_t *part, unsigned n, size_t bytes)
{
	int rc = list_empty(&l->queue) ? send_parts(l, part, n) : EAGAIN;

	if (rc == EAGAIN) {
		enqueue(l, part, n, bytes);
		return ERR_OK;
	}
	if (rc != 0) {
		bus_link_break(l);
		return ERR_AGAIN;
	}
	return ERR_OK;
}

enum err bus_send(struct bus_link *l, const struct span *parts, unsigned n)
{
	zmq_msg_t part[BUS_PARTS];
	size_t bytes = sizeof(struct bus_out);
	enum err e;

	CHECK(n >= 1 && n <= BUS_PARTS);
	if (l->state != LINK_OPEN || l->broken)
		return ERR_AGAIN;
	for (unsigned i = 0; i < n; i++) {
		/* CURVE adds 33 bytes to a frame. */
		if (parts[i].n > BUS_MAX_FRAME - 64)
			return ERR_LIMIT;
		bytes += parts[i].n;
	}
	if (l->queued > 0 && l->queued + bytes > l->bus->conf.max_bytes)
		return ERR_AGAIN;
	for (unsigned i = 0; i < n; i++) {
		CHECK(zmq_msg_init_size(&part[i], parts[i].n) == 0);
		if (parts[i].n > 0)
			memcpy(zmq_msg_data(&part[i]), parts[i].p, parts[i].n);
	}
	e = send_or_queue(l, part, n, bytes);
	for (unsigned i = 0; i < n; i++)
		zmq_msg_close(&part[i]);
	return e;
}

void bus_drop(struct bus_link *l, bool refused)
{
	if (l->state == LINK_GONE)
		return;
	if (l->dialled)
		bus_dial_lost(l, refused);
	else
		bus_accepted_gone(l);
}

size_t bus_link_queued(const struct bus_link *l)
{
	return l->queued;
}

bool bus_link_dialled(const struct bus_link *l)
{
	return l->dialled;
}

const uint8_t *bus_link_key(const struct bus_link *l)
{
	return l->key;
}

unsigned bus_link_tag(const struct bus_link *l)
{
	return l->tag;
}

const char *bus_link_address(const struct bus_link *l)
{
	return l->dialled ? l->endpoint : l->address;
}

void *bus_link_data(const struct bus_link *l)
{
	return l->data;
}

void bus_link_set_data(struct bus_link *l, void *data)
{
	l->data = data;
}

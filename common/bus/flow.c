/* Connections on which a message never ends.
 *
 * libzmq keeps the frames of a message until its last one is there, however many come;
 * it has a limit for one frame, none for a message, and shows nothing of it to us.  But
 * the kernel counts what a connection received, and a message that is not finished lets
 * no other one pass.  So whoever sent more than any message may have, while not one
 * whole message came out, has its connection shut: libzmq then drops what it holds.
 *
 * TCP only: an ipc connection comes from this host, from a user we chose.
 */
#include "common/bus/parts.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LOOK_MS	   250
#define LOOKS	   3			/* in a row: we may have been slow ourselves */
#define UNFINISHED (4u * BUS_MAX_FRAME * BUS_PARTS)

static struct bus_flow *find(const struct bus *b, int fd)
{
	struct hash_node *n = hash_find(&b->flows, &fd, sizeof(fd));

	return n ? CONTAINER_OF(n, struct bus_flow, node) : NULL;
}

static bool peer_of(int fd, struct sockaddr_storage *out)
{
	socklen_t n = sizeof(*out);

	memset(out, 0, sizeof(*out));
	return getpeername(fd, (struct sockaddr *)out, &n) == 0 &&
	       (out->ss_family == AF_INET || out->ss_family == AF_INET6);
}

/* glibc's struct, and what Linux has behind it since 4.1. */
struct long_tcp_info {
	struct tcp_info head;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
};

static bool received(int fd, uint64_t *bytes)
{
	struct long_tcp_info info;
	socklen_t n = sizeof(info);

	_Static_assert(offsetof(struct long_tcp_info, pacing_rate) == 104, "Linux' layout");

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 || n < sizeof(info))
		return false;
	*bytes = info.bytes_received;
	return true;
}

void bus_flow_gone(struct bus *b, int fd)
{
	struct bus_flow *f = find(b, fd);

	if (f == NULL)
		return;
	hash_del(&b->flows, &f->node);
	free(f);
}

void bus_flow_begin(struct bus *b, int fd)
{
	struct sockaddr_storage peer;
	struct bus_flow *f;

	bus_flow_gone(b, fd);
	if (fd < 0 || !peer_of(fd, &peer))
		return;
	f = xcalloc(1, sizeof(*f));
	f->fd = fd;
	f->peer = peer;
	hash_add(&b->flows, &f->node, &f->fd, sizeof(f->fd));
}

void bus_flow_message(struct bus *b, int fd)
{
	struct bus_flow *f = find(b, fd);

	if (f)
		f->whole++;
}

static void cut(struct bus *b, struct bus_flow *f, uint64_t bytes)
{
	struct sockaddr_storage now;

	if (peer_of(f->fd, &now) && memcmp(&now, &f->peer, sizeof(now)) == 0) {
		log_warn(NULL, "bus connection cut bytes=%llu why=\"a message without an end\"",
			 (unsigned long long)(bytes - f->base));
		shutdown(f->fd, SHUT_RDWR);
	}
	bus_flow_gone(b, f->fd);
}

static void look(struct bus *b, struct bus_flow *f)
{
	uint64_t bytes;

	if (!received(f->fd, &bytes)) {
		bus_flow_gone(b, f->fd);
	} else if (f->whole != f->whole_then) {
		f->whole_then = f->whole;
		f->base = bytes;
		f->looks = 0;
	} else if (bytes - f->base <= UNFINISHED) {
		f->looks = 0;
	} else if (++f->looks >= LOOKS) {
		cut(b, f, bytes);
	}
}

static void on_look(uv_timer_t *t)
{
	struct bus *b = t->data;
	struct hash_node *n, *next;

	for (n = hash_next(&b->flows, NULL); n; n = next) {
		next = hash_next(&b->flows, n);
		look(b, CONTAINER_OF(n, struct bus_flow, node));
	}
}

/* An event of a monitor: a frame with its number (16 bits) and value (32), and one with
 * the endpoint.  0: it was none. */
uint16_t bus_flow_event(struct bus *b, const struct bus_msg *m)
{
	uint16_t event = 0;
	int32_t value = -1;

	if (m->n == 0 || m->part[0].n < sizeof(event) + sizeof(value))
		return 0;
	memcpy(&event, m->part[0].p, sizeof(event));
	memcpy(&value, m->part[0].p + sizeof(event), sizeof(value));
	if (event == ZMQ_EVENT_ACCEPTED || event == ZMQ_EVENT_CONNECTED)
		bus_flow_begin(b, value);
	else if (event == ZMQ_EVENT_DISCONNECTED)
		bus_flow_gone(b, value);
	return event;
}

void bus_flow_open(struct bus *b)
{
	hash_init(&b->flows);
	uv_timer_init(b->conf.loop, &b->look);
	b->look.data = b;
	uv_timer_start(&b->look, on_look, LOOK_MS, LOOK_MS);
}

void bus_flow_close(struct bus *b)
{
	struct hash_node *n, *next;

	for (n = hash_next(&b->flows, NULL); n; n = next) {
		next = hash_next(&b->flows, n);
		bus_flow_gone(b, CONTAINER_OF(n, struct bus_flow, node)->fd);
	}
	hash_fini(&b->flows);
	uv_timer_stop(&b->look);
}

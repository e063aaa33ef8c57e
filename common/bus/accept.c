#include "common/bus/parts.h"

#include "common/base/check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- who may come in (ZAP, RFC 27 of ZeroMQ) ------------------------------- */

#define ZAP_FRAMES 7	/* version, request, domain, address, identity, mechanism, key */

struct zap_request {
	char text[ZAP_FRAMES][160];
	size_t len[ZAP_FRAMES];
	bool complete;
};

static bool zap_read(void *z, struct zap_request *q)
{
	unsigned i = 0;
	bool more = true;

	memset(q, 0, sizeof(*q));
	for (; more; i++) {
		zmq_msg_t f;

		zmq_msg_init(&f);
		if (zmq_msg_recv(&f, z, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&f);
			return i > 0;
		}
		more = zmq_msg_more(&f);
		if (i < ZAP_FRAMES && zmq_msg_size(&f) < sizeof(q->text[i])) {
			q->len[i] = zmq_msg_size(&f);
			memcpy(q->text[i], zmq_msg_data(&f), q->len[i]);
		}
		zmq_msg_close(&f);
	}
	q->complete = i == ZAP_FRAMES;
	return true;
}

/* libzmq writes the other end of an ipc connection as "localhost:uid:gid:pid". */
static bool address_has_uid(const char *address, uint32_t uid)
{
	char tail[24];
	const char *p = strchr(address, ':');

	snprintf(tail, sizeof(tail), ":%u:", uid);
	return p && strncmp(p, tail, strlen(tail)) == 0;
}

static bool zap_admits(struct bus *b, const struct zap_request *q)
{
	unsigned tag, uid;

	/* The domain is what listen_on() made of the listener's tag and uid. */
	if (!q->complete || strcmp(q->text[0], "1.0") != 0 ||
	    strcmp(q->text[5], "CURVE") != 0 || q->len[6] != BUS_KEY ||
	    sscanf(q->text[2], "%u.%u", &tag, &uid) != 2)
		return false;
	if (uid != BUS_ANY_UID && !address_has_uid(q->text[3], uid))
		return false;
	return b->conf.hooks.admit(b->conf.hooks.ctx, tag, (const uint8_t *)q->text[6],
				   q->text[3]);
}

static bool zap_step(struct bus_sock *s)
{
	struct zap_request q;
	char user[KEY_HEX] = "";
	bool admitted;

	if (!zap_read(s->z, &q))
		return false;
	admitted = zap_admits(s->bus, &q);
	if (s->z == NULL)
		return true;
	if (admitted)
		bus_key_hex((const uint8_t *)q.text[6], user);
	/* The peer is in this process: libzmq's own I/O thread.  A reply that
	 * cannot be sent leaves the client outside. */
	(void)(zmq_send(s->z, "1.0", 3, ZMQ_SNDMORE) < 0 ||
	       zmq_send(s->z, q.text[1], q.len[1], ZMQ_SNDMORE) < 0 ||
	       zmq_send(s->z, admitted ? "200" : "400", 3, ZMQ_SNDMORE) < 0 ||
	       zmq_send(s->z, admitted ? "OK" : "NO", 2, ZMQ_SNDMORE) < 0 ||
	       zmq_send(s->z, user, strlen(user), ZMQ_SNDMORE) < 0 ||
	       zmq_send(s->z, "", 0, 0) < 0);
	return true;
}

enum err bus_zap_open(struct bus *b, struct errbuf *eb)
{
	struct bus_sock *s = NULL;
	enum err e = bus_sock_open(b, ZMQ_REP, &s, eb);

	if (e)
		return e;
	s->step = zap_step;
	if (zmq_bind(s->z, ZAP_ENDPOINT) < 0)
		e = bus_zmq_error(eb, ZAP_ENDPOINT);
	else
		e = bus_sock_watch(s, eb);
	if (e)
		bus_sock_close(&s);
	b->zap = s;
	return e;
}

/* ---- accepted links -------------------------------------------------------- */

static bool key_of_user(const char *user, uint8_t key[BUS_KEY])
{
	if (user == NULL || strlen(user) != 2 * BUS_KEY)
		return false;
	for (size_t i = 0; i < BUS_KEY; i++) {
		unsigned v;

		if (sscanf(user + 2 * i, "%2x", &v) != 1)
			return false;
		key[i] = (uint8_t)v;
	}
	return true;
}

static struct bus_link *link_add(struct bus_sock *s, const uint8_t *id, size_t id_len,
				 const char *user, const char *address)
{
	struct bus *b = s->bus;
	struct bus_link *l;
	uint8_t key[BUS_KEY];

	if (b->n_links >= b->conf.max_links || id_len == 0 || !key_of_user(user, key))
		return NULL;
	l = xcalloc(1, sizeof(*l));
	bus_link_init(l, b);
	l->state = LINK_OPEN;
	l->sock = s;
	l->tag = s->tag;
	memcpy(l->key, key, BUS_KEY);
	memcpy(l->id, id, id_len);
	l->id_len = id_len;
	snprintf(l->user, sizeof(l->user), "%s", user);
	snprintf(l->address, sizeof(l->address), "%s", address ? address : "");
	hash_add(&s->links, &l->by_id, l->id, l->id_len);
	b->n_links++;
	return l;
}

void bus_accepted_gone(struct bus_link *l)
{
	if (l->state == LINK_GONE)
		return;
	hash_del(&l->sock->links, &l->by_id);
	l->bus->n_links--;
	l->state = LINK_GONE;
	bus_link_clear(l);
	list_del(&l->due);
	list_add_tail(&l->bus->dead, &l->due);
}

static bool router_step(struct bus_sock *s)
{
	struct bus *b = s->bus;
	struct hash_node *n;
	struct bus_link *l;
	const char *user, *address;
	uint8_t id[32];
	size_t id_len = 0;
	struct bus_msg *m = bus_recv(s, id, &id_len, &user, &address);

	if (m == NULL)
		return false;
	n = hash_find(&s->links, id, id_len);
	l = n ? CONTAINER_OF(n, struct bus_link, by_id)
	      : link_add(s, id, id_len, user, address);
	/* The handshake fixed the key; that it speaks for this link is looked at
	 * again all the same. */
	if (l == NULL || l->broken || user == NULL || strcmp(user, l->user) != 0)
		bus_msg_free(&m);
	else
		b->conf.hooks.on_message(b->conf.hooks.ctx, l, m);
	return true;
}

/* ---- listening ------------------------------------------------------------- */

#define IPC "ipc://"
#define TCP "tcp://"

/* A listening TCP socket that shares its port with the one for the other key. */
static enum err shared_port(const char *endpoint, int *out, struct errbuf *eb)
{
	struct sockaddr_storage sa = { 0 };
	const char *host = endpoint + strlen(TCP), *colon = strrchr(host, ':');
	char name[64] = "";
	int fd, port = colon ? atoi(colon + 1) : 0, one = 1;
	size_t n = colon ? (size_t)(colon - host) : 0;

	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(name) || port <= 0 || port > 65535)
		return err_set(eb, ERR_INVALID, "%s: no address and port", endpoint);
	memcpy(name, host, n);
	if (strcmp(name, "*") == 0)
		strcpy(name, "::");
	if (uv_ip4_addr(name, port, (struct sockaddr_in *)(void *)&sa) != 0 &&
	    uv_ip6_addr(name, port, (struct sockaddr_in6 *)(void *)&sa) != 0)
		return err_set(eb, ERR_INVALID, "%s: not a numeric address", endpoint);
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(eb, errno, endpoint);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 128) < 0) {
		enum err e = err_errno(eb, errno, endpoint);

		close(fd);
		return e;
	}
	*out = fd;
	return ERR_OK;
}

static int listener_options(struct bus_sock *s, const uint8_t *secret, uint32_t uid)
{
	char domain[32];
	int one = 1;
	uid_t u = uid;

	snprintf(domain, sizeof(domain), "%u.%u", s->tag, uid);
	if (bus_sock_common(s->z) < 0 ||
	    zmq_setsockopt(s->z, ZMQ_ROUTER_MANDATORY, &one, sizeof(one)) < 0 ||
	    zmq_setsockopt(s->z, ZMQ_CURVE_SERVER, &one, sizeof(one)) < 0 ||
	    zmq_setsockopt(s->z, ZMQ_CURVE_SECRETKEY, secret, BUS_KEY) < 0 ||
	    zmq_setsockopt(s->z, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) < 0 ||
	    zmq_setsockopt(s->z, ZMQ_ZAP_ENFORCE_DOMAIN, &one, sizeof(one)) < 0)
		return -1;
	if (uid != BUS_ANY_UID &&
	    zmq_setsockopt(s->z, ZMQ_IPC_FILTER_UID, &u, sizeof(u)) < 0)
		return -1;
	return 0;
}

static bool connections_step(struct bus_sock *s)
{
	struct bus_msg *m = bus_recv(s, NULL, NULL, NULL, NULL);

	if (m == NULL)
		return false;
	(void)bus_flow_event(s->bus, m);
	bus_msg_free(&m);
	return true;
}

/* Who comes and goes, for flow.c. */
static enum err watch_connections(struct bus_sock *s, struct errbuf *eb)
{
	struct bus_sock *monitor = NULL;
	enum err e = bus_monitor(s, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED, &monitor, eb);

	if (!e) {
		monitor->step = connections_step;
		e = bus_sock_watch(monitor, eb);
	}
	if (e) {
		zmq_socket_monitor(s->z, NULL, 0);
		bus_sock_close(&monitor);
	}
	return e;
}

static enum err listen_on(struct bus *b, const char *endpoint, unsigned tag, uint32_t uid,
			  const uint8_t *secret, bool shared, struct errbuf *eb)
{
	struct bus_sock *s = NULL;
	enum err e = bus_sock_open(b, ZMQ_ROUTER, &s, eb);
	int fd = -1;

	if (e)
		return e;
	s->tag = tag;
	s->step = router_step;
	s->endpoint = xstrdup(endpoint);
	if (listener_options(s, secret, uid) < 0) {
		e = bus_zmq_error(eb, "listener options");
		goto out;
	}
	if (shared && (e = shared_port(endpoint, &fd, eb)) != ERR_OK)
		goto out;
	if (fd >= 0)
		zmq_setsockopt(s->z, ZMQ_USE_FD, &fd, sizeof(fd));
	if (zmq_bind(s->z, endpoint) < 0) {
		e = bus_zmq_error(eb, endpoint);
		if (fd >= 0)
			close(fd);
		goto out;
	}
	if (strncmp(endpoint, IPC, strlen(IPC)) == 0)
		chmod(endpoint + strlen(IPC), 0666);
	else if ((e = watch_connections(s, eb)) != ERR_OK)
		goto out;
	e = bus_sock_watch(s, eb);
out:
	if (e)
		bus_sock_close(&s);
	return e;
}

enum err bus_listen(struct bus *b, const char *endpoint, unsigned tag, uint32_t uid,
		    struct errbuf *eb)
{
	bool two = memcmp(b->conf.old_secret_key, bus_no_key, BUS_KEY) != 0;
	bool ipc = strncmp(endpoint, IPC, strlen(IPC)) == 0;
	char old[160];
	enum err e;

	if (!ipc && strncmp(endpoint, TCP, strlen(TCP)) != 0)
		return err_set(eb, ERR_INVALID, "%s: neither tcp:// nor ipc://", endpoint);
	if (!ipc && uid != BUS_ANY_UID)
		return err_set(eb, ERR_INVALID, "%s: only ipc knows users", endpoint);
	e = listen_on(b, endpoint, tag, uid, b->conf.secret_key, two && !ipc, eb);
	if (e || !two)
		return e;
	if (snprintf(old, sizeof(old), "%s%s", endpoint, ipc ? ".old" : "") >= (int)sizeof(old))
		return err_set(eb, ERR_INVALID, "%s: too long", endpoint);
	return listen_on(b, old, tag, uid, b->conf.old_secret_key, !ipc, eb);
}

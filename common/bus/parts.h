#ifndef BUS_PARTS_H
#define BUS_PARTS_H
/*
 * parts - what the files of common/bus share
 *
 * ZMQ_FD is edge-triggered: one wake-up may mean many messages, and any call on
 * a socket may swallow the next wake-up.  So each socket that was touched is
 * `dirty` until a receive said EAGAIN, which it says only after libzmq has
 * handled all its commands; the loop does not sleep while a socket is dirty.
 *
 * Sockets are closed at once; the memory of a bus_sock goes with its poll
 * handle, that of a link at the end of the turn.
 */
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/bus/bus.h"
#include <sys/socket.h>
#include <uv.h>
#include <zmq.h>

/* A stable option of the library that Debian's zmq.h keeps among its drafts. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

#define ZAP_ENDPOINT  "inproc://zeromq.zap.01"
#define KEY_HEX       (2 * BUS_KEY + 1)
#define MSGS_PER_TURN 64	/* of one socket, before others get a turn */
#define HWM           256	/* messages that libzmq may hold each way, per peer */
#define BLOCKED_MS    10	/* a swallowed "may write again" is found after this */
#define BACKOFF_MIN   200
#define BACKOFF_MAX   5000

struct bus_sock {
	struct bus *bus;
	void *z;
	uv_poll_t poll;
	struct list node;		/* bus.socks */
	struct list dirty;		/* bus.dirty, or by itself */
	struct list blocked;		/* links with a queue */
	bool (*step)(struct bus_sock *s);	/* handle one message; false: EAGAIN */
	unsigned tag;			/* listener */
	struct bus_link *dial;		/* a dialled link's socket or monitor */
	struct hash links;		/* listener: by routing id */
	char *endpoint;			/* listener */
};

enum link_state {
	LINK_WAIT,	/* dialled: the timer will try again */
	LINK_TRYING,	/* dialled: connecting */
	LINK_OPEN,
	LINK_GONE,	/* on its way to be freed */
};

struct bus_out {
	struct list node;
	size_t bytes;
	unsigned n;
	zmq_msg_t part[BUS_PARTS];
};

struct bus_link {
	struct bus *bus;
	enum link_state state;
	struct bus_sock *sock;		/* NULL while waiting */
	uint8_t key[BUS_KEY];
	void *data;
	char address[160];
	bool broken;			/* a send failed for good: on_close is due */
	bool was_full;			/* on_room is due */
	struct list queue;		/* struct bus_out */
	size_t queued;
	struct list blocked;		/* bus_sock.blocked */
	struct list due;		/* bus.broken, then bus.dead */

	/* accepted */
	struct hash_node by_id;		/* bus_sock.links */
	uint8_t id[32];
	size_t id_len;
	char user[KEY_HEX];
	unsigned tag;

	/* dialled */
	bool dialled;
	struct bus_sock *monitor;
	uv_timer_t retry;
	char *endpoint;
	unsigned backoff;		/* ms; 0: try at once */
	unsigned tries;			/* refused in a row: chooses key and socket */
	struct list node;		/* bus.dials */
};

struct bus {
	struct bus_conf conf;
	void *z;			/* the context */
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t unblock;
	struct list socks, dirty, dials, broken, dead;
	unsigned n_links, n_handles;
	bool closing;
	struct bus_sock *zap;
	uint64_t n_monitors;
	struct hash flows;		/* flow.c */
	uv_timer_t look;
};

extern const uint8_t bus_no_key[BUS_KEY];

/* bus.c */
enum err bus_sock_open(struct bus *b, int type, struct bus_sock **out, struct errbuf *eb) A_MUST_USE;
/* Watch it from now on; its step() is called while there are messages. */
enum err bus_sock_watch(struct bus_sock *s, struct errbuf *eb) A_MUST_USE;
void bus_sock_close(struct bus_sock **s);
void bus_sock_touch(struct bus_sock *s);
void bus_handle_closed(struct bus *b);	/* the last one frees a closed bus */
enum err bus_zmq_error(struct errbuf *eb, const char *what);
/* Options that both ends of a connection have. */
int bus_sock_common(void *z);
struct bus_msg *bus_recv(struct bus_sock *s, uint8_t *id, size_t *id_len, const char **user,
			 const char **address);
void bus_key_hex(const uint8_t key[BUS_KEY], char out[KEY_HEX]);

/* link.c */
void bus_link_init(struct bus_link *l, struct bus *b);
bool bus_link_flush(struct bus_link *l);	/* true if something went */
void bus_link_clear(struct bus_link *l);	/* drop the queue */
void bus_link_break(struct bus_link *l);	/* on_close is called next turn */
void bus_link_free(struct bus_link *l);

/* accept.c */
enum err bus_zap_open(struct bus *b, struct errbuf *eb) A_MUST_USE;
void bus_accepted_gone(struct bus_link *l);	/* out of its tables; freed after the turn */

/* flow.c: connections that send without an end are cut */
struct bus_flow {
	struct hash_node node;		/* bus.flows, by fd */
	int fd;
	struct sockaddr_storage peer;	/* the number may be another's by now */
	uint64_t whole, whole_then;	/* messages */
	uint64_t base;			/* bytes received when the last one was seen */
	unsigned looks;
};
void bus_flow_open(struct bus *b);
void bus_flow_close(struct bus *b);	/* b->look is stopped, to be closed by the caller */
void bus_flow_begin(struct bus *b, int fd);
void bus_flow_gone(struct bus *b, int fd);
void bus_flow_message(struct bus *b, int fd);	/* a whole one came */
uint16_t bus_flow_event(struct bus *b, const struct bus_msg *m);	/* of a monitor */

/* dial.c */
/* Events of a socket from now on, for s->step of *out. */
enum err bus_monitor(struct bus_sock *of, int events, struct bus_sock **out,
		     struct errbuf *eb) A_MUST_USE;
void bus_dial_lost(struct bus_link *l, bool refused);	/* close, and try again later */
#endif

#ifndef BUS_BUS_H
#define BUS_BUS_H
/*
 * bus - encrypted connections that carry messages of one to three frames
 *
 * The only place that sees ZeroMQ.  A bus listens on endpoints and dials others;
 * what it shows its owner are links, each one connection to one peer whose key
 * is proved by CURVE.  It knows nothing of what the frames mean.
 *
 * A dialled link lives until bus_undial(): it connects, is lost, and connects
 * again by itself (at once after a loss, with a back-off of 200 ms to 5 s after
 * a refusal).  An accepted link begins with its first message and is gone after
 * on_close or bus_drop().  libzmq has no word for "this client left", so the
 * owner must notice silence itself and drop the link.
 *
 * Sending never blocks and never calls back.  What libzmq cannot take waits in a
 * queue that is bounded in bytes; frames of a link stay in order.
 *
 * Everything happens on the loop's thread; libzmq has one I/O thread beside it.
 * Hooks are called from the loop only, a few messages of a socket in a turn.
 *
 * libzmq buffers the frames of an unfinished message without a limit, each up to
 * BUS_MAX_FRAME.  A TCP connection on which more than any message comes, and no whole
 * one, is cut after about a second: until then it may take what a second brings.  Only
 * a peer whose key was admitted gets so far.
 */
#include "common/base/err.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

#define BUS_KEY       32u
#define BUS_MAX_FRAME (320u * 1024)
#define BUS_ROOM      (1024u * 1024)	/* bytes in a link's queue: see on_room */
#define BUS_PARTS     3u	/* frames of a message; a ROUTER's routing id makes four */

struct bus;
struct bus_link;
struct uv_loop_s;

/* A message that came in.  Its parts belong to it. */
struct bus_msg {
	unsigned n;			/* 1 to BUS_PARTS; 0: too many frames, refused */
	struct span part[BUS_PARTS];
	size_t bytes;
};
void bus_msg_free(struct bus_msg **m);	/* clears *m; *m may be NULL */

struct bus_hooks {
	/* At a client's handshake: may this key come in on a listener with this tag?
	 * address: "192.0.2.1", or "localhost:uid:gid:pid" on ipc. */
	bool (*admit)(void *ctx, unsigned tag, const uint8_t key[BUS_KEY], const char *address);
	/* A dialled link stands: its server holds the expected key. */
	void (*on_open)(void *ctx, struct bus_link *l);
	/* m is taken.  The first one of an accepted link introduces that link. */
	void (*on_message)(void *ctx, struct bus_link *l, struct bus_msg *m);
	/* The connection is lost.  An accepted link is freed after this returns; a
	 * dialled one will try again.  refused: it was never open. */
	void (*on_close)(void *ctx, struct bus_link *l, bool refused, const char *why);
	/* The queue was longer than BUS_ROOM and is shorter again. */
	void (*on_room)(void *ctx, struct bus_link *l);
	void *ctx;
};

struct bus_conf {
	struct uv_loop_s *loop;
	uint8_t public_key[BUS_KEY], secret_key[BUS_KEY];
	uint8_t old_public_key[BUS_KEY], old_secret_key[BUS_KEY];	/* zero: none */
	size_t max_bytes;	/* queued towards one peer, beside what libzmq holds */
	unsigned max_links;	/* accepted links; first messages beyond it are dropped */
	struct bus_hooks hooks;
};

/* conf is copied.  bus_close() calls no hook; the loop must turn once more (until
 * uv_run() has no more to do) for the memory to be freed. */
enum err bus_open(const struct bus_conf *conf, struct bus **out, struct errbuf *eb) A_MUST_USE;
void bus_close(struct bus **b);

/* Without limit, or only processes of one user (ipc://). */
#define BUS_ANY_UID UINT32_MAX

/*
 * With an old key both keys are served: on TCP by two listeners that share the
 * port (SO_REUSEPORT; a client with the other key succeeds after some tries), on
 * ipc by a second socket file, the endpoint's name with ".old", which a dialled
 * link tries after a refusal.  The socket file is open to all users of the host:
 * the key decides.
 */
enum err bus_listen(struct bus *b, const char *endpoint, unsigned tag, uint32_t uid,
		    struct errbuf *eb) A_MUST_USE;

struct bus_link *bus_dial(struct bus *b, const char *endpoint, const uint8_t server_key[BUS_KEY],
			  void *data);
void bus_undial(struct bus_link **l);

/* Forget this connection without a hook.  An accepted link is gone with that; a
 * dialled one is made anew, with back-off if refused. */
void bus_drop(struct bus_link *l, bool refused);

/* Copies.  AGAIN: the queue is full, or the link is not open.  LIMIT: a part is
 * longer than a frame may be. */
enum err bus_send(struct bus_link *l, const struct span *parts, unsigned n) A_MUST_USE;

size_t bus_link_queued(const struct bus_link *l);	/* bytes that libzmq did not take yet */
bool bus_link_dialled(const struct bus_link *l);
const uint8_t *bus_link_key(const struct bus_link *l);	/* the peer's, proved */
unsigned bus_link_tag(const struct bus_link *l);	/* of its listener */
const char *bus_link_address(const struct bus_link *l);	/* endpoint, or whence it came */
void *bus_link_data(const struct bus_link *l);
void bus_link_set_data(struct bus_link *l, void *data);

void bus_keypair(uint8_t public_key[BUS_KEY], uint8_t secret_key[BUS_KEY]);
#endif

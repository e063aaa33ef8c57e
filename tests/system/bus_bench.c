/*
 * bus_bench - how many calls a second two processes manage, and at what cost
 *
 *	bus_bench [calls [payload [depth [tcp]]]]
 *
 * The child serves, the parent calls with `depth` calls in flight; each sends
 * and gets back `payload` bytes.  CURVE is on, as always.  Prints one line.
 */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/bus.h"
#include "common/rpc/rpc.h"
#include "gen/rpc.pb-c.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

struct bench {
	uv_loop_t loop;
	struct rpc *rpc;
	struct rpc_peer *peer;
	uint8_t server_pub[RPC_KEY], server_sec[RPC_KEY], client_pub[RPC_KEY], client_sec[RPC_KEY];
	char endpoint[64], *payload;
	unsigned long total, sent, done, failed, payload_len, depth;
	int64_t began_us;
};

RPC_HANDLER(echo, Rpc__Hello)
static void echo(struct rpc_request *rq, const Rpc__Hello *in)
{
	Rpc__Hello rep = RPC__HELLO__INIT;

	rep.role = in->role;
	rpc_reply(rq, &rep.base, rq->payload, rq->payload_len);
}

static const struct rpc_method methods[] = {
	{ "bench.echo", echo_thunk, &rpc__hello__descriptor, RPC_HUB, 0, 4096 },
};

static bool who(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	struct bench *b = ctx;
	bool server = memcmp(key, b->server_pub, RPC_KEY) == 0;

	if (!server && memcmp(key, b->client_pub, RPC_KEY) != 0)
		return false;
	memset(out, 0, sizeof(*out));
	out->role = server ? RPC_MAILBOX : RPC_HUB;
	strcpy(out->name, server ? "server" : "client");
	return true;
}

static void call_more(struct bench *b);

static void on_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		     size_t payload_len, const char *detail)
{
	struct bench *b = ctx;

	(void)rep;
	(void)payload;
	(void)detail;
	b->done++;
	b->failed += e != ERR_OK || payload_len != b->payload_len;
	if (b->done == b->total)
		uv_stop(&b->loop);
	else
		call_more(b);
}

static void call_more(struct bench *b)
{
	Rpc__Hello body = RPC__HELLO__INIT;
	struct rpc_args a = { .method = "bench.echo", .body = &body.base,
			      .rep = &rpc__hello__descriptor, .payload = b->payload,
			      .payload_len = b->payload_len, .on_reply = on_reply, .ctx = b };

	while (b->sent < b->total && b->sent - b->done < b->depth) {
		body.role = (uint32_t)++b->sent;
		rpc_call(b->peer, &a);
	}
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct bench *b = ctx;

	if (!up || p != b->peer)
		return;
	b->began_us = clock_mono_us();
	call_more(b);
}

static void open_end(struct bench *b, bool server)
{
	struct rpc_conf c = { .loop = &b->loop, .methods = methods, .n_methods = N_ELEMS(methods),
			      .who = who, .on_peer = on_peer, .ctx = b };
	struct errbuf eb = { "" };

	log_set_level(LOG_WARN);
	CHECK(uv_loop_init(&b->loop) == 0);
	memcpy(c.public_key, server ? b->server_pub : b->client_pub, RPC_KEY);
	memcpy(c.secret_key, server ? b->server_sec : b->client_sec, RPC_KEY);
	if (rpc_open(&c, &b->rpc, &eb) != ERR_OK ||
	    (server && rpc_listen(b->rpc, b->endpoint, RPC_LISTEN_SERVERS, 0, &eb) != ERR_OK)) {
		fprintf(stderr, "bus_bench: %s\n", eb.text);
		exit(1);
	}
	if (!server)
		b->peer = rpc_dial(b->rpc, b->endpoint, b->server_pub, NULL);
}

static double cpu_us(int whose)
{
	struct rusage u;

	getrusage(whose, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
	struct bench b = { .total = 200000, .depth = 256 };
	double seconds, n;
	pid_t child;

	b.total = argc > 1 ? strtoul(argv[1], NULL, 10) : b.total;
	b.payload_len = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	b.depth = argc > 3 ? strtoul(argv[3], NULL, 10) : b.depth;
	if (b.total == 0 || b.depth == 0 || b.payload_len > RPC_CHUNK) {
		fprintf(stderr, "usage: bus_bench [calls [payload [depth [tcp]]]]\n");
		return 2;
	}
	b.payload = xcalloc(1, b.payload_len + 1);
	if (argc > 4)
		snprintf(b.endpoint, sizeof(b.endpoint), "tcp://127.0.0.1:%d",
			 20000 + getpid() % 40000);
	else
		snprintf(b.endpoint, sizeof(b.endpoint), "ipc:///tmp/bus-bench-%d", getpid());
	bus_keypair(b.server_pub, b.server_sec);
	bus_keypair(b.client_pub, b.client_sec);
	child = fork();
	CHECK(child >= 0);
	open_end(&b, child == 0);
	uv_run(&b.loop, UV_RUN_DEFAULT);	/* the child: until it is killed */
	seconds = (double)(clock_mono_us() - b.began_us) / 1e6;
	n = (double)b.total;
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	printf("calls=%lu payload=%lu depth=%lu over=%.3s failed=%lu per_second=%.0f "
	       "us_each=%.1f cpu_us_caller=%.1f cpu_us_server=%.1f\n",
	       b.total, b.payload_len, b.depth, b.endpoint, b.failed, n / seconds,
	       seconds * 1e6 / n, cpu_us(RUSAGE_SELF) / n, cpu_us(RUSAGE_CHILDREN) / n);
	rpc_close(&b.rpc);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	uv_loop_close(&b.loop);
	if (argc <= 4)
		unlink(b.endpoint + strlen("ipc://"));
	free(b.payload);
	return b.failed > 0;
}

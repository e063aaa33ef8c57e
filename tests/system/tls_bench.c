/*
 * tls_bench - what a connection and a login cost
 *
 *	tls_bench [connections [logins]]
 *
 * A child process listens with TLS; the parent opens the connections, 100 at a
 * time, says a word on each and leaves them idle.  Prints handshakes a second
 * (both ends on this machine), the child's time for one and its memory for an idle
 * connection, and cached logins a second within one process.
 */
#include "common/auth/login.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/svc/process.h"
#include "common/tls/conn.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_A_TIME 100u

/* What the child tells of one connection. */
struct cost {
	long bytes, cpu_us;
};

struct bench {
	uv_loop_t loop;
	struct net *net;
	struct tls_ctx *tls;
	struct listener *listener;
	struct conn **conns;
	unsigned total, begun, ready, lost;
	uint16_t port;
	bool server;
};

/* Private memory of this process in KiB. */
static long private_kib(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[200];
	long kib = 0, v;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %ld", &v) == 1 ||
		    sscanf(line, "Private_Clean: %ld", &v) == 1)
			kib += v;
	fclose(f);
	return kib;
}

static long cpu_us(void)
{
	struct rusage u;

	CHECK(getrusage(RUSAGE_SELF, &u) == 0);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

static void dial(struct bench *b);

static void on_ready(void *ctx)
{
	(void)ctx;
}

static void on_data(void *ctx, const char *p, size_t n)
{
	struct bench *b = ctx;

	b->ready++;
	if (b->server)
		conn_send(b->conns[b->ready - 1], p, n);
	else if (b->begun < b->total)
		dial(b);
}

static void on_close(void *ctx, enum conn_end end, const char *detail)
{
	struct bench *b = ctx;

	if (b->lost++ == 0 && !b->server)
		fprintf(stderr, "lost: %s %s\n", conn_end_text(end), detail);
}

static const struct conn_events events = { on_ready, on_data, NULL, NULL, on_close };

/* Accepted in some order, heard in some order: who is answered does not matter
 * here, but everybody must be. */
static void on_accept(void *ctx, struct conn *c)
{
	struct bench *b = ctx;

	b->conns[b->begun++] = c;
	conn_attach(c, &events, b);
}

static void dial(struct bench *b)
{
	struct conn_dial d = { .tls = b->tls, .name = "a.test" };

	CHECK(addr_parse("127.0.0.1", b->port, &d.to) == ERR_OK);
	b->conns[b->begun] = conn_dial(b->net, &d, &events, b);
	conn_send(b->conns[b->begun++], "hello\r\n", 7);
}

static void bench_up(struct bench *b, unsigned total, bool server)
{
	memset(b, 0, sizeof(*b));
	b->server = server;
	b->total = total;
	b->conns = xcalloc(total, sizeof(struct conn *));
	process_settle();
	CHECK(uv_loop_init(&b->loop) == 0);
	b->net = net_open(&b->loop);
}

/* The child: tell the port, hear them all, tell the cost of each. */
static void serve(unsigned total, const char *dir, int out)
{
	static const char *const addrs[] = { "127.0.0.1:0", NULL }, *const name = "a.test";
	char *cert = xasprintf("%s/crt", dir), *key = xasprintf("%s/key", dir);
	struct tls_cert pair = { cert, key };
	struct tls_server_conf conf = { .certs = &pair, .n_certs = 1 };
	struct listener_conf lc = { .addrs = addrs, .on_accept = on_accept };
	long n = total > 1 ? total - 1 : 1;
	struct cost before, cost;
	struct bench b;

	bench_up(&b, total, true);
	CHECK(tls_self_signed(cert, key, &name, 1, 30, NULL) == ERR_OK);
	CHECK(tls_server_new(&conf, &b.tls, NULL) == ERR_OK);
	lc.tls = b.tls;
	lc.ctx = &b;
	CHECK(listener_open(b.net, &lc, &b.listener, NULL) == ERR_OK);
	b.port = listener_port(b.listener, 0);
	CHECK(write(out, &b.port, sizeof(b.port)) == (ssize_t)sizeof(b.port));
	while (b.ready < 1)		/* the first one pays for what all share */
		uv_run(&b.loop, UV_RUN_ONCE);
	before = (struct cost){ private_kib() * 1024, cpu_us() };
	while (b.ready < total)
		uv_run(&b.loop, UV_RUN_ONCE);
	for (int i = 0; i < 10; i++)
		uv_run(&b.loop, UV_RUN_NOWAIT);
	malloc_trim(0);
	cost = (struct cost){ (private_kib() * 1024 - before.bytes) / n, (cpu_us() - before.cpu_us) / n };
	CHECK(write(out, &cost, sizeof(cost)) == (ssize_t)sizeof(cost));
	unlink(cert);
	unlink(key);
	_exit(0);
}

static void bench_connections(unsigned total)
{
	struct tls_client_conf conf = { .verify = TLS_VERIFY_NONE };
	char dir[] = "/tmp/tls_bench.XXXXXX";
	struct bench b;
	int fd[2], status;
	struct cost cost;
	int64_t began;
	pid_t pid;

	CHECK(mkdtemp(dir) != NULL && pipe(fd) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		serve(total, dir, fd[1]);
	bench_up(&b, total, false);
	CHECK(tls_client_new(&conf, &b.tls, NULL) == ERR_OK);
	CHECK(read(fd[0], &b.port, sizeof(b.port)) == (ssize_t)sizeof(b.port));
	began = clock_mono_us();
	for (unsigned i = 0; i < AT_A_TIME && i < total; i++)
		dial(&b);
	while (b.ready < total && b.lost == 0)
		uv_run(&b.loop, UV_RUN_ONCE);
	printf("handshakes/s %.0f (of %u, %u lost)\n",
	       total * 1e6 / (double)(clock_mono_us() - began), total, b.lost);
	CHECK(read(fd[0], &cost, sizeof(cost)) == (ssize_t)sizeof(cost));
	printf("us of the server's CPU for one %ld\nbytes of an idle TLS connection %ld\n",
	       cost.cpu_us, cost.bytes);
	CHECK(waitpid(pid, &status, 0) == pid);
	rmdir(dir);
	tls_ctx_unref(&b.tls);
	net_close(&b.net);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&b.loop) == 0);
	free(b.conns);
}

/* ---- logins ---------------------------------------------------------------------- */

struct logins {
	struct login *login;
	struct credential cred;
	unsigned left, bad;
};

static enum err lookup(void *ctx, const char *user, struct credential *out)
{
	struct logins *l = ctx;

	(void)user;
	*out = l->cred;
	return ERR_OK;
}

static void on_login(void *ctx, enum err e, const struct login_result *r);

static void next_login(struct logins *l)
{
	struct login_try t = { .user = "ann@a.test", .password = "secret", .password_len = 6,
			       .protocol = LOGIN_IMAP, .now_ms = 1 };

	if (l->left > 0) {
		l->left--;
		(void)login_verify(l->login, &t, on_login, l);
	}
}

static void on_login(void *ctx, enum err e, const struct login_result *r)
{
	struct logins *l = ctx;

	(void)r;
	l->bad += e != ERR_OK;
	next_login(l);
}

static void bench_logins(unsigned total)
{
	struct password_params params = PASSWORD_DEFAULTS;
	struct login_conf conf = { .params = params, .max_cached = 100 };
	struct logins l = { .left = 1 };
	struct work_conf wc = { NULL, 2, 1000 };
	uv_loop_t loop;
	int64_t began;

	uv_loop_init(&loop);
	wc.loop = &loop;
	conf.pool = work_pool_open(&wc);
	conf.source = (struct credential_source){ lookup, NULL, &l };
	l.cred.enabled = true;
	l.cred.protocols = LOGIN_IMAP;
	CHECK(password_make("secret", &params, &conf.pepper, &l.cred.argon, &l.cred.scram, NULL) ==
	      ERR_OK);
	l.login = login_new(&conf);
	began = clock_mono_us();
	next_login(&l);
	while (uv_run(&loop, UV_RUN_ONCE))
		;
	printf("first login %.1f ms\n", (double)(clock_mono_us() - began) / 1000);
	l.left = total;
	began = clock_mono_us();
	next_login(&l);
	while (uv_run(&loop, UV_RUN_ONCE))
		;
	printf("cached logins/s %.0f (%u failed)\n", total * 1e6 / (double)(clock_mono_us() - began),
	       l.bad);
	login_free(&l.login);
	work_pool_close(&conf.pool);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&loop) == 0);
}

int main(int argc, char **argv)
{
	unsigned connections = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2000;
	unsigned logins = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;

	if (connections > 0)
		bench_connections(connections);
	if (logins > 0)
		bench_logins(logins);
	return 0;
}

/*
 * hold - many idle clients, and how soon each hears of mail
 *
 *	hold -i HOST:PORT -s HOST:PORT -n CONNECTIONS -R USERS [-p PASSWORD] [-w SECONDS]
 *	     [-r MESSAGES-PER-SECOND]
 *
 * Opens the connections to an IMAP server (TLS from the first byte, any certificate),
 * logs in as u1 ... uR in turn, selects INBOX and idles; says "held=" and waits -w
 * seconds, for others to look at the server's memory.  Then one letter for each user
 * goes to the SMTP server, and the time from its 250 to EXISTS is taken for each
 * connection.  Two lines of key=value come out.  Fails if a client heard nothing in 20
 * seconds.
 */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/tls/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define AT_A_TIME 100u
#define LINE_BYTES  400		/* longer lines are cut: nobody looks at their ends */
#define PATIENCE  20000		/* ms for the last client to hear */

enum stage { GREETING, LOGIN, SELECT, IDLE, TOLD };

struct client {
	struct hold *h;
	struct conn *conn;
	unsigned user;
	enum stage stage;
	int64_t told_us;
	size_t n;
	char *line;			/* only until it idles */
};

struct hold {
	uv_loop_t loop;
	struct net *net;
	struct tls_ctx *tls;
	struct addr imap, smtp;
	const char *password;
	unsigned count, users, wait_s, rate;
	struct client *clients;
	unsigned begun, idling, told, lost;
	/* the sender */
	struct conn *sender;
	unsigned smtp_step, sent;
	int64_t *sent_us;		/* of each user's letter */
	uv_timer_t timer;
	int64_t began_ms, end_ms;
};

static void say(struct conn *c, const char *text)
{
	conn_send(c, text, strlen(text));
}

/* ---- clients -------------------------------------------------------------------------- */

static void dial(struct hold *h);
static void start_sending(struct hold *h);

static void on_idle(struct client *c)
{
	struct hold *h = c->h;

	c->stage = IDLE;
	h->idling++;
	if (h->begun < h->count)
		dial(h);
	if (h->idling == h->count)
		start_sending(h);
}

static void on_line(struct client *c)
{
	char text[200];

	switch (c->stage) {
	case GREETING:
		snprintf(text, sizeof(text), "a LOGIN u%u %s\r\n", c->user, c->h->password);
		say(c->conn, text);
		c->stage = LOGIN;
		break;
	case LOGIN:
		if (strncmp(c->line, "a ", 2) != 0)
			break;
		if (strncmp(c->line, "a OK", 4) != 0) {
			fprintf(stderr, "u%u: %s\n", c->user, c->line);
			exit(1);
		}
		say(c->conn, "b SELECT INBOX\r\n");
		c->stage = SELECT;
		break;
	case SELECT:
		if (strncmp(c->line, "b OK", 4) == 0)
			say(c->conn, "c IDLE\r\n");
		else if (strncmp(c->line, "+ ", 2) == 0)
			on_idle(c);
		break;
	case IDLE:
		if (strstr(c->line, " EXISTS")) {
			c->told_us = clock_mono_us();
			c->stage = TOLD;
			c->h->told++;
		}
		break;
	case TOLD:
		break;
	}
}

static void on_data(void *ctx, const char *p, size_t n)
{
	struct client *c = ctx;

	for (size_t i = 0; i < n; i++) {
		if (c->line == NULL)
			c->line = xcalloc(1, LINE_BYTES);
		if (p[i] == '\n') {
			c->line[c->n] = '\0';
			c->n = 0;
			on_line(c);
		} else if (c->n < LINE_BYTES - 1) {
			c->line[c->n++] = p[i];
		}
	}
	if (c->n == 0) {
		free(c->line);
		c->line = NULL;
	}
}

static void on_close(void *ctx, enum conn_end end, const char *detail)
{
	struct client *c = ctx;

	c->conn = NULL;
	if (c->h->lost++ == 0)
		fprintf(stderr, "lost u%u: %s %s\n", c->user, conn_end_text(end), detail);
	if (c->stage < IDLE)
		exit(1);
}

static const struct conn_events client_events = { .on_data = on_data, .on_close = on_close };

static void dial(struct hold *h)
{
	struct client *c = &h->clients[h->begun];
	const struct conn_dial d = { .to = h->imap, .tls = h->tls, .name = "localhost" };

	c->h = h;
	c->user = h->begun++ % h->users + 1;
	c->conn = conn_dial(h->net, &d, &client_events, c);
}

/* ---- letters --------------------------------------------------------------------------- */

static void next_letter(struct hold *h)
{
	char text[300];

	snprintf(text, sizeof(text), "MAIL FROM:<hold@outside.test>\r\n");
	say(h->sender, text);
	h->smtp_step = 2;
}

static void on_pace(uv_timer_t *t)
{
	struct hold *h = t->data;

	next_letter(h);
}

/* A reply's last line. */
static void on_reply(struct hold *h, const char *line)
{
	char text[400];
	int64_t due;

	if (line[0] != '2' && line[0] != '3') {
		fprintf(stderr, "smtp: %s\n", line);
		exit(1);
	}
	switch (h->smtp_step) {
	case 0:
		say(h->sender, "EHLO hold.outside.test\r\n");
		h->smtp_step = 1;
		return;
	case 1:
		next_letter(h);
		return;
	case 2:
		snprintf(text, sizeof(text), "RCPT TO:<u%u@example.test>\r\n", h->sent + 1);
		say(h->sender, text);
		break;
	case 3:
		say(h->sender, "DATA\r\n");
		break;
	case 4:
		snprintf(text, sizeof(text), "From: <hold@outside.test>\r\nSubject: letter %u\r\n"
			 "Message-ID: <%u.%lld@hold.outside.test>\r\n\r\nhello\r\n.\r\n", h->sent,
			 h->sent, (long long)h->began_ms);
		say(h->sender, text);
		break;
	case 5:
		h->sent_us[h->sent++] = clock_mono_us();
		if (h->sent == h->users) {
			h->end_ms = clock_mono_ms() + PATIENCE;
			say(h->sender, "QUIT\r\n");
			h->smtp_step = 7;
			return;
		}
		due = h->began_ms + (int64_t)h->sent * 1000 / h->rate - clock_mono_ms();
		h->smtp_step = 6;
		uv_timer_start(&h->timer, on_pace, due > 0 ? (uint64_t)due : 0, 0);
		return;
	default:
		return;
	}
	h->smtp_step++;
}

static void on_smtp(void *ctx, const char *p, size_t n)
{
	struct hold *h = ctx;
	static char line[1000];		/* one sender */
	static size_t len;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = p[i];
			continue;
		}
		line[len] = '\0';
		len = 0;
		if (line[3] != '-')
			on_reply(h, line);
	}
}

static void on_smtp_close(void *ctx, enum conn_end end, const char *detail)
{
	struct hold *h = ctx;

	h->sender = NULL;
	if (h->sent < h->users) {
		fprintf(stderr, "smtp: %s %s\n", conn_end_text(end), detail);
		exit(1);
	}
}

static const struct conn_events smtp_events = { .on_data = on_smtp, .on_close = on_smtp_close };

static void on_waited(uv_timer_t *t)
{
	struct hold *h = t->data;
	const struct conn_dial d = { .to = h->smtp };

	h->began_ms = clock_mono_ms();
	h->sender = conn_dial(h->net, &d, &smtp_events, h);
}

static void start_sending(struct hold *h)
{
	printf("held=%u of=%u ms=%lld\n", h->idling, h->count,
	       (long long)(clock_mono_ms() - h->began_ms));
	fflush(stdout);
	uv_timer_start(&h->timer, on_waited, (uint64_t)h->wait_s * 1000, 0);
}

/* ---- the end ----------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Who heard before the 250 did not wait at all. */
static int report(struct hold *h)
{
	int64_t *us = xcalloc(h->count, sizeof(*us));
	unsigned n = 0, late = 0;

	for (unsigned i = 0; i < h->count; i++) {
		const struct client *c = &h->clients[i];
		int64_t took = c->told_us - h->sent_us[c->user - 1];

		if (c->stage != TOLD)
			continue;
		us[n++] = took > 0 ? took : 0;
		late += took > 1000000;
	}
	qsort(us, n, sizeof(*us), by_size);
	printf("told=%u of=%u lost=%u late=%u median_ms=%.1f p99_ms=%.1f max_ms=%.1f\n", n, h->count,
	       h->lost, late, n ? (double)us[n / 2] / 1000 : 0, n ? (double)us[n * 99 / 100] / 1000 : 0,
	       n ? (double)us[n - 1] / 1000 : 0);
	free(us);
	return n == h->count && h->lost == 0 ? 0 : 1;
}

/* So that the loop wakes up to look at the clock. */
static void on_tick(uv_timer_t *t)
{
	(void)t;
}

static void run(struct hold *h)
{
	while ((h->told < h->count || h->sent < h->users) &&
	       (h->end_ms == 0 || clock_mono_ms() < h->end_ms)) {
		if (h->end_ms && !uv_is_active((uv_handle_t *)&h->timer))
			uv_timer_start(&h->timer, on_tick, 200, 0);
		uv_run(&h->loop, UV_RUN_ONCE);
	}
}

static void read_options(struct hold *h, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "i:s:n:R:p:w:r:")) != -1)
		switch (opt) {
		case 'i': CHECK(addr_parse(optarg, 993, &h->imap) == ERR_OK); break;
		case 's': CHECK(addr_parse(optarg, 25, &h->smtp) == ERR_OK); break;
		case 'n': h->count = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'R': h->users = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'p': h->password = optarg; break;
		case 'w': h->wait_s = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'r': h->rate = (unsigned)strtoul(optarg, NULL, 10); break;
		default:  exit(2);
		}
	if (h->imap.family == 0 || h->smtp.family == 0 || h->users == 0 || h->rate == 0 ||
	    h->count < h->users) {
		fprintf(stderr, "usage: hold -i HOST:PORT -s HOST:PORT -n CONNECTIONS -R USERS\n"
				"\t[-p PASSWORD] [-w SECONDS] [-r MESSAGES-PER-SECOND]\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	const struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE };
	struct hold h = { .count = 10000, .users = 1000, .password = "pw", .rate = 100 };
	struct rlimit files;
	int rc;

	read_options(&h, argc, argv);
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	CHECK(uv_loop_init(&h.loop) == 0 && tls_client_new(&cc, &h.tls, NULL) == ERR_OK);
	uv_timer_init(&h.loop, &h.timer);
	h.timer.data = &h;
	h.net = net_open(&h.loop);
	h.clients = xcalloc(h.count, sizeof(*h.clients));
	h.sent_us = xcalloc(h.users, sizeof(*h.sent_us));
	h.began_ms = clock_mono_ms();
	while (h.begun < h.count && h.begun < AT_A_TIME)
		dial(&h);
	run(&h);
	rc = report(&h);
	fflush(stdout);
	_exit(rc);			/* ten thousand goodbyes would say nothing new */
}

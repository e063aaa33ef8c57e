/*
 * imap_bench - figures of an IMAP server, the same way for any server
 *
 *	imap_bench login -i HOST:PORT [-t] -u USER -p PASSWORD -n COUNT [-c THREADS]
 *	imap_bench fetch -i HOST:PORT [-t] -u USER -p PASSWORD -q COMMAND [-n TIMES] [-f FOLDER]
 *	imap_bench hold  -i HOST:PORT [-t] -u USER -p PASSWORD -n CONNECTIONS -w SECONDS
 *	imap_bench count -i HOST:PORT [-t] -u USER -p PASSWORD
 *
 * -t: TLS from the first byte.  USER may hold %u, which becomes a number from 1
 * to -R.  One line of key=value comes out.  fetch selects FOLDER (INBOX, or none
 * for "-") and says the best time of the command.  hold logs in, says "held" when all
 * stand, and keeps them for the time given.
 */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/system/lib/wire.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench {
	char *host, *port, *user, *password, *query;
	const char *folder;
	unsigned count, threads, users, wait_s;
	bool tls;
	atomic_uint next, failed;
};

/* Connected and logged in as the k-th user, or NULL. */
static struct wire *login(const struct bench *b, unsigned k)
{
	const char *mark = strstr(b->user, "%u");
	char user[128];

	if (mark)
		snprintf(user, sizeof(user), "%.*s%u%s", (int)(mark - b->user), b->user,
			 k % b->users + 1, mark + 2);
	else
		snprintf(user, sizeof(user), "%s", b->user);
	return wire_imap_login(b->host, b->port, b->tls, user, b->password);
}

static void *login_loop(void *ctx)
{
	struct bench *b = ctx;
	unsigned k;

	while ((k = b->next++) < b->count) {
		struct wire *w = login(b, k);

		if (w == NULL || !wire_imap(w, "LOGOUT"))
			b->failed++;
		wire_close(&w);
	}
	return NULL;
}

static int bench_login(struct bench *b)
{
	pthread_t *t = xcalloc(b->threads, sizeof(*t));
	int64_t start, ms;

	start = clock_mono_ms();
	for (unsigned i = 0; i < b->threads; i++)
		CHECK(pthread_create(&t[i], NULL, login_loop, b) == 0);
	for (unsigned i = 0; i < b->threads; i++)
		pthread_join(t[i], NULL);
	ms = clock_mono_ms() - start;
	free(t);
	printf("logins=%u failed=%u ms=%lld per_second=%.0f\n", b->count, b->failed,
	       (long long)ms, b->count * 1000.0 / (double)(ms ? ms : 1));
	return b->failed ? 1 : 0;
}

static int bench_fetch(struct bench *b)
{
	struct wire *w = login(b, 0);
	int64_t start, best = INT64_MAX;
	bool ok = w && (strcmp(b->folder, "-") == 0 || wire_imap(w, "SELECT \"%s\"", b->folder));

	for (unsigned i = 0; i < b->count && ok; i++) {
		start = clock_mono_us();
		ok = wire_imap(w, "%s", b->query);
		if (clock_mono_us() - start < best)
			best = clock_mono_us() - start;
	}
	wire_close(&w);
	printf("ok=%d best_ms=%lld best_us=%lld\n", ok, (long long)(ok ? best / 1000 : 0),
	       (long long)(ok ? best : 0));
	return ok ? 0 : 1;
}

static int bench_count(struct bench *b)
{
	struct wire *w = login(b, 0);
	const char *line;
	unsigned n = 0;
	bool ok = false;

	if (w && wire_printf(w, "S STATUS INBOX (MESSAGES)\r\n"))
		while ((line = wire_line(w)) != NULL) {
			const char *at = strstr(line, "MESSAGES ");

			if (at)
				n = (unsigned)strtoul(at + 9, NULL, 10);
			if (strncmp(line, "S ", 2) == 0) {
				ok = strncmp(line, "S OK", 4) == 0;
				break;
			}
		}
	wire_close(&w);
	printf("ok=%d messages=%u\n", ok, n);
	return ok ? 0 : 1;
}

static int bench_hold(struct bench *b)
{
	struct wire **w = xcalloc(b->count, sizeof(struct wire *));
	unsigned held = 0;

	for (unsigned i = 0; i < b->count; i++) {
		w[i] = login(b, i);
		held += w[i] && wire_imap(w[i], "SELECT INBOX");
	}
	printf("held=%u of=%u\n", held, b->count);
	fflush(stdout);
	sleep(b->wait_s);
	for (unsigned i = 0; i < b->count; i++)
		wire_close(&w[i]);
	free(w);
	return held == b->count ? 0 : 1;
}

static const struct {
	const char *name;
	int (*run)(struct bench *b);
} modes[] = {
	{ "login", bench_login },
	{ "fetch", bench_fetch },
	{ "hold", bench_hold },
	{ "count", bench_count },
};

int main(int argc, char **argv)
{
	struct bench b = { .count = 1, .threads = 1, .users = 1, .folder = "INBOX" };
	bool good = argc > 1;
	char *colon;
	int c;

	optind = 2;
	while (good && (c = getopt(argc, argv, "i:tu:p:n:c:q:f:R:w:")) != -1) {
		switch (c) {
		case 'i':
			colon = strrchr(optarg, ':');
			good = colon != NULL;
			if (good) {
				*colon = '\0';
				b.host = optarg;
				b.port = colon + 1;
			}
			break;
		case 't': b.tls = true; break;
		case 'u': b.user = optarg; break;
		case 'p': b.password = optarg; break;
		case 'n': b.count = (unsigned)atoi(optarg); break;
		case 'c': b.threads = (unsigned)atoi(optarg); break;
		case 'q': b.query = optarg; break;
		case 'f': b.folder = optarg; break;
		case 'R': b.users = (unsigned)atoi(optarg); break;
		case 'w': b.wait_s = (unsigned)atoi(optarg); break;
		default:  good = false;
		}
	}
	for (size_t i = 0; good && b.host && b.user && b.password && i < N_ELEMS(modes); i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run(&b);
	fprintf(stderr, "usage: imap_bench login|fetch|hold|count -i HOST:PORT -u USER -p PASSWORD ...\n");
	return 2;
}

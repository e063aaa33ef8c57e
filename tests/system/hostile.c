/*
 * hostile - be a bad client, and see that the server says so and stays well
 *
 *	hostile CASE -s SMTP_HOST:PORT -i IMAP_HOST:PORT -t IMAPS_HOST:PORT
 *	        -u USER -p PASSWORD -d DOMAIN
 *
 * Without a case it lists them.  Each case states what must happen; its exit
 * status says whether it did.
 */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/system/lib/wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct place {
	char *host, *port;
};

struct hostile {
	struct place smtp, imap, imaps;
	char *user, *password, *domain;
};

static bool wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return false;
}

static struct wire *smtp(const struct hostile *h)
{
	struct wire *w = wire_connect(h->smtp.host, h->smtp.port, 60000);

	if (w && (wire_smtp(w) != 220 || !wire_printf(w, "EHLO bad.test\r\n") ||
		  wire_smtp(w) != 250))
		wire_close(&w);
	return w;
}

static struct wire *imap(const struct hostile *h)
{
	struct wire *w = wire_connect(h->imap.host, h->imap.port, 60000);

	if (w && (wire_line(w) == NULL ||
		  !wire_imap(w, "LOGIN %s \"%s\"", h->user, h->password)))
		wire_close(&w);
	return w;
}

static int say(struct wire *w, const char *line)
{
	return wire_printf(w, "%s\r\n", line) ? wire_smtp(w) : 0;
}

static bool begin_data(struct wire *w, const struct hostile *h)
{
	char rcpt[300];

	snprintf(rcpt, sizeof(rcpt), "RCPT TO:<%s@%s>", h->user, h->domain);
	return w && say(w, "MAIL FROM:<bad@outside.test>") == 250 && say(w, rcpt) == 250 &&
	       say(w, "DATA") == 354;
}

/* A session with INBOX selected whose newest message has at least this size.  250
 * says that a message is safe, not that it is there: a large one is queued first. */
static struct wire *imap_with(const struct hostile *h, unsigned long size)
{
	for (int tries = 0; tries < 100; tries++) {
		struct wire *w = imap(h);
		const char *line = NULL, *at;
		bool there = false;

		if (w && wire_imap(w, "SELECT INBOX") && wire_printf(w, "S FETCH * (RFC822.SIZE)\r\n"))
			while ((line = wire_line(w)) != NULL && strncmp(line, "S ", 2) != 0) {
				at = strstr(line, "RFC822.SIZE ");
				there |= at && strtoul(at + 12, NULL, 10) >= size;
			}
		if (line && there)
			return w;
		wire_close(&w);
		usleep(200000);
	}
	return NULL;
}

/* A command of 1 MB: 500 or a goodbye, within bounded memory. */
static bool long_line(const struct hostile *h)
{
	struct wire *w = smtp(h);
	char *junk = xcalloc(1, 1 << 20);
	int code = 0;

	memset(junk, 'A', 1 << 20);
	if (w && wire_send(w, junk, 1 << 20) && wire_send(w, "\r\n", 2))
		code = wire_smtp(w);
	free(junk);
	wire_close(&w);
	/* The server may also have hung up on us in the middle. */
	return code == 0 || code / 100 == 5 || code == 421 ? true : wrong("answer %d", code);
}

/* 2 MB of header: refused, 5xx. */
static bool endless_header(const struct hostile *h)
{
	struct wire *w = smtp(h);
	int code = 0;

	if (!begin_data(w, h))
		return wrong("no 354");
	for (unsigned i = 0; i < 40000; i++)
		if (!wire_printf(w, "X-Header-%u: %040u\r\n", i, i))
			break;
	if (wire_printf(w, "\r\nbody\r\n.\r\n"))
		code = wire_smtp(w);
	wire_close(&w);
	return code / 100 == 5 || code == 0 ? true : wrong("answer %d", code);
}

/* 10,000 recipients: 200 accepted, the rest 452, the session goes on. */
static bool many_recipients(const struct hostile *h)
{
	struct wire *w = smtp(h);
	unsigned ok = 0, later = 0, other = 0;

	if (w == NULL || say(w, "MAIL FROM:<bad@outside.test>") != 250)
		return wrong("no session");
	for (unsigned i = 0; i < 10000; i++) {
		int code;

		wire_printf(w, "RCPT TO:<%s+%u@%s>\r\n", h->user, i, h->domain);
		code = wire_smtp(w);
		if (code == 250)
			ok++;
		else if (code == 452)
			later++;
		else if (++other > 5)
			break;
	}
	printf("accepted=%u later=%u other=%u\n", ok, later, other);
	if (ok != 200 || later != 9800)
		return false;
	if (say(w, "RSET") != 250 || say(w, "NOOP") != 250)
		return wrong("the session does not go on");
	wire_close(&w);
	return true;
}

/* CR, LF and NUL where they must not be: no message, and no second one smuggled. */
static bool smuggling(const struct hostile *h)
{
	static const char *const ends[] = { "\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r" };

	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		struct wire *w = smtp(h);
		int code;

		if (!begin_data(w, h))
			return wrong("no 354");
		wire_printf(w, "Subject: smuggle\r\n\r\nfirst%sMAIL FROM:<evil@%s>\r\n"
			       "RCPT TO:<%s@%s>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n",
			    ends[i], h->domain, h->user, h->domain);
		code = wire_smtp(w);
		if (code / 100 != 5)
			return wrong("end %zu: answer %d", i, code);
		if (say(w, "NOOP") != 250)
			return wrong("end %zu: the session is out of step", i);
		wire_close(&w);
	}
	return true;
}

/* A literal of 4 GB: refused at once, the session goes on. */
static bool huge_literal(const struct hostile *h)
{
	struct wire *w = imap(h);
	const char *line;

	if (w == NULL || !wire_printf(w, "a APPEND INBOX {4294967295}\r\n"))
		return wrong("no session");
	line = wire_line(w);
	if (line == NULL || (strncmp(line, "a NO", 4) != 0 && strncmp(line, "a BAD", 5) != 0))
		return wrong("answer %s", line ? line : "none");
	if (!wire_imap(w, "NOOP"))
		return wrong("the session does not go on");
	wire_close(&w);
	return true;
}

/* Bytes that are no UTF-8 and names that are no names. */
static bool bad_utf8(const struct hostile *h)
{
	static const char *const cmds[] = {
		"SELECT \"\xff\xfe\"", "CREATE \"a\x80z\"", "SELECT &Jjo", "CREATE &AAA-",
		"LIST \"\" \"\xc3\x28\"", "SEARCH CHARSET UTF-8 SUBJECT \"\xc3\x28\"",
	};
	struct wire *w = imap(h);

	if (w == NULL || !wire_imap(w, "SELECT INBOX"))
		return wrong("no session");
	for (size_t i = 0; i < N_ELEMS(cmds); i++) {
		wire_imap(w, "%s", cmds[i]);
		if (!wire_imap(w, "NOOP"))
			return wrong("dead after %zu", i);
	}
	wire_close(&w);
	return true;
}

/* 100,000 MIME parts: kept byte for byte, shown as one part. */
static bool many_parts(const struct hostile *h)
{
	struct wire *w = smtp(h);
	int code;

	if (!begin_data(w, h))
		return wrong("no 354");
	wire_printf(w, "Subject: parts\r\nMIME-Version: 1.0\r\n"
		       "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < 100000; i++)
		wire_printf(w, "--b\r\n\r\npart %u\r\n", i);
	wire_printf(w, "--b--\r\n.\r\n");
	code = wire_smtp(w);
	wire_close(&w);
	if (code != 250)
		return wrong("answer %d", code);
	w = imap_with(h, 1500000);
	if (w == NULL || !wire_imap(w, "FETCH * (BODYSTRUCTURE ENVELOPE RFC822.SIZE)"))
		return wrong("its structure cannot be fetched");
	wire_close(&w);
	return true;
}

/* A TLS handshake that stops half way, many times: others are served. */
static bool half_tls(const struct hostile *h)
{
	struct wire *w[200];
	bool ok;

	for (size_t i = 0; i < N_ELEMS(w); i++) {
		w[i] = wire_connect(h->imaps.host, h->imaps.port, 5000);
		if (w[i])
			wire_send(w[i], "\x16\x03\x01\x02\x00\x01", 6);
	}
	{
		struct wire *good = wire_connect(h->imaps.host, h->imaps.port, 10000);

		ok = good && wire_tls(good) && wire_line(good) &&
		     wire_imap(good, "LOGIN %s \"%s\"", h->user, h->password);
		wire_close(&good);
	}
	for (size_t i = 0; i < N_ELEMS(w); i++)
		wire_close(&w[i]);
	return ok ? true : wrong("a good client is not served");
}

/* A peer that asks for much and reads next to nothing. */
static bool slow_reader(const struct hostile *h)
{
	struct wire *slow = imap(h), *good;
	char byte;
	bool ok;

	if (slow == NULL || !wire_imap(slow, "SELECT INBOX"))
		return wrong("no session");
	for (unsigned i = 0; i < 50; i++)
		wire_printf(slow, "s%u FETCH 1:* BODY.PEEK[]\r\n", i);
	for (unsigned i = 0; i < 5; i++) {
		if (!wire_read(slow, &byte, 1))
			break;
		sleep(1);
	}
	good = imap(h);
	ok = good && wire_imap(good, "SELECT INBOX") && wire_imap(good, "FETCH 1:* (FLAGS)");
	wire_close(&good);
	wire_close(&slow);
	return ok ? true : wrong("a good client is not served");
}

/* 5,000 connections at once from many loopback addresses. */
static bool crowd(const struct hostile *h)
{
	enum { N = 5000 };
	struct rlimit rl = { N + 100, N + 100 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int *fd = xcalloc(N, sizeof(*fd));
	unsigned open = 0, greeted = 0;
	struct wire *good = NULL;
	bool ok;

	if (setrlimit(RLIMIT_NOFILE, &rl) != 0) {
		getrlimit(RLIMIT_NOFILE, &rl);
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	inet_pton(AF_INET, h->smtp.host, &to.sin_addr);
	to.sin_port = htons((uint16_t)atoi(h->smtp.port));
	for (unsigned i = 0; i < N; i++) {
		struct sockaddr_in from = { .sin_family = AF_INET };

		from.sin_addr.s_addr = htonl(0x7f010001u + i % 250 + (i / 250 << 8));
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd[i] < 0)
			continue;
		if (bind(fd[i], (struct sockaddr *)&from, sizeof(from)) == 0 &&
		    connect(fd[i], (struct sockaddr *)&to, sizeof(to)) == 0)
			open++;
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
	}
	sleep(2);
	for (unsigned i = 0; i < N; i++) {
		char b[4];

		greeted += fd[i] >= 0 && recv(fd[i], b, 4, 0) == 4 && memcmp(b, "220", 3) == 0;
	}
	printf("open=%u greeted=%u\n", open, greeted);
	for (unsigned i = 0; i < N; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	free(fd);
	for (int i = 0; i < 50 && good == NULL; i++) {
		good = smtp(h);
		if (good == NULL)
			usleep(200000);
	}
	ok = good && say(good, "NOOP") == 250;
	wire_close(&good);
	if (open < N * 9 / 10)
		return wrong("only %u connections", open);
	return ok ? true : wrong("a good client is not served afterwards");
}

/* 150 MB, the limit having been raised: taken, and read back whole. */
static bool big(const struct hostile *h)
{
	struct wire *w = smtp(h);
	char line[80];
	size_t sent = 0, size = 150u << 20;
	int code;

	if (!begin_data(w, h))
		return wrong("no 354");
	wire_printf(w, "Subject: big\r\n\r\n");
	memset(line, 'x', 76);
	line[76] = '\r';
	line[77] = '\n';
	while (sent < size) {
		char block[78 * 512];

		for (unsigned i = 0; i < 512; i++) {
			snprintf(line, 17, "%016zx", sent + i);
			line[16] = 'x';
			memcpy(block + i * 78, line, 78);
		}
		if (!wire_send(w, block, sizeof(block)))
			return wrong("cut off after %zu bytes", sent);
		sent += sizeof(block);
	}
	wire_printf(w, ".\r\n");
	code = wire_smtp(w);
	wire_close(&w);
	if (code != 250)
		return wrong("answer %d", code);
	w = imap_with(h, size);
	if (w == NULL || !wire_imap(w, "FETCH * BODY.PEEK[]"))
		return wrong("it cannot be read");
	wire_close(&w);
	return true;
}

/* A good client's letter, which every other case must leave possible. */
static bool good(const struct hostile *h)
{
	struct wire *w = smtp(h);
	bool ok = begin_data(w, h) && say(w, "Subject: good\r\n\r\nfine\r\n.") == 250;

	wire_close(&w);
	return ok ? true : wrong("a letter is not taken");
}

static const struct {
	const char *name;
	bool (*run)(const struct hostile *h);
} cases[] = {
	{ "long-line", long_line },
	{ "endless-header", endless_header },
	{ "many-recipients", many_recipients },
	{ "smuggling", smuggling },
	{ "huge-literal", huge_literal },
	{ "bad-utf8", bad_utf8 },
	{ "many-parts", many_parts },
	{ "half-tls", half_tls },
	{ "slow-reader", slow_reader },
	{ "crowd", crowd },
	{ "big", big },
	{ "good", good },
};

static bool split(char *arg, struct place *out)
{
	char *colon = strrchr(arg, ':');

	if (colon == NULL)
		return false;
	*colon = '\0';
	*out = (struct place){ arg, colon + 1 };
	return true;
}

int main(int argc, char **argv)
{
	struct hostile h = { 0 };
	bool usage = argc < 2;
	int c;

	optind = 2;
	while (!usage && (c = getopt(argc, argv, "s:i:t:u:p:d:")) != -1) {
		switch (c) {
		case 's': usage = !split(optarg, &h.smtp); break;
		case 'i': usage = !split(optarg, &h.imap); break;
		case 't': usage = !split(optarg, &h.imaps); break;
		case 'u': h.user = optarg; break;
		case 'p': h.password = optarg; break;
		case 'd': h.domain = optarg; break;
		default:  usage = true;
		}
	}
	for (size_t i = 0; !usage && i < N_ELEMS(cases); i++)
		if (strcmp(argv[1], cases[i].name) == 0 && h.smtp.host && h.imap.host && h.user)
			return cases[i].run(&h) ? 0 : 1;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		puts(cases[i].name);
	return usage ? 0 : 2;
}

#include "tests/system/lib/wire.h"

#include "common/base/check.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
	int fd;
	SSL *ssl;		/* NULL: plain */
	unsigned tag;
	bool dead;
	size_t at, have;
	char in[64 * 1024];
	char line[64 * 1024];
};

struct wire *wire_connect(const char *host, const char *port, int timeout_ms)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *ai;
	struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct wire *w;
	int fd, one = 1;

	if (getaddrinfo(host, port, &hint, &ai) != 0)
		return NULL;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(ai);
	if (fd < 0)
		return NULL;
	w = xcalloc(1, sizeof(*w));
	w->fd = fd;
	return w;
}

/* One context for all: what a connection costs us should be small. */
static SSL_CTX *client_ctx(void)
{
	static SSL_CTX *cx;

	if (cx == NULL) {
		cx = SSL_CTX_new(TLS_client_method());
		CHECK(cx != NULL);
		SSL_CTX_set_verify(cx, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_mode(cx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	}
	return cx;
}

bool wire_tls(struct wire *w)
{
	w->ssl = SSL_new(client_ctx());
	CHECK(w->ssl != NULL && SSL_set_fd(w->ssl, w->fd) == 1);
	if (SSL_connect(w->ssl) != 1)
		w->dead = true;
	return !w->dead;
}

void wire_close(struct wire **wp)
{
	struct wire *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	SSL_free(w->ssl);
	close(w->fd);
	free(w);
}

bool wire_send(struct wire *w, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0 && !w->dead) {
		ssize_t k = w->ssl ? SSL_write(w->ssl, at, (int)(n < 1 << 30 ? n : 1 << 30))
				   : send(w->fd, at, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			w->dead = true;
			break;
		}
		at += k;
		n -= (size_t)k;
	}
	return !w->dead;
}

bool wire_printf(struct wire *w, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	bool ok;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	ok = wire_send(w, s, (size_t)n);
	free(s);
	return ok;
}

static bool more(struct wire *w)
{
	ssize_t k;

	if (w->at < w->have)
		return true;
	do {
		if (w->dead)
			return false;
		k = w->ssl ? SSL_read(w->ssl, w->in, sizeof(w->in))
			   : recv(w->fd, w->in, sizeof(w->in), 0);
	} while (k < 0 && !w->ssl && errno == EINTR);
	if (k <= 0) {
		w->dead = true;
		return false;
	}
	w->at = 0;
	w->have = (size_t)k;
	return true;
}

const char *wire_line(struct wire *w)
{
	size_t n = 0;

	while (more(w)) {
		char c = w->in[w->at++];

		if (c == '\n') {
			if (n > 0 && w->line[n - 1] == '\r')
				n--;
			w->line[n] = '\0';
			return w->line;
		}
		if (n + 1 < sizeof(w->line))
			w->line[n++] = c;
	}
	return NULL;
}

bool wire_read(struct wire *w, void *p, size_t n)
{
	char *out = p;

	while (n > 0 && more(w)) {
		size_t k = w->have - w->at < n ? w->have - w->at : n;

		memcpy(out, w->in + w->at, k);
		w->at += k;
		out += k;
		n -= k;
	}
	return n == 0;
}

int wire_smtp(struct wire *w)
{
	const char *line;

	while ((line = wire_line(w)) != NULL)
		if (strlen(line) >= 3 && line[3] != '-')
			return atoi(line);
	return 0;
}

bool wire_imap(struct wire *w, const char *fmt, ...)
{
	char cmd[4096], tag[16], skip[4096];
	const char *line, *brace;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	snprintf(tag, sizeof(tag), "T%u ", ++w->tag);
	if (!wire_printf(w, "%s%s\r\n", tag, cmd))
		return false;
	while ((line = wire_line(w)) != NULL) {
		size_t n = strlen(line);

		if (strncmp(line, tag, strlen(tag)) == 0)
			return strncmp(line + strlen(tag), "OK", 2) == 0;
		brace = n && line[n - 1] == '}' ? strrchr(line, '{') : NULL;
		if (brace == NULL)
			continue;
		for (size_t left = strtoul(brace + 1, NULL, 10); left > 0;) {
			size_t k = left < sizeof(skip) ? left : sizeof(skip);

			if (!wire_read(w, skip, k))
				return false;
			left -= k;
		}
	}
	return false;
}

struct wire *wire_imap_login(const char *host, const char *port, bool tls, const char *user,
			     const char *password)
{
	struct wire *w = wire_connect(host, port, 120000);

	if (w && ((tls && !wire_tls(w)) || wire_line(w) == NULL ||
		  !wire_imap(w, "LOGIN %s \"%s\"", user, password)))
		wire_close(&w);
	return w;
}

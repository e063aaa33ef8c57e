#ifndef SYSTEM_LIB_WIRE_H
#define SYSTEM_LIB_WIRE_H
/*
 * wire - a blocking line-oriented connection, for load drivers and checkers
 *
 * Every operation has the time-out given at connect; after a failure the wire
 * is dead and every further call fails.  TLS trusts any certificate: these tools
 * measure and count, they do not judge.
 */
#include <stdbool.h>
#include <stddef.h>

struct wire;

/* NULL if nobody answers.  host is a numeric address. */
struct wire *wire_connect(const char *host, const char *port, int timeout_ms);
bool wire_tls(struct wire *w);		/* shake hands now; before anything was sent */
void wire_close(struct wire **w);

bool wire_send(struct wire *w, const void *p, size_t n);
bool wire_printf(struct wire *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line without CRLF, cut at 64 KiB, valid until the next read; NULL: closed, or
 * too late. */
const char *wire_line(struct wire *w);
bool wire_read(struct wire *w, void *p, size_t n);	/* exactly n bytes */

/* A whole SMTP reply; its code, or 0. */
int wire_smtp(struct wire *w);
/* Send "T<n> command" and read up to its tagged answer; true if that is OK.
 * Literals in between are skipped. */
bool wire_imap(struct wire *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Connect to an IMAP server and log in; NULL if that fails. */
struct wire *wire_imap_login(const char *host, const char *port, bool tls, const char *user,
			     const char *password);
#endif

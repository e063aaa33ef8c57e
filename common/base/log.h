#ifndef BASE_LOG_H
#define BASE_LOG_H
/*
 * log - one line per event: "event key=value key=value"
 *
 *   error  someone must act          warn   we coped, but not as planned
 *   info   sessions, logins, messages, start and stop
 *   debug  steps and decisions; switchable at run time
 *
 * A line goes to stderr, or to the journal when that is where stderr leads
 * (then with its priority prefix).  Never pass a secret or message text.  Text
 * that a peer supplied goes through log_clean().
 *
 * Thread-safe.  The level is process-wide.
 */
#include "common/base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* "Who is talking": tags printed before every line logged through it, after
 * those of its parent. */
struct log_ctx {
	const struct log_ctx *parent;
	char tags[96];
};

typedef void log_sink_fn(enum log_level level, const char *line);

void log_open(const char *ident, enum log_level max);	/* ident is borrowed for good */
void log_set_level(enum log_level max);
enum log_level log_get_level(void);
void log_set_sink(log_sink_fn *sink);	/* tests; NULL: stderr again */

void log_at(enum log_level level, const struct log_ctx *cx, const char *fmt, ...) A_PRINTF(3, 4);

/* Peer-supplied text made printable and cut to fit cap; returns out. */
const char *log_clean(const char *text, size_t n, char *out, size_t cap);

#define log_error(cx, ...) log_at(LOG_ERROR, cx, __VA_ARGS__)
#define log_warn(cx, ...)  log_at(LOG_WARN, cx, __VA_ARGS__)
#define log_info(cx, ...)  log_at(LOG_INFO, cx, __VA_ARGS__)
#define log_debug(cx, ...)                                                     \
	do {                                                                   \
		if (log_get_level() >= LOG_DEBUG)                              \
			log_at(LOG_DEBUG, cx, __VA_ARGS__);                    \
	} while (0)
#endif

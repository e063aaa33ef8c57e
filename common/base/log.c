#include "common/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *log_ident = "-";
static _Atomic enum log_level log_max = LOG_INFO;
static log_sink_fn *log_sink;
static bool to_journal;

void log_open(const char *ident, enum log_level max)
{
	log_ident = ident;
	log_max = max;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level max)
{
	log_max = max;
}

enum log_level log_get_level(void)
{
	return log_max;
}

void log_set_sink(log_sink_fn *sink)
{
	log_sink = sink;
}

static size_t put_tags(char *buf, size_t cap, const struct log_ctx *cx)
{
	size_t n;

	if (cx == NULL)
		return 0;
	n = put_tags(buf, cap, cx->parent);
	if (cx->tags[0] != '\0' && n < cap)
		n += (size_t)snprintf(buf + n, cap - n, "%s ", cx->tags);
	return n < cap ? n : cap - 1;
}

static void print(enum log_level level, const char *line)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	static const char prio[] = { '3', '4', '6', '7' };
	char out[1400];
	struct timespec now;
	struct tm tm;
	int n;

	if (to_journal) {
		n = snprintf(out, sizeof(out), "<%c>%s: %s\n", prio[level], log_ident, line);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		n = snprintf(out, sizeof(out),
			     "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s: %s\n",
			     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
			     tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, log_ident,
			     names[level], line);
	}
	if (n >= (int)sizeof(out)) {
		n = (int)sizeof(out);
		out[n - 1] = '\n';
	}
	/* One write, so that lines of several threads do not mix. */
	if (write(STDERR_FILENO, out, (size_t)n) < 0)
		return;	/* nobody left to tell */
}

void log_at(enum log_level level, const struct log_ctx *cx, const char *fmt, ...)
{
	char line[1200];
	size_t n;
	va_list ap;

	if (level > log_max && log_sink == NULL)
		return;
	n = put_tags(line, sizeof(line), cx);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (log_sink)
		log_sink(level, line);
	else
		print(level, line);
}

const char *log_clean(const char *text, size_t n, char *out, size_t cap)
{
	size_t k = 0;

	for (size_t i = 0; i < n && k + 5 < cap; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > ' ' && c < 0x7f && c != '\\')
			out[k++] = (char)c;
		else
			k += (size_t)snprintf(out + k, cap - k, "\\x%02x", c);
	}
	out[k < cap ? k : cap - 1] = '\0';
	return out;
}

#include "tests/system/lib/imap_view.h"

#include "common/base/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void view_reset(struct imap_view *v)
{
	v->folder = -1;
	v->seen.n = 0;
	v->highestmodseq = 0;
	v->uidvalidity = v->uidnext = 0;
}

void view_close(struct imap_view *v)
{
	wire_close(&v->w);
	view_reset(v);
}

static void lie(struct imap_view *v, const char *line)
{
	if (v->bad[0] == '\0')
		snprintf(v->bad, sizeof(v->bad), "%s: %.150s", v->name, line);
}

static void on_exists(struct imap_view *v, unsigned n, const char *line)
{
	if (v->wants_all)
		return;
	if (n < v->seen.n || n > MBOX_PLACES) {
		lie(v, line);
		return;
	}
	while (v->seen.n < n)
		v->seen.row[v->seen.n++] = (struct mbox_row){ 0, 0, 0 };
}

static void drop(struct imap_view *v, size_t at)
{
	memmove(&v->seen.row[at], &v->seen.row[at + 1],
		(v->seen.n - at - 1) * sizeof(v->seen.row[0]));
	v->seen.n--;
}

/* Where the uid is, or would be. */
static size_t place_of(const struct imap_view *v, uint32_t uid)
{
	size_t i = 0;

	while (i < v->seen.n && v->seen.row[i].uid && v->seen.row[i].uid < uid)
		i++;
	return i;
}

static void on_vanished(struct imap_view *v, const char *p)
{
	while (*p >= '0' && *p <= '9') {
		char *end;
		unsigned long a = strtoul(p, &end, 10), b = a;

		if (*end == ':')
			b = strtoul(end + 1, &end, 10);
		for (size_t i = v->seen.n; i-- > 0;)
			if (v->seen.row[i].uid >= a && v->seen.row[i].uid <= b)
				drop(v, i);
		p = *end == ',' ? end + 1 : "";
	}
}

static struct mbox_row *row_of(struct imap_view *v, unsigned n, uint32_t uid)
{
	size_t i;

	if (!v->wants_all)
		return n >= 1 && n <= v->seen.n ? &v->seen.row[n - 1] : NULL;
	if (uid == 0)
		return NULL;
	i = place_of(v, uid);
	if (i < v->seen.n && v->seen.row[i].uid == uid)
		return &v->seen.row[i];
	if (v->seen.n == MBOX_PLACES)
		return NULL;
	memmove(&v->seen.row[i + 1], &v->seen.row[i], (v->seen.n - i) * sizeof(v->seen.row[0]));
	v->seen.n++;
	v->seen.row[i] = (struct mbox_row){ uid, 0, 0 };
	return &v->seen.row[i];
}

static void on_fetch(struct imap_view *v, unsigned n, const char *line)
{
	const char *flags = strstr(line, "FLAGS ("), *uid = strstr(line, "UID ");
	const char *size = strstr(line, "RFC822.SIZE ");
	uint32_t u = uid ? (uint32_t)strtoul(uid + 4, NULL, 10) : 0;
	struct mbox_row *r = row_of(v, n, u);

	if (r == NULL || (u && r->uid && r->uid != u)) {
		lie(v, line);
		return;
	}
	if (u)
		r->uid = u;
	if (flags)
		r->flags = mbox_flags_parse(flags + 7);
	if (size)
		r->size = (unsigned)strtoul(size + 12, NULL, 10);
}

static void on_code(struct imap_view *v, const char *line)
{
	static const struct {
		const char *word;
		size_t at;
	} numbers[] = {
		{ "[UIDVALIDITY ", offsetof(struct imap_view, uidvalidity) },
		{ "[UIDNEXT ", offsetof(struct imap_view, uidnext) },
	};
	const char *p;

	for (size_t i = 0; i < N_ELEMS(numbers); i++) {
		p = strstr(line, numbers[i].word);
		if (p)
			*(uint32_t *)(void *)((char *)v + numbers[i].at) =
				(uint32_t)strtoul(p + strlen(numbers[i].word), NULL, 10);
	}
	p = strstr(line, "[HIGHESTMODSEQ ");
	if (p)
		v->highestmodseq = strtoull(p + 15, NULL, 10);
	p = strstr(line, "[COPYUID ");
	if (p == NULL)
		p = strstr(line, "[APPENDUID ");
	if (p)
		snprintf(v->code, sizeof(v->code), "%s", p);
}

static void on_line(struct imap_view *v, const char *line)
{
	char *word;
	unsigned n = (unsigned)strtoul(line + 2, &word, 10);

	if (strncmp(line + 2, "OK ", 3) == 0)
		on_code(v, line);
	else if (strncmp(line + 2, "VANISHED (EARLIER) ", 19) == 0)
		on_vanished(v, line + 21);
	else if (strncmp(line + 2, "VANISHED ", 9) == 0)
		on_vanished(v, line + 11);
	else if (strcmp(word, " EXISTS") == 0)
		on_exists(v, n, line);
	else if (strncmp(word, " FETCH ", 7) == 0)
		on_fetch(v, n, line);
	else if (strcmp(word, " EXPUNGE") == 0 && n >= 1 && n <= v->seen.n)
		drop(v, n - 1);
	else if (strcmp(word, " EXPUNGE") == 0)
		lie(v, line);
}

enum view_answer view_command(struct imap_view *v, const char *fmt, ...)
{
	char text[8192];
	const char *line;
	va_list ap;

	if (v->w == NULL)
		return VIEW_LOST;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->answer[0] = v->code[0] = '\0';
	if (getenv("TRACE"))
		fprintf(stderr, "%s> %.200s\n", v->name, text);
	if (!wire_printf(v->w, "x %s\r\n", text))
		goto lost;
	while ((line = wire_line(v->w)) != NULL) {
		if (getenv("TRACE"))
			fprintf(stderr, "%s< %.200s\n", v->name, line);
		if (strncmp(line, "* BYE", 5) == 0)
			goto lost;
		if (line[0] == '*')
			on_line(v, line);
		if (strncmp(line, "x ", 2) != 0)
			continue;
		on_code(v, line);
		snprintf(v->answer, sizeof(v->answer), "%.250s", line + 2);
		return strncmp(line, "x OK", 4) == 0 ? VIEW_OK : VIEW_NO;
	}
lost:
	view_close(v);
	return VIEW_LOST;
}

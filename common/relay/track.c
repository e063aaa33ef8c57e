#include "common/relay/track.h"

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (16u * 1024 * 1024)
#define DAY_MS	   INT64_C(86400000)
#define GATHER_MAX (4u * 1024 * 1024)
#define MAX_FILES  4096
#define FIND_MAX   500
#define FIELD_MAX  1100
#define N_FIELDS   8

struct track {
	char *dir;
	uint64_t max_bytes;
	unsigned max_days;
	struct work_pool *pool;
	struct buf gathered;
	uint64_t lost;			/* lines that did not fit, since the last tick */
	int fd;
	int64_t began_ms;		/* of the open file */
	uint64_t written;
};

/* ---- files ------------------------------------------------------------------- */

/* Names are the time of their first line in hex digits, so that names sort. */
static bool name_time(const char *name, int64_t *ms)
{
	unsigned long long v;
	int used = 0;

	if (sscanf(name, "%16llx.log%n", &v, &used) != 1 || used != 20 || name[20])
		return false;
	*ms = (int64_t)v;
	return true;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static size_t list_files(const char *dir, int64_t out[MAX_FILES])
{
	DIR *d = opendir(dir);
	struct dirent *de;
	size_t n = 0;

	if (!d)
		return 0;
	while (n < MAX_FILES && (de = readdir(d)))
		n += name_time(de->d_name, &out[n]);
	closedir(d);
	qsort(out, n, sizeof(*out), by_time);
	return n;
}

static char *file_path(const char *dir, int64_t ms)
{
	return xasprintf("%s/%016" PRIx64 ".log", dir, (uint64_t)ms);
}

/* Remove what is too old or too much; the newest stays. */
static void prune(struct track *t, int64_t now_ms)
{
	int64_t *files = xcalloc(MAX_FILES, sizeof(*files));
	size_t n = list_files(t->dir, files);
	uint64_t sum = 0;

	for (size_t i = n; i-- > 0;) {
		char *path = file_path(t->dir, files[i]);
		struct stat st;

		if (stat(path, &st) == 0)
			sum += (uint64_t)st.st_size;
		if (i + 1 < n && (sum > t->max_bytes ||
				  files[i + 1] < now_ms - (int64_t)t->max_days * DAY_MS))
			unlink(path);
		free(path);
	}
	free(files);
}

static void next_file(struct track *t, int64_t now_ms)
{
	char *path = file_path(t->dir, now_ms);

	if (t->fd >= 0)
		close(t->fd);
	t->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (t->fd < 0)
		log_warn(NULL, "track cannot open file=%s errno=%d", path, errno);
	t->began_ms = now_ms;
	t->written = 0;
	free(path);
	prune(t, now_ms);
}

static void flush(struct track *t, int64_t now_ms)
{
	ssize_t n;

	if (t->gathered.len == 0)
		return;
	if (t->fd < 0 || t->written > FILE_BYTES || now_ms / DAY_MS != t->began_ms / DAY_MS)
		next_file(t, now_ms);
	n = t->fd < 0 ? -1 : write(t->fd, t->gathered.data, t->gathered.len);
	if (n != (ssize_t)t->gathered.len)
		log_warn(NULL, "track lines lost bytes=%zu", t->gathered.len);
	t->written += t->gathered.len;
	buf_clear(&t->gathered);
	if (t->lost > 0)
		log_warn(NULL, "track lines lost count=%" PRIu64, t->lost);
	t->lost = 0;
}

enum err track_open(const struct track_conf *conf, struct track **out, struct errbuf *eb)
{
	struct track *t;
	struct stat st;

	if ((mkdir(conf->dir, 0700) != 0 && errno != EEXIST) || stat(conf->dir, &st) != 0)
		return err_errno(eb, errno, conf->dir);
	if (!S_ISDIR(st.st_mode))
		return err_errno(eb, ENOTDIR, conf->dir);
	t = xcalloc(1, sizeof(*t));
	t->dir = xstrdup(conf->dir);
	t->max_bytes = conf->max_bytes ? conf->max_bytes : UINT64_C(256) << 20;
	t->max_days = conf->max_days ? conf->max_days : 30;
	t->pool = conf->pool;
	t->fd = -1;
	buf_init(&t->gathered, GATHER_MAX);
	*out = t;
	return ERR_OK;
}

void track_close(struct track **tp)
{
	struct track *t = *tp;

	*tp = NULL;
	if (!t)
		return;
	flush(t, clock_wall_ms());
	if (t->fd >= 0)
		close(t->fd);
	buf_fini(&t->gathered);
	free(t->dir);
	free(t);
}

void track_tick(struct track *t, int64_t now_ms)
{
	flush(t, now_ms);
}

/* ---- writing -------------------------------------------------------------------- */

/* A field of a line: tabs, line ends and other controls become blanks. */
static bool add_field(struct buf *b, const char *s, char end)
{
	size_t n = strnlen(s, FIELD_MAX), at = b->len;

	if (buf_add(b, s, n) || buf_addc(b, end))
		return false;
	for (size_t i = at; i < at + n; i++)
		if ((unsigned char)b->data[i] < ' ' || b->data[i] == 0x7f)
			b->data[i] = ' ';
	return true;
}

void track_add(struct track *t, int64_t now_ms, const char *event, const struct mail *m,
	       const struct mail_rcpt *r, const char *detail)
{
	struct buf *b = &t->gathered;
	size_t before = b->len;
	char id[64], number[32], size[32], several[48];
	const char *to = several;

	if (r)
		to = r->address;
	else if (m->n_rcpts == 1)
		to = m->rcpts[0].address;
	else
		snprintf(several, sizeof(several), "(%zu recipients)", m->n_rcpts);
	snprintf(number, sizeof(number), "%" PRId64, now_ms);
	snprintf(size, sizeof(size), "%" PRIu64, m->size);
	if (!(add_field(b, number, '\t') && add_field(b, event, '\t') &&
	      add_field(b, mail_id_text(&m->id, id), '\t') && add_field(b, m->message_id, '\t') &&
	      add_field(b, m->sender, '\t') && add_field(b, to, '\t') &&
	      add_field(b, size, '\t') && add_field(b, detail ? detail : "", '\n'))) {
		buf_cut(b, before);
		t->lost++;
	}
}

/* ---- searching ------------------------------------------------------------------ */

struct find {
	char *dir, *message_id, *recipient, *sender;
	int64_t since_ms;
	unsigned limit;
	track_cb *cb;
	void *ctx;
	struct arena arena;
	struct track_line ring[FIND_MAX];	/* the last ones of the file in hand */
	struct track_line found[FIND_MAX];	/* newest last, filled from the end */
	size_t n;
	bool more;
};

static bool matches(const char *want, const char *have)
{
	return !want || strcasecmp(want, have) == 0;
}

static bool split(char *line, char *f[N_FIELDS])
{
	for (unsigned i = 0; i < N_FIELDS; i++) {
		f[i] = line;
		line = strchr(line, i + 1 < N_FIELDS ? '\t' : '\n');
		if (!line)
			return false;
		*line++ = '\0';
	}
	return true;
}

static bool wanted(const struct find *q, char *const f[N_FIELDS])
{
	return matches(q->message_id, f[3]) && matches(q->sender, f[4]) &&
	       matches(q->recipient, f[5]) && strtoll(f[0], NULL, 10) >= q->since_ms;
}

static void keep(struct find *q, struct track_line *l, char *const f[N_FIELDS])
{
	*l = (struct track_line){
		.at_ms = strtoll(f[0], NULL, 10), .event = arena_str(&q->arena, f[1]),
		.id = arena_str(&q->arena, f[2]), .message_id = arena_str(&q->arena, f[3]),
		.sender = arena_str(&q->arena, f[4]), .recipient = arena_str(&q->arena, f[5]),
		.size = strtoull(f[6], NULL, 10), .detail = arena_str(&q->arena, f[7]),
	};
}

static void search_file(struct find *q, const char *path)
{
	FILE *fp = fopen(path, "re");
	char line[N_FIELDS * (FIELD_MAX + 8)], *f[N_FIELDS];
	size_t hits = 0, room = q->limit - q->n;

	if (!fp)
		return;
	while (fgets(line, sizeof(line), fp))
		if (split(line, f) && wanted(q, f))
			keep(q, &q->ring[hits++ % room], f);
	fclose(fp);
	q->more |= hits > room;
	for (size_t i = 0; i < hits && i < room; i++) {
		q->n++;
		q->found[FIND_MAX - q->n] = q->ring[(hits - 1 - i) % room];
	}
}

static void find_run(void *ctx)
{
	struct find *q = ctx;
	int64_t *files = xcalloc(MAX_FILES, sizeof(*files));
	size_t n = list_files(q->dir, files);

	for (size_t i = n; i-- > 0;) {
		char *path;

		if (q->n == q->limit) {
			q->more = true;
			break;
		}
		path = file_path(q->dir, files[i]);
		search_file(q, path);
		free(path);
		if (files[i] < q->since_ms)
			break;
	}
	free(files);
}

static void find_free(struct find *q)
{
	arena_fini(&q->arena);
	free(q->dir);
	free(q->message_id);
	free(q->recipient);
	free(q->sender);
	free(q);
}

static void find_done(void *ctx)
{
	struct find *q = ctx;

	q->cb(q->ctx, ERR_OK, &q->found[FIND_MAX - q->n], q->n, q->more);
	find_free(q);
}

static char *dup_word(const char *s)
{
	return s && *s ? xstrdup(s) : NULL;
}

void track_find(struct track *t, const struct track_query *query, track_cb *cb, void *ctx)
{
	struct find *q = xcalloc(1, sizeof(*q));

	flush(t, clock_wall_ms());
	q->dir = xstrdup(t->dir);
	q->message_id = dup_word(query->message_id);
	q->recipient = dup_word(query->recipient);
	q->sender = dup_word(query->sender);
	q->since_ms = query->since_ms;
	q->limit = query->limit == 0 || query->limit > FIND_MAX ? FIND_MAX : query->limit;
	q->cb = cb;
	q->ctx = ctx;
	if (work_submit(t->pool, find_run, find_done, q, NULL)) {
		cb(ctx, ERR_AGAIN, NULL, 0, false);
		find_free(q);
	}
}

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/unified-messaging/message/post_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AT_ONCE = 4, TICK_MS = 2000, RESERVE = 1000, SMALL_FILE = 16 * 1024 };

/* ---- small files ------------------------------------------------------------------ */

static enum err read_file(const char *path, struct buf *out, struct errbuf *eb)
{
	char block[4096];
	FILE *f = fopen(path, "re");
	enum err e = ERR_OK;
	size_t n;

	if (!f)
		return errno == ENOENT ? ERR_NOTFOUND : err_errno(eb, errno, path);
	while (!e && (n = fread(block, 1, sizeof(block), f)) > 0)
		e = buf_add(out, block, n);
	fclose(f);
	return e;
}

/* ---- numbers ------------------------------------------------------------------------ */

static enum err reserve(struct post *p, struct errbuf *eb)
{
	char path[POST_PATH], text[32];
	uint64_t to = p->next_seq + RESERVE;
	int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)to);
	enum err e;

	post_path(p, path, "next", "seq");
	e = post_write_file(path, text, (size_t)n, eb);
	if (!e)
		e = post_sync_dir(p, eb);
	if (!e)
		p->reserved = to;
	return e;
}

static enum err load_identity(struct post *p, struct errbuf *eb)
{
	char path[POST_PATH], text[GUID_TEXT];
	struct buf b;
	enum err e;

	buf_init(&b, SMALL_FILE);
	post_path(p, path, "instance", "id");
	e = read_file(path, &b, eb);
	if (e == ERR_NOTFOUND) {
		p->instance = guid_make();
		guid_text(&p->instance, text);
		e = post_write_file(path, text, strlen(text), eb);
	} else if (!e) {
		e = guid_parse(b.data, &p->instance);
		if (e)
			e = err_set(eb, ERR_CORRUPT, "%s", path);
	}
	buf_clear(&b);
	if (!e) {
		post_path(p, path, "next", "seq");
		e = read_file(path, &b, eb);
		p->next_seq = e ? 1 : strtoull(b.data, NULL, 10);
		if (!e && p->next_seq == 0)
			e = err_set(eb, ERR_CORRUPT, "%s", path);
		if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	buf_fini(&b);
	return e ? e : reserve(p, eb);
}

static enum err next_seq(struct post *p, uint64_t *out, struct errbuf *eb)
{
	enum err e = p->next_seq >= p->reserved ? reserve(p, eb) : ERR_OK;

	if (!e)
		*out = p->next_seq++;
	return e;
}

/* ---- jobs ------------------------------------------------------------------------------ */

static void pump_jobs(struct post *p);

static void job_done(void *ctx)
{
	struct post_job *j = ctx;
	struct post *p = j->post;
	char id[GUID_TEXT];

	p->running--;
	j->running = false;
	if (j->e) {
		log_error(NULL, "message-not-made id=%s err=%s detail=\"%s\"", j->id,
			  err_text(j->e), j->eb.text);
		return;		/* it stays, and is tried again */
	}
	log_info(NULL, "message-made mailbox=%s seq=%llu kind=%d seconds=%u octets=%llu",
		 guid_text(&j->note.mailbox, id), (unsigned long long)j->seq, (int)j->note.kind,
		 j->note.duration_s, (unsigned long long)j->size);
	list_del(&j->node);
	p->n_jobs--;
	if (post_item_load(p, j->seq, &j->eb))
		log_error(NULL, "message-lost-sight-of detail=\"%s\"", j->eb.text);
	free(j);
	pump_jobs(p);
	if (!p->closing)
		post_send(p);
}

static void pump_jobs(struct post *p)
{
	LIST_EACH (&p->jobs, n) {
		struct post_job *j = CONTAINER_OF(n, struct post_job, node);

		if (p->running >= AT_ONCE)
			return;
		if (j->running)
			continue;
		if (j->seq == 0 && next_seq(p, &j->seq, &j->eb))
			return;
		if (work_submit(p->conf.pool, post_make, job_done, j, NULL))
			return;
		j->running = true;
		p->running++;
	}
}

static void add_job(struct post *p, const struct note *n, const char *id)
{
	struct post_job *j;

	/* What has a recording is found again at the next start. */
	if (p->n_jobs + p->n_items >= POST_MAX) {
		log_error(NULL, "too many messages wait: not sent now");
		return;
	}
	j = xcalloc(1, sizeof(*j));
	j->post = p;
	j->note = *n;
	snprintf(j->id, sizeof(j->id), "%s", id);
	list_init(&j->node);
	list_add_tail(&p->jobs, &j->node);
	p->n_jobs++;
	pump_jobs(p);
}

/* ---- recordings --------------------------------------------------------------------------- */

/* The note goes to disk from a worker; until it is there a kill loses who called, and
 * the samples cannot be told from nobody's: that is the first instant of a recording. */
struct note_write {
	struct post *post;
	char path[POST_PATH];
	struct buf text;
};

static void note_run(void *ctx)
{
	struct note_write *w = ctx;
	struct errbuf eb = { "" };

	if (post_write_file(w->path, w->text.data, w->text.len, &eb) ||
	    post_sync_dir(w->post, &eb))
		log_error(NULL, "note-not-written detail=\"%s\"", eb.text);
}

static void note_free(void *ctx)
{
	struct note_write *w = ctx;

	buf_fini(&w->text);
	free(w);
}

enum err post_begin(struct post *p, const struct note *n, char id[POST_ID], char *path, size_t cap,
		    struct errbuf *eb)
{
	struct note_write *w = xcalloc(1, sizeof(*w));
	struct guid g = guid_make();
	char text[GUID_TEXT];
	enum err e;

	snprintf(id, POST_ID, "%s", guid_text(&g, text));
	snprintf(path, cap, "%s/%s.pcm", p->dir, id);
	w->post = p;
	post_path(p, w->path, id, "note");
	buf_init(&w->text, SMALL_FILE);
	e = note_write(n, &w->text);
	if (!e)
		e = work_submit(p->conf.pool, note_run, note_free, w, NULL);
	if (e) {
		note_free(w);
		return err_set(eb, e, "no worker for a recording's note");
	}
	return ERR_OK;
}

void post_end(struct post *p, const char *id, const struct note *n)
{
	add_job(p, n, id);
}

void post_forget(struct post *p, const char *id)
{
	char path[POST_PATH];

	post_path(p, path, id, "note");
	unlink(path);
}

void post_note(struct post *p, const struct note *n)
{
	add_job(p, n, "");
}

/* ---- the start ------------------------------------------------------------------------------- */

/* A recording that a killed process left behind: send what there is of it. */
static void recover(struct post *p, const char *id)
{
	char path[POST_PATH];
	struct errbuf eb = { "" };
	struct stat st;
	struct note n;
	struct buf b;

	buf_init(&b, SMALL_FILE);
	post_path(p, path, id, "note");
	if (read_file(path, &b, &eb) || note_read((struct span){ b.data, b.len }, &n, &eb)) {
		log_error(NULL, "note-unreadable path=%s detail=\"%s\"", path, eb.text);
		buf_fini(&b);
		return;
	}
	buf_fini(&b);
	post_path(p, path, id, "pcm");
	if (stat(path, &st) || n.rate == 0 || (uint64_t)st.st_size / 2 < n.rate) {
		log_info(NULL, "recording-too-short id=%s", id);
		unlink(path);
		post_forget(p, id);
		return;
	}
	log_warn(NULL, "recording-recovered id=%s seconds=%llu", id,
		 (unsigned long long)st.st_size / 2 / n.rate);
	add_job(p, &n, id);
}

static bool has_end(const char *name, const char *end, char *stem, size_t cap)
{
	size_t n = strlen(name), e = strlen(end);

	if (n <= e || n - e >= cap || strcmp(name + n - e, end) != 0)
		return false;
	memcpy(stem, name, n - e);
	stem[n - e] = '\0';
	return true;
}

static enum err scan(struct post *p, struct errbuf *eb)
{
	DIR *d = opendir(p->dir);
	const struct dirent *de;

	if (!d)
		return err_errno(eb, errno, p->dir);
	while ((de = readdir(d)) != NULL) {
		char stem[POST_ID];

		if (has_end(de->d_name, ".note", stem, sizeof(stem)))
			recover(p, stem);
		else if (has_end(de->d_name, ".mail", stem, sizeof(stem)) &&
			 post_item_load(p, strtoull(stem, NULL, 10), eb))
			log_error(NULL, "mail-unreadable name=%s detail=\"%s\"", de->d_name, eb->text);
	}
	closedir(d);
	return ERR_OK;
}

static void on_timer(uv_timer_t *t)
{
	struct post *p = t->data;

	pump_jobs(p);
	post_send(p);
	post_rounds(p);
}

enum err post_open(const struct post_conf *conf, struct post **out, struct errbuf *eb)
{
	struct post *p = xcalloc(1, sizeof(*p));
	enum err e = ERR_OK;

	p->conf = *conf;
	p->dir = xstrdup(conf->dir);
	p->hostname = xstrdup(conf->hostname);
	list_init(&p->jobs);
	list_init(&p->items);
	list_init(&p->asks);
	uv_timer_init(conf->loop, &p->timer);
	p->timer.data = p;
	*out = p;
	if (strlen(p->dir) > POST_PATH - 80)
		return err_set(eb, ERR_INVALID, "a path that long");
	if (mkdir(p->dir, 0700) && errno != EEXIST)
		e = err_errno(eb, errno, p->dir);
	if (!e)
		e = load_identity(p, eb);
	if (!e)
		e = scan(p, eb);
	if (!e)
		uv_timer_start(&p->timer, on_timer, TICK_MS, TICK_MS);
	return e;
}

static void timer_closed(uv_handle_t *h)
{
	struct post *p = h->data;

	free(p->dir);
	free(p->hostname);
	free(p);
}

void post_close(struct post **pp)
{
	struct post *p = *pp;

	if (!p)
		return;
	*pp = NULL;
	p->closing = true;
	post_send_close(p);
	LIST_EACH (&p->jobs, n) {
		struct post_job *j = CONTAINER_OF(n, struct post_job, node);

		list_del(&j->node);
		free(j);
	}
	uv_close((uv_handle_t *)&p->timer, timer_closed);
}

void post_kick(struct post *p)
{
	int64_t now = clock_mono_ms();

	LIST_EACH (&p->items, n)
		CONTAINER_OF(n, struct post_item, node)->due_ms = now;
	post_send(p);
}

size_t post_waiting(const struct post *p)
{
	return p->n_items + p->n_jobs;
}

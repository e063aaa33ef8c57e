#include "roles/unified-messaging/media/recorder.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/svc/work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct recorder {
	struct work_pool *pool;
	char *path;
	int fd;
	unsigned rate, writes, in_flight;
	int16_t *pcm;			/* heard and not handed to a worker */
	size_t n, cap;
	size_t written;			/* samples handed over */
	size_t dropped, keep;
	enum err failed;
	bool finishing, dropping;
	recorder_done_cb *done;
	void *ctx;
};

/* One write, with what it needs: the recorder may go on meanwhile. */
struct piece {
	struct recorder *r;
	int16_t *pcm;
	size_t n;
	off_t at;
	bool sync, last;
	size_t keep;
	int fd;
	enum err e;
};

static enum err write_at(int fd, const void *p, size_t n, off_t at)
{
	const char *from = p;

	while (n) {
		ssize_t got = pwrite(fd, from, n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_INTERNAL;
		from += got;
		n -= (size_t)got;
		at += got;
	}
	return ERR_OK;
}

static void piece_run(void *ctx)
{
	struct piece *p = ctx;

	p->e = write_at(p->fd, p->pcm, p->n * sizeof(*p->pcm), p->at);
	if (!p->e && p->last && ftruncate(p->fd, (off_t)(p->keep * sizeof(*p->pcm))))
		p->e = ERR_INTERNAL;
	if (!p->e && p->sync && fdatasync(p->fd))
		p->e = ERR_INTERNAL;
}

static void recorder_free(struct recorder *r)
{
	close(r->fd);
	if (r->dropping)
		unlink(r->path);
	free(r->path);
	free(r->pcm);
	free(r);
}

static void settle(struct recorder *r);

static void piece_done(void *ctx)
{
	struct piece *p = ctx;
	struct recorder *r = p->r;

	r->in_flight--;
	if (p->e && !r->failed) {
		r->failed = p->e;
		log_error(NULL, "recording-not-written err=%s", err_text(p->e));
	}
	if (p->last) {
		recorder_done_cb *done = r->done;
		void *to = r->ctx;
		size_t samples = r->keep;
		enum err e = r->failed;

		if (r->dropped)
			log_warn(NULL, "recording-incomplete samples=%zu", r->dropped);
		recorder_free(r);
		done(to, e, samples);
	} else {
		settle(r);
	}
	free(p->pcm);
	free(p);
}

/* Hand what is there to a worker.  False: they are all busy. */
static bool hand_over(struct recorder *r, bool last)
{
	struct piece *p = xcalloc(1, sizeof(*p));

	p->r = r;
	p->pcm = r->pcm;
	p->n = r->n;
	p->at = (off_t)(r->written * sizeof(*p->pcm));
	p->sync = last || ++r->writes % RECORDER_SYNC_S == 0;
	p->last = last;
	p->keep = r->keep;
	p->fd = r->fd;
	if (work_submit(r->pool, piece_run, piece_done, p, NULL)) {
		free(p);
		return false;
	}
	r->in_flight++;
	r->written += r->n;
	r->pcm = NULL;
	r->n = r->cap = 0;
	return true;
}

/* Everybody who writes is done: the end, if it is wanted. */
static void settle(struct recorder *r)
{
	if (r->in_flight)
		return;
	if (r->dropping) {
		recorder_free(r);
	} else if (r->finishing && !hand_over(r, true)) {
		/* The pool is closing, or full for good: say what is so. */
		recorder_done_cb *done = r->done;
		void *to = r->ctx;

		recorder_free(r);
		done(to, ERR_AGAIN, 0);
	}
}

enum err recorder_new(struct work_pool *pool, const char *path, unsigned rate,
		      struct recorder **out, struct errbuf *eb)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	struct recorder *r;

	if (fd < 0)
		return err_errno(eb, errno, path);
	r = xcalloc(1, sizeof(*r));
	r->pool = pool;
	r->path = xstrdup(path);
	r->fd = fd;
	r->rate = rate;
	*out = r;
	return ERR_OK;
}

void recorder_add(struct recorder *r, const int16_t *pcm, size_t n)
{
	size_t max = (size_t)r->rate * RECORDER_BACKLOG_S;

	if (r->n + n > max) {
		r->dropped += n;
	} else {
		if (r->n + n > r->cap) {
			r->cap = r->n + n > r->rate + r->rate / 4 ? max : r->rate + r->rate / 4;
			r->pcm = xrealloc(r->pcm, r->cap * sizeof(*pcm));
		}
		memcpy(r->pcm + r->n, pcm, n * sizeof(*pcm));
		r->n += n;
	}
	/* One at a time, so that a slow disk has a backlog and not a queue. */
	if (r->n >= r->rate && r->in_flight == 0)
		hand_over(r, false);
}

size_t recorder_samples(const struct recorder *r)
{
	return r->written + r->n;
}

void recorder_finish(struct recorder **rp, size_t keep, recorder_done_cb *cb, void *ctx)
{
	struct recorder *r = *rp;

	*rp = NULL;
	r->done = cb;
	r->ctx = ctx;
	r->keep = keep < recorder_samples(r) ? keep : recorder_samples(r);
	r->finishing = true;
	settle(r);
}

void recorder_drop(struct recorder **rp)
{
	struct recorder *r = *rp;

	if (!r)
		return;
	*rp = NULL;
	r->dropping = true;
	settle(r);
}

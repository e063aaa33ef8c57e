#include "roles/mailbox/upload.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <stdlib.h>

enum { CHARGE_MAX = 1 << 20, IN_MAX = 2 << 20 };

struct target {
	struct upload *u;
	struct mdb *mdb;
	int64_t bid;		/* the staging row; 0: none yet */
	struct job job;
};

struct upload {
	struct upload_conf conf;	/* head is not kept */
	struct content *content;
	struct buf in;			/* came, waits for the worker */
	struct buf feeding;		/* with the worker */
	size_t fed;			/* bytes of feeding that count for credit */
	size_t head_left;		/* of in: ours, not the caller's */
	uint64_t got;
	size_t charge;
	bool last, going, busy, over, orphan;
	bool finish;			/* for the worker: these are the last bytes */
	enum err work_e;		/* the worker's */
	enum err e;
	struct target *to;
	size_t n_to, n_staging;
};

static enum err pump(struct upload *u);

enum err upload_new(const struct upload_conf *conf, struct upload **out, struct errbuf *eb)
{
	struct role *st = conf->st;
	size_t charge = conf->expect < CHARGE_MAX ? (size_t)conf->expect : CHARGE_MAX;
	struct upload *u;

	*out = NULL;
	if (conf->expect > st->conf->max_message)
		return err_set(eb, ERR_LIMIT, "message of %llu bytes",
			       (unsigned long long)conf->expect);
	if (st->upload_bytes + charge > st->conf->upload_memory)
		return err_set(eb, ERR_AGAIN, "too many uploads under way");
	u = *out = xcalloc(1, sizeof(*u));
	u->conf = *conf;
	u->conf.head = NULL;
	u->charge = charge + conf->head_len;
	st->upload_bytes += u->charge;
	u->content = content_new(st->zpool);
	buf_init(&u->in, IN_MAX);
	buf_init(&u->feeding, IN_MAX);
	u->head_left = conf->head_len;
	if (buf_add(&u->in, conf->head, conf->head_len) != ERR_OK)
		u->e = err_set(eb, ERR_LIMIT, "head of %zu bytes", conf->head_len);
	return ERR_OK;
}

static void release(struct upload *u)
{
	u->conf.st->upload_bytes -= u->charge;
	content_free(&u->content);
	buf_fini(&u->in);
	buf_fini(&u->feeding);
	free(u->to);
	free(u);
}

void upload_free(struct upload **up)
{
	struct upload *u = *up;

	*up = NULL;
	if (u == NULL)
		return;
	u->orphan = true;
	if (!u->busy)
		release(u);
}

/* A turn of work is over. */
static void turn_over(struct upload *u)
{
	size_t free = u->conf.uncounted < u->fed ? u->conf.uncounted : u->fed;
	size_t n = u->fed - free;

	u->conf.uncounted -= free;
	u->busy = false;
	u->fed = 0;
	if (u->orphan) {
		release(u);
		return;
	}
	if (u->e || (u->content->is_finished && !u->over)) {
		u->over = true;
		u->conf.ready(u->conf.ctx, u->e);	/* may free u */
		return;
	}
	if (n)
		u->conf.digested(u->conf.ctx, n);
	if (pump(u) != ERR_OK) {
		u->over = true;
		u->conf.ready(u->conf.ctx, u->e);
	}
}

/* ---- staging ------------------------------------------------------------------------ */

static enum err stage(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct target *t = arg;
	int64_t bid = t->bid;
	enum err e = content_stage(tx, t->u->content, &bid, eb);

	if (e == ERR_OK)
		t->bid = bid;
	return e;
}

static void staged(struct job *j)
{
	struct target *t = CONTAINER_OF(j, struct target, job);
	struct upload *u = t->u;

	if (j->e)
		u->e = j->e;
	if (--u->n_staging > 0)
		return;
	content_staged(u->content);
	turn_over(u);
}

static void stage_all(struct upload *u)
{
	u->n_staging = u->n_to;
	for (size_t i = 0; i < u->n_to; i++) {
		struct target *t = &u->to[i];

		t->job = (struct job){ .write = stage, .arg = t, .done = staged,
				       .lane = LANE_BACKGROUND,
				       .bytes = u->content->ready_bytes };
		mdb_write(t->mdb, &t->job);
	}
}

/* ---- the worker ----------------------------------------------------------------------- */

static void work(void *ctx)
{
	struct upload *u = ctx;

	u->work_e = content_feed(u->content, u->feeding.data, u->feeding.len);
	buf_clear(&u->feeding);
	if (u->work_e == ERR_OK && u->finish)
		u->work_e = content_finish(u->content);
}

static void worked(void *ctx)
{
	struct upload *u = ctx;

	if (u->e == ERR_OK)
		u->e = u->work_e;
	if (u->e == ERR_OK && !u->content->is_finished && u->content->ready_bytes > 0 &&
	    !u->orphan)
		stage_all(u);
	else
		turn_over(u);
}

/* Start a turn if there is something to do.  An error is for the caller to take:
 * ready() must not come from inside its call. */
static enum err pump(struct upload *u)
{
	struct buf t;

	if (u->busy || !u->going || u->over)
		return ERR_OK;
	if (u->e)
		return u->e;
	if (u->in.len == 0 && !u->last)
		return ERR_OK;
	t = u->feeding;
	u->feeding = u->in;
	u->in = t;
	u->finish = u->last;
	u->fed = u->feeding.len - u->head_left;
	u->head_left = 0;
	u->e = work_submit(u->conf.st->work, work, worked, u, NULL);
	u->busy = u->e == ERR_OK;
	return u->e;
}

enum err upload_go(struct upload *u, struct mdb *const *to, size_t n)
{
	int64_t now = clock_mono_ms();
	uint64_t bytes = u->conf.open ? 0 : u->conf.expect;	/* chunks will meet a full disk */

	for (size_t i = 0; i < n; i++)
		if (!mdb_has_room(to[i], bytes, u->conf.st->conf->disk_low, now))
			return ERR_FULL;
	u->to = xcalloc(n, sizeof(*u->to));
	u->n_to = n;
	for (size_t i = 0; i < n; i++)
		u->to[i] = (struct target){ .u = u, .mdb = to[i] };
	u->going = true;
	return pump(u);
}

enum err upload_feed(struct upload *u, const void *p, size_t n, bool last)
{
	if (u->last)
		return ERR_OK;		/* nothing can follow: ignored */
	u->got += n;
	if (u->got > u->conf.expect)
		u->e = u->conf.open ? ERR_LIMIT : ERR_INVALID;
	else if (last && !u->conf.open && u->got != u->conf.expect)
		u->e = ERR_INVALID;
	else if (n && buf_add(&u->in, p, n) != ERR_OK)
		u->e = ERR_LIMIT;
	u->last = last;
	return u->busy ? ERR_OK : pump(u);
}

const struct content *upload_content(const struct upload *u)
{
	return u->content;
}

int64_t upload_staged(const struct upload *u, const struct mdb *in)
{
	for (size_t i = 0; i < u->n_to; i++)
		if (u->to[i].mdb == in)
			return u->to[i].bid;
	return 0;
}

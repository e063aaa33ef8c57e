#include "common/api/part.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/mime/map.h"
#include "common/mime/section.h"
#include <stdlib.h>

enum { NAMES_MAX = 256, HEADER_MAX = 1 << 20 };

struct store_part {
	struct store_at at;
	struct store_part_ask ask;
	struct arena arena;		/* what ask points to */
	store_part_begin_cb *begin;
	store_bytes_cb *bytes;
	store_part_done_cb *done;
	void *ctx;
	struct api_call *call;
	uint64_t fid, start, len;
	bool found;			/* start and len are known */
	enum err e;			/* why they are not */

	/* HEADER.FIELDS: the header is read, then given filtered. */
	struct span names[NAMES_MAX];
	size_t n_names;
	bool is_fields, is_not;
	struct buf header;
};

/* ---- the section ------------------------------------------------------------------- */

static bool strip(struct span *s, const char *tail)
{
	size_t n = strlen(tail);

	if (s->n < n || strncasecmp(s->p + s->n - n, tail, n) != 0)
		return false;
	s->n -= n;
	return true;
}

/* "HEADER.FIELDS (a b)" becomes "HEADER" and names. */
static enum err read_fields(struct store_part *p)
{
	struct span *s = &p->ask.section;
	const char *open = s->n ? memchr(s->p, '(', s->n) : NULL;
	struct span list;

	if (open == NULL)
		return ERR_OK;
	list = (struct span){ open + 1, (size_t)(s->p + s->n - open) - 1 };
	s->n = (size_t)(open - s->p);
	if (!strip(&list, ")") || !strip(s, " "))
		return ERR_INVALID;
	p->is_not = strip(s, ".NOT");
	if (!strip(s, ".FIELDS"))
		return ERR_INVALID;
	p->is_fields = true;
	while (list.n > 0) {
		size_t n = 0;

		while (n < list.n && list.p[n] != ' ')
			n++;
		if (n == 0 || p->n_names == NAMES_MAX)
			return ERR_INVALID;
		p->names[p->n_names++] = (struct span){ list.p, n };
		n += n < list.n;
		list.p += n;
		list.n -= n;
	}
	return p->n_names ? ERR_OK : ERR_INVALID;
}

static void cut_partial(struct store_part *p)
{
	uint64_t off = p->ask.offset < p->len ? p->ask.offset : p->len;

	if (!p->ask.partial)
		return;
	p->start += off;
	p->len -= off;
	if (p->ask.length && p->len > p->ask.length)
		p->len = p->ask.length;
}

static enum err find_range(struct store_part *p, const struct store_row *row)
{
	struct mime_range range = { .len = row->size };
	struct mime_view view;
	enum err e = ERR_OK;

	if (p->ask.section.n > 0) {
		if (row->map.n == 0)
			return ERR_LIMIT;
		e = mime_map_decode(row->map, &view, NULL);
		if (e == ERR_OK)
			e = mime_map_part(&view, p->ask.section, &range);
	}
	p->start = range.start;
	p->len = range.len;
	if (e == ERR_OK && p->is_fields && p->len > HEADER_MAX)
		e = ERR_LIMIT;
	if (e == ERR_OK && !p->is_fields)
		cut_partial(p);
	return e;
}

/* ---- answers ------------------------------------------------------------------------ */

static void end(struct store_part *p, enum err e)
{
	p->done(p->ctx, e);		/* p may be gone */
}

/* The chosen fields as one piece; they were acknowledged as they came. */
static enum err give_fields(struct store_part *p)
{
	struct buf out;
	enum err e;

	buf_init(&out, HEADER_MAX + 2);
	e = section_fields((struct span){ p->header.data, p->header.len }, p->names, p->n_names,
			   p->is_not, &out);
	if (e == ERR_OK) {
		p->start = 0;
		p->len = out.len;
		cut_partial(p);
		p->begin(p->ctx, p->len);
		if (p->len > 0)
			p->bytes(p->ctx, out.data + p->start, (size_t)p->len);
	}
	buf_fini(&out);
	return e;
}

/* The header is whole, or there is none. */
static void on_content(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct store_part *p = ctx;

	(void)size;
	(void)flags;
	(void)modseq;
	p->call = NULL;
	if (e == ERR_OK && p->is_fields)
		e = give_fields(p);
	end(p, e);
}

static void on_bytes(void *ctx, const void *data, size_t n)
{
	struct store_part *p = ctx;

	if (!p->is_fields) {
		p->bytes(p->ctx, data, n);
		return;
	}
	if (buf_add(&p->header, data, n) != ERR_OK)
		p->header.len = 0;	/* more than was asked for: the store is wrong */
	api_grant(p->call, n);
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct store_part *p = ctx;

	if (n > 0 && rows[0].uid == p->ask.uid) {
		p->e = find_range(p, &rows[0]);
		p->found = p->e == ERR_OK;
	}
	api_grant(p->call, bytes);
}

static void on_fetch(void *ctx, enum err e, uint64_t modseq, struct uid_ranges vanished)
{
	struct store_part *p = ctx;

	(void)modseq;
	(void)vanished;
	p->call = NULL;
	if (e == ERR_OK && !p->found)
		e = p->e;
	if (e) {
		end(p, e);
		return;
	}
	if (!p->is_fields)
		p->begin(p->ctx, p->len);
	if (p->len == 0)	/* store_content() takes 0 for all */
		end(p, p->is_fields ? give_fields(p) : ERR_OK);
	else
		p->call = store_content(&p->at, p->fid, p->ask.uid, p->start, p->len, false,
					on_bytes, on_content, p);
}

static void on_folder(void *ctx, enum err e, const struct store_folders *f)
{
	struct store_part *p = ctx;
	struct uid_range one = { p->ask.uid, p->ask.uid };
	struct store_fetch ask = { .uids = { &one, 1 },
				   .columns = COL_SIZE | (p->ask.section.n ? COL_MAP : 0) };

	p->call = NULL;
	if (p->e == ERR_INVALID)
		e = ERR_INVALID;
	if (e == ERR_OK && f->n != 1)
		e = ERR_NOTFOUND;
	if (e == ERR_OK && p->ask.uidvalidity && p->ask.uidvalidity != f->f[0].uidvalidity)
		e = ERR_NOTFOUND;
	if (e) {
		end(p, e);
		return;
	}
	p->fid = ask.fid = f->f[0].fid;
	p->call = store_fetch(&p->at, &ask, on_rows, on_fetch, p);
}

struct store_part *store_part_open(const struct store_at *at, const struct store_part_ask *ask,
				   store_part_begin_cb *begin, store_bytes_cb *bytes,
				   store_part_done_cb *done, void *ctx)
{
	struct store_part *p = xcalloc(1, sizeof(*p));

	p->at = *at;
	p->ask = *ask;
	p->ask.path = arena_str(&p->arena, ask->path);
	p->ask.section.p = arena_strn(&p->arena, ask->section.n ? ask->section.p : "",
				      ask->section.n);
	p->begin = begin;
	p->bytes = bytes;
	p->done = done;
	p->ctx = ctx;
	p->e = read_fields(p);
	if (p->e == ERR_OK)
		p->e = ERR_NOTFOUND;		/* until the message was seen */
	buf_init(&p->header, HEADER_MAX);
	p->call = store_folder_list(at, p->ask.path, on_folder, p);
	return p;
}

void store_part_grant(struct store_part *p, size_t n)
{
	if (p->call)
		api_grant(p->call, n);
}

void store_part_close(struct store_part **pp)
{
	struct store_part *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	api_cancel(&p->call);
	buf_fini(&p->header);
	arena_fini(&p->arena);
	free(p);
}

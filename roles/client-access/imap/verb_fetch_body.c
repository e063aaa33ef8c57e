/* The body sections of a FETCH: where their bytes are, and getting them. */
#include "roles/client-access/imap/fetch.h"

#include "common/imap/write.h"
#include "common/mime/section.h"

/* The section as common/mime names it. */
static enum err section_text(const struct imap_section *sec, struct buf *out)
{
	static const char *const names[] = {
		[IMAP_TEXT_ALL] = "",
		[IMAP_TEXT_HEADER] = "HEADER",
		[IMAP_TEXT_HEADER_FIELDS] = "HEADER",
		[IMAP_TEXT_HEADER_FIELDS_NOT] = "HEADER",
		[IMAP_TEXT_TEXT] = "TEXT",
		[IMAP_TEXT_MIME] = "MIME",
	};
	enum err e = ERR_OK;

	for (size_t i = 0; i < sec->n_part && !e; i++)
		e = buf_addf(out, "%s%u", i ? "." : "", sec->part[i]);
	if (!e && sec->n_part > 0 && sec->text != IMAP_TEXT_ALL)
		e = buf_addc(out, '.');
	return e ? e : buf_adds(out, names[sec->text]);
}

static bool is_whole(const struct imap_section *sec)
{
	return sec->n_part == 0 && sec->text == IMAP_TEXT_ALL;
}

static bool is_fields(const struct imap_section *sec)
{
	return sec->text == IMAP_TEXT_HEADER_FIELDS || sec->text == IMAP_TEXT_HEADER_FIELDS_NOT;
}

static void cut_partial(const struct imap_section *sec, uint64_t *start, uint64_t *len)
{
	uint64_t off = sec->offset < *len ? sec->offset : *len;

	if (!sec->partial)
		return;
	*start += off;
	*len -= off;
	if (*len > sec->count)
		*len = sec->count;
}

enum err fetch_range(const struct imap_section *sec, const struct mime_view *view,
		     uint64_t size, uint64_t *start, uint64_t *len)
{
	struct mime_range range = { .len = size };
	struct buf text;
	enum err e = ERR_OK;

	if (!is_whole(sec)) {
		buf_init(&text, 2048);
		e = section_text(sec, &text);
		if (!e)
			e = mime_map_part(view, (struct span){ text.data, text.len }, &range);
		buf_fini(&text);
	}
	*start = range.start;
	*len = range.len;
	if (is_fields(sec) && *len > FETCH_PART)
		*len = FETCH_PART;
	else if (!is_fields(sec) && sec->name < IMAP_NAME_BINARY)
		cut_partial(sec, start, len);
	return e;
}

void fetch_read(struct fetch_run *r, enum fetch_sink sink, uint64_t start, uint64_t len)
{
	r->sink = sink;
	r->pos = start;
	r->end = start + len;
	r->literal_open = false;
	r->content_err = ERR_OK;
	buf_clear(&r->slice);
	buf_clear(&r->part);
	r->asked = 0;
	r->phase = FETCH_CONTENT;
}

enum next fetch_need_map(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	/* The size may not be among the columns: read until it ends. */
	fetch_read(r, SINK_MAP, 0, r->columns & COL_SIZE ? r->row->size : UINT64_MAX);
	mime_map_free(&r->mapper);
	r->mapper = mime_map_new();
	return NEXT_MORE;
}

enum next fetch_need_preview(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	preview_free(&r->previewer);
	r->previewer = preview_new(&r->map);
	fetch_read(r, SINK_PREVIEW, 0, r->row->size);
	return NEXT_MORE;
}

void fetch_section_name(struct imap_session *s, const struct imap_section *sec)
{
	struct fetch_run *r = s->run;

	fetch_item(s);
	fetch_put(s, imap_write_section(&r->head, sec));
	fetch_put(s, buf_addc(&r->head, ' '));
}

enum next fetch_section(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	const struct imap_section *sec = &r->f.sections[r->section];
	uint64_t start, len;
	enum err e;

	if (sec->name >= IMAP_NAME_BINARY)
		return fetch_binary(s, sec);
	e = fetch_range(sec, &r->map, r->row->size, &start, &len);
	fetch_section_name(s, sec);
	if (e) {			/* this message has no such part */
		fetch_put(s, buf_adds(&r->head, "NIL"));
		r->section++;
		return NEXT_MORE;
	}
	fetch_read(r, is_fields(sec) ? SINK_HEADER : SINK_LITERAL, start, len);
	return NEXT_MORE;
}

/* ---- content -------------------------------------------------------------------- */

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct imap_session *s = ctx;
	struct fetch_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	if (buf_add(&r->slice, p, n) != ERR_OK)
		r->content_err = ERR_CORRUPT;	/* more than was asked for */
	api_grant(r->content, n);
}

/* The slice is here, of a message of this size. */
static void content_came(struct fetch_run *r, enum err e, uint64_t size)
{
	if (e)
		r->content_err = e;
	if (!e && r->end > size) {
		if (r->literal_open)		/* its length was said already */
			r->content_err = ERR_CORRUPT;
		r->end = size > r->pos ? size : r->pos;
	}
}

static void on_content(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct imap_session *s = ctx;
	struct fetch_run *r = s->run;

	CHECK_OBJ(s, IMAP_SESSION_MAGIC);
	r->content = NULL;
	content_came(r, e, size);
	if (!e && r->marks_seen && !(r->flags & FLAG_SEEN) && (flags & FLAG_SEEN)) {
		r->flags = flags;
		r->modseq = modseq;
		r->marked = true;
		own_note(&s->own, r->row->uid, modseq);
	}
	imap_pump(s);
}

static bool marks_now(const struct fetch_run *r)
{
	return r->marks_seen && r->sink != SINK_MAP && r->sink != SINK_PREVIEW &&
	       !(r->flags & FLAG_SEEN) &&
	       !r->f.sections[r->section].peek;
}

/* The bytes that a row's first section begins with; false: not for asking early. */
static bool first_bytes(const struct fetch_run *r, const struct store_row *row, uint64_t *pos,
			size_t *n)
{
	const struct imap_section *sec = &r->f.sections[0];
	struct mime_view view = { .n_parts = 0 };
	uint64_t len;

	if (r->marks_seen && !sec->peek && !(row->flags & FLAG_SEEN))
		return false;
	if ((r->columns & COL_MAP) && (row->map.n == 0 || mime_map_decode(row->map, &view, NULL)))
		return false;
	if (fetch_range(sec, &view, row->size, pos, &len) || len == 0 || len > AHEAD_MAX)
		return false;
	if (*pos + len <= row->content.n)
		return false;		/* it came with the row */
	*n = (size_t)len;
	return *pos / FETCH_SLICE == (*pos + len - 1) / FETCH_SLICE;	/* one slice */
}

static void ask_ahead(struct fetch_run *r)
{
	const struct store_row *row;
	uint64_t pos;
	size_t n;

	for (size_t k = 0; k < AHEAD_SLOTS && ahead_has_room(&r->ahead); k++) {
		row = row_queue_peek(&r->feed.rows, k);
		if (row == NULL)
			return;
		if (!ahead_has(&r->ahead, row->uid) && first_bytes(r, row, &pos, &n))
			ahead_ask(&r->ahead, row->uid, pos, n);
	}
}

static enum next ask(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	uint64_t n = FETCH_SLICE - r->pos % FETCH_SLICE;	/* up to a chunk's end */

	if (n > r->end - r->pos)
		n = r->end - r->pos;
	r->asked = (size_t)n;
	if (r->section == 0 && r->f.n_sections > 0 && r->sink != SINK_MAP &&
	    r->sink != SINK_PREVIEW)
		ask_ahead(r);
	r->slot = ahead_find(&r->ahead, r->row->uid, r->pos, r->asked);
	if (r->slot)
		return NEXT_MORE;
	r->content = store_content(&s->at, s->view.fid, r->row->uid, r->pos, n, marks_now(r),
				   on_bytes, on_content, s);
	return NEXT_WAIT;
}

/* Nothing can be taken back once a literal has begun. */
static enum next content_failed(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	enum err e = r->content_err;

	if (r->said) {
		log_warn(&s->log, "imap-hangup user=%s uid=%u why=content err=%s", s->who.user,
			 r->row->uid, err_text(e));
		return NEXT_DONE;
	}
	if (e == ERR_NOTFOUND) {	/* expunged meanwhile */
		r->phase = FETCH_NEXT;
		return NEXT_MORE;
	}
	return imap_fail(s, e);
}

static void open_literal(struct imap_session *s, uint64_t n)
{
	struct fetch_run *r = s->run;

	fetch_put(s, imap_write_literal_head(&r->head, n));
	fetch_say_head(s);
	r->literal_open = true;
}

static enum next take(struct imap_session *s, struct span got)
{
	struct fetch_run *r = s->run;

	if (!r->content_err && (r->pos + got.n > r->end || (got.n == 0 && r->pos < r->end)))
		r->content_err = ERR_CORRUPT;
	if (r->content_err)
		return content_failed(s);
	switch (r->sink) {
	case SINK_LITERAL:
		if (!r->literal_open)
			open_literal(s, r->end - r->pos);
		out_add(s, got.p, got.n);
		break;
	case SINK_HEADER:
		fetch_put(s, buf_add(&r->part, got.p, got.n));
		break;
	case SINK_MAP:
		mime_map_feed(r->mapper, got.p, got.n);
		break;
	case SINK_COUNT:
	case SINK_DECODE:
		fetch_binary_take(s, got);
		break;
	case SINK_PREVIEW:
		if (!preview_feed(r->previewer, got.p, got.n))
			r->end = r->pos + got.n;
		break;
	case SINK_SEEN:
		break;
	}
	r->pos += got.n;
	if (r->sink == SINK_DECODE && r->binary.left == 0)
		r->end = r->pos;
	return NEXT_MORE;
}

static enum next slice_done(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	enum next n = take(s, (struct span){ r->slice.data, r->slice.len });

	r->asked = 0;
	buf_clear(&r->slice);
	return n;
}

/* Did the row bring these bytes along? */
static bool in_hand(const struct fetch_run *r)
{
	return (r->row->columns & COL_CONTENT) && r->end <= r->row->content.n;
}

static enum next fields_done(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	const struct imap_section *sec = &r->f.sections[r->section];
	struct buf text;
	uint64_t start = 0, len;

	buf_init(&text, FETCH_PART + 2);
	if (section_fields((struct span){ r->part.data, r->part.len }, sec->fields,
			   sec->n_fields, sec->text == IMAP_TEXT_HEADER_FIELDS_NOT, &text))
		s->broken = true;
	len = text.len;
	cut_partial(sec, &start, &len);
	fetch_put(s, imap_write_literal_head(&r->head, len));
	fetch_put(s, buf_add(&r->head, text.data + start, (size_t)len));
	buf_fini(&text);
	r->section++;
	r->phase = FETCH_SECTION;
	return NEXT_MORE;
}

static enum next map_done(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	mime_map_finish(r->mapper);
	buf_clear(&r->blob);
	fetch_put(s, mime_map_encode(r->mapper, &r->blob));
	mime_map_free(&r->mapper);
	if (mime_map_decode((struct span){ r->blob.data, r->blob.len }, &r->map, NULL)) {
		r->content_err = ERR_INTERNAL;
		return content_failed(s);
	}
	r->has_map = true;
	r->phase = FETCH_OPEN;
	return NEXT_MORE;
}

/* Not a byte was asked for, so nobody marked it seen yet. */
void fetch_read_nothing(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	if (marks_now(r) && r->row->size > 0) {
		fetch_read(r, SINK_SEEN, 0, 1);
		return;
	}
	r->section++;
	r->phase = FETCH_SECTION;
}

static enum next all_read(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	switch (r->sink) {
	case SINK_HEADER:
		return fields_done(s);
	case SINK_MAP:
		return map_done(s);
	case SINK_LITERAL:
		if (r->literal_open)
			break;
		fetch_put(s, buf_adds(&r->head, "\"\""));
		fetch_read_nothing(s);
		return NEXT_MORE;
	case SINK_COUNT:
	case SINK_DECODE:
		return fetch_binary_end(s);
	case SINK_PREVIEW:
		r->preview = preview_end(r->previewer);
		r->has_preview = true;
		r->phase = FETCH_OPEN;
		return NEXT_MORE;
	case SINK_SEEN:
		break;
	}
	r->section++;
	r->phase = FETCH_SECTION;
	return NEXT_MORE;
}

static void take_slot(struct fetch_run *r)
{
	content_came(r, r->slot->err, r->slot->size);
	ahead_take(r->slot, &r->slice);
	r->slot = NULL;
}

enum next fetch_content(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	if (r->content || (r->slot && r->slot->call))
		return NEXT_WAIT;
	if (r->slot)
		take_slot(r);
	if (r->asked > 0)
		return slice_done(s);
	if (r->pos >= r->end)
		return all_read(s);
	if (out_full(s))
		return NEXT_WAIT;
	if (in_hand(r))
		return take(s, (struct span){ r->row->content.p + r->pos,
					      (size_t)(r->end - r->pos) });
	return ask(s);
}

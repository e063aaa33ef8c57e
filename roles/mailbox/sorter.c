#include "roles/mailbox/sorter.h"

#include "common/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A record is uid u32, n u16, then the key; they are private to the process. */
enum { HEAD = 6, READ_AHEAD = 16 * 1024 + SORTER_KEY_MAX, MAX_PIECES = 4096 };

/* A sorted piece in the file, being read. */
struct piece {
	off_t at, end;		/* of what was not read yet */
	char *buf;		/* NULL: the piece in memory */
	size_t pos, len;
	uint32_t next;		/* of the piece in memory: index of its next record */
};

struct sorter {
	char *folder;
	char *mem;		/* records, back to back */
	size_t len, cap;
	uint32_t *place;	/* of each in mem */
	size_t n, place_cap;
	int fd;
	off_t file_len;
	struct piece *pieces;
	size_t n_pieces;
	size_t *heap, n_heap;	/* indexes of pieces that have a record; least on top */
};

struct sorter *sorter_new(const char *folder)
{
	struct sorter *s = xcalloc(1, sizeof(*s));

	s->folder = xstrdup(folder);
	s->fd = -1;
	return s;
}

void sorter_free(struct sorter **sp)
{
	struct sorter *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_pieces; i++)
		free(s->pieces[i].buf);
	if (s->fd >= 0)
		close(s->fd);
	free(s->pieces);
	free(s->heap);
	free(s->mem);
	free(s->place);
	free(s->folder);
	free(s);
}

/* ---- records --------------------------------------------------------------------- */

static uint32_t uid_of(const char *rec)
{
	uint32_t v;

	memcpy(&v, rec, sizeof(v));
	return v;
}

static size_t key_len(const char *rec)
{
	uint16_t v;

	memcpy(&v, rec + 4, sizeof(v));
	return v;
}

static int compare(const char *a, const char *b)
{
	size_t na = key_len(a), nb = key_len(b);
	int c = memcmp(a + HEAD, b + HEAD, na < nb ? na : nb);

	if (c == 0 && na != nb)
		c = na < nb ? -1 : 1;
	if (c == 0)
		c = uid_of(a) < uid_of(b) ? -1 : uid_of(a) > uid_of(b);
	return c;
}

static int by_key(const void *a, const void *b, void *mem)
{
	return compare((char *)mem + *(const uint32_t *)a, (char *)mem + *(const uint32_t *)b);
}

static void sort_memory(struct sorter *s)
{
	if (s->n > 1)
		qsort_r(s->place, s->n, sizeof(*s->place), by_key, s->mem);
}

/* ---- the file --------------------------------------------------------------------- */

static enum err open_file(struct sorter *s, struct errbuf *eb)
{
	char *name;

	s->fd = open(s->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return ERR_OK;
	name = xasprintf("%s/sort-XXXXXX", s->folder);	/* a file system without O_TMPFILE */
	s->fd = mkostemp(name, O_CLOEXEC);
	if (s->fd >= 0)
		unlink(name);
	free(name);
	return s->fd >= 0 ? ERR_OK : err_errno(eb, errno, "sort file");
}

static enum err write_all(struct sorter *s, const char *p, size_t n, struct errbuf *eb)
{
	while (n > 0) {
		ssize_t w = pwrite(s->fd, p, n, s->file_len);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return err_errno(eb, w < 0 ? errno : ENOSPC, "sort file");
		p += w;
		n -= (size_t)w;
		s->file_len += w;
	}
	return ERR_OK;
}

static struct piece *new_piece(struct sorter *s)
{
	struct piece *p = xcalloc(s->n_pieces + 1, sizeof(*p));

	if (s->n_pieces)
		memcpy(p, s->pieces, s->n_pieces * sizeof(*p));
	free(s->pieces);
	s->pieces = p;
	return &p[s->n_pieces++];
}

static enum err spill(struct sorter *s, struct errbuf *eb)
{
	enum { BLOCK = 64 * 1024 };
	enum err e = s->fd < 0 ? open_file(s, eb) : ERR_OK;
	char *block = xcalloc(1, BLOCK);
	off_t at = s->file_len;
	size_t fill = 0;

	if (e == ERR_OK && s->n_pieces == MAX_PIECES)
		e = err_set(eb, ERR_LIMIT, "too much to sort");
	sort_memory(s);
	for (size_t i = 0; e == ERR_OK && i < s->n; i++) {
		const char *rec = s->mem + s->place[i];
		size_t n = HEAD + key_len(rec);

		if (fill + n > BLOCK) {
			e = write_all(s, block, fill, eb);
			fill = 0;
		}
		memcpy(block + fill, rec, n);
		fill += n;
	}
	if (e == ERR_OK)
		e = write_all(s, block, fill, eb);
	free(block);
	if (e == ERR_OK) {
		struct piece *p = new_piece(s);

		p->at = at;
		p->end = s->file_len;
	}
	s->n = s->len = 0;
	return e;
}

static void grow(struct sorter *s, size_t n)
{
	while (s->cap < s->len + n) {
		size_t cap = s->cap ? s->cap * 2 : 16384;
		char *mem = xcalloc(1, cap);

		if (s->len)
			memcpy(mem, s->mem, s->len);
		free(s->mem);
		s->mem = mem;
		s->cap = cap;
	}
	if (s->n == s->place_cap) {
		size_t cap = s->place_cap ? s->place_cap * 2 : 1024;
		uint32_t *place = xcalloc(cap, sizeof(*place));

		if (s->n)
			memcpy(place, s->place, s->n * sizeof(*place));
		free(s->place);
		s->place = place;
		s->place_cap = cap;
	}
}

enum err sorter_add(struct sorter *s, const void *key, size_t n, uint32_t uid,
		    struct errbuf *eb)
{
	uint16_t n16 = (uint16_t)n;
	char *rec;

	CHECK(n <= SORTER_KEY_MAX);
	if (s->len + HEAD + n > SORTER_MEMORY) {
		enum err e = spill(s, eb);

		if (e)
			return e;
	}
	grow(s, HEAD + n);
	s->place[s->n++] = (uint32_t)s->len;
	rec = s->mem + s->len;
	memcpy(rec, &uid, sizeof(uid));
	memcpy(rec + 4, &n16, sizeof(n16));
	if (n)
		memcpy(rec + HEAD, key, n);
	s->len += HEAD + n;
	return ERR_OK;
}

/* ---- merging ------------------------------------------------------------------------ */

static const char *record(const struct sorter *s, const struct piece *p)
{
	return p->buf ? p->buf + p->pos : s->mem + s->place[p->next];
}

static bool is_whole(const struct piece *p)
{
	size_t left = p->len - p->pos;

	return left >= HEAD && left >= HEAD + key_len(p->buf + p->pos);
}

/* Make the next record of a piece whole in its buffer; *has false: none is left. */
static enum err fill(struct sorter *s, struct piece *p, bool *has, struct errbuf *eb)
{
	if (p->buf == NULL) {
		*has = p->next < s->n;
		return ERR_OK;
	}
	while (!is_whole(p) && p->at < p->end) {
		size_t left = p->len - p->pos, want = READ_AHEAD - left;
		ssize_t r;

		memmove(p->buf, p->buf + p->pos, left);
		p->pos = 0;
		p->len = left;
		if ((off_t)want > p->end - p->at)
			want = (size_t)(p->end - p->at);
		r = pread(s->fd, p->buf + left, want, p->at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_errno(eb, r < 0 ? errno : EIO, "sort file");
		p->len += (size_t)r;
		p->at += r;
	}
	*has = p->pos < p->len;
	if (*has && !is_whole(p))
		return err_set(eb, ERR_AGAIN, "sort file is damaged");
	return ERR_OK;
}

static bool before(const struct sorter *s, size_t a, size_t b)
{
	return compare(record(s, &s->pieces[a]), record(s, &s->pieces[b])) < 0;
}

static void sift(struct sorter *s, size_t i)
{
	for (;;) {
		size_t least = i, c = 2 * i + 1;

		if (c < s->n_heap && before(s, s->heap[c], s->heap[least]))
			least = c;
		if (c + 1 < s->n_heap && before(s, s->heap[c + 1], s->heap[least]))
			least = c + 1;
		if (least == i)
			return;
		c = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = c;
		i = least;
	}
}

enum err sorter_finish(struct sorter *s, struct errbuf *eb)
{
	enum err e = ERR_OK;
	bool has;

	sort_memory(s);
	(void)new_piece(s);		/* what is in memory; its buf stays NULL */
	s->heap = xcalloc(s->n_pieces, sizeof(*s->heap));
	for (size_t i = 0; e == ERR_OK && i < s->n_pieces; i++) {
		if (i + 1 < s->n_pieces)
			s->pieces[i].buf = xcalloc(1, READ_AHEAD);
		e = fill(s, &s->pieces[i], &has, eb);
		if (e == ERR_OK && has)
			s->heap[s->n_heap++] = i;
	}
	for (size_t i = s->n_heap; e == ERR_OK && i > 0; i--)
		sift(s, i - 1);
	return e;
}

enum err sorter_next(struct sorter *s, uint32_t *uids, size_t max, size_t *n, struct errbuf *eb)
{
	*n = 0;
	while (*n < max && s->n_heap > 0) {
		struct piece *p = &s->pieces[s->heap[0]];
		const char *rec = record(s, p);
		bool has;
		enum err e;

		uids[(*n)++] = uid_of(rec);
		if (p->buf)
			p->pos += HEAD + key_len(rec);
		else
			p->next++;
		e = fill(s, p, &has, eb);
		if (e)
			return e;
		if (!has)
			s->heap[0] = s->heap[--s->n_heap];
		sift(s, 0);
	}
	return ERR_OK;
}

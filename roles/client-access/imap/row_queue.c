#include "roles/client-access/imap/row_queue.h"

#include "common/base/check.h"
#include <stdlib.h>

struct row_chunk {
	struct row_chunk *next;
	struct arena arena;
	struct store_row *rows;
	size_t n, bytes;
};

void row_queue_init(struct row_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->at = 0;
}

static void drop_chunk(struct row_queue *q)
{
	struct row_chunk *c = q->first;

	q->first = c->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->at = 0;
	arena_fini(&c->arena);
	free(c);
}

void row_queue_fini(struct row_queue *q)
{
	while (q->first)
		drop_chunk(q);
}

static void keep(struct arena *a, struct span *s)
{
	s->p = s->n ? arena_dup(a, s->p, s->n) : NULL;
}

static void copy_row(struct arena *a, struct store_row *to, const struct store_row *row)
{
	struct span *words;

	*to = *row;
	keep(a, &to->map);
	keep(a, &to->subject);
	keep(a, &to->from_name);
	keep(a, &to->from_addr);
	keep(a, &to->to);
	keep(a, &to->message_id);
	keep(a, &to->content);
	keep(a, &to->preview);
	if (row->n_keywords == 0)
		return;
	words = arena_dup(a, row->keywords, row->n_keywords * sizeof(*words));
	for (size_t k = 0; k < row->n_keywords; k++)
		keep(a, &words[k]);
	to->keywords = words;
}

void row_queue_add(struct row_queue *q, const struct store_row *rows, size_t n, size_t bytes)
{
	struct row_chunk *c = xcalloc(1, sizeof(*c));

	c->n = n;
	c->bytes = bytes;
	c->rows = n ? arena_alloc(&c->arena, n * sizeof(*c->rows)) : NULL;
	for (size_t i = 0; i < n; i++)
		copy_row(&c->arena, &c->rows[i], &rows[i]);
	*q->last = c;
	q->last = &c->next;
}

struct store_row *row_queue_next(struct row_queue *q, size_t *used)
{
	*used = 0;
	while (q->first && q->at == q->first->n) {
		*used += q->first->bytes;
		drop_chunk(q);
	}
	return q->first ? &q->first->rows[q->at++] : NULL;
}

const struct store_row *row_queue_peek(const struct row_queue *q, size_t k)
{
	return q->first && k < q->first->n - q->at ? &q->first->rows[q->at + k] : NULL;
}

void row_walk_init(struct row_walk *w, const struct row_queue *q)
{
	w->chunk = q->first;
	w->at = q->at;
}

struct store_row *row_walk_next(struct row_walk *w)
{
	while (w->chunk && w->at == w->chunk->n) {
		w->chunk = w->chunk->next;
		w->at = 0;
	}
	return w->chunk ? &w->chunk->rows[w->at++] : NULL;
}

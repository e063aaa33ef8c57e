#include "roles/client-access/pop3/drop.h"

#include "common/base/check.h"
#include <stdlib.h>
#include <string.h>

void drop_init(struct drop *d)
{
	memset(d, 0, sizeof(*d));
}

void drop_fini(struct drop *d)
{
	free(d->m);
	free(d->deleted);
	drop_init(d);
}

enum err drop_add(struct drop *d, uint32_t uid, uint64_t size)
{
	CHECK(d->deleted == NULL);
	if (uid == 0 || (d->n > 0 && uid <= d->m[d->n - 1].uid))
		return ERR_INVALID;
	if (d->n == POP3_MAX_MESSAGES)
		return ERR_LIMIT;
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 16;
		d->m = xrealloc(d->m, d->cap * sizeof(*d->m));
	}
	d->m[d->n].uid = uid;
	d->m[d->n].size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
	d->size += d->m[d->n].size;
	d->n++;
	return ERR_OK;
}

void drop_trim(struct drop *d)
{
	if (d->n == 0 || d->n == d->cap)
		return;
	d->m = xrealloc(d->m, d->n * sizeof(*d->m));
	d->cap = d->n;
}

/* index counts from 0 and may be one past either end. */
static bool is_deleted(const struct drop *d, uint32_t index)
{
	return d->deleted && index < d->n && (d->deleted[index / 8] >> index % 8 & 1);
}

const struct drop_message *drop_get(const struct drop *d, uint32_t number)
{
	if (number == 0 || number > d->n || is_deleted(d, number - 1))
		return NULL;
	return &d->m[number - 1];
}

enum err drop_delete(struct drop *d, uint32_t number)
{
	uint32_t i = number - 1;
	unsigned beside;

	CHECK(drop_get(d, number) != NULL);
	if (d->deleted == NULL)
		d->deleted = xcalloc(d->n / 8 + 1, 1);
	beside = (i > 0 && is_deleted(d, i - 1)) + (unsigned)is_deleted(d, i + 1);
	if (beside == 0 && d->n_runs == POP3_MAX_RUNS)
		return ERR_LIMIT;
	d->n_runs = d->n_runs + 1 - beside;
	d->deleted[i / 8] = (uint8_t)(d->deleted[i / 8] | 1u << i % 8);
	d->n_deleted++;
	d->deleted_size += d->m[i].size;
	return ERR_OK;
}

void drop_reset(struct drop *d)
{
	free(d->deleted);
	d->deleted = NULL;
	d->n_deleted = d->n_runs = 0;
	d->deleted_size = 0;
}

size_t drop_ranges(const struct drop *d, struct uid_range **out)
{
	struct uid_range *r = xcalloc(d->n_runs + 1, sizeof(*r));
	size_t n = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		if (!is_deleted(d, i))
			continue;
		if (i == 0 || !is_deleted(d, i - 1))
			r[n++].first = d->m[i].uid;
		r[n - 1].last = d->m[i].uid;
	}
	CHECK(n == d->n_runs);
	*out = r;
	return n;
}

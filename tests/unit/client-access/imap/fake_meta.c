/* Annotations, usage and keys of URLs of the fake store. */
#include "tests/unit/client-access/imap/fake_priv.h"

#include "common/api/store_meta.h"
#include "common/base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_META 20

static struct {
	struct {
		char *path, *entry, *value;
		size_t len;
	} m[MAX_META];
	size_t n;
	unsigned generation;		/* of keys */
} meta;

void fake_meta_reset(void)
{
	for (size_t i = 0; i < meta.n; i++) {
		free(meta.m[i].path);
		free(meta.m[i].entry);
		free(meta.m[i].value);
	}
	memset(&meta, 0, sizeof(meta));
}

static struct api_call *other(const char *name, const char *path, void *cb, void *ctx,
			      void (*answer)(struct api_call *c, enum err e))
{
	struct api_call *c = fake_call(OTHER, cb, ctx);

	c->name = name;
	c->path = path ? xstrdup(path) : NULL;
	c->answer = answer;
	return c;
}

static bool is_there(const char *path)
{
	for (size_t i = 0; i < fake.n_folders; i++)
		if (strcmp(fake.f[i].path, path) == 0)
			return true;
	return *path == '\0';
}

/* ---- annotations ---------------------------------------------------------------------- */

/* The one entry asked for, and with a depth all below it. */
static void answer_get(struct api_call *c, enum err e)
{
	struct store_meta list[MAX_META];
	size_t n = 0;

	if (!e && c->path && !is_there(c->path))
		e = ERR_NOTFOUND;
	for (size_t i = 0; !e && i < meta.n; i++)
		for (const char *at = c->arg; *at; at += strlen(at) + 1) {
			size_t len = strlen(at);

			if ((c->path && strcmp(c->path, meta.m[i].path) != 0) ||
			    strncmp(meta.m[i].entry, at, len) != 0 ||
			    (meta.m[i].entry[len] && (c->bits == 0 || meta.m[i].entry[len] != '/')))
				continue;
			list[n++] = (struct store_meta){
				.path = meta.m[i].path, .entry = meta.m[i].entry,
				.value = { meta.m[i].value, meta.m[i].len } };
			break;
		}
	((store_meta_cb *)c->cb)(c->ctx, e, list, n, NULL);
}

struct api_call *store_meta_get(const struct store_at *at, const struct store_meta_ask *a,
				store_meta_cb *cb, void *ctx)
{
	struct api_call *c = other("meta", a->path, (void *)cb, ctx, answer_get);
	char *names = xcalloc(1, 4096);
	size_t n = 0;

	(void)at;
	c->bits = a->depth;
	c->arg = names;
	for (size_t i = 0; a->entries[i]; i++)
		n += (size_t)snprintf(names + n, 4000 - n, "%s", a->entries[i]) + 1;
	return c;
}

static void drop(const char *path, const char *entry)
{
	for (size_t i = 0; i < meta.n; i++) {
		if (strcmp(meta.m[i].path, path) != 0 || strcmp(meta.m[i].entry, entry) != 0)
			continue;
		free(meta.m[i].path);
		free(meta.m[i].entry);
		free(meta.m[i].value);
		meta.m[i] = meta.m[--meta.n];
		return;
	}
}

static void answer_set(struct api_call *c, enum err e)
{
	if (!e && !is_there(c->path))
		e = ERR_NOTFOUND;
	if (!e && strncmp(c->path2, "/shared/", 8) == 0 && *c->path == '\0')
		e = ERR_DENIED;
	if (!e) {
		drop(c->path, c->path2);
		CHECK(meta.n < MAX_META);
	}
	if (!e && c->on) {
		meta.m[meta.n].path = xstrdup(c->path);
		meta.m[meta.n].entry = xstrdup(c->path2);
		meta.m[meta.n].len = c->len;
		meta.m[meta.n++].value = xmemdup(c->data, c->len + 1);
	}
	((store_done_cb *)c->cb)(c->ctx, e, 0);
}

/* Remembers the first entry only. */
struct api_call *store_meta_set(const struct store_at *at, const char *path,
				const struct store_meta *m, size_t n, store_done_cb *cb,
				void *ctx)
{
	struct api_call *c = other("meta", path, (void *)cb, ctx, answer_set);

	(void)at;
	CHECK(n > 0);
	c->path2 = xstrdup(m[0].entry);
	c->on = m[0].value.p != NULL;
	c->len = m[0].value.n;
	c->data = xcalloc(1, c->len + 1);
	if (c->len)
		memcpy(c->data, m[0].value.p, c->len);
	return c;
}

/* ---- usage --------------------------------------------------------------------------------- */

static void answer_usage(struct api_call *c, enum err e)
{
	struct store_usage u = { .size = 1025, .quota_recv = 10 << 20, .folders = fake.n_folders,
				 .folders_max = 10000, .meta = 5, .meta_max = META_MAILBOX };

	((store_usage_cb *)c->cb)(c->ctx, e, &u);
}

struct api_call *store_usage(const struct store_at *at, store_usage_cb *cb, void *ctx)
{
	(void)at;
	return other("usage", NULL, (void *)cb, ctx, answer_usage);
}

/* ---- keys: the token is a sum of the text and the number of resets ------------------------------ */

static void sum(const char *text, uint8_t token[URL_TOKEN])
{
	memset(token, (int)meta.generation, URL_TOKEN);
	for (size_t i = 0; text[i]; i++)
		token[i % URL_TOKEN] = (uint8_t)(token[i % URL_TOKEN] * 31 + (uint8_t)text[i]);
}

static void answer_sign(struct api_call *c, enum err e)
{
	uint8_t token[URL_TOKEN];

	if (!e && !is_there(c->path))
		e = ERR_NOTFOUND;
	sum(c->path2, token);
	((store_url_cb *)c->cb)(c->ctx, e, token);
}

struct api_call *store_url_sign(const struct store_at *at, const char *path, const char *text,
				store_url_cb *cb, void *ctx)
{
	struct api_call *c = other("sign", path, (void *)cb, ctx, answer_sign);

	(void)at;
	c->path2 = xstrdup(text);
	return c;
}

static void answer_check(struct api_call *c, enum err e)
{
	uint8_t token[URL_TOKEN];

	sum(c->path2, token);
	if (!e && (!is_there(c->path) || memcmp(token, c->arg, URL_TOKEN) != 0))
		e = ERR_DENIED;
	((store_done_cb *)c->cb)(c->ctx, e, 0);
}

struct api_call *store_url_check(const struct store_at *at, const char *path, const char *text,
				 const uint8_t token[URL_TOKEN], store_done_cb *cb, void *ctx)
{
	struct api_call *c = other("check", path, (void *)cb, ctx, answer_check);

	(void)at;
	c->path2 = xstrdup(text);
	c->arg = xmemdup(token, URL_TOKEN);
	return c;
}

static void answer_reset(struct api_call *c, enum err e)
{
	if (!e && c->path && !is_there(c->path))
		e = ERR_NOTFOUND;
	meta.generation += !e;
	((store_done_cb *)c->cb)(c->ctx, e, 0);
}

struct api_call *store_url_reset(const struct store_at *at, const char *path,
				 store_done_cb *cb, void *ctx)
{
	(void)at;
	return other("reset", path, (void *)cb, ctx, answer_reset);
}

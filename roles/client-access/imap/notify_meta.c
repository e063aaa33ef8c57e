#include "roles/client-access/imap/notify_meta.h"

#include "common/api/store_meta.h"
#include "roles/client-access/imap/notify.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static enum next ask(struct imap_session *s, struct notify_meta *m);

static void free_items(struct meta_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(items[i].path);
		free(items[i].entry);
	}
	free(items);
}

void notify_meta_fini(struct notify_meta *m)
{
	free_items(m->old, m->n_old);
	free_items(m->new, m->n_new);
	free(m->after);
	*m = (struct notify_meta){ .wants = m->wants };
}

static int by_name(const void *a, const void *b)
{
	const struct meta_item *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return c ? c : strcmp(x->entry, y->entry);
}

static void add(struct notify_meta *m, const struct store_meta *in)
{
	struct meta_item *i;

	if (m->n_new == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 16;
		m->new = xrealloc(m->new, m->cap * sizeof(*m->new));
	}
	i = &m->new[m->n_new++];
	i->path = xstrdup(in->path);
	i->entry = xstrdup(in->entry);
	crypto_generichash(i->hash, sizeof(i->hash), (const unsigned char *)in->value.p,
			   in->value.n, NULL, 0);
}

static void say(struct imap_session *s, const struct notify_meta *m, const struct meta_item *i)
{
	if (!m->tell || !m->wants(s, i->path))
		return;
	out_str(s, "* METADATA ");
	out_mailbox(s, i->path);
	out_fmt(s, " %s\r\n", i->entry);
}

/* Both are sorted: walk along them. */
static void compare(struct imap_session *s, struct notify_meta *m)
{
	size_t o = 0, n = 0;

	qsort(m->new, m->n_new, sizeof(*m->new), by_name);
	while (o < m->n_old || n < m->n_new) {
		int c = o == m->n_old ? 1 : n == m->n_new ? -1 : by_name(&m->old[o], &m->new[n]);

		if (c < 0)
			say(s, m, &m->old[o]);		/* it is gone */
		else if (c > 0 || memcmp(m->old[o].hash, m->new[n].hash, sizeof(m->old->hash)) != 0)
			say(s, m, &m->new[n]);
		o += c <= 0;
		n += c >= 0;
	}
	free_items(m->old, m->n_old);
	m->old = m->new;
	m->n_old = m->n_new;
	m->new = NULL;
	m->n_new = m->cap = 0;
}

static void on_page(void *ctx, enum err e, const struct store_meta *all, size_t n, const char *more)
{
	struct imap_session *s = ctx;
	struct notify_meta *m = notify_meta_of(s);

	imap_call_done(s);
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		if ((*all[i].path == '\0') == m->server)
			add(m, &all[i]);
	free(m->after);
	m->after = e == ERR_OK && more ? xstrdup(more) : NULL;
	if (m->after || (e == ERR_OK && !m->server)) {
		m->server = m->after == NULL;
		ask(s, m);
	} else {
		if (e == ERR_OK)
			compare(s, m);
		imap_work(s, m->then);
	}
	imap_pump(s);
}

static enum next ask(struct imap_session *s, struct notify_meta *m)
{
	static const char *const all[] = { "/private", "/shared", NULL };

	s->call = store_meta_get(&s->at, &(struct store_meta_ask){
		.path = m->server ? "" : NULL, .after = m->after, .entries = all, .depth = META_DEPTH_ALL,
	}, on_page, s);
	return imap_await(s);
}

enum next notify_meta_read(struct imap_session *s, struct notify_meta *m, bool tell,
			   imap_work_fn *then)
{
	free_items(m->new, m->n_new);
	m->new = NULL;
	m->n_new = m->cap = 0;
	free(m->after);
	m->after = NULL;
	m->server = false;
	m->tell = tell;
	m->then = then;
	return ask(s, m);
}

#include "roles/unified-messaging/prompt/voice.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/svc/work.h"

#include <ctype.h>
#include <flite/flite.h>
#include <stdlib.h>
#include <string.h>

cst_voice *register_cmu_us_slt(const char *dir);	/* in no header of flite */

enum { MAX_QUEUE = 2000 };

struct said {
	struct hash_node node;
	struct list age;		/* newest in front */
	char *text;
	struct clip *clip;
	size_t bytes;
};

/* A text being made, and who waits for it. */
struct synth {
	struct hash_node node;
	struct voice *voice;
	char *text, *clean;
	struct list orders;
	int16_t *pcm;
	size_t n;
	unsigned rate;
};

struct voice_order {
	struct list node;
	struct voice *voice;
	voice_cb *cb;
	void *ctx;
	char *text;		/* it is there already: told by the next turn */
};

struct voice {
	struct work_pool *pool;
	cst_voice *flite;
	struct hash said, making;
	struct list ages, ready;
	size_t bytes;
	uv_idle_t idle;
	uv_loop_t *loop;
};

/* ---- what was said ------------------------------------------------------------------- */

static void forget(struct voice *v, struct said *s)
{
	hash_del(&v->said, &s->node);
	list_del(&s->age);
	v->bytes -= s->bytes;
	clip_unref(&s->clip);
	free(s->text);
	free(s);
}

static void remember(struct voice *v, const char *text, struct clip *c)
{
	struct said *s = xcalloc(1, sizeof(*s));

	s->text = xstrdup(text);
	s->clip = clip_ref(c);
	s->bytes = (c->n16 + c->n8) * sizeof(int16_t) + sizeof(*s);
	v->bytes += s->bytes;
	list_init(&s->age);
	list_add_head(&v->ages, &s->age);
	hash_add(&v->said, &s->node, s->text, strlen(s->text));
	while (v->bytes > VOICE_CACHE_BYTES && v->ages.prev != &s->age)
		forget(v, CONTAINER_OF(v->ages.prev, struct said, age));
}

struct clip *voice_have(struct voice *v, const char *text)
{
	struct hash_node *n = hash_find(&v->said, text, strlen(text));
	struct said *s;

	if (!n)
		return NULL;
	s = CONTAINER_OF(n, struct said, node);
	list_del(&s->age);
	list_add_head(&v->ages, &s->age);
	return clip_ref(s->clip);
}

/* ---- making ------------------------------------------------------------------------------ */

/* What is spoken: no markup, no controls, no URLs' worth of signs. */
static char *cleaned(const char *text)
{
	size_t n = strnlen(text, VOICE_TEXT_MAX);
	char *out = xcalloc(1, n + 2), *to = out;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		*to++ = isalnum(c) || strchr(" .,!?'-:;$%&@", c) ? (char)c : ' ';
	}
	return out;
}

static void synth_run(void *ctx)
{
	struct synth *s = ctx;
	cst_wave *w = flite_text_to_wave(s->clean, s->voice->flite);

	if (!w)
		return;
	s->n = w->num_samples > 0 ? (size_t)w->num_samples : 0;
	s->rate = (unsigned)w->sample_rate;
	s->pcm = xmemdup(w->samples, s->n * sizeof(*s->pcm));
	delete_wave(w);
}

static void tell(struct voice_order *o, struct clip *c)
{
	voice_cb *cb = o->cb;
	void *ctx = o->ctx;

	list_del(&o->node);
	free(o->text);
	free(o);
	cb(ctx, c ? clip_ref(c) : NULL);
}

static void synth_done(void *ctx)
{
	struct synth *s = ctx;
	struct voice *v = s->voice;
	struct clip *c = NULL;
	struct errbuf eb = { "no sound" };

	hash_del(&v->making, &s->node);
	if (s->pcm && clip_new(s->pcm, s->n, s->rate, &c, &eb) == ERR_OK)
		remember(v, s->text, c);
	else
		log_error(NULL, "not-spoken detail=\"%s\"", eb.text);
	while (!list_empty(&s->orders))
		tell(CONTAINER_OF(s->orders.next, struct voice_order, node), c);
	clip_unref(&c);
	free(s->pcm);
	free(s->text);
	free(s->clean);
	free(s);
}

static struct synth *make(struct voice *v, const char *text)
{
	struct hash_node *n = hash_find(&v->making, text, strlen(text));
	struct synth *s;

	if (n)
		return CONTAINER_OF(n, struct synth, node);
	s = xcalloc(1, sizeof(*s));
	s->voice = v;
	s->text = xstrdup(text);
	s->clean = cleaned(text);
	list_init(&s->orders);
	if (work_submit(v->pool, synth_run, synth_done, s, NULL)) {
		free(s->text);
		free(s->clean);
		free(s);
		return NULL;
	}
	hash_add(&v->making, &s->node, s->text, strlen(s->text));
	return s;
}

/* ---- orders ------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *idle)
{
	struct voice *v = idle->data;
	struct list turn;

	list_init(&turn);
	while (!list_empty(&v->ready))
		list_add_tail(&turn, list_pop(&v->ready));
	while (!list_empty(&turn)) {
		struct voice_order *o = CONTAINER_OF(turn.next, struct voice_order, node);
		struct clip *c = voice_have(v, o->text);

		tell(o, c);
		clip_unref(&c);
	}
	if (list_empty(&v->ready))
		uv_idle_stop(idle);
}

struct voice_order *voice_say(struct voice *v, const char *text, voice_cb *cb, void *ctx)
{
	struct voice_order *o = xcalloc(1, sizeof(*o));
	struct clip *have = voice_have(v, text);
	struct synth *s = have ? NULL : make(v, text);

	o->voice = v;
	o->cb = cb;
	o->ctx = ctx;
	o->text = xstrdup(text);
	list_init(&o->node);
	if (s) {
		list_add_tail(&s->orders, &o->node);
	} else {	/* there, or not to be had: either way by the next turn */
		list_add_tail(&v->ready, &o->node);
		uv_idle_start(&v->idle, on_idle);
	}
	clip_unref(&have);
	return o;
}

void voice_cancel(struct voice_order **op)
{
	struct voice_order *o = *op;

	if (!o)
		return;
	*op = NULL;
	list_del(&o->node);
	free(o->text);
	free(o);
}

void voice_prepare(struct voice *v, const char *text)
{
	if (!hash_find(&v->said, text, strlen(text)))
		make(v, text);
}

enum err voice_open(uv_loop_t *loop, struct voice **out, struct errbuf *eb)
{
	const struct work_conf wc = { .loop = loop, .threads = 1, .max_queue = MAX_QUEUE };
	struct voice *v = xcalloc(1, sizeof(*v));

	hash_init(&v->said);
	hash_init(&v->making);
	list_init(&v->ages);
	list_init(&v->ready);
	v->loop = loop;
	uv_idle_init(loop, &v->idle);
	v->idle.data = v;
	v->pool = work_pool_open(&wc);
	*out = v;
	flite_init();
	v->flite = register_cmu_us_slt(NULL);
	return v->flite ? ERR_OK : err_set(eb, ERR_INTERNAL, "flite has no voice");
}

static void idle_closed(uv_handle_t *h)
{
	free(h->data);
}

void voice_close(struct voice **vp)
{
	struct voice *v = *vp;

	if (!v)
		return;
	*vp = NULL;
	work_pool_close(&v->pool);
	while (!list_empty(&v->ages))
		forget(v, CONTAINER_OF(v->ages.next, struct said, age));
	CHECK(list_empty(&v->ready));
	hash_fini(&v->said);
	hash_fini(&v->making);
	uv_close((uv_handle_t *)&v->idle, idle_closed);
}

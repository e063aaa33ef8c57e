/* Recipients brought in line with the address policies, a few at a time. */
#include "roles/directory/addresses.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/objects.h"
#include "roles/directory/audit.h"
#include <stdlib.h>

enum { A_STEP = 50, AGAIN_MS = 60000 };

static const unsigned classes[] = { CLASS_MAILBOX, CLASS_GROUP, CLASS_CONTACT };

static void on_walk(uv_timer_t *t)
{
	struct directory *d = t->data;
	struct errbuf eb = { "" };
	bool more = true;

	if (walk_step(d, clock_wall_ms(), &more, &eb) != ERR_OK) {
		log_error(NULL, "address policies not applied detail=%s", eb.text);
		uv_timer_start(t, on_walk, AGAIN_MS, 0);
	} else if (more) {
		uv_timer_start(t, on_walk, 0, 0);
	}
}

void walk_begin(struct directory *d)
{
	free(d->walk_after);
	d->walk_after = xstrdup("");
	d->walk_class = d->walk_changed = 0;
	if (d->timers)
		uv_timer_start(&d->walk, on_walk, 0, 0);
}

void walk_resume(struct directory *d)
{
	if (objects_meta_int(d->db, META_WALK))
		walk_begin(d);
}

static enum err look_at(struct directory *d, struct batch *b, struct arena *a, struct object *o,
			int64_t now_ms, struct errbuf *eb)
{
	const struct apply ap = { .what = APPLY_MODIFY, .klass = o->klass, .now_ms = now_ms };
	struct notes notes = { .n = 0 };
	struct job j = { .d = d, .ap = &ap, .a = a, .batch = b, .was = o, .o = object_copy(a, o),
			 .notes = &notes, .eb = eb };
	struct audit_line l = {
		.at_ms = now_ms, .who = "address policies", .result = err_text(ERR_OK),
		.what = arena_printf(a, "%s set", class_name(o->klass)),
		.object = object_text(o, OBJ_NAME),
	};
	enum err e;

	if (!object_bool(o, OBJ_BY_POLICY, false) || object_bool(o, OBJ_DISCONNECTED, false))
		return ERR_OK;
	e = addresses_follow(&j);
	if (e == ERR_EXISTS) {		/* it stays as it is; the others go on */
		log_warn(NULL, "no address by policy name=%s detail=%s", l.object, eb->text);
		return ERR_OK;
	}
	if (e || object_same_values(o, j.o, OBJ_EMAIL))
		return e;
	d->walk_changed++;
	l.detail = audit_diff(a, o, j.o);
	e = batch_put(b, j.o, eb);
	return e ? e : audit_add(d->db, &l, eb);
}

static enum err finish(struct directory *d, int64_t now_ms, struct arena *a, struct errbuf *eb)
{
	struct audit_line l = {
		.at_ms = now_ms, .who = "address policies", .what = "address-policy apply",
		.object = "", .result = err_text(ERR_OK),
		.detail = arena_printf(a, "%u recipients changed", d->walk_changed),
	};
	enum err e = objects_set_int(d->db, META_WALK, 0, eb);

	return e ? e : audit_add(d->db, &l, eb);
}

static enum err some(struct directory *d, struct batch *b, int64_t now_ms, struct arena *a,
		     struct object **last, bool *more, struct errbuf *eb)
{
	struct object *page[A_STEP];
	size_t n = objects_list(d->db, classes[d->walk_class], d->walk_after, page, A_STEP, a);
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++)
		e = look_at(d, b, a, page[i], now_ms, eb);
	*last = n == A_STEP ? page[n - 1] : NULL;
	*more = *last || d->walk_class + 1 < N_ELEMS(classes);
	return e || *more ? e : finish(d, now_ms, a, eb);
}

enum err walk_step(struct directory *d, int64_t now_ms, bool *more, struct errbuf *eb)
{
	unsigned changed = d->walk_changed;
	struct object *last = NULL;
	struct arena a = { 0 };
	struct batch b;
	enum err e;

	*more = false;
	if (!d->walk_after)
		return ERR_OK;
	e = batch_begin(&b, d, now_ms, eb);
	if (e)
		return e;
	e = some(d, &b, now_ms, &a, &last, more, eb);
	if (!e)
		e = batch_commit(&b, eb);
	batch_abort(&b);
	if (e) {
		d->walk_changed = changed;	/* the same again, later */
		*more = true;
	} else {
		free(d->walk_after);
		d->walk_after = !*more ? NULL : xstrdup(last ?
			object_name_key(&a, object_text(last, OBJ_NAME)) : "");
		d->walk_class += last == NULL;
	}
	arena_fini(&a);
	return e;
}

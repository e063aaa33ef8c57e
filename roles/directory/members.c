#include "roles/directory/members.h"

#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/replica/objects.h"

/* A page of the group in hand, as it will be. */
struct page {
	struct page *next;
	struct object *o;
	size_t n;
	bool changed;
};

static size_t count(const struct object *o, unsigned attr)
{
	size_t n = 0;

	for (const struct object_value *v = object_values(o, attr); v; v = v->next)
		n++;
	return n;
}

static struct span span_of_guid(const struct guid *g)
{
	return (struct span){ (const char *)g->b, sizeof(g->b) };
}

static enum err load_pages(struct job *j, const struct object *group, struct page **out)
{
	const struct object_value *v = object_values(group, OBJ_MEMBER_PAGE);
	struct page **at = out;
	enum err e = ERR_OK;

	*out = NULL;
	for (; v && !e; v = v->next) {
		struct page *p = arena_alloc(j->a, sizeof(*p));
		struct guid g;

		e = guid_from(v->bytes.p, v->bytes.n, &g);
		if (!e)
			e = objects_by_guid(j->d->db, &g, j->a, &p->o, j->eb);
		if (e)
			return err_set(j->eb, ERR_CORRUPT, "a page of the group's members is gone");
		p->n = count(p->o, OBJ_MEMBER);
		*at = p;
		at = &p->next;
	}
	return e;
}

enum { DIFF_MAX = 3000 };

struct where {
	struct hash_node node;
	struct guid who;
	struct page *page;		/* NULL: in the group's own object */
};

/* A group, and who is in it: looked for by the thousand. */
struct members {
	struct object *group;
	struct page *pages;
	size_t own;			/* in the group's object, without its pages */
	struct hash known;
	struct buf diff;
};

static void know(struct job *j, struct members *m, const struct guid *who, struct page *page)
{
	struct where *w = arena_alloc(j->a, sizeof(*w));

	w->who = *who;
	w->page = page;
	hash_add(&m->known, &w->node, w->who.b, sizeof(w->who.b));
}

static struct where *find(const struct members *m, const struct guid *who)
{
	struct hash_node *n = hash_find(&m->known, who->b, sizeof(who->b));

	return n ? CONTAINER_OF(n, struct where, node) : NULL;
}

static void know_all(struct job *j, struct members *m, const struct object *o, struct page *page)
{
	const struct object_value *v = object_values(o, OBJ_MEMBER);
	struct guid g;

	for (; v; v = v->next)
		if (guid_from(v->bytes.p, v->bytes.n, &g) == ERR_OK && !find(m, &g))
			know(j, m, &g, page);
}

static enum err members_open(struct job *j, struct object *group, struct members *m)
{
	enum err e = load_pages(j, group, &m->pages);

	m->group = group;
	m->own = count(group, OBJ_MEMBER) - count(group, OBJ_MEMBER_PAGE);
	hash_init(&m->known);
	buf_init(&m->diff, DIFF_MAX);
	know_all(j, m, group, NULL);
	for (struct page *p = m->pages; p; p = p->next)
		know_all(j, m, p->o, p);
	return e;
}

static void members_shut(struct members *m)
{
	hash_fini(&m->known);
	buf_fini(&m->diff);
}

static enum err members_of_job(struct job *j)
{
	if (j->members)
		return ERR_OK;
	j->members = arena_alloc(j->a, sizeof(*j->members));
	return members_open(j, j->o, j->members);
}

/* A line that is full ends there. */
static void tell(struct members *m, char sign, const struct guid *who)
{
	char text[GUID_TEXT];

	if (buf_addf(&m->diff, " %c%s", sign, guid_text(who, text)) != ERR_OK)
		return;
}

static struct page *new_page(struct job *j, struct members *m)
{
	struct page *p = arena_alloc(j->a, sizeof(*p)), **at = &m->pages;
	char text[GUID_TEXT];

	p->o = object_new(j->a, CLASS_GROUP_PAGE);
	p->o->guid = guid_make();
	object_set_text(p->o, OBJ_NAME, guid_text(&p->o->guid, text));
	object_add_bytes(m->group, OBJ_MEMBER, p->o->guid.b, sizeof(p->o->guid.b));
	object_add_bytes(m->group, OBJ_MEMBER_PAGE, p->o->guid.b, sizeof(p->o->guid.b));
	while (*at)
		at = &(*at)->next;
	*at = p;
	return p;
}

static void put(struct job *j, struct members *m, const struct guid *who)
{
	struct page *p = m->pages;

	if (m->own < MEMBERS_OWN) {
		object_add_bytes(m->group, OBJ_MEMBER, who->b, sizeof(who->b));
		m->own++;
		know(j, m, who, NULL);
		return;
	}
	while (p && p->n >= MEMBERS_PAGE)
		p = p->next;
	if (!p)
		p = new_page(j, m);
	object_add_bytes(p->o, OBJ_MEMBER, who->b, sizeof(who->b));
	p->n++;
	p->changed = true;
	know(j, m, who, p);
	tell(m, '+', who);
}

static enum err take(struct job *j, struct members *m, const struct guid *who)
{
	struct where *w = find(m, who);

	if (!w || object_has_guid(m->group, OBJ_MEMBER_PAGE, who))
		return err_set(j->eb, ERR_NOTFOUND, "member: there is no such value");
	object_remove_value(w->page ? w->page->o : m->group, OBJ_MEMBER, span_of_guid(who));
	if (w->page) {
		w->page->n--;
		w->page->changed = true;
		tell(m, '-', who);
	} else {
		m->own--;
	}
	hash_del(&m->known, &w->node);
	return ERR_OK;
}

/* Pages are kept for what comes next; those that stay empty go in the end. */
static void clear(struct members *m)
{
	struct hash_node *n, *next;

	for (n = hash_next(&m->known, NULL); n; n = next) {
		next = hash_next(&m->known, n);
		hash_del(&m->known, n);
	}
	object_unset(m->group, OBJ_MEMBER);
	m->own = 0;
	for (struct page *p = m->pages; p; p = p->next) {
		object_unset(p->o, OBJ_MEMBER);
		p->n = 0;
		p->changed = true;
		object_add_bytes(m->group, OBJ_MEMBER, p->o->guid.b, sizeof(p->o->guid.b));
	}
	if (m->pages)
		(void)!buf_adds(&m->diff, " (all before)");
}

enum err members_change(struct job *j, enum change_op op, const struct guid *g, size_t n)
{
	enum err e = members_of_job(j);

	if (e)
		return e;
	if (op == CHANGE_SET || op == CHANGE_UNSET)
		clear(j->members);
	for (size_t i = 0; i < n && !e; i++) {
		if (op == CHANGE_REMOVE)
			e = take(j, j->members, &g[i]);
		else if (!find(j->members, &g[i]))
			put(j, j->members, &g[i]);
	}
	return e;
}

enum err members_join(struct job *j, struct object *group, const struct guid *who)
{
	struct members m = { .group = NULL };
	enum err e = members_open(j, group, &m);

	if (!e && !find(&m, who)) {
		put(j, &m, who);
		for (struct page *p = m.pages; p && !e; p = p->next)
			if (p->changed)
				e = batch_put(j->batch, p->o, j->eb);
		if (!e)
			e = batch_put(j->batch, group, j->eb);
	}
	members_shut(&m);
	return e;
}

const char *members_diff(const struct job *j)
{
	return j->members && j->members->diff.len ? j->members->diff.data : "";
}

void members_end(struct job *j)
{
	if (j->members)
		members_shut(j->members);
	j->members = NULL;
}

static enum err put_gone(struct job *j, const struct object *page)
{
	struct object *o = object_new(j->a, page->klass);

	o->guid = page->guid;
	o->deleted = true;
	return batch_put(j->batch, o, j->eb);
}

enum err members_write(struct job *j)
{
	enum err e = ERR_OK;

	for (struct page *p = j->members ? j->members->pages : NULL; p && !e; p = p->next) {
		if (!p->changed)
			continue;
		if (p->n > 0) {
			e = batch_put(j->batch, p->o, j->eb);
			continue;
		}
		object_remove_value(j->o, OBJ_MEMBER, span_of_guid(&p->o->guid));
		object_remove_value(j->o, OBJ_MEMBER_PAGE, span_of_guid(&p->o->guid));
		if (p->o->usn)
			e = put_gone(j, p->o);
	}
	return e;
}

enum err members_delete(struct job *j)
{
	struct page *pages;
	enum err e = load_pages(j, j->was, &pages);

	for (struct page *p = pages; p && !e; p = p->next)
		e = put_gone(j, p->o);
	return e;
}

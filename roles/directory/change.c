#include "common/replica/objects.h"
#include "common/smtp/address.h"
#include "roles/directory/members.h"

/* One change of an attribute: value by value brought into the form that is stored. */

enum { MAX_TEXT = 1024, MAX_BYTES = 4096, MAX_VALUES = 12000 };

/* Objects that an attribute may point to. */
static unsigned target_class(unsigned attr)
{
	switch (attr) {
	case OBJ_DATABASE: return CLASS_DATABASE;
	case OBJ_SERVER:
	case OBJ_SOURCE: return CLASS_SERVER;
	case OBJ_DIAL_PLAN: return CLASS_DIAL_PLAN;
	case OBJ_IP_GATEWAY: return CLASS_IP_GATEWAY;
	case OBJ_UM_POLICY: return CLASS_UM_POLICY;
	default: return 0;		/* a recipient */
	}
}

static enum err stored_ref(struct job *j, const struct attr_info *i,
			   const struct object_value *v, struct object_value *out)
{
	unsigned klass = target_class(i->id);
	struct object *target;
	struct guid g = { { 0 } };
	enum err e;

	if (v->number != 1) {
		e = guid_from(v->bytes.p, v->bytes.n, &g);
		if (e)
			return err_set(j->eb, e, "%s: not a GUID", i->name);
	}
	e = apply_find(j->d, klass, v->number == 1 ? v->bytes.p : NULL, &g, j->a, &target, j->eb);
	if (e == ERR_NOTFOUND)
		return err_set(j->eb, ERR_NOTFOUND, "%s: no %s \"%.100s\"", i->name,
			       klass ? class_name(klass) : "recipient",
			       v->number == 1 ? v->bytes.p : "of that GUID");
	if (e)
		return e;
	out->bytes.p = arena_dup(j->a, target->guid.b, sizeof(target->guid.b));
	out->bytes.n = sizeof(target->guid.b);
	return ERR_OK;
}

static enum err stored_address(struct job *j, const struct attr_info *i, const char *text,
			       struct object_value *out)
{
	struct smtp_address addr;
	struct buf b;
	enum err e = smtp_address_parse(span_of(text), &addr, NULL);

	if (e || addr.domain[0] == '\0' || addr.domain[0] == '[')
		return err_set(j->eb, ERR_INVALID, "%s: \"%.100s\" is not an address", i->name,
			       text);
	buf_init(&b, SMTP_KEY_MAX);
	e = smtp_address_write(&addr, &b);
	out->bytes.p = arena_strn(j->a, b.data, b.len);
	out->bytes.n = b.len;
	buf_fini(&b);
	return e;
}

/* "example.org" or "*.example.org", as A-labels. */
static enum err stored_domain(struct job *j, const struct attr_info *i, const char *text,
			      struct object_value *out)
{
	bool wild = strncmp(text, "*.", 2) == 0;
	char normal[SMTP_DOMAIN_MAX + 1];

	if (smtp_domain_normal(span_of(text + (wild ? 2 : 0)), normal, NULL) != ERR_OK ||
	    normal[0] == '[' || normal[0] == '\0')
		return err_set(j->eb, ERR_INVALID, "%s: \"%.100s\" is not a domain", i->name, text);
	out->bytes.p = arena_printf(j->a, "%s%s", wild ? "*." : "", normal);
	out->bytes.n = strlen(out->bytes.p);
	return ERR_OK;
}

static enum err stored_space(struct job *j, const struct attr_info *i, const char *text,
			     struct object_value *out)
{
	if (strcmp(text, "*") != 0)
		return stored_domain(j, i, text, out);
	out->bytes = SPAN("*");
	return ERR_OK;
}

static enum err stored_text(struct job *j, const struct attr_info *i,
			    const struct object_value *v, struct object_value *out)
{
	const char *text = v->bytes.p;

	if (v->bytes.n > MAX_TEXT)
		return err_set(j->eb, ERR_LIMIT, "%s: more than %d bytes", i->name, MAX_TEXT);
	if (v->bytes.n == 0 || !smtp_utf8_valid(v->bytes))
		return err_set(j->eb, ERR_INVALID, "%s: empty, or not UTF-8", i->name);
	for (size_t k = 0; k < v->bytes.n; k++)
		if ((unsigned char)text[k] < 0x20 || text[k] == 0x7f)
			return err_set(j->eb, ERR_INVALID, "%s: holds a control character", i->name);
	switch (i->id) {
	case OBJ_EMAIL:
	case OBJ_TARGET:
	case OBJ_POSTMASTER:
		return stored_address(j, i, text, out);
	case OBJ_DOMAIN:
		return stored_domain(j, i, text, out);
	case OBJ_ADDRESS_SPACE:
		return stored_space(j, i, text, out);
	default:
		out->bytes = v->bytes;
		return ERR_OK;
	}
}

static enum err stored(struct job *j, const struct attr_info *i, const struct object_value *v,
		       struct object_value *out)
{
	*out = (struct object_value){ 0 };
	if (i->flags & ATTR_REF)
		return stored_ref(j, i, v, out);
	switch (i->type) {
	case ATTR_TEXT:
		return stored_text(j, i, v, out);
	case ATTR_BYTES:
	case ATTR_GUID:
		if (v->bytes.n > MAX_BYTES)
			return err_set(j->eb, ERR_LIMIT, "%s: too long", i->name);
		out->bytes = v->bytes;
		return ERR_OK;
	case ATTR_BOOL:
		out->number = v->number != 0;
		return ERR_OK;
	case ATTR_NUMBER:
	case ATTR_SIZE:
	case ATTR_DURATION:
		if (v->number < 0)
			return err_set(j->eb, ERR_INVALID, "%s: below 0", i->name);
		out->number = v->number;
		return ERR_OK;
	}
	return ERR_INVALID;
}

/* Addresses are the same if their keys are. */
static bool remove_address(struct object *o, unsigned attr, const char *text)
{
	char want[SMTP_KEY_MAX], have[SMTP_KEY_MAX];

	if (smtp_address_key_of(text, want) != ERR_OK)
		return false;
	for (const struct object_value *v = object_values(o, attr); v; v = v->next)
		if (smtp_address_key_of(v->bytes.p, have) == ERR_OK && strcmp(want, have) == 0)
			return object_remove_value(o, attr, v->bytes);
	return false;
}

static enum err remove_value(struct job *j, const struct attr_info *i,
			     const struct object_value *v)
{
	bool gone = i->flags & ATTR_ADDRESS ? remove_address(j->o, i->id, v->bytes.p) :
					      object_remove_value(j->o, i->id, v->bytes);

	if (!gone)
		return err_set(j->eb, ERR_NOTFOUND, "%s: there is no such value", i->name);
	return ERR_OK;
}

static bool is_number(const struct attr_info *i)
{
	return i->type == ATTR_NUMBER || i->type == ATTR_BOOL || i->type == ATTR_SIZE ||
	       i->type == ATTR_DURATION;
}

static void add_value(struct object *o, const struct attr_info *i, const struct object_value *v)
{
	if (is_number(i))
		object_set_number(o, i->id, v->number);
	else if ((i->flags & ATTR_MULTI) && !object_has_value(o, i->id, v->bytes))
		object_add_bytes(o, i->id, v->bytes.p, v->bytes.n);
	else if (!(i->flags & ATTR_MULTI))
		object_set_bytes(o, i->id, v->bytes.p, v->bytes.n);
}

static enum err check_shape(struct job *j, const struct change *c, const struct attr_info *i)
{
	size_t n = 0;

	for (const struct object_value *v = c->values; v; v = v->next)
		n++;
	if (n > MAX_VALUES)
		return err_set(j->eb, ERR_LIMIT, "%s: more than %d values", i->name, MAX_VALUES);
	if (n > 1 && !(i->flags & ATTR_MULTI) && c->op != CHANGE_UNSET)
		return err_set(j->eb, ERR_INVALID, "%s has one value", i->name);
	if (n == 0 && c->op != CHANGE_UNSET)
		return err_set(j->eb, ERR_INVALID, "%s: no value", i->name);
	if (c->op == CHANGE_ADD && !(i->flags & ATTR_MULTI))
		return err_set(j->eb, ERR_INVALID, "%s has one value: set it", i->name);
	return ERR_OK;
}

/* Members are many: they have their own place. */
static enum err change_members(struct job *j, const struct change *c, const struct attr_info *i)
{
	struct guid *g = arena_alloc(j->a, MAX_VALUES * sizeof(*g));
	enum err e = ERR_OK;
	size_t n = 0;

	for (const struct object_value *v = c->values; v && !e && c->op != CHANGE_UNSET; v = v->next) {
		struct object_value s;

		e = stored(j, i, v, &s);
		if (!e)
			e = guid_from(s.bytes.p, s.bytes.n, &g[n++]);
	}
	return e ? e : members_change(j, c->op, g, n);
}

enum err change_apply(struct job *j, const struct change *c)
{
	const struct attr_info *i = attr_by_id(c->attr);
	enum err e;

	if (!i || !(i->classes >> j->o->klass & 1))
		return err_set(j->eb, ERR_INVALID, "%s: a %s has no such attribute",
			       i ? i->name : "?", class_name(j->o->klass));
	if (i->flags & (ATTR_READONLY | ATTR_SECRET))
		return err_set(j->eb, ERR_DENIED, "%s is set by the directory only", i->name);
	e = check_shape(j, c, i);
	if (!e && c->attr == OBJ_MEMBER)
		return change_members(j, c, i);
	if (!e && (c->op == CHANGE_SET || c->op == CHANGE_UNSET))
		object_unset(j->o, c->attr);
	if (c->op == CHANGE_UNSET)
		return e;
	for (const struct object_value *v = c->values; v && !e; v = v->next) {
		struct object_value s;

		e = stored(j, i, v, &s);
		if (!e && c->op == CHANGE_REMOVE)
			e = remove_value(j, i, &s);
		else if (!e)
			add_value(j->o, i, &s);
	}
	return e;
}

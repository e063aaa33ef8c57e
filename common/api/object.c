#include "common/api/object.h"
#include "common/api/object_pb.h"
#include "common/base/check.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#define MAX_NAME 512	/* UTF-16 units of a name's key */

/* ---- names ------------------------------------------------------------------- */

const char *object_name_key(struct arena *a, const char *s)
{
	UErrorCode ue = U_ZERO_ERROR;
	const UNormalizer2 *fold = unorm2_getNFKCCasefoldInstance(&ue);
	UChar in[MAX_NAME], out[MAX_NAME];
	int32_t n, from = 0;
	char *key;

	u_strFromUTF8(in, MAX_NAME, &n, s, -1, &ue);
	if (U_FAILURE(ue) || n >= MAX_NAME)
		return NULL;
	n = unorm2_normalize(fold, in, n, out, MAX_NAME, &ue);
	if (U_FAILURE(ue) || n >= MAX_NAME)
		return NULL;
	for (int32_t i = 0; i < n; i++)
		if (out[i] < 0x20 || (out[i] >= 0x7f && out[i] < 0xa0))
			return NULL;
	while (from < n && out[from] == ' ')
		from++;
	while (n > from && out[n - 1] == ' ')
		n--;
	if (from == n)
		return NULL;
	key = arena_alloc(a, (size_t)(n - from) * 3 + 1);
	u_strToUTF8(key, (n - from) * 3 + 1, NULL, out + from, n - from, &ue);
	return U_SUCCESS(ue) ? key : NULL;
}

/* ---- values ------------------------------------------------------------------ */

static const char *dup_bytes(struct arena *a, const void *p, size_t n)
{
	return arena_dup(a, n ? p : "", n);
}

static struct object_attr *find(const struct object *o, unsigned attr)
{
	for (struct object_attr *t = o->attrs; t; t = t->next)
		if (t->attr == attr)
			return t;
	return NULL;
}

/* The attribute, made if it is not there.  They stay in the order of numbers, so
 * that equal objects have equal encodings. */
static struct object_attr *need(struct object *o, unsigned attr)
{
	struct object_attr **at = &o->attrs, *t;

	while (*at && (*at)->attr < attr)
		at = &(*at)->next;
	t = *at;
	if (t && t->attr == attr)
		return t;
	t = arena_alloc(o->arena, sizeof(*t));
	t->attr = attr;
	t->next = *at;
	*at = t;
	return t;
}

static struct object_value *append(struct object *o, unsigned attr)
{
	struct object_value **at = &need(o, attr)->values;

	while (*at)
		at = &(*at)->next;
	*at = arena_alloc(o->arena, sizeof(**at));
	return *at;
}

struct object *object_new(struct arena *a, unsigned klass)
{
	struct object *o = arena_alloc(a, sizeof(*o));

	o->klass = klass;
	o->arena = a;
	return o;
}

struct object *object_copy(struct arena *a, const struct object *from)
{
	struct object *o = object_new(a, from->klass);
	struct object_attr **at = &o->attrs;

	o->guid = from->guid;
	o->usn = from->usn;
	o->deleted = from->deleted;
	for (const struct object_attr *t = from->attrs; t; t = t->next) {
		struct object_value **to;

		*at = arena_alloc(a, sizeof(**at));
		(*at)->attr = t->attr;
		to = &(*at)->values;
		for (const struct object_value *v = t->values; v; v = v->next) {
			*to = arena_alloc(a, sizeof(**to));
			(*to)->number = v->number;
			(*to)->bytes.n = v->bytes.n;
			(*to)->bytes.p = dup_bytes(a, v->bytes.p, v->bytes.n);
			to = &(*to)->next;
		}
		at = &(*at)->next;
	}
	return o;
}

const struct object_value *object_values(const struct object *o, unsigned attr)
{
	const struct object_attr *t = find(o, attr);

	return t ? t->values : NULL;
}

bool object_has(const struct object *o, unsigned attr)
{
	return object_values(o, attr) != NULL;
}

const char *object_text(const struct object *o, unsigned attr)
{
	const struct object_value *v = object_values(o, attr);

	return v ? v->bytes.p : NULL;
}

int64_t object_number(const struct object *o, unsigned attr, int64_t def)
{
	const struct object_value *v = object_values(o, attr);

	return v ? v->number : def;
}

bool object_bool(const struct object *o, unsigned attr, bool def)
{
	return object_number(o, attr, def) != 0;
}

bool object_guid(const struct object *o, unsigned attr, struct guid *out)
{
	struct span b = object_bytes(o, attr);

	return guid_from(b.p, b.n, out) == ERR_OK;
}

struct span object_bytes(const struct object *o, unsigned attr)
{
	const struct object_value *v = object_values(o, attr);

	return v ? v->bytes : (struct span){ NULL, 0 };
}

void object_unset(struct object *o, unsigned attr)
{
	for (struct object_attr **at = &o->attrs; *at; at = &(*at)->next)
		if ((*at)->attr == attr) {
			*at = (*at)->next;
			return;
		}
}

void object_add_bytes(struct object *o, unsigned attr, const void *p, size_t n)
{
	struct object_value *v = append(o, attr);

	v->bytes.p = dup_bytes(o->arena, p, n);
	v->bytes.n = n;
}

void object_set_bytes(struct object *o, unsigned attr, const void *p, size_t n)
{
	const void *copy = dup_bytes(o->arena, p, n);	/* p may be the old value */

	object_unset(o, attr);
	object_add_bytes(o, attr, copy, n);
}

void object_add_text(struct object *o, unsigned attr, const char *s)
{
	object_add_bytes(o, attr, s, strlen(s));
}

void object_set_text(struct object *o, unsigned attr, const char *s)
{
	object_set_bytes(o, attr, s, strlen(s));
}

void object_set_number(struct object *o, unsigned attr, int64_t v)
{
	object_unset(o, attr);
	append(o, attr)->number = v;
}

void object_add_guid(struct object *o, unsigned attr, const struct guid *g)
{
	object_add_bytes(o, attr, g->b, sizeof(g->b));
}

void object_set_guid(struct object *o, unsigned attr, const struct guid *g)
{
	object_set_bytes(o, attr, g->b, sizeof(g->b));
}

bool object_remove_value(struct object *o, unsigned attr, struct span bytes)
{
	struct object_attr *t = find(o, attr);

	if (!t)
		return false;
	for (struct object_value **at = &t->values; *at; at = &(*at)->next) {
		if (!span_eq((*at)->bytes, bytes))
			continue;
		*at = (*at)->next;
		if (!t->values)
			object_unset(o, attr);
		return true;
	}
	return false;
}

bool object_has_value(const struct object *o, unsigned attr, struct span bytes)
{
	for (const struct object_value *v = object_values(o, attr); v; v = v->next)
		if (span_eq(v->bytes, bytes))
			return true;
	return false;
}

bool object_has_guid(const struct object *o, unsigned attr, const struct guid *g)
{
	return object_has_value(o, attr, (struct span){ (const char *)g->b, sizeof(g->b) });
}

bool object_same_values(const struct object *a, const struct object *b, unsigned attr)
{
	const struct object_value *x = object_values(a, attr), *y = object_values(b, attr);

	for (; x && y; x = x->next, y = y->next)
		if (x->number != y->number || !span_eq(x->bytes, y->bytes))
			return false;
	return !x && !y;
}

/* ---- the encoded form ---------------------------------------------------------- */

/* protobuf-c's allocations, in an arena.  One byte more each: text that lies in
 * an object has a NUL behind it, and the arena's memory is zeroed. */
static void *pb_alloc(void *ctx, size_t n)
{
	return arena_alloc(ctx, n + 1);
}

static void pb_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

Directory__Value **values_to_pb(struct arena *a, const struct object_value *v, size_t *n)
{
	Directory__Value **out, *m;
	size_t count = 0;

	for (const struct object_value *x = v; x; x = x->next)
		count++;
	out = arena_alloc(a, count * sizeof(*out) + 1);
	*n = count;
	for (size_t i = 0; v; v = v->next, i++) {
		m = out[i] = arena_alloc(a, sizeof(*m));
		directory__value__init(m);
		m->number = v->number;
		m->bytes.data = (uint8_t *)(uintptr_t)v->bytes.p;
		m->bytes.len = v->bytes.n;
	}
	return out;
}

Directory__Object *object_to_pb(struct arena *a, const struct object *o)
{
	Directory__Object *m = arena_alloc(a, sizeof(*m));
	size_t i = 0;

	directory__object__init(m);
	m->guid.data = (uint8_t *)(uintptr_t)o->guid.b;
	m->guid.len = sizeof(o->guid.b);
	m->klass = o->klass;
	m->usn = o->usn;
	m->deleted = o->deleted;
	for (const struct object_attr *t = o->attrs; t; t = t->next)
		m->n_attrs++;
	m->attrs = arena_alloc(a, m->n_attrs * sizeof(*m->attrs) + 1);
	for (const struct object_attr *t = o->attrs; t; t = t->next, i++) {
		Directory__Attr *at = m->attrs[i] = arena_alloc(a, sizeof(*at));

		directory__attr__init(at);
		at->id = t->attr;
		at->values = values_to_pb(a, t->values, &at->n_values);
	}
	return m;
}

static bool is_utf8(const uint8_t *p, size_t n)
{
	UErrorCode ue = U_ZERO_ERROR;
	int32_t units;

	if (n == 0)
		return true;
	if (memchr(p, 0, n))
		return false;
	u_strFromUTF8(NULL, 0, &units, (const char *)p, (int32_t)n, &ue);
	return ue == U_BUFFER_OVERFLOW_ERROR;
}

static bool value_fits(const struct attr_info *i, const Directory__Value *v)
{
	switch (i->type) {
	case ATTR_TEXT:
		return is_utf8(v->bytes.data, v->bytes.len);
	case ATTR_GUID:
		return v->bytes.len == sizeof(struct guid);
	case ATTR_NUMBER:
	case ATTR_BOOL:
	case ATTR_SIZE:
	case ATTR_DURATION:
		return v->bytes.len == 0;
	case ATTR_BYTES:
		break;
	}
	return true;
}

/* copy: m's bytes belong to somebody else.  Else they lie in o's arena already. */
static enum err attr_from_pb(struct object *o, const Directory__Attr *m, bool copy)
{
	const struct attr_info *i = attr_by_id(m->id);
	struct object_attr *t;
	struct object_value **at;

	if (m->id == 0 || m->n_values == 0 || find(o, m->id) ||
	    (i && !(i->flags & ATTR_MULTI) && m->n_values > 1))
		return ERR_INVALID;
	t = need(o, m->id);
	at = &t->values;
	for (size_t n = 0; n < m->n_values; n++) {
		const Directory__Value *v = m->values[n];

		if (i && !value_fits(i, v))
			return ERR_INVALID;
		*at = arena_alloc(o->arena, sizeof(**at));
		(*at)->number = v->number;
		(*at)->bytes.n = v->bytes.len;
		(*at)->bytes.p = copy || !v->bytes.data ?
			dup_bytes(o->arena, v->bytes.data, v->bytes.len) :
			(const char *)v->bytes.data;
		at = &(*at)->next;
	}
	return ERR_OK;
}

static enum err from_pb(struct arena *a, const Directory__Object *m, bool copy,
			struct object **out)
{
	struct object *o;
	enum err e;

	/* Attributes are looked for one by one: no more than the table could ever have. */
	if (m->guid.len != sizeof(struct guid) || m->klass == 0 || m->n_attrs > 512)
		return ERR_INVALID;
	o = object_new(a, m->klass);
	memcpy(o->guid.b, m->guid.data, sizeof(o->guid.b));
	o->usn = m->usn;
	o->deleted = m->deleted;
	if (o->deleted && m->n_attrs)
		return ERR_INVALID;
	for (size_t i = 0; i < m->n_attrs; i++) {
		e = attr_from_pb(o, m->attrs[i], copy);
		if (e)
			return e;
	}
	*out = o;
	return ERR_OK;
}

enum err object_from_pb(struct arena *a, const Directory__Object *m, struct object **out)
{
	return from_pb(a, m, true, out);
}

enum err object_decode(struct arena *a, const void *p, size_t n, struct object **out)
{
	ProtobufCAllocator al = { pb_alloc, pb_free, a };
	Directory__Object *m;

	if (n > OBJECT_MAX_BYTES)
		return ERR_INVALID;
	m = directory__object__unpack(&al, n, p);
	return m ? from_pb(a, m, false, out) : ERR_INVALID;
}

enum err object_encode(const struct object *o, struct buf *out)
{
	struct arena tmp = { 0 };
	const Directory__Object *m = object_to_pb(&tmp, o);
	size_t n = directory__object__get_packed_size(m);
	enum err e = n > OBJECT_MAX_BYTES ? ERR_LIMIT : buf_reserve(out, n);

	if (e == ERR_OK) {
		directory__object__pack(m, (uint8_t *)out->data + out->len);
		buf_grown(out, n);
	}
	arena_fini(&tmp);
	return e;
}

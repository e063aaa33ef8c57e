#include "common/replica/issuers.h"

#include "common/base/log.h"

enum { MAX_ISSUERS = 64, MAX_VALUES = 64 };

struct texts {
	const char *s[MAX_VALUES + 1];
};

static void collect(const struct object *o, unsigned attr, struct texts *out)
{
	size_t n = 0;

	for (const struct object_value *v = object_values(o, attr); v && n < MAX_VALUES; v = v->next)
		out->s[n++] = v->bytes.p;
	out->s[n] = NULL;
}

static void add_issuer(struct oauth *to, const struct object *o)
{
	struct texts audiences, keys;
	struct oauth_issuer i = {
		.name = object_text(o, OBJ_ISSUER), .claim = object_text(o, OBJ_CLAIM),
		.scope = object_text(o, OBJ_SCOPE), .audiences = audiences.s, .keys = keys.s,
	};
	struct errbuf eb = { "" };

	collect(o, OBJ_AUDIENCE, &audiences);
	collect(o, OBJ_JWK, &keys);
	if (oauth_add(to, &i, &eb))
		log_warn(NULL, "oauth-issuer-unused name=%s why=\"%s\"", object_text(o, OBJ_NAME),
			 eb.text);
}

/* Calls with every object of the class, of which there are few. */
static void each(struct replica *r, unsigned klass, void (*tell)(void *ctx, const struct object *o),
		 void *ctx)
{
	struct replica_iter *it = replica_each(r, klass);

	for (int i = 0; i < MAX_ISSUERS; i++) {
		struct arena a = { 0 };
		struct object *o = replica_each_next(it, &a);

		if (o)
			tell(ctx, o);
		arena_fini(&a);
		if (o == NULL)
			break;
	}
	replica_each_end(&it);
}

static void on_issuer(void *ctx, const struct object *o)
{
	add_issuer(ctx, o);
}

static void on_organisation(void *ctx, const struct object *o)
{
	*(bool *)ctx |= object_bool(o, OBJ_ALLOW_SHA1, false);
}

void replica_tell_login(struct replica *r, struct login *l)
{
	struct oauth *o = oauth_new();
	bool sha1 = false;

	each(r, CLASS_OAUTH_ISSUER, on_issuer, o);
	each(r, CLASS_ORGANISATION, on_organisation, &sha1);
	login_set_oauth(l, o);
	login_set_sha1(l, sha1);
}

bool replica_is_about_logins(const struct object *o)
{
	return o == NULL || o->deleted || o->klass == CLASS_OAUTH_ISSUER ||
	       o->klass == CLASS_ORGANISATION;
}

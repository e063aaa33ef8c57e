#include "common/auth/oauth.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_S 60		/* clocks differ */

struct issuer {
	struct issuer *next;
	char *name, *claim, *scope;
	char **audiences;
	struct jwk *keys[OAUTH_KEYS];
	size_t n_keys;
};

struct oauth {
	struct issuer *issuers;
	size_t n;
};

/* ---- issuers ------------------------------------------------------------------------------ */

struct oauth *oauth_new(void)
{
	return xcalloc(1, sizeof(struct oauth));
}

static void issuer_free(struct issuer *i)
{
	for (size_t k = 0; k < i->n_keys; k++)
		jwk_free(&i->keys[k]);
	for (char **a = i->audiences; *a; a++)
		free(*a);
	free(i->audiences);
	free(i->name);
	free(i->claim);
	free(i->scope);
	free(i);
}

void oauth_free(struct oauth **op)
{
	struct oauth *o = *op;
	struct issuer *i, *next;

	*op = NULL;
	if (o == NULL)
		return;
	for (i = o->issuers; i; i = next) {
		next = i->next;
		issuer_free(i);
	}
	free(o);
}

static char **copy_list(const char *const *list)
{
	char **out;
	size_t n = 0;

	while (list[n])
		n++;
	out = xcalloc(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = xstrdup(list[i]);
	return out;
}

static void add_key(struct issuer *i, const char *text)
{
	struct errbuf eb = { "" };
	struct jwk *k;

	if (i->n_keys == OAUTH_KEYS)
		log_warn(NULL, "oauth-key-unused issuer=%s why=\"too many\"", i->name);
	else if (jwk_parse(text, strlen(text), &k, &eb) == ERR_OK)
		i->keys[i->n_keys++] = k;
	else
		log_warn(NULL, "oauth-key-unused issuer=%s why=\"%s\"", i->name, eb.text);
}

enum err oauth_add(struct oauth *o, const struct oauth_issuer *conf, struct errbuf *eb)
{
	struct issuer *i;

	if (!conf->name || !conf->name[0] || !conf->audiences || !conf->audiences[0])
		return err_set(eb, ERR_INVALID, "an issuer has a name and an audience");
	i = xcalloc(1, sizeof(*i));
	i->name = xstrdup(conf->name);
	i->claim = xstrdup(conf->claim ? conf->claim : "email");
	i->scope = conf->scope ? xstrdup(conf->scope) : NULL;
	i->audiences = copy_list(conf->audiences);
	for (size_t k = 0; conf->keys && conf->keys[k]; k++)
		add_key(i, conf->keys[k]);
	i->next = o->issuers;
	o->issuers = i;
	o->n++;
	return ERR_OK;
}

size_t oauth_issuers(const struct oauth *o)
{
	return o ? o->n : 0;
}

/* ---- claims ----------------------------------------------------------------------------------- */

static bool is_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		if (len == n && memcmp(p, word, n) == 0)
			return true;
		p += len;
	}
	return false;
}

/* A claim that is a text, or a list of them (RFC 7519 section 4.1.3). */
static bool has_text(const json_t *claim, const char *text)
{
	const json_t *one;
	size_t i;

	if (json_is_string(claim))
		return strcmp(json_string_value(claim), text) == 0;
	json_array_foreach(claim, i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), text) == 0)
			return true;
	return false;
}

static bool is_for_us(const struct issuer *i, const json_t *claims)
{
	for (char **a = i->audiences; *a; a++)
		if (has_text(json_object_get(claims, "aud"), *a))
			return true;
	return false;
}

/* "scope" is words in one text (RFC 8693 section 4.2); others call it "scp". */
static bool has_scope(const struct issuer *i, const json_t *claims)
{
	static const char *const names[] = { "scope", "scp" };

	for (size_t k = 0; i->scope && k < N_ELEMS(names); k++) {
		const json_t *claim = json_object_get(claims, names[k]);

		if (json_is_string(claim) ? is_word(json_string_value(claim), i->scope)
					  : has_text(claim, i->scope))
			return true;
	}
	return i->scope == NULL;
}

static bool read_time(const json_t *claims, const char *name, double *out)
{
	const json_t *j = json_object_get(claims, name);

	*out = json_number_value(j);		/* RFC 7519: may have a fraction */
	return json_is_number(j);
}

static const char *time_fault(const json_t *claims, int64_t now_s)
{
	double exp, nbf, now = (double)now_s;

	if (!read_time(claims, "exp", &exp))
		return "no exp";
	if (exp + GRACE_S <= now)
		return "expired";
	if (json_object_get(claims, "nbf") &&
	    (!read_time(claims, "nbf", &nbf) || nbf - GRACE_S > now))
		return "not valid yet";
	return NULL;
}

static bool read_user(const struct issuer *i, const json_t *claims, char out[OAUTH_USER_MAX])
{
	const json_t *claim = json_object_get(claims, i->claim);
	size_t n = json_string_length(claim);
	const char *s = json_string_value(claim);

	if (s == NULL || n == 0 || n >= OAUTH_USER_MAX || memchr(s, '\0', n))
		return false;
	if (strcmp(i->claim, "email") == 0 &&
	    json_is_false(json_object_get(claims, "email_verified")))
		return false;
	for (size_t k = 0; k < n; k++)
		if ((unsigned char)s[k] < 0x20 || s[k] == 0x7f)
			return false;
	memcpy(out, s, n + 1);
	return true;
}

static bool is_signed(const struct issuer *i, const struct jwt *t)
{
	for (size_t k = 0; k < i->n_keys; k++)
		if (jwt_is_signed(t, i->keys[k]))
			return true;
	return false;
}

static const struct issuer *find(const struct oauth *o, const json_t *claims)
{
	const char *iss = json_string_value(json_object_get(claims, "iss"));

	for (const struct issuer *i = o->issuers; iss && i; i = i->next)
		if (strcmp(i->name, iss) == 0)
			return i;
	return NULL;
}

static enum oauth_verdict judge(const struct oauth *o, const struct jwt *t, int64_t now_s,
				struct oauth_answer *out)
{
	const struct issuer *i = find(o, t->claims);

	/* The signature first: nothing else is told to who cannot sign. */
	if (i == NULL)
		out->why = "unknown issuer";
	else if (!is_signed(i, t))
		out->why = "no key of the issuer signed it";
	else if (!is_for_us(i, t->claims))
		out->why = "another audience";
	else
		out->why = time_fault(t->claims, now_s);
	if (out->why)
		return OAUTH_BAD_TOKEN;
	if (!has_scope(i, t->claims)) {
		out->why = "scope";
		return OAUTH_NO_SCOPE;
	}
	if (read_user(i, t->claims, out->user))
		return OAUTH_GOOD;
	out->why = "no claim names a user";
	return OAUTH_BAD_TOKEN;
}

enum oauth_verdict oauth_check(const struct oauth *o, const char *token, size_t n, int64_t now_s,
			       struct oauth_answer *out)
{
	enum oauth_verdict v;
	struct jwt t;

	*out = (struct oauth_answer){ "", NULL };
	if (n == 0) {
		out->why = "no token";
		return OAUTH_BAD_REQUEST;
	}
	if (jwt_read(token, n, &t) != ERR_OK) {
		out->why = "malformed";
		return OAUTH_BAD_TOKEN;
	}
	v = judge(o, &t, now_s, out);
	jwt_fini(&t);
	return v;
}

char *oauth_error_text(const struct oauth *o, enum oauth_verdict v)
{
	static const char *const status[] = {
		[OAUTH_GOOD] = "", [OAUTH_BAD_TOKEN] = "invalid_token",
		[OAUTH_NO_SCOPE] = "insufficient_scope", [OAUTH_BAD_REQUEST] = "invalid_request",
	};
	json_t *j = json_object();
	const struct issuer *i = oauth_issuers(o) == 1 ? o->issuers : NULL;
	char *text;

	json_object_set_new(j, "status", json_string(status[v]));
	if (i && i->scope)
		json_object_set_new(j, "scope", json_string(i->scope));
	if (i && strncmp(i->name, "https://", 8) == 0)
		json_object_set_new(j, "openid-configuration",
				    json_sprintf("%s%s.well-known/openid-configuration", i->name,
						 i->name[strlen(i->name) - 1] == '/' ? "" : "/"));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	CHECK(text != NULL);
	return text;
}

/* ---- messages ---------------------------------------------------------------------------------- */

/* Fields that end with ^A, after which one more ends the message.  Unknown ones (host,
 * port, mthd, ...) do not matter. */
static enum err read_fields(const char *p, size_t n, struct oauth_message *out)
{
	const char *end = p + n, *stop;

	for (; p < end && *p != '\1'; p = stop + 1) {
		struct span f;

		stop = memchr(p, '\1', (size_t)(end - p));
		if (stop == NULL)
			return ERR_INVALID;
		f = (struct span){ p, (size_t)(stop - p) };
		if (f.n > 5 && strncasecmp(f.p, "user=", 5) == 0 && out->user.p == NULL) {
			out->user = (struct span){ f.p + 5, f.n - 5 };
		} else if (f.n > 12 && strncasecmp(f.p, "auth=Bearer ", 12) == 0) {
			size_t blanks = strspn(f.p + 12, " ");

			if (12 + blanks <= f.n)
				out->token = (struct span){ f.p + 12 + blanks, f.n - 12 - blanks };
		}
	}
	return p + 1 == end ? ERR_OK : ERR_INVALID;
}

/* RFC 5801's name: "=2C" and "=3D"; in place. */
static bool decode_name(char *p, size_t *n)
{
	size_t to = 0;

	for (size_t i = 0; i < *n; i++) {
		char c = p[i];

		if (c == '=') {
			if (*n - i < 3 || (memcmp(p + i, "=2C", 3) != 0 &&
					   memcmp(p + i, "=3D", 3) != 0))
				return false;
			c = p[i + 1] == '2' ? ',' : '=';
			i += 2;
		}
		p[to++] = c;
	}
	*n = to;
	return to > 0;
}

enum err oauth_read_bearer(char *msg, size_t n, struct oauth_message *out)
{
	char *comma, *end = msg + n;
	size_t len;

	*out = (struct oauth_message){ { NULL, 0 }, { NULL, 0 } };
	/* No channel binding with tokens: "n" or "y". */
	if (n < 4 || memchr(msg, '\0', n) || (msg[0] != 'n' && msg[0] != 'y') || msg[1] != ',')
		return ERR_INVALID;
	comma = memchr(msg + 2, ',', n - 2);
	if (comma == NULL || comma + 1 == end || comma[1] != '\1')
		return ERR_INVALID;
	len = (size_t)(comma - msg - 2);
	if (len > 0) {
		if (len < 3 || msg[2] != 'a' || msg[3] != '=')
			return ERR_INVALID;
		len -= 2;
		if (!decode_name(msg + 4, &len))
			return ERR_INVALID;
		out->user = (struct span){ msg + 4, len };
	} else {
		out->user.p = msg + 2;		/* empty, and no field gives it */
	}
	return read_fields(comma + 2, (size_t)(end - comma - 2), out);
}

enum err oauth_read_xoauth2(const char *msg, size_t n, struct oauth_message *out)
{
	*out = (struct oauth_message){ { NULL, 0 }, { NULL, 0 } };
	if (n == 0 || memchr(msg, '\0', n))
		return ERR_INVALID;
	return read_fields(msg, n, out);
}

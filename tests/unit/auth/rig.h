#ifndef AUTH_RIG_H
#define AUTH_RIG_H
/* What the tests of login and sasl stand on: a loop, a pool, two accounts. */
#include "common/auth/login.h"
#include "common/base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

static const struct password_params cheap A_UNUSED = { 8192, 1, 4096 };

struct account {
	const char *user, *alias, *password;
	struct credential cred;
};

struct rig {
	uv_loop_t loop;
	struct work_pool *pool;
	struct login *login;
	struct pepper pepper;
	struct account ann, bob;	/* bob has no POP3 and a foreign hash */
	enum err lookup;		/* what the directory answers instead */
	unsigned lookups;
	int64_t now_ms;
	struct addr source;
};

static enum err rig_lookup(void *ctx, const char *user, struct credential *out)
{
	struct rig *r = ctx;
	struct account *all[] = { &r->ann, &r->bob };

	r->lookups++;
	if (r->lookup)
		return r->lookup;
	for (size_t i = 0; i < 2; i++)
		if (strcasecmp(user, all[i]->user) == 0 || strcasecmp(user, all[i]->alias) == 0) {
			*out = all[i]->cred;
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

static enum err rig_bind(void *ctx, const struct credential *c, const char *password)
{
	(void)ctx;
	(void)c;
	return strcmp(password, "ldap") == 0 ? ERR_OK : ERR_DENIED;
}

static void rig_account(struct rig *r, struct account *a, const char *hash)
{
	struct password_params params = cheap;

	a->cred.principal = guid_make();
	a->cred.usn = 7;
	a->cred.enabled = true;
	a->cred.protocols = LOGIN_IMAP | LOGIN_SMTP;
	strcpy(a->cred.user, a->user);
	assert_int_equal(password_import(hash, &params, &r->pepper, &a->cred.argon, &a->cred.scram,
					 NULL), ERR_OK);
	if (strncmp(hash, "{PLAIN}", 7) == 0)
		assert_int_equal(password_make_scram(SCRAM_SHA_1, hash + 7, &params, &r->pepper,
						     &a->cred.scram_sha1, NULL), ERR_OK);
}

static void rig_up(struct rig *r, size_t max_queue)
{
	struct work_conf wc = { &r->loop, 2, max_queue };
	struct login_conf lc = { .params = cheap, .account_tries = 3, .source_tries = 8 };

	memset(r, 0, sizeof(*r));
	uv_loop_init(&r->loop);
	r->pool = work_pool_open(&wc);
	r->pepper.key[0] = 42;
	r->now_ms = 1000;
	assert_int_equal(addr_parse("192.0.2.9:1234", 0, &r->source), ERR_OK);
	r->ann = (struct account){ .user = "ann@a.test", .alias = "ann", .password = "pw-ann" };
	r->bob = (struct account){ .user = "bob@a.test", .alias = "bob", .password = "secret" };
	rig_account(r, &r->ann, "{PLAIN}pw-ann");
	rig_account(r, &r->bob, "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0");
	lc.pool = r->pool;
	lc.pepper = r->pepper;
	lc.source = (struct credential_source){ rig_lookup, rig_bind, r };
	r->login = login_new(&lc);
}

static void rig_down(struct rig *r)
{
	login_free(&r->login);
	work_pool_close(&r->pool);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
}

#endif

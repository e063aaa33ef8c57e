#ifndef TEST_DIRECTORY_RIG_H
#define TEST_DIRECTORY_RIG_H
/* rig - a directory in a scratch folder, without a bus */
#include "common/replica/objects.h"
#include "roles/directory/apply.h"
#include "common/base/log.h"
#include "roles/directory/join.h"
#include "roles/directory/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct rig {
	char dir[64];
	struct directory_conf conf;
	struct directory d;
	struct identity *id;
	struct arena a;
	struct notes notes;
	struct errbuf eb;
	int64_t now_ms;
};

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void rig_open_db(struct rig *r)
{
	directory_init(&r->d);
	r->d.conf = &r->conf;
	r->d.config_dir = r->d.data_dir = r->dir;
	r->d.metrics = metrics_new();
	r->d.m = directory_metrics(r->d.metrics);
	r->d.id = r->id;
	memcpy(r->d.pepper.key, r->id->pepper, 32);
	assert_int_equal(directory_open_db(&r->d, &r->eb), ERR_OK);
	assert_int_equal(directory_found(&r->d, r->now_ms, &r->eb), ERR_OK);
}

static void rig_up(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	log_set_sink(quiet);
	strcpy(r->dir, "/tmp/bourse-test-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->now_ms = INT64_C(1800000000000);
	r->conf.organisation = (char *)"Test";
	r->conf.endpoint = r->conf.enrol_endpoint = (char *)"tcp://127.0.0.1:1";
	r->conf.audit_days = 10;
	r->id = identity_new(r->dir, "bourse-directory", RPC_DIRECTORY);
	free(r->id->name);
	r->id->name = strdup("directory");
	memset(r->id->pepper, 5, 32);
	rig_open_db(r);
}

static void rig_close_db(struct rig *r)
{
	struct metrics *m = r->d.metrics;

	r->d.id = NULL;
	directory_close(&r->d);
	metrics_free(&m);
	memset(&r->d, 0, sizeof(r->d));
}

static A_UNUSED void rig_down(struct rig *r)
{
	char cmd[128];

	rig_close_db(r);
	identity_free(&r->id);
	arena_fini(&r->a);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", r->dir);
	assert_int_equal(system(cmd), 0);
	log_set_sink(NULL);
}

/* "attr=value attr=value": numbers for what holds numbers, names for references. */
static size_t rig_changes(struct rig *r, unsigned klass, const char *text, struct change *out)
{
	char *copy = arena_str(&r->a, text), *word, *save = NULL;
	size_t n = 0;

	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');
		enum change_op op = *word == '+' ? CHANGE_ADD : *word == '-' ? CHANGE_REMOVE :
								   CHANGE_SET;
		const struct attr_info *i;
		struct object_value *v = arena_alloc(&r->a, sizeof(*v));

		assert_non_null(value);
		*value++ = '\0';
		i = attr_by_name(klass, word + (op != CHANGE_SET));
		if (!i)			/* an attribute of another class, to be refused */
			for (const struct attr_info *k = attr_after(NULL); k; k = attr_after(k))
				if (strcmp(k->name, word) == 0)
					i = k;
		if (!i)
			fail_msg("no attribute %s", word);
		if (i->type == ATTR_TEXT || i->type == ATTR_BYTES || (i->flags & ATTR_REF)) {
			for (char *c = value; *c; c++)
				if (*c == '_')
					*c = ' ';
			v->bytes = span_of(value);
			v->number = (i->flags & ATTR_REF) ? 1 : 0;
		} else {
			v->number = strtoll(value, NULL, 10);
		}
		out[n++] = (struct change){ *value ? op : CHANGE_UNSET, i->id, *value ? v : NULL };
	}
	return n;
}

static enum err rig_apply(struct rig *r, enum apply_what what, unsigned klass, const char *name,
			  const char *changes, struct object **out)
{
	struct change c[16];
	struct apply ap = { .what = what, .klass = klass, .name = name, .changes = c,
			    .who = "tester", .now_ms = r->now_ms };
	struct object *o;

	ap.n_changes = rig_changes(r, klass, changes, c);
	r->eb.text[0] = '\0';
	r->notes.n = 0;
	return apply_run(&r->d, &ap, &r->a, out ? out : &o, &r->notes, &r->eb);
}

static void rig_must(struct rig *r, enum apply_what what, unsigned klass, const char *name,
		     const char *changes, struct object **out)
{
	enum err e = rig_apply(r, what, klass, name, changes, out);

	if (e)
		fail_msg("%s %s: %s (%s)", name, changes, err_text(e), r->eb.text);
}

static void rig_token(struct rig *r, const uint8_t secret[32], unsigned role, const char *name)
{
	struct token t = { .role = role, .expires_ms = r->now_ms + TOKEN_MS };

	snprintf(t.name, sizeof(t.name), "%s", name);
	assert_int_equal(token_add(r->d.db, secret, 32, &t, "tester", &r->eb), ERR_OK);
}

/* A domain, and a mailbox server with two databases. */
static A_UNUSED void rig_furnish(struct rig *r)
{
	char *dbs[] = { (char *)"db1", (char *)"db2" };
	const uint8_t secret[32] = { 1 };
	struct join j = { .name = "mbx", .endpoint = "tcp://127.0.0.1:2", .role = RPC_MAILBOX,
			  .key = (const uint8_t *)"0123456789abcdef0123456789abcdef",
			  .databases = dbs, .n_databases = 2, .secret = secret,
			  .secret_len = sizeof(secret) };
	struct guid server;

	rig_must(r, APPLY_CREATE, CLASS_DOMAIN, "example.org", "default=1", NULL);
	rig_token(r, secret, RPC_MAILBOX, "mbx");
	assert_int_equal(join_enrol(&r->d, &j, r->now_ms, &server, &r->eb), ERR_OK);
}
#endif

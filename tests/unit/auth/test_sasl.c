/* Exchanges as they stand on the wire.  libgsasl plays the SCRAM client. */
#include "common/auth/sasl.h"
#include "tests/unit/auth/rig.h"

#include <gsasl.h>
#include <sodium.h>
#include <stdlib.h>

struct exchange {
	int n;
	enum err e;
	char challenge[2000];
	bool more;
	struct login_result r;
};

static void on_step(void *ctx, enum err e, const char *challenge, const struct login_result *r)
{
	struct exchange *x = ctx;

	x->n++;
	x->e = e;
	x->more = challenge != NULL;
	if (challenge)
		strcpy(x->challenge, challenge);
	if (r)
		x->r = *r;
	assert_true(e == ERR_OK ? (challenge != NULL) != (r != NULL) : challenge == NULL && r == NULL);
}

static void wait_for(struct rig *r, struct exchange *x)
{
	assert_int_equal(x->n, 0);
	while (x->n == 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(x->n, 1);
	x->n = 0;
}

static struct sasl_conf conf_of(struct rig *r, bool tls, const uint8_t *exporter)
{
	return (struct sasl_conf){ .source = r->source, .protocol = LOGIN_IMAP, .tls = tls,
				   .exporter = exporter, .now_ms = r->now_ms };
}

static char *b64(const char *p, size_t n)
{
	size_t cap = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	char *out = calloc(1, cap);

	return sodium_bin2base64(out, cap, (const unsigned char *)p, n, sodium_base64_VARIANT_ORIGINAL);
}

#define MSG(s) s, sizeof(s) - 1

static void test_plain_and_login(void **state)
{
	static const struct {
		const char *mech;
		bool tls;
		const char *in[4];	/* as on the wire; the first is the initial response */
		enum err e;
	} cases[] = {
		{ "PLAIN", true, { "AGFubgBwdy1hbm4=" }, ERR_OK },		/* \0ann\0pw-ann */
		{ "plain", true, { NULL, "AGFubgBwdy1hbm4=" }, ERR_OK },
		{ "PLAIN", true, { "YW5uAGFubgBwdy1hbm4=" }, ERR_OK },	/* ann\0ann\0... */
		{ "PLAIN", true, { "Ym9iAGFubgBwdy1hbm4=" }, ERR_DENIED }, /* bob\0ann\0... */
		{ "PLAIN", true, { "AGFubgB3cm9uZw==" }, ERR_DENIED },
		{ "PLAIN", false, { "AGFubgBwdy1hbm4=" }, ERR_NOTFOUND },
		{ "PLAIN", true, { "AGFubgBwdy1hbm4" }, ERR_INVALID },	/* no padding */
		{ "PLAIN", true, { "AGFub gBwdy1hbm4=" }, ERR_INVALID },
		{ "PLAIN", true, { "AGFubg==" }, ERR_INVALID },	/* one NUL */
		{ "PLAIN", true, { "AABwdw==" }, ERR_INVALID },	/* no name */
		{ "PLAIN", true, { "AGFubgA=" }, ERR_INVALID },	/* no password */
		{ "PLAIN", true, { "AGFubgBwAHc=" }, ERR_INVALID },	/* three NULs */
		{ "PLAIN", true, { "=" }, ERR_INVALID },
		{ "PLAIN", true, { "" }, ERR_INVALID },
		{ "PLAIN", true, { NULL, "*" }, ERR_INVALID },
		{ "PLAIN", true, { NULL, "" }, ERR_INVALID },
		{ "LOGIN", true, { NULL, "YW5u", "cHctYW5u" }, ERR_OK },
		{ "LOGIN", true, { "YW5u", "cHctYW5u" }, ERR_OK },
		{ "LOGIN", true, { "=", "YW5u", "cHctYW5u" }, ERR_OK },
		{ "LOGIN", true, { NULL, "YW5u", "d3Jvbmc=" }, ERR_DENIED },
		{ "LOGIN", true, { NULL, "YW5u", "" }, ERR_INVALID },
		{ "LOGIN", true, { NULL, "" }, ERR_INVALID },
		{ "LOGIN", true, { NULL, "YW5u", "*" }, ERR_INVALID },
		{ "LOGIN", false, { NULL }, ERR_NOTFOUND },
		{ "CRAM-MD5", true, { NULL }, ERR_NOTFOUND },
		{ "", true, { NULL }, ERR_NOTFOUND },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct exchange x = { 0 };
		struct sasl_conf conf;
		struct sasl *s;
		struct rig r;
		size_t k = 1;

		rig_up(&r, 10);
		conf = conf_of(&r, cases[i].tls, NULL);
		s = sasl_start(r.login, &r.loop, &conf, cases[i].mech, cases[i].in[0], on_step, &x);
		wait_for(&r, &x);
		while (x.e == ERR_OK && x.more) {
			if (k == 4 || cases[i].in[k] == NULL)
				fail_msg("case %zu: asks for more: %s", i, x.challenge);
			sasl_line(s, cases[i].in[k], strlen(cases[i].in[k]));
			k++;
			wait_for(&r, &x);
		}
		if (x.e != cases[i].e)
			fail_msg("case %zu: %s", i, err_text(x.e));
		if (x.e == ERR_OK)
			assert_string_equal(x.r.user, "ann@a.test");
		rig_down(&r);
	}
}

static void test_login_prompts(void **state)
{
	struct exchange x = { 0 };
	struct sasl_conf conf;
	struct sasl *s;
	struct rig r;

	(void)state;
	rig_up(&r, 10);
	conf = conf_of(&r, true, NULL);
	s = sasl_start(r.login, &r.loop, &conf, "LOGIN", NULL, on_step, &x);
	wait_for(&r, &x);
	assert_string_equal(x.challenge, "VXNlcm5hbWU6");
	sasl_line(s, "YW5u", 4);
	wait_for(&r, &x);
	assert_string_equal(x.challenge, "UGFzc3dvcmQ6");
	sasl_cancel(&s);
	assert_null(s);
	rig_down(&r);
}

static void test_what_is_offered(void **state)
{
	uint8_t binding[32] = { 0 };
	struct sasl_conf c = { 0 };

	(void)state;
	assert_string_equal(sasl_mechanisms(&c), "SCRAM-SHA-256");
	c.allow_plain = true;
	assert_string_equal(sasl_mechanisms(&c), "SCRAM-SHA-256 PLAIN LOGIN");
	c.tls = true;
	c.allow_plain = false;
	assert_string_equal(sasl_mechanisms(&c), "SCRAM-SHA-256 PLAIN LOGIN");
	c.exporter = binding;
	assert_string_equal(sasl_mechanisms(&c), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
}

/* ---- SCRAM ------------------------------------------------------------------------- */

static enum err scram(struct rig *r, const char *server_mech, const char *client_mech,
		      const char *user, const char *password, const uint8_t *server_binding,
		      const uint8_t *client_binding, struct login_result *out)
{
	struct sasl_conf conf = conf_of(r, true, server_binding);
	struct exchange x = { 0 };
	Gsasl_session *session;
	char *line = NULL;
	struct sasl *s;
	Gsasl *g;
	int step;

	assert_int_equal(gsasl_init(&g), GSASL_OK);
	assert_int_equal(gsasl_client_start(g, client_mech, &session), GSASL_OK);
	gsasl_property_set(session, GSASL_AUTHID, user);
	gsasl_property_set(session, GSASL_PASSWORD, password);
	if (client_binding) {
		char *b = b64((const char *)client_binding, 32);

		gsasl_property_set(session, GSASL_CB_TLS_EXPORTER, b);
		free(b);
	}
	step = gsasl_step64(session, "", &line);
	if (step != GSASL_NEEDS_MORE)
		fail_msg("client %s: %s", client_mech, gsasl_strerror(step));
	s = sasl_start(r->login, &r->loop, &conf, server_mech, line, on_step, &x);
	gsasl_free(line);
	wait_for(r, &x);
	while (x.e == ERR_OK && x.more) {
		step = gsasl_step64(session, x.challenge, &line);
		if (step != GSASL_OK && step != GSASL_NEEDS_MORE) {
			sasl_cancel(&s);	/* the client does not believe us */
			x.e = ERR_STALE;
			break;
		}
		sasl_line(s, line, strlen(line));
		gsasl_free(line);
		wait_for(r, &x);
	}
	gsasl_finish(session);
	gsasl_done(g);
	if (out)
		*out = x.r;
	return x.e;
}

static void test_scram(void **state)
{
	static const uint8_t b1[32] = { 1 }, b2[32] = { 2 };
	static const char sha[] = "SCRAM-SHA-256", plus[] = "SCRAM-SHA-256-PLUS";
	static const struct {
		const char *server, *client, *user, *password;
		const uint8_t *server_binding, *client_binding;
		enum err e;
	} cases[] = {
		{ sha, sha, "ann", "pw-ann", NULL, NULL, ERR_OK },
		{ sha, sha, "ann@a.test", "pw-ann", b1, NULL, ERR_OK },
		{ sha, sha, "ann", "wrong", NULL, NULL, ERR_DENIED },
		{ sha, sha, "eve", "pw-ann", NULL, NULL, ERR_DENIED },
		{ sha, sha, "bob", "secret", NULL, NULL, ERR_DENIED },	/* has no keys */
		{ plus, plus, "ann", "pw-ann", b1, b1, ERR_OK },
		{ plus, plus, "ann", "pw-ann", b1, b2, ERR_DENIED },	/* in the middle */
		{ plus, plus, "ann", "pw-ann", NULL, b1, ERR_NOTFOUND },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct login_result result;
		struct login_stats st;
		struct rig r;
		enum err e;

		rig_up(&r, 10);
		e = scram(&r, cases[i].server, cases[i].client, cases[i].user, cases[i].password,
			  cases[i].server_binding, cases[i].client_binding, &result);
		if (e != cases[i].e)
			fail_msg("case %zu: %s", i, err_text(e));
		login_get_stats(r.login, &st);
		assert_int_equal(st.ok, e == ERR_OK);
		if (e == ERR_OK)
			assert_true(guid_eq(&result.principal, &r.ann.cred.principal));
		rig_down(&r);
	}
}

static void test_scram_is_throttled_and_switched(void **state)
{
	static const char sha[] = "SCRAM-SHA-256";
	struct rig r;

	(void)state;
	rig_up(&r, 10);
	for (int i = 0; i < 4; i++)
		assert_int_equal(scram(&r, sha, sha, "ann", "no", NULL, NULL, NULL), ERR_DENIED);
	assert_int_equal(scram(&r, sha, sha, "ann", "pw-ann", NULL, NULL, NULL), ERR_LIMIT);
	r.now_ms += 2000;
	assert_int_equal(scram(&r, sha, sha, "ann", "pw-ann", NULL, NULL, NULL), ERR_OK);
	r.ann.cred.enabled = false;
	assert_int_equal(scram(&r, sha, sha, "ann", "pw-ann", NULL, NULL, NULL), ERR_DENIED);
	r.ann.cred.enabled = true;
	r.lookup = ERR_AGAIN;
	assert_int_equal(scram(&r, sha, sha, "ann", "pw-ann", NULL, NULL, NULL), ERR_AGAIN);
	rig_down(&r);
}

static void test_scram_garbage(void **state)
{
	static const char *const firsts[] = { "n,,", "n,,n=,r=x", "n,,n=ann", "x", "p=tls-unique,,n=a,r=x",
					      "n,a=bob,n=ann,r=abcdef", "n,,m=ext,n=ann,r=x", "y,,n=ann,r=x\n" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(firsts); i++) {
		char *line = b64(firsts[i], strlen(firsts[i]));
		struct exchange x = { 0 };
		struct sasl_conf conf;
		struct sasl *s;
		struct rig r;

		rig_up(&r, 10);
		conf = conf_of(&r, true, NULL);
		s = sasl_start(r.login, &r.loop, &conf, "SCRAM-SHA-256", line, on_step, &x);
		free(line);
		wait_for(&r, &x);
		if (x.e == ERR_OK) {		/* read; then it cannot go on */
			line = b64(MSG("c=biws,r=evil,p=AAAA"));
			sasl_line(s, line, strlen(line));
			free(line);
			wait_for(&r, &x);
		}
		if (x.e != ERR_INVALID && x.e != ERR_DENIED)
			fail_msg("%s: %s", firsts[i], err_text(x.e));
		rig_down(&r);
	}
}

/* A client that could bind, made to believe that we cannot, says "y,,". */
static void test_downgrade_is_noticed(void **state)
{
	static const uint8_t binding[32] = { 1 };
	char *line = b64(MSG("y,,n=ann,r=abcdefgh"));

	(void)state;
	for (int can_bind = 0; can_bind < 2; can_bind++) {
		struct exchange x = { 0 };
		struct sasl_conf conf;
		struct sasl *s;
		struct rig r;

		rig_up(&r, 10);
		conf = conf_of(&r, true, can_bind ? binding : NULL);
		s = sasl_start(r.login, &r.loop, &conf, "SCRAM-SHA-256", line, on_step, &x);
		wait_for(&r, &x);
		assert_int_equal(x.e == ERR_OK, !can_bind);
		if (x.e == ERR_OK)
			sasl_cancel(&s);
		rig_down(&r);
	}
	free(line);
}

static void test_cancel_and_long_lines(void **state)
{
	static char longest[SASL_LINE_MAX + 1];

	(void)state;
	for (int turns = 0; turns < 3; turns++) {
		struct exchange x = { 0 };
		struct sasl_conf conf;
		struct sasl *s;
		struct rig r;

		rig_up(&r, 10);
		conf = conf_of(&r, true, NULL);
		s = sasl_start(r.login, &r.loop, &conf, "PLAIN", "AGFubgBwdy1hbm4=", on_step, &x);
		if (turns == 0)
			sasl_cancel(&s);
		uv_run(&r.loop, UV_RUN_NOWAIT);
		if (turns == 1 && x.n == 0)
			sasl_cancel(&s);
		while (turns == 2 && x.n == 0)
			uv_run(&r.loop, UV_RUN_ONCE);
		assert_true(turns > 0 || x.n == 0);
		x.n = 0;
		s = sasl_start(r.login, &r.loop, &conf, "PLAIN", NULL, on_step, &x);
		wait_for(&r, &x);
		memset(longest, 'A', sizeof(longest));
		sasl_line(s, longest, sizeof(longest));
		wait_for(&r, &x);
		assert_int_equal(x.e, ERR_INVALID);
		rig_down(&r);
	}
}

static void test_client_side(void **state)
{
	enum sasl_client_mech m;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(sasl_client_choose("CRAM-MD5 login PLAIN", &m), ERR_OK);
	assert_int_equal(m, SASL_CLIENT_PLAIN);
	assert_int_equal(sasl_client_choose("X-PLAIN LOGIN", &m), ERR_OK);
	assert_int_equal(m, SASL_CLIENT_LOGIN);
	assert_string_equal(sasl_client_name(m), "LOGIN");
	assert_int_equal(sasl_client_choose("NTLM PLAINX", &m), ERR_NOTFOUND);
	assert_int_equal(sasl_client_choose("", &m), ERR_NOTFOUND);
	assert_int_equal(sasl_client_line(SASL_CLIENT_PLAIN, 0, "ann", "pw-ann", &b), ERR_OK);
	assert_string_equal(b.data, "AGFubgBwdy1hbm4=");
	assert_int_equal(sasl_client_line(SASL_CLIENT_PLAIN, 1, "ann", "pw-ann", &b), ERR_INVALID);
	buf_clear(&b);
	assert_int_equal(sasl_client_line(SASL_CLIENT_LOGIN, 0, "ann", "pw-ann", &b), ERR_OK);
	assert_int_equal(b.len, 0);
	assert_int_equal(sasl_client_line(SASL_CLIENT_LOGIN, 1, "ann", "pw-ann", &b), ERR_OK);
	assert_string_equal(b.data, "YW5u");
	assert_int_equal(sasl_client_line(SASL_CLIENT_LOGIN, 2, "ann", "pw-ann", &b), ERR_OK);
	assert_string_equal(b.data, "YW5ucHctYW5u");
	assert_int_equal(sasl_client_line(SASL_CLIENT_LOGIN, 3, "ann", "pw-ann", &b), ERR_INVALID);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_and_login),
		cmocka_unit_test(test_login_prompts),
		cmocka_unit_test(test_what_is_offered),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_scram_is_throttled_and_switched),
		cmocka_unit_test(test_scram_garbage),
		cmocka_unit_test(test_downgrade_is_noticed),
		cmocka_unit_test(test_cancel_and_long_lines),
		cmocka_unit_test(test_client_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

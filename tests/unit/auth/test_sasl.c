/* Exchanges as they stand on the wire.  libgsasl plays the SCRAM client. */
#include "common/auth/sasl.h"
#include "tests/unit/auth/rig.h"
#include "tests/unit/auth/tokens.h"

#include <gsasl.h>
#include <sodium.h>
#include <stdlib.h>

#define WALL (INT64_C(1500000) * 1000)	/* the tokens of tokens.h are good then */

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

static struct sasl_conf conf_of(struct rig *r, bool tls, const struct conn_proof *proof)
{
	return (struct sasl_conf){ .source = r->source, .protocol = LOGIN_IMAP, .tls = tls,
				   .proof = proof, .now_ms = r->now_ms, .wall_ms = WALL };
}

static char *b64(const char *p, size_t n)
{
	size_t cap = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	char *out = calloc(1, cap);

	return sodium_bin2base64(out, cap, (const unsigned char *)p, n, sodium_base64_VARIANT_ORIGINAL);
}

#define MSG(s) s, sizeof(s) - 1

static struct oauth *issuer(void)
{
	const char *const audience[] = { "imap", NULL }, *const keys[] = { JWK_RSA, JWK_EC, NULL };
	const struct oauth_issuer i = { "https://id.example.test", NULL, NULL, audience, keys };
	struct oauth *o = oauth_new();

	assert_int_equal(oauth_add(o, &i, NULL), ERR_OK);
	return o;
}

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
	static const struct conn_proof nothing, exporter = { .has_exporter = true },
		end_point = { .n_end_point = 32 }, cert = { .has_cert = true };
	static const struct {
		bool tls, allow_plain, sha1, oauth;
		const struct conn_proof *proof;
		const char *names;
	} cases[] = {
		{ false, false, false, true, NULL, "SCRAM-SHA-256" },
		{ false, true, false, true, NULL, "SCRAM-SHA-256 PLAIN LOGIN" },
		{ true, false, false, false, &nothing, "SCRAM-SHA-256 PLAIN LOGIN" },
		{ true, false, false, false, &exporter,
		  "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" },
		{ true, false, true, false, &end_point,
		  "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN" },
		{ true, false, false, true, &cert,
		  "SCRAM-SHA-256 EXTERNAL OAUTHBEARER XOAUTH2 PLAIN LOGIN" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct sasl_conf c = { .tls = cases[i].tls, .allow_plain = cases[i].allow_plain,
				       .proof = cases[i].proof };
		char names[SASL_NAMES_MAX];
		struct rig r;

		rig_up(&r, 10);
		login_set_sha1(r.login, cases[i].sha1);
		if (cases[i].oauth)
			login_set_oauth(r.login, issuer());
		assert_string_equal(sasl_mechanisms(r.login, &c, names), cases[i].names);
		rig_down(&r);
	}
}

/* ---- SCRAM ------------------------------------------------------------------------- */

static enum err scram(struct rig *r, const char *server_mech, const char *client_mech,
		      const char *user, const char *password, const uint8_t *server_binding,
		      const uint8_t *client_binding, struct login_result *out)
{
	struct conn_proof proof = { .has_exporter = server_binding != NULL };
	struct sasl_conf conf = conf_of(r, true, &proof);
	struct exchange x = { 0 };
	Gsasl_session *session;
	char *line = NULL;
	struct sasl *s;
	Gsasl *g;
	int step;

	if (server_binding)
		memcpy(proof.exporter, server_binding, sizeof(proof.exporter));
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
	static const char one[] = "SCRAM-SHA-1", one_plus[] = "SCRAM-SHA-1-PLUS";
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
		{ one, one, "ann", "pw-ann", NULL, NULL, ERR_OK },
		{ one, one, "ann", "wrong", NULL, NULL, ERR_DENIED },
		{ one, one, "bob", "secret", NULL, NULL, ERR_DENIED },
		{ one_plus, one_plus, "ann", "pw-ann", b1, b1, ERR_OK },
		{ one_plus, one_plus, "ann", "pw-ann", b1, b2, ERR_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct login_result result;
		struct login_stats st;
		struct rig r;
		enum err e;

		rig_up(&r, 10);
		login_set_sha1(r.login, true);
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
	static const struct conn_proof binding = { .has_exporter = true };
	char *line = b64(MSG("y,,n=ann,r=abcdefgh"));

	(void)state;
	for (int can_bind = 0; can_bind < 2; can_bind++) {
		struct exchange x = { 0 };
		struct sasl_conf conf;
		struct sasl *s;
		struct rig r;

		rig_up(&r, 10);
		conf = conf_of(&r, true, can_bind ? &binding : NULL);
		s = sasl_start(r.login, &r.loop, &conf, "SCRAM-SHA-256", line, on_step, &x);
		wait_for(&r, &x);
		assert_int_equal(x.e == ERR_OK, !can_bind);
		if (x.e == ERR_OK)
			sasl_cancel(&s);
		rig_down(&r);
	}
	free(line);
}

/* ---- tokens and certificates -------------------------------------------------------- */

struct one_step {
	const char *mech, *msg;		/* not yet base64 */
	const struct conn_proof *proof;
	enum err e;
	bool told;			/* a challenge says why first */
};

static void run_one(struct rig *r, const struct one_step *c)
{
	char *line = b64(c->msg, strlen(c->msg));
	struct sasl_conf conf = conf_of(r, true, c->proof);
	struct exchange x = { 0 };
	struct sasl *s;
	bool told;

	s = sasl_start(r->login, &r->loop, &conf, c->mech, *line ? line : "=", on_step, &x);
	wait_for(r, &x);
	told = x.e == ERR_OK && x.more;
	if (told) {
		assert_true(strncmp(x.challenge, "eyJzdGF0dXMiOi", 14) == 0);	/* {"status": */
		sasl_line(s, "AQ==", 4);
		wait_for(r, &x);
	}
	if (x.e != c->e || told != c->told)
		fail_msg("%s %s: %s told=%d", c->mech, c->msg, err_text(x.e), told);
	if (x.e == ERR_OK)
		assert_true(guid_eq(&x.r.principal, &r->ann.cred.principal));
	free(line);
}

#define AUTH(t) "\1auth=Bearer " t "\1\1"

static void test_tokens(void **state)
{
	static const struct one_step cases[] = {
		{ "OAUTHBEARER", "n,a=ann@a.test," AUTH(TOKEN_RSA), NULL, ERR_OK, false },
		{ "OAUTHBEARER", "n,a=ann," AUTH(TOKEN_EC), NULL, ERR_OK, false },	/* alias */
		{ "OAUTHBEARER", "n,," AUTH(TOKEN_EC), NULL, ERR_OK, false },
		{ "OAUTHBEARER", "n,a=bob@a.test," AUTH(TOKEN_RSA), NULL, ERR_DENIED, true },
		{ "OAUTHBEARER", "n,a=eve@a.test," AUTH(TOKEN_RSA), NULL, ERR_DENIED, true },
		{ "OAUTHBEARER", "n,," AUTH(TOKEN_ED), NULL, ERR_DENIED, true },	/* unknown key */
		{ "OAUTHBEARER", "n,," AUTH("a.b.c"), NULL, ERR_DENIED, true },
		{ "OAUTHBEARER", "n,,\1\1", NULL, ERR_DENIED, true },
		{ "OAUTHBEARER", "n,,", NULL, ERR_INVALID, false },
		{ "OAUTHBEARER", "", NULL, ERR_INVALID, false },
		{ "XOAUTH2", "user=ann@a.test" AUTH(TOKEN_RSA), NULL, ERR_OK, false },
		{ "XOAUTH2", "user=bob@a.test" AUTH(TOKEN_RSA), NULL, ERR_DENIED, true },
		{ "XOAUTH2", "user=ann@a.test" AUTH("x"), NULL, ERR_DENIED, true },
		{ "XOAUTH2", "user=ann@a.test", NULL, ERR_INVALID, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct one_step c = cases[i];
		struct login_stats st;
		struct rig r;

		rig_up(&r, 10);
		c.e = ERR_NOTFOUND;		/* nobody is believed yet */
		c.told = false;
		run_one(&r, &c);
		login_set_oauth(r.login, issuer());
		run_one(&r, &cases[i]);
		login_get_stats(r.login, &st);
		assert_int_equal(st.ok, cases[i].e == ERR_OK);
		if (cases[i].e == ERR_OK) {
			r.ann.cred.enabled = false;
			c = cases[i];
			c.e = ERR_DENIED;
			c.told = true;
			run_one(&r, &c);
			r.ann.cred.enabled = true;
			r.lookup = c.e = ERR_AGAIN;
			c.told = false;
			run_one(&r, &c);
		}
		rig_down(&r);
	}
}

/* Bad tokens cost the address its tries, not the user. */
static void test_tokens_are_throttled(void **state)
{
	static const struct one_step bad = { "OAUTHBEARER", "n,a=ann," AUTH("x"), NULL, ERR_DENIED, true },
		good = { "OAUTHBEARER", "n,a=ann," AUTH(TOKEN_RSA), NULL, ERR_OK, false },
		limited = { "OAUTHBEARER", "n,a=ann," AUTH(TOKEN_RSA), NULL, ERR_LIMIT, false };
	struct rig r;

	(void)state;
	rig_up(&r, 10);
	login_set_oauth(r.login, issuer());
	for (int i = 0; i < 9; i++)
		run_one(&r, &bad);
	run_one(&r, &limited);
	assert_int_equal(addr_parse("192.0.2.77:1", 0, &r.source), ERR_OK);
	run_one(&r, &good);
	rig_down(&r);
}

static void test_certificates(void **state)
{
	static const struct conn_proof none, stranger = { .has_cert = true, .fingerprint = { 9 } },
		ann_print = { .has_cert = true, .fingerprint = { 7 } },
		ann_name = { .has_cert = true, .trusted = true, .n_names = 2,
			     .names = { "x@b.test", "ann@a.test" } },
		untrusted = { .has_cert = true, .n_names = 1, .names = { "ann@a.test" } },
		eve_name = { .has_cert = true, .trusted = true, .n_names = 1, .names = { "eve@a.test" } };
	static const struct one_step cases[] = {
		{ "EXTERNAL", "", &none, ERR_NOTFOUND, false },
		{ "EXTERNAL", "ann@a.test", &ann_print, ERR_OK, false },
		{ "EXTERNAL", "ann", &ann_print, ERR_OK, false },
		{ "EXTERNAL", "", &ann_print, ERR_DENIED, false },
		{ "EXTERNAL", "bob", &ann_print, ERR_DENIED, false },
		{ "EXTERNAL", "eve", &ann_print, ERR_DENIED, false },
		{ "EXTERNAL", "ann", &stranger, ERR_DENIED, false },
		{ "EXTERNAL", "", &ann_name, ERR_OK, false },
		{ "EXTERNAL", "ann", &ann_name, ERR_OK, false },
		{ "EXTERNAL", "bob", &ann_name, ERR_DENIED, false },
		{ "EXTERNAL", "", &untrusted, ERR_DENIED, false },
		{ "EXTERNAL", "ann", &untrusted, ERR_DENIED, false },
		{ "EXTERNAL", "", &eve_name, ERR_DENIED, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct rig r;

		rig_up(&r, 10);
		r.ann.cred.n_certs = 2;
		r.ann.cred.certs[0][0] = 5;
		r.ann.cred.certs[1][0] = 7;
		run_one(&r, &cases[i]);
		rig_down(&r);
	}
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
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_tokens_are_throttled),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_cancel_and_long_lines),
		cmocka_unit_test(test_client_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

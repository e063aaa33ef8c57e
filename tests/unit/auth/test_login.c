#include "tests/unit/auth/rig.h"

struct answer {
	int n;
	enum err e;
	bool has_result;
	struct login_result r;
};

static void on_answer(void *ctx, enum err e, const struct login_result *r)
{
	struct answer *a = ctx;

	a->n++;
	a->e = e;
	a->has_result = r != NULL;
	if (r)
		a->r = *r;
}

static struct login_try attempt(struct rig *r, const char *user, const char *password)
{
	return (struct login_try){ .user = user, .password = password,
				   .password_len = strlen(password), .source = r->source,
				   .protocol = LOGIN_IMAP, .now_ms = r->now_ms };
}

static struct answer ask(struct rig *r, const char *user, const char *password,
			 enum login_protocol protocol)
{
	struct login_try t = attempt(r, user, password);
	struct answer a = { 0 };

	t.protocol = protocol;
	(void)login_verify(r->login, &t, on_answer, &a);
	assert_int_equal(a.n, 0);		/* never from inside */
	while (a.n == 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.has_result, a.e == ERR_OK);
	return a;
}

static void test_who_may_log_in(void **state)
{
	static char longest[PASSWORD_MAX + 2];
	static const struct {
		const char *user, *password;
		enum login_protocol protocol;
		enum err e;
	} cases[] = {
		{ "ann@a.test", "pw-ann", LOGIN_IMAP, ERR_OK },
		{ "ANN@A.TEST", "pw-ann", LOGIN_IMAP, ERR_OK },
		{ "ann", "pw-ann", LOGIN_SMTP, ERR_OK },
		{ "bob", "secret", LOGIN_IMAP, ERR_OK },
		{ "bob", "secret", LOGIN_POP3, ERR_DENIED },
		{ "ann", "secret", LOGIN_IMAP, ERR_DENIED },
		{ "ann", "", LOGIN_IMAP, ERR_DENIED },
		{ "ann", longest, LOGIN_IMAP, ERR_DENIED },
		{ "eve", "pw-ann", LOGIN_IMAP, ERR_DENIED },
		{ "", "pw-ann", LOGIN_IMAP, ERR_DENIED },
	};

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct answer a;
		struct rig r;

		rig_up(&r, 10);
		a = ask(&r, cases[i].user, cases[i].password, cases[i].protocol);
		if (a.e != cases[i].e)
			fail_msg("case %zu: %s", i, err_text(a.e));
		if (a.e == ERR_OK) {
			struct account *who = cases[i].user[0] == 'b' ? &r.bob : &r.ann;

			assert_true(guid_eq(&a.r.principal, &who->cred.principal));
			assert_string_equal(a.r.user, who->user);
			assert_int_equal(a.r.usn, 7);
			assert_int_equal(a.r.rehash, who == &r.bob);
		}
		rig_down(&r);
	}
}

static void test_cache_and_what_ends_it(void **state)
{
	struct login_stats st;
	struct work_stats ws;
	struct rig r;

	(void)state;
	rig_up(&r, 10);
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_OK);
	assert_int_equal(ask(&r, "bob", "secret", LOGIN_IMAP).e, ERR_OK);
	for (int i = 0; i < 50; i++)
		assert_int_equal(ask(&r, "ann@a.test", "pw-ann", LOGIN_IMAP).e, ERR_OK);
	assert_true(ask(&r, "bob", "secret", LOGIN_IMAP).r.rehash);
	work_get_stats(r.pool, &ws);
	assert_int_equal(ws.done, 2);
	login_get_stats(r.login, &st);
	assert_int_equal(st.cached, 51);
	assert_int_equal(st.in_cache, 2);
	/* Another password is never served from it. */
	assert_int_equal(ask(&r, "ann", "pw-anm", LOGIN_IMAP).e, ERR_DENIED);
	/* The protocol is asked for each time. */
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_POP3).e, ERR_DENIED);
	/* A change of the credential ends it at once. */
	rig_account(&r, &r.ann, "{PLAIN}new");
	r.ann.cred.usn = 8;
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_DENIED);
	assert_int_equal(ask(&r, "ann", "new", LOGIN_IMAP).e, ERR_OK);
	r.ann.cred.enabled = false;
	assert_int_equal(ask(&r, "ann", "new", LOGIN_IMAP).e, ERR_DENIED);
	/* And time does. */
	r.now_ms += 3600 * 1000;
	work_get_stats(r.pool, &ws);
	assert_int_equal(ask(&r, "bob", "secret", LOGIN_IMAP).e, ERR_OK);
	{
		uint64_t before = ws.done;

		work_get_stats(r.pool, &ws);
		assert_int_equal(ws.done, before + 1);
	}
	rig_down(&r);
}

static void test_guessing_is_slowed(void **state)
{
	struct work_stats ws;
	struct rig r;
	uint64_t before;

	(void)state;
	rig_up(&r, 10);
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_OK);
	for (int i = 0; i < 4; i++)	/* by whichever name */
		assert_int_equal(ask(&r, i % 2 ? "ann" : "ANN@a.test", "x", LOGIN_IMAP).e, ERR_DENIED);
	work_get_stats(r.pool, &ws);
	before = ws.done;
	assert_int_equal(ask(&r, "ann", "x", LOGIN_IMAP).e, ERR_LIMIT);
	assert_int_equal(ask(&r, "ann", "right?", LOGIN_IMAP).e, ERR_LIMIT);
	work_get_stats(r.pool, &ws);
	assert_int_equal(ws.done, before);	/* not even looked at */
	/* Whom we know is not locked out by it. */
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_OK);
	assert_int_equal(ask(&r, "bob", "secret", LOGIN_IMAP).e, ERR_OK);
	r.now_ms += 1000;
	assert_int_equal(ask(&r, "ann", "x", LOGIN_IMAP).e, ERR_DENIED);
	/* Different names from one address: it is slowed as well. */
	for (int i = 0; i < 4; i++) {
		char name[] = "eve0";

		name[3] = (char)('0' + i);
		assert_int_equal(ask(&r, name, "x", LOGIN_IMAP).e, ERR_DENIED);
	}
	assert_int_equal(ask(&r, "eve9", "x", LOGIN_IMAP).e, ERR_LIMIT);
	assert_int_equal(addr_parse("192.0.2.10", 0, &r.source), ERR_OK);
	assert_int_equal(ask(&r, "eve9", "x", LOGIN_IMAP).e, ERR_DENIED);
	rig_down(&r);
}

/* A job that keeps a worker until it is let go. */
static void hold_worker(void *ctx)
{
	uv_sem_wait(ctx);
}

static void let_go(void *ctx)
{
	(void)ctx;
}

static void test_directory_away_and_queue_full(void **state)
{
	struct answer a[8] = { { 0 } };
	uv_sem_t gate;
	struct login_try t;
	struct rig r;
	int busy = 0;

	(void)state;
	rig_up(&r, 1);
	r.lookup = ERR_AGAIN;
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_AGAIN);
	r.lookup = ERR_CORRUPT;
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_AGAIN);
	r.lookup = ERR_OK;
	t = attempt(&r, "ann", "pw-ann");
	/* Both workers are taken, so that one login waits and no other may. */
	assert_int_equal(uv_sem_init(&gate, 0), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(work_submit(r.pool, hold_worker, let_go, &gate, NULL), ERR_OK);
	for (int i = 0; i < 8; i++)
		(void)login_verify(r.login, &t, on_answer, &a[i]);
	uv_sem_post(&gate);
	uv_sem_post(&gate);
	for (int i = 0; i < 8; i++) {
		while (a[i].n == 0)
			uv_run(&r.loop, UV_RUN_ONCE);
		assert_true(a[i].e == ERR_OK || a[i].e == ERR_AGAIN);
		busy += a[i].e == ERR_AGAIN;
	}
	assert_int_equal(busy, 7);
	uv_sem_destroy(&gate);
	/* A verifier sealed with another pepper is our trouble, not the user's. */
	r.ann.cred.argon.b[30] ^= 1;
	r.ann.cred.usn++;
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_AGAIN);
	rig_down(&r);
}

/* The directory's news come while the worker is hashing. */
static void test_disabled_meanwhile(void **state)
{
	struct answer a = { 0 };
	struct login_try t;
	struct rig r;

	(void)state;
	rig_up(&r, 10);
	t = attempt(&r, "ann", "pw-ann");
	(void)login_verify(r.login, &t, on_answer, &a);
	r.ann.cred.usn++;
	while (a.n == 0)
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_int_equal(a.e, ERR_AGAIN);
	a.n = 0;
	(void)login_verify(r.login, &t, on_answer, &a);
	r.lookup = ERR_NOTFOUND;
	while (a.n == 0)
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_int_equal(a.e, ERR_DENIED);
	rig_down(&r);
}

static void test_still(void **state)
{
	struct answer a;
	struct rig r;

	(void)state;
	rig_up(&r, 10);
	a = ask(&r, "ann", "pw-ann", LOGIN_IMAP);
	assert_int_equal(login_still(r.login, &a.r, LOGIN_IMAP), ERR_OK);
	assert_int_equal(login_still(r.login, &a.r, LOGIN_POP3), ERR_DENIED);
	r.lookup = ERR_AGAIN;
	assert_int_equal(login_still(r.login, &a.r, LOGIN_IMAP), ERR_AGAIN);
	r.lookup = ERR_NOTFOUND;
	assert_int_equal(login_still(r.login, &a.r, LOGIN_IMAP), ERR_DENIED);
	r.lookup = ERR_OK;
	r.ann.cred.enabled = false;
	assert_int_equal(login_still(r.login, &a.r, LOGIN_IMAP), ERR_DENIED);
	r.ann.cred.enabled = true;
	r.ann.cred.usn++;
	assert_int_equal(login_still(r.login, &a.r, LOGIN_IMAP), ERR_DENIED);
	rig_down(&r);
}

static void test_external(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, 10);
	r.ann.cred.external = true;
	assert_int_equal(ask(&r, "ann", "pw-ann", LOGIN_IMAP).e, ERR_DENIED);
	assert_int_equal(ask(&r, "ann", "ldap", LOGIN_IMAP).e, ERR_OK);
	rig_down(&r);
}

static void test_cancel_at_any_time(void **state)
{
	(void)state;
	for (int turns = 0; turns < 4; turns++) {
		struct answer a = { 0 }, b = { 0 };
		struct login_call *c, *d;
		struct login_try t;
		struct rig r;

		rig_up(&r, 10);
		assert_int_equal(ask(&r, "bob", "secret", LOGIN_IMAP).e, ERR_OK);
		t = attempt(&r, "ann", "pw-ann");
		c = login_verify(r.login, &t, on_answer, &a);
		t = attempt(&r, "bob", "secret");	/* cached */
		d = login_verify(r.login, &t, on_answer, &b);
		for (int i = 0; i < turns; i++)
			uv_run(&r.loop, UV_RUN_NOWAIT);
		if (a.n == 0)
			login_cancel(&c);
		if (b.n == 0 && turns % 2 == 0)
			login_cancel(&d);	/* else login_free() does */
		rig_down(&r);
		assert_true(a.n <= 1 && b.n <= 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_may_log_in),
		cmocka_unit_test(test_cache_and_what_ends_it),
		cmocka_unit_test(test_guessing_is_slowed),
		cmocka_unit_test(test_directory_away_and_queue_full),
		cmocka_unit_test(test_disabled_meanwhile),
		cmocka_unit_test(test_still),
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_cancel_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

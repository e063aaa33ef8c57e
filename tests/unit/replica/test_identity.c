#include "common/replica/identity.h"
#include "common/replica/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/bourse-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static struct identity *sample(void)
{
	struct identity *id = identity_new(dir, "bourse-hub", RPC_HUB);

	free(id->name);
	id->name = strdup("hub1");
	id->server = guid_make();
	id->organisation = guid_make();
	id->directory_endpoint = strdup("tcp://directory:7001");
	memset(id->pepper, 1, sizeof(id->pepper));
	memset(id->directory_key, 2, sizeof(id->directory_key));
	id->secret_expires_ms = 1234567890123;
	return id;
}

static void test_saved_and_loaded(void **state)
{
	struct identity *id = sample(), *back = NULL;
	struct errbuf eb;
	struct stat st;

	(void)state;
	assert_int_equal(identity_load(dir, "bourse-hub", &back, &eb), ERR_NOTFOUND);
	assert_int_equal(identity_save(id, &eb), ERR_OK);
	assert_int_equal(stat(id->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(identity_load(dir, "bourse-hub", &back, &eb), ERR_OK);
	assert_string_equal(back->name, "hub1");
	assert_int_equal(back->role, RPC_HUB);
	assert_true(guid_eq(&back->server, &id->server));
	assert_memory_equal(back->secret_key, id->secret_key, RPC_KEY);
	assert_memory_equal(back->pepper, id->pepper, RPC_KEY);
	assert_string_equal(back->directory_endpoint, "tcp://directory:7001");
	assert_null(back->endpoint);
	assert_int_equal(back->secret_expires_ms, 1234567890123);
	assert_true(identity_is_enrolled(back));
	identity_rotate(back);
	assert_memory_equal(back->old_secret_key, id->secret_key, RPC_KEY);
	assert_memory_not_equal(back->secret_key, id->secret_key, RPC_KEY);
	identity_free(&back);
	identity_free(&id);
	assert_null(id);
}

static void test_a_file_that_others_read_is_refused(void **state)
{
	struct identity *id = sample(), *back = NULL;
	struct errbuf eb;

	(void)state;
	assert_int_equal(identity_save(id, &eb), ERR_OK);
	assert_int_equal(chmod(id->path, 0640), 0);
	assert_int_equal(identity_load(dir, "bourse-hub", &back, &eb), ERR_DENIED);
	assert_null(back);
	identity_free(&id);
}

static const struct {
	const char *what, *text;
} damaged[] = {
	{ "empty", "" },
	{ "no keys", "role 4\nname x\n" },
	{ "a word alone", "role 4\nname\n" },
	{ "unknown word", "colour blue\n" },
	{ "short key", "public 00\n" },
	{ "not hex", "public zz00000000000000000000000000000000000000000000000000000000000000\n" },
	{ "key too long", "public 000000000000000000000000000000000000000000000000000000000000000000\n" },
	{ "not a GUID", "server 123\n" },
	{ "not a number", "subscription-expires soon\n" },
};

static void test_damaged_files(void **state)
{
	struct identity *id = sample(), *back = NULL;
	struct errbuf eb;

	(void)state;
	assert_int_equal(identity_save(id, &eb), ERR_OK);
	for (size_t i = 0; i < N_ELEMS(damaged); i++) {
		FILE *f = fopen(id->path, "w");

		assert_non_null(f);
		fputs(damaged[i].text, f);
		fclose(f);
		if (identity_load(dir, "bourse-hub", &back, &eb) != ERR_CORRUPT)
			fail_msg("%s was taken", damaged[i].what);
	}
	identity_free(&id);
}

static void test_reachable(void **state)
{
	char host[256] = "", want[300];
	char *got;

	(void)state;
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	snprintf(want, sizeof(want), "tcp://%s:7003", host);
	got = identity_reachable("tcp://0.0.0.0:7003");
	assert_string_equal(got, want);
	free(got);
	got = identity_reachable("tcp://192.0.2.1:7003");
	assert_string_equal(got, "tcp://192.0.2.1:7003");
	free(got);
	got = identity_reachable("ipc:///x");
	assert_string_equal(got, "ipc:///x");
	free(got);
}

static const struct {
	int argc;
	const char *argv[5];
	bool wants;
} lines[] = {
	{ 1, { "bourse-hub" }, false },
	{ 2, { "bourse-hub", "enrol" }, true },
	{ 4, { "bourse-hub", "-C", "enrol", "x" }, false },
	{ 4, { "bourse-hub", "-C", "/etc", "enrol" }, true },
	{ 2, { "bourse-hub", "-n" }, false },
	{ 3, { "bourse-hub", "-v", "enrol" }, true },
	{ 2, { "bourse-hub", "-C" }, false },
};

static void test_wants_enrol(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(lines); i++)
		if (identity_wants_enrol(lines[i].argc, (char **)(uintptr_t)lines[i].argv) !=
		    lines[i].wants)
			fail_msg("line %zu", i);
}

/* ---- tickets --------------------------------------------------------------------------- */

static void written(struct ticket *t, struct buf *b)
{
	*t = (struct ticket){ .kind = TICKET_TOKEN, .role = RPC_CAS, .name = "cas-1.site",
			      .endpoint = "tcp://directory.example.org:7000",
			      .expires_ms = 1234567890123 };
	for (size_t i = 0; i < sizeof(t->key); i++) {
		t->key[i] = (uint8_t)i;
		t->secret[i] = (uint8_t)(i * 7);
		t->feed_key[i] = (uint8_t)(i * 3);
	}
	buf_init(b, TICKET_TEXT_MAX);
	assert_int_equal(ticket_write(t, b), ERR_OK);
}

static void test_a_ticket_comes_back(void **state)
{
	struct ticket t, u;
	struct errbuf eb;
	struct buf b;
	char split[TICKET_TEXT_MAX];

	(void)state;
	written(&t, &b);
	assert_int_equal(ticket_parse(b.data, &u, &eb), ERR_OK);
	assert_int_equal(u.kind, t.kind);
	assert_int_equal(u.role, t.role);
	assert_int_equal(u.expires_ms, t.expires_ms);
	assert_string_equal(u.name, t.name);
	assert_string_equal(u.endpoint, t.endpoint);
	assert_memory_equal(u.key, t.key, 32);
	assert_memory_equal(u.secret, t.secret, 32);
	assert_memory_equal(u.feed_key, t.feed_key, 32);
	/* A mailer broke the line, a hand added blanks. */
	snprintf(split, sizeof(split), "\n  %.40s\r\n %s \n", b.data, b.data + 40);
	assert_int_equal(ticket_parse(split, &u, &eb), ERR_OK);
	buf_fini(&b);
}

static void test_every_slip_is_noticed(void **state)
{
	struct ticket t, u;
	struct errbuf eb;
	struct buf b;
	char c;

	(void)state;
	written(&t, &b);
	for (size_t i = 0; i < b.len; i++) {
		c = b.data[i];
		b.data[i] = c == 'A' ? 'B' : 'A';
		/* The last character has bits that say nothing. */
		if (i + 1 < b.len && ticket_parse(b.data, &u, &eb) != ERR_INVALID)
			fail_msg("character %zu changed", i);
		b.data[i] = '\0';
		if (ticket_parse(b.data, &u, &eb) != ERR_INVALID)
			fail_msg("cut at %zu", i);
		b.data[i] = c;
	}
	assert_int_equal(ticket_parse("", &u, &eb), ERR_INVALID);
	assert_int_equal(ticket_parse("bourse-token:", &u, &eb), ERR_INVALID);
	buf_fini(&b);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(ticket_name_ok("hub-1.a_B"));
	assert_false(ticket_name_ok(""));
	assert_false(ticket_name_ok("-x"));
	assert_false(ticket_name_ok("../x"));
	assert_false(ticket_name_ok("a b"));
	assert_false(ticket_name_ok("0123456789012345678901234567890123456789012345678901234567890123"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_saved_and_loaded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_file_that_others_read_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_files, set_up, tear_down),
		cmocka_unit_test(test_reachable),
		cmocka_unit_test(test_wants_enrol),
		cmocka_unit_test(test_a_ticket_comes_back),
		cmocka_unit_test(test_every_slip_is_noticed),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

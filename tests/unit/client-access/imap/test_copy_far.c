/* COPY and MOVE to a mailbox that the store of the source cannot reach. */
#include "tests/unit/client-access/imap/rig.h"

#include "common/api/rights.h"
#include "common/base/check.h"

#define BOB  "\"Other Users/bob/Sent\""
#define BACK "z OK Done.\r\n"

static void rig_far(struct rig *r)
{
	begin(r, 's');
	fake_other_server(true);
}

/* Message `from` of INBOX is message `to` of Sent as well. */
static void assert_same(uint32_t from, uint32_t to)
{
	assert_non_null(fake_content("Sent", to));
	assert_string_equal(fake_content("Sent", to), fake_content("INBOX", from));
	assert_int_equal(fake_flags("Sent", to), fake_flags("INBOX", from));
	assert_int_equal(fake_date_ms("Sent", to), fake_date_ms("INBOX", from));
}

static void test_copies(void **state)
{
	static const struct { bool server, rows; } ways[] = {
		{ true, false }, { true, true }, { false, false }, { false, true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(ways); i++) {
		struct rig r;

		begin(&r, 's');
		fake_other_server(ways[i].server);
		fake_content_in_rows(ways[i].rows);
		if (!ways[i].server)		/* the store finds out: another database */
			fake_fail("copy", ERR_INVALID);
		rig_say(&r, "a COPY 1:* " BOB "\r\n");
		expect(&r, "a OK [COPYUID 7 1:3,9 1:4] Done.\r\n");
		for (uint32_t k = 1; k <= 4; k++)
			assert_same(k == 4 ? 9 : k, k);
		assert_string_equal(fake_keyword("Sent", 3), "junk");
		assert_null(fake_keyword("Sent", 1));
		assert_null(fake_content("Sent", 5));
		rig_say(&r, "z NOOP\r\n");
		expect(&r, BACK);
		rig_down(&r);
	}
}

static void test_moves(void **state)
{
	struct rig r;
	char *first;

	(void)state;
	rig_far(&r);
	first = xstrdup(fake_content("INBOX", 9));
	rig_say(&r, "a UID MOVE 9,2 " BOB "\r\n");
	expect(&r, "* OK [COPYUID 7 2,9 1:2] Moved.\r\n* 4 EXPUNGE\r\n* 2 EXPUNGE\r\na OK Done.\r\n");
	assert_string_equal(fake_content("Sent", 2), first);
	assert_null(fake_content("INBOX", 2));
	assert_null(fake_content("INBOX", 9));
	assert_non_null(fake_content("INBOX", 1));
	free(first);
	rig_say(&r, "z NOOP\r\nb UID MOVE 2 " BOB "\r\n");
	expect(&r, BACK "b OK Nothing was there any more.\r\n");
	rig_down(&r);
}

static void test_qresync(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 'a');
	fake_other_server(true);
	rig_say(&r, "e ENABLE QRESYNC\r\ns SELECT INBOX\r\n");
	buf_clear(&r.out);
	rig_say(&r, "a MOVE 1:2 " BOB "\r\n");
	assert_non_null(strstr(r.out.data, "* OK [COPYUID 7 1:2 1:2] Moved.\r\n"
					   "* VANISHED 1,2\r\na OK [HIGHESTMODSEQ "));
	rig_down(&r);
}

static void test_refusals(void **state)
{
	static const struct { const char *call, *in; enum err e; const char *out; } rows[] = {
		{ "list", "a COPY 1 " BOB "\r\n", ERR_NOTFOUND, "a NO [TRYCREATE] No such mailbox.\r\n" },
		{ "list", "a COPY 1 " BOB "\r\n", ERR_AGAIN, "a NO [UNAVAILABLE] Try again later.\r\n" },
		{ "fetch", "a COPY 1 " BOB "\r\n", ERR_DENIED, "a NO [NOPERM] Permission denied.\r\n" },
		{ "fetch", "a COPY 1 " BOB "\r\n", ERR_NOTFOUND, "a OK Nothing was there any more.\r\n" },
		{ "content", "a COPY 1 " BOB "\r\n", ERR_NOTFOUND, "a OK Nothing was there any more.\r\n" },
		{ "content", "a COPY 1:3 " BOB "\r\n", ERR_CORRUPT, "a NO [CORRUPTION] Stored data is damaged.\r\n" },
		{ "append", "a COPY 1 " BOB "\r\n", ERR_LIMIT, "a NO [OVERQUOTA] Over a limit or quota.\r\n" },
		{ "append", "a COPY 1 " BOB "\r\n", ERR_DENIED, "a NO [NOPERM] Permission denied.\r\n" },
		{ "place", "a COPY 1:2 " BOB "\r\n", ERR_LIMIT, "a NO [OVERQUOTA] Over a limit or quota.\r\n" },
		{ "place", "a MOVE 1:2 " BOB "\r\n", ERR_NOTFOUND, "a NO [TRYCREATE] No such mailbox.\r\n" },
		{ "place", "a MOVE 1:2 " BOB "\r\n", ERR_STALE, "a NO [UNAVAILABLE] It took too long, try again.\r\n" },
		{ "select", "a MOVE 1 " BOB "\r\n", ERR_AGAIN, "a NO [UNAVAILABLE] Try again later.\r\n" },
		{ "select", "a MOVE 1 " BOB "\r\n", ERR_NOTFOUND, "a OK Nothing was there any more.\r\n" },
		{ "none", "a COPY 1 \"Other Users/bob/Nope\"\r\n", ERR_OK, "a NO [TRYCREATE] No such mailbox.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct rig r;

		rig_far(&r);
		fake_fail(rows[i].call, rows[i].e);
		rig_say(&r, rows[i].in);
		expect(&r, rows[i].out);
		assert_int_equal(fake_waiting(), 0);
		assert_null(fake_content("Sent", 1));
		assert_non_null(fake_content("INBOX", 1));
		rig_say(&r, "z NOOP\r\n");
		expect(&r, BACK);
		rig_say(&r, "b COPY 1 " BOB "\r\n");	/* and it works the next time */
		expect(&r, "b OK [COPYUID 7 1 1] Done.\r\n");
		rig_down(&r);
	}
}

/* What goes while the others are copied is left out. */
static void test_gone_in_the_middle(void **state)
{
	struct rig r;

	(void)state;
	rig_far(&r);
	fake_fail("content", ERR_NOTFOUND);
	rig_say(&r, "a MOVE 1:3 " BOB "\r\n");
	expect(&r, "* OK [COPYUID 7 2:3 1:2] Moved.\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\na OK Done.\r\n");
	assert_non_null(fake_content("INBOX", 1));
	assert_null(fake_content("Sent", 3));
	rig_down(&r);
}

/* RFC 6851 section 4.3: they are in both, and the client knows where. */
static void test_not_expunged(void **state)
{
	struct rig r;

	(void)state;
	rig_far(&r);
	fake_fail("expunge", ERR_AGAIN);
	rig_say(&r, "a MOVE 1:2 " BOB "\r\n");
	expect(&r, "* OK [COPYUID 7 1:2 1:2] Copied.\r\n"
		   "a NO Copied, but the originals could not be removed.\r\n");
	assert_non_null(fake_content("INBOX", 1));
	assert_non_null(fake_content("Sent", 2));
	rig_say(&r, "z NOOP\r\n");
	expect(&r, BACK);
	rig_down(&r);
}

/* Asked before anything is staged: the rights of now, not those of SELECT. */
static void test_rights(void **state)
{
	static const unsigned missing[] = { RIGHT_DELETE, RIGHT_EXPUNGE, RIGHT_READ };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(missing); i++) {
		struct rig r;

		rig_far(&r);
		fake_rights(RIGHT_ALL & ~missing[i]);
		rig_say(&r, "a MOVE 1 " BOB "\r\n");
		expect(&r, "a NO [NOPERM] Permission denied.\r\n");
		assert_null(fake_content("Sent", 1));
		rig_down(&r);
	}
}

/* Nothing stays behind, wherever the client leaves. */
static void test_leaving(void **state)
{
	bool over = false;

	(void)state;
	for (unsigned steps = 0; !over; steps++) {
		struct rig r;
		static const char move[] = "a MOVE 1:2 " BOB "\r\n";

		rig_far(&r);
		imap_protocol.feed(r.s, move, sizeof(move) - 1);
		for (unsigned k = 0; k < steps && !over; k++)
			over = !fake_step();
		assert_true(over || fake_content("Sent", 1) == NULL ||
			    fake_content("Sent", 2) != NULL);
		rig_down(&r);
		assert_true(steps < 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_qresync),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_gone_in_the_middle),
		cmocka_unit_test(test_not_expunged),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

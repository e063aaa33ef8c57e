/* NOTIFY: what a session says between commands, in IDLE, and of other folders. */
#include "tests/unit/client-access/imap/rig.h"

static void notify(struct rig *r, bool select, const char *args)
{
	char line[300];

	rig_up(r, true);
	if (select)
		select_inbox(r);
	else
		log_in(r);
	snprintf(line, sizeof(line), "n NOTIFY %s\r\n", args);
	rig_say(r, line);
}

static void settle_expect(struct rig *r, const char *what)
{
	rig_settle(r);
	expect(r, what);
}

static void test_other_folders(void **state)
{
	struct rig r;

	(void)state;
	notify(&r, false, "SET STATUS (personal (MessageNew MessageExpunge))");
	assert_non_null(strstr(r.out.data, "* STATUS INBOX (MESSAGES 4 UIDNEXT "));
	assert_non_null(strstr(r.out.data, "* STATUS Sent "));
	assert_non_null(strstr(r.out.data, "n OK Done.\r\n"));
	buf_clear(&r.out);
	fake_deliver("Sent", "Subject: x\r\n\r\nx\r\n");
	rig_settle(&r);
	assert_non_null(strstr(r.out.data, "* STATUS Sent (MESSAGES "));
	assert_null(strstr(r.out.data, "INBOX"));
	buf_clear(&r.out);
	settle_expect(&r, "");			/* once */
	fake_deliver("INBOX", "Subject: x\r\n\r\nx\r\n");
	rig_settle(&r);
	assert_non_null(strstr(r.out.data, "* STATUS INBOX (MESSAGES 5 "));
	buf_clear(&r.out);
	rig_say(&r, "o NOTIFY NONE\r\n");
	expect(&r, "o OK Done.\r\n");
	fake_deliver("INBOX", "Subject: x\r\n\r\nx\r\n");
	settle_expect(&r, "");
	rig_down(&r);
}

/* RFC 5465 section 3.1: the first STATUS, whatever the client has enabled. */
static void test_first_status(void **state)
{
	struct rig r;

	(void)state;
	notify(&r, false, "SET STATUS (mailboxes Sent (MessageNew MessageExpunge))");
	assert_null(strstr(r.out.data, "HIGHESTMODSEQ"));
	buf_clear(&r.out);
	rig_say(&r, "o NOTIFY SET STATUS (mailboxes Sent (MessageNew MessageExpunge FlagChange))\r\n");
	assert_non_null(strstr(r.out.data, "* STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7 "));
	assert_non_null(strstr(r.out.data, " HIGHESTMODSEQ "));
	rig_down(&r);
}

static void test_named_only(void **state)
{
	struct rig r;

	(void)state;
	notify(&r, false, "SET (mailboxes (inbox nothing) (MessageNew MessageExpunge))");
	expect(&r, "n OK Done.\r\n");
	fake_deliver("Sent", "Subject: x\r\n\r\nx\r\n");
	settle_expect(&r, "");
	fake_deliver("INBOX", "Subject: x\r\n\r\nx\r\n");
	rig_settle(&r);
	assert_non_null(strstr(r.out.data, "* STATUS INBOX "));
	rig_down(&r);
}

static void test_names(void **state)
{
	struct rig r;

	(void)state;
	notify(&r, false, "SET (personal (MailboxName SubscriptionChange))");
	expect(&r, "n OK Done.\r\n");
	/* What the client does itself it knows. */
	rig_say(&r, "1 CREATE own\r\n2 DELETE own\r\n");
	assert_null(strstr(r.out.data, "* LIST"));
	buf_clear(&r.out);
	fake_remove_folder("Sent");
	rig_settle(&r);
	assert_non_null(strstr(r.out.data, "* LIST (\\NonExistent"));
	assert_non_null(strstr(r.out.data, "\"/\" Sent\r\n"));
	rig_down(&r);
}

/* Without IDLE, between commands; the new message's items come with it. */
static void test_selected(void **state)
{
	struct rig r;

	(void)state;
	notify(&r, true, "SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))");
	expect(&r, "n OK Done.\r\n");
	fake_deliver("INBOX", "Subject: x\r\n\r\nx\r\n");
	rig_settle(&r);
	assert_non_null(strstr(r.out.data, "* 5 EXISTS\r\n"));
	assert_non_null(strstr(r.out.data, "* 5 FETCH (UID "));
	assert_true(strstr(r.out.data, "EXISTS") < strstr(r.out.data, "* 5 FETCH"));
	assert_null(strstr(r.out.data, "OK"));
	buf_clear(&r.out);
	/* Half a command has come: it goes on behind the news. */
	rig_say(&r, "a NO");
	fake_deliver("INBOX", "Subject: y\r\n\r\ny\r\n");
	rig_settle(&r);
	assert_non_null(strstr(r.out.data, "* 6 FETCH (UID "));
	buf_clear(&r.out);
	rig_say(&r, "OP\r\n");
	expect(&r, "a OK Done.\r\n");
	/* IDLE goes on behind them, too. */
	rig_say(&r, "b IDLE\r\n");
	expect(&r, "+ Idling.\r\n");
	fake_deliver("INBOX", "Subject: z\r\n\r\nz\r\n");
	rig_settle(&r);
	assert_non_null(strstr(r.out.data, "* 7 EXISTS\r\n"));
	assert_non_null(strstr(r.out.data, "* 7 FETCH (UID "));
	buf_clear(&r.out);
	rig_say(&r, "DONE\r\n");
	expect(&r, "b OK Done.\r\n");
	rig_down(&r);
}

static void test_delayed_and_none(void **state)
{
	struct rig r;

	(void)state;
	notify(&r, true, "SET (selected-delayed (MessageNew MessageExpunge))");
	expect(&r, "n OK Done.\r\n");
	fake_deliver("INBOX", "Subject: x\r\n\r\nx\r\n");
	settle_expect(&r, "");
	rig_say(&r, "a NOOP\r\n");
	expect(&r, "* 5 EXISTS\r\n* 1 RECENT\r\na OK Done.\r\n");
	rig_down(&r);
	notify(&r, true, "SET (personal (MailboxName))");	/* nothing of the selected one */
	expect(&r, "n OK Done.\r\n");
	rig_say(&r, "a IDLE\r\n");
	expect(&r, "+ Idling.\r\n");
	fake_deliver("INBOX", "Subject: x\r\n\r\nx\r\n");
	settle_expect(&r, "");
	rig_say(&r, "DONE\r\n");
	rig_down(&r);
}

static void test_refused(void **state)
{
	static const struct {
		const char *args, *out;
	} cases[] = {
		{ "SET (personal (AnnotationChange))",
		  "n NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName "
		  "SubscriptionChange MailboxMetadataChange ServerMetadataChange)] Not these.\r\n" },
		{ "SET (personal (MessageNew))", "n BAD MessageNew and MessageExpunge come together.\r\n" },
		{ "", "n BAD " },
		{ "SET", "n BAD " },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct rig r;

		notify(&r, false, cases[i].args);
		if (strncmp(r.out.data, cases[i].out, strlen(cases[i].out)) != 0)
			fail_msg("%s: %s", cases[i].args, r.out.data);
		rig_down(&r);
	}
}

/* The connection ends, or the daemon, at whatever point. */
static void test_ends(void **state)
{
	(void)state;
	for (int steps = 0; steps < 8; steps++)
		for (int shut = 0; shut < 2; shut++) {
			struct rig r;

			notify(&r, true, "SET (selected (MessageNew (UID FLAGS) MessageExpunge)) "
			       "(personal (MessageNew MessageExpunge))");
			fake_deliver("INBOX", "Subject: x\r\n\r\nx\r\n");
			fake_deliver("Sent", "Subject: x\r\n\r\nx\r\n");
			for (int i = 0; i < steps; i++)
				(void)fake_step();
			if (shut) {
				imap_protocol.shutdown(r.s);
				rig_settle(&r);
				assert_true(r.hung_up);
				assert_non_null(strstr(r.out.data, "* BYE "));
			}
			rig_down(&r);
		}
}

static void test_store_away(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	log_in(&r);
	fake_fail("list", ERR_AGAIN);
	rig_say(&r, "n NOTIFY SET (personal (MessageNew MessageExpunge))\r\n");
	expect(&r, "n NO [UNAVAILABLE] Try again later.\r\n");
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_folders),
		cmocka_unit_test(test_first_status),
		cmocka_unit_test(test_named_only),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_selected),
		cmocka_unit_test(test_delayed_and_none),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_store_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

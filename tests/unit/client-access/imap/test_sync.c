/* CONDSTORE, QRESYNC (RFC 7162) and UIDONLY (RFC 9586) in the selected folder. */
#include "tests/unit/client-access/imap/rig.h"

#define QRESYNC_ON "q ENABLE QRESYNC\r\n"
#define QRESYNC_OK "* ENABLED QRESYNC\r\nq OK Done.\r\n"
#define QRESYNC_IN "* ENABLED QRESYNC\r\n* OK [HIGHESTMODSEQ 5] Highest.\r\nq OK Done.\r\n"
#define UIDONLY_ON "u ENABLE UIDONLY\r\n"
#define UIDONLY_OK "* ENABLED UIDONLY\r\nu OK Done.\r\n"
#define CLOSED	   "* OK [CLOSED] The mailbox before is closed.\r\n"
#define OWN	   "Its own.\r\n"
#define OPEN	   "OK [READ-WRITE] Selected.\r\n"
#define ROW_3	   "* 3 FETCH (UID 3 FLAGS (\\Flagged junk) MODSEQ (4))\r\n"
#define ROW_9_IS_2 "* 2 FETCH (UID 9 FLAGS (\\Deleted \\Seen) MODSEQ (5))\r\n"
#define ROW_4	   "* 4 FETCH (UID 9 FLAGS (\\Deleted \\Seen) MODSEQ (5))\r\n"

static const struct talk cases[] = {
	{ "enable", 'a', QRESYNC_ON "a ENABLE CONDSTORE X-FOO QRESYNC\r\nb ENABLE X-FOO\r\nc ENABLE\r\n",
	  QRESYNC_OK "* ENABLED CONDSTORE QRESYNC\r\na OK Done.\r\n* ENABLED\r\nb OK Done.\r\n"
	  "c BAD Expected a space.\r\n", false },
	{ "enable when selected", 's', QRESYNC_ON, QRESYNC_IN, false },
	{ "not enabled", 's', "a SELECT INBOX (QRESYNC (7 3))\r\nb UID FETCH 1 UID (CHANGEDSINCE 3 VANISHED)\r\n",
	  "a BAD Say ENABLE QRESYNC first.\r\nb BAD Say ENABLE QRESYNC first.\r\n", false },
	{ "expunge", 's', QRESYNC_ON "a EXPUNGE\r\nb UID EXPUNGE 1:9\r\n",
	  QRESYNC_IN "* VANISHED 9\r\na OK [HIGHESTMODSEQ 9] Done.\r\nb OK Done.\r\n", false },
	{ "many go", 's', QRESYNC_ON "a STORE 1,3 +FLAGS.SILENT \\Deleted\r\nb EXPUNGE\r\nc FETCH 1 UID\r\n",
	  QRESYNC_IN "* 1 FETCH (UID 1 MODSEQ (9))\r\n* 3 FETCH (UID 3 MODSEQ (10))\r\na OK Done.\r\n"
	  "* VANISHED 1,3,9\r\nb OK [HIGHESTMODSEQ 13] Done.\r\n* 1 FETCH (UID 2)\r\nc OK Done.\r\n", false },
	{ "move", 's', QRESYNC_ON "a MOVE 1:2 Sent\r\n",
	  QRESYNC_IN "* OK [COPYUID 7 1,2 1,2] Moved.\r\n* VANISHED 1,2\r\na OK [HIGHESTMODSEQ 12] Done.\r\n",
	  false },
	{ "close says nothing", 's', QRESYNC_ON "a CLOSE\r\n", QRESYNC_IN "a OK Closed.\r\n", false },
	{ "select", 'a', QRESYNC_ON "a SELECT INBOX (QRESYNC (7 3))\r\n",
	  QRESYNC_OK SELECTED ROW_3 ROW_4 "a " OPEN, false },
	{ "of some", 'a', QRESYNC_ON "a SELECT INBOX (QRESYNC (7 3 1:3))\r\nb SELECT INBOX (CONDSTORE QRESYNC (7 1 44:999))\r\n",
	  QRESYNC_OK SELECTED ROW_3 "a " OPEN CLOSED SELECTED "b " OPEN, false },
	{ "another uidvalidity", 'a', QRESYNC_ON "a SELECT INBOX (QRESYNC (8 3))\r\n",
	  QRESYNC_OK SELECTED "a " OPEN, false },
	{ "with a sample", 'a', QRESYNC_ON "a SELECT INBOX (QRESYNC (7 4 1:9 (1,3 1,3)))\r\n"
	  "b SELECT INBOX (QRESYNC (7 5 (1:2 1:2)))\r\n",
	  QRESYNC_OK SELECTED ROW_4 "a " OPEN CLOSED SELECTED "b " OPEN, false },
	{ "bad parameters", 's', QRESYNC_ON "a SELECT INBOX (QRESYNC (0 3))\r\nb SELECT INBOX (QRESYNC (7 0))\r\n"
	  "c SELECT INBOX (QRESYNC (7 3 1:*))\r\nd SELECT INBOX (QRESYNC (7 3 1:9 (1 1:2)))\r\n"
	  "e SELECT INBOX (QRESYNC (7))\r\nf SELECT INBOX (QRESYNC (7 3) QRESYNC (7 3))\r\n"
	  "g SELECT INBOX (FROB)\r\nh SELECT INBOX (QRESYNC (7 3)\r\ni FETCH 1 UID\r\n",
	  QRESYNC_IN "a BAD Zero is not allowed here.\r\nb BAD A mod-sequence is at least 1.\r\n"
	  "c BAD No \"*\" here.\r\nd BAD Not as many numbers as UIDs.\r\ne BAD Expected a space.\r\n"
	  "f BAD QRESYNC given twice.\r\ng BAD Unknown SELECT parameter.\r\n"
	  "h BAD Unexpected character or end of command.\r\n* 1 FETCH (UID 1)\r\ni OK Done.\r\n", false },
	{ "fetch", 's', QRESYNC_ON "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 4 VANISHED)\r\n"
	  "b FETCH 1:4 UID (CHANGEDSINCE 4 VANISHED)\r\nc UID FETCH 1:4 UID (VANISHED)\r\n"
	  "d FETCH 1:4 UID (CHANGEDSINCE 4)\r\n",
	  QRESYNC_IN ROW_4 "a OK Done.\r\nb BAD VANISHED goes with UID FETCH only.\r\n"
	  "c BAD VANISHED needs CHANGEDSINCE.\r\n* 4 FETCH (UID 9 MODSEQ (5))\r\nd OK Done.\r\n", false },
	{ "names in UTF-8", 'a', "a CREATE B&APw-cher\r\nu ENABLE UTF8=ACCEPT\r\nb STATUS \"B\xc3\xbc" "cher\" (MESSAGES)\r\n"
	  "c CREATE \"A&-B\"\r\nd STATUS \"\xc3\" (MESSAGES)\r\ne LIST \"\" \"[B]\xc3*\"\r\n"
	  "f LIST \"\" B\xc3\xbc%\r\n",
	  "a OK [MAILBOXID (FAQIDAAAAAAAAAAAAAAAAAAAAAABt)] Done.\r\n"
	  "* ENABLED UTF8=ACCEPT\r\nu OK Done.\r\n* STATUS \"B\xc3\xbc" "cher\" (MESSAGES 0)\r\nb OK Done.\r\n"
	  "c OK [MAILBOXID (FAQIDAAAAAAAAAAAAAAAAAAAAAABu)] Done.\r\nd NO [CANNOT] Mailbox name is not UTF-8.\r\n"
	  "e NO [CANNOT] Mailbox name is not UTF-8.\r\nf BAD Too many arguments.\r\n", false },
	{ "rev2", 'a', "u ENABLE IMAP4rev2\r\na SELECT INBOX\r\nb FETCH 3 FLAGS\r\nc SEARCH UNSEEN\r\n"
	  "d STORE 3 FLAGS ()\r\ne FETCH 1 BODY.PEEK[]<9223372036854775807.1>\r\nf SEARCH DRAFT\r\n",
	  "* ENABLED IMAP4rev2\r\nu OK Done.\r\n"
	  "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent junk)\r\n"
	  "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent junk \\*)] "
	  "Flags you may change.\r\n* 4 EXISTS\r\n* OK [UIDVALIDITY 7] UIDs are valid.\r\n"
	  "* OK [UIDNEXT 10] Predicted next UID.\r\n* OK [HIGHESTMODSEQ 5] Highest.\r\n"
	  "* OK [MAILBOXID (" INBOX_ID ")] Its own.\r\n* LIST () \"/\" INBOX\r\na " OPEN
	  "* 3 FETCH (FLAGS (\\Flagged junk))\r\nb OK Done.\r\n* ESEARCH (TAG \"c\") ALL 2:3\r\nc OK Done.\r\n"
	  "* 3 FETCH (UID 3 FLAGS (junk))\r\nd OK Done.\r\n"
	  "* 1 FETCH (BODY[]<9223372036854775807> \"\")\r\ne OK Done.\r\n* ESEARCH (TAG \"f\")\r\nf OK Done.\r\n", false },
	{ "only UIDs", 's', UIDONLY_ON "a FETCH 1 UID\r\nb UID FETCH 3 FLAGS\r\nc UID FETCH 3 (UID FLAGS)\r\n"
	  "d UID STORE 3 FLAGS ()\r\ne STORE 3 FLAGS ()\r\nf EXPUNGE\r\ng COPY 1 Sent\r\nh SEARCH ALL\r\n",
	  UIDONLY_OK "a BAD [UIDREQUIRED] Only UIDs name messages now.\r\n"
	  "* 3 UIDFETCH (FLAGS (\\Flagged junk))\r\nb OK Done.\r\n"
	  "* 3 UIDFETCH (UID 3 FLAGS (\\Flagged junk))\r\nc OK Done.\r\n"
	  "* 3 UIDFETCH (UID 3 FLAGS (junk))\r\nd OK Done.\r\n"
	  "e BAD [UIDREQUIRED] Only UIDs name messages now.\r\n* VANISHED 9\r\nf OK Done.\r\n"
	  "g BAD [UIDREQUIRED] Only UIDs name messages now.\r\n"
	  "h BAD [UIDREQUIRED] Only UIDs name messages now.\r\n", false },
};

static void test_cases_at_every_split(void **state)
{
	(void)state;
	check_at_every_split(cases, N_ELEMS(cases));
}

static void test_client_leaves_at_any_time(void **state)
{
	(void)state;
	check_leaving(cases, N_ELEMS(cases));
}

static void enable(struct rig *r, const char *what)
{
	begin(r, 'a');
	rig_say(r, what);
	buf_clear(&r->out);
}

/* What went away is told of the UIDs asked for, and before any FETCH. */
static void test_vanished_earlier(void **state)
{
	static const struct {
		const char *what, *out;
	} asks[] = {
		{ "(QRESYNC (7 4))", "* VANISHED (EARLIER) 2:3\r\n" ROW_9_IS_2 },
		{ "(QRESYNC (7 4 3:5))", "* VANISHED (EARLIER) 3\r\n" },
		{ "(QRESYNC (7 9))", "* VANISHED (EARLIER) 3\r\n" },
		{ "(QRESYNC (7 10))", "" },
		{ "(QRESYNC (7 4 1:9 (1:2 1:2)))", "* VANISHED (EARLIER) 2:3\r\n" ROW_9_IS_2 },
		{ "(QRESYNC (7 4 1:9 (1,2 1,9)))", ROW_9_IS_2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(asks); i++) {
		struct rig r;
		const char *got;

		enable(&r, QRESYNC_ON);
		fake_expunge("INBOX", 2);	/* 9 */
		fake_expunge("INBOX", 3);	/* 10 */
		assert_int_equal(buf_addf(&r.in, "s SELECT INBOX %s\r\n", asks[i].what), ERR_OK);
		rig_settle(&r);
		got = strstr(r.out.data, OWN);
		assert_non_null(got);
		got += strlen(OWN);
		if (strncmp(got, asks[i].out, strlen(asks[i].out)) != 0 ||
		    strcmp(got + strlen(asks[i].out), "s " OPEN) != 0)
			fail_msg("%s gave %s", asks[i].what, got);
		rig_down(&r);
	}
}

/* Older than what the store remembers: all that is not there has gone, but for what
 * the sample shows to be known. */
static void test_vanished_is_forgotten(void **state)
{
	struct rig r;

	(void)state;
	enable(&r, QRESYNC_ON);
	fake_expunge("INBOX", 2);
	fake_forget();
	rig_say(&r, "s SELECT INBOX (QRESYNC (7 4))\r\n");
	assert_non_null(strstr(r.out.data, OWN "* VANISHED (EARLIER) 2,4:8\r\n"
				"* 3 FETCH (UID 9 FLAGS (\\Deleted \\Seen) MODSEQ (5))\r\ns OK"));
	buf_clear(&r.out);
	rig_say(&r, "a UID FETCH 3:20 FLAGS (CHANGEDSINCE 4 VANISHED)\r\n");
	expect(&r, "* VANISHED (EARLIER) 4:8\r\n"
		   "* 3 FETCH (UID 9 FLAGS (\\Deleted \\Seen) MODSEQ (5))\r\na OK Done.\r\n");
	rig_say(&r, "s SELECT INBOX (QRESYNC (7 4 1:9 (1,2 1,3)))\r\n");
	assert_non_null(strstr(r.out.data, OWN "* VANISHED (EARLIER) 4:8\r\n"));
	buf_clear(&r.out);
	rig_down(&r);
}

/* What goes while the folder is selected is not EARLIER, and never said of a message
 * the client was not told of. */
static void test_vanished_is_about_what_is_known(void **state)
{
	struct rig r;
	uint32_t uid;

	(void)state;
	enable(&r, QRESYNC_ON "s SELECT INBOX\r\n");
	uid = fake_deliver("INBOX", "A: b\r\n\r\nc");
	fake_expunge("INBOX", uid);
	fake_expunge("INBOX", 2);
	fake_set_flags("INBOX", 1, 0);
	rig_say(&r, "a FETCH 1 UID\r\n");
	expect(&r, "* 1 FETCH (UID 1)\r\na OK Done.\r\n");
	rig_say(&r, "b UID FETCH 1:* UID (CHANGEDSINCE 6 VANISHED)\r\n");
	expect(&r, "* 1 FETCH (UID 1 MODSEQ (12))\r\n"
		   "* VANISHED 2\r\n* 1 FETCH (UID 1 FLAGS () MODSEQ (12))\r\nb OK Done.\r\n");
	rig_down(&r);
}

/* The tagged HIGHESTMODSEQ never claims what another client did and we did not say. */
static void test_modseq_after_expunge(void **state)
{
	struct rig r;

	(void)state;
	enable(&r, QRESYNC_ON "s SELECT INBOX\r\n");
	fake_set_flags("INBOX", 1, 0);		/* 9 */
	rig_say(&r, "a EXPUNGE\r\n");
	expect(&r, "* VANISHED 9\r\n* 1 FETCH (UID 1 FLAGS () MODSEQ (9))\r\n"
		   "a OK [HIGHESTMODSEQ 10] Done.\r\n");
	rig_say(&r, "b STORE 1 +FLAGS.SILENT \\Deleted\r\n");
	buf_clear(&r.out);
	fake_fail("changes", ERR_AGAIN);
	rig_say(&r, "c EXPUNGE\r\n");
	expect(&r, "* VANISHED 1\r\nc OK Done.\r\n");
	rig_down(&r);
}

/* RFC 3501 7.2.6: a keyword is in FLAGS before it is used. */
static void test_new_keyword(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 's');
	rig_say(&r, "a STORE 1 FLAGS (lila)\r\nb FETCH 1 FLAGS\r\n");
	expect(&r, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent junk lila)\r\n"
		   "* 1 FETCH (FLAGS (lila))\r\na OK Done.\r\n* 1 FETCH (FLAGS (lila))\r\nb OK Done.\r\n");
	rig_down(&r);
}

static void test_store_says_no(void **state)
{
	struct rig r;

	(void)state;
	enable(&r, QRESYNC_ON "s SELECT INBOX\r\n");
	fake_fail("changes", ERR_AGAIN);
	rig_say(&r, "a UID FETCH 1:* UID (CHANGEDSINCE 4 VANISHED)\r\n");
	expect(&r, "a NO [UNAVAILABLE] Try again later.\r\n");
	fake_fail("changes", ERR_LIMIT);	/* one change of too many messages */
	rig_say(&r, "a UID FETCH 1:* UID (CHANGEDSINCE 4 VANISHED)\r\n");
	expect(&r, "* VANISHED (EARLIER) 4:8\r\n* 4 FETCH (UID 9 MODSEQ (5))\r\na OK Done.\r\n");
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_client_leaves_at_any_time),
		cmocka_unit_test(test_vanished_earlier),
		cmocka_unit_test(test_vanished_is_forgotten),
		cmocka_unit_test(test_vanished_is_about_what_is_known),
		cmocka_unit_test(test_modseq_after_expunge),
		cmocka_unit_test(test_new_keyword),
		cmocka_unit_test(test_store_says_no),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

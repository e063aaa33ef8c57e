/* SEARCH, SORT and THREAD beyond RFC 3501 */
#include "tests/unit/client-access/imap/rig.h"

static const struct talk cases[] = {
	{ "search by charset and id", 's', "a SEARCH CHARSET ISO-8859-1 SUBJECT {5+}\r\nW\xd6RLD\r\n"
	  "b SEARCH SAVEDATESUPPORTED\r\nc SEARCH EMAILID MAQIDAAAAAAAAAAAAAAAAAAAAAAAJ\r\n"
	  "c SEARCH THREADID TAQIDAAAAAAAAAAAAAAAAAAAAAAAB NOT EMAILID M1\r\nd SEARCH EMAILID a/b\r\n",
	  "* SEARCH 1 3 4\r\na OK Done.\r\n* SEARCH 1 2 3 4\r\nb OK Done.\r\n* SEARCH 4\r\nc OK Done.\r\n"
	  "* SEARCH 1 2 3 4\r\nc OK Done.\r\n"
	  "d BAD Not an object identifier.\r\n", false },
	{ "search sets meet", 's', "a UID SEARCH 2:4 UID 3:9 1:3\r\nb SEARCH UID 4:8\r\nc SEARCH NOT UID 2 3\r\n",
	  "* SEARCH 3\r\na OK Done.\r\n* SEARCH\r\nb OK Done.\r\n* SEARCH 3\r\nc OK Done.\r\n", false },
	{ "searchres", 's', "a SEARCH RETURN (SAVE) UNSEEN\r\nb FETCH $ UID\r\nc UID SEARCH $ FLAGGED\r\n"
	  "d SEARCH NOT $\r\ne SEARCH RETURN (SAVE MIN) ALL\r\nf UID FETCH $ UID\r\n"
	  "g SEARCH RETURN (SAVE) FROM nobody-at-all\r\nh FETCH $ UID\r\ni SEARCH OR $ DELETED\r\n",
	  "a OK Done.\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\nb OK Done.\r\n* SEARCH 3\r\nc OK Done.\r\n"
	  "* SEARCH 1 4\r\nd OK Done.\r\n* ESEARCH (TAG \"e\") MIN 1\r\ne OK Done.\r\n"
	  "* 1 FETCH (UID 1)\r\nf OK Done.\r\ng OK Done.\r\nh OK Done.\r\n* SEARCH 4\r\ni OK Done.\r\n", false },
	{ "a saved result ends with its folder", 's', "a SEARCH RETURN (SAVE) ALL\r\nb UNSELECT\r\nb SELECT INBOX\r\nc SEARCH $\r\n",
	  "a OK Done.\r\nb OK Done.\r\n" SELECTED "b OK [READ-WRITE] Selected.\r\n* SEARCH\r\nc OK Done.\r\n", false },
	{ "partial", 's', "a UID SEARCH RETURN (PARTIAL 2:3 COUNT) ALL\r\nb SEARCH RETURN (PARTIAL -1:-2) ALL\r\n"
	  "c SEARCH RETURN (PARTIAL 9:8) ALL\r\nd SEARCH RETURN (PARTIAL 1:-1) ALL\r\ne SEARCH RETURN (PARTIAL 1:2 ALL) ALL\r\n"
	  "f SEARCH RETURN (PARTIAL 3:500 SAVE) ALL\r\ng SEARCH $\r\n",
	  "* ESEARCH (TAG \"a\") UID PARTIAL (2:3 2:3) COUNT 4\r\na OK Done.\r\n"
	  "* ESEARCH (TAG \"b\") PARTIAL (-1:-2 3:4)\r\nb OK Done.\r\n* ESEARCH (TAG \"c\") PARTIAL (8:9 NIL)\r\nc OK Done.\r\n"
	  "d BAD Both ends of a range count the same way.\r\ne BAD PARTIAL and ALL exclude each other.\r\n"
	  "* ESEARCH (TAG \"f\") PARTIAL (3:500 3:4)\r\nf OK Done.\r\n* SEARCH 3 4\r\ng OK Done.\r\n", false },
	{ "sort", 's', "a SORT (SIZE) UTF-8 ALL\r\nb UID SORT (REVERSE SIZE ARRIVAL) US-ASCII ALL\r\nc SORT (SIZE) UTF-8 KEYWORD x\r\n"
	  "d SORT (SIZE) X ALL\r\ne SORT () UTF-8 ALL\r\nf SORT (REVERSE) UTF-8 ALL\r\ng SORT (SIZE) ALL\r\nh SORT (SIZE) UTF-8 UNSEEN\r\n",
	  "* SORT 1 3 4 2\r\na OK Done.\r\n* SORT 2 1 3 9\r\nb OK Done.\r\n* SORT\r\nc OK Done.\r\n"
	  "d NO [BADCHARSET (US-ASCII UTF-8)] No such charset.\r\ne BAD Unknown sort key.\r\nf BAD Expected a space.\r\n"
	  "g BAD Expected a space.\r\n* SORT 3 2\r\nh OK Done.\r\n", false },
	{ "esort", 's', "a UID SORT RETURN (ALL MIN MAX COUNT) (REVERSE SIZE) UTF-8 ALL\r\nb SORT RETURN (PARTIAL 2:4) (SIZE) UTF-8 ALL\r\n"
	  "c SORT RETURN (COUNT) (SIZE) UTF-8 DRAFT\r\nd SORT RETURN (SAVE MIN) (REVERSE SIZE) UTF-8 ALL\r\ne SEARCH $\r\n"
	  "f SORT RETURN (PARTIAL -1:-2) (SIZE) UTF-8 ALL\r\n",
	  "* ESEARCH (TAG \"a\") UID ALL 2,1,3,9 MIN 2 MAX 9 COUNT 4\r\na OK Done.\r\n"
	  "* ESEARCH (TAG \"b\") PARTIAL (2:4 3:4,2)\r\nb OK Done.\r\n* ESEARCH (TAG \"c\") COUNT 0\r\nc OK Done.\r\n"
	  "* ESEARCH (TAG \"d\") MIN 2\r\nd OK Done.\r\n* SEARCH 2\r\ne OK Done.\r\n"
	  "* ESEARCH (TAG \"f\") PARTIAL (-1:-2 4,2)\r\nf OK Done.\r\n", false },
	{ "thread", 's', "a THREAD REFERENCES UTF-8 ALL\r\nb UID THREAD ORDEREDSUBJECT UTF-8 SEEN\r\nc THREAD REFERENCES UTF-8 DRAFT\r\n"
	  "d THREAD JWZ UTF-8 ALL\r\ne THREAD REFERENCES UTF-8\r\n",
	  "* THREAD (2)((1)(3)(4))\r\na OK Done.\r\n* THREAD (1 9)\r\nb OK Done.\r\n* THREAD\r\nc OK Done.\r\n"
	  "d BAD Unknown threading algorithm.\r\ne BAD Expected a space.\r\n", false },
	{ "multisearch", 's', "a ESEARCH ALL\r\nb ESEARCH IN (selected) RETURN (COUNT) KEYWORD x\r\n"
	  "c ESEARCH IN (personal) RETURN (COUNT MIN) ALL\r\nd ESEARCH IN (mailboxes (INBOX Nowhere)) UNSEEN BODY berlin\r\n"
	  "e ESEARCH IN (subtree Drafts) ALL\r\nf ESEARCH IN (nonsense) ALL\r\ng ESEARCH IN (personal) RETURN (SAVE) ALL\r\n"
	  "h ESEARCH IN (personal) $\r\ni UID SEARCH ALL\r\nj ESEARCH IN (selected inboxes) RETURN (PARTIAL -1:-2) ALL\r\n",
	  "* ESEARCH (TAG \"a\" MAILBOX INBOX UIDVALIDITY 7) UID ALL 1:3,9\r\na OK Done.\r\nb OK Done.\r\n"
	  "* ESEARCH (TAG \"c\" MAILBOX INBOX UIDVALIDITY 7) UID MIN 1 COUNT 4\r\nc OK Done.\r\n"
	  "* ESEARCH (TAG \"d\" MAILBOX INBOX UIDVALIDITY 7) UID ALL 2\r\nd OK Done.\r\ne OK Done.\r\n"
	  "f BAD Unknown source of a search.\r\ng BAD Only of the selected mailbox.\r\n"
	  "h BAD \"$\" is of the selected mailbox.\r\n* SEARCH 1 2 3 9\r\ni OK Done.\r\n"
	  "* ESEARCH (TAG \"j\" MAILBOX INBOX UIDVALIDITY 7) UID PARTIAL (-1:-2 3,9)\r\nj OK Done.\r\n", false },
	{ "multisearch with nothing selected", 'a', "a ESEARCH IN (inboxes) UNSEEN\r\nb ESEARCH ALL\r\nc ESEARCH IN () ALL\r\n"
	  "d ESEARCH IN (mailboxes INBOX subtree-one Drafts) RETURN (COUNT) CHARSET X ALL\r\n",
	  "* ESEARCH (TAG \"a\" MAILBOX INBOX UIDVALIDITY 7) UID ALL 2:3\r\na OK Done.\r\n"
	  "b BAD Select a mailbox first.\r\nc BAD Unknown source of a search.\r\n"
	  "d NO [BADCHARSET (US-ASCII UTF-8)] No such charset.\r\n", false },
	{ "no charset in UTF-8 sessions", 's', "a ENABLE UTF8=ACCEPT\r\nb SEARCH CHARSET UTF-8 ALL\r\nc SEARCH SEEN\r\n",
	  "* ENABLED UTF8=ACCEPT\r\na OK Done.\r\nb BAD No CHARSET with UTF8=ACCEPT.\r\n* SEARCH 1 4\r\nc OK Done.\r\n", false },
	{ "contexts", 's', "a UID SEARCH RETURN (UPDATE COUNT) UNSEEN\r\na SEARCH RETURN (UPDATE) ALL\r\n"
	  "b SEARCH RETURN (UPDATE COUNT) 1:3\r\nc SORT RETURN (UPDATE COUNT) (SIZE) UTF-8 ALL\r\n"
	  "d CANCELUPDATE \"a\"\r\ne CANCELUPDATE \"a\"\r\nf CANCELUPDATE a\r\n",
	  "* ESEARCH (TAG \"a\") UID COUNT 2\r\na OK Done.\r\na BAD A context has this tag already.\r\n"
	  "* ESEARCH (TAG \"b\") COUNT 3\r\n* NO [NOUPDATE \"b\"] This result is not kept up to date.\r\nb OK Done.\r\n"
	  "* NO [NOUPDATE \"c\"] This result is not kept up to date.\r\n* ESEARCH (TAG \"c\") COUNT 4\r\nc OK Done.\r\n"
	  "d OK No further updates.\r\ne BAD No context has this tag.\r\nf BAD Expected a string.\r\n", false },
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

/* With a catalogue and without, the answers are the same. */
static void test_catalogue_changes_nothing(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "BODY second", "1 3 4" }, { "NOT BODY second", "2" }, { "TEXT binary", "" },
		{ "SUBJECT hello", "1 3 4" }, { "FROM ann@example", "1 3 4" },
		{ "OR BODY second SUBJECT parts", "1 2 3 4" }, { "TO bob UNSEEN", "3" },
		{ "HEADER message-id m1@ex", "1 3 4" }, { "BODY zzzz", "" }, { "NOT TEXT zzzz", "1 2 3 4" },
		{ "CC nobody", "" }, { "2:3 BODY second", "3" }, { "TEXT \"from: ann\"", "1 3 4" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		for (int with = 0; with < 2; with++) {
			char text[200], want[200];
			struct rig r;

			begin(&r, 's');
			fake_catalogue(with);
			snprintf(text, sizeof(text), "a SEARCH %s\r\n", rows[i].in);
			snprintf(want, sizeof(want), "* SEARCH%s%s\r\na OK Done.\r\n",
				 *rows[i].out ? " " : "", rows[i].out);
			rig_say(&r, text);
			expect(&r, want);
			rig_down(&r);
		}
}

/* What comes and goes is told when its cause is, and not told twice. */
static void test_contexts_are_kept_up_to_date(void **state)
{
	struct rig r;
	uint32_t uid;

	(void)state;
	begin(&r, 's');
	rig_say(&r, "a UID SEARCH RETURN (UPDATE COUNT) UNSEEN BODY line\r\n"
		    "b SEARCH RETURN (UPDATE ALL) OR FLAGGED SUBJECT parts\r\n");
	expect(&r, "* ESEARCH (TAG \"a\") UID COUNT 1\r\na OK Done.\r\n"
		   "* ESEARCH (TAG \"b\") ALL 2:3\r\nb OK Done.\r\n");
	rig_say(&r, "n NOOP\r\n");
	expect(&r, "n OK Done.\r\n");
	uid = fake_deliver("INBOX", "Subject: parts\r\n\r\na line\r\n");
	assert_int_equal(uid, 10);
	rig_say(&r, "n NOOP\r\n");
	expect(&r, "* 5 EXISTS\r\n* 1 RECENT\r\n* ESEARCH (TAG \"b\") ADDTO (0 5)\r\n"
		   "* ESEARCH (TAG \"a\") UID ADDTO (0 10)\r\nn OK Done.\r\n");
	fake_set_flags("INBOX", 3, FLAG_SEEN);
	rig_say(&r, "n NOOP\r\n");
	expect(&r, "* 3 FETCH (UID 3 FLAGS (\\Seen junk))\r\n* ESEARCH (TAG \"b\") REMOVEFROM (0 3)\r\n"
		   "* ESEARCH (TAG \"a\") UID REMOVEFROM (0 3)\r\nn OK Done.\r\n");
	fake_expunge("INBOX", 2);
	fake_expunge("INBOX", 1);
	rig_say(&r, "n NOOP\r\n");
	expect(&r, "* ESEARCH (TAG \"b\") REMOVEFROM (0 2)\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n"
		   "n OK Done.\r\n");
	rig_say(&r, "c CANCELUPDATE \"a\" \"b\"\r\nn STORE 1 +FLAGS.SILENT (\\Flagged)\r\nn NOOP\r\n");
	expect(&r, "c OK No further updates.\r\nn OK Done.\r\nn OK Done.\r\n");
	rig_say(&r, "d SEARCH RETURN (UPDATE) ALL\r\n");
	buf_clear(&r.out);
	fake_deliver("INBOX", "\r\nx\r\n");
	assert_int_equal(buf_adds(&r.in, "n NOOP\r\n"), ERR_OK);
	imap_protocol.feed(r.s, r.in.data, r.in.len);	/* the client leaves in the middle */
	fake_step();
	fake_step();
	rig_down(&r);
	while (fake_step())
		;
}

/* What a client does itself has its effect told at once, by numbers too; what others
 * brought meanwhile is told of with its EXISTS, and not forgotten. */
static void test_contexts_of_own_changes(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 's');
	rig_say(&r, "s STORE 1:4 -FLAGS.SILENT (\\Flagged)\r\na SEARCH RETURN (UPDATE ALL) FLAGGED\r\n");
	buf_clear(&r.out);
	rig_say(&r, "n STORE 1,3 +FLAGS.SILENT (\\Flagged)\r\nn STORE 3 -FLAGS.SILENT (\\Flagged)\r\n");
	expect(&r, "* ESEARCH (TAG \"a\") ADDTO (0 1,3)\r\nn OK Done.\r\n"
		   "* ESEARCH (TAG \"a\") REMOVEFROM (0 3)\r\nn OK Done.\r\n");
	assert_int_equal(fake_deliver("INBOX", "\r\nx\r\n"), 10);
	fake_set_flags("INBOX", 10, FLAG_FLAGGED);
	rig_say(&r, "n STORE 4 +FLAGS.SILENT (\\Flagged)\r\n");
	expect(&r, "* ESEARCH (TAG \"a\") ADDTO (0 4)\r\nn OK Done.\r\n");
	rig_say(&r, "n NOOP\r\n");
	expect(&r, "* 5 EXISTS\r\n* 1 RECENT\r\n* ESEARCH (TAG \"a\") ADDTO (0 5)\r\nn OK Done.\r\n");
	rig_say(&r, "n NOOP\r\nc CANCELUPDATE \"a\"\r\nn STORE 3 +FLAGS.SILENT (\\Flagged)\r\n");
	expect(&r, "n OK Done.\r\nc OK No further updates.\r\nn OK Done.\r\n");
	rig_down(&r);
}

/* Folders are searched one after the other, and the selected one stays selected. */
static void test_multisearch(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 's');
	fake_deliver("Sent", "Subject: one\r\n\r\nx\r\n");
	fake_deliver("Drafts/old", "Subject: two\r\n\r\nfirst\r\n");
	rig_say(&r, "a ESEARCH IN (personal) RETURN (ALL) OR SUBJECT two BODY first\r\n");
	expect(&r, "* ESEARCH (TAG \"a\" MAILBOX INBOX UIDVALIDITY 7) UID ALL 1,3,9\r\n"
		   "* ESEARCH (TAG \"a\" MAILBOX Drafts/old UIDVALIDITY 7) UID ALL 1\r\na OK Done.\r\n");
	rig_say(&r, "b ESEARCH IN (subtree Drafts mailboxes Sent) ALL\r\n");
	expect(&r, "* ESEARCH (TAG \"b\" MAILBOX Sent UIDVALIDITY 7) UID ALL 1\r\n"
		   "* ESEARCH (TAG \"b\" MAILBOX Drafts/old UIDVALIDITY 7) UID ALL 1\r\nb OK Done.\r\n");
	rig_say(&r, "c UID SEARCH ALL\r\nd FETCH 4 UID\r\n");
	expect(&r, "* SEARCH 1 2 3 9\r\nc OK Done.\r\n* 4 FETCH (UID 9)\r\nd OK Done.\r\n");
	fake_fail("select", ERR_AGAIN);
	rig_say(&r, "e ESEARCH IN (personal) ALL\r\nf FETCH 4 UID\r\n");
	expect(&r, "e NO [UNAVAILABLE] Try again later.\r\n* 4 FETCH (UID 9)\r\nf OK Done.\r\n");
	fake_fail("query", ERR_AGAIN);
	rig_say(&r, "g ESEARCH IN (personal) SEEN\r\nh FETCH 4 UID\r\n");
	expect(&r, "g NO [UNAVAILABLE] Try again later.\r\n* 4 FETCH (UID 9)\r\nh OK Done.\r\n");
	rig_down(&r);
}

static void test_store_says_no(void **state)
{
	static const struct { const char *call, *in; enum err e; const char *out; } rows[] = {
		{ "find", "a SEARCH BODY second\r\n", ERR_AGAIN, "* SEARCH 1 3 4\r\na OK Done.\r\n" },
		{ "sort", "a SORT (SIZE) UTF-8 ALL\r\n", ERR_AGAIN,
		  "* SORT\r\na NO [UNAVAILABLE] Try again later.\r\n" },
		{ "refs", "a THREAD REFERENCES UTF-8 ALL\r\n", ERR_FULL,
		  "a NO [UNAVAILABLE] Try again later.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct rig r;

		begin(&r, 's');
		fake_fail(rows[i].call, rows[i].e);
		rig_say(&r, rows[i].in);
		expect(&r, rows[i].out);
		rig_down(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_client_leaves_at_any_time),
		cmocka_unit_test(test_catalogue_changes_nothing),
		cmocka_unit_test(test_contexts_are_kept_up_to_date),
		cmocka_unit_test(test_contexts_of_own_changes),
		cmocka_unit_test(test_multisearch),
		cmocka_unit_test(test_store_says_no),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	fake_reset();
	return failed;
}

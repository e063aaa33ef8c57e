/* The IMAP conversation, driven by bytes, a fake store and a fake login. */
#include "tests/unit/client-access/imap/rig.h"

/* ---- cases --------------------------------------------------------------------- */

static const struct talk cases[] = {
	{ "login", 'n', "a LOGIN ann pw\r\n", CAPS "a OK Logged in.\r\n", false },
	{ "login by literals", 'n', "a LOGIN {3+}\r\nann {2+}\r\npw\r\n", CAPS "a OK Logged in.\r\n", false },
	{ "wrong password", 'n', "a login ann no\r\n",
	  "a NO [AUTHENTICATIONFAILED] Wrong name or password.\r\n", false },
	{ "pipelined behind a login", 'n', "a LOGIN ann pw\r\nb NOOP\r\nc LOGOUT\r\n",
	  CAPS "a OK Logged in.\r\nb OK Done.\r\n* BYE See you.\r\nc OK Done.\r\n", true },
	{ "twice", 'a', "a LOGIN ann pw\r\n", "a BAD Not allowed now.\r\n", false },
	{ "initial response", 'n', "a AUTHENTICATE PLAIN good\r\n", CAPS "a OK Logged in.\r\n", false },
	{ "without", 'n', "a AUTHENTICATE PLAIN\r\ngood\r\nb NOOP\r\n",
	  "+ \r\n" CAPS "a OK Logged in.\r\nb OK Done.\r\n", false },
	{ "sasl fails", 'n', "a AUTHENTICATE PLAIN\r\nbad\r\n",
	  "+ \r\na NO [AUTHENTICATIONFAILED] Wrong name or password.\r\n", false },
	{ "too early", 'n', "a SELECT INBOX\r\n", "a BAD Log in first.\r\n", false },
	{ "append too early", 'n', "a APPEND INBOX {3}\r\nb NOOP\r\n",
	  "a BAD Log in first.\r\nb OK Done.\r\n", false },
	{ "not selected", 'a', "a FETCH 1 UID\r\n", "a BAD Select a mailbox first.\r\n", false },
	{ "unknown", 'a', "a FROB\r\nb UID NOOP\r\n", "a BAD Unknown command.\r\nb BAD Unknown command.\r\n", false },
	{ "empty line", 'a', "\r\n", "* BAD Expected a tag and a command.\r\n", false },
	{ "arguments", 'a', "a NOOP x\r\nb CAPABILITY \r\n",
	  "a BAD Too many arguments.\r\nb BAD Too many arguments.\r\n", false },
	{ "tls twice", 'n', "a STARTTLS\r\n", "a BAD TLS is on already.\r\n", false },
	{ "id", 'n', "a ID (\"name\" \"x\" \"v\" NIL)\r\nb ID NIL\r\nc ID x\r\n",
	  "* ID (\"name\" \"Bourse\")\r\na OK Done.\r\n* ID (\"name\" \"Bourse\")\r\nb OK Done.\r\n"
	  "c BAD Malformed command.\r\n", false },
	{ "enable", 'a', "a ENABLE CONDSTORE X\r\nb ENABLE Y\r\n",
	  "* ENABLED CONDSTORE\r\na OK Done.\r\n* ENABLED\r\nb OK Done.\r\n", false },
	{ "acl", 'a', "a MYRIGHTS INBOX\r\nb GETACL Sent\r\nc LISTRIGHTS INBOX bob\r\n"
	  "d LISTRIGHTS INBOX owner\r\ne SETACL INBOX bob lrs\r\nf SETACL INBOX -bob +d\r\n"
	  "g DELETEACL INBOX bob\r\nh SETACL INBOX carl l\r\ni SETACL INBOX bob lz\r\n"
	  "j GETACL nowhere\r\nk LIST \"\" Sent RETURN (MYRIGHTS)\r\n",
	  "* MYRIGHTS INBOX lrswipkxtecda\r\na OK Done.\r\n"
	  "* ACL Sent ann lrswipkxtecda bob lr -bob std\r\nb OK Done.\r\n"
	  "* LISTRIGHTS INBOX bob \"\" l r s w i p k x t e c d a\r\nc OK Done.\r\n"
	  "* LISTRIGHTS INBOX owner lrswipkxtecda\r\nd OK Done.\r\n"
	  "e OK Done.\r\nf OK Done.\r\ng OK Done.\r\n"
	  "h NO [CANNOT] There is nobody of that name.\r\ni BAD There is no such right.\r\n"
	  "j NO [NONEXISTENT] No such mailbox.\r\n"
	  "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n* MYRIGHTS Sent lrswipkxtecda\r\n"
	  "k OK Done.\r\n", false },
	{ "other namespaces", 'a', "a SELECT \"Other Users/carl/INBOX\"\r\nb CREATE \"Other Users/carl/x\"\r\n"
	  "c CREATE \"Public Folders/x\"\r\nd STATUS \"Other Users/bob\" (MESSAGES)\r\n"
	  "e DELETE \"Other Users\"\r\nf RENAME Sent \"Other Users/bob/Sent\"\r\n"
	  "g STATUS \"other users/bob/Sent\" (MESSAGES)\r\nh SUBSCRIBE \"Public Folders/y\"\r\n"
	  "i LIST \"\" \"Other Users/%\"\r\nj CREATE \"Other Users\"\r\n"
	  "k APPEND \"Other Users/carl/x\" {3+}\r\nabc\r\nl NOOP\r\n",
	  "a NO [NONEXISTENT] No such mailbox.\r\nb NO [NOPERM] Permission denied.\r\n"
	  "c NO [NOPERM] Permission denied.\r\nd NO [NONEXISTENT] No such mailbox.\r\n"
	  "e NO [NONEXISTENT] No such mailbox.\r\n"
	  "f NO [CANNOT] Not into another mailbox; copy its messages.\r\n"
	  "* STATUS \"Other Users/bob/Sent\" (MESSAGES 0)\r\ng OK Done.\r\n"
	  "h NO [NONEXISTENT] No such mailbox.\r\ni OK Done.\r\n"
	  "j NO [NOPERM] Permission denied.\r\n"
	  "k NO [TRYCREATE] No such mailbox.\r\nl OK Done.\r\n", false },
	{ "namespace", 'a', "a NAMESPACE\r\n", "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Public Folders/\" \"/\"))\r\na OK Done.\r\n", false },
	{ "select", 'a', "a SELECT inbox\r\n", SELECTED "a OK [READ-WRITE] Selected.\r\n", false },
	{ "select nothing", 's', "a SELECT Nope\r\nb CHECK\r\n",
	  "* OK [CLOSED] The mailbox before is closed.\r\na NO [NONEXISTENT] No such mailbox.\r\nb BAD Select a mailbox first.\r\n", false },
	{ "examine", 'a', "a EXAMINE Sent\r\nb STORE 1 FLAGS ()\r\nc UNSELECT\r\n",
	  "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent junk)\r\n"
	  "* OK [PERMANENTFLAGS ()] Flags you may change.\r\n* 0 EXISTS\r\n* 0 RECENT\r\n"
	  "* OK [UIDVALIDITY 7] UIDs are valid.\r\n* OK [UIDNEXT 1] Predicted next UID.\r\n"
	  "* OK [HIGHESTMODSEQ 6] Highest.\r\n* OK [MAILBOXID (FAQIDAAAAAAAAAAAAAAAAAAAAAABq)] Its own.\r\na OK [READ-ONLY] Selected.\r\n"
	  "b NO [READ-ONLY] The mailbox was opened for reading.\r\nc OK Done.\r\n", false },
	{ "status", 'a', "a STATUS INBOX (MESSAGES UIDNEXT UNSEEN)\r\nb STATUS x (MESSAGES)\r\n",
	  "* STATUS INBOX (MESSAGES 4 UIDNEXT 10 UNSEEN 2)\r\na OK Done.\r\n"
	  "b NO [NONEXISTENT] No such mailbox.\r\n", false },
	{ "list", 'a', "a LIST \"\" %\r\nb LIST \"\" \"\"\r\n",
	  "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"
	  "* LIST (\\HasChildren \\Drafts) \"/\" Drafts\r\na OK Done.\r\n"
	  "* LIST (\\Noselect) \"/\" \"\"\r\nb OK Done.\r\n", false },
	{ "lsub", 'a', "a LSUB \"\" %\r\nb LSUB \"\" *\r\n",
	  "* LSUB (\\HasNoChildren \\Subscribed) \"/\" INBOX\r\n"
	  "* LSUB (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent\r\n"
	  "* LSUB (\\Noselect) \"/\" Drafts\r\na OK Done.\r\n"
	  "* LSUB (\\HasNoChildren \\Subscribed) \"/\" INBOX\r\n"
	  "* LSUB (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent\r\n"
	  "* LSUB (\\HasNoChildren \\Subscribed) \"/\" Drafts/old\r\nb OK Done.\r\n", false },
	{ "list extended", 'a', "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (Dr% Sent) RETURN (STATUS (MESSAGES))\r\n",
	  "* LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent\r\n* STATUS Sent (MESSAGES 0)\r\n"
	  "* LIST (\\HasChildren \\Drafts) \"/\" Drafts (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	  "* STATUS Drafts (MESSAGES 0)\r\na OK Done.\r\n", false },
	{ "children that are named themselves", 'a',
	  "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (Drafts Drafts/old)\r\n"
	  "b LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (Drafts Drafts/new)\r\n"
	  "c SUBSCRIBE Drafts\r\nd LIST (SUBSCRIBED RECURSIVEMATCH) \"\" Drafts*\r\n",
	  "* LIST (\\HasNoChildren \\Subscribed) \"/\" Drafts/old\r\na OK Done.\r\n"
	  "* LIST (\\HasChildren \\Drafts) \"/\" Drafts (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	  "b OK Done.\r\nc OK Done.\r\n"
	  "* LIST (\\HasChildren \\Drafts \\Subscribed) \"/\" Drafts (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	  "* LIST (\\HasNoChildren \\Subscribed) \"/\" Drafts/old\r\nd OK Done.\r\n", false },
	{ "folders", 'a', "a CREATE x/\r\nb CREATE x\r\nc RENAME x y\r\nd SUBSCRIBE y\r\ne DELETE y\r\n"
	  "f DELETE y\r\ng CREATE INBOX\r\nh DELETE inbox\r\ni LIST (SUBSCRIBED) \"\" y\r\n",
	  "a OK [MAILBOXID (FAQIDAAAAAAAAAAAAAAAAAAAAAABt)] Done.\r\nb NO [ALREADYEXISTS] There is one of that name already.\r\nc OK Done.\r\n"
	  "d OK Done.\r\ne OK Done.\r\nf NO [NONEXISTENT] No such mailbox.\r\n"
	  "g NO [ALREADYEXISTS] There is one of that name already.\r\nh NO [CANNOT] INBOX stays.\r\n"
	  "* LIST (\\NonExistent \\Subscribed) \"/\" y\r\ni OK Done.\r\n", false },
	{ "fetch", 's', "a FETCH 1:* (UID FLAGS)\r\n",
	  "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 FETCH (UID 2 FLAGS ())\r\n"
	  "* 3 FETCH (UID 3 FLAGS (\\Flagged junk))\r\n"
	  "* 4 FETCH (UID 9 FLAGS (\\Deleted \\Seen))\r\na OK Done.\r\n", false },
	{ "uid fetch", 's', "a UID FETCH 3:9 RFC822.SIZE\r\nb UID FETCH 100:200 FLAGS\r\nc UID FETCH * FLAGS\r\n",
	  "* 3 FETCH (UID 3 RFC822.SIZE 166)\r\n* 4 FETCH (UID 9 RFC822.SIZE 166)\r\na OK Done.\r\n"
	  "b OK Done.\r\n* 4 FETCH (UID 9 FLAGS (\\Deleted \\Seen))\r\nc OK Done.\r\n", false },
	{ "fetch beyond", 's', "a FETCH 5 FLAGS\r\n", "a BAD No such message.\r\n", false },
	{ "fetch body", 's', "a FETCH 1 (INTERNALDATE BODY[TEXT] BODY.PEEK[HEADER.FIELDS (subject)])\r\n",
	  "* 1 FETCH (INTERNALDATE \"03-Jan-2006 15:04:05 +0000\" BODY[TEXT] {20}\r\n"
	  "First line\r\nsecond\r\n BODY[HEADER.FIELDS (subject)] {25}\r\n"
	  "Subject: Hello w\xc3\xb6rld\r\n\r\n)\r\na OK Done.\r\n", false },
	{ "fetch sets seen", 's', "a FETCH 2 BODY[1]\r\nb FETCH 2 (BODY[1]<2.4> FLAGS)\r\n",
	  "* 2 FETCH (BODY[1] {24}\r\nR3LDvMOfZSBhdXMgQmVybGlu FLAGS (\\Seen))\r\na OK Done.\r\n"
	  "* 2 FETCH (BODY[1]<2> {4}\r\nLDvM FLAGS (\\Seen))\r\nb OK Done.\r\n", false },
	{ "fetch what is not there", 's', "a FETCH 1 (BODY.PEEK[7] BODY.PEEK[TEXT]<100.5>)\r\n",
	  "* 1 FETCH (BODY[7] NIL BODY[TEXT]<100> \"\")\r\na OK Done.\r\n", false },
	{ "fetch envelope", 's', "a FETCH 2 ENVELOPE\r\n",
	  "* 2 FETCH (ENVELOPE (NIL \"Parts\" ((NIL NIL \"carol\" \"example.test\")) "
	  "((NIL NIL \"carol\" \"example.test\")) ((NIL NIL \"carol\" \"example.test\")) "
	  "NIL NIL NIL NIL NIL))\r\na OK Done.\r\n", false },
	{ "fetch changed", 's', "a FETCH 1:* (UID) (CHANGEDSINCE 4)\r\n",
	  "* OK [HIGHESTMODSEQ 5] Highest.\r\n* 4 FETCH (UID 9 MODSEQ (5))\r\na OK Done.\r\n", false },
	{ "store", 's', "a STORE 2 +FLAGS (\\Answered $Forwarded)\r\nb UID STORE 2 -FLAGS.SILENT \\Answered\r\n"
	  "c UID STORE 77 FLAGS ()\r\nd STORE 2 FLAGS (\\Seen)\r\n",
	  "* 2 FETCH (FLAGS (\\Answered $Forwarded))\r\na OK Done.\r\nb OK Done.\r\nc OK Done.\r\n"
	  "* 2 FETCH (FLAGS (\\Seen))\r\nd OK Done.\r\n", false },
	{ "store unless changed", 's', "a STORE 1:2 (UNCHANGEDSINCE 2) +FLAGS (\\Draft)\r\n",
	  "* OK [HIGHESTMODSEQ 5] Highest.\r\n* 1 FETCH (UID 1 FLAGS (\\Seen \\Draft) MODSEQ (9))\r\n"
	  "a OK [MODIFIED 2] Some have changed since.\r\n", false },
	{ "copy", 's', "a COPY 1,3:4 Sent\r\nb UID COPY 70 Sent\r\nc COPY 1 Nope\r\nd COPY 9 Sent\r\n",
	  "a OK [COPYUID 7 1,3,9 1,2,3] Done.\r\nb OK Nothing to do.\r\n"
	  "c NO [TRYCREATE] No such mailbox.\r\nd BAD No such message.\r\n", false },
	{ "move", 's', "a MOVE 1,3 Sent\r\nb FETCH 1:* UID\r\n",
	  "* OK [COPYUID 7 1,3 1,2] Moved.\r\n* 3 EXPUNGE\r\n* 1 EXPUNGE\r\na OK Done.\r\n"
	  "* 1 FETCH (UID 2)\r\n* 2 FETCH (UID 9)\r\nb OK Done.\r\n", false },
	{ "expunge", 's', "a EXPUNGE\r\nb EXPUNGE\r\nc UID EXPUNGE 1:3\r\nd EXPUNGE 1\r\n",
	  "* 4 EXPUNGE\r\na OK Done.\r\nb OK Done.\r\nc OK Done.\r\nd BAD Too many arguments.\r\n", false },
	{ "close", 's', "a CLOSE\r\nb STATUS INBOX (MESSAGES)\r\n",
	  "a OK Closed.\r\n* STATUS INBOX (MESSAGES 3)\r\nb OK Done.\r\n", false },
	{ "search", 's', "a SEARCH ALL\r\nb UID SEARCH UNSEEN\r\nc SEARCH SEEN DELETED\r\nd SEARCH KEYWORD junk\r\n"
	  "e SEARCH 2:50 NOT FLAGGED\r\nf SEARCH 77\r\n",
	  "* SEARCH 1 2 3 4\r\na OK Done.\r\n* SEARCH 2 3\r\nb OK Done.\r\n* SEARCH 4\r\nc OK Done.\r\n"
	  "* SEARCH 3\r\nd OK Done.\r\n* SEARCH 2 4\r\ne OK Done.\r\n* SEARCH\r\nf OK Done.\r\n", false },
	{ "search by row", 's', "a SEARCH OR FLAGGED DELETED\r\nb UID SEARCH SUBJECT W\xc3\x96RLD\r\n"
	  "c SEARCH NOT FROM carol\r\nd SEARCH CHARSET X ALL\r\n",
	  "* SEARCH 3 4\r\na OK Done.\r\nb BAD Expected a space.\r\n"
	  "* SEARCH 1 3 4\r\nc OK Done.\r\nd NO [BADCHARSET (US-ASCII UTF-8)] No such charset.\r\n", false },
	{ "search text", 's', "a UID SEARCH SUBJECT {6+}\r\nW\xc3\x96RLD\r\nb SEARCH BODY \"SECOND\"\r\n"
	  "c SEARCH TEXT BERLIN\r\nd SEARCH TEXT binary\r\ne SEARCH HEADER mime-version \"\"\r\n"
	  "f SEARCH TO bob NOT BODY x HEADER Message-ID <m1@example.test>\r\n",
	  "* SEARCH 1 3 9\r\na OK Done.\r\n* SEARCH 1 3 4\r\nb OK Done.\r\n* SEARCH 2\r\nc OK Done.\r\n"
	  "* SEARCH\r\nd OK Done.\r\n* SEARCH 2\r\ne OK Done.\r\n* SEARCH 1 3 4\r\nf OK Done.\r\n", false },
	{ "esearch", 's', "a UID SEARCH RETURN (MIN MAX COUNT ALL) ALL\r\nb SEARCH RETURN () DRAFT\r\n"
	  "c SEARCH RETURN (COUNT) MODSEQ 4\r\nd SEARCH MODSEQ 4\r\n",
	  "* ESEARCH (TAG \"a\") UID MIN 1 MAX 9 ALL 1:3,9 COUNT 4\r\na OK Done.\r\n"
	  "* ESEARCH (TAG \"b\")\r\nb OK Done.\r\n* OK [HIGHESTMODSEQ 5] Highest.\r\n* ESEARCH (TAG \"c\") COUNT 2 MODSEQ 5\r\nc OK Done.\r\n"
	  "* SEARCH 3 4 (MODSEQ 5)\r\nd OK Done.\r\n", false },
	{ "idle", 's', "a IDLE\r\nDONE\r\nb IDLE\r\nx NOOP\r\n",
	  "+ Idling.\r\na OK Done.\r\n+ Idling.\r\nb BAD Expected DONE.\r\n", false },
	{ "endless literal", 'n', "a LOGIN {5000000000+}\r\n", "* BYE [CLIENTBUG] Literal too large.\r\n", true },
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

/* Once: whoever adds one, adds it here. */
static void test_capabilities(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 'a');
	assert_int_equal(buf_adds(&r.in, "a CAPABILITY\r\n"), ERR_OK);
	rig_settle(&r);
	if (strstr(r.out.data, "* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ BINARY CONDSTORE QRESYNC ") != r.out.data)
		fail_msg("%s", r.out.data);
	rig_down(&r);
}

/* ---- plain connections ------------------------------------------------------------ */

static void test_no_password_without_tls(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false);
	expect(&r, "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR AUTH=SCRAM-SHA-256 STARTTLS "
		   "LOGINDISABLED ID] test ready.\r\n");
	rig_say(&r, "a LOGIN ann pw\r\n");
	expect(&r, "a NO [PRIVACYREQUIRED] Not without TLS.\r\n");
	rig_down(&r);
}

/* RFC 3207's lesson: what stands behind STARTTLS in plain is not obeyed. */
static void test_starttls_forgets_what_was_said_in_plain(void **state)
{
	static const char in[] = "a STARTTLS\r\nb NOOP\r\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof(in); cut++) {
		struct rig r;

		rig_up(&r, false);
		buf_clear(&r.out);
		imap_protocol.feed(r.s, in, cut);
		if (!r.tls_wanted)
			imap_protocol.feed(r.s, in + cut, sizeof(in) - 1 - cut);
		rig_settle(&r);
		expect(&r, "a OK Begin TLS now.\r\n");
		rig_say(&r, "c LOGIN ann pw\r\n");
		expect(&r, CAPS "c OK Logged in.\r\n");
		rig_down(&r);
	}
}

static void test_nonsense_from_strangers_ends(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	for (int i = 0; i < 10; i++)
		rig_say(&r, "x FROB\r\n");
	assert_true(r.hung_up);
	rig_down(&r);
}

/* ---- changes by others --------------------------------------------------------------- */

static void test_changes_are_told_by_noop(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	assert_int_equal(fake_watches(), 1);
	fake_deliver("INBOX", "Subject: new\r\n\r\n");
	fake_deliver("INBOX", "Subject: newer\r\n\r\n");
	fake_set_flags("INBOX", 3, 0);
	fake_expunge("INBOX", 2);
	rig_settle(&r);
	expect(&r, "");				/* not unless asked */
	rig_say(&r, "a FETCH 3 UID\r\n");
	expect(&r, "* 3 FETCH (UID 3)\r\na OK Done.\r\n");	/* and no EXPUNGE by FETCH */
	rig_say(&r, "b NOOP\r\n");
	expect(&r, "* 2 EXPUNGE\r\n* 2 FETCH (UID 3 FLAGS (junk))\r\n* 5 EXISTS\r\n* 2 RECENT\r\nb OK Done.\r\n");
	rig_say(&r, "c NOOP\r\nd UID FETCH 1:* UID\r\n");
	expect(&r, "c OK Done.\r\n* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 3)\r\n* 3 FETCH (UID 9)\r\n"
		   "* 4 FETCH (UID 10)\r\n* 5 FETCH (UID 11)\r\nd OK Done.\r\n");
	rig_down(&r);
}

static void test_changes_are_told_in_idle(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	rig_say(&r, "a IDLE\r\n");
	expect(&r, "+ Idling.\r\n");
	fake_deliver("INBOX", "Subject: new\r\n\r\n");
	fake_deliver("INBOX", "Subject: newer\r\n\r\n");	/* while the first is looked at */
	rig_settle(&r);
	expect(&r, "* 6 EXISTS\r\n* 2 RECENT\r\n");
	fake_expunge("INBOX", 1);
	rig_settle(&r);
	expect(&r, "* 1 EXPUNGE\r\n");
	fake_away(true);			/* the store is away: nothing, and no spinning */
	fake_set_flags("INBOX", 3, FLAG_SEEN);
	rig_settle(&r);
	expect(&r, "");
	fake_away(false);
	rig_say(&r, "DONE\r\n");
	expect(&r, "* 2 FETCH (UID 3 FLAGS (\\Seen junk))\r\na OK Done.\r\n");
	rig_down(&r);
}

/* One watch for all sessions of a mailbox, and a new one when its store is back. */
static void test_watch_ends_and_begins_anew(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	rig_say(&r, "a IDLE\r\n");
	expect(&r, "+ Idling.\r\n");
	fake_away(true);
	fake_watch_gone();
	rig_settle(&r);
	assert_int_equal(fake_watches(), 0);
	expect(&r, "");
	watches_retry(&r.cas.watches);		/* too early */
	assert_int_equal(fake_watches(), 0);
	fake_away(false);
	watches_retry(&r.cas.watches);
	watches_retry(&r.cas.watches);
	assert_int_equal(fake_watches(), 1);
	assert_int_equal(watches_count(&r.cas.watches), 1);
	fake_deliver("INBOX", "Subject: new\r\n\r\n");
	rig_settle(&r);
	expect(&r, "* 5 EXISTS\r\n* 1 RECENT\r\n");
	rig_down(&r);
	assert_int_equal(fake_watches(), 0);
}

static void test_own_changes_are_not_told_again(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	rig_say(&r, "a STORE 1:3 +FLAGS.SILENT (\\Answered)\r\nb FETCH 2 BODY[TEXT]\r\n");
	buf_clear(&r.out);
	rig_say(&r, "c NOOP\r\nd MOVE 1 Sent\r\n");
	expect(&r, "c OK Done.\r\n* OK [COPYUID 7 1 1] Moved.\r\n* 1 EXPUNGE\r\nd OK Done.\r\n");
	rig_say(&r, "e NOOP\r\n");
	expect(&r, "e OK Done.\r\n");
	rig_say(&r, "f APPEND INBOX {12+}\r\nSubject: x\r\n\r\ng COPY 1 INBOX\r\n");
	expect(&r, "* 4 EXISTS\r\n* 1 RECENT\r\nf OK [APPENDUID 7 10] Done.\r\n"
		   "* 5 EXISTS\r\n* 2 RECENT\r\ng OK [COPYUID 7 2 11] Done.\r\n");
	rig_down(&r);
}

static void test_folder_that_goes_away(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	log_in(&r);
	rig_say(&r, "s SELECT Sent\r\n");
	buf_clear(&r.out);
	fake_remove_folder("Sent");
	rig_say(&r, "a NOOP\r\n");
	expect(&r, "* BYE The mailbox was deleted.\r\n");
	assert_true(r.hung_up);
	rig_down(&r);
}

static void test_expunged_message_is_not_fetched(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	imap_protocol.feed(r.s, "a FETCH 1:3 (UID BODY[TEXT])\r\n", 30);
	assert_true(fake_step());		/* rows came; then it is gone */
	fake_expunge("INBOX", 1);
	rig_settle(&r);
	assert_null(strstr(r.out.data, "* 1 FETCH"));
	assert_non_null(strstr(r.out.data, "* 2 FETCH"));
	assert_non_null(strstr(r.out.data, "a OK Done."));
	rig_down(&r);
}

/* ---- trouble ------------------------------------------------------------------------- */

static void test_store_says_no(void **state)
{
	static const struct { const char *call, *in; enum err e; const char *out; } rows[] = {
		{ "select", "a SELECT Sent\r\n", ERR_AGAIN,
		  "* OK [CLOSED] The mailbox before is closed.\r\na NO [UNAVAILABLE] Try again later.\r\n" },
		{ "list", "a LIST \"\" *\r\n", ERR_INTERNAL, "a NO [SERVERBUG] Internal error.\r\n" },
		{ "fetch", "a FETCH 1 UID\r\n", ERR_AGAIN, "a NO [UNAVAILABLE] Try again later.\r\n" },
		{ "content", "a FETCH 1 BODY[]\r\n", ERR_AGAIN, "a NO [UNAVAILABLE] Try again later.\r\n" },
		{ "query", "a SEARCH SEEN\r\n", ERR_CORRUPT, "a NO [CORRUPTION] Stored data is damaged.\r\n" },
		{ "content", "a SEARCH BODY x\r\n", ERR_AGAIN, "a NO [UNAVAILABLE] Try again later.\r\n" },
		{ "flags", "a STORE 1 FLAGS ()\r\n", ERR_DENIED, "a NO [NOPERM] Permission denied.\r\n" },
		{ "copy", "a COPY 1 Sent\r\n", ERR_LIMIT, "a NO [OVERQUOTA] Over a limit or quota.\r\n" },
		{ "expunge", "a EXPUNGE\r\n", ERR_FULL, "a NO [UNAVAILABLE] Try again later.\r\n" },
		{ "changes", "a NOOP\r\n", ERR_AGAIN, "a OK Done.\r\n" },
		{ "append", "a APPEND Sent {5}\r\n", ERR_LIMIT, "+ Go ahead.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct rig r;

		rig_up(&r, true);
		select_inbox(&r);
		fake_fail(rows[i].call, rows[i].e);
		rig_say(&r, rows[i].in);
		expect(&r, rows[i].out);
		if (strcmp(rows[i].call, "append") == 0) {	/* the rest is dropped */
			rig_say(&r, "hello\r\n");
			expect(&r, "a NO [OVERQUOTA] Over a limit or quota.\r\n");
		}
		rig_say(&r, "z NOOP\r\n");
		assert_non_null(strstr(r.out.data, "z OK Done."));
		rig_down(&r);
	}
}

/* All that came with their rows are marked by one call, and none that did not. */
static void test_seen_is_set_together(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	fake_content_in_rows(true);
	fake_set_flags("INBOX", 1, 0);
	fake_set_flags("INBOX", 2, FLAG_SEEN);
	fake_set_flags("INBOX", 3, 0);
	rig_say(&r, "a NOOP\r\n");
	buf_clear(&r.out);
	rig_say(&r, "b FETCH 1:3 BODY[]<0.1>\r\n");
	expect(&r, "* 1 FETCH (BODY[]<0> {1}\r\nF FLAGS (\\Seen))\r\n* 2 FETCH (BODY[]<0> {1}\r\nF)\r\n"
		   "* 3 FETCH (BODY[]<0> {1}\r\nF FLAGS (\\Seen junk))\r\nb OK Done.\r\n");
	rig_say(&r, "c NOOP\r\n");
	expect(&r, "c OK Done.\r\n");
	/* Who may only read is answered all the same. */
	fake_set_flags("INBOX", 1, 0);
	rig_say(&r, "d NOOP\r\n");
	buf_clear(&r.out);
	fake_fail("flags", ERR_DENIED);
	rig_say(&r, "e FETCH 1 BODY[]<0.1>\r\n");
	expect(&r, "* 1 FETCH (BODY[]<0> {1}\r\nF)\r\ne OK Done.\r\n");
	rig_down(&r);
}

/* Inside a literal nothing can be said any more. */
static void test_content_fails_in_the_middle(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	imap_protocol.feed(r.s, "a FETCH 1 (BODY[HEADER] BODY[TEXT])\r\n", 37);
	assert_true(fake_step());
	assert_true(fake_step());		/* the header has been said */
	fake_fail("content", ERR_AGAIN);
	rig_settle(&r);
	assert_true(r.hung_up);
	assert_null(strstr(r.out.data, "a OK"));
	rig_down(&r);
}

static void test_store_is_away(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	log_in(&r);
	fake_away(true);
	rig_say(&r, "a SELECT INBOX\r\nb APPEND INBOX {3+}\r\nabc\r\nc NOOP\r\n");
	expect(&r, "a NO [UNAVAILABLE] Try again later.\r\nb NO [UNAVAILABLE] Try again later.\r\n"
		   "c OK Done.\r\n");
	rig_down(&r);
}

static void test_rows_without_map(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	fake_no_maps(true);
	rig_say(&r, "a FETCH 2 (BODY.PEEK[1])\r\nb SEARCH TEXT BERLIN\r\n");
	expect(&r, "* 2 FETCH (BODY[1] {24}\r\nR3LDvMOfZSBhdXMgQmVybGlu)\r\na OK Done.\r\n"
		   "* SEARCH 2\r\nb OK Done.\r\n");
	rig_down(&r);
}

/* Answers that do not fit one message are asked for in another way. */
static void test_answers_that_are_too_large(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	log_in(&r);
	fake_fail("select", ERR_LIMIT);
	rig_say(&r, "a SELECT INBOX\r\n");
	expect(&r, SELECTED "a OK [READ-WRITE] Selected.\r\n");
	fake_fail("query", ERR_LIMIT);
	rig_say(&r, "b UID SEARCH UNDRAFT\r\nc UID FETCH 9 UID\r\n");
	expect(&r, "* SEARCH 1 2 3 9\r\nb OK Done.\r\n* 4 FETCH (UID 9)\r\nc OK Done.\r\n");
	fake_fail("select", ERR_LIMIT);
	rig_say(&r, "d SELECT Sent\r\n");
	assert_non_null(strstr(r.out.data, "* 0 EXISTS"));
	rig_down(&r);
}

static void test_search_knows_only_what_the_client_knows(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	fake_deliver("INBOX", "Subject: new\r\n\r\n");
	rig_say(&r, "a SEARCH ALL\r\nb SEARCH UNSEEN\r\nc UID SEARCH UID 1:* UNSEEN\r\n");
	expect(&r, "* SEARCH 1 2 3 4\r\na OK Done.\r\n* SEARCH 2 3\r\nb OK Done.\r\n"
		   "* SEARCH 2 3\r\n* 5 EXISTS\r\n* 1 RECENT\r\nc OK Done.\r\n");
	rig_down(&r);
}

static void test_account_is_disabled(void **state)
{
	const struct guid other = { { 9 } };
	struct rig r;

	(void)state;
	rig_up(&r, true);
	select_inbox(&r);
	imap_protocol.recheck(r.s, NULL);
	assert_false(r.hung_up);
	fake_disable_user();
	imap_protocol.recheck(r.s, &other);
	assert_false(r.hung_up);
	imap_protocol.recheck(r.s, NULL);
	fake_disable_user();
	expect(&r, "* BYE Your account has changed, log in again.\r\n");
	assert_true(r.hung_up);
	rig_down(&r);
}

static void test_append_stores_every_byte(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, true);
	log_in(&r);
	rig_say(&r, "a APPEND Sent (\\Draft) {32}\r\n");
	expect(&r, "+ Go ahead.\r\n");
	rig_say(&r, "Subject: all of it\r\n\r\nevery byte\r\n");
	expect(&r, "a OK [APPENDUID 7 1] Done.\r\n");
	assert_string_equal(fake_content("Sent", 1), "Subject: all of it\r\n\r\nevery byte");
	assert_int_equal(fake_flags("Sent", 1), FLAG_DRAFT);
	rig_down(&r);
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_client_leaves_at_any_time),
		cmocka_unit_test(test_no_password_without_tls),
		cmocka_unit_test(test_starttls_forgets_what_was_said_in_plain),
		cmocka_unit_test(test_nonsense_from_strangers_ends),
		cmocka_unit_test(test_changes_are_told_by_noop),
		cmocka_unit_test(test_changes_are_told_in_idle),
		cmocka_unit_test(test_watch_ends_and_begins_anew),
		cmocka_unit_test(test_own_changes_are_not_told_again),
		cmocka_unit_test(test_folder_that_goes_away),
		cmocka_unit_test(test_expunged_message_is_not_fetched),
		cmocka_unit_test(test_store_says_no),
		cmocka_unit_test(test_seen_is_set_together),
		cmocka_unit_test(test_content_fails_in_the_middle),
		cmocka_unit_test(test_store_is_away),
		cmocka_unit_test(test_rows_without_map),
		cmocka_unit_test(test_answers_that_are_too_large),
		cmocka_unit_test(test_search_knows_only_what_the_client_knows),
		cmocka_unit_test(test_account_is_disabled),
		cmocka_unit_test(test_append_stores_every_byte),
	};
	int failed;

	log_set_sink(quiet);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fake_reset();
	return failed;
}

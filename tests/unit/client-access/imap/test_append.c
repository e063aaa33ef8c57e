#include "tests/unit/client-access/imap/rig.h"

/* APPEND in all its forms, and REPLACE.  A plain message is the one of
 * fake_store.c with From: Ann, 166 bytes of header and body. */

#define COUNT(tag) tag " STATUS Sent (MESSAGES UIDNEXT)\r\n"
#define NONE "* STATUS Sent (MESSAGES 0 UIDNEXT 1)\r\n"

static const struct talk talks[] = {
	/* one message */
	{ "append", 'a', "a APPEND Sent (\\Seen x) \"17-Jul-1996 02:44:25 -0700\" {12+}\r\nSubject: x\r\n\r\n"
	  "b STATUS Sent (MESSAGES UNSEEN)\r\n",
	  "a OK [APPENDUID 7 1] Done.\r\n* STATUS Sent (MESSAGES 1 UNSEEN 0)\r\nb OK Done.\r\n", false },
	{ "to nothing", 'a', "a APPEND Nope {3+}\r\nabc\r\nb NOOP\r\n",
	  "a NO [TRYCREATE] No such mailbox.\r\nb OK Done.\r\n", false },
	{ "to nothing, waiting", 'a', "a APPEND Nope {3}\r\nb NOOP\r\n",
	  "a NO [TRYCREATE] No such mailbox.\r\nb OK Done.\r\n", false },
	{ "with a tail", 'a', "a APPEND Sent {12+}\r\nSubject: x\r\n y\r\n" COUNT("b"),
	  "a BAD Expected a message literal.\r\n" NONE "b OK Done.\r\n", false },
	{ "too big", 'a', "a APPEND Sent {100001}\r\nb NOOP\r\n",
	  "a NO [TOOBIG] Message too large.\r\nb OK Done.\r\n", false },
	{ "nothing", 'a', "a APPEND Sent {0}\r\nb APPEND Sent\r\nc APPEND\r\nd APPEND Sent (\\Seen)\r\n",
	  "a NO [CANNOT] An empty message is none.\r\nb BAD Expected a space.\r\n"
	  "c BAD Expected a space.\r\nd BAD Expected a space.\r\n", false },
	{ "bad flags", 'a', "a APPEND Sent (\\) {3+}\r\nabc\r\nb NOOP\r\n",
	  "a BAD Expected an atom.\r\nb OK Done.\r\n", false },
	{ "bad date", 'a', "a APPEND Sent \"17-Jul-1996\" {3+}\r\nabc\r\nb NOOP\r\n",
	  "a BAD Expected a space.\r\nb OK Done.\r\n", false },
	{ "literal8", 'a', "a APPEND Sent ~{12+}\r\nSubject: x\r\n\r\n" COUNT("b"),
	  "a OK [APPENDUID 7 1] Done.\r\n* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\nb OK Done.\r\n", false },
	{ "utf8", 'a', "a APPEND Sent UTF8 (~{15+}\r\nSubject: \xc3\xa4\r\n\r\n)\r\n" COUNT("b"),
	  "a OK [APPENDUID 7 1] Done.\r\n* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\nb OK Done.\r\n", false },
	{ "utf8 in a plain literal", 'a', "a APPEND Sent UTF8 ({3+}\r\nabc)\r\n" COUNT("b"),
	  "a BAD Expected a literal8.\r\n" NONE "b OK Done.\r\n", false },
	{ "utf8 left open", 'a', "a APPEND Sent UTF8 (~{3+}\r\nabc\r\n" COUNT("b"),
	  "a BAD Unexpected character or end of command.\r\n" NONE "b OK Done.\r\n", false },

	/* MULTIAPPEND */
	{ "three messages", 'a', "a APPEND Sent (\\Seen) {12+}\r\nSubject: x\r\n {12}\r\nSubject: y\r\n"
	  " (\\Draft) \"17-Jul-1996 02:44:25 -0700\" {12+}\r\nSubject: z\r\n\r\n"
	  "b STATUS Sent (MESSAGES UNSEEN)\r\n",
	  "+ Go ahead.\r\na OK [APPENDUID 7 1:3] Done.\r\n* STATUS Sent (MESSAGES 3 UNSEEN 2)\r\n"
	  "b OK Done.\r\n", false },
		{ "the second is refused", 'a', "a APPEND Sent {12+}\r\nSubject: x\r\n {100001}\r\n" COUNT("b"),
	  "a NO [TOOBIG] Message too large.\r\n" NONE "b OK Done.\r\n", false },
	{ "the second is empty", 'a', "a APPEND Sent {12+}\r\nSubject: x\r\n {0+}\r\n\r\n" COUNT("b"),
	  "a NO [CANNOT] An empty message is none.\r\n" NONE "b OK Done.\r\n", false },
	{ "the second has bad flags", 'a', "a APPEND Sent {12+}\r\nSubject: x\r\n (x {3+}\r\nabc\r\n" COUNT("b"),
	  "a BAD Expected an atom.\r\n" NONE "b OK Done.\r\n", false },

	/* CATENATE: "/INBOX" holds four messages, 2 has parts */
	{ "a text", 'a', "a APPEND Sent CATENATE (TEXT {16+}\r\nSubject: x\r\n\r\nhi)\r\n" COUNT("b"),
	  "a OK [APPENDUID 7 1] Done.\r\n* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\nb OK Done.\r\n", false },
	{ "parts", 's', "a APPEND INBOX (\\Seen) CATENATE (URL \"/INBOX;UIDVALIDITY=7/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)\""
	  " TEXT {2}\r\nA- URL /INBOX/;UID=2/;SECTION=1 URL \";UID=1/;SECTION=TEXT/;PARTIAL=6.4\")\r\n"
	  "b UID FETCH 10 (FLAGS BODY.PEEK[])\r\n",
	  "+ Go ahead.\r\n* 5 EXISTS\r\n* 1 RECENT\r\na OK [APPENDUID 7 10] Done.\r\n"
	  "* 5 FETCH (UID 10 BODY[] {55}\r\n"
	  "Subject: Hello w\xc3\xb6rld\r\n\r\nA-R3LDvMOfZSBhdXMgQmVybGlu" "line FLAGS (\\Seen \\Recent))\r\nb OK Done.\r\n", false },
	{ "only a url, twice", 'a', "a APPEND Sent CATENATE (URL /INBOX/;UID=1) CATENATE (URL {13}\r\n/INBOX/;UID=1)\r\n"
	  "b STATUS Sent (MESSAGES SIZE)\r\n",
	  "+ Go ahead.\r\na OK [APPENDUID 7 1:2] Done.\r\n* STATUS Sent (MESSAGES 2 SIZE 332)\r\nb OK Done.\r\n", false },
	{ "after a plain one", 'a', "a APPEND Sent {12+}\r\nSubject: x\r\n CATENATE (URL /INBOX/;UID=1 TEXT {1+}\r\nx)"
	  " {12+}\r\nSubject: y\r\n\r\n" COUNT("b"),
	  "a OK [APPENDUID 7 1:3] Done.\r\n* STATUS Sent (MESSAGES 3 UIDNEXT 4)\r\nb OK Done.\r\n", false },
	{ "bad urls", 'a', "a APPEND Sent CATENATE (URL /INBOX/;UID=77)\r\n"
	  "b APPEND Sent CATENATE (URL /Nope/;UID=1 TEXT {3+}\r\nabc)\r\n"
	  "c APPEND Sent CATENATE (TEXT {3+}\r\nabc URL \"x]y\")\r\n"
	  "d APPEND Sent CATENATE (URL /INBOX;UIDVALIDITY=8/;UID=1)\r\n"
	  "e APPEND Sent CATENATE (URL /INBOX/;UID=1/;SECTION=9)\r\n"
	  "f APPEND Sent CATENATE (URL ;UID=1)\r\n"
	  "g APPEND Sent CATENATE (URL imap://bob@test/INBOX/;UID=1)\r\n"
	  "h APPEND Sent CATENATE (URL /INBOX/;UID=1/;SECTION=FOO)\r\n" COUNT("i"),
	  "a NO [BADURL /INBOX/;UID=77] Nothing is there.\r\n"
	  "b NO [BADURL /Nope/;UID=1] Nothing is there.\r\n"
	  "c NO [BADURL x?y] Nothing is there.\r\n"
	  "d NO [BADURL /INBOX;UIDVALIDITY=8/;UID=1] Nothing is there.\r\n"
	  "e NO [BADURL /INBOX/;UID=1/;SECTION=9] Nothing is there.\r\n"
	  "f NO [BADURL ;UID=1] Nothing is there.\r\n"
	  "g NO [BADURL imap://bob@test/INBOX/;UID=1] Nothing is there.\r\n"
	  "h NO [BADURL /INBOX/;UID=1/;SECTION=FOO] Nothing is there.\r\n" NONE "i OK Done.\r\n", false },
	{ "nothing put together", 'a', "a APPEND Sent CATENATE (TEXT {0+}\r\n)\r\nb APPEND Sent CATENATE ()\r\n"
	  "c APPEND Sent CATENATE (TEXT {1+}\r\nx\r\nd APPEND Sent CATENATE (TEXT x)\r\n" COUNT("e"),
	  "a NO [CANNOT] An empty message is none.\r\nb BAD Expected TEXT or URL.\r\n"
	  "c BAD Unexpected character or end of command.\r\nd BAD Expected a message literal.\r\n" NONE "e OK Done.\r\n", false },
	{ "too big together", 'a', "a APPEND Sent CATENATE (TEXT {10+}\r\n0123456789 TEXT {99991}\r\n" COUNT("b"),
	  "a NO [TOOBIG] Message too large.\r\n" NONE "b OK Done.\r\n", false },

	/* REPLACE */
	{ "replace", 's', "a REPLACE 2 INBOX (\\Seen) {12}\r\nSubject: x\r\n\r\nb UID FETCH 9:* FLAGS\r\n",
	  "+ Go ahead.\r\n* OK [APPENDUID 7 10] Replaced.\r\n* 2 EXPUNGE\r\n* 4 EXISTS\r\n* 1 RECENT\r\na OK Done.\r\n"
	  "* 3 FETCH (UID 9 FLAGS (\\Deleted \\Seen))\r\n* 4 FETCH (UID 10 FLAGS (\\Seen \\Recent))\r\nb OK Done.\r\n", false },
	{ "replace into another", 's', "a UID REPLACE 9 Sent {12+}\r\nSubject: x\r\n\r\n" COUNT("b"),
	  "* OK [APPENDUID 7 1] Replaced.\r\n* 4 EXPUNGE\r\na OK Done.\r\n"
	  "* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\nb OK Done.\r\n", false },
	{ "replace by parts", 's', "a REPLACE * Sent CATENATE (URL ;UID=9)\r\nb UID SEARCH ALL\r\n",
	  "* OK [APPENDUID 7 1] Replaced.\r\n* 4 EXPUNGE\r\na OK Done.\r\n* SEARCH 1 2 3\r\nb OK Done.\r\n", false },
	{ "replace what is not there", 's', "a REPLACE 7 INBOX {12+}\r\nSubject: x\r\n\r\n"
	  "b UID REPLACE 7 INBOX {12}\r\nc REPLACE 1 Nope {12}\r\nd REPLACE 0 INBOX {3+}\r\nabc\r\n"
	  "e REPLACE 1:2 INBOX {3+}\r\nabc\r\nf REPLACE 1 INBOX\r\ng REPLACE\r\nh NOOP\r\n",
	  "a BAD No such message.\r\nb NO [NONEXISTENT] No such message.\r\n"
	  "c NO [TRYCREATE] No such mailbox.\r\nd BAD Zero is not allowed here.\r\ne BAD Expected a space.\r\n"
	  "f BAD Expected a space.\r\ng BAD Expected a space.\r\nh OK Done.\r\n", false },
	{ "replace by two", 's', "a REPLACE 1 Sent {12+}\r\nSubject: x\r\n {12+}\r\nSubject: y\r\n\r\n" COUNT("b"),
	  "a BAD One message replaces one.\r\n" NONE "b OK Done.\r\n", false },
	{ "replace with nothing selected", 'a', "a REPLACE 1 Sent {12}\r\nb REPLACE 1 Sent\r\n",
	  "a BAD Select a mailbox first.\r\nb BAD Select a mailbox first.\r\n", false },
};

static void test_talks(void **state)
{
	(void)state;
	check_at_every_split(talks, N_ELEMS(talks));
	check_leaving(talks, N_ELEMS(talks));
}

/* The store says no: at the first byte, in the middle, at the end, when placing. */
static void test_the_store_fails(void **state)
{
	static const struct {
		const char *what, *in, *out;
		enum err e;
	} cases[] = {
		{ "append", "a APPEND Sent {12+}\r\nSubject: x\r\n\r\n",
		  "a NO [OVERQUOTA] Over a limit or quota.\r\n", ERR_LIMIT },
		{ "append", "a APPEND Sent {12+}\r\nSubject: x\r\n {12+}\r\nSubject: y\r\n\r\n",
		  "a NO [OVERQUOTA] Over a limit or quota.\r\n", ERR_LIMIT },
		{ "append", "a APPEND Sent CATENATE (URL /INBOX/;UID=1 TEXT {3+}\r\nabc)\r\n",
		  "a NO [UNAVAILABLE] Try again later.\r\n", ERR_AGAIN },
		{ "content", "a APPEND Sent CATENATE (URL /INBOX/;UID=1 TEXT {3+}\r\nabc)\r\n",
		  "a NO [UNAVAILABLE] Try again later.\r\n", ERR_AGAIN },
		{ "fetch", "a APPEND Sent CATENATE (TEXT {3+}\r\nabc URL /INBOX/;UID=1)\r\n",
		  "a NO [BADURL /INBOX/;UID=1] Nothing is there.\r\n", ERR_NOTFOUND },
		{ "place", "a APPEND Sent {12+}\r\nSubject: x\r\n {12+}\r\nSubject: y\r\n\r\n",
		  "a NO [UNAVAILABLE] It took too long, try again.\r\n", ERR_STALE },
		{ "place", "a REPLACE 1 Sent {12+}\r\nSubject: x\r\n\r\n",
		  "a NO [EXPUNGEISSUED] The message is gone.\r\n", ERR_NOTFOUND },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		size_t len = strlen(cases[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			struct rig r;

			begin(&r, 's');
			fake_fail(cases[i].what, cases[i].e);
			rig_feed(&r, cases[i].in, cut);
			rig_feed(&r, cases[i].in + cut, len - cut);
			if (strcmp(r.out.data, cases[i].out) != 0)
				fail_msg("%zu, cut at %zu: got\n%s", i, cut, r.out.data);
			buf_clear(&r.out);
			rig_say(&r, "b STATUS Sent (MESSAGES)\r\n");
			expect(&r, "* STATUS Sent (MESSAGES 0)\r\nb OK Done.\r\n");
			rig_down(&r);
		}
	}
}

/* NUL in a literal8; bytes that are no C string, so by hand. */
static void test_nul(void **state)
{
	static const char in[] = "a APPEND Sent ~{5+}\r\nab\0cd\r\nb APPEND Sent UTF8 (~{3+}\r\n\0bc)\r\n"
				 "c APPEND Sent {2+}\r\nab ~{2+}\r\n\0\0\r\nd STATUS Sent (MESSAGES)\r\n";
	struct rig r;

	(void)state;
	for (size_t cut = 0; cut < sizeof(in); cut++) {
		begin(&r, 'a');
		rig_feed(&r, in, cut);
		rig_feed(&r, in + cut, sizeof(in) - 1 - cut);
		expect(&r, "a NO [UNKNOWN-CTE] A message with NUL is not taken.\r\n"
			   "b NO [UNKNOWN-CTE] A message with NUL is not taken.\r\n"
			   "c NO [UNKNOWN-CTE] A message with NUL is not taken.\r\n"
			   "* STATUS Sent (MESSAGES 0)\r\nd OK Done.\r\n");
		rig_down(&r);
	}
}

/* A part that is sent as it is becomes base64; what is too large then is not taken, and
 * one that goes before others is staged like them. */
static void test_binary_parts(void **state)
{
	static const char in[] =
		"a APPEND Sent ~{45+}\r\nContent-Transfer-Encoding: binary\r\n\r\n\0ab\r\n\0cd"
		" ~{3+}\r\n\r\nx ~{37+}\r\nContent-Transfer-Encoding: binary\n\nab\r\n"
		"b EXAMINE Sent\r\nc FETCH 1:3 BODY.PEEK[]\r\n";
	struct rig r;

	(void)state;
	for (size_t cut = 0; cut < sizeof(in); cut++) {
		const char *got;

		begin(&r, 'a');
		rig_feed(&r, in, cut);
		rig_feed(&r, in + cut, sizeof(in) - 1 - cut);
		got = strstr(r.out.data, "* 1 FETCH");
		assert_non_null(strstr(r.out.data, "a OK [APPENDUID 7 1:3] Done.\r\n"));
		assert_non_null(got);
		assert_string_equal(got,
			"* 1 FETCH (BODY[] {51}\r\nContent-Transfer-Encoding: base64\r\n\r\nAGFiDQoAY2Q=\r\n)\r\n"
			"* 2 FETCH (BODY[] {3}\r\n\r\nx)\r\n"
			"* 3 FETCH (BODY[] {42}\r\nContent-Transfer-Encoding: base64\r\n\nYWI=\r\n)\r\n"
			"c OK Done.\r\n");
		rig_down(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_the_store_fails),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_binary_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

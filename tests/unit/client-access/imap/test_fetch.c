/* What FETCH gives beyond RFC 3501: BINARY (RFC 3516), ids (RFC 8474), SAVEDATE (RFC
 * 8514), PREVIEW (RFC 8970), PARTIAL (RFC 9394). */
#include "tests/unit/client-access/imap/rig.h"

#define GRUESSE "Gr\xc3\xbc\xc3\x9f" "e aus Berlin"

static const struct talk cases[] = {
	{ "binary", 's', "a FETCH 2 BINARY.PEEK[1]\r\nb FETCH 2 (BINARY.SIZE[1] BINARY.PEEK[1]<3.4> BINARY.PEEK[1]<99.1>)\r\n"
	  "c FETCH 2 (BINARY.PEEK[2] BINARY.SIZE[2])\r\n",
	  "* 2 FETCH (BINARY[1] {18}\r\n" GRUESSE ")\r\na OK Done.\r\n"
	  "* 2 FETCH (BINARY.SIZE[1] 18 BINARY[1]<3> {4}\r\n\xbc\xc3\x9f" "e BINARY[1]<99> \"\")\r\nb OK Done.\r\n"
	  "* 2 FETCH (BINARY[2] {6}\r\nbinary BINARY.SIZE[2] 6)\r\nc OK Done.\r\n", false },
	{ "no such part", 's', "a FETCH 2 (BINARY.PEEK[7] BINARY.SIZE[7.1])\r\n",
	  "* 2 FETCH (BINARY[7] NIL BINARY.SIZE[7.1] 0)\r\na OK Done.\r\n", false },
	{ "binary marks seen", 's', "a FETCH 2 BINARY.SIZE[1]\r\nb FETCH 2 BINARY[1]<0.1>\r\nc FETCH 2 BINARY[1]<0.1>\r\n",
	  "* 2 FETCH (BINARY.SIZE[1] 18)\r\na OK Done.\r\n"
	  "* 2 FETCH (BINARY[1]<0> {1}\r\nG FLAGS (\\Seen))\r\nb OK Done.\r\n"
	  "* 2 FETCH (BINARY[1]<0> {1}\r\nG)\r\nc OK Done.\r\n", false },
	{ "binary of all", 's', "a FETCH 1 (BINARY.SIZE[] BINARY.PEEK[]<0.5>)\r\n",
	  "* 1 FETCH (BINARY.SIZE[] 166 BINARY[]<0> {5}\r\nFrom:)\r\na OK Done.\r\n", false },
	{ "bad binary", 's', "a FETCH 1 BINARY[HEADER]\r\nb FETCH 1 BINARY[1.MIME]\r\nc FETCH 1 BINARY.SIZE[1]<0.5>\r\n"
	  "d FETCH 1 BINARY[1]<5>\r\ne FETCH 1 BINARY[0]\r\nf FETCH 1 BINARY\r\n",
	  "a BAD BINARY takes part numbers only.\r\nb BAD BINARY takes part numbers only.\r\n"
	  "c BAD Too many arguments.\r\nd BAD Unexpected character or end of command.\r\n"
	  "e BAD Zero is not allowed here.\r\nf BAD Unknown FETCH item.\r\n", false },
	{ "ids", 's', "a UID FETCH 9 (EMAILID THREADID)\r\nb STATUS INBOX (MAILBOXID DELETED APPENDLIMIT)\r\n"
	  "c CREATE new\r\n",
	  "* 4 FETCH (UID 9 EMAILID (MAQIDAAAAAAAAAAAAAAAAAAAAAAAJ) THREADID (TAQIDAAAAAAAAAAAAAAAAAAAAAAAB))\r\na OK Done.\r\n"
	  "* STATUS INBOX (DELETED 1 APPENDLIMIT 100000 MAILBOXID (" INBOX_ID "))\r\nb OK Done.\r\n"
	  "c OK [MAILBOXID (FAQIDAAAAAAAAAAAAAAAAAAAAAABt)] Done.\r\n", false },
	{ "saved", 's', "a FETCH 1 (INTERNALDATE SAVEDATE)\r\n",
	  "* 1 FETCH (INTERNALDATE \"03-Jan-2006 15:04:05 +0000\" SAVEDATE \"03-Jan-2006 16:04:05 +0000\")\r\na OK Done.\r\n",
	  false },
	{ "preview", 's', "a FETCH 1:2 (PREVIEW (LAZY) UID)\r\nb FETCH 1:2 (PREVIEW BODY.PEEK[2])\r\nc FETCH 1 PREVIEW (FAST)\r\n",
	  "* 1 FETCH (UID 1 PREVIEW \"First line second\")\r\n* 2 FETCH (UID 2 PREVIEW NIL)\r\na OK Done.\r\n"
	  "* 1 FETCH (PREVIEW \"First line second\" BODY[2] NIL)\r\n"
	  "* 2 FETCH (PREVIEW {18}\r\n" GRUESSE " BODY[2] {6}\r\nbinary)\r\nb OK Done.\r\nc BAD Unknown PREVIEW modifier.\r\n", false },
	{ "partial", 's', "a UID FETCH 1:* UID (PARTIAL 2:3)\r\nb UID FETCH 1:* UID (PARTIAL -1:-2)\r\n"
	  "c UID FETCH 2:9 UID (PARTIAL -3:-9 CHANGEDSINCE 1)\r\nd UID FETCH 1:* UID (PARTIAL 5:9)\r\n"
	  "e UID FETCH 1,3,9 UID (PARTIAL 3:2)\r\n",
	  "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\na OK Done.\r\n* 3 FETCH (UID 3)\r\n* 4 FETCH (UID 9)\r\nb OK Done.\r\n"
	  "* OK [HIGHESTMODSEQ 5] Highest.\r\n* 2 FETCH (UID 2 MODSEQ (3))\r\nc OK Done.\r\nd OK Done.\r\n"
	  "* 3 FETCH (UID 3)\r\n* 4 FETCH (UID 9)\r\ne OK Done.\r\n", false },
	{ "bad partial", 's', "a FETCH 1:* UID (PARTIAL 1:2)\r\nb UID FETCH 1:* UID (PARTIAL 1:-2)\r\n"
	  "c UID FETCH 1:* UID (PARTIAL 0:2)\r\nd UID FETCH 1:* UID (PARTIAL 1:2 PARTIAL 1:2)\r\n"
	  "e UID FETCH 1:* UID (PARTIAL)\r\nf UID FETCH 1:* UID (PARTIAL 1:4294967296)\r\n",
	  "a BAD PARTIAL goes with UID FETCH only.\r\nb BAD Both ends of a range count the same way.\r\n"
	  "c BAD Zero is not allowed here.\r\nd BAD PARTIAL given twice.\r\ne BAD Expected a space.\r\n"
	  "f BAD Number too large.\r\n", false },
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

/* Parts as mail brings them: a NUL makes it a literal8, an encoding nobody knows ends
 * in NO but breaks nothing. */
static void test_encodings(void **state)
{
	static const struct {
		const char *encoding, *body, *out;
	} rows[] = {
		{ "base64", "QQBC\r\n", "~{3}" },
		{ "base64", "QUJD\r\n", "{3}\r\nABC)\r\na OK" },
		{ "BASE64", "Q U\r\nJD", "{3}\r\nABC)\r\na OK" },
		{ "quoted-printable", "a=3Db=\r\nc  \r\n", "{6}\r\na=bc\r\n" },
		{ "quoted-printable", "=00", "~{1}" },
		{ "8bit", "\xc3\xbc", "{2}\r\n\xc3\xbc)\r\na OK" },
		{ "7bit", "", "\"\")\r\na OK" },
		{ "x-uuencode", "abc", "NIL)\r\na NO [UNKNOWN-CTE]" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct rig r;
		char text[200];
		uint32_t uid;

		begin(&r, 's');
		snprintf(text, sizeof(text), "Content-Transfer-Encoding: %s\r\n\r\n%s",
			 rows[i].encoding, rows[i].body);
		uid = fake_deliver("INBOX", text);
		rig_say(&r, "n NOOP\r\n");
		buf_clear(&r.out);
		assert_int_equal(buf_addf(&r.in, "a UID FETCH %u BINARY.PEEK[1]\r\n", uid), ERR_OK);
		rig_settle(&r);
		if (strstr(r.out.data, rows[i].out) == NULL)
			fail_msg("%s \"%s\" gave %s", rows[i].encoding, rows[i].body, r.out.data);
		rig_say(&r, "z NOOP\r\n");
		assert_non_null(memmem(r.out.data, r.out.len, "z OK", 4));
		rig_down(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_client_leaves_at_any_time),
		cmocka_unit_test(test_encodings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

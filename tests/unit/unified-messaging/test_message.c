#include "common/mime/header.h"
#include "roles/unified-messaging/message/compose.h"
#include "roles/unified-messaging/message/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct note sample(void)
{
	struct note n = { .kind = NOTE_VOICE, .codec = NOTE_OPUS, .at_ms = 1800000000123, .rate = 8000,
			  .duration_s = 75, .urgent = true };

	memset(n.mailbox.b, 7, 16);
	NOTE_SET(&n, to, "ann@example.test");
	NOTE_SET(&n, to_name, "Änne");
	NOTE_SET(&n, caller, "5551234");
	NOTE_SET(&n, caller_name, "Bob \"B\" <b@x>");
	NOTE_SET(&n, from, "postmaster@example.test");
	NOTE_SET(&n, call_id, "a=b@c");
	return n;
}

static void test_note_comes_back(void **state)
{
	struct note n = sample(), back;
	struct buf b;

	(void)state;
	buf_init(&b, 16384);
	assert_int_equal(note_write(&n, &b), ERR_OK);
	assert_int_equal(note_read((struct span){ b.data, b.len }, &back, NULL), ERR_OK);
	assert_memory_equal(&n, &back, sizeof(n));
	/* Cut short: CORRUPT, unless a whole line is what is missing. */
	for (size_t i = 0; i < b.len; i++)
		if (note_read((struct span){ b.data, i }, &back, NULL) == ERR_OK)
			assert_int_equal(b.data[i - 1], '\n');
	buf_fini(&b);
}

static void test_note_refuses(void **state)
{
	static const char *const bad[] = {
		"", "note", "bourse-um note 2\n", "bourse-um note 1\nkind=9\n",
		"bourse-um note 1\nkind=x\n", "bourse-um note 1\nrate=-1\n",
		"bourse-um note 1\nmailbox=zz\n", "bourse-um note 1\nkind\n",
		"bourse-um note 1\nrate=\n",
	};
	struct note n;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		if (note_read(span_of(bad[i]), &n, NULL) != ERR_CORRUPT)
			fail_msg("%s", bad[i]);
	/* What a newer version added is passed over. */
	assert_int_equal(note_read(SPAN("bourse-um note 1\nnew=1\nrate=8000\n"), &n, NULL), ERR_OK);
	assert_int_equal(n.rate, 8000);
}

static void test_text_is_tamed(void **state)
{
	char small[8], field[32];

	(void)state;
	note_set(field, sizeof(field), "a\r\nTo: x\tb\x7f");
	assert_string_equal(field, "a  To: x b ");
	note_set(small, sizeof(small), "abcdef\xc3\xa4");	/* no half characters */
	assert_string_equal(small, "abcdef");
}

static char *composed(const struct note *n, const char *audio)
{
	struct compose c = { .note = n, .hostname = "um.test", .id = 9, .audio = audio,
			     .audio_name = audio ? "Voice message.mp3" : NULL,
			     .audio_type = "audio/mpeg" };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(compose_write(&c, f, NULL), ERR_OK);
	fclose(f);
	return text;
}

static void test_message(void **state)
{
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "Content-Class", "voice-CA" }, { "Message-Context", "voice-message" },
		{ "X-CallingTelephoneNumber", "5551234" }, { "X-VoiceMessageDuration", "75" },
		{ "X-CallID", "a=b@c" }, { "Importance", "high" }, { "MIME-Version", "1.0" },
	};
	struct note n = sample();
	struct header_field f;
	char *text = composed(&n, NULL);

	(void)state;
	for (size_t i = 0; i < N_ELEMS(want); i++) {
		if (!header_find(span_of(text), want[i].name, &f))
			fail_msg("no %s", want[i].name);
		if (!span_eq(header_trim(f.value), span_of(want[i].value)))
			fail_msg("%s: %.*s", want[i].name, (int)f.value.n, f.value.p);
	}
	assert_null(strstr(text, "<b@x></td>"));	/* escaped in HTML */
	assert_non_null(strstr(text, "&lt;b@x&gt;"));
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		assert_int_equal(p[-1], '\r');
	free(text);
}

/* Whatever a caller calls himself: no field is added, no boundary is closed. */
static void test_no_injection(void **state)
{
	static const char *const names[] = {
		"a\r\nBcc: x@y.test", "\"\r\n\r\nbody", "=?utf-8?q?=0D=0ABcc:_x?=", "--=_", "%s%n", "\\\"",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		struct note n = sample();
		size_t clean, dirty;
		char *text;

		text = composed(&n, NULL);
		clean = header_length(span_of(text), NULL);
		dirty = header_count((struct span){ text, clean }, "Bcc");
		assert_int_equal(dirty, 0);
		free(text);
		NOTE_SET(&n, caller_name, names[i]);
		NOTE_SET(&n, caller, names[i]);
		NOTE_SET(&n, call_id, names[i]);
		text = composed(&n, NULL);
		clean = header_length(span_of(text), NULL);
		if (header_count((struct span){ text, clean }, "Bcc") ||
		    header_count((struct span){ text, clean }, "Content-Type") != 1)
			fail_msg("%s: %s", names[i], text);
		free(text);
	}
}

static void test_attachment_is_missing(void **state)
{
	struct note n = sample();
	struct compose c = { .note = &n, .hostname = "h", .audio = "/nonexistent/x",
			     .audio_name = "x", .audio_type = "audio/wav" };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_int_not_equal(compose_write(&c, f, NULL), ERR_OK);
	fclose(f);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_note_comes_back),
		cmocka_unit_test(test_note_refuses),
		cmocka_unit_test(test_text_is_tamed),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_no_injection),
		cmocka_unit_test(test_attachment_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

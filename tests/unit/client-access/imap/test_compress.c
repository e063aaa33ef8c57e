/* COMPRESS=DEFLATE: the layer by itself, and a session behind it. */
#include "common/base/check.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/imap/compress.h"
#include "roles/client-access/imap/session.h"
#include "tests/unit/client-access/imap/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

/* ---- a client's side ------------------------------------------------------------- */

/* Deflated in one go, with a flush of this kind at the end. */
static size_t squeeze(const char *p, size_t n, int flush, char *out, size_t cap)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)p;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	deflate(&z, flush);
	assert_true(z.avail_in == 0 && z.avail_out > 0);
	deflateEnd(&z);
	return cap - z.avail_out;
}

struct rig {
	struct cas cas;
	void *s;
	struct buf plain, out;		/* said before and behind the layer */
	struct buf in;			/* held back while the session pauses */
	z_stream inflater;
	bool squeezed, hung_up, paused;
	size_t window, sent;		/* as in test_session.c */
	bool full;
};

static void inflate_all(struct rig *r, const void *p, size_t n)
{
	r->inflater.next_in = (Bytef *)p;
	r->inflater.avail_in = (uInt)n;
	do {
		assert_int_equal(buf_reserve(&r->out, 4096), ERR_OK);
		r->inflater.next_out = (Bytef *)r->out.data + r->out.len;
		r->inflater.avail_out = 4096;
		int k = inflate(&r->inflater, Z_SYNC_FLUSH);

		if (k != Z_OK && k != Z_BUF_ERROR)
			fail_msg("inflate: %d %s", k, r->inflater.msg);
		buf_grown(&r->out, 4096 - r->inflater.avail_out);
	} while (r->inflater.avail_out == 0);
	assert_int_equal(r->inflater.avail_in, 0);
}

static void rig_send(void *ctx, const void *p, size_t n)
{
	struct rig *r = ctx;

	assert_false(r->hung_up);
	if (r->squeezed)
		inflate_all(r, p, n);
	else
		assert_int_equal(buf_add(&r->plain, p, n), ERR_OK);
	r->sent += n;
	r->full = r->window && r->sent >= r->window;
}

static bool rig_is_full(void *ctx)
{
	return ((struct rig *)ctx)->full;
}

static void rig_pause(void *ctx, bool on)
{
	((struct rig *)ctx)->paused = on;
}

static void rig_nothing(void *ctx)
{
	(void)ctx;
}

static void rig_idle(void *ctx, int64_t ms)
{
	(void)ctx;
	(void)ms;
}

static void rig_proof(void *ctx, struct conn_proof *out)
{
	(void)ctx;
	memset(out, 0, sizeof(*out));
}

static void rig_hangup(void *ctx)
{
	struct rig *r = ctx;

	r->hung_up = true;
	imap_protocol.close(&r->s);
}

static void rig_settle(struct rig *r)
{
	bool moved;

	do {
		moved = fake_auth_step() || fake_step();
		if (r->s && r->full) {
			r->full = false;
			r->sent = 0;
			imap_protocol.drained(r->s);
			moved = true;
		}
		if (r->s && !r->paused && r->in.len > 0) {
			size_t n = r->in.len;
			char *copy = xmemdup(r->in.data, n);

			buf_clear(&r->in);
			imap_protocol.feed(r->s, copy, n);
			free(copy);
			moved = true;
		}
	} while (moved);
}

static void rig_feed(struct rig *r, const char *p, size_t n)
{
	assert_int_equal(buf_add(&r->in, p, n), ERR_OK);
	rig_settle(r);
}

static void rig_up(struct rig *r)
{
	const struct front_io io = { rig_send, rig_is_full, rig_pause, rig_nothing, rig_idle,
				     rig_proof, rig_hangup, r };
	const struct front_peer peer = { .tls = true };
	static char host[] = "test";

	memset(r, 0, sizeof(*r));
	fake_reset();
	r->cas.conf.hostname = host;
	r->cas.conf.max_message = 100000;
	watches_init(&r->cas.watches, &r->cas);
	uid_maps_init(&r->cas.uid_maps);
	buf_init(&r->plain, 1 << 20);
	buf_init(&r->out, 64 << 20);
	buf_init(&r->in, 1 << 20);
	assert_int_equal(inflateInit2(&r->inflater, -15), Z_OK);
	r->s = imap_protocol.open(&r->cas, &io, &peer);
}

#define BEGIN "l LOGIN ann pw\r\nc COMPRESS DEFLATE\r\n"

static void rig_compress(struct rig *r)
{
	rig_up(r);
	rig_feed(r, BEGIN, strlen(BEGIN));
	assert_non_null(strstr(r->plain.data, "COMPRESS=DEFLATE"));
	assert_string_equal(r->plain.data + r->plain.len - strlen("c OK From now on.\r\n"),
			    "c OK From now on.\r\n");
	r->squeezed = true;
}

static void rig_down(struct rig *r)
{
	imap_protocol.close(&r->s);
	assert_int_equal(fake_waiting(), 0);
	watches_fini(&r->cas.watches);
	uid_maps_fini(&r->cas.uid_maps);
	inflateEnd(&r->inflater);
	buf_fini(&r->plain);
	buf_fini(&r->out);
	buf_fini(&r->in);
}

/* ---- tests -------------------------------------------------------------------------- */

static const char talk[] = "1 SELECT INBOX\r\n2 FETCH 1:* (UID BODY.PEEK[])\r\n"
			   "3 COMPRESS DEFLATE\r\n4 CAPABILITY\r\n"
			   "5 APPEND Sent {5+}\r\nhello\r\n6 NOOP\r\n";

/* What is answered does not depend on where the network cut it. */
static void test_session_at_every_split(void **state)
{
	char z[1000], *all = NULL;
	size_t n = squeeze(talk, strlen(talk), Z_SYNC_FLUSH, z, sizeof(z));

	(void)state;
	for (size_t cut = 0; cut <= n; cut++) {
		struct rig r;

		rig_compress(&r);
		rig_feed(&r, z, cut);
		rig_feed(&r, z + cut, n - cut);
		assert_non_null(strstr(r.out.data, "3 NO [COMPRESSIONACTIVE]"));
		assert_null(strstr(r.out.data, "COMPRESS=DEFLATE"));
		assert_non_null(strstr(r.out.data, "6 OK"));
		assert_false(r.hung_up);
		if (all && strcmp(all, r.out.data) != 0)
			fail_msg("cut at %zu: %s", cut, r.out.data);
		if (!all)
			all = xstrdup(r.out.data);
		rig_down(&r);
	}
	free(all);
}

/* Compressed bytes may come in the same packet as the command that begins it. */
static void test_pipelined_behind_the_command(void **state)
{
	char line[1000] = "c COMPRESS DEFLATE\r\n";
	size_t n = strlen(line);
	struct rig r;

	(void)state;
	n += squeeze("1 NOOP\r\n", 8, Z_SYNC_FLUSH, line + n, sizeof(line) - n);
	rig_up(&r);
	rig_feed(&r, "l LOGIN ann pw\r\n", 16);
	/* The rig cannot know where to begin to inflate, so it looks at the end. */
	rig_feed(&r, line, n);
	assert_false(r.hung_up);
	assert_null(strstr(r.plain.data, "BAD"));
	rig_down(&r);
}

static void test_small_window(void **state)
{
	char z[1000];
	size_t n = squeeze(talk, strlen(talk), Z_SYNC_FLUSH, z, sizeof(z));
	struct rig r;

	(void)state;
	rig_compress(&r);
	r.window = 1;			/* full after every write */
	rig_feed(&r, z, n);
	assert_non_null(strstr(r.out.data, "6 OK"));
	rig_down(&r);
}

static void test_idle(void **state)
{
	static const char idle[] = "1 SELECT INBOX\r\n2 IDLE\r\n";
	char z[200];
	struct rig r;

	(void)state;
	rig_compress(&r);
	rig_feed(&r, z, squeeze(idle, strlen(idle), Z_SYNC_FLUSH, z, sizeof(z)));
	assert_non_null(strstr(r.out.data, "+ Idling."));
	for (int i = 5; i < 8; i++) {
		char want[40];

		fake_deliver("INBOX", "Subject: x\r\n\r\nnews\r\n");
		rig_settle(&r);
		snprintf(want, sizeof(want), "* %d EXISTS\r\n", i);
		assert_non_null(strstr(r.out.data, want));
	}
	imap_protocol.shutdown(r.s);
	assert_true(r.hung_up);
	assert_non_null(strstr(r.out.data, "* BYE "));
	rig_down(&r);
}

static void test_garbage(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
	} cases[] = {
		{ "plain text", "1 NOOP\r\n", 8 },
		{ "reserved block type", "\x07", 1 },
		{ "a stream that ends", "\x03\x00", 2 },
		{ "distance too far", "\x02\x02", 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct rig r;

		rig_compress(&r);
		rig_feed(&r, cases[i].bytes, cases[i].n);
		/* Some need more bytes to be told from good ones. */
		for (int more = 0; more < 8 && !r.hung_up; more++)
			rig_feed(&r, "\xff\xff\xff\xff", 4);
		if (!r.hung_up || !strstr(r.out.data, "* BYE [CLIENTBUG]"))
			fail_msg("%s: %s", cases[i].name, r.out.data);
		rig_down(&r);
	}
}

/* Thousands to one: refused by what holds for commands, and never held whole. */
static void test_bombs(void **state)
{
	static char zeros[4 << 20], z[100000];
	struct rig r;
	size_t n;

	(void)state;
	memset(zeros, 'x', sizeof(zeros));		/* one line of 4 MiB */
	n = squeeze(zeros, sizeof(zeros), Z_SYNC_FLUSH, z, sizeof(z));
	rig_compress(&r);
	rig_feed(&r, z, n);
	assert_true(r.hung_up || strstr(r.out.data, "BAD") != NULL);
	rig_down(&r);

	memset(zeros, '\n', sizeof(zeros));		/* four million lines */
	n = squeeze(zeros, sizeof(zeros), Z_SYNC_FLUSH, z, sizeof(z));
	rig_compress(&r);
	rig_feed(&r, z, n);
	assert_true(r.hung_up);
	assert_true(r.out.len < 100000);
	rig_down(&r);
}

static void test_syntax(void **state)
{
	static const char *const bad[] = { "COMPRESS", "COMPRESS ", "COMPRESS LZ4", "COMPRESS DEFLATE x",
					   "COMPRESS \"DEFLATE\"" };
	struct rig r;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		char line[100];

		rig_up(&r);
		rig_feed(&r, "1 COMPRESS DEFLATE\r\n", 20);	/* not before login */
		assert_non_null(strstr(r.plain.data, "1 BAD"));
		rig_feed(&r, "l LOGIN ann pw\r\n", 16);
		snprintf(line, sizeof(line), "2 %s\r\n", bad[i]);
		rig_feed(&r, line, strlen(line));
		if (!strstr(r.plain.data, "2 BAD"))
			fail_msg("%s: %s", bad[i], r.plain.data);
		rig_down(&r);
	}
}

/* The deflater may go away after any flush; the client notices nothing. */
static void collect(void *ctx, const void *p, size_t n)
{
	assert_int_equal(buf_add(ctx, p, n), ERR_OK);
}

static void test_rest(void **state)
{
	struct compress *c = compress_new();
	struct buf z, want, out;
	z_stream in = { 0 };
	static char text[40000];

	(void)state;
	buf_init(&z, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int i = 0; i < 20; i++) {
		size_t n = (size_t)(i * 1999 % 40000);

		for (size_t k = 0; k < n; k++)
			text[k] = (char)(k * k * (size_t)(i + 3) >> 5);
		compress_write(c, text, n, collect, &z);
		assert_int_equal(buf_add(&want, text, n), ERR_OK);
		if (i % 3)
			compress_rest(c);
	}
	assert_int_equal(inflateInit2(&in, -15), Z_OK);
	assert_int_equal(buf_reserve(&out, want.len + 1), ERR_OK);
	in.next_in = (Bytef *)z.data;
	in.avail_in = (uInt)z.len;
	in.next_out = (Bytef *)out.data;
	in.avail_out = (uInt)want.len + 1;
	assert_int_equal(inflate(&in, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(in.avail_out, 1);
	assert_memory_equal(out.data, want.data, want.len);
	inflateEnd(&in);
	compress_free(&c);
	buf_fini(&z);
	buf_fini(&want);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_at_every_split),
		cmocka_unit_test(test_pipelined_behind_the_command),
		cmocka_unit_test(test_small_window),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

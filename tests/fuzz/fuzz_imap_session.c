/* A logged-in session with a fake store.  The first byte picks how the rest is cut
 * up, how soon the store answers, and what goes wrong; nothing may crash, hang or
 * be left behind. */
#include "common/base/check.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/imap/session.h"
#include "tests/unit/client-access/imap/fake.h"


static struct {
	struct cas cas;
	void *s;
	bool full, paused;
} rig;

static void drop(void *ctx, const void *p, size_t n)
{
	(void)ctx;
	(void)p;
	rig.full = rig.full || n % 3 == 1;
}

static bool is_full(void *ctx)
{
	(void)ctx;
	return rig.full;
}

static void pause_input(void *ctx, bool on)
{
	(void)ctx;
	rig.paused = on;
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void set_idle(void *ctx, int64_t ms)
{
	(void)ctx;
	(void)ms;
}

static void proof(void *ctx, struct conn_proof *out)
{
	(void)ctx;
	memset(out, 0, sizeof(*out));
}

static void hangup(void *ctx)
{
	(void)ctx;
	imap_protocol.close(&rig.s);
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

/* Until the session takes input again. */
static void settle(unsigned most)
{
	while (rig.s && most-- > 0) {
		bool moved = fake_auth_step() || fake_step();

		if (rig.s && rig.full) {
			rig.full = false;
			imap_protocol.drained(rig.s);
			moved = true;
		}
		if (!moved)
			break;
	}
}

static void trouble(unsigned kind)
{
	static const char *const calls[] = { "fetch", "content", "query", "append", "flags",
					     "copy", "changes", "list" };

	if (kind & 1)
		fake_fail(calls[kind >> 1 & 7], (kind & 16) ? ERR_AGAIN : ERR_NOTFOUND);
	else if (kind & 2)
		fake_deliver("INBOX", "Subject: x\r\n\r\nnew\r\n");
	else if ((kind & 4) && fake_content("INBOX", 2))
		fake_expunge("INBOX", 2);
	else if (kind & 8)
		fake_no_maps(true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char login[] = "l LOGIN ann pw\r\ns SELECT INBOX\r\n";
	static char host[] = "fuzz";
	const struct front_io io = { drop, is_full, pause_input, nothing, set_idle, proof,
				     hangup, NULL };
	const struct front_peer peer = { .tls = true };
	size_t step = size ? data[0] % 64 + 1u : 1u;

	log_set_sink(quiet);
	memset(&rig, 0, sizeof(rig));
	fake_reset();
	rig.cas.conf.hostname = host;
	rig.cas.conf.max_message = 1000;
	watches_init(&rig.cas.watches, &rig.cas);
	uid_maps_init(&rig.cas.uid_maps);
	rig.s = imap_protocol.open(&rig.cas, &io, &peer);
	imap_protocol.feed(rig.s, login, sizeof(login) - 1);
	settle(1000);
	for (size_t at = 2; rig.s && at < size; at += step) {
		size_t n = size - at < step ? size - at : step;

		if (at / step == 3)
			trouble(data[1]);
		if (rig.s)
			imap_protocol.feed(rig.s, (const char *)data + at, n);
		settle(data[1] & 32 ? 3 : 1000);
		if (rig.paused)
			settle(10000);
	}
	imap_protocol.close(&rig.s);
	CHECK(fake_waiting() == 0 && fake_watches() == 0);
	watches_fini(&rig.cas.watches);
	uid_maps_fini(&rig.cas.uid_maps);
	fake_reset();
	return 0;
}

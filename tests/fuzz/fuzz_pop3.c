/*
 * A whole POP3 session, fed at once, and again in pieces with a store that sends
 * other chunks to a client that reads slowly: what the client hears and what is
 * removed must be the same.
 */
#include "tests/unit/client-access/pop3/fake_cas.c"

#define CONTENT 2000

/* The first octets of the input are content, what follows is said by the client. */
static void mailbox(struct fake_message m[3], const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < 3; i++)
		m[i] = (struct fake_message){ .uid = 2 + (uint32_t)i * 5,
					      .content = (const char *)p, .n = n / (i + 1) };
}

static void whole(const char *p, size_t n)
{
	fake.chunk = CONTENT;
	fake_feed(p, n);
	fake_run();
}

static void pieces(const char *p, size_t n, unsigned seed)
{
	size_t i = 0;

	fake.chunk = 1 + seed % 5;
	fake.slow = true;
	fake.full_at = 64;
	while (i < n || fake_turn() || fake.unread > 0) {
		size_t len = 1 + (seed >> 3) % 7;

		if (len > n - i)
			len = n - i;
		if (!fake.paused) {
			fake_feed(p + i, len);
			i += len;
		}
		fake_turn();
		fake_read(16);
		if (fake.session == NULL)
			break;
		seed = seed * 1103515245 + 12345;
	}
	fake_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_message m[3];
	struct buf out, trace;
	size_t n_content;
	const char *said;
	size_t n;
	bool over, tls;

	log_set_level(LOG_ERROR);
	if (size < 3)
		return 0;
	tls = data[0] & 1;
	n_content = data[1] < size - 2 ? data[1] : size - 2;
	said = (const char *)data + 2 + n_content;
	n = size - 2 - n_content;

	mailbox(m, data + 2, n_content);
	fake_up(m, 3, tls);
	whole(said, n);
	out = fake.out;
	trace = fake.trace;
	over = fake.hung_up;
	CHECK(!fake_turn());
	buf_init(&fake.out, 64u << 20);
	buf_init(&fake.trace, 64u << 10);
	fake_down();

	mailbox(m, data + 2, n_content);
	fake_up(m, 3, tls);
	pieces(said, n, data[0]);
	CHECK(over == fake.hung_up);
	CHECK(out.len == fake.out.len && memcmp(out.data, fake.out.data, out.len) == 0);
	CHECK(strcmp(trace.data, fake.trace.data) == 0);
	fake_down();
	buf_fini(&out);
	buf_fini(&trace);
	return 0;
}

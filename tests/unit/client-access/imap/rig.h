/* rig - an IMAP session driven by bytes, a fake store and a fake login */
#ifndef TEST_IMAP_RIG_H
#define TEST_IMAP_RIG_H

#include "common/base/buf.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/imap/session.h"
#include "tests/unit/client-access/imap/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct rig {
	struct cas cas;
	void *s;
	struct buf out, in;	/* in: held back while the session pauses */
	bool hung_up, paused, full, tls_wanted;
	size_t window;		/* bytes that may be sent until it is full; 0: any */
	size_t sent;
};

static inline void rig_send(void *ctx, const void *p, size_t n)
{
	struct rig *r = ctx;

	assert_false(r->hung_up);
	assert_int_equal(buf_add(&r->out, p, n), ERR_OK);
	r->sent += n;
	r->full = r->window && r->sent >= r->window;
}

static inline bool rig_is_full(void *ctx)
{
	return ((struct rig *)ctx)->full;
}

static inline void rig_pause(void *ctx, bool on)
{
	((struct rig *)ctx)->paused = on;
}

static inline void rig_starttls(void *ctx)
{
	((struct rig *)ctx)->tls_wanted = true;
}

static inline void rig_idle(void *ctx, int64_t ms)
{
	(void)ctx;
	(void)ms;
}

static void rig_proof(void *ctx, struct conn_proof *out)
{
	(void)ctx;
	memset(out, 0, sizeof(*out));
}

static inline void rig_hangup(void *ctx)
{
	struct rig *r = ctx;

	r->hung_up = true;
	imap_protocol.close(&r->s);
}

static inline void rig_up(struct rig *r, bool tls)
{
	const struct front_io io = { rig_send, rig_is_full, rig_pause, rig_starttls, rig_idle,
				     rig_proof, rig_hangup, r };
	const struct front_peer peer = { .tls = tls };
	static char host[] = "test";

	memset(r, 0, sizeof(*r));
	fake_reset();
	r->cas.conf.hostname = host;
	r->cas.conf.max_message = 100000;
	watches_init(&r->cas.watches, &r->cas);
	uid_maps_init(&r->cas.uid_maps);
	buf_init(&r->out, 1 << 20);
	buf_init(&r->in, 1 << 20);
	r->s = imap_protocol.open(&r->cas, &io, &peer);
}

/* Nothing may be left in flight, in the maps, or watched. */
static inline void rig_down(struct rig *r)
{
	imap_protocol.close(&r->s);
	assert_int_equal(fake_waiting(), 0);
	assert_int_equal(fake_watches(), 0);
	watches_fini(&r->cas.watches);
	uid_maps_fini(&r->cas.uid_maps);
	buf_fini(&r->out);
	buf_fini(&r->in);
}

/* Until nothing moves any more. */
static inline void rig_settle(struct rig *r)
{
	bool moved;

	do {
		moved = fake_auth_step() || fake_step();
		if (r->s && r->tls_wanted) {
			r->tls_wanted = false;
			buf_clear(&r->in);	/* as common/tls/conn does */
			imap_protocol.secured(r->s);
			moved = true;
		}
		if (r->s && r->full) {
			r->full = false;
			r->sent = 0;
			imap_protocol.drained(r->s);
			moved = true;
		}
		if (r->s && !r->paused && r->in.len > 0) {
			size_t n = r->in.len;
			char *copy = malloc(n);

			memcpy(copy, r->in.data, n);
			buf_clear(&r->in);
			imap_protocol.feed(r->s, copy, n);
			free(copy);
			moved = true;
		}
	} while (moved);
}

static inline void rig_feed(struct rig *r, const char *p, size_t n)
{
	assert_int_equal(buf_add(&r->in, p, n), ERR_OK);
	rig_settle(r);
}

static inline void rig_say(struct rig *r, const char *text)
{
	rig_feed(r, text, strlen(text));
}

/* What was said since the last look. */
/* The list of capabilities grows: only test_capabilities() looks at it. */
static inline char *said(struct rig *r)
{
	char *at = r->out.data, *end;

	while ((at = strstr(at, "* CAPABILITY IMAP4rev1")) != NULL) {
		at += strlen("* CAPABILITY ");
		end = strchr(at, '\r');
		memcpy(at, "...", 3);
		memmove(at + 3, end, strlen(end) + 1);
		r->out.len = strlen(r->out.data);
	}
	return r->out.data;
}

static inline void expect(struct rig *r, const char *what)
{
	if (strcmp(said(r), what) != 0)
		fail_msg("expected:\n%s\ngot:\n%s", what, r->out.data);
	buf_clear(&r->out);
}

static inline void log_in(struct rig *r)
{
	rig_say(r, "l LOGIN ann pw\r\n");
	assert_non_null(strstr(r->out.data, "l OK "));
	buf_clear(&r->out);
}

static inline void select_inbox(struct rig *r)
{
	log_in(r);
	rig_say(r, "s SELECT INBOX\r\n");
	assert_non_null(strstr(r->out.data, "s OK [READ-WRITE]"));
	buf_clear(&r->out);
}

#define CAPS "* CAPABILITY ...\r\n"
#define HELLO  "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR AUTH=SCRAM-SHA-256 AUTH=PLAIN " \
	       "AUTH=LOGIN ID] test ready.\r\n"
#define INBOX_ID "FAQIDAAAAAAAAAAAAAAAAAAAAAABl"
#define SELECTED "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent junk)\r\n" \
	"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent junk \\*)] " \
	"Flags you may change.\r\n* 4 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 2] First unseen.\r\n" \
	"* OK [UIDVALIDITY 7] UIDs are valid.\r\n* OK [UIDNEXT 10] Predicted next UID.\r\n" \
	"* OK [HIGHESTMODSEQ 5] Highest.\r\n* OK [MAILBOXID (" INBOX_ID ")] Its own.\r\n"

/* A conversation, in the state named by `first`: 'n' not logged in, 'a' logged in,
 * 's' INBOX selected. */
struct talk {
	const char *name;
	char first;
	const char *in, *out;
	bool hung_up;
};

static inline void begin(struct rig *r, char state)
{
	rig_up(r, true);
	expect(r, HELLO);
	if (state == 'a')
		log_in(r);
	if (state == 's')
		select_inbox(r);
}

/* The answer depends on nothing but the bytes: not on how the network cut them,
 * not on how slowly the client reads, not on how the store gives content. */
static inline void check_at_every_split(const struct talk *cases, size_t n_cases)
{
	for (size_t i = 0; i < n_cases; i++) {
		size_t len = strlen(cases[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			struct rig r;

			begin(&r, cases[i].first);
			r.window = cut % 3 == 1 ? 10 : 0;
			fake_content_in_rows(cut % 2);
			rig_feed(&r, cases[i].in, cut);
			rig_feed(&r, cases[i].in + cut, len - cut);
			if (strcmp(said(&r), cases[i].out) != 0)
				fail_msg("%s, cut at %zu:\n%s\ngot:\n%s", cases[i].name, cut,
					 cases[i].out, r.out.data);
			assert_int_equal(r.hung_up, cases[i].hung_up);
			rig_down(&r);
		}
	}
}

/* A client that leaves while anything is under way costs nothing. */
static inline void check_leaving(const struct talk *cases, size_t n_cases)
{
	for (size_t i = 0; i < n_cases; i++)
		for (unsigned steps = 0; steps < 4; steps++) {
			struct rig r;

			begin(&r, cases[i].first);
			assert_int_equal(buf_adds(&r.in, cases[i].in), ERR_OK);
			imap_protocol.feed(r.s, r.in.data, r.in.len);
			for (unsigned k = 0; k < steps && r.s; k++)
				if (!fake_auth_step())
					fake_step();
			rig_down(&r);
			while (fake_auth_step() || fake_step())
				;
		}
}
#endif

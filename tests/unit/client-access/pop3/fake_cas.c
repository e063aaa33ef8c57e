#include "tests/unit/client-access/pop3/fake_cas.h"

#include "common/auth/sasl.h"
#include "common/base/check.h"
#include "roles/client-access/account.h"
#include <stdlib.h>
#include <string.h>

struct fake fake;

enum kind { OPEN, LIST, FETCH, CONTENT, EXPUNGE, LOGIN, SASL };

/* All that is in flight is one of these. */
struct api_call {
	struct api_call *next;
	enum kind kind;
	void *ctx;
	store_open_cb *on_open;
	store_folders_cb *on_list;
	store_rows_cb *on_rows;
	store_fetch_cb *on_fetch;
	store_bytes_cb *on_bytes;
	store_content_cb *on_content;
	store_expunge_cb *on_expunge;
	login_cb *on_login;
	sasl_cb *on_sasl;
	size_t at, end, credit;
	struct fake_message *m;
	struct uid_range r[64];
	size_t n;
	enum err e;
	const char *challenge;
	bool due;			/* SASL: an answer is owed */
	unsigned lines;
};

static struct api_call *calls;

static struct api_call *add(enum kind kind, void *ctx)
{
	struct api_call *c = xcalloc(1, sizeof(*c)), **at = &calls;

	c->kind = kind;
	c->ctx = ctx;
	while (*at)
		at = &(*at)->next;
	*at = c;
	fake.calls++;
	return c;
}

static void drop(struct api_call *c)
{
	struct api_call **at = &calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	fake.calls--;
	free(c);
}

static void trace(const char *what)
{
	CHECK(buf_addf(&fake.trace, "%s%s", fake.trace.len ? " " : "", what) == ERR_OK);
}

/* ---- the store --------------------------------------------------------------------- */

void api_cancel(struct api_call **c)
{
	if (*c)
		drop(*c);
	*c = NULL;
}

void api_grant(struct api_call *c, size_t bytes)
{
	CHECK(c != NULL && bytes <= (1u << 20) - c->credit);
	c->credit += bytes;
}

enum err account_locate(struct cas *cas, const struct guid *principal, struct store_at *at)
{
	CHECK(cas == &fake.cas && principal->b[0] == 1);
	*at = (struct store_at){ .mailbox = *principal, .principal = *principal };
	return fake.e_locate;
}

enum err account_locate_mailbox(struct cas *cas, const struct guid *mailbox,
				const struct guid *principal, struct store_at *at)
{
	(void)cas;
	*at = (struct store_at){ .mailbox = *mailbox, .principal = *principal };
	return fake.e_locate;
}

void cas_count(struct cas *cas, enum cas_metric m, int64_t n)
{
	CHECK(cas == &fake.cas && m < CAS_METRICS && n == 1);
}

struct api_call *store_open(const struct store_at *at, store_open_cb *cb, void *ctx)
{
	struct api_call *c = add(OPEN, ctx);

	CHECK(at->mailbox.b[0] == 1);
	c->on_open = cb;
	return c;
}

struct api_call *store_folder_list(const struct store_at *at, const char *path,
				   store_folders_cb *cb, void *ctx)
{
	struct api_call *c = add(LIST, ctx);

	CHECK(at->mailbox.b[0] == 1 && strcmp(path, "INBOX") == 0);
	c->on_list = cb;
	return c;
}

struct api_call *store_fetch(const struct store_at *at, const struct store_fetch *f,
			     store_rows_cb *rows, store_fetch_cb *cb, void *ctx)
{
	struct api_call *c = add(FETCH, ctx);

	CHECK(at->mailbox.b[0] == 1 && f->fid == 5 && f->columns == COL_SIZE && f->uids.n == 1 &&
	      f->uids.r[0].first == 1 && f->uids.r[0].last == UINT32_MAX);
	c->on_rows = rows;
	c->on_fetch = cb;
	c->credit = 1u << 20;
	return c;
}

struct api_call *store_content(const struct store_at *at, uint64_t fid, uint32_t uid,
			       uint64_t offset, uint64_t length, bool set_seen,
			       store_bytes_cb *bytes, store_content_cb *cb, void *ctx)
{
	struct api_call *c = add(CONTENT, ctx);

	CHECK(at->mailbox.b[0] == 1 && fid == 5 && length > 0);
	c->on_bytes = bytes;
	c->on_content = cb;
	c->credit = 1u << 20;
	c->at = offset;
	c->end = offset + length;
	c->e = fake.e_content;
	for (size_t i = 0; i < fake.n; i++)
		if (fake.m[i].uid == uid && !fake.m[i].gone)
			c->m = &fake.m[i];
	if (c->m == NULL) {
		c->e = ERR_NOTFOUND;
		return c;
	}
	CHECK(offset < c->m->n || (offset == 0 && c->m->n == 0));
	if (c->end > c->m->n)
		c->end = c->m->n;
	c->m->seen |= set_seen;
	return c;
}

struct api_call *store_expunge(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			       bool any_flag, store_expunge_cb *cb, void *ctx)
{
	struct api_call *c = add(EXPUNGE, ctx);
	char text[40];

	CHECK(at->mailbox.b[0] == 1 && fid == 5 && any_flag && uids.n > 0 &&
	      uids.n <= N_ELEMS(c->r));
	c->on_expunge = cb;
	c->n = uids.n;
	memcpy(c->r, uids.r, uids.n * sizeof(*c->r));
	trace("expunge");
	for (size_t i = 0; i < c->n; i++) {
		snprintf(text, sizeof(text), "%u:%u", c->r[i].first, c->r[i].last);
		trace(text);
	}
	return c;
}

/* Rows come two at a time. */
static void turn_fetch(struct api_call *c)
{
	struct store_row rows[2] = { { 0 } };
	store_fetch_cb *cb = c->on_fetch;
	void *ctx = c->ctx;
	size_t n = 0;

	for (; n < 2 && c->at < fake.n && fake.e_fetch == ERR_OK; c->at++) {
		if (fake.m[c->at].gone)
			continue;
		rows[n].uid = fake.disorder ? 9 : fake.m[c->at].uid;
		rows[n].columns = fake.no_size ? 0 : COL_SIZE;
		rows[n++].size = fake.m[c->at].n;
	}
	if (n > 0) {
		CHECK(c->credit >= n * 20);
		c->credit -= n * 20;
		c->on_rows(ctx, rows, n, n * 20);
		return;
	}
	drop(c);
	cb(ctx, fake.e_fetch, 0, (struct uid_ranges){ NULL, 0 });
}

static bool turn_content(struct api_call *c)
{
	size_t n = fake.chunk ? fake.chunk : 7, left = c->e ? 0 : c->end - c->at;
	store_content_cb *cb = c->on_content;
	void *ctx = c->ctx;
	enum err e = c->e;

	if (fake.break_at && !e && c->at >= fake.break_at) {
		left = 0;
		e = ERR_AGAIN;
	}
	if (left > 0) {
		if (n > left)
			n = left;
		if (c->credit < n)
			return false;
		c->credit -= n;
		c->at += n;
		fake.sent += n;
		c->on_bytes(ctx, c->m->content + c->at - n, n);
		return true;
	}
	drop(c);
	cb(ctx, e, 0, 0, 0);
	return true;
}

static void turn_expunge(struct api_call *c)
{
	store_expunge_cb *cb = c->on_expunge;
	void *ctx = c->ctx;

	for (size_t i = 0; i < fake.n && fake.e_expunge == ERR_OK; i++)
		for (size_t k = 0; k < c->n; k++)
			if (fake.m[i].uid >= c->r[k].first && fake.m[i].uid <= c->r[k].last)
				fake.m[i].gone = true;
	drop(c);
	cb(ctx, fake.e_expunge, (struct uid_ranges){ NULL, 0 }, 0);
}

static void turn_open(struct api_call *c)
{
	static const struct store_info info = { .epoch = 1 };
	store_open_cb *cb = c->on_open;
	void *ctx = c->ctx;

	drop(c);
	cb(ctx, fake.e_open, fake.e_open ? NULL : &info);
}

static void turn_list(struct api_call *c)
{
	const struct store_folder inbox = { .fid = 5, .path = "INBOX", .uidvalidity = 77 };
	const struct store_folders f = { .f = &inbox, .n = fake.no_inbox ? 0 : 1 };
	store_folders_cb *cb = c->on_list;
	void *ctx = c->ctx;

	drop(c);
	cb(ctx, fake.e_list, fake.e_list ? NULL : &f);
}

/* ---- logins: the password is "sesame" ------------------------------------------------ */

static const struct login_result ann = { .principal = { { 1 } }, .usn = 4, .user = "ann@a.test" };

struct login_call *login_verify(struct login *l, const struct login_try *t, login_cb *cb,
				void *ctx)
{
	struct api_call *c = add(LOGIN, ctx);

	CHECK(l == NULL && t->protocol == LOGIN_POP3);
	c->on_login = cb;
	c->e = strcmp(t->user, "slow") == 0 ? ERR_LIMIT : strcmp(t->user, "away") == 0 ? ERR_AGAIN :
	       t->password_len == 6 && memcmp(t->password, "sesame", 6) == 0 ? ERR_OK : ERR_DENIED;
	return (struct login_call *)c;
}

void login_cancel(struct login_call **c)
{
	api_cancel((struct api_call **)c);
}

enum err login_still(struct login *l, const struct login_result *r, enum login_protocol protocol)
{
	CHECK(l == NULL && r->usn == 4 && protocol == LOGIN_POP3);
	return fake.e_still;
}

static void turn_login(struct api_call *c)
{
	login_cb *cb = c->on_login;
	void *ctx = c->ctx;
	enum err e = c->e;

	drop(c);
	cb(ctx, e, e ? NULL : &ann);
}

const char *sasl_mechanisms(struct login *l, const struct sasl_conf *conf,
			    char out[SASL_NAMES_MAX])
{
	(void)l;
	(void)out;
	return conf->tls || conf->allow_plain ? "SCRAM-SHA-256 PLAIN LOGIN" : "SCRAM-SHA-256";
}

static void sasl_answer(struct api_call *c, enum err e, const char *challenge)
{
	CHECK(!c->due);
	c->due = true;
	c->e = e;
	c->challenge = challenge;
}

static enum err verdict(const char *line, size_t n)
{
	return n == 1 && *line == '*' ? ERR_INVALID :
	       n == 6 && memcmp(line, "sesame", 6) == 0 ? ERR_OK : ERR_DENIED;
}

/* PLAIN takes one line, LOGIN two. */
struct sasl *sasl_start(struct login *l, uv_loop_t *loop, const struct sasl_conf *conf,
			const char *mechanism, const char *initial, sasl_cb *cb, void *ctx)
{
	struct api_call *c = add(SASL, ctx);

	CHECK(l == NULL && loop == NULL && conf->protocol == LOGIN_POP3);
	c->on_sasl = cb;
	c->lines = strcasecmp(mechanism, "LOGIN") == 0 ? 2 : 1;
	if (c->lines == 1 && strcasecmp(mechanism, "PLAIN") != 0)
		sasl_answer(c, ERR_NOTFOUND, NULL);
	else if (initial)
		sasl_answer(c, verdict(initial, strlen(initial)), NULL);
	else
		sasl_answer(c, ERR_OK, c->lines == 2 ? "VXNlcm5hbWU6" : "");
	return (struct sasl *)c;
}

void sasl_line(struct sasl *s, const char *line, size_t n)
{
	struct api_call *c = (struct api_call *)s;

	if (--c->lines > 0 && !(n == 1 && *line == '*'))
		sasl_answer(c, ERR_OK, "UGFzc3dvcmQ6");
	else
		sasl_answer(c, verdict(line, n), NULL);
}

void sasl_cancel(struct sasl **s)
{
	api_cancel((struct api_call **)s);
}

static bool turn_sasl(struct api_call *c)
{
	sasl_cb *cb = c->on_sasl;
	void *ctx = c->ctx;
	const char *challenge = c->challenge;
	enum err e = c->e;

	if (!c->due)
		return false;
	c->due = false;
	if (e || challenge == NULL)
		drop(c);
	cb(ctx, e, challenge, e || challenge ? NULL : &ann);
	return true;
}

/* ---- the connection -------------------------------------------------------------------- */

static void io_send(void *ctx, const void *p, size_t n)
{
	CHECK(ctx == &fake && !fake.hung_up && buf_add(&fake.out, p, n) == ERR_OK);
	if (fake.slow)
		fake.unread += n;
}

static bool io_is_full(void *ctx)
{
	CHECK(ctx == &fake && !fake.hung_up);
	return fake.unread > fake.full_at;
}

static void io_pause(void *ctx, bool on)
{
	CHECK(ctx == &fake && fake.paused != on);
	fake.paused = on;
}

static void io_starttls(void *ctx)
{
	CHECK(ctx == &fake && !fake.in_handshake);
	fake.in_handshake = true;
}

static void io_set_idle(void *ctx, int64_t ms)
{
	CHECK(ctx == &fake);
	fake.idle_ms = ms;
}

static void io_proof(void *ctx, struct conn_proof *out)
{
	(void)ctx;
	memset(out, 0, sizeof(*out));
}

static void io_hangup(void *ctx)
{
	CHECK(ctx == &fake && !fake.hung_up);
	fake.hung_up = true;
	pop3_protocol.close(&fake.session);
}

void fake_up(struct fake_message *m, size_t n, bool tls)
{
	static const struct front_io io = { io_send, io_is_full, io_pause, io_starttls,
					    io_set_idle, io_proof, io_hangup, &fake };
	struct front_peer peer = { .tls = tls };

	fake = (struct fake){ .m = m, .n = n, .full_at = SIZE_MAX };
	fake.cas.conf.idle_ms = 1800000;
	fake.cas.conf.login_ms = 60000;
	peer.addr = (struct addr){ .family = 4, .ip = { 192, 0, 2, 1 }, .port = 99 };
	buf_init(&fake.out, 64u << 20);
	buf_init(&fake.trace, 64u << 10);
	fake.session = pop3_protocol.open(&fake.cas, &io, &peer);
}

void fake_down(void)
{
	if (fake.session)
		pop3_protocol.close(&fake.session);
	CHECK(fake.calls == 0 && calls == NULL);
	buf_fini(&fake.out);
	buf_fini(&fake.trace);
}

void fake_feed(const char *p, size_t n)
{
	if (fake.session && n > 0)
		pop3_protocol.feed(fake.session, p, n);
}

void fake_read(size_t n)
{
	bool was_full = fake.unread > fake.full_at;

	fake.unread -= n < fake.unread ? n : fake.unread;
	if (fake.session && was_full && fake.unread <= fake.full_at)
		pop3_protocol.drained(fake.session);
}

/* One event of this call; false: it waits. */
static bool turn(struct api_call *c)
{
	switch (c->kind) {
	case OPEN:
		turn_open(c);
		break;
	case LIST:
		turn_list(c);
		break;
	case FETCH:
		turn_fetch(c);
		break;
	case CONTENT:
		return turn_content(c);
	case EXPUNGE:
		turn_expunge(c);
		break;
	case LOGIN:
		turn_login(c);
		break;
	case SASL:
		return turn_sasl(c);
	}
	return true;
}

bool fake_turn(void)
{
	for (struct api_call *c = calls; c; c = c->next)
		if (turn(c))
			return true;
	return false;
}

void fake_run(void)
{
	while (fake_turn())
		;
}

/* Outbound against our own SMTP server on loopback, in one loop. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/relay/front.h"
#include "common/relay/outbound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct rig {
	char dir[64];
	uv_loop_t loop;
	struct net *net;
	struct spool *spool;
	struct queue *queue;
	struct track *track;
	struct resolver *dns;
	struct front *front;
	struct outbound *out;
	struct tls_ctx *server_tls, *client_tls, *smart_tls;
	uint8_t pin[TLS_PIN];		/* of the one certificate */
	struct conn_tls seen;		/* by the host, of its last client */
	struct smtp_server_conf smtp;
	uint16_t port;			/* that the connector says */
	struct retry_conf retry;
	bool turn_away;			/* 554 at the greeting */
	unsigned sessions, messages, rcpts, sent;
	unsigned notify;		/* of recipients that are added */
	int answers;
	enum err e;
	char text[2048], error[256];	/* of queued(): the queues; the last one's error */
	uv_timer_t guard;
};

/* ---- the other side ------------------------------------------------------------------ */

static void on_connect(void *ctx, struct smtp_server *s)
{
	struct rig *r = front_role(ctx);

	r->sessions++;
	smtp_server_answer(s, r->turn_away ? 554 : 220, NULL, NULL);
}

static void on_rcpt(void *ctx, struct smtp_server *s, const struct smtp_rcpt *rc)
{
	(void)ctx;
	if (strncmp(rc->to.local, "temp", 4) == 0)
		smtp_server_answer(s, 450, "4.2.1", "Come back later");
	else if (strncmp(rc->to.local, "perm", 4) == 0)
		smtp_server_answer(s, 550, "5.1.1", "Nobody here");
	else
		smtp_server_answer(s, 250, NULL, NULL);
}

static void on_data_end(void *ctx, struct smtp_server *s, struct spool_body *body,
			const struct smtp_server_facts *facts)
{
	struct rig *r = front_role(ctx);
	char text[64] = "";
	size_t got;

	(void)facts;
	conn_tls(front_session_conn(ctx), &r->seen);
	assert_int_equal(spool_body_read(body, 0, text, sizeof(text) - 1, &got, NULL), ERR_OK);
	assert_memory_equal(text, "X-Trace: 1\r\nSubject: x\r\n", 24);
	r->messages++;
	r->rcpts += smtp_server_rcpts(s);
	smtp_server_answer(s, 250, NULL, NULL);
}

static const struct smtp_server_policy policy = {
	.connect = on_connect, .rcpt = on_rcpt, .data_end = on_data_end,
};

/* ---- the rig ---------------------------------------------------------------------------- */

static void on_due(void *ctx, const struct queue_hop *hop)
{
	struct rig *r = ctx;

	if (hop->kind == HOP_DOMAIN || hop->kind == HOP_SMART)
		outbound_due(r->out, hop);
}

static void route(void *ctx, const struct queue_hop *hop, struct outbound_route *out)
{
	(void)hop;
	out->port = ((struct rig *)ctx)->port;
}

static void on_sent(void *ctx)
{
	((struct rig *)ctx)->sent++;
}

static void on_guard(uv_timer_t *t)
{
	(void)t;
	fail_msg("nothing happens any more");
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

/* STARTTLS is offered by the tests that want it. */
static void make_tls(struct rig *r, struct errbuf *eb)
{
	static const char *const names[] = { "in.test" };
	char cert[80], key[80];
	const struct tls_cert own = { cert, key };
	const struct tls_server_conf sc = { .certs = &own, .n_certs = 1,
					    .client = TLS_CLIENT_ASK };
	const struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE };
	const struct tls_client_conf mc = { .verify = TLS_VERIFY_NONE, .cert = own };
	struct tls_cert_info info;

	snprintf(cert, sizeof(cert), "%s/cert.pem", r->dir);
	snprintf(key, sizeof(key), "%s/key.pem", r->dir);
	assert_int_equal(tls_self_signed(cert, key, names, 1, 2, eb), ERR_OK);
	assert_int_equal(tls_server_new(&sc, &r->server_tls, eb), ERR_OK);
	assert_int_equal(tls_client_new(&cc, &r->client_tls, eb), ERR_OK);
	assert_int_equal(tls_client_new(&mc, &r->smart_tls, eb), ERR_OK);
	assert_int_equal(tls_ctx_cert(r->smart_tls, 0, &info), ERR_OK);
	memcpy(r->pin, info.pin, sizeof(r->pin));
}

static int rig_up(void **state)
{
	static const char *const addrs[] = { "127.0.0.1:0", NULL };
	struct rig *r = xcalloc(1, sizeof(*r));
	char path[128];
	struct spool_conf sc = { .dir = path };
	struct track_conf tc = { .dir = path };
	struct queue_conf qc = { .loop = &r->loop, .path = path, .on_due = on_due, .ctx = r };
	struct resolver_conf rc = { .loop = &r->loop };
	struct front_conf fc = { .loop = &r->loop, .addrs = addrs, .smtp = &r->smtp,
				 .policy = &policy, .role = r };
	struct outbound_conf oc = { .loop = &r->loop, .hostname = "out.test", .total = 10,
				    .per_hop = 3, .route = route, .on_sent = on_sent, .ctx = r };
	struct errbuf eb = { "" };

	log_set_sink(quiet);
	snprintf(r->dir, sizeof(r->dir), "/tmp/test_outbound.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(uv_loop_init(&r->loop), 0);
	snprintf(path, sizeof(path), "%s/spool", r->dir);
	assert_int_equal(spool_open(&sc, &r->spool, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/track", r->dir);
	assert_int_equal(track_open(&tc, &r->track, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/queue.db", r->dir);
	qc.spool = r->spool;
	assert_int_equal(queue_open(&qc, &r->queue, &eb), ERR_OK);
	r->net = net_open(&r->loop);
	assert_int_equal(resolver_open(&rc, &r->dns, &eb), ERR_OK);
	smtp_server_conf_hub(&r->smtp);
	r->smtp.hostname = "in.test";
	r->smtp.tarpit_ms = 0;
	r->smtp.ext &= ~(unsigned)SMTP_EXT_STARTTLS;
	fc.net = r->net;
	if (front_open(&fc, &r->front, &eb))
		fail_msg("%s", eb.text);
	make_tls(r, &eb);
	front_ready(r->front, r->spool, r->server_tls);
	oc.tls = r->client_tls;
	oc.smart_tls = r->smart_tls;
	r->port = front_port(r->front);
	r->retry = retry_hub;
	oc.net = r->net;
	oc.dns = r->dns;
	oc.queue = r->queue;
	oc.track = r->track;
	oc.retry = &r->retry;
	r->out = outbound_new(&oc);
	assert_int_equal(uv_timer_init(&r->loop, &r->guard), 0);
	uv_timer_start(&r->guard, on_guard, 10000, 0);
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;
	char *cmd = xasprintf("rm -rf '%s'", r->dir);
	int rc;

	front_close(&r->front);
	queue_close(&r->queue);
	outbound_free(&r->out);
	resolver_close(&r->dns);
	track_close(&r->track);
	net_close(&r->net);
	tls_ctx_unref(&r->server_tls);
	tls_ctx_unref(&r->client_tls);
	tls_ctx_unref(&r->smart_tls);
	uv_close((uv_handle_t *)&r->guard, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	spool_close(&r->spool);
	log_set_sink(NULL);
	rc = system(cmd);
	free(cmd);
	free(r);
	return rc;
}

static void done(void *ctx, enum err e)
{
	struct rig *r = ctx;

	r->e = e;
	r->answers++;
}

static void add(struct rig *r, enum hop_kind kind, const char *hop, const char *rcpts)
{
	struct mail *m = mail_new();
	int answers = r->answers;
	char copy[256], *save = NULL;

	m->id = (struct mail_id){ *queue_instance(r->queue), queue_next_seq(r->queue) };
	m->root = m->id.origin;
	m->sender = "ann@out.test";
	m->prefix = "X-Trace: 1\r\n";
	m->received_ms = clock_wall_ms();
	assert_int_equal(mail_fill_body(m, r->spool, "Subject: x\r\n\r\nhi\r\n", 18, NULL), ERR_OK);
	snprintf(copy, sizeof(copy), "%s", rcpts);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		mail_route(m, mail_add(m, w), kind, hop);
	for (size_t i = 0; i < m->n_rcpts; i++)
		m->rcpts[i].notify = r->notify;
	queue_add(r->queue, m, clock_wall_ms(), done, r);
	mail_unref(&m);
	while (r->answers == answers)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(r->e, ERR_OK);
}

static void listed(void *ctx, enum err e, const struct queue_line *l, size_t n)
{
	struct rig *r = ctx;
	size_t at = 0;

	assert_int_equal(e, ERR_OK);
	r->text[0] = r->error[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		snprintf(r->error, sizeof(r->error), "%s", l[i].error);
		at += (size_t)snprintf(r->text + at, sizeof(r->text) - at, "%s%s=%u try%u",
				       i ? " " : "", hop_kind_name(l[i].kind),
				       (unsigned)l[i].recipients, l[i].tries);
	}
	r->answers++;
}

static const char *queued(struct rig *r)
{
	int answers = r->answers;

	queue_list(r->queue, 0, listed, r);
	while (r->answers == answers)
		uv_run(&r->loop, UV_RUN_ONCE);
	return r->text;
}

static void until(struct rig *r, const char *want)
{
	queue_tick(r->queue, clock_wall_ms());
	while (strcmp(queued(r), want) != 0)
		uv_run(&r->loop, UV_RUN_ONCE);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void test_sent_by_one_connection(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 3; i++)
		add(r, HOP_DOMAIN, "[127.0.0.1]", "a@x.test b@x.test");
	until(r, "");
	assert_int_equal(r->messages, 3);
	assert_int_equal(r->rcpts, 6);
	assert_int_equal(r->sent, 6);
	assert_int_equal(r->sessions, 1);
	assert_int_equal(outbound_connections(r->out), 1);
	outbound_tick(r->out, clock_mono_ms() + 20000);	/* idle for long: said goodbye */
	while (outbound_connections(r->out) > 0)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static void test_each_recipient_has_its_result(void **state)
{
	struct rig *r = *state;

	add(r, HOP_DOMAIN, "[127.0.0.1]", "ok@x.test temp@x.test perm@x.test");
	until(r, "domain=1 try0 report=1 try0");
	assert_int_equal(r->messages, 1);
	assert_int_equal(r->sent, 1);
}

/* The host is up, but somebody there has to wait: the queue says why. */
static void test_queue_says_why_a_recipient_waits(void **state)
{
	struct rig *r = *state;

	add(r, HOP_DOMAIN, "[127.0.0.1]", "temp@x.test");
	until(r, "domain=1 try0");
	while (!r->error[0])
		queued(r);
	assert_string_equal(r->error, "450 4.2.1 Come back later");
}

/* Who knows DSN reports success itself; for who does not, we say "relayed". */
static void test_success_is_whose_to_report(void **state)
{
	struct rig *r = *state;

	r->notify = SMTP_NOTIFY_SUCCESS;
	add(r, HOP_DOMAIN, "[127.0.0.1]", "a@x.test b@x.test");
	until(r, "");
	assert_int_equal(r->sent, 2);
	outbound_tick(r->out, clock_mono_ms() + 20000);
	while (outbound_connections(r->out) > 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	r->smtp.ext &= ~(unsigned)SMTP_EXT_DSN;
	add(r, HOP_DOMAIN, "[127.0.0.1]", "a@x.test b@x.test");
	until(r, "report=2 try0");
	r->notify = SMTP_NOTIFY_FAILURE;
	add(r, HOP_DOMAIN, "[127.0.0.1]", "c@x.test");
	until(r, "report=2 try0");
	assert_int_equal(r->sent, 5);
}

/* Smart hosts may be servers of ours that know us by our certificate; hosts outside
 * are not shown it. */
static void test_smart_hosts_see_our_certificate(void **state)
{
	static const struct {
		enum hop_kind kind;
		const char *hop;
		bool starttls, cert;
	} cases[] = {
		{ HOP_DOMAIN, "[127.0.0.1]", true, false },
		{ HOP_SMART, "127.0.0.1", true, true },
		{ HOP_SMART, "[127.0.0.1]", false, false },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		if (cases[i].starttls)
			r->smtp.ext |= SMTP_EXT_STARTTLS;
		else
			r->smtp.ext &= ~(unsigned)SMTP_EXT_STARTTLS;
		add(r, cases[i].kind, cases[i].hop, "a@x.test");
		until(r, "");
		assert_int_equal(r->messages, i + 1);
		assert_int_equal(r->seen.version != NULL, cases[i].starttls);
		assert_int_equal(r->seen.has_peer_cert, cases[i].cert);
		if (cases[i].cert)
			assert_memory_equal(r->seen.peer_pin, r->pin, TLS_PIN);
	}
}

static void test_many_recipients_go_in_parts(void **state)
{
	struct rig *r = *state;
	struct mail *m = mail_new();
	char address[32];

	m->id = (struct mail_id){ *queue_instance(r->queue), queue_next_seq(r->queue) };
	m->root = m->id.origin;
	m->sender = "";
	m->prefix = "X-Trace: 1\r\n";
	m->received_ms = clock_wall_ms();
	assert_int_equal(mail_fill_body(m, r->spool, "Subject: x\r\n\r\nhi\r\n", 18, NULL), ERR_OK);
	for (int i = 0; i < 250; i++) {
		snprintf(address, sizeof(address), "u%d@x.test", i);
		mail_route(m, mail_add(m, address), HOP_DOMAIN, "[127.0.0.1]");
	}
	queue_add(r->queue, m, clock_wall_ms(), done, r);
	mail_unref(&m);
	while (!r->answers)
		uv_run(&r->loop, UV_RUN_ONCE);
	until(r, "");
	assert_int_equal(r->messages, 3);
	assert_int_equal(r->rcpts, 250);
}

static void test_nobody_listens(void **state)
{
	struct rig *r = *state;
	char hop[32];

	snprintf(hop, sizeof(hop), "127.0.0.1:%u", (unsigned)r->port);
	front_close(&r->front);
	add(r, HOP_SMART, hop, "a@x.test");
	until(r, "smart-host=1 try1");
	add(r, HOP_SMART, hop, "b@x.test");
	for (int i = 0; i < 5; i++)	/* not due: nothing is tried */
		queue_tick(r->queue, clock_wall_ms());
	assert_string_equal(queued(r), "smart-host=2 try1");
}

static void test_turned_away_waits(void **state)
{
	struct rig *r = *state;

	r->turn_away = true;
	add(r, HOP_DOMAIN, "[127.0.0.1]", "a@x.test");
	until(r, "domain=1 try1");
	assert_int_equal(r->sessions, 1);
	r->turn_away = false;
	queue_kick(r->queue, HOP_DOMAIN, NULL, clock_wall_ms());
	until(r, "");
	assert_int_equal(r->messages, 1);
}

static void test_not_a_domain_fails_at_once(void **state)
{
	struct rig *r = *state;

	add(r, HOP_DOMAIN, "no domain", "a@x.test");
	until(r, "report=1 try0");
}

/* Whatever was under way when the other side went: sent, or still here. */
static void test_peer_gone_in_the_middle(void **state)
{
	struct rig *r = *state;
	unsigned left = 0;

	for (int i = 0; i < 5; i++)
		add(r, HOP_DOMAIN, "[127.0.0.1]", "a@x.test");
	queue_tick(r->queue, clock_wall_ms());
	while (r->sessions == 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	front_close(&r->front);
	while (outbound_connections(r->out) > 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	if (queued(r)[0])
		assert_int_equal(sscanf(r->text, "domain=%u", &left), 1);
	assert_int_equal(r->sent + left, 5);
}

/* Closed while items are out: they are due again after the restart. */
static void test_closed_in_the_middle(void **state)
{
	struct rig *r = *state;
	struct queue_stats s;

	for (int i = 0; i < 5; i++)
		add(r, HOP_DOMAIN, "[127.0.0.1]", "a@x.test");
	queue_tick(r->queue, clock_wall_ms());
	while (r->sessions == 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	queue_get_stats(r->queue, &s);
	assert_int_equal(s.messages + s.finished, 5);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_sent_by_one_connection),
		T(test_each_recipient_has_its_result),
		T(test_queue_says_why_a_recipient_waits),
		T(test_success_is_whose_to_report),
		T(test_smart_hosts_see_our_certificate),
		T(test_many_recipients_go_in_parts),
		T(test_nobody_listens),
		T(test_turned_away_waits),
		T(test_not_a_domain_fails_at_once),
		T(test_peer_gone_in_the_middle),
		T(test_closed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "common/base/log.h"
#include "tests/unit/relay/queue_rig.h"

#include <signal.h>
#include <sys/wait.h>

/* ---- tests ------------------------------------------------------------------ */

static void test_what_goes_in_comes_out(void **state)
{
	struct rig *r = *state;
	struct mail *m = make(r, "Subject: x\r\n\r\nhi\r\n", 18);
	struct mail_rcpt *c = to(m, "bob@example.org", HOP_DATABASE, "db1");
	const struct mail *got;

	m->envid = "QQ314159";
	m->flags = MAIL_8BIT | MAIL_RET_HDRS;
	m->prefix = "Received: by x\r\n";
	m->message_id = "<1@x>";
	m->submitter.b[3] = 7;
	c->orcpt = "rfc822;Bob@example.org";
	c->notify = 5;
	c->target.b[0] = 9;
	to(m, "eve@example.net", HOP_DOMAIN, "example.net");
	to(m, "carl@example.org", HOP_DATABASE, "db1");
	assert_int_equal(add(r, m), ERR_OK);
	assert_int_equal(take(r, HOP_DATABASE, NOW), 1);
	got = r->items[0]->mail;
	assert_memory_equal(&got->id.origin, &m->id.origin, sizeof(got->id.origin));
	assert_int_equal(got->id.seq, m->id.seq);
	assert_string_equal(got->sender, m->sender);
	assert_string_equal(got->envid, m->envid);
	assert_string_equal(got->prefix, m->prefix);
	assert_string_equal(got->message_id, m->message_id);
	assert_memory_equal(&got->submitter, &m->submitter, sizeof(got->submitter));
	assert_int_equal(got->flags, m->flags);
	assert_int_equal(got->received_ms, NOW);
	assert_int_equal(got->size, 18);
	assert_memory_equal(got->data, "Subject: x\r\n\r\nhi\r\n", 18);
	assert_int_equal(got->n_rcpts, 2);
	assert_string_equal(got->rcpts[0].address, "bob@example.org");
	assert_string_equal(got->rcpts[0].orcpt, "rfc822;Bob@example.org");
	assert_int_equal(got->rcpts[0].notify, 5);
	assert_int_equal(got->rcpts[0].target.b[0], 9);
	assert_string_equal(got->rcpts[1].address, "carl@example.org");
	mail_unref(&m);
}

static void test_replace_puts_others_in_the_place(void **state)
{
	struct rig *r = *state;
	struct queue_result res = plain;
	struct mail *m = make(r, "x", 1);

	to(m, "group@example.org", HOP_SUBMIT, "");
	to(m, "late@example.org", HOP_DOMAIN, "x.example");
	assert_int_equal(add(r, m), ERR_OK);
	mail_unref(&m);
	take(r, HOP_SUBMIT, NOW);
	res.replace = mail_split(r->items[0]->mail);
	to(res.replace, "ann@example.org", HOP_DATABASE, "d1");
	to(res.replace, "bob@example.org", HOP_DATABASE, "d1");
	to(res.replace, "eve@example.net", HOP_DOMAIN, "example.net");
	queue_finish(r->q, r->items[0], &res, NOW, done, r);
	r->n_items = 0;
	mail_unref(&res.replace);
	wait_answer(r);
	assert_int_equal(r->e, ERR_OK);
	assert_string_equal(due(r, NOW), "domain/x.example database/d1 domain/example.net");
	take(r, HOP_DATABASE, NOW);
	assert_int_equal(r->items[0]->mail->n_rcpts, 2);
	assert_int_equal(messages(r), 1);
}

static void test_an_item_is_out_once_and_back_after_release(void **state)
{
	struct rig *r = *state;

	add_one(r, HOP_DATABASE, "db1");
	assert_int_equal(take(r, HOP_DATABASE, NOW), 1);
	assert_int_equal(take(r, HOP_DATABASE, NOW), 1);
	queue_release(r->q, r->items[0]);
	r->n_items = 0;
	assert_int_equal(take(r, HOP_DATABASE, NOW), 1);
	assert_int_equal(finish(r, 0, QUEUE_GONE, plain, NOW), ERR_OK);
	assert_string_equal(due(r, NOW), "");
	assert_int_equal(messages(r), 0);
}

static void test_retry_waits(void **state)
{
	struct rig *r = *state;

	add_one(r, HOP_DOMAIN, "a.example");
	take(r, HOP_DOMAIN, NOW);
	r->items[0]->mail->rcpts[0].due_ms = NOW + 60000;
	r->items[0]->mail->rcpts[0].tries = 3;
	finish(r, 0, QUEUE_RETRY, plain, NOW);
	assert_string_equal(due(r, NOW + 59999), "");
	assert_string_equal(due(r, NOW + 60000), "domain/a.example");
	take(r, HOP_DOMAIN, NOW + 60000);
	assert_int_equal(r->items[0]->mail->rcpts[0].tries, 3);
}

static void test_a_hop_that_is_down_holds_all_of_its_mail(void **state)
{
	struct rig *r = *state;
	struct queue_result down = { .state = QUEUE_HOP_DOWN, .hop_due_ms = NOW + 60000,
				     .error = "refused" };

	add_one(r, HOP_DOMAIN, "a.example");
	take(r, HOP_DOMAIN, NOW);
	finish(r, 0, QUEUE_RETRY, down, NOW);
	add_one(r, HOP_DOMAIN, "a.example");
	add_one(r, HOP_DOMAIN, "b.example");
	assert_string_equal(due(r, NOW + 1), "domain/b.example");
	assert_string_equal(due(r, NOW + 60000), "domain/a.example domain/b.example");
	assert_int_equal(due_hop(r, HOP_DOMAIN, NOW + 60000)->tries, 1);
	queue_kick(r->q, HOP_DOMAIN, "a.example", NOW + 2);
	assert_string_equal(due(r, NOW + 2), "domain/a.example domain/b.example");
	take(r, HOP_DOMAIN, NOW + 2);
	down.state = QUEUE_HOP_UP;
	finish(r, 0, QUEUE_GONE, down, NOW + 2);
	assert_int_equal(due_hop(r, HOP_DOMAIN, NOW + 2)->tries, 0);
}

/* It was said to be due, and then went down or was suspended. */
static void test_a_late_take_gets_nothing(void **state)
{
	struct rig *r = *state;
	struct queue_result down = { .state = QUEUE_HOP_DOWN, .hop_due_ms = NOW + 60000 };
	struct queue_hop hop;

	add_one(r, HOP_DOMAIN, "a.example");
	hop = *due_hop(r, HOP_DOMAIN, NOW);
	take(r, HOP_DOMAIN, NOW);
	finish(r, 0, QUEUE_RETRY, down, NOW);
	queue_take(r->q, &hop, 10, NOW, took, r);
	wait_answer(r);
	assert_int_equal(r->n_items, 0);
	queue_order(r->q, QUEUE_ORDER_SUSPEND, hop.id, 0, NOW, done, r);
	wait_answer(r);
	queue_take(r->q, &hop, 10, NOW + 60000, took, r);
	wait_answer(r);
	assert_int_equal(r->n_items, 0);
	queue_order(r->q, QUEUE_ORDER_RESUME, hop.id, 0, NOW, done, r);
	wait_answer(r);
	queue_take(r->q, &hop, 10, NOW, took, r);
	wait_answer(r);
	assert_int_equal(r->n_items, 1);
}

static void test_move_and_report_go_with_the_commit(void **state)
{
	struct rig *r = *state;
	struct queue_result with = plain;
	struct mail *m;
	uint64_t seq = add_one(r, HOP_DATABASE, "db1");
	struct guid root = *queue_instance(r->q), derived = mail_derive(&root, "report-0");

	take(r, HOP_DATABASE, NOW);
	m = r->items[0]->mail;
	mail_report(m, &m->rcpts[0], ACTION_FAILED, "5.2.2", "full", "store1");
	m->rcpts[0].due_ms = NOW;
	finish(r, 0, QUEUE_MOVE, plain, NOW);
	assert_string_equal(due(r, NOW), "report/");
	take(r, HOP_REPORT, NOW);
	m = r->items[0]->mail;
	assert_int_equal(m->rcpts[0].action, ACTION_FAILED);
	assert_string_equal(m->rcpts[0].status, "5.2.2");
	assert_string_equal(m->rcpts[0].diag, "full");
	assert_string_equal(m->rcpts[0].remote, "store1");

	with.report = make(r, "report", 6);
	with.report->id.origin = derived;
	with.report->id.seq = seq;
	to(with.report, "ann@example.org", HOP_SUBMIT, "");
	finish(r, 0, QUEUE_GONE, with, NOW);
	mail_unref(&with.report);
	assert_string_equal(due(r, NOW), "submission/");
	assert_int_equal(messages(r), 1);
	queue_held(r->q, &root, held, r);
	wait_answer(r);
	assert_int_equal(r->held, seq);
	queue_derived(r->q, &root, guids, r);
	wait_answer(r);
	assert_int_equal(r->n_guids, 1);
	assert_memory_equal(&r->guids[0], &derived, sizeof(derived));
}

static enum err add_as(struct rig *r, const struct guid *origin, uint64_t seq)
{
	struct mail *m = make(r, "x", 1);
	enum err e;

	m->id.origin = m->root = *origin;
	m->id.seq = seq;
	to(m, "bob@example.org", HOP_DATABASE, "db1");
	e = add(r, m);
	mail_unref(&m);
	return e;
}

static void test_an_identity_is_taken_once(void **state)
{
	struct rig *r = *state;
	struct guid g = guid_make();

	assert_int_equal(add_as(r, &g, 5), ERR_OK);
	assert_int_equal(add_as(r, &g, 5), ERR_EXISTS);
	take(r, HOP_DATABASE, NOW);
	finish(r, 0, QUEUE_GONE, plain, NOW);
	assert_int_equal(messages(r), 0);
	assert_int_equal(add_as(r, &g, 5), ERR_EXISTS);	/* remembered */
	rig_shut(r);
	rig_open(r);
	assert_int_equal(add_as(r, &g, 5), ERR_EXISTS);
	queue_done_below(r->q, &g, 5);
	assert_int_equal(add_as(r, &g, 5), ERR_EXISTS);
	queue_done_below(r->q, &g, 6);
	assert_int_equal(add_as(r, &g, 5), ERR_OK);	/* its origin said nobody offers it */
}

static void test_held_is_the_lowest(void **state)
{
	struct rig *r = *state;
	struct guid g = guid_make();
	uint64_t a = add_one(r, HOP_DATABASE, "db1"), b = add_one(r, HOP_DOMAIN, "x");

	assert_true(a < b);
	queue_held(r->q, queue_instance(r->q), held, r);
	wait_answer(r);
	assert_int_equal(r->held, a);
	take(r, HOP_DATABASE, NOW);
	finish(r, 0, QUEUE_GONE, plain, NOW);
	queue_held(r->q, queue_instance(r->q), held, r);
	wait_answer(r);
	assert_int_equal(r->held, b);
	queue_held(r->q, &g, held, r);
	wait_answer(r);
	assert_true(r->held == UINT64_MAX);
}

static void test_expiry_and_notice(void **state)
{
	struct rig *r = *state;
	struct mail *m = make(r, "x", 1);
	struct queue_result noticed = plain;

	to(m, "bob@example.org", HOP_DOMAIN, "a.example")->due_ms = NOW + 100 * HOUR;
	to(m, "eve@example.net", HOP_DOMAIN, "b.example")->due_ms = NOW + 100 * HOUR;
	assert_int_equal(add(r, m), ERR_OK);
	mail_unref(&m);
	assert_string_equal(due(r, NOW + 4 * HOUR - 1), "");
	assert_string_equal(due(r, NOW + 4 * HOUR), "late/");
	queue_take(r->q, &r->due[0], 10, NOW + 4 * HOUR, took, r);
	wait_answer(r);
	assert_int_equal(r->n_items, 1);
	assert_int_equal(r->items[0]->mail->n_rcpts, 2);
	noticed.noticed = true;
	r->items[0]->mail->rcpts[0].due_ms = r->items[0]->mail->rcpts[1].due_ms =
		NOW + 100 * HOUR;
	finish(r, 0, QUEUE_RETRY, noticed, NOW + 4 * HOUR);
	assert_string_equal(due(r, NOW + 48 * HOUR - 1), "");
	assert_string_equal(due(r, NOW + 48 * HOUR), "expired/");
	queue_take(r->q, &r->due[0], 10, NOW + 48 * HOUR, took, r);
	wait_answer(r);
	finish(r, 0, QUEUE_GONE, plain, NOW + 48 * HOUR);
	assert_string_equal(due(r, NOW + 200 * HOUR), "");
	assert_int_equal(messages(r), 0);
}

static void test_the_null_sender_is_not_told_of_delays(void **state)
{
	struct rig *r = *state;
	struct mail *m = make(r, "x", 1);

	m->sender = "";
	to(m, "bob@example.org", HOP_DOMAIN, "a.example")->due_ms = NOW + 100 * HOUR;
	add(r, m);
	mail_unref(&m);
	assert_string_equal(due(r, NOW + 5 * HOUR), "");
}

/* A hop's item that is out keeps its recipients out of an expiry's item. */
static void test_expiry_leaves_what_is_out(void **state)
{
	struct rig *r = *state;
	struct mail *m = make(r, "x", 1);

	to(m, "bob@example.org", HOP_DOMAIN, "a.example");
	to(m, "eve@example.net", HOP_DATABASE, "d");
	add(r, m);
	mail_unref(&m);
	take(r, HOP_DOMAIN, NOW);
	due(r, NOW + 48 * HOUR);
	for (size_t i = 0; i < r->n_due; i++)
		if (r->due[i].expired)
			queue_take(r->q, &r->due[i], 10, NOW + 48 * HOUR, took, r);
	wait_answer(r);
	assert_int_equal(r->n_items, 2);
	assert_int_equal(r->items[1]->mail->n_rcpts, 1);
	assert_string_equal(r->items[1]->mail->rcpts[0].address, "eve@example.net");
}

static void test_large_bodies_are_files_and_go_with_the_message(void **state)
{
	struct rig *r = *state;
	size_t n = 400 * 1024, got;
	char *big = xcalloc(1, n), part[16];
	struct mail *m;
	char *cmd = xasprintf("test $(ls '%s' | wc -l) = 1", r->spool_dir);
	char *none = xasprintf("test $(ls '%s' | wc -l) = 0", r->spool_dir);
	char *stray = xasprintf("touch '%s/%s-1f' '%s/other'; rm '%s/other'", r->spool_dir,
				"00112233-4455-6677-8899-aabbccddeeff", r->spool_dir,
				r->spool_dir);

	memset(big, 'x', n);
	memcpy(big + n - 5, "LAST\n", 5);
	m = make(r, big, n);
	to(m, "bob@example.org", HOP_DATABASE, "db1");
	assert_int_equal(add(r, m), ERR_OK);
	mail_unref(&m);
	assert_int_equal(system(stray), 0);
	rig_shut(r);
	rig_open(r);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(take(r, HOP_DATABASE, NOW), 1);
	assert_null(r->items[0]->mail->data);
	assert_int_equal(spool_body_read(r->items[0]->mail->body, n - 5, part, 16, &got, NULL),
			 ERR_OK);
	assert_int_equal(got, 5);
	assert_memory_equal(part, "LAST\n", 5);
	finish(r, 0, QUEUE_GONE, plain, NOW);
	assert_int_equal(system(none), 0);
	free(big);
	free(cmd);
	free(none);
	free(stray);
}

static void test_sequence_numbers_are_never_used_twice(void **state)
{
	struct rig *r = *state;
	uint64_t last = 0, seq = 0;
	struct guid instance = *queue_instance(r->q);

	for (unsigned i = 0; i < 200000; i++) {
		seq = queue_next_seq(r->q);
		if (seq == 0) {		/* the block is used up until the disk has the next */
			uv_run(&r->loop, UV_RUN_ONCE);
			continue;
		}
		assert_true(seq > last);
		last = seq;
	}
	rig_shut(r);
	rig_open(r);
	assert_true(queue_next_seq(r->q) > last);
	assert_memory_equal(queue_instance(r->q), &instance, sizeof(instance));
}

static void test_more_hops_than_fit_a_tick_have_their_turn(void **state)
{
	struct rig *r = *state;
	struct mail *m = make(r, "x", 1);
	bool seen[150] = { false };
	unsigned n = 0;
	char name[32];

	for (unsigned i = 0; i < N_ELEMS(seen); i++) {
		snprintf(name, sizeof(name), "d%u", i);
		to(m, "a@b", HOP_DOMAIN, name);
	}
	assert_int_equal(add(r, m), ERR_OK);
	mail_unref(&m);
	for (unsigned tick = 0; tick < 4; tick++) {
		due(r, NOW);
		for (size_t i = 0; i < r->n_due; i++)
			seen[atoi(r->due[i].name + 1)] = true;
	}
	for (unsigned i = 0; i < N_ELEMS(seen); i++)
		n += seen[i];
	assert_int_equal(n, N_ELEMS(seen));
}

static void list_cb(void *ctx, enum err e, const struct queue_line *l, size_t n)
{
	struct rig *r = ctx;
	size_t at = 0;

	r->e = e;
	r->text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(r->text + at, sizeof(r->text) - at, "%s/%s=%u/%u%s ",
				       hop_kind_name(l[i].kind), l[i].name, (unsigned)l[i].messages,
				       (unsigned)l[i].recipients, l[i].suspended ? "S" : "");
	r->answers++;
}

static void messages_cb(void *ctx, enum err e, const struct queue_message *m, size_t n)
{
	struct rig *r = ctx;

	r->e = e;
	r->text[0] = '\0';
	if (n > 0)
		snprintf(r->text, sizeof(r->text), "%zu %s %s/%s %u%s", n, m->recipient,
			 hop_kind_name(m->kind), m->hop, (unsigned)m->recipients,
			 m->suspended ? " S" : "");
	r->held = n ? (uint64_t)m->row : 0;
	r->answers++;
}

static enum err order(struct rig *r, enum queue_order o, int64_t hop, int64_t row)
{
	queue_order(r->q, o, hop, row, NOW, done, r);
	wait_answer(r);
	return r->e;
}

static void test_administration(void **state)
{
	struct rig *r = *state;
	int64_t hop, row;

	add_one(r, HOP_DOMAIN, "a.example");
	hop = due_hop(r, HOP_DOMAIN, NOW)->id;
	queue_list(r->q, 0, list_cb, r);
	wait_answer(r);
	assert_string_equal(r->text, "domain/a.example=1/1 ");
	queue_messages(r->q, hop, 0, 10, messages_cb, r);
	wait_answer(r);
	assert_string_equal(r->text, "1 bob@example.org domain/a.example 1");
	row = (int64_t)r->held;

	assert_int_equal(order(r, QUEUE_ORDER_SUSPEND, hop, 0), ERR_OK);
	assert_string_equal(due(r, NOW), "");
	queue_list(r->q, 0, list_cb, r);
	wait_answer(r);
	assert_string_equal(r->text, "domain/a.example=1/1S ");
	assert_int_equal(order(r, QUEUE_ORDER_RESUME, hop, 0), ERR_OK);
	assert_string_equal(due(r, NOW), "domain/a.example");

	assert_int_equal(order(r, QUEUE_ORDER_SUSPEND, 0, row), ERR_OK);
	queue_kick(r->q, HOP_DOMAIN, NULL, NOW);
	assert_string_equal(due(r, NOW), "");
	queue_messages(r->q, 0, 0, 10, messages_cb, r);
	wait_answer(r);
	assert_string_equal(r->text, "1 bob@example.org domain/a.example 1 S");
	assert_int_equal(order(r, QUEUE_ORDER_RESUME, 0, row), ERR_OK);
	assert_string_equal(due(r, NOW), "domain/a.example");

	take(r, HOP_DOMAIN, NOW);	/* what is out stays */
	assert_int_equal(order(r, QUEUE_ORDER_RESUBMIT, hop, 0), ERR_OK);
	queue_release(r->q, r->items[0]);
	r->n_items = 0;
	assert_string_equal(due(r, NOW), "domain/a.example");
	assert_int_equal(order(r, QUEUE_ORDER_RESUBMIT, hop, 0), ERR_OK);
	assert_string_equal(due(r, NOW), "submission/");
	assert_int_equal(order(r, QUEUE_ORDER_REMOVE, 0, row), ERR_OK);
	assert_string_equal(due(r, NOW), "report/");
	assert_int_equal(order(r, QUEUE_ORDER_DROP, 0, row), ERR_OK);
	assert_string_equal(due(r, NOW), "");
	assert_int_equal(messages(r), 0);
	assert_int_equal(order(r, QUEUE_ORDER_DROP, 0, row), ERR_NOTFOUND);
	assert_int_equal(order(r, QUEUE_ORDER_RETRY, 4711, 0), ERR_NOTFOUND);
	assert_int_equal(order(r, QUEUE_ORDER_DROP, 0, 0), ERR_NOTFOUND);
}

/* What somebody still holds of a hop or message that is gone must not fit the next. */
static void test_numbers_are_not_used_again(void **state)
{
	struct rig *r = *state;
	int64_t hop, row;

	add_one(r, HOP_DOMAIN, "a.example");
	hop = due_hop(r, HOP_DOMAIN, NOW)->id;
	take(r, HOP_DOMAIN, NOW);
	row = r->items[0]->row;
	finish(r, 0, QUEUE_GONE, plain, NOW);
	add_one(r, HOP_DOMAIN, "b.example");
	assert_true(due_hop(r, HOP_DOMAIN, NOW)->id > hop);
	take(r, HOP_DOMAIN, NOW);
	assert_true(r->items[0]->row > row);
	rig_shut(r);
	rig_open(r);
	take(r, HOP_DOMAIN, NOW);
	row = r->items[0]->row;
	assert_int_equal(order(r, QUEUE_ORDER_DROP, 0, row), ERR_OK);
	add_one(r, HOP_DOMAIN, "c.example");
	assert_int_equal(finish(r, 0, QUEUE_GONE, plain, NOW), ERR_OK);
	assert_int_equal(messages(r), 1);
}

/* A removed message's item that is out comes back to nothing. */
static void test_finish_after_removal(void **state)
{
	struct rig *r = *state;

	add_one(r, HOP_DOMAIN, "a.example");
	take(r, HOP_DOMAIN, NOW);
	assert_int_equal(order(r, QUEUE_ORDER_DROP, 0, r->items[0]->row), ERR_OK);
	assert_int_equal(finish(r, 0, QUEUE_RETRY, plain, NOW), ERR_OK);
	assert_int_equal(messages(r), 0);
	assert_string_equal(due(r, NOW + HOUR), "");
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	assert_non_null(strstr(line, "no space left"));
}

static void test_full_disk_refuses_and_keeps_what_is_there(void **state)
{
	struct rig *r = *state;
	char *body = xcalloc(1, 200000);
	unsigned n_ok = 0, n_full = 0;
	uint64_t before;

	memset(body, 'y', 200000);
	log_set_sink(quiet);
	rig_shut(r);
	r->max_pages = 300;
	rig_open(r);
	for (unsigned i = 0; i < 20; i++) {
		struct mail *m = make(r, body, 200000);

		to(m, "bob@example.org", HOP_DATABASE, "db1");
		if (add(r, m) == ERR_OK)
			n_ok++;
		else
			n_full += r->e == ERR_FULL;
		mail_unref(&m);
	}
	assert_true(n_ok > 0 && n_full > 0);
	assert_int_equal(n_ok + n_full, 20);
	before = messages(r);
	assert_int_equal(before, n_ok);
	while (messages(r) > 0) {
		take(r, HOP_DATABASE, NOW);
		while (r->n_items)
			assert_int_equal(finish(r, 0, QUEUE_GONE, plain, NOW), ERR_OK);
	}
	assert_int_equal(messages(r), 0);
	log_set_sink(NULL);
	free(body);
}

/* ---- killed between steps --------------------------------------------------- */

struct told {
	char what;		/* 'a' added, 'f' finished */
	uint64_t seq;
};

static void child(struct rig *r, int fd, unsigned kill_after)
{
	unsigned steps = 0;
	struct mail *half;

	rig_open(r);
	for (;;) {
		struct told t = { 'a', add_one(r, HOP_DOMAIN, "a.example") };

		if (write(fd, &t, sizeof(t)) != sizeof(t) || ++steps == kill_after)
			break;
		if (t.seq % 3)
			continue;
		take(r, HOP_DOMAIN, NOW);
		t = (struct told){ 'f', r->items[0]->mail->id.seq };
		while (r->n_items > 1)
			queue_release(r->q, r->items[--r->n_items]);
		finish(r, 0, QUEUE_GONE, plain, NOW);
		if (write(fd, &t, sizeof(t)) != sizeof(t) || ++steps == kill_after)
			break;
	}
	half = make(r, "y", 1);
	to(half, "bob@example.org", HOP_DOMAIN, "a.example");
	queue_add(r->q, half, NOW, done, r);
	kill(getpid(), SIGKILL);
}

static void test_killed_at_every_step(void **state)
{
	struct rig *r = *state;
	uint64_t last = 0;
	unsigned n = 0;

	rig_shut(r);
	for (unsigned round = 1; round <= 8; round++) {
		int fd[2];
		pid_t pid;
		struct told t;

		assert_int_equal(pipe(fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child(r, fd[1], round);
		close(fd[1]);
		while (read(fd[0], &t, sizeof(t)) == sizeof(t)) {
			if (t.what == 'a') {
				assert_true(t.seq > last);	/* also across the kills */
				last = t.seq;
				n++;
			} else {
				n--;
			}
		}
		close(fd[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	rig_open(r);
	/* At most the one under way at each kill may be there beside. */
	assert_true(messages(r) >= n && messages(r) <= n + 8);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_what_goes_in_comes_out),
		T(test_replace_puts_others_in_the_place),
		T(test_an_item_is_out_once_and_back_after_release),
		T(test_retry_waits),
		T(test_a_hop_that_is_down_holds_all_of_its_mail),
		T(test_a_late_take_gets_nothing),
		T(test_move_and_report_go_with_the_commit),
		T(test_an_identity_is_taken_once),
		T(test_held_is_the_lowest),
		T(test_expiry_and_notice),
		T(test_the_null_sender_is_not_told_of_delays),
		T(test_expiry_leaves_what_is_out),
		T(test_large_bodies_are_files_and_go_with_the_message),
		T(test_sequence_numbers_are_never_used_twice),
		T(test_more_hops_than_fit_a_tick_have_their_turn),
		T(test_administration),
		T(test_numbers_are_not_used_again),
		T(test_finish_after_removal),
		T(test_full_disk_refuses_and_keeps_what_is_there),
		T(test_killed_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

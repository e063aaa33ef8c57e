#include "world.h"
#include "common/api/object_pb.h"
#include "common/auth/password.h"
#include "gen/directory.pb-c.h"
#include "gen/manage.pb-c.h"

/* What an administrator's shell asks, over the local socket of our uid. */

struct shell {
	struct world *w;
	struct rpc *rpc;
	struct rpc_peer *peer;
	bool up, done;
	enum err e;
	char detail[240];
	const ProtobufCMessageDescriptor *rep;
	ProtobufCMessage *reply;
};

static void shell_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct shell *sh = ctx;

	(void)p;
	sh->up = up;
}

static bool is_directory(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	struct shell *sh = ctx;

	if (memcmp(key, sh->w->r.d.id->public_key, RPC_KEY) != 0)
		return false;
	*out = (struct rpc_ident){ .role = RPC_DIRECTORY, .name = "directory" };
	return true;
}

static bool shell_is_up(struct world *w, void *arg)
{
	(void)w;
	return ((struct shell *)arg)->up;
}

static bool shell_is_done(struct world *w, void *arg)
{
	(void)w;
	return ((struct shell *)arg)->done;
}

static void dial(struct shell *sh, struct world *w, const char *endpoint)
{
	struct rpc_ident directory = { .role = RPC_DIRECTORY, .name = "directory" };
	struct identity *id = identity_new(w->r.dir, "bourse", RPC_ADMIN);
	struct rpc_conf rc = { .loop = &w->loop, .who = is_directory, .on_peer = shell_peer,
			       .ctx = sh, .self = { .role = RPC_ADMIN } };

	memset(sh, 0, sizeof(*sh));
	sh->w = w;
	memcpy(rc.public_key, id->public_key, RPC_KEY);
	memcpy(rc.secret_key, id->secret_key, RPC_KEY);
	identity_free(&id);
	assert_int_equal(rpc_open(&rc, &sh->rpc, &w->r.eb), ERR_OK);
	sh->peer = rpc_dial(sh->rpc, endpoint, w->r.d.id->public_key, &directory);
}

static void shell_up(struct shell *sh, struct world *w)
{
	char *real = realpath(w->r.dir, NULL);
	char endpoint[256];

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/admin-%u", real, (unsigned)geteuid());
	free(real);
	dial(sh, w, endpoint);
	until(w, "the local socket", shell_is_up, sh);
}

static void shell_drop(struct shell *sh)
{
	if (sh->reply)
		protobuf_c_message_free_unpacked(sh->reply, NULL);
	sh->reply = NULL;
}

static void shell_down(struct shell *sh)
{
	shell_drop(sh);
	rpc_hangup(&sh->peer);
	rpc_close(&sh->rpc);
}

static void on_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		     size_t n, const char *detail)
{
	struct shell *sh = ctx;

	(void)payload;
	(void)n;
	sh->done = true;
	sh->e = e;
	snprintf(sh->detail, sizeof(sh->detail), "%s", detail ? detail : "");
	if (!e && sh->rep) {
		size_t len = protobuf_c_message_get_packed_size(rep);
		uint8_t *copy = malloc(len + 1);

		protobuf_c_message_pack(rep, copy);
		sh->reply = protobuf_c_message_unpack(sh->rep, NULL, len, copy);
		free(copy);
	}
}

/* Call and wait; the reply lives until the next call. */
static enum err ask(struct shell *sh, const char *method, const ProtobufCMessage *body,
		    const ProtobufCMessageDescriptor *rep)
{
	struct rpc_args args = { .method = method, .body = body, .rep = rep,
				 .on_reply = on_reply, .ctx = sh };

	shell_drop(sh);
	sh->done = false;
	sh->rep = rep;
	rpc_call(sh->peer, &args);
	until(sh->w, method, shell_is_done, sh);
	return sh->e;
}

static enum err create_mailbox(struct shell *sh, const char *name, const char *password,
			       const char *imported)
{
	Directory__ApplyReq rq = DIRECTORY__APPLY_REQ__INIT;

	rq.klass = CLASS_MAILBOX;
	rq.name = (char *)(uintptr_t)name;
	rq.password = (char *)(uintptr_t)password;
	rq.imported_hash = (char *)(uintptr_t)imported;
	return ask(sh, "directory.apply", &rq.base, &directory__apply_rep__descriptor);
}

static void furnish(struct world *w)
{
	const uint8_t secret[32] = { 1 };
	struct join j = { .name = "mbx", .endpoint = "", .role = RPC_MAILBOX,
			  .key = (const uint8_t *)"0123456789abcdef0123456789abcdef",
			  .secret = secret, .secret_len = sizeof(secret) };
	struct guid server;

	w->r.conf.argon_bytes = 8192;
	w->r.conf.argon_passes = 1;
	w->r.conf.scram_iterations = 4096;
	rig_token(&w->r, secret, RPC_MAILBOX, "mbx");
	assert_int_equal(join_enrol(&w->r.d, &j, w->r.now_ms, &server, &w->r.eb), ERR_OK);
}

static void test_passwords(void **state)
{
	const struct password_params params = { 8192, 1, 4096 };
	struct sealed argon;
	struct object *o;
	struct span hash;
	struct world w;
	struct shell sh;
	bool old;

	(void)state;
	world_up(&w);
	furnish(&w);
	shell_up(&sh, &w);
	assert_int_equal(create_mailbox(&sh, "alice", "correct horse", ""), ERR_OK);
	assert_int_equal(apply_find(&w.r.d, CLASS_MAILBOX, "alice", NULL, &w.r.a, &o, &w.r.eb), ERR_OK);
	hash = object_bytes(o, OBJ_PASSWORD_HASH);
	assert_true(hash.n > 0 && hash.n <= sizeof(argon.b));
	argon.n = hash.n;
	memcpy(argon.b, hash.p, hash.n);
	assert_int_equal(password_check(&argon, "correct horse", 13, &params, &w.r.d.pepper, &old),
			 ERR_OK);
	assert_int_equal(password_check(&argon, "wrong", 5, &params, &w.r.d.pepper, &old), ERR_DENIED);
	assert_true(object_has(o, OBJ_SCRAM));
	/* A hash of another system has no SCRAM verifier. */
	assert_int_equal(create_mailbox(&sh, "bob", "",
		"{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0"), ERR_OK);
	assert_int_equal(apply_find(&w.r.d, CLASS_MAILBOX, "bob", NULL, &w.r.a, &o, &w.r.eb), ERR_OK);
	assert_false(object_has(o, OBJ_SCRAM));
	assert_int_equal(create_mailbox(&sh, "carl", "", "{NOSUCH}x"), ERR_INVALID);
	assert_int_equal(create_mailbox(&sh, "alice", "another", ""), ERR_EXISTS);
	assert_non_null(strstr(sh.detail, "alice"));
	shell_down(&sh);
	world_down(&w);
}

static void test_secrets_stay(void **state)
{
	Directory__GetReq rq = DIRECTORY__GET_REQ__INIT;
	const Directory__GetRep *rp;
	struct object *o;
	struct world w;
	struct shell sh;

	(void)state;
	world_up(&w);
	furnish(&w);
	shell_up(&sh, &w);
	assert_int_equal(create_mailbox(&sh, "alice", "pw", ""), ERR_OK);
	rq.klass = CLASS_MAILBOX;
	rq.name = (char *)"alice@example.org";
	assert_int_equal(ask(&sh, "directory.get", &rq.base, &directory__get_rep__descriptor), ERR_OK);
	rp = (const Directory__GetRep *)(void *)sh.reply;
	assert_int_equal(object_from_pb(&w.r.a, rp->object, &o), ERR_OK);
	assert_true(object_has(o, OBJ_PASSWORD_HASH));
	assert_int_equal(object_bytes(o, OBJ_PASSWORD_HASH).n, 0);
	rq.name = (char *)"nobody";
	assert_int_equal(ask(&sh, "directory.get", &rq.base, &directory__get_rep__descriptor),
			 ERR_NOTFOUND);
	shell_down(&sh);
	world_down(&w);
}

static void test_lists_come_in_pages(void **state)
{
	Directory__ListReq rq = DIRECTORY__LIST_REQ__INIT;
	const Directory__ListRep *rp;
	struct world w;
	struct shell sh;
	char after[64] = "";
	size_t n = 0, pages = 0;
	bool more = true;

	(void)state;
	world_up(&w);
	for (int i = 0; i < 25; i++) {
		char name[32];

		snprintf(name, sizeof(name), "Group%02d", i);
		rig_must(&w.r, APPLY_CREATE, CLASS_GROUP, name, "", NULL);
	}
	shell_up(&sh, &w);
	rq.klass = CLASS_GROUP;
	rq.limit = 10;
	while (more) {
		struct object *o;

		rq.after = after;
		assert_int_equal(ask(&sh, "directory.list", &rq.base,
				     &directory__list_rep__descriptor), ERR_OK);
		rp = (const Directory__ListRep *)(void *)sh.reply;
		assert_true(rp->n_objects > 0);
		n += rp->n_objects;
		pages++;
		more = rp->more;
		assert_int_equal(object_from_pb(&w.r.a, rp->objects[rp->n_objects - 1], &o), ERR_OK);
		snprintf(after, sizeof(after), "%s", object_text(o, OBJ_NAME));
	}
	assert_int_equal(n, 25);
	assert_int_equal(pages, 3);
	rq.after = (char *)"";
	rq.match = (char *)"group1?@EXAMPLE.org";
	assert_int_equal(ask(&sh, "directory.list", &rq.base, &directory__list_rep__descriptor),
			 ERR_OK);
	rp = (const Directory__ListRep *)(void *)sh.reply;
	assert_int_equal(rp->n_objects, 10);
	shell_down(&sh);
	world_down(&w);
}

/* directory -> hub -> edge, and what cannot be reached. */
static enum err forward(struct shell *sh, const char *server, const char *method)
{
	Manage__ForwardReq f = MANAGE__FORWARD_REQ__INIT;

	f.server = (char *)(uintptr_t)server;
	f.method = (char *)(uintptr_t)method;
	return ask(sh, "manage.forward", &f.base, &manage__forward_rep__descriptor);
}

static void assert_status_of(struct shell *sh, const char *name, const char *role)
{
	const Manage__ForwardRep *f = (const Manage__ForwardRep *)(void *)sh->reply;
	Manage__StatusRep *s = manage__status_rep__unpack(NULL, f->body.len, f->body.data);

	assert_non_null(s);
	assert_string_equal(s->name, name);
	assert_string_equal(s->role, role);
	assert_true(s->rss_bytes > 0);
	assert_int_equal(s->usn, sh->w->r.d.usn);
	manage__status_rep__free_unpacked(s, NULL);
}

static void test_calls_are_passed_on(void **state)
{
	char endpoint[128], file[128], text[TICKET_TEXT_MAX];
	struct role *hub, *edge;
	struct guid server;
	struct world w;
	struct shell sh;
	FILE *f;

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/edge", w.r.dir);
	snprintf(file, sizeof(file), "%s/edge.sub", w.r.dir);
	assert_int_equal(run_enrol(&w, "bourse-edge", RPC_EDGE, "--endpoint", endpoint, file), 0);
	f = fopen(file, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_int_equal(join_subscribe(&w.r.d, text, "tester", clock_wall_ms(), &server, &w.r.eb),
			 ERR_OK);
	shell_up(&sh, &w);
	assert_int_equal(forward(&sh, "nowhere", "manage.status"), ERR_NOTFOUND);
	assert_int_equal(forward(&sh, "hub1", "manage.status"), ERR_AGAIN);
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", RPC_EDGE);
	edge = start(&w, 1, "bourse-edge", RPC_EDGE, "edge", 0);
	until(&w, "hub", has_reported, hub);
	until(&w, "edge", has_reported, edge);
	assert_int_equal(forward(&sh, "hub1", "manage.status"), ERR_OK);
	assert_status_of(&sh, "hub1", "hub");
	assert_int_equal(forward(&sh, member_name(edge->member), "manage.status"), ERR_OK);
	assert_status_of(&sh, member_name(edge->member), "edge");
	assert_int_equal(forward(&sh, "hub1", "no.such"), ERR_INVALID);
	assert_int_equal(forward(&sh, "hub1", "directory.changes"), ERR_DENIED);
	shell_down(&sh);
	world_down(&w);
}

static void test_members_are_listed(void **state)
{
	Directory__MembersReq rq = DIRECTORY__MEMBERS_REQ__INIT;
	const Directory__MembersRep *rp;
	struct role *hub;
	struct world w;
	struct shell sh;

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	shell_up(&sh, &w);
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", 0);
	until(&w, "hub", has_reported, hub);
	assert_int_equal(ask(&sh, "directory.members", &rq.base, &directory__members_rep__descriptor),
			 ERR_OK);
	rp = (const Directory__MembersRep *)(void *)sh.reply;
	assert_int_equal(rp->n_members, 2);
	assert_string_equal(rp->members[1]->name, "hub1");
	assert_true(rp->members[1]->up);
	assert_int_equal(rp->members[1]->usn, rp->usn);
	assert_string_equal(rp->members[1]->version, VERSION);
	shell_down(&sh);
	world_down(&w);
}

/* A key that nobody knows gets no further than the enrolment endpoint, and there only
 * to its one method. */
static void test_strangers(void **state)
{
	Directory__AuditReq rq = DIRECTORY__AUDIT_REQ__INIT;
	Directory__EnrolReq en = DIRECTORY__ENROL_REQ__INIT;
	struct world w;
	struct shell sh;

	(void)state;
	world_up(&w);
	dial(&sh, &w, w.r.conf.enrol_listen);
	until(&w, "the enrolment endpoint", shell_is_up, &sh);
	assert_int_equal(ask(&sh, "directory.audit", &rq.base, NULL), ERR_DENIED);
	assert_int_equal(ask(&sh, "directory.enrol", &en.base, NULL), ERR_DENIED);
	for (int i = 0; i < GATE_BURST; i++)
		if (ask(&sh, "directory.enrol", &en.base, NULL) == ERR_AGAIN)
			break;
	assert_int_equal(sh.e, ERR_AGAIN);
	shell_down(&sh);
	world_down(&w);
}

static void on_nothing(uv_timer_t *t)
{
	(void)t;
}

static void test_the_servers_endpoint_is_closed_to_strangers(void **state)
{
	struct world w;
	struct shell sh;

	(void)state;
	world_up(&w);
	dial(&sh, &w, w.r.conf.listen);
	for (int i = 0; i < 40; i++) {
		uv_timer_start(&w.tick, on_nothing, 10, 0);
		uv_run(&w.loop, UV_RUN_ONCE);
	}
	assert_false(sh.up);
	shell_down(&sh);
	world_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_secrets_stay),
		cmocka_unit_test(test_lists_come_in_pages),
		cmocka_unit_test(test_calls_are_passed_on),
		cmocka_unit_test(test_members_are_listed),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_the_servers_endpoint_is_closed_to_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

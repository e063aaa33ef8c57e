#include "tests/unit/rpc/rig.h"

static struct rpc_ident seen_caller;
static struct guid seen_principal;

RPC_HANDLER(serve, Rpc__Hello)
static void serve(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	seen_caller = *rq->caller;
	seen_principal = rq->principal;
	rpc_reply(rq, NULL, NULL, 0);
}

#define ROW(name, callers, flags) \
	{ name, serve_thunk, &rpc__hello__descriptor, callers, flags, 64 }

static const struct rpc_method methods[] = {
	ROW("any", 127, 0),
	ROW("cas.user", RPC_CAS, RPC_FOR_USER),
	ROW("um.user", RPC_UM, RPC_FOR_USER),
	ROW("hub.deliver", RPC_HUB, 0),
	ROW("edge.accept", RPC_EDGE, 0),
	ROW("edge.user", RPC_EDGE | RPC_CAS, RPC_FOR_USER),
	ROW("admin", RPC_ADMIN, 0),
	ROW("enrol", RPC_STRANGER, 0),
	ROW("enrol.user", RPC_STRANGER | RPC_CAS, RPC_FOR_USER),
};

static const struct {
	unsigned role;
	const char *method;
	bool principal;
	enum err want;
} matrix[] = {
	{ RPC_CAS, "any", false, ERR_OK },
	{ RPC_CAS, "any", true, ERR_OK },
	{ RPC_CAS, "cas.user", true, ERR_OK },
	{ RPC_CAS, "cas.user", false, ERR_INVALID },
	{ RPC_CAS, "um.user", true, ERR_DENIED },
	{ RPC_CAS, "hub.deliver", false, ERR_DENIED },
	{ RPC_CAS, "admin", false, ERR_DENIED },
	{ RPC_CAS, "enrol", false, ERR_DENIED },
	{ RPC_CAS, "no.such", false, ERR_INVALID },
	{ RPC_CAS, "", false, ERR_INVALID },
	{ RPC_UM, "um.user", true, ERR_OK },
	{ RPC_UM, "cas.user", true, ERR_DENIED },
	{ RPC_HUB, "hub.deliver", false, ERR_OK },
	{ RPC_HUB, "hub.deliver", true, ERR_OK },
	{ RPC_EDGE, "edge.accept", false, ERR_OK },
	{ RPC_EDGE, "edge.accept", true, ERR_DENIED },
	{ RPC_EDGE, "edge.user", true, ERR_DENIED },
	{ RPC_EDGE, "hub.deliver", false, ERR_DENIED },
	{ RPC_EDGE, "any", true, ERR_DENIED },
	{ RPC_ADMIN, "admin", false, ERR_OK },
	{ RPC_ADMIN, "cas.user", true, ERR_DENIED },
	{ RPC_DIRECTORY, "any", false, ERR_OK },
	{ RPC_MAILBOX, "any", false, ERR_OK },
	{ RPC_STRANGER, "any", false, ERR_DENIED },
	{ RPC_STRANGER, "enrol", false, ERR_OK },
	{ RPC_STRANGER, "enrol", true, ERR_DENIED },
	{ RPC_STRANGER, "enrol.user", true, ERR_DENIED },
	{ RPC_STRANGER, "enrol.user", false, ERR_INVALID },
};

static void check_row(struct rig *r, struct rpc_peer *p, size_t i)
{
	struct result res = { 0 };
	struct rpc_args a = args_for(matrix[i].method, &res);
	struct guid user = guid_make();

	memset(&seen_caller, 0, sizeof(seen_caller));
	if (matrix[i].principal)
		a.principal = &user;
	a.rep = NULL;
	rpc_call(p, &a);
	RUN_UNTIL(r, res.n, 2000);
	if (res.e != matrix[i].want)
		fail_msg("%s calls \"%s\"%s: %s (%s)", rpc_role_name(matrix[i].role),
			 matrix[i].method, matrix[i].principal ? " for a user" : "",
			 err_text(res.e), res.detail);
	/* A refused call must not have been served. */
	assert_int_equal(seen_caller.role, res.e ? 0 : matrix[i].role);
	if (res.e == ERR_OK && matrix[i].principal)
		assert_true(guid_eq(&seen_principal, &user));
	else if (res.e == ERR_OK)
		assert_true(guid_is_null(&seen_principal));
}

static void test_the_matrix(void **state)
{
	(void)state;
	for (unsigned role = 1; role <= RPC_STRANGER; role <<= 1) {
		struct rig r;
		struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods) };
		struct rpc_conf c = { 0 };
		struct rpc_ident expect = { .role = RPC_MAILBOX };
		struct rpc_peer *p;
		struct rpc_stats st;

		rig_up(&r);
		if (role != RPC_STRANGER)
			end_knows(&r.server, &r.client.key, role, "x");
		end_open(&r, &r.server, &s);
		end_open(&r, &r.client, &c);
		listen_ok(&r, r.ipc, role == RPC_STRANGER ? RPC_LISTEN_ENROL : RPC_LISTEN_SERVERS);
		p = rpc_dial(r.client.rpc, r.ipc, r.server.key.pub, &expect);
		RUN_UNTIL(&r, rpc_peer_is_up(p), 3000);
		for (size_t i = 0; i < N_ELEMS(matrix); i++) {
			if (matrix[i].role == role)
				check_row(&r, p, i);
		}
		rpc_get_stats(r.server.rpc, &st);
		assert_int_equal(st.inflight_in, 0);
		assert_int_equal(st.peers_up, 1);	/* refusals cost no connection */
		rig_down(&r);
	}
}

/* ---- the local administrator ----------------------------------------------- */

/* Any key, but only this user's processes. */
static void local_case(unsigned uid, bool want)
{
	struct rig r;
	struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods) }, c = { 0 };
	struct rpc_ident expect = { .role = RPC_DIRECTORY };
	struct result res = { 0 };
	struct rpc_args a = args_for("admin", &res);
	struct errbuf eb = { "" };
	struct rpc_peer *p;

	rig_up(&r);
	end_open(&r, &r.server, &s);
	end_open(&r, &r.client, &c);
	assert_int_equal(rpc_listen(r.server.rpc, r.ipc, RPC_LISTEN_LOCAL, uid, &eb), ERR_OK);
	p = rpc_dial(r.client.rpc, r.ipc, r.server.key.pub, &expect);
	if (!want) {
		RUN_WHILE(&r, !rpc_peer_is_up(p) && r.server.ups == 0, 300);
		rig_down(&r);
		return;
	}
	RUN_UNTIL(&r, rpc_peer_is_up(p), 2000);
	a.rep = NULL;
	rpc_call(p, &a);
	RUN_UNTIL(&r, res.n, 2000);
	assert_int_equal(res.e, ERR_OK);
	assert_int_equal(seen_caller.role, RPC_ADMIN);
	assert_true(seen_caller.name[0] != '\0');
	rig_down(&r);
}

static void test_local_means_this_user(void **state)
{
	(void)state;
	local_case(getuid(), true);
	local_case(getuid() + 1, false);
}

static void test_local_needs_ipc(void **state)
{
	struct rig r;
	struct rpc_conf s = { 0 };
	struct errbuf eb = { "" };

	(void)state;
	rig_up(&r);
	end_open(&r, &r.server, &s);
	assert_int_equal(rpc_listen(r.server.rpc, r.tcp, RPC_LISTEN_LOCAL, getuid(), &eb),
			 ERR_INVALID);
	assert_int_equal(rpc_listen(r.server.rpc, "inproc://x", RPC_LISTEN_SERVERS, 0, &eb),
			 ERR_INVALID);
	assert_int_equal(rpc_listen(r.server.rpc, "tcp://nonsense", RPC_LISTEN_SERVERS, 0, &eb),
			 ERR_INVALID);
	rig_down(&r);
}

/* ---- keys ------------------------------------------------------------------ */

static void test_two_clients_with_one_key(void **state)
{
	struct rig r;
	struct rpc_peer *p, *q;
	struct result a = { 0 }, b = { 0 };
	struct rpc_args args;

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	q = rpc_dial(r.client.rpc, r.ipc, r.server.key.pub, NULL);
	RUN_UNTIL(&r, rpc_peer_is_up(q) && r.server.ups == 2, 2000);
	args = args_for("any", &a);
	args.rep = NULL;
	rpc_call(p, &args);
	args.ctx = &b;
	rpc_call(q, &args);
	RUN_UNTIL(&r, a.n && b.n, 2000);
	assert_int_equal(a.e, ERR_OK);
	assert_int_equal(b.e, ERR_OK);
	/* One hangs up; the other is what the server finds then. */
	rpc_hangup(&p);
	RUN_UNTIL(&r, r.server.downs == 1, 4500);
	assert_non_null(rpc_find(r.server.rpc, &r.server.known[0].ident.guid));
	assert_true(rpc_peer_is_up(q));
	rig_down(&r);
}

/* In a rotation each end has two keys, and the other may know either. */
static void rotation_case(bool tcp, bool server_rotates, bool knows_old)
{
	struct rig r;
	struct key old;
	struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods) }, c = s;
	struct rpc_conf *rotating = server_rotates ? &s : &c;
	const struct key *known;
	struct rpc_peer *p;

	rig_up(&r);
	bus_keypair(old.pub, old.sec);
	memcpy(rotating->old_public_key, old.pub, RPC_KEY);
	memcpy(rotating->old_secret_key, old.sec, RPC_KEY);
	known = knows_old ? &old : server_rotates ? &r.server.key : &r.client.key;
	end_knows(&r.server, server_rotates ? &r.client.key : known, RPC_CAS, "cas1");
	end_knows(&r.client, server_rotates ? known : &r.server.key, RPC_MAILBOX, "mb1");
	end_open(&r, &r.server, &s);
	end_open(&r, &r.client, &c);
	listen_ok(&r, tcp ? r.tcp : r.ipc, RPC_LISTEN_SERVERS);
	p = rpc_dial(r.client.rpc, tcp ? r.tcp : r.ipc,
		     server_rotates ? known->pub : r.server.key.pub, NULL);
	/* Ten refusals in a row are a chance of one in a thousand, and still pass. */
	RUN_UNTIL(&r, rpc_peer_is_up(p), 40000);
	rig_down(&r);
}

static void test_rotation(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		rotation_case(i & 1, i & 2, i & 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_matrix),
		cmocka_unit_test(test_local_means_this_user),
		cmocka_unit_test(test_local_needs_ipc),
		cmocka_unit_test(test_two_clients_with_one_key),
		cmocka_unit_test(test_rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

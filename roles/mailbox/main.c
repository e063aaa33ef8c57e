/* bourse-mailbox - holds mailbox databases: the information store */
#include "common/base/log.h"
#include "common/svc/svc.h"
#include "roles/mailbox/assign.h"
#include "roles/mailbox/conf.h"
#include "roles/mailbox/keep.h"
#include "roles/mailbox/repair.h"
#include "roles/mailbox/role.h"
#include <stdlib.h>

static void facts(void *ctx, struct member_facts *f)
{
	struct role *st = ctx;

	LIST_EACH (&st->databases, n) {
		struct sdb *s = CONTAINER_OF(n, struct sdb, node);

		member_fact(f, s->name, "%s, %zu mailboxes",
			    s->mdb == NULL			? "not open"
			    : atomic_load(&s->mdb->is_damaged) ? "damaged"
								: "mounted",
			    s->n_mailboxes);
	}
	member_fact(f, "delivered", "%lld", (long long)metric_get(st->m, M_DELIVERED));
	member_fact(f, "calls", "%zu", st->n_calls);
}

static enum err open_member(struct role *st, struct errbuf *eb)
{
	struct member_conf mc = {
		.daemon = "bourse-mailbox", .role = RPC_MAILBOX, .loop = st->loop,
		.config_dir = svc_conf_dir(st->svc), .data_dir = st->data,
		.listen = st->conf->listen, .endpoint = st->conf->endpoint,
		.methods = st->methods, .n_methods = st->n_methods, .owner = &st->member,
		.metrics = svc_metrics(st->svc), .on_change = assign_on_change, .facts = facts,
		.ctx = st,
	};

	return member_open(&mc, eb);
}

static void drain(void *ctx)
{
	struct role *st = ctx;

	/* Nothing new is made; what runs is finished when the databases close. */
	st->draining = true;
	svc_drained(st->svc);
}

int main(int argc, char **argv)
{
	struct mailbox_conf conf = { 0 };
	const struct svc_spec spec = {
		.name = "bourse-mailbox", .what = "mailbox databases of a Bourse organisation",
		.args = "[repair DATABASE [--to FOLDER] [--swap]]",
		.items = mailbox_conf_items, .n_items = mailbox_conf_n_items, .conf = &conf,
	};
	struct role st = { .conf = &conf };
	const struct svc_hooks hooks = { .drain = drain, .ctx = &st };
	struct errbuf eb = { "" };
	enum err e;

	if (identity_wants_enrol(argc, argv))
		return identity_enrol_main(argc, argv, "bourse-mailbox", RPC_MAILBOX);
	e = svc_open(argc, argv, &spec, &st.svc, &eb);
	if (e)
		goto out;
	st.loop = svc_loop(st.svc);
	st.metrics = svc_metrics(st.svc);
	st.data = (char *)(uintptr_t)svc_data(st.svc);
	e = svc_enter(st.svc, &eb);
	if (e)
		goto out;
	if (svc_words(st.svc)[0]) {
		e = repair_main(st.data, svc_words(st.svc), &eb);
		goto out;
	}
	e = role_open(&st, &eb);
	if (e)
		goto out;
	role_collect_methods(&st);
	e = open_member(&st, &eb);
	if (e)
		goto out;
	/* What the replica on disk knows already. */
	assign_on_change(&st, NULL);
	keep_start(&st);
	svc_run(st.svc, &hooks);
out:
	if (e)
		log_error(NULL, "cannot start err=%s detail=%s", err_text(e), eb.text);
	member_close(&st.member);
	role_close(&st);
	svc_close(&st.svc);
	return e ? 1 : 0;
}

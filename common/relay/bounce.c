#include "common/relay/bounce.h"

#include "common/base/check.h"
#include "common/mime/build.h"
#include "common/relay/dsn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ORIGINAL (64u * 1024)
#define MAX_NAMED    300u

static const enum dsn_action dsn_actions[] = {
	[ACTION_NONE] = DSN_FAILED,	   [ACTION_FAILED] = DSN_FAILED,
	[ACTION_DELAYED] = DSN_DELAYED,	   [ACTION_DELIVERED] = DSN_DELIVERED,
	[ACTION_RELAYED] = DSN_RELAYED,	   [ACTION_EXPANDED] = DSN_EXPANDED,
};

static enum dsn_action action_of(const struct mail_rcpt *r)
{
	return r->action < N_ELEMS(dsn_actions) ? dsn_actions[r->action] : DSN_FAILED;
}

bool bounce_needs_own(const struct mail *m)
{
	return m->n_reports >= BOUNCE_DERIVED;
}

/* What a host said begins with its reply code: "550 5.1.1 No such user". */
static unsigned reply_code(const struct mail_rcpt *r)
{
	const char *d = r->diag;

	if (r->remote[0] == '\0' || strspn(d, "0123456789") != 3 || d[3] != ' ')
		return 0;
	return (unsigned)strtoul(d, NULL, 10);
}

static struct dsn_rcpt *wanted(const struct bounce_conf *c, const struct mail *m, int64_t now_ms,
			       size_t *n, size_t *used)
{
	struct dsn_rcpt *list = xcalloc(MAX_NAMED, sizeof(*list));
	struct smtp_address from;

	*n = 0;
	*used = m->n_rcpts;
	if (m->sender[0] == '\0' || smtp_address_parse(span_of(m->sender), &from, NULL))
		return list;
	for (size_t i = 0; i < m->n_rcpts; i++) {
		const struct mail_rcpt *r = &m->rcpts[i];

		if (*n == MAX_NAMED) {
			*used = i;
			break;
		}
		if (!dsn_wanted(&from, r->notify, action_of(r)))
			continue;
		list[(*n)++] = (struct dsn_rcpt){
			.final = r->address, .orcpt = r->orcpt, .action = action_of(r),
			.status = r->status[0] ? r->status : "5.0.0",
			.remote_mta = r->remote[0] ? r->remote : NULL,
			.code = reply_code(r),
			.diagnostic = r->diag[0] ? r->diag + (reply_code(r) ? 4 : 0) : NULL,
			.last_attempt_ms = now_ms,
			.retry_until_ms = r->action == ACTION_DELAYED
				? m->received_ms + c->expire_ms : 0,
		};
	}
	return list;
}

static enum smtp_ret ret_of(const struct mail *m)
{
	if (m->flags & MAIL_RET_FULL)
		return SMTP_RET_FULL;
	return m->flags & MAIL_RET_HDRS ? SMTP_RET_HDRS : SMTP_RET_UNSET;
}

static void identify(struct mail *report, const struct mail *m, const struct mail_id *own)
{
	char purpose[32];

	if (bounce_needs_own(m)) {
		report->id = *own;
		report->root = own->origin;
		return;
	}
	snprintf(purpose, sizeof(purpose), "report-%u", (unsigned)m->n_reports);
	report->id.origin = mail_derive(&m->id.origin, purpose);
	report->id.seq = m->id.seq;
	report->root = m->root;
}

static enum err build(const struct bounce_conf *c, const struct mail *m, struct mail *report,
		      const struct dsn_rcpt *rcpts, size_t n, int64_t now_ms, struct errbuf *eb)
{
	char boundary[BUILD_BOUNDARY_MAX], text[GUID_TEXT];
	struct guid g = guid_make();
	struct dsn_facts facts = { false, false };
	struct dsn d = {
		.reporting_mta = c->hostname, .postmaster = c->postmaster, .to = m->sender,
		.envid = m->envid, .boundary = boundary, .now_ms = now_ms,
		.arrival_ms = m->received_ms, .ret = ret_of(m), .rcpts = rcpts, .n_rcpts = n,
		.original = m->body, .original_8bit = (m->flags & MAIL_8BIT) != 0,
		.max_original = MAX_ORIGINAL,
	};
	struct buf out;
	uint64_t seed;
	enum err e;

	memcpy(&seed, g.b, sizeof(seed));
	build_boundary(boundary, seed, 0);
	d.message_id = arena_printf(&report->arena, "%s@%s", guid_text(&g, text), c->hostname);
	report->message_id = arena_printf(&report->arena, "<%s>", d.message_id);
	buf_init(&out, 4 * 1024 * 1024);
	e = dsn_build(&d, &out, &facts, eb);
	if (!e)
		e = mail_fill_body(report, c->spool, out.data, out.len, eb);
	buf_fini(&out);
	if (facts.utf8)
		report->flags |= MAIL_UTF8;
	if (facts.body_8bit || facts.utf8)
		report->flags |= MAIL_8BIT;
	return e;
}

enum err bounce_make(const struct bounce_conf *c, const struct mail *m,
		     const struct mail_id *own, int64_t now_ms, struct mail **out,
		     size_t *used, struct errbuf *eb)
{
	size_t n;
	struct dsn_rcpt *rcpts = wanted(c, m, now_ms, &n, used);
	struct mail *report;
	struct mail_rcpt *to;
	enum err e;

	if (n == 0) {
		free(rcpts);
		return ERR_NOTFOUND;
	}
	report = mail_new();
	report->flags = MAIL_REPORT | MAIL_AUTHENTICATED;	/* it may leave the organisation */
	report->received_ms = now_ms;
	identify(report, m, own);
	to = mail_add(report, m->sender);
	mail_route(report, to, c->to, "");
	to->notify = SMTP_NOTIFY_NEVER;
	to->due_ms = now_ms;
	e = build(c, m, report, rcpts, n, now_ms, eb);
	free(rcpts);
	if (e)
		mail_unref(&report);
	*out = report;
	return e;
}

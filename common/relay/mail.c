#include "common/relay/mail.h"

#include "common/base/check.h"
#include "common/relay/spool.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *hop_kind_name(unsigned kind)
{
	static const char *const names[] = {
		[HOP_SUBMIT] = "submission", [HOP_DATABASE] = "database", [HOP_HUB] = "hub",
		[HOP_EDGE] = "edge",	     [HOP_DOMAIN] = "domain",	  [HOP_SMART] = "smart-host",
		[HOP_REPORT] = "report",	     [HOP_POISON] = "poison",
	};

	return kind < N_ELEMS(names) && names[kind] ? names[kind] : "?";
}

struct mail *mail_new(void)
{
	struct mail *m = xcalloc(1, sizeof(*m));

	m->refs = 1;
	m->sender = m->envid = m->prefix = m->message_id = "";
	return m;
}

struct mail *mail_ref(struct mail *m)
{
	m->refs++;
	return m;
}

void mail_unref(struct mail **mp)
{
	struct mail *m = *mp;

	*mp = NULL;
	if (!m || --m->refs > 0)
		return;
	spool_body_unref(&m->body);
	free(m->rcpts);
	arena_fini(&m->arena);
	free(m);
}

void mail_set_body(struct mail *m, struct spool_body *body)
{
	spool_body_unref(&m->body);
	m->body = body;
	m->size = spool_body_size(body);
	m->data = m->size ? spool_body_memory(body).p : "";
}

enum err mail_fill_body(struct mail *m, struct spool *s, const void *p, size_t n,
			struct errbuf *eb)
{
	struct spool_body *b = spool_body_new(s);
	enum err e = n ? spool_body_add(b, p, n, eb) : ERR_OK;

	if (e) {
		spool_body_unref(&b);
		return e;
	}
	spool_body_seal(b);
	mail_set_body(m, b);
	return ERR_OK;
}

struct mail_rcpt *mail_add(struct mail *m, const char *address)
{
	struct mail_rcpt *r;

	if (m->n_rcpts == m->cap_rcpts) {
		m->cap_rcpts = m->cap_rcpts ? m->cap_rcpts * 2 : 4;
		m->rcpts = xrealloc(m->rcpts, m->cap_rcpts * sizeof(*m->rcpts));
	}
	r = &m->rcpts[m->n_rcpts++];
	*r = (struct mail_rcpt){
		.address = arena_str(&m->arena, address), .orcpt = "", .hop = "",
		.status = "", .diag = "", .remote = "", .kind = HOP_SUBMIT,
	};
	return r;
}

struct mail_rcpt *mail_add_copy(struct mail *m, const struct mail_rcpt *from)
{
	struct mail_rcpt c = *from, *r = mail_add(m, from->address);

	c.address = r->address;
	c.orcpt = arena_str(&m->arena, c.orcpt);
	c.hop = arena_str(&m->arena, c.hop);
	c.status = arena_str(&m->arena, c.status);
	c.diag = arena_str(&m->arena, c.diag);
	c.remote = arena_str(&m->arena, c.remote);
	*r = c;
	return r;
}

struct mail *mail_split(struct mail *m)
{
	struct mail *c = mail_new();

	c->id = m->id;
	c->root = m->root;
	c->flags = m->flags;
	c->received_ms = m->received_ms;
	c->submitter = m->submitter;
	c->offered = m->offered;
	c->offered_ms = m->offered_ms;
	c->n_reports = m->n_reports;
	c->sender = arena_str(&c->arena, m->sender);
	c->envid = arena_str(&c->arena, m->envid);
	c->prefix = arena_str(&c->arena, m->prefix);
	c->message_id = arena_str(&c->arena, m->message_id);
	if (m->body)
		mail_set_body(c, spool_body_ref(m->body));
	return c;
}

void mail_route(struct mail *m, struct mail_rcpt *r, enum hop_kind kind, const char *name)
{
	r->kind = kind;
	r->hop = arena_str(&m->arena, name);
}

void mail_report(struct mail *m, struct mail_rcpt *r, enum mail_action action,
		 const char *status, const char *diag, const char *remote)
{
	r->kind = HOP_REPORT;
	r->hop = "";
	r->action = action;
	r->status = arena_str(&m->arena, status);
	r->diag = arena_str(&m->arena, diag);
	r->remote = arena_str(&m->arena, remote);
}

struct guid mail_derive(const struct guid *origin, const char *purpose)
{
	static const uint8_t key[crypto_generichash_KEYBYTES_MIN + 1] = "bourse-derived-id";
	struct guid out;
	crypto_generichash_state st;

	_Static_assert(sizeof(out.b) >= crypto_generichash_BYTES_MIN, "BLAKE2b-128");
	crypto_generichash_init(&st, key, crypto_generichash_KEYBYTES_MIN, sizeof(out.b));
	crypto_generichash_update(&st, origin->b, sizeof(origin->b));
	crypto_generichash_update(&st, (const uint8_t *)purpose, strlen(purpose));
	crypto_generichash_final(&st, out.b, sizeof(out.b));
	return out;
}

const char *mail_id_text(const struct mail_id *id, char out[64])
{
	snprintf(out, 64, "%02x%02x%02x%02x.%llx", id->origin.b[0], id->origin.b[1],
		 id->origin.b[2], id->origin.b[3], (unsigned long long)id->seq);
	return out;
}

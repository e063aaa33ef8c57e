#include "roles/hub-transport/behalf.h"

#include "common/smtp/command.h"
#include "roles/hub-transport/resolve.h"
#include <string.h>

#define PURPOSE "sent-copy"

/* ---- rights ------------------------------------------------------------------------- */

static bool names_user(struct replica *r, const struct object *o, unsigned attr,
		       const struct guid *user)
{
	struct guid g;

	for (const struct object_value *v = object_values(o, attr); v; v = v->next)
		if (guid_from(v->bytes.p, v->bytes.n, &g) == ERR_OK &&
		    (guid_eq(&g, user) || replica_is_member(r, &g, user)))
			return true;
	return false;
}

enum send_right behalf_right(struct replica *r, const struct guid *user, const char *address)
{
	struct arena a = { NULL, NULL };
	enum send_right right = SEND_NOT;
	struct object *o;

	if (resolve_may_send_as(r, user, address))
		return SEND_AS;
	if (replica_by_address(r, address, &a, &o) == ERR_OK &&
	    names_user(r, o, OBJ_SEND_ON_BEHALF, user))
		right = SEND_ON_BEHALF;
	arena_fini(&a);
	return right;
}

/* ---- the header ---------------------------------------------------------------------- */

static bool is_ours(struct replica *r, const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL || replica_domain(r, at + 1) != DOMAIN_NONE;
}

/* One author: DENIED, or does he need a Sender beside him? */
static enum err author(struct replica *r, const struct guid *user, const char *address,
		       bool *needs_sender)
{
	enum send_right right = is_ours(r, address) ? behalf_right(r, user, address)
						    : SEND_ON_BEHALF;

	*needs_sender |= right == SEND_ON_BEHALF;
	return right == SEND_NOT ? ERR_DENIED : ERR_OK;
}

enum err behalf_stamp(struct replica *r, struct mail *m, const struct stamp_header *sh,
		      const struct guid *user, const char *name)
{
	bool needs_sender = false;
	enum err e = sh->n_from > STAMP_AUTHORS ? ERR_DENIED : ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sh->n_from; i++)
		e = author(r, user, sh->from[i], &needs_sender);
	/* It will get the envelope's sender as its author. */
	if (e == ERR_OK && sh->n_from == 0 && m->sender[0])
		e = author(r, user, m->sender, &needs_sender);
	if (e)
		return e;
	if (sh->sender)
		return !is_ours(r, sh->sender) || behalf_right(r, user, sh->sender) != SEND_AS
			       ? ERR_DENIED : ERR_OK;
	if (needs_sender && strchr(name, '@'))
		stamp_sender(m, name);
	return ERR_OK;
}

/* ---- the copy -------------------------------------------------------------------------- */

/* The mailbox that wants one, of an address in From that is not the user's. */
static struct object *keeper(struct replica *r, const char *address, const struct guid *user,
			     struct arena *a)
{
	struct object *o;
	const char *copy;

	if (replica_by_address(r, address, a, &o) != ERR_OK || o->klass != CLASS_MAILBOX ||
	    guid_eq(&o->guid, user) || object_bool(o, OBJ_DISCONNECTED, false))
		return NULL;
	copy = object_text(o, OBJ_SENT_COPY);
	return copy && (strcmp(copy, "mailbox") == 0 || strcmp(copy, "both") == 0) ? o : NULL;
}

struct mail *behalf_copy(struct replica *r, struct mail *m, const struct stamp_header *sh,
			 const struct guid *user)
{
	struct arena a = { NULL, NULL };
	const struct object *o = NULL;
	char text[GUID_TEXT];
	struct mail_rcpt *rcpt;
	struct mail *copy = NULL;
	struct guid database;

	for (size_t i = 0; o == NULL && i < sh->n_from; i++)
		o = keeper(r, sh->from[i], user, &a);
	if (o == NULL && sh->n_from == 0)
		o = keeper(r, m->sender, user, &a);
	if (o && object_guid(o, OBJ_DATABASE, &database)) {
		copy = mail_split(m);
		copy->id.origin = mail_derive(&m->id.origin, PURPOSE);
		rcpt = mail_add(copy, object_text(o, OBJ_EMAIL) ? object_text(o, OBJ_EMAIL) : "");
		rcpt->notify = SMTP_NOTIFY_NEVER;
		rcpt->target = o->guid;
		rcpt->due_ms = m->received_ms;
		mail_route(copy, rcpt, HOP_DATABASE, guid_text(&database, text));
	}
	arena_fini(&a);
	return copy;
}

bool behalf_is_copy(const struct mail *m)
{
	struct guid g = mail_derive(&m->root, PURPOSE);

	return guid_eq(&m->id.origin, &g);
}

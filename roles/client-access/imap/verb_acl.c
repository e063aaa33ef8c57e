/* Rights (RFC 4314): SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS. */
#include "roles/client-access/imap/namespace.h"

#include "common/imap/write.h"
#include <string.h>

struct acl_run {
	char *mailbox, *identifier;
	struct ns_place place;
	const char *path;		/* as the client is told */
};

static void put_identifier(struct imap_session *s, const char *id)
{
	out_done(s, imap_write_astring(&s->out, span_of(id)));
}

/* " mailbox" or " mailbox identifier"; what follows is left. */
static bool arguments(struct imap_session *s, struct acl_run **out, bool with_identifier)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct acl_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	struct span id;

	s->run = *out = r;
	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &r->mailbox))
		return false;
	if (!with_identifier)
		return true;
	if (!imap_lex_sp(l) || !imap_lex_astring(l, &id))
		return false;
	if (id.n == 0 || memchr(id.p, '\0', id.n))
		return imap_lex_fail(l, "Bad identifier.");
	r->identifier = arena_strn(&s->reader.arena, id.p, id.n);
	return true;
}

static enum err place(struct imap_session *s, struct acl_run *r)
{
	enum err e = ns_resolve(s, r->mailbox, &r->place);

	if (e == ERR_OK)
		s->at = r->place.at;
	return e;
}

/* ---- SETACL, DELETEACL ------------------------------------------------------------------ */

static void changed(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;

	(void)cn;
	imap_call_done(s);
	if (e == ERR_INVALID)
		imap_finish(s, "NO [CANNOT] The owner has every right.");
	else if (e == ERR_LIMIT)
		imap_finish(s, "NO [LIMIT] Too many have rights on it.");
	else
		imap_fail(s, e);	/* also says OK */
	imap_pump(s);
}

static enum next change(struct imap_session *s, struct acl_run *r, struct store_acl_change *ch)
{
	const char *id = r->identifier;
	enum err e;

	ch->negative = *id == '-';
	e = place(s, r);
	if (e)
		return imap_fail(s, e);
	if (strcasecmp(id + ch->negative, "owner") == 0)
		ch->who = r->place.at.mailbox;
	else if (sharing_identify(s->cas, id + ch->negative, &ch->who) != ERR_OK)
		return imap_finish(s, "NO [CANNOT] There is nobody of that name.");
	ch->path = r->place.path;
	s->call = store_acl_set(&s->at, ch, changed, s);
	return imap_await(s);
}

enum next imap_verb_setacl(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct store_acl_change ch = { .mode = STORE_ACL_REPLACE };
	struct acl_run *r;
	struct span rights;

	if (!arguments(s, &r, true) || !imap_lex_sp(l) || !imap_lex_astring(l, &rights) ||
	    !imap_lex_end(l))
		return imap_bad(s);
	if (rights.n && (*rights.p == '+' || *rights.p == '-')) {
		ch.mode = *rights.p == '+' ? STORE_ACL_ADD : STORE_ACL_REMOVE;
		rights.p++;
		rights.n--;
	}
	if (rights_parse(rights.p, rights.n, &ch.rights) != ERR_OK)
		return imap_finish(s, "BAD There is no such right.");
	return change(s, r, &ch);
}

enum next imap_verb_deleteacl(struct imap_session *s)
{
	struct store_acl_change ch = { .mode = STORE_ACL_REPLACE };
	struct acl_run *r;

	if (!arguments(s, &r, true) || !imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	return change(s, r, &ch);
}

/* ---- GETACL ------------------------------------------------------------------------------- */

static void put_row(struct imap_session *s, const char *minus, const char *id, unsigned rights)
{
	char text[RIGHTS_TEXT];

	out_str(s, " ");
	put_identifier(s, arena_printf(&s->reader.arena, "%s%s", minus, id));
	out_fmt(s, " %s", rights_text(rights, text));
}

/* A row of the whole mailbox counts for the folder as well: what both give together. */
static void merge(struct store_acl_row *out, size_t *n, const struct store_acl_row *row)
{
	for (size_t i = 0; i < *n; i++)
		if (guid_eq(&out[i].who, &row->who)) {
			out[i].given |= row->given;
			out[i].taken |= row->taken;
			return;
		}
	out[(*n)++] = *row;
}

static void listed(void *ctx, enum err e, const struct store_acl_row *rows, size_t n_rows)
{
	struct imap_session *s = ctx;
	struct acl_run *r = s->run;
	struct store_acl_row *all;
	struct shared owner;
	size_t n = 0;

	imap_call_done(s);
	if (e) {
		imap_fail(s, e);
		imap_pump(s);
		return;
	}
	all = arena_alloc(&s->reader.arena, (n_rows + 1) * sizeof(*all));
	for (size_t i = 0; i < n_rows; i++)
		merge(all, &n, &rows[i]);
	out_str(s, "* ACL ");
	out_mailbox(s, r->path);
	if (sharing_name(s->cas, &s->at.mailbox, &s->reader.arena, &owner) &&
	    owner.kind == SHARING_USER)
		put_row(s, "", owner.name, RIGHT_ALL);
	for (size_t i = 0; i < n; i++) {
		const char *id = sharing_identifier(s->cas, &all[i].who, &s->reader.arena);

		if (all[i].given)
			put_row(s, "", id, all[i].given);
		if (all[i].taken)
			put_row(s, "-", id, all[i].taken);
	}
	out_str(s, "\r\n");
	imap_finish(s, "OK Done.");
	imap_pump(s);
}

static enum next list_rows(struct imap_session *s, enum err e, const struct store_folder *f)
{
	struct acl_run *r = s->run;

	if (e)
		return imap_fail(s, e);
	r->path = arena_str(&s->reader.arena, f->path);
	e = place(s, r);
	if (e)
		return imap_fail(s, e);
	s->call = store_acl_list(&s->at, r->place.path, listed, s);
	return imap_await(s);
}

enum next imap_verb_getacl(struct imap_session *s)
{
	struct acl_run *r;

	if (!arguments(s, &r, false) || !imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	return folder_find(s, r->mailbox, list_rows);
}

/* ---- LISTRIGHTS, MYRIGHTS --------------------------------------------------------------------- */

/* NO, in words that say no more than may be known; false: the rights are there. */
static bool lacks(struct imap_session *s, const struct store_folder *f, unsigned any)
{
	if (f->rights & any)
		return false;
	imap_fail(s, f->rights & RIGHT_KNOWS ? ERR_DENIED : ERR_NOTFOUND);
	return true;
}

static enum next say_grantable(struct imap_session *s, enum err e, const struct store_folder *f)
{
	struct acl_run *r = s->run;
	const char *id = r->identifier;
	struct guid who;
	bool owner;

	if (e)
		return imap_fail(s, e);
	if (lacks(s, f, RIGHT_ADMIN))
		return NEXT_MORE;
	id += *id == '-';
	owner = strcasecmp(id, "owner") == 0;
	if (!owner && sharing_identify(s->cas, id, &who) != ERR_OK)
		return imap_finish(s, "NO [CANNOT] There is nobody of that name.");
	owner = owner || guid_eq(&who, &s->at.mailbox);
	out_str(s, "* LISTRIGHTS ");
	out_mailbox(s, f->path);
	out_str(s, " ");
	put_identifier(s, r->identifier);
	/* The owner has all of them tied together; for others each is given alone. */
	out_str(s, owner ? " lrswipkxtecda\r\n" : " \"\" l r s w i p k x t e c d a\r\n");
	return imap_finish(s, "OK Done.");
}

enum next imap_verb_listrights(struct imap_session *s)
{
	struct acl_run *r;

	if (!arguments(s, &r, true) || !imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	return folder_find(s, r->mailbox, say_grantable);
}

static enum next say_mine(struct imap_session *s, enum err e, const struct store_folder *f)
{
	static const unsigned any = RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE |
				    RIGHT_REMOVE | RIGHT_ADMIN;
	char text[RIGHTS_TEXT];

	if (e)
		return imap_fail(s, e);
	if (lacks(s, f, any))
		return NEXT_MORE;
	out_str(s, "* MYRIGHTS ");
	out_mailbox(s, f->path);
	out_fmt(s, " %s\r\n", rights_text(f->rights, text));
	return imap_finish(s, "OK Done.");
}

enum next imap_verb_myrights(struct imap_session *s)
{
	struct acl_run *r;

	if (!arguments(s, &r, false) || !imap_lex_end(&s->reader.cmd.args))
		return imap_bad(s);
	return folder_find(s, r->mailbox, say_mine);
}

#include "roles/directory/apply.h"

#include "common/base/log.h"
#include "common/replica/objects.h"
#include "common/smtp/address.h"
#include "roles/directory/addresses.h"
#include "roles/directory/audit.h"
#include "roles/directory/members.h"
#include "roles/directory/um/um.h"
#include <stdio.h>

enum { PAGE = 32 };

DB_SQL(q_domain_used, "SELECT 1 FROM address WHERE substr(key, -length(?1)) = ?1 LIMIT 1");

void job_note(struct job *j, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (j->notes->n == N_ELEMS(j->notes->text))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	j->notes->text[j->notes->n++] = arena_str(j->a, text);
}

/* ---- finding --------------------------------------------------------------------------- */

static enum err by_address(struct directory *d, const char *text, struct arena *a,
			   struct object **out, struct errbuf *eb)
{
	char key[SMTP_KEY_MAX];

	if (smtp_address_key_of(text, key) != ERR_OK)
		return ERR_NOTFOUND;
	return objects_by_address(d->db, key, a, out, eb);
}

static enum err by_name(struct directory *d, unsigned klass, const char *name, struct arena *a,
			struct object **out, struct errbuf *eb)
{
	static const unsigned recipients[] = { CLASS_MAILBOX, CLASS_GROUP, CLASS_CONTACT,
					       CLASS_PUBLIC_FOLDER };
	enum err e = ERR_NOTFOUND;

	if (klass)
		e = objects_by_name(d->db, klass, name, a, out, eb);
	for (size_t i = 0; !klass && i < N_ELEMS(recipients) && e == ERR_NOTFOUND; i++)
		e = objects_by_name(d->db, recipients[i], name, a, out, eb);
	if (e == ERR_NOTFOUND && (!klass || class_is_recipient(klass)) && strchr(name, '@'))
		e = by_address(d, name, a, out, eb);
	return e;
}

enum err apply_find(struct directory *d, unsigned klass, const char *name,
		    const struct guid *g, struct arena *a, struct object **out,
		    struct errbuf *eb)
{
	struct guid parsed;
	enum err e;

	if (name && guid_parse(name, &parsed) == ERR_OK)
		e = objects_by_guid(d->db, &parsed, a, out, eb);
	else if (name)
		e = by_name(d, klass, name, a, out, eb);
	else
		e = objects_by_guid(d->db, g, a, out, eb);
	if (!e && (klass ? (*out)->klass != klass : !class_is_recipient((*out)->klass)))
		e = ERR_NOTFOUND;
	if (e == ERR_NOTFOUND)
		err_set(eb, e, "no %s named %.100s", klass ? class_name(klass) : "recipient",
			name ? name : "so");
	return e;
}

/* ---- other objects that go along ------------------------------------------------------------ */

/* One default of a class: the one before is no longer. */
static enum err clear_other_default(struct job *j)
{
	struct object *page[PAGE];
	const char *after = "";
	enum err e = ERR_OK;
	size_t n;

	do {
		n = objects_list(j->d->db, j->o->klass, after, page, PAGE, j->a);
		for (size_t i = 0; i < n && !e; i++) {
			if (guid_eq(&page[i]->guid, &j->o->guid) ||
			    !object_bool(page[i], OBJ_DEFAULT, false))
				continue;
			object_set_number(page[i], OBJ_DEFAULT, 0);
			e = batch_put(j->batch, page[i], j->eb);
		}
		if (n)
			after = object_name_key(j->a, object_text(page[n - 1], OBJ_NAME));
	} while (!e && n == PAGE && after);
	return e;
}

enum err pull_along(struct job *j)
{
	if (j->o->klass == CLASS_DOMAIN && object_bool(j->o, OBJ_DEFAULT, false) &&
	    !(j->was && object_bool(j->was, OBJ_DEFAULT, false)))
		return clear_other_default(j);
	return um_pull_along(j);
}

/* Nobody may point to what is gone. */
static enum err clear_references(struct job *j, const struct guid *gone)
{
	struct span bytes = { (const char *)gone->b, sizeof(gone->b) };
	struct guid who[PAGE];
	enum err e = ERR_OK;
	size_t n;

	while (!e && (n = objects_referring(j->d->db, gone, who, PAGE)) > 0) {
		for (size_t i = 0; i < n && !e; i++) {
			struct object *o;

			e = objects_by_guid(j->d->db, &who[i], j->a, &o, j->eb);
			if (e)
				break;
			for (const struct attr_info *t = attr_after(NULL); t; t = attr_after(t))
				if (t->flags & ATTR_REF)
					object_remove_value(o, t->id, bytes);
			e = batch_put(j->batch, o, j->eb);
		}
	}
	return e;
}

/* ---- deleting -------------------------------------------------------------------------------- */

static enum err may_delete(struct job *j)
{
	const struct object *o = j->was;
	const char *suffix;
	int64_t used = 0;

	switch (o->klass) {
	case CLASS_ORGANISATION:
	case CLASS_TRANSPORT:
		return err_set(j->eb, ERR_DENIED, "there is always one %s", class_name(o->klass));
	case CLASS_SERVER:
		if (guid_eq(&o->guid, &j->d->self))
			return err_set(j->eb, ERR_DENIED, "that is the directory itself");
		used = objects_count_linked(j->d->db, &o->guid, OBJ_SERVER);
		return used ? err_set(j->eb, ERR_DENIED, "it holds %lld mailbox databases: delete "
				      "them, or give them another server", (long long)used) : ERR_OK;
	case CLASS_DATABASE:
		used = objects_count_linked(j->d->db, &o->guid, OBJ_DATABASE);
		return used ? err_set(j->eb, ERR_DENIED, "%lld mailboxes live in it",
				      (long long)used) : ERR_OK;
	case CLASS_DOMAIN:
		suffix = object_text(o, OBJ_DOMAIN);
		suffix = arena_printf(j->a, "%s%s", suffix[0] == '*' ? "" : "@",
				      suffix + (suffix[0] == '*'));
		if (db_get_int(j->d->db, &q_domain_used, &used, NULL, "t", suffix) == ERR_OK)
			return err_set(j->eb, ERR_DENIED, "recipients have addresses in it");
		return ERR_OK;
	default:
		return um_may_delete(j, o);
	}
}

static enum err delete(struct job *j)
{
	enum err e = may_delete(j);

	if (!e)
		e = clear_references(j, &j->was->guid);
	if (!e && j->was->klass == CLASS_GROUP)
		e = members_delete(j);
	if (e)
		return e;
	j->o = object_new(j->a, j->was->klass);
	j->o->guid = j->was->guid;
	j->o->deleted = true;
	return batch_put(j->batch, j->o, j->eb);
}

/* ---- creating and changing ---------------------------------------------------------------------- */

static enum err begin_create(struct job *j)
{
	switch (j->ap->klass) {
	case CLASS_ORGANISATION:
	case CLASS_TRANSPORT:
		return err_set(j->eb, ERR_EXISTS, "there is always one %s",
			       class_name(j->ap->klass));
	case CLASS_SERVER:
		return err_set(j->eb, ERR_DENIED, "servers join with a token or a subscription");
	}
	if (strcmp(class_name(j->ap->klass), "?") == 0)
		return err_set(j->eb, ERR_INVALID, "no such class");
	if (!j->ap->name || !object_name_key(j->a, j->ap->name))
		return err_set(j->eb, ERR_INVALID, "a name is missing");
	j->o = object_new(j->a, j->ap->klass);
	j->o->guid = guid_make();
	object_set_text(j->o, OBJ_NAME, j->ap->name);
	return ERR_OK;
}

/* A group, or the one that a page belongs to. */
static void note_group(struct job *j, const struct guid *in)
{
	struct guid group = *in;
	int64_t after = 0;
	struct object *o;

	if (objects_by_guid(j->d->db, in, j->a, &o, NULL) != ERR_OK ||
	    (o->klass == CLASS_GROUP_PAGE &&
	     objects_linked(j->d->db, in, OBJ_MEMBER, &after, &group, 1) == 0))
		return;
	if (!object_has_guid(j->o, OBJ_FORMER_GROUP, &group))
		object_add_bytes(j->o, OBJ_FORMER_GROUP, group.b, sizeof(group.b));
}

/* The groups it is a member of are noted; clear_references() takes it out of them. */
static void leave_groups(struct job *j)
{
	struct guid in[PAGE];
	int64_t after = 0;
	size_t n;

	object_unset(j->o, OBJ_FORMER_GROUP);
	do {
		n = objects_linked(j->d->db, &j->o->guid, OBJ_MEMBER, &after, in, PAGE);
		for (size_t i = 0; i < n; i++)
			note_group(j, &in[i]);
	} while (n == PAGE);
}

/* Those that are there still: of one that was deleted nothing was left. */
static enum err rejoin_groups(struct job *j)
{
	const struct object_value *v = object_values(j->o, OBJ_FORMER_GROUP);
	enum err e = ERR_OK;

	for (; v && !e; v = v->next) {
		struct object *group;
		struct guid g;

		if (guid_from(v->bytes.p, v->bytes.n, &g) ||
		    objects_by_guid(j->d->db, &g, j->a, &group, NULL) ||
		    group->klass != CLASS_GROUP)
			continue;
		e = members_join(j, group, &j->o->guid);
	}
	object_unset(j->o, OBJ_FORMER_GROUP);
	return e;
}

/* A user that is switched off: the object stays, so that the store keeps the content
 * and it can be connected again. */
static enum err disable(struct job *j)
{
	struct guid up[PAGE];
	size_t n = objects_referring(j->d->db, &j->o->guid, up, PAGE);

	if (object_bool(j->o, OBJ_DISCONNECTED, false))
		return err_set(j->eb, ERR_EXISTS, "it is disabled already");
	object_set_number(j->o, OBJ_DISCONNECTED, 1);
	object_unset(j->o, OBJ_EMAIL);
	object_unset(j->o, OBJ_FORWARD_TO);
	if (n)
		job_note(j, "it was taken out of %zu%s groups and lists of senders", n,
			 n == PAGE ? " or more" : "");
	leave_groups(j);
	return clear_references(j, &j->o->guid);
}

static enum err reconnect(struct job *j)
{
	if (!object_bool(j->o, OBJ_DISCONNECTED, false))
		return err_set(j->eb, ERR_EXISTS, "it is connected");
	object_unset(j->o, OBJ_DISCONNECTED);
	return rejoin_groups(j);
}

static enum err begin(struct job *j)
{
	const struct apply *ap = j->ap;
	enum err e;

	if (ap->klass == CLASS_GROUP_PAGE)
		return err_set(j->eb, ERR_DENIED, "pages of members are the directory's own");
	if (ap->what == APPLY_CREATE)
		return begin_create(j);
	e = apply_find(j->d, ap->klass, ap->name, &ap->guid, j->a, &j->was, j->eb);
	if (e)
		return e;
	j->o = object_copy(j->a, j->was);
	if ((ap->what == APPLY_DISABLE || ap->what == APPLY_RECONNECT) &&
	    j->o->klass != CLASS_MAILBOX)
		return err_set(j->eb, ERR_INVALID, "only mailboxes are disabled and reconnected");
	return ERR_OK;
}

static enum err change_object(struct job *j)
{
	enum err e = ERR_OK;

	if (j->ap->what == APPLY_DISABLE)
		e = disable(j);
	else if (j->ap->what == APPLY_RECONNECT)
		e = reconnect(j);
	for (size_t i = 0; i < j->ap->n_changes && !e; i++)
		e = change_apply(j, &j->ap->changes[i]);
	if (!e && j->ap->what != APPLY_DISABLE)
		e = complete(j);
	if (!e)
		e = check(j);
	if (!e)
		e = pull_along(j);
	if (!e)
		e = members_write(j);
	if (!e)
		e = batch_put(j->batch, j->o, j->eb);
	return e;
}

static const char *const what_names[] = {
	[APPLY_CREATE] = "create", [APPLY_MODIFY] = "set", [APPLY_DELETE] = "delete",
	[APPLY_DISABLE] = "disable", [APPLY_RECONNECT] = "reconnect",
};

static enum err write_audit(struct job *j, enum err result)
{
	const struct apply *ap = j->ap;
	const struct object *named = j->was ? j->was : j->o;
	const char *name = named ? object_text(named, OBJ_NAME) : NULL;
	char shown[128];
	struct audit_line l = {
		.at_ms = ap->now_ms, .who = ap->who,
		.what = arena_printf(j->a, "%s %s", class_name(ap->klass ? ap->klass :
				     named ? named->klass : 0), what_names[ap->what]),
	};
	bool deleted = ap->what == APPLY_DELETE;

	if (!name)
		name = ap->name ? ap->name : "";
	/* What no object can be called is shown as a log shows it. */
	l.object = object_name_key(j->a, name) ? name
					       : log_clean(name, strlen(name), shown, sizeof(shown));
	l.detail = result ? j->eb->text : audit_diff(j->a, j->was, deleted ? NULL : j->o);
	if (!result && members_diff(j)[0])
		l.detail = arena_printf(j->a, "%s; members in pages:%s", l.detail, members_diff(j));
	l.result = err_text(result);
	/* A failure's text must outlive what goes wrong while it is written down. */
	l.detail = arena_str(j->a, l.detail);
	return audit_add(j->d->db, &l, result ? NULL : j->eb);
}

static void audit_refusal(struct job *j, enum err result)
{
	struct errbuf eb = { "" };

	metric_add(j->d->m, M_REFUSED, 1);
	if (db_begin(j->d->db, &eb) != ERR_OK || write_audit(j, result) != ERR_OK ||
	    db_commit(j->d->db, &eb) != ERR_OK) {
		db_rollback(j->d->db);
		log_error(NULL, "a refusal is not in the audit log");
	}
}

enum err apply_run(struct directory *d, const struct apply *ap, struct arena *a,
		   struct object **out, struct notes *notes, struct errbuf *eb)
{
	struct batch batch;
	struct job j = { .d = d, .ap = ap, .a = a, .batch = &batch, .notes = notes, .eb = eb };
	enum err e = batch_begin(&batch, d, ap->now_ms, eb);

	if (e)
		return e;
	e = begin(&j);
	if (!e)
		e = ap->what == APPLY_DELETE ? delete(&j) : change_object(&j);
	if (!e && j.o->klass == CLASS_ADDRESS_POLICY)
		e = objects_set_int(d->db, META_WALK, 1, eb);
	if (!e && !ap->check_only)
		e = write_audit(&j, ERR_OK);
	if (!e && !ap->check_only)
		e = batch_commit(&batch, eb);
	batch_abort(&batch);
	if (!e && !ap->check_only && j.o->klass == CLASS_ADDRESS_POLICY)
		walk_begin(d);
	if (e && !ap->check_only)
		audit_refusal(&j, e);
	members_end(&j);
	*out = e ? NULL : j.o;
	return e;
}

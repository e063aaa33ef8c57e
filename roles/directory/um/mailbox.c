#include "common/replica/objects.h"
#include "roles/directory/um/um.h"

/* Who has which extension: mailboxes, by their policy's dial plan, and attendants. */

enum { PAGE = 64, MAX_NUMBER = 24 };

static bool plan_of(struct job *j, const struct object *o, struct guid *out)
{
	struct object *policy;
	struct guid g;

	if (o->klass == CLASS_AUTO_ATTENDANT)
		return object_guid(o, OBJ_DIAL_PLAN, out);
	return object_guid(o, OBJ_UM_POLICY, &g) &&
	       objects_by_guid(j->d->db, &g, j->a, &policy, NULL) == ERR_OK &&
	       object_guid(policy, OBJ_DIAL_PLAN, out);
}

static enum err check_unique(struct job *j, const struct object *plan, struct span ext)
{
	struct guid page[PAGE], other;
	int64_t after = 0;
	size_t n;

	if (object_has_value(plan, OBJ_ACCESS_NUMBER, ext))
		return err_set(j->eb, ERR_EXISTS, "extension: %s is the dial plan's access number",
			       ext.p);
	do {
		n = objects_by_extension(j->d->db, ext.p, &after, page, PAGE);
		for (size_t i = 0; i < n; i++) {
			struct object *o;

			if (guid_eq(&page[i], &j->o->guid) ||
			    objects_by_guid(j->d->db, &page[i], j->a, &o, NULL) != ERR_OK ||
			    !plan_of(j, o, &other) || !guid_eq(&other, &plan->guid))
				continue;
			return err_set(j->eb, ERR_EXISTS, "extension: %s belongs to the %s %.80s",
				       ext.p, class_name(o->klass), object_text(o, OBJ_NAME));
		}
	} while (n == PAGE);
	return ERR_OK;
}

static enum err check_extension(struct job *j, const struct object *plan, struct span ext)
{
	size_t digits = (size_t)object_number(plan, OBJ_EXTENSION_DIGITS, 4);
	const char *s = ext.p, *type = object_text(plan, OBJ_URI_TYPE);
	bool e164 = type && strcmp(type, "e164") == 0;

	/* Attendants have whatever is dialled from outside, too. */
	if (j->o->klass == CLASS_AUTO_ATTENDANT || e164) {
		s += *s == '+';
		digits = MAX_NUMBER;
	}
	if (!um_is_digits(s, digits == MAX_NUMBER ? 1 : digits, digits))
		return err_set(j->eb, ERR_INVALID, "extension: %.40s is not %s%zu digits", ext.p,
			       digits == MAX_NUMBER ? "up to " : "", digits);
	return check_unique(j, plan, ext);
}

/* Of a mailbox or an attendant. */
enum err um_check_mailbox(struct job *j)
{
	struct object *plan;
	struct guid g;
	enum err e;

	if (j->o->klass == CLASS_MAILBOX && !object_bool(j->o, OBJ_UM_ENABLED, false))
		return ERR_OK;
	if (!plan_of(j, j->o, &g))
		return err_set(j->eb, ERR_INVALID, "um-policy is missing");
	e = objects_by_guid(j->d->db, &g, j->a, &plan, j->eb);
	if (!e && !object_has(j->o, OBJ_EXTENSION))
		return err_set(j->eb, ERR_INVALID, "extension is missing");
	for (const struct object_value *v = object_values(j->o, OBJ_EXTENSION); v && !e; v = v->next)
		e = check_extension(j, plan, v->bytes);
	return e;
}

/* ---- enabling and disabling ------------------------------------------------------------------ */

/* The only policy there is need not be named. */
static void choose_policy(struct job *j)
{
	struct object *page[2];

	if (!object_has(j->o, OBJ_UM_POLICY) &&
	    objects_list(j->d->db, CLASS_UM_POLICY, "", page, 2, j->a) == 1)
		object_set_guid(j->o, OBJ_UM_POLICY, &page[0]->guid);
}

enum err um_complete_mailbox(struct job *j)
{
	static const unsigned gone[] = { OBJ_UM_ENABLED, OBJ_UM_POLICY, OBJ_EXTENSION, OBJ_PIN,
					 OBJ_PIN_SET, OBJ_PIN_FAILURES };
	bool was = j->was && object_bool(j->was, OBJ_UM_ENABLED, false);

	if (object_bool(j->o, OBJ_UM_ENABLED, false)) {
		choose_policy(j);
		if (!was && !j->ap->pin)
			job_note(j, "no PIN yet: voice access is closed to it");
		return um_pin_note(j);
	}
	if (j->ap->pin_event)
		return err_set(j->eb, ERR_INVALID, "it has no unified messaging");
	if (was)
		for (size_t i = 0; i < N_ELEMS(gone); i++)
			object_unset(j->o, gone[i]);
	return ERR_OK;
}

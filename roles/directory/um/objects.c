#include "common/replica/objects.h"
#include "roles/directory/um/um.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* Objects of telephony: what nobody said is as in Exchange 2007, and what was said
 * must make sense. */

#define MINUTE INT64_C(60000)
#define DAY    (24 * 60 * MINUTE)

enum { PAGE = 64, MAX_NUMBER = 24 };

/* ---- defaults ------------------------------------------------------------------------------ */

static const struct {
	unsigned klass, attr;
	int64_t number;
	const char *text;
} defaults[] = {
	{ CLASS_DIAL_PLAN, OBJ_EXTENSION_DIGITS, 4, NULL },
	{ CLASS_DIAL_PLAN, OBJ_URI_TYPE, 0, "telephone" },
	{ CLASS_DIAL_PLAN, OBJ_LANGUAGE, 0, "en" },
	{ CLASS_DIAL_PLAN, OBJ_VOIP_SECURITY, 0, "unsecured" },
	{ CLASS_DIAL_PLAN, OBJ_AUDIO_CODEC, 0, "mp3" },	/* WMA needs what is not free */
	{ CLASS_DIAL_PLAN, OBJ_MAX_CALL, 30 * MINUTE, NULL },
	{ CLASS_DIAL_PLAN, OBJ_MAX_RECORDING, 20 * MINUTE, NULL },
	{ CLASS_DIAL_PLAN, OBJ_RECORDING_IDLE, 5000, NULL },
	{ CLASS_DIAL_PLAN, OBJ_LOGON_FAILURES, 3, NULL },
	{ CLASS_DIAL_PLAN, OBJ_INPUT_FAILURES, 3, NULL },
	{ CLASS_IP_GATEWAY, OBJ_OUTBOUND, 1, NULL },
	{ CLASS_IP_GATEWAY, OBJ_UM_STATUS, 0, "enabled" },
	{ CLASS_UM_POLICY, OBJ_PIN_MIN_LENGTH, 6, NULL },
	{ CLASS_UM_POLICY, OBJ_PIN_LIFETIME, 60 * DAY, NULL },
	{ CLASS_UM_POLICY, OBJ_PIN_HISTORY, 5, NULL },
	{ CLASS_UM_POLICY, OBJ_PIN_RESET_AFTER, 5, NULL },
	{ CLASS_UM_POLICY, OBJ_PIN_LOCKOUT_AFTER, 15, NULL },
	{ CLASS_UM_POLICY, OBJ_PIN_COMMON, 0, NULL },
	{ CLASS_UM_POLICY, OBJ_MISSED_CALL, 1, NULL },
	{ CLASS_UM_POLICY, OBJ_FAX, 1, NULL },
	{ CLASS_AUTO_ATTENDANT, OBJ_UM_STATUS, 0, "enabled" },
	{ CLASS_AUTO_ATTENDANT, OBJ_INPUT_FAILURES, 3, NULL },
};

static void fill(struct object *o)
{
	for (size_t i = 0; i < N_ELEMS(defaults); i++) {
		if (defaults[i].klass != o->klass || object_has(o, defaults[i].attr))
			continue;
		if (defaults[i].text)
			object_set_text(o, defaults[i].attr, defaults[i].text);
		else
			object_set_number(o, defaults[i].attr, defaults[i].number);
	}
}

enum err um_complete(struct job *j)
{
	/* An attribute that was cleared is at its default again. */
	fill(j->o);
	return ERR_OK;
}

/* A new dial plan comes with a policy, as in Exchange. */
enum err um_pull_along(struct job *j)
{
	struct object *p, *other;
	const char *name;

	if (j->o->klass != CLASS_DIAL_PLAN || j->was)
		return ERR_OK;
	name = arena_printf(j->a, "%.100s policy", object_text(j->o, OBJ_NAME));
	if (objects_by_name(j->d->db, CLASS_UM_POLICY, name, j->a, &other, NULL) == ERR_OK)
		return ERR_OK;
	p = object_new(j->a, CLASS_UM_POLICY);
	p->guid = guid_make();
	object_set_text(p, OBJ_NAME, name);
	object_set_guid(p, OBJ_DIAL_PLAN, &j->o->guid);
	fill(p);
	job_note(j, "its policy is called \"%s\"", name);
	return batch_put(j->batch, p, j->eb);
}

enum err um_may_delete(struct job *j, const struct object *o)
{
	static const struct {
		unsigned klass, attr;
		const char *by;
	} uses[] = {
		{ CLASS_DIAL_PLAN, OBJ_DIAL_PLAN, "policies, hunt groups and attendants belong to it" },
		{ CLASS_IP_GATEWAY, OBJ_IP_GATEWAY, "hunt groups use it" },
		{ CLASS_UM_POLICY, OBJ_UM_POLICY, "mailboxes have it" },
	};

	for (size_t i = 0; i < N_ELEMS(uses); i++) {
		int64_t n;

		if (uses[i].klass != o->klass)
			continue;
		n = objects_count_linked(j->d->db, &o->guid, uses[i].attr);
		if (n)
			return err_set(j->eb, ERR_DENIED, "%lld %s", (long long)n, uses[i].by);
	}
	return ERR_OK;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static const struct {
	unsigned klass, attr;
	int64_t min, max;
} ranges[] = {
	{ CLASS_DIAL_PLAN, OBJ_EXTENSION_DIGITS, 1, 20 },
	{ CLASS_DIAL_PLAN, OBJ_MAX_CALL, 10 * MINUTE, 120 * MINUTE },
	{ CLASS_DIAL_PLAN, OBJ_MAX_RECORDING, MINUTE, 100 * MINUTE },
	{ CLASS_DIAL_PLAN, OBJ_RECORDING_IDLE, 2000, 10000 },
	{ CLASS_DIAL_PLAN, OBJ_LOGON_FAILURES, 1, 20 },
	{ CLASS_DIAL_PLAN, OBJ_INPUT_FAILURES, 1, 20 },
	{ CLASS_AUTO_ATTENDANT, OBJ_INPUT_FAILURES, 1, 20 },
	{ CLASS_UM_POLICY, OBJ_PIN_MIN_LENGTH, 4, UM_PIN_MAX },
	{ CLASS_UM_POLICY, OBJ_PIN_LIFETIME, 0, 999 * DAY },
	{ CLASS_UM_POLICY, OBJ_PIN_HISTORY, 1, 20 },
	{ CLASS_UM_POLICY, OBJ_PIN_RESET_AFTER, 0, 998 },
	{ CLASS_UM_POLICY, OBJ_PIN_LOCKOUT_AFTER, 1, 999 },
};

static const struct {
	unsigned klass, attr;
	const char *words;		/* each between blanks */
} choices[] = {
	{ CLASS_DIAL_PLAN, OBJ_URI_TYPE, " telephone sip e164 " },
	{ CLASS_DIAL_PLAN, OBJ_LANGUAGE, " en " },
	{ CLASS_DIAL_PLAN, OBJ_VOIP_SECURITY, " unsecured sip-secured secured " },
	{ CLASS_DIAL_PLAN, OBJ_AUDIO_CODEC, " opus mp3 gsm pcm " },
	{ CLASS_IP_GATEWAY, OBJ_UM_STATUS, " enabled no-new-calls disabled " },
	{ CLASS_AUTO_ATTENDANT, OBJ_LANGUAGE, " en " },
	{ CLASS_AUTO_ATTENDANT, OBJ_UM_STATUS, " enabled disabled " },
};

/* Attributes whose values are digits, or of a form of their own. */
static bool any_digits(const char *s)
{
	return um_is_digits(s, 1, MAX_NUMBER);
}

static const struct {
	unsigned attr;
	bool (*ok)(const char *s);
	const char *form;
} forms[] = {
	{ OBJ_ACCESS_NUMBER, any_digits, "digits" },
	{ OBJ_OPERATOR, any_digits, "digits" },
	{ OBJ_OUTSIDE_LINE, any_digits, "digits" },
	{ OBJ_INTERNATIONAL_PREFIX, any_digits, "digits" },
	{ OBJ_NATIONAL_PREFIX, any_digits, "digits" },
	{ OBJ_COUNTRY_CODE, any_digits, "digits" },
	{ OBJ_PILOT, any_digits, "digits" },
	{ OBJ_DIALLING_RULE, um_rule_ok, "NAME:MASK=NUMBER" },
	{ OBJ_KEY_MAP, um_key_ok, "[after:]KEY=ACTION" },
	{ OBJ_SCHEDULE, um_schedule_ok, "\"DAYS HH:MM-HH:MM\" or \"YYYY-MM-DD NAME\"" },
};

static bool is_choice(const char *words, const char *text)
{
	size_t n = strlen(text);

	for (const char *p = words; (p = strstr(p, text)) != NULL; p++)
		if (n && p > words && p[-1] == ' ' && p[n] == ' ' && !strchr(text, ' '))
			return true;
	return false;
}

static enum err check_values(struct job *j)
{
	const struct object *o = j->o;

	for (size_t i = 0; i < N_ELEMS(ranges); i++) {
		int64_t v = object_number(o, ranges[i].attr, ranges[i].min);

		if (ranges[i].klass == o->klass && (v < ranges[i].min || v > ranges[i].max))
			return err_set(j->eb, ERR_INVALID, "%s: %lld to %lld",
				       attr_by_id(ranges[i].attr)->name,
				       (long long)ranges[i].min, (long long)ranges[i].max);
	}
	for (size_t i = 0; i < N_ELEMS(choices); i++) {
		const char *text = object_text(o, choices[i].attr);

		if (choices[i].klass == o->klass && text && !is_choice(choices[i].words, text))
			return err_set(j->eb, ERR_INVALID, "%s is one of:%s",
				       attr_by_id(choices[i].attr)->name, choices[i].words);
	}
	for (size_t i = 0; i < N_ELEMS(forms); i++)
		for (const struct object_value *v = object_values(o, forms[i].attr); v; v = v->next)
			if (!forms[i].ok(v->bytes.p))
				return err_set(j->eb, ERR_INVALID, "%s: \"%.60s\" is not %s",
					       attr_by_id(forms[i].attr)->name, v->bytes.p,
					       forms[i].form);
	return ERR_OK;
}

static enum err check_dial_plan(struct job *j)
{
	const struct object *o = j->o;

	if (object_number(o, OBJ_MAX_RECORDING, 0) >= object_number(o, OBJ_MAX_CALL, 0))
		return err_set(j->eb, ERR_INVALID, "max-recording must be shorter than max-call");
	if (j->was && !object_same_values(j->was, o, OBJ_EXTENSION_DIGITS) &&
	    objects_count_linked(j->d->db, &o->guid, OBJ_DIAL_PLAN) > 0)
		job_note(j, "extensions that were given before keep their length");
	return ERR_OK;
}

/* host, host:port, address, [v6]:port. */
static bool is_host(const char *s)
{
	const char *end = s[0] == '[' ? strchr(s, ']') : NULL;
	const char *colon = end ? (end[1] == ':' ? end + 1 : NULL) : strchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : strlen(s);
	uint8_t v6[16];

	if (inet_pton(AF_INET6, s, v6) == 1)
		return true;
	if ((s[0] == '[' && (!end || (end[1] && end[1] != ':'))) || n == 0 || n > 253 ||
	    strpbrk(s, " /\\@\"<>;?,"))
		return false;
	return !colon || (um_is_digits(colon + 1, 1, 5) && atol(colon + 1) > 0 &&
			  atol(colon + 1) < 65536);
}

static enum err check_gateway(struct job *j)
{
	const char *host = object_text(j->o, OBJ_HOST);

	if (!host)
		return err_set(j->eb, ERR_INVALID, "host is missing");
	return is_host(host) ? ERR_OK : err_set(j->eb, ERR_INVALID,
		"host: \"%.60s\" is not a name or an address, [:port]", host);
}

static bool same_pilot(const struct object *a, const struct object *b)
{
	return object_same_values(a, b, OBJ_IP_GATEWAY) && object_same_values(a, b, OBJ_PILOT);
}

static enum err check_hunt_group(struct job *j)
{
	struct object *page[PAGE];
	const char *after = "";
	size_t n;

	if (!object_has(j->o, OBJ_IP_GATEWAY))
		return err_set(j->eb, ERR_INVALID, "ip-gateway is missing");
	do {
		n = objects_list(j->d->db, CLASS_HUNT_GROUP, after, page, PAGE, j->a);
		for (size_t i = 0; i < n; i++)
			if (!guid_eq(&page[i]->guid, &j->o->guid) && same_pilot(page[i], j->o))
				return err_set(j->eb, ERR_EXISTS, "%.80s has that gateway and pilot",
					       object_text(page[i], OBJ_NAME));
		if (n)
			after = object_name_key(j->a, object_text(page[n - 1], OBJ_NAME));
	} while (n == PAGE && after);
	return ERR_OK;
}

static enum err check_policy(struct job *j)
{
	int64_t reset = object_number(j->o, OBJ_PIN_RESET_AFTER, 5);

	if (reset && reset >= object_number(j->o, OBJ_PIN_LOCKOUT_AFTER, 15))
		return err_set(j->eb, ERR_INVALID, "pin-lockout-after must exceed pin-reset-after");
	return ERR_OK;
}

/* Policies, hunt groups and attendants belong to one dial plan for good: extensions
 * of their users are unique in it. */
static enum err check_plan(struct job *j)
{
	if (!object_has(j->o, OBJ_DIAL_PLAN))
		return err_set(j->eb, ERR_INVALID, "dial-plan is missing");
	if (j->was && j->o->klass == CLASS_UM_POLICY &&
	    !object_same_values(j->was, j->o, OBJ_DIAL_PLAN))
		return err_set(j->eb, ERR_DENIED, "a policy stays in its dial plan");
	return ERR_OK;
}

enum err um_check(struct job *j)
{
	static enum err (*const by_class[])(struct job *) = {
		[CLASS_DIAL_PLAN] = check_dial_plan,
		[CLASS_IP_GATEWAY] = check_gateway,
		[CLASS_HUNT_GROUP] = check_hunt_group,
		[CLASS_UM_POLICY] = check_policy,
		[CLASS_AUTO_ATTENDANT] = um_check_mailbox,
	};
	unsigned klass = j->o->klass;
	enum err e = check_values(j);

	if (!e && klass != CLASS_DIAL_PLAN && klass != CLASS_IP_GATEWAY)
		e = check_plan(j);
	return e ? e : by_class[klass](j);
}

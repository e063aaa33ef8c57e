#include "common/replica/objects.h"
#include "roles/directory/um/um.h"

#define DAY INT64_C(86400000)

enum err um_pin_rules(struct directory *d, const struct object *mailbox, struct arena *a,
		      struct um_pin_rules *out, struct errbuf *eb)
{
	struct object *p;
	struct guid g;
	enum err e;

	if (!object_guid(mailbox, OBJ_UM_POLICY, &g))
		return err_set(eb, ERR_INVALID, "um-policy is missing");
	e = objects_by_guid(d->db, &g, a, &p, eb);
	if (e)
		return e;
	*out = (struct um_pin_rules){
		.min_length = (unsigned)object_number(p, OBJ_PIN_MIN_LENGTH, 6),
		.history = (unsigned)object_number(p, OBJ_PIN_HISTORY, 5),
		.reset_after = (unsigned)object_number(p, OBJ_PIN_RESET_AFTER, 5),
		.lockout_after = (unsigned)object_number(p, OBJ_PIN_LOCKOUT_AFTER, 15),
		.lifetime_ms = object_number(p, OBJ_PIN_LIFETIME, 60 * DAY),
		.allow_common = object_bool(p, OBJ_PIN_COMMON, false),
	};
	return ERR_OK;
}

/* 777777, 123456, 654321, 121212, and 123123. */
static bool is_pattern(const char *pin)
{
	size_t n = strlen(pin);
	bool up = true, down = true;

	for (size_t i = 1; i < n; i++) {
		up &= pin[i] == pin[i - 1] + 1;
		down &= pin[i] == pin[i - 1] - 1;
	}
	if (up || down)
		return true;
	for (size_t period = 1; period <= n / 2; period++)
		if (strncmp(pin, pin + period, n - period) == 0)
			return true;
	return false;
}

/* The whole of an extension or telephone number, or its end. */
static bool is_own_number(const struct object *mailbox, const char *pin)
{
	static const unsigned numbers[] = { OBJ_EXTENSION, OBJ_PHONE };
	size_t n = strlen(pin);

	for (size_t i = 0; i < N_ELEMS(numbers); i++)
		for (const struct object_value *v = object_values(mailbox, numbers[i]); v;
		     v = v->next) {
			char digits[64];
			size_t k = 0;

			for (size_t c = 0; c < v->bytes.n && k < sizeof(digits) - 1; c++)
				if (v->bytes.p[c] >= '0' && v->bytes.p[c] <= '9')
					digits[k++] = v->bytes.p[c];
			digits[k] = '\0';
			if (k >= n && strcmp(digits + k - n, pin) == 0)
				return true;
		}
	return false;
}

enum err um_pin_fits(const struct um_pin_rules *r, const struct object *mailbox,
		     const char *pin, struct errbuf *eb)
{
	if (!um_is_digits(pin, r->min_length, UM_PIN_MAX))
		return err_set(eb, ERR_INVALID, "a PIN has %u to %u digits", r->min_length,
			       UM_PIN_MAX);
	if (!r->allow_common && is_pattern(pin))
		return err_set(eb, ERR_INVALID, "the PIN is a common pattern");
	if (!r->allow_common && is_own_number(mailbox, pin))
		return err_set(eb, ERR_INVALID, "the PIN is a number of its owner");
	return ERR_OK;
}

/* The new one in front, and no more behind it than the policy remembers. */
static enum err take_new(struct job *j)
{
	const struct object_value *v = object_values(j->o, OBJ_PIN);
	const struct sealed *pin = j->ap->pin;
	struct um_pin_rules r;
	enum err e = um_pin_rules(j->d, j->o, j->a, &r, j->eb);

	if (!e)
		e = um_pin_fits(&r, j->o, j->ap->pin_text, j->eb);
	if (e)
		return e;
	object_set_bytes(j->o, OBJ_PIN, pin->b, pin->n);
	for (unsigned i = 1; v && i < r.history; i++, v = v->next)
		object_add_bytes(j->o, OBJ_PIN, v->bytes.p, v->bytes.n);
	object_set_number(j->o, OBJ_PIN_SET, j->ap->pin_expired ? 0 : j->ap->now_ms);
	object_unset(j->o, OBJ_PIN_FAILURES);
	return ERR_OK;
}

enum err um_pin_note(struct job *j)
{
	int64_t failures = object_number(j->o, OBJ_PIN_FAILURES, 0);

	switch ((enum um_pin_event)j->ap->pin_event) {
	case UM_PIN_NONE:
		break;
	case UM_PIN_SET:
		return take_new(j);
	case UM_PIN_FAILED:
		object_set_number(j->o, OBJ_PIN_FAILURES, failures + (failures < INT32_MAX));
		break;
	case UM_PIN_RIGHT:
	case UM_PIN_UNLOCK:
		object_unset(j->o, OBJ_PIN_FAILURES);
		break;
	}
	return ERR_OK;
}

#include "roles/unified-messaging/attendant/attendant_priv.h"

#include "common/api/object.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/replica/member.h"
#include "common/replica/replica.h"
#include "roles/unified-messaging/answer/answer.h"
#include "roles/unified-messaging/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REFER_MS = 32000,	/* RFC 3261's timer F: nobody tells us how it went */
	HOPS_MAX = 8,		/* attendants that name each other */
	SEARCH_STEP = 300,	/* mailboxes between two ticks */
};

static void fail(struct attendant *a, const char *text);
static void to_operator(struct attendant *a);

static struct replica *directory(const struct attendant *a)
{
	return member_replica(a->um->member);
}

static void attendant_free(struct attendant *a)
{
	arena_fini(&a->arena);
	free(a);
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Only speech that is over counts as waiting: see on_tick(). */
static void ask(struct attendant *a, enum state s)
{
	a->state = s;
	a->n_typed = 0;
	a->typed[0] = '\0';
	switch (s) {
	case MENU:
		speak_menu(a);
		break;
	case NAME:
		call_say(a->call, "Spell the last name and then the first name with the keys of your "
			 "telephone, and press pound. To go back, press star.");
		break;
	case CHOOSING:
		speak_hits(a);
		break;
	case SEARCHING:
	case CONNECTING:
	case GOODBYE:
		break;
	}
}

static void ask_anew(struct attendant *a, enum state s)
{
	call_quiet(a->call);
	ask(a, s);
}

static void say_end(struct attendant *a, const char *text)
{
	a->state = GOODBYE;
	call_quiet(a->call);
	call_say(a->call, text);
}

/* The caller does not get on: the operator, once, then the end. */
static void give_up(struct attendant *a)
{
	if (a->operator && !a->operator_tried)
		to_operator(a);
	else
		say_end(a, "Please call again later. Goodbye.");
}

static void fail(struct attendant *a, const char *text)
{
	if (++a->failures >= a->tries) {
		give_up(a);
		return;
	}
	call_quiet(a->call);
	call_say(a->call, text);
	ask(a, MENU);
}

/* ---- connecting -------------------------------------------------------------------------- */

static bool may_transfer(const struct attendant *a)
{
	const struct gateways *g = &a->um->gateways;

	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->list[i].name, a->call->gateway) == 0)
			return g->list[i].outbound;
	return false;
}

/* The mailbox's call answering takes the call; a is gone.  False: there is no such
 * mailbox any more. */
static bool take_message(struct attendant *a, const struct guid *mailbox, const char *number)
{
	struct route_to to = { .kind = ROUTE_ANSWERING };
	struct call *c = a->call;
	struct replica *r = directory(a);
	struct arena tmp = { 0 };
	bool ok = replica_by_guid(r, mailbox, &tmp, &to.target) == ERR_OK &&
		  to.target->klass == CLASS_MAILBOX && route_is_in_service(to.target);

	if (ok) {
		to.plan = route_plan_of(r, to.target, &tmp, &to.policy);
		to.plan = to.plan ? to.plan : a->plan;
		to.caller = c->caller.user[0] ? route_extension(r, a->plan, c->caller.user, &tmp) : NULL;
		if (to.caller && to.caller->klass != CLASS_MAILBOX)
			to.caller = NULL;
		log_info(&c->log, "attended how=message to=%s", number);
		memset(&c->wanted, 0, sizeof(c->wanted));
		snprintf(c->wanted.user, sizeof(c->wanted.user), "%s", number);
		snprintf(c->mailbox_name, sizeof(c->mailbox_name), "%s",
			 object_text(to.target, OBJ_NAME));
		answer_new(c, &to);
		attendant_free(a);
	}
	arena_fini(&tmp);
	return ok;
}

/* The transfer came to nothing, or may not be. */
static void not_reached(struct attendant *a)
{
	struct guid mailbox = a->mailbox;
	char number[NUMBER_MAX];

	snprintf(number, sizeof(number), "%s", a->number);
	if (!a->is_mailbox || !take_message(a, &mailbox, number))
		fail(a, "Nobody can be reached there now.");
}

static void refer(struct attendant *a)
{
	struct errbuf eb = { "" };
	enum err e = call_transfer(a->call, a->number, &eb);

	if (e) {
		log_info(&a->call->log, "not-transferred detail=\"%s\"", eb.text);
		not_reached(a);
		return;
	}
	log_info(&a->call->log, "attended how=transfer to=%s", a->number);
	a->referred = true;
	a->since_ms = clock_mono_ms();
}

/* o: the mailbox with that number, or NULL for a telephone without one. */
static void connect_to(struct attendant *a, const struct object *o, const char *number)
{
	char name[NAME_MAX_LEN], text[NAME_MAX_LEN + 80];

	snprintf(a->number, sizeof(a->number), "%s", number);
	a->is_mailbox = o != NULL;
	a->referred = false;
	if (o)
		a->mailbox = o->guid;
	a->state = CONNECTING;
	call_quiet(a->call);
	if (!may_transfer(a)) {
		not_reached(a);
		return;
	}
	if (o) {
		speak_name(o, name, sizeof(name));
		snprintf(text, sizeof(text), "Please hold while you are connected to %s.", name);
	} else {
		snprintf(text, sizeof(text), "Please hold while you are connected.");
	}
	call_say(a->call, text);	/* on_played() goes on */
}

/* ---- which attendant ------------------------------------------------------------------------ */

/* Everything of the attendant o, whose dial plan is plan; both are copied. */
static void become(struct attendant *a, const struct object *o, const struct object *plan)
{
	struct arena fresh = { 0 };
	time_t t = (time_t)(a->call->started_ms / 1000);
	struct tm local;

	a->self = object_copy(&fresh, o);
	a->plan = object_copy(&fresh, plan);
	arena_fini(&a->arena);
	a->arena = fresh;
	memset(&local, 0, sizeof(local));
	localtime_r(&t, &local);
	a->hours = hours_at(a->self, &local, &a->holiday);
	keys_read(a->self, a->hours == HOURS_OPEN, &a->keys);
	a->operator = object_text(a->self, OBJ_OPERATOR);
	if (!a->operator)
		a->operator = object_text(a->plan, OBJ_OPERATOR);
	a->digits = (size_t)object_number(a->plan, OBJ_EXTENSION_DIGITS, 4);
	if (a->digits == 0 || a->digits >= sizeof(a->typed))
		a->digits = sizeof(a->typed) - 1;
	a->tries = (unsigned)object_number(a->self, OBJ_INPUT_FAILURES, 3);
	a->n_typed = 0;
	a->quiet = 0;
}

static void go_to(struct attendant *a, const struct object *o)
{
	struct arena tmp = { 0 };
	struct object *policy, *plan = route_plan_of(directory(a), o, &tmp, &policy);

	if (++a->hops > HOPS_MAX) {
		say_end(a, "Please call again later. Goodbye.");
	} else if (!plan || !route_is_in_service(o)) {
		fail(a, "That is not available now.");
	} else {
		log_info(&a->call->log, "attended how=attendant");
		become(a, o, plan);
		call_quiet(a->call);
		speak_greeting(a);
		ask(a, MENU);
	}
	arena_fini(&tmp);
}

/* ---- numbers ----------------------------------------------------------------------------------- */

/* trusted: an administrator wrote the number, it may be a telephone we know nothing of. */
static void dial(struct attendant *a, const char *number, bool trusted)
{
	struct arena tmp = { 0 };
	struct object *o = route_extension(directory(a), a->plan, number, &tmp);

	if (o && o->klass == CLASS_AUTO_ATTENDANT)
		go_to(a, o);
	else if (o || (trusted && strlen(number) <= a->digits))
		/* One of ours by its last digits is not called by the long number. */
		connect_to(a, o, strlen(number) <= a->digits ? number :
			   object_text(o, OBJ_EXTENSION));
	else
		fail(a, trusted ? "That is not available now." : "There is no such extension.");
	arena_fini(&tmp);
}

static void to_operator(struct attendant *a)
{
	char number[NUMBER_MAX];

	if (!a->operator) {
		fail(a, "There is no operator.");
		return;
	}
	a->operator_tried = true;
	snprintf(number, sizeof(number), "%s", a->operator);	/* it may go with its attendant */
	dial(a, number, true);
}

static void message_for(struct attendant *a, const char *number)
{
	struct arena tmp = { 0 };
	struct object *o = route_extension(directory(a), a->plan, number, &tmp);

	if (!o || o->klass != CLASS_MAILBOX || !take_message(a, &o->guid, number))
		fail(a, "That is not available now.");
	arena_fini(&tmp);
}

static void to_attendant(struct attendant *a, const char *name)
{
	struct arena tmp = { 0 };
	struct object *o;

	if (replica_by_name(directory(a), CLASS_AUTO_ATTENDANT, name, &tmp, &o) == ERR_OK)
		go_to(a, o);
	else
		fail(a, "That is not available now.");
	arena_fini(&tmp);
}

static void act(struct attendant *a, const struct key_action *k)
{
	switch (k->does) {
	case KEY_EXTENSION:
		dial(a, k->arg, true);
		break;
	case KEY_MESSAGE:
		message_for(a, k->arg);
		break;
	case KEY_ATTENDANT:
		to_attendant(a, k->arg);
		break;
	case KEY_SAY:
		call_quiet(a->call);
		call_say(a->call, k->arg);
		ask(a, MENU);
		break;
	case KEY_OPERATOR:
		to_operator(a);
		break;
	case KEY_DIRECTORY:
		ask_anew(a, NAME);
		break;
	case KEY_REPEAT:
		ask_anew(a, MENU);
		break;
	case KEY_HANGUP:
		say_end(a, "Goodbye.");
		break;
	case KEY_PLAY:		/* there are no prompts of one's own */
		log_warn(&a->call->log, "no-such-prompt prompt=\"%s\"", k->arg);
		fail(a, "That announcement is not available.");
		break;
	case KEY_NOTHING:
		fail(a, "That key has no use here.");
		break;
	}
}

/* No key follows: what was typed in the menu counts. */
static void decide(struct attendant *a)
{
	const struct key_action *k = &a->keys.on[a->typed[0] - '0'];

	if (a->n_typed == 1 && k->does != KEY_NOTHING)
		act(a, k);
	else
		dial(a, a->typed, false);
}

/* ---- names ---------------------------------------------------------------------------------------- */

static void search_for_name(struct attendant *a)
{
	if (a->n_typed == 0) {
		ask_anew(a, MENU);
		return;
	}
	call_quiet(a->call);
	a->state = SEARCHING;
	search_begin(&a->search, directory(a), &a->plan->guid, a->typed);
}

static void choose(struct attendant *a, size_t i)
{
	struct search_hit h = a->search.hit[i];
	struct arena tmp = { 0 };
	struct object *o;

	if (replica_by_guid(directory(a), &h.mailbox, &tmp, &o) == ERR_OK)
		connect_to(a, o, h.extension);
	else
		fail(a, "Nobody can be reached there now.");
	arena_fini(&tmp);
}

static void search_on(struct attendant *a)
{
	if (!search_step(&a->search, directory(a), SEARCH_STEP))
		return;
	if (a->search.too_many || a->search.n_hits == 0) {
		if (++a->failures >= a->tries) {
			give_up(a);
			return;
		}
		call_say(a->call, a->search.too_many ? "There are too many names like that. Please "
			 "spell more of it." : "Nobody has a name like that.");
		ask(a, NAME);
	} else if (a->search.n_hits == 1) {
		choose(a, 0);
	} else {
		ask(a, CHOOSING);
	}
}

/* ---- keys ------------------------------------------------------------------------------------------- */

static void type(struct attendant *a, char key)
{
	call_quiet(a->call);
	if (a->n_typed + 1 < sizeof(a->typed)) {
		a->typed[a->n_typed++] = key;
		a->typed[a->n_typed] = '\0';
	}
}

static void menu_key(struct attendant *a, char key)
{
	if (key == '*') {
		ask_anew(a, MENU);
	} else if (key == '#') {
		if (a->n_typed)
			decide(a);
		else
			ask_anew(a, NAME);
	} else if (key == '0' && a->n_typed == 0 && a->keys.on[0].does == KEY_NOTHING) {
		to_operator(a);
	} else {
		type(a, key);
		if (a->n_typed >= a->digits)
			decide(a);
	}
}

static void name_key(struct attendant *a, char key)
{
	if (key == '*')
		ask_anew(a, MENU);
	else if (key == '#')
		search_for_name(a);
	else if (key >= '2')	/* nothing is on 0 and 1 */
		type(a, key);
}

static void choice_key(struct attendant *a, char key)
{
	if (key == '*')
		ask_anew(a, NAME);
	else if (key >= '1' && (size_t)(key - '1') < a->search.n_hits)
		choose(a, (size_t)(key - '1'));
	else
		fail(a, "That key has no use here.");
}

static void on_key(void *app, char key)
{
	struct attendant *a = app;

	if (!strchr("0123456789*#", key))
		return;
	a->since_ms = clock_mono_ms();
	a->quiet = 0;
	switch (a->state) {
	case MENU:
		menu_key(a, key);
		break;
	case NAME:
		name_key(a, key);
		break;
	case CHOOSING:
		choice_key(a, key);
		break;
	case SEARCHING:
		if (key == '*')
			ask_anew(a, NAME);
		break;
	case CONNECTING:
		if (key == '*' && !a->referred)
			ask_anew(a, MENU);
		break;
	case GOODBYE:
		break;
	}
}

/* ---- the conversation ------------------------------------------------------------------------------- */

static void on_begin(void *app)
{
	struct attendant *a = app;

	a->since_ms = clock_mono_ms();
	speak_greeting(a);
	ask(a, MENU);
}

static void on_played(void *app)
{
	struct attendant *a = app;

	a->since_ms = clock_mono_ms();
	if (a->state == GOODBYE)
		call_hang_up(a->call);
	else if (a->state == CONNECTING && !a->referred)
		refer(a);
}

/* Nobody presses a key. */
static void on_quiet(struct attendant *a)
{
	const struct key_action *k = &a->keys.on[KEYS_TIMEOUT];

	if (++a->quiet >= a->tries)
		give_up(a);
	else if (a->state == MENU && k->does != KEY_NOTHING)
		act(a, k);
	else
		ask_anew(a, a->state);
}

static void on_tick(void *app, int64_t now)
{
	struct attendant *a = app;

	if (a->state == CONNECTING) {
		if (a->referred && now - a->since_ms > REFER_MS)
			not_reached(a);
	} else if (call_is_talking(a->call)) {
		a->since_ms = now;
	} else if (a->state == SEARCHING) {
		search_on(a);
	} else if (a->state == GOODBYE) {
		if (now - a->since_ms > ATTENDANT_QUIET_MS)
			call_hang_up(a->call);	/* what was to be said could not be */
	} else if (a->n_typed) {
		if (now - a->since_ms <= ATTENDANT_DIAL_MS)
			return;
		if (a->state == NAME)
			search_for_name(a);
		else
			decide(a);
	} else if (now - a->since_ms > ATTENDANT_QUIET_MS) {
		a->since_ms = now;
		on_quiet(a);
	}
}

static void on_transferred(void *app, bool done)
{
	struct attendant *a = app;

	if (a->state != CONNECTING || !a->referred)
		return;
	if (done)
		call_hang_up(a->call);
	else
		not_reached(a);
}

static void on_gone(void *app)
{
	attendant_free(app);
}

static const char *on_state(void *app)
{
	static const char *const names[] = {
		[MENU] = "menu", [NAME] = "name", [SEARCHING] = "searching",
		[CHOOSING] = "choosing", [CONNECTING] = "connecting", [GOODBYE] = "goodbye",
	};

	return names[((struct attendant *)app)->state];
}

static const struct call_app app = {
	.kind = "attendant", .begin = on_begin, .key = on_key, .played = on_played,
	.tick = on_tick, .transferred = on_transferred, .gone = on_gone, .state = on_state,
};

void attendant_new(struct call *c, const struct route_to *to)
{
	struct attendant *a = xcalloc(1, sizeof(*a));

	a->call = c;
	a->um = c->um;
	become(a, to->target, to->plan);
	call_take(c, &app, a);
}

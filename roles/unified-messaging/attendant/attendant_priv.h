#ifndef UM_ATTENDANT_ATTENDANT_PRIV_H
#define UM_ATTENDANT_ATTENDANT_PRIV_H
/* attendant_priv - what attendant.c and speak.c share */
#include "common/base/arena.h"
#include "roles/unified-messaging/attendant/attendant.h"
#include "roles/unified-messaging/attendant/hours.h"
#include "roles/unified-messaging/attendant/keys.h"
#include "roles/unified-messaging/attendant/search.h"

struct replica;

enum state { MENU, NAME, SEARCHING, CHOOSING, CONNECTING, GOODBYE };

struct attendant {
	struct call *call;
	struct um *um;
	enum state state;
	struct arena arena;		/* of the objects below */
	struct object *self, *plan;
	struct keys keys;
	enum hours hours;
	const char *holiday;
	const char *operator;		/* a number; NULL: none */
	size_t digits;			/* of an extension */
	char typed[SPELL_MAX];
	size_t n_typed;
	int64_t since_ms;		/* monotonic: the last key, or end of speech */
	unsigned failures, quiet, tries, hops;
	bool operator_tried;
	struct search search;
	/* connecting */
	char number[NUMBER_MAX];
	struct guid mailbox;
	bool is_mailbox, referred;
};

/* ---- speak.c: what is said; nothing here changes the attendant --------------------- */

/* In short pieces, behind what is being said. */
void speak_greeting(struct attendant *a);
void speak_menu(struct attendant *a);
void speak_hits(struct attendant *a);
/* A mailbox's or attendant's name as it is spoken; cap: NAME_MAX_LEN will do. */
void speak_name(const struct object *o, char *out, size_t cap);
#endif

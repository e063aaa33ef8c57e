#ifndef UM_ATTENDANT_SEARCH_H
#define UM_ATTENDANT_SEARCH_H
/*
 * search - somebody of a dial plan, by the keys of a name
 *
 * Goes through the mailboxes of the plan's policies in steps, so that a large
 * directory stops no other call.  Hidden mailboxes, and those without an extension,
 * are not found.
 */
#include "common/base/guid.h"
#include "roles/unified-messaging/attendant/spell.h"
#include "roles/unified-messaging/sip/numbers.h"
#include <stdint.h>

struct replica;

#define SEARCH_HITS 5		/* more are too many to read out */

struct search {
	char typed[SPELL_MAX];
	struct guid policy[64];
	size_t n_policies, at;
	int64_t after;
	struct search_hit {
		struct guid mailbox;
		char extension[NUMBER_MAX];
		char name[NAME_MAX_LEN];	/* to be spoken */
	} hit[SEARCH_HITS];
	size_t n_hits;
	bool too_many;
};

void search_begin(struct search *s, struct replica *r, const struct guid *plan,
		  const char *typed);
/* Looks at about n mailboxes.  True: that was the last. */
bool search_step(struct search *s, struct replica *r, size_t n);
#endif

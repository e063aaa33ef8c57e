#ifndef UM_SIP_NUMBERS_H
#define UM_SIP_NUMBERS_H
/*
 * numbers - who calls, and for whom: from the header fields of an INVITE
 *
 * A call that was forwarded to us says so in Diversion (RFC 5806) or History-Info
 * (RFC 7044); the first who diverted is whom the caller wanted.  The caller is in
 * P-Asserted-Identity (RFC 3325) if the gateway says it, else in From.
 *
 * Pure.  Values come from a network: they are cut, and hold nothing but what a
 * number or a name may hold.
 */
#include "common/base/span.h"
#include <stdint.h>

#define NUMBER_MAX 64		/* with NUL */
#define NAME_MAX_LEN 96

struct number {
	char user[NUMBER_MAX];	/* digits with or without '+', or the user part; "" if none */
	char host[NUMBER_MAX];
	char name[NAME_MAX_LEN];	/* the display name as UTF-8, "" if none */
};

enum divert { DIVERT_NONE, DIVERT_BUSY, DIVERT_NO_ANSWER, DIVERT_ALWAYS, DIVERT_OTHER };

/* One name-addr or addr-spec, as in From: "Ann" <sip:+1555@gw;user=phone>;tag=x.  sip,
 * sips and tel URIs.  False: none of these. */
bool number_read(struct span value, struct number *out);

/* A Diversion value, of one entry or several; the last is the first who diverted
 * (newest on top).  False: not one. */
bool number_diversion(struct span value, struct number *out, enum divert *why);

/* A History-Info value: entries with index=; the first with a reason, else the first
 * of several, is who was called.  False: nothing of it. */
bool number_history(struct span value, struct number *out, enum divert *why);

/* Only what is dialled: '+' in front, digits, '*', '#'; visual separators go.  Other
 * text stays as it is. */
void number_tidy(char user[NUMBER_MAX]);

const char *divert_name(enum divert d);		/* "busy" */
#endif

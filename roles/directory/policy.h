#ifndef DIRECTORY_POLICY_H
#define DIRECTORY_POLICY_H
/*
 * policy - addresses made from templates, as Exchange writes them
 *
 *	%g given name   %s surname   %i initials   %d display name   %m alias
 *	%3g             its first 3 characters (also %2s, %1d, ...)
 *	%rxy            from here on every x becomes y; %rxx drops every x
 *	%%              a percent sign
 *
 * What a mail address cannot hold, or better does not, is brought into ASCII
 * letters or dropped: "Ærøskøbing, Åse" gives "Aeroskobing" for %s.  Dots at the ends and
 * in a row go too.  Pure, but for ICU's tables.
 */
#include "common/base/arena.h"
#include "common/base/err.h"

struct policy_names {
	const char *given, *surname, *initials, *display, *alias;	/* NULL: none */
};

/* The local part that the template gives, "" if it gives nothing. */
const char *policy_local(struct arena *a, const char *tmpl, const struct policy_names *n);
/* Behind the '@'; NULL if there is none. */
const char *policy_domain(const char *tmpl);
/* INVALID names the fault. */
enum err policy_check(const char *tmpl, struct errbuf *eb) A_MUST_USE;

/* A name without what an alias should not hold: "Alice Liddell" -> "AliceLiddell". */
const char *policy_alias(struct arena *a, const char *name);
#endif

#ifndef EDGE_KNOWN_H
#define EDGE_KNOWN_H
/*
 * known - addresses that were found in the replica not long ago
 *
 * Spares the point read for recipients that get much mail.  Only addresses that
 * exist are kept, so nobody fills it with invented ones; whoever changes the
 * replica clears it.
 */
#include <stdbool.h>
#include <stddef.h>

struct known;

struct known *known_new(size_t max);	/* addresses; a full one starts anew */
void known_free(struct known **k);	/* *k may be NULL */
void known_clear(struct known *k);
bool known_has(const struct known *k, const char *address);
void known_put(struct known *k, const char *address);
#endif

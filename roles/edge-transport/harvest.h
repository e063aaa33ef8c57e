#ifndef EDGE_HARVEST_H
#define EDGE_HARVEST_H
/*
 * harvest - how many unknown recipients an address has asked for
 *
 * "550 User unknown" tells who is known.  Each source gets so many of them in a
 * window of time; then it is sent away until the window is over.  Bounded: when
 * the table is full the source that began first makes room.  Time is passed in.
 */
#include "common/base/addr.h"

struct harvest;

/* budget 0: no limit. */
struct harvest *harvest_new(size_t max_sources, unsigned budget, int64_t window_ms);
void harvest_free(struct harvest **h);
/* May this source be answered "unknown" once more?  Counts. */
bool harvest_unknown(struct harvest *h, const struct addr *source, int64_t mono_ms);
/* Is it over its budget? */
bool harvest_is_over(struct harvest *h, const struct addr *source, int64_t mono_ms);
#endif

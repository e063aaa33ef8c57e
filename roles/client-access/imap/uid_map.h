#ifndef CAS_IMAP_UID_MAP_H
#define CAS_IMAP_UID_MAP_H
/*
 * uid_map - which messages a session has been told of: UIDs and their numbers
 *
 * UIDs are kept as runs, so a folder costs its gaps and not its messages, and
 * maps are shared: sessions that have seen the same state of a folder hold the
 * same map.  A map that is shared is never changed; uid_map_own() gives a session
 * one of its own to change, uid_map_share() puts the result back, or finds that
 * another session has come to the same state already.
 *
 * Message numbers count from 1.  Looking up costs a binary search.  Removing from
 * high to low is cheap; the numbers behind a removal are put right by the next
 * look-up that needs them.
 */
#include "common/api/store.h"
#include "common/base/hash.h"

struct uid_map;

struct uid_maps {			/* the shared ones of a daemon */
	struct hash table;
};

void uid_maps_init(struct uid_maps *pool);
void uid_maps_fini(struct uid_maps *pool);	/* all maps must be gone */

/* State cn of a folder. */
struct uid_map_key {
	struct guid mailbox;
	uint64_t fid, epoch, cn;
};

/* Runs ascend; what does not is cut off.  The map is not shared yet. */
struct uid_map *uid_map_new(const struct uid_range *runs, size_t n);
void uid_map_unref(struct uid_map **m);		/* *m may be NULL */

/* Make *m changeable: itself if nobody else holds it, else a copy. */
void uid_map_own(struct uid_map **m);
/* *m stands for this state from now on; becomes the map that already does. */
void uid_map_share(struct uid_maps *pool, struct uid_map **m, const struct uid_map_key *key);

uint32_t uid_map_total(const struct uid_map *m);
size_t uid_map_runs(const struct uid_map *m);
uint32_t uid_map_uid(struct uid_map *m, uint32_t seq);	/* 0: no such number */
uint32_t uid_map_seq(struct uid_map *m, uint32_t uid);	/* 0: not in the map */
uint32_t uid_map_last(const struct uid_map *m);		/* highest UID; 0: empty */
uint32_t uid_map_count(struct uid_map *m, uint32_t from, uint32_t to);	/* UIDs in [from, to] */
/* The highest UID in [from, to], 0 if none. */
uint32_t uid_map_highest(const struct uid_map *m, uint32_t from, uint32_t to);
/* The first run of UIDs at or behind from, cut to begin there; false: none. */
bool uid_map_run(const struct uid_map *m, uint32_t from, struct uid_range *out);
/* The lowest UID >= from, 0 if none. */
uint32_t uid_map_next(const struct uid_map *m, uint32_t from);

/* Only maps of one's own.  Appended UIDs are above all others; others are
 * ignored. */
void uid_map_append(struct uid_map *m, uint32_t uid);
void uid_map_remove(struct uid_map *m, uint32_t first, uint32_t last);
/* Many at once, in one pass; they ascend. */
void uid_map_remove_all(struct uid_map *m, const struct uid_range *gone, size_t n);
#endif

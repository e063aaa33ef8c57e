#ifndef SYSTEM_LIB_MBOX_H
#define SYSTEM_LIB_MBOX_H
/*
 * mbox - a mailbox in memory, too simple to be wrong: what model.c compares with
 *
 * A folder is a list of places in order of uid.  Places that link to one item share
 * its flags and keywords; \Deleted is the place's own.  A struct assignment copies a
 * whole mailbox, so that one can be kept as it was before a command.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MBOX_FOLDERS = 4, MBOX_PLACES = 2000, MBOX_ITEMS = 8000 };

enum mbox_flag {
	MBOX_SEEN = 1, MBOX_ANSWERED = 2, MBOX_FLAGGED = 4, MBOX_DRAFT = 8,
	MBOX_KEYWORD = 16,	/* the first of four: $k0 ... $k3 */
	MBOX_DELETED = 256,
};

struct mbox {
	struct mbox_folder {
		struct mbox_place {
			uint32_t uid;
			int item;
			bool deleted;
		} at[MBOX_PLACES];
		size_t n;
		uint32_t last_uid;	/* the highest that was ever seen */
	} f[MBOX_FOLDERS];
	struct mbox_item {
		unsigned flags, size;
		int links;		/* 0: free */
	} item[MBOX_ITEMS];
};

/* Uids a command is about: sorted. */
struct mbox_set {
	uint32_t uid[MBOX_PLACES];
	size_t n;
};

unsigned mbox_flags(const struct mbox *m, const struct mbox_place *p);	/* with MBOX_DELETED */
struct mbox_place *mbox_find(struct mbox *m, int folder, uint32_t uid);	/* NULL: not there */

/* Room for n more, and items for them? */
bool mbox_has_room(const struct mbox *m, int folder, size_t n);
void mbox_add(struct mbox *m, int folder, uint32_t uid, unsigned flags, unsigned size);
enum mbox_store { MBOX_ADD, MBOX_REMOVE, MBOX_REPLACE };
void mbox_store(struct mbox *m, int folder, const struct mbox_set *s, enum mbox_store how,
		unsigned flags);
/* New places get uids from first_uid on (0: from last_uid on; they are learned later,
 * see mbox_learn).  Uids of s that are not there are left out; returns how many were. */
size_t mbox_copy(struct mbox *m, int folder, const struct mbox_set *s, int to, bool move,
		 uint32_t first_uid);
void mbox_expunge(struct mbox *m, int folder, const struct mbox_set *s, bool only_deleted);

/* What a server says is in a folder: places with flags and sizes in order of uid. */
struct mbox_seen {
	struct mbox_row {
		uint32_t uid;
		unsigned flags, size;
	} row[MBOX_PLACES];
	size_t n;
};
/* The same?  why gets the first difference.  New places, above `since`, may have other
 * uids than the model gave them, in the same order: those are taken over. */
bool mbox_same(const struct mbox *m, int folder, const struct mbox_seen *s, char *why, size_t cap);
void mbox_learn(struct mbox *m, int folder, uint32_t since, const struct mbox_seen *s);

/* "\\Seen $k1", without parentheses. */
void mbox_flags_text(unsigned flags, char *out, size_t cap);
unsigned mbox_flags_parse(const char *list);	/* up to the closing parenthesis */
#endif

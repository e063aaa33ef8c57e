#ifndef MAILBOX_UPLOAD_H
#define MAILBOX_UPLOAD_H
/*
 * upload - message bytes on their way in: from the bus to finished content
 *
 * Bytes are fed as they come; a worker hashes and compresses them; every whole
 * chunk is staged in each target database before credit for more is given, so an
 * upload holds about two chunks in memory whatever its size.  A small message
 * passes through the worker once and is stored with the request that needs it.
 *
 * Loop only.  ready comes exactly once, from the loop, never from inside these
 * functions, and not after upload_free().
 */
#include "roles/mailbox/content.h"
#include "roles/mailbox/role.h"

struct upload;

struct upload_conf {
	struct role *st;
	uint64_t expect;		/* bytes announced, exact, without head */
	bool open;			/* expect is the most there may be */
	const char *head;		/* goes on top; copied */
	size_t head_len;
	size_t uncounted;		/* the first fed bytes that came without credit */
	void (*digested)(void *ctx, size_t n);	/* so many fed bytes may be granted anew */
	void (*ready)(void *ctx, enum err e);
	void *ctx;
};

/* AGAIN: too much is under way already. */
enum err upload_new(const struct upload_conf *conf, struct upload **out,
		    struct errbuf *eb) A_MUST_USE;
void upload_free(struct upload **u);
/* Where to: from now on it works.  Bytes may have come before.  On an error of
 * either function ready does not come: free it.  FULL: the disk is. */
enum err upload_go(struct upload *u, struct mdb *const *to, size_t n) A_MUST_USE;
enum err upload_feed(struct upload *u, const void *p, size_t n, bool last) A_MUST_USE;

/* After ready(OK), until upload_free(). */
const struct content *upload_content(const struct upload *u);
int64_t upload_staged(const struct upload *u, const struct mdb *in);	/* 0: nothing there */
#endif

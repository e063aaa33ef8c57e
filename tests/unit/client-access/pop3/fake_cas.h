#ifndef TEST_FAKE_CAS_H
#define TEST_FAKE_CAS_H
/*
 * fake cas - a POP3 session's surroundings: connection, login, one mailbox
 *
 * Everything that answers later does so in fake_turn(), one event a call, so a
 * test can stop anywhere.  One fake at a time.
 */
#include "common/base/buf.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/pop3/session.h"

struct fake_message {
	uint32_t uid;
	const char *content;
	size_t n;
	bool seen, gone;
};

struct fake {
	struct cas cas;
	void *session;			/* NULL: hung up or closed */
	struct buf out;			/* what the client got */
	struct buf trace;		/* what the store was asked */
	bool hung_up, paused, in_handshake;
	size_t unread, full_at;		/* bytes the client has not read; is_full() from */
	bool slow;			/* the client reads only in fake_read() */
	int64_t idle_ms;

	struct fake_message *m;
	size_t n;
	size_t chunk;			/* of content; 0: 7 bytes */
	size_t sent;			/* of all content calls */
	size_t break_at;		/* content fails after so much; 0: never */
	enum err e_locate, e_open, e_list, e_fetch, e_content, e_expunge, e_still;
	bool no_size, disorder, no_inbox;	/* the store breaks its word */
	unsigned calls;			/* in flight */
};

extern struct fake fake;

void fake_up(struct fake_message *m, size_t n, bool tls);
void fake_down(void);			/* checks that nothing is left in flight */
void fake_feed(const char *p, size_t n);	/* nothing, once it is over */
bool fake_turn(void);			/* false: nothing to do */
void fake_run(void);			/* until there is nothing to do */
void fake_read(size_t n);		/* the client reads so much */
#endif

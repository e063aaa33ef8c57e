#ifndef UM_MEDIA_SRTP_H
#define UM_MEDIA_SRTP_H
/*
 * srtp - keys of SRTP by SDP (RFC 4568): read theirs, make ours, crypt packets
 *
 * A key that does not fit shows: packets that do not verify are dropped and counted,
 * and a call whose first packets all fail is ended by its owner, so that a message of
 * noise is never delivered.
 */
#include "roles/unified-messaging/media/sdp.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srtp_pair;
struct mbuf;

/* The first of theirs that we can do.  ours is filled with the same suite and tag and a
 * fresh key.  NOTFOUND: none that we can do; INVALID: a malformed key. */
enum err srtp_pair_new(const struct sdp_stream *theirs, struct sdp_key *ours,
		       struct srtp_pair **out, struct errbuf *eb) A_MUST_USE;
void srtp_pair_free(struct srtp_pair **p);	/* *p may be NULL */
/* The keys of theirs are those this pair was made with (a re-INVITE may bring others). */
bool srtp_pair_same(const struct srtp_pair *p, const struct sdp_stream *theirs);
void srtp_pair_ours(const struct srtp_pair *p, struct sdp_key *out);

/* In place, from the buffer's position to its end.  False: it did not verify, or it
 * cannot be encrypted. */
bool srtp_pair_open(struct srtp_pair *p, struct mbuf *mb, bool rtcp);
bool srtp_pair_close(struct srtp_pair *p, struct mbuf *mb, bool rtcp);
#endif

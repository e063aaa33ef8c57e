#ifndef RELAY_POISON_H
#define RELAY_POISON_H
/*
 * poison - which message was in hand when the daemon died
 *
 * A message whose handling ends the process would do so again after every restart,
 * and nothing behind it would move.  So the identity of the message that the loop
 * works on stands in a page of a file that is mapped and never synced: it survives the
 * process, whatever ended it, and costs a few stores a message.  (It need not survive
 * the machine: that the power failed was not the message's fault.)  Opening the file
 * counts a message that is found there.  One that was in hand `threshold` times goes
 * to the queue's poison hop, where nobody touches it until an administrator decides.
 *
 * In hand means worked on at that moment, not waiting for an answer: of hundreds that
 * are under way at most one is charged with a kill.
 *
 * 64 identities are remembered, those charged last.  A file that cannot be had (the
 * disk is full) is memory that forgets; what is no such file begins anew.  One thread.
 */
#include "common/relay/mail.h"
#include <stddef.h>

struct poison;

/* threshold 0: nothing is ever poison.  Never fails. */
struct poison *poison_open(const char *path, unsigned threshold);
void poison_close(struct poison **p);	/* clears *p; *p may be NULL */

/* This message is in hand from now on; what was before is returned for the end.
 * p may be NULL everywhere. */
struct mail_id poison_begin(struct poison *p, const struct mail_id *id) A_MUST_USE;
void poison_end(struct poison *p, const struct mail_id *before);

bool poison_has(const struct poison *p, const struct mail_id *id);
/* Walk those that are: *at starts as 0. */
bool poison_next(const struct poison *p, size_t *at, struct mail_id *out);
void poison_forget(struct poison *p, const struct mail_id *id);

/* A poisoned message that is offered anew: all its recipients go to the poison hop
 * instead of where they were to go.  False: it is not poison, nothing is changed. */
bool poison_divert(const struct poison *p, struct mail *m);
#endif

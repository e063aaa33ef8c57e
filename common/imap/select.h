#ifndef IMAP_SELECT_H
#define IMAP_SELECT_H
/*
 * select - the parameters of SELECT and EXAMINE (RFC 7162 3.1.8 and 3.2.5)
 *
 * QRESYNC brings what the client remembers of the folder: its UIDVALIDITY, the last
 * mod-sequence, perhaps which UIDs it knows, and perhaps a sample of message numbers
 * with their UIDs.
 */
#include "common/imap/seqset.h"

struct imap_qresync {
	uint32_t uidvalidity;
	uint64_t modseq;
	bool has_known, has_sample;
	struct imap_seqset known;	/* UIDs, normal */
	struct imap_seqset seqs, uids;	/* normal; as many of the one as of the other */
};

struct imap_select {
	bool condstore, has_qresync;
	struct imap_qresync qresync;
};

/* " (CONDSTORE QRESYNC (7 12 1:9 (1,3 2,8)))" or nothing, to the end of the command. */
bool imap_lex_select(struct imap_lex *l, struct imap_select *out) A_MUST_USE;

/* The sample as pairs, in order: the k-th member of seqs and of uids. */
struct imap_sample {
	const struct imap_qresync *q;
	uint32_t seq, uid;		/* of the pair in hand */
};
void imap_sample_init(struct imap_sample *i, const struct imap_qresync *q);
bool imap_sample_next(struct imap_sample *i);	/* false: no more */
#endif

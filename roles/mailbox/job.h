#ifndef MAILBOX_JOB_H
#define MAILBOX_JOB_H
/*
 * job - one piece of work for a database's writer or one of its readers
 *
 * A job is embedded in what it serves.  It belongs to the thread from submit
 * until done() is called, on the loop, exactly once.  A write may be run more
 * than once before its result stands (a group that failed is rerun one by one),
 * so it sets its results anew each time.
 */
#include "common/base/err.h"
#include "common/base/list.h"
#include "roles/mailbox/post.h"
#include "roles/mailbox/tx.h"

enum lane { LANE_INTERACTIVE, LANE_DELIVERY, LANE_BACKGROUND, LANES };

/*
 * A mailbox whose folders' rows nobody else may change for some requests.  The write
 * that carries it says in `wanted`, each time it runs, whether it is to be kept (and
 * in wanted_if_failed whether even then); other writes gated by the mailbox wait.
 */
struct hold {
	struct list node;	/* private, as the rest */
	struct list parked;
	int64_t mbx[2];
	bool is_held;
	bool wanted, wanted_if_failed;
};

typedef enum err read_fn(struct db *db, void *arg, struct errbuf *eb);

struct job {
	struct post post;	/* private */
	struct list node;	/* private */
	enum lane lane;		/* writes only */
	size_t bytes;		/* roughly what a write adds to the file */
	tx_fn *write;		/* one of the two */
	read_fn *read;
	int64_t gate[2];	/* writes: waits while another has a hold on these; 0: none */
	struct hold *hold;	/* writes: of the gates; NULL: needs none */
	int64_t mbx;		/* reads only: the mailbox they are about, 0: none alone */
	void *arg;
	void (*done)(struct job *j);
	enum err e;		/* result, with its story */
	struct errbuf eb;
};
#endif

#ifndef UM_FAX_JOB_H
#define UM_FAX_JOB_H
/*
 * job - a fax sent or received by a process of its own (bourse-um-fax)
 *
 * The owner feeds what comes from the other side, 20 ms of audio or datagrams of
 * T.38 and a tick every 20 ms, and gets what goes there.  The process is watched: one
 * that makes no progress for FAX_STALL_MS, or takes longer than FAX_LONGEST_MS, is
 * told to come to an end, and killed if it does not.  A crash ends a fax and nothing
 * else; the pages that it left behind are gathered by another process.
 *
 * Nothing here blocks; what the process does not take in time is dropped, as the
 * network would.
 */
#include "common/base/err.h"
#include "roles/unified-messaging/fax/terminal.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define FAX_STALL_MS   60000
#define FAX_LONGEST_MS 3600000
#define FAX_GRACE_MS   5000		/* from being told to end to being killed */

enum fax_outcome {
	FAX_DONE,		/* every page, confirmed by the other side */
	FAX_PARTIAL,		/* some pages */
	FAX_FAILED,		/* none */
};

struct fax_job_end {
	enum fax_outcome outcome;
	bool crashed, stalled;
	unsigned pages, bit_rate;
	bool ecm;
	bool has_pdf;		/* FAX_PDF stands beside FAX_TIFF (child.h) */
	char ident[24], reason[80];
};

struct fax_job_events {
	void (*said)(void *ctx, const int16_t *pcm);	/* TERMINAL_FRAME samples */
	void (*datagram)(void *ctx, const uint8_t *p, size_t n);
	void (*page)(void *ctx, unsigned pages);
	/* Once; nothing comes after it.  The owner then calls fax_job_free(). */
	void (*ended)(void *ctx, const struct fax_job_end *end);
};

struct fax_job_conf {
	uv_loop_t *loop;
	const char *program;	/* bourse-um-fax */
	const char *folder;	/* of this fax alone; to send: with FAX_TIFF in it */
	const char *ident;	/* our number */
	bool sends, no_ecm, no_v17, no_guard;
	int64_t stall_ms;	/* 0: FAX_STALL_MS */
	const struct fax_job_events *ev;
	void *ctx;
};

struct fax_job;

/* INTERNAL: no process could be started. */
enum err fax_job_start(const struct fax_job_conf *conf, struct fax_job **out, struct errbuf *eb) A_MUST_USE;
void fax_job_heard(struct fax_job *f, const int16_t *pcm);	/* TERMINAL_FRAME samples */
void fax_job_t38(struct fax_job *f, const struct terminal_t38 *how);
void fax_job_datagram(struct fax_job *f, const uint8_t *p, size_t n);
void fax_job_tick(struct fax_job *f);
void fax_job_hang_up(struct fax_job *f);			/* ended() follows */
/* Kills the process if it still runs; ended() does not come.  *f may be NULL. */
void fax_job_free(struct fax_job **f);
#endif

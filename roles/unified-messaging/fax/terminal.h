#ifndef UM_FAX_TERMINAL_H
#define UM_FAX_TERMINAL_H
/*
 * terminal - a fax machine: T.30 over audio or over T.38, by spandsp
 *
 * Runs in the child process that a fax has for itself, as spandsp 0.0.6 can be
 * crashed by what the other side sends.  It has no clock: time passes by the audio
 * that is fed, or by terminal_tick(), so that a test runs as fast as it can.
 *
 * Pages are received into a TIFF file; a fax that breaks off leaves the pages that
 * were complete.
 */
#include "common/base/err.h"
#include "roles/unified-messaging/fax/udptl.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERMINAL_RATE  8000
#define TERMINAL_FRAME 160	/* samples of 20 ms */

struct terminal_result {
	bool ok;		/* the other side said that it was all */
	int code;		/* spandsp's, for the log */
	const char *reason;
	unsigned pages;
	unsigned bit_rate;
	bool ecm;
	char ident[24];		/* of the other side: printable, without spaces at its ends */
};

struct terminal_conf {
	bool sends;		/* or receives */
	const char *file;	/* TIFF to send, or to be made */
	const char *ident;	/* ours, at most 20 characters: a number */
	bool no_ecm;
	bool no_v17;
	/* A datagram for the other side, in T.38. */
	void (*datagram)(void *ctx, const uint8_t *p, size_t n);
	void (*page)(void *ctx, unsigned pages);
	void *ctx;
};

struct terminal;

struct terminal *terminal_new(const struct terminal_conf *conf);
void terminal_free(struct terminal **t);	/* *t may be NULL */

/* TERMINAL_FRAME samples heard, as many to be said.  Only before terminal_t38(). */
void terminal_audio(struct terminal *t, const int16_t *heard, int16_t *said);

struct terminal_t38 {
	enum udptl_recovery recovery;
	unsigned span;
	size_t max_datagram;	/* that the other side takes; 0: not said */
};
/* From now on T.38; T.30 begins again. */
void terminal_t38(struct terminal *t, const struct terminal_t38 *how);
void terminal_datagram(struct terminal *t, const uint8_t *p, size_t n);
void terminal_tick(struct terminal *t);		/* 20 ms have passed */

/* Rises while the two machines get on: frames of T.30, octets of pages. */
uint64_t terminal_progress(struct terminal *t);
bool terminal_ended(const struct terminal *t);
/* Hang up if it has not ended; what came of it. */
void terminal_result(struct terminal *t, struct terminal_result *out);
#endif

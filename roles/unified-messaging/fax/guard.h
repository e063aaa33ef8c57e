#ifndef UM_FAX_GUARD_H
#define UM_FAX_GUARD_H
/* guard - frames that crash spandsp do not reach it; see guard.c */
#include <stdbool.h>
#include <stdint.h>

/* May this HDLC frame (address first, without its check sum) be handed to T.30? */
bool fax_guard_passes(const uint8_t *frame, int len);
/* For the test that the sandbox holds without it. */
void fax_guard_off(void);
/* In front of spandsp's function of this name. */
void t30_hdlc_accept(void *t30, const uint8_t *frame, int len, int ok);
#endif

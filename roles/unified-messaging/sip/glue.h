#ifndef UM_SIP_GLUE_H
#define UM_SIP_GLUE_H
/*
 * glue - libre inside our uv loop, on its thread
 *
 * libre 1.1.0 has no way to be driven by another loop, but it calls fd_listen() and
 * fd_close() through its PLT, so the functions of these names here take their place,
 * and its timers are run from a uv timer.  That is why libre is linked shared, and why
 * there is one glue per process: its interface has no context.
 *
 * Descriptors beyond GLUE_MAX_FD are refused.
 */
#include "common/base/err.h"
#include <uv.h>

#define GLUE_MAX_FD 65536

/* INTERNAL: libre does not start. */
enum err glue_open(uv_loop_t *loop, struct errbuf *eb) A_MUST_USE;
/* After everything of libre's has been let go.  No-op if it was not opened. */
void glue_close(void);
/* Descriptors that libre watches now: above 0 once a transport listens, or the trick
 * does not work with this libre. */
unsigned glue_watched(void);
#endif

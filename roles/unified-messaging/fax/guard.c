/* guard - stands between spandsp's modems and its T.30
 *
 * spandsp 0.0.6 copies len - 4 octets of an FCD frame without looking whether it has
 * four: a frame of three crashes it.  It calls t30_hdlc_accept() by name, so ours is
 * called first and drops what is too short, or longer than a frame can be.  The child
 * process that this runs in is the second wall. */
#include "roles/unified-messaging/fax/guard.h"

#include "common/base/check.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#define FCD	  0x06		/* facsimile coded data: T.30 5.3.6, without its last bit */
#define FCD_HEAD  4		/* address, control, FCD, frame number */
#define FRAME_MAX (FCD_HEAD + 256 + 3)

static bool off;

void fax_guard_off(void)
{
	off = true;
}

bool fax_guard_passes(const uint8_t *frame, int len)
{
	if (frame == NULL || len < 3)
		return true;
	if ((frame[2] & 0xfe) == FCD && len <= FCD_HEAD)
		return false;
	return len <= FRAME_MAX;
}

void t30_hdlc_accept(void *t30, const uint8_t *frame, int len, int ok)
{
	static void (*real)(void *, const uint8_t *, int, int);

	if (real == NULL) {
		void *sym = dlsym(RTLD_NEXT, "t30_hdlc_accept");

		CHECK(sym != NULL);
		memcpy(&real, &sym, sizeof(real));
	}
	if (ok && !off && !fax_guard_passes(frame, len))
		return;
	real(t30, frame, len, ok);
}

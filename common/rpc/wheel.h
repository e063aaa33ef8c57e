#ifndef RPC_WHEEL_H
#define RPC_WHEEL_H
/*
 * wheel - many deadlines on one timer of the loop
 *
 * Adding and removing cost a list operation.  An entry fires up to WHEEL_STEP_MS
 * late and never early.  The timer sleeps until the first slot that holds
 * anything (at most one round of the wheel).
 */
#include "common/base/list.h"
#include <stdint.h>
#include <uv.h>

#define WHEEL_STEP_MS 32
#define WHEEL_SLOTS   1024

struct wheel_entry {
	struct list node;
	int64_t at_ms;		/* clock_mono_ms() */
};

struct wheel {
	struct list slot[WHEEL_SLOTS];
	uv_timer_t timer;
	int64_t done;		/* step up to which everything has fired */
	int64_t armed;		/* step the timer waits for; 0: it sleeps */
	size_t n;
	/* e is out of the wheel; may add and remove others. */
	void (*fire)(struct wheel *w, struct wheel_entry *e);
};

void wheel_init(struct wheel *w, uv_loop_t *loop, int64_t now_ms,
		void (*fire)(struct wheel *w, struct wheel_entry *e));
void wheel_close(struct wheel *w, uv_close_cb closed);	/* closed gets &w->timer */
void wheel_entry_init(struct wheel_entry *e);
void wheel_add(struct wheel *w, struct wheel_entry *e, int64_t at_ms);
void wheel_del(struct wheel *w, struct wheel_entry *e);	/* may be out already */
void wheel_run(struct wheel *w, int64_t now_ms);	/* what the timer does; for tests */
#endif

#ifndef MAILBOX_POST_H
#define MAILBOX_POST_H
/* post - what threads send to the loop: an item that knows what to do there */
#include "common/svc/inbox.h"

struct post {
	struct inbox_item item;
	void (*fn)(struct post *p);	/* on the loop; owns p from then on */
};
#endif

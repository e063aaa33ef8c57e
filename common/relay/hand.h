#ifndef RELAY_HAND_H
#define RELAY_HAND_H
/* hand - a mail on its way to or from another role, in the bus's terms */
#include "common/api/hub.h"
#include "common/relay/mail.h"

/* The first n_rcpts >= 1 recipients; strings are borrowed from m, the list lives
 * in a. */
void hand_from_mail(const struct mail *m, struct arena *a, struct hand *out,
		    struct hand_content *content);
/* A mail without its body yet; recipients have HOP_SUBMIT. */
struct mail *hand_to_mail(const struct hand *h);
#endif

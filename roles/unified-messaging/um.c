#include "roles/unified-messaging/um.h"

void um_count(struct um *um, enum um_metric m, int64_t n)
{
	if (um->metrics)
		metric_add(um->metrics, m, n);
}

#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
/* clock - the only place that asks what time it is; everything that decides by
 * time takes it as an argument */
#include <stdint.h>

int64_t clock_wall_ms(void);	/* Unix time */
int64_t clock_mono_ms(void);	/* never goes back; for deadlines */
int64_t clock_mono_us(void);
#endif

#ifndef DIRECTORY_GATE_H
#define DIRECTORY_GATE_H
/* gate - so many tries a minute, with a burst; for the endpoint that takes strangers */
#include <stdbool.h>
#include <stdint.h>

struct gate {
	double tokens;
	int64_t at_ms;
};

#define GATE_BURST	30
#define GATE_PER_MINUTE 30

static inline bool gate_pass(struct gate *g, int64_t now_ms)
{
	if (g->at_ms == 0 || now_ms < g->at_ms)
		g->tokens = g->at_ms ? g->tokens : GATE_BURST;
	else
		g->tokens += (double)(now_ms - g->at_ms) * GATE_PER_MINUTE / 60000;
	if (g->tokens > GATE_BURST)
		g->tokens = GATE_BURST;
	g->at_ms = now_ms;
	if (g->tokens < 1)
		return false;
	g->tokens -= 1;
	return true;
}
#endif

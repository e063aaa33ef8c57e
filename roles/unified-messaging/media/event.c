#include "roles/unified-messaging/media/event.h"

#include <string.h>
#include <strings.h>

static const char keys[] = "0123456789*#ABCD";

char event_rtp(struct event_keys *k, uint32_t ts, const uint8_t *p, size_t n, int64_t now_ms)
{
	char key;

	if (n < 4 || p[0] >= sizeof(keys) - 1)
		return 0;
	k->begun = true;
	if (k->has_ts && k->ts == ts)
		return 0;
	k->has_ts = true;
	k->ts = ts;
	key = keys[p[0]];
	/* Its tone was in the audio, and quicker. */
	if (k->tone == key && now_ms - k->tone_ms < EVENT_SAME_MS) {
		k->tone = 0;
		return 0;
	}
	return key;
}

char event_tone(struct event_keys *k, char key, int64_t now_ms)
{
	if (k->begun || !key || !strchr(keys, key))
		return 0;
	k->tone = key;
	k->tone_ms = now_ms;
	return key;
}

static char key_at(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	if (n == 0 || *p == '\0' || !strchr(keys, *p))
		return 0;
	if (n > 1 && p[1] != '\r' && p[1] != '\n' && p[1] != ' ')
		return 0;
	return *p;
}

char event_info(const char *p, size_t n)
{
	static const char name[] = "signal=";
	size_t len = sizeof(name) - 1;

	if (n > 256)
		return 0;
	for (size_t i = 0; i + len <= n; i++)
		if ((i == 0 || p[i - 1] == '\n') && strncasecmp(p + i, name, len) == 0)
			return key_at(p + i + len, n - i - len);
	return key_at(p, n);
}

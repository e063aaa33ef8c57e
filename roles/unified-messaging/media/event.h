#ifndef UM_MEDIA_EVENT_H
#define UM_MEDIA_EVENT_H
/*
 * event - keys pressed, as RTP events (RFC 4733) and as tones in the audio
 *
 * An event is sent in many packets with one timestamp; its end is sent three times.
 * The key is told once, with the first packet of it that arrives, whichever that is.
 *
 * A gateway that sends events may leave the tone in the audio as well.  Once one
 * event has come in a call, tones are not listened to any more; a tone and the event
 * of the same key within EVENT_SAME_MS are one key.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_SAME_MS 500

struct event_keys {
	bool begun;		/* an event has come: tones do not count */
	bool has_ts;
	uint32_t ts;		/* of the last event */
	char tone;		/* the last key heard as a tone */
	int64_t tone_ms;
};

/* '0'-'9', '*', '#', 'A'-'D', or 0: no key (flash, malformed, told already). */
char event_rtp(struct event_keys *k, uint32_t ts, const uint8_t *p, size_t n, int64_t now_ms);
/* A tone was heard; 0 if it does not count. */
char event_tone(struct event_keys *k, char key, int64_t now_ms);
/* The body of a SIP INFO: "Signal=5\r\nDuration=160" (application/dtmf-relay) or just
 * "5" (application/dtmf).  0: neither. */
char event_info(const char *p, size_t n);
#endif

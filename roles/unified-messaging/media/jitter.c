#include "roles/unified-messaging/media/jitter.h"

#include <string.h>

void jitter_init(struct jitter *j)
{
	memset(j, 0, sizeof(*j));
}

static struct jitter_packet *slot_of(struct jitter *j, uint16_t seq)
{
	return &j->slot[seq % JITTER_SLOTS];
}

static void begin_at(struct jitter *j, uint16_t seq)
{
	for (size_t i = 0; i < JITTER_SLOTS; i++)
		j->slot[i].here = false;
	j->dropped += j->waiting;
	j->waiting = 0;
	j->next = seq;
	j->begun = true;
}

/* Room for seq: what is too far behind is given up. */
static void make_room(struct jitter *j, uint16_t seq)
{
	while ((uint16_t)(seq - j->next) >= JITTER_SLOTS) {
		struct jitter_packet *p = slot_of(j, j->next);

		if (p->here) {
			p->here = false;
			j->waiting--;
			j->dropped++;
		} else {
			j->lost++;
		}
		j->next++;
	}
}

bool jitter_put(struct jitter *j, uint16_t seq, uint32_t ts, uint8_t pt, bool marker,
		const void *data, size_t n)
{
	int16_t ahead = (int16_t)(uint16_t)(seq - j->next);
	struct jitter_packet *p;

	if (n > JITTER_PAYLOAD) {
		j->dropped++;
		return false;
	}
	if (!j->begun || ahead > JITTER_JUMP || ahead < -JITTER_JUMP) {
		begin_at(j, seq);
		ahead = 0;
	}
	if (ahead < 0) {
		j->late++;
		return false;
	}
	make_room(j, seq);
	p = slot_of(j, seq);
	if (p->here) {
		j->dropped++;
		return false;
	}
	*p = (struct jitter_packet){ .ts = ts, .seq = seq, .pt = pt, .marker = marker,
				     .here = true, .n = (uint16_t)n };
	if (n)
		memcpy(p->data, data, n);
	j->waiting++;
	j->received++;
	return true;
}

enum jitter_next jitter_get(struct jitter *j, bool flush, const struct jitter_packet **out)
{
	struct jitter_packet *p = slot_of(j, j->next);

	if (j->waiting == 0)
		return JITTER_NONE;
	if (p->here) {
		p->here = false;	/* its bytes stay until another one comes */
		j->waiting--;
		j->next++;
		*out = p;
		return JITTER_PACKET;
	}
	if (!flush && j->waiting < JITTER_DEPTH)
		return JITTER_NONE;
	j->next++;
	j->lost++;
	return JITTER_LOST;
}

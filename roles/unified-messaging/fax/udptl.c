#include "roles/unified-messaging/fax/udptl.h"

#include "common/base/check.h"

#include <string.h>

#define SPAN_MAX 5u
#define PARITIES 3u		/* of our own FEC: each over span packets, interleaved */

/* ---- writing -------------------------------------------------------------------- */

void udptl_tx_init(struct udptl_tx *t, enum udptl_recovery recovery, unsigned span, size_t max)
{
	memset(t, 0, sizeof(*t));
	t->recovery = span ? recovery : UDPTL_PLAIN;
	t->span = span < SPAN_MAX ? span : SPAN_MAX;
	t->max = max && max < UDPTL_DATAGRAM ? max : UDPTL_DATAGRAM;
}

/* A length determinant of aligned PER and that many octets; false: no room. */
static bool put_octets(uint8_t *out, size_t *at, size_t max, const uint8_t *p, size_t n)
{
	size_t head = n < 128 ? 1 : 2;

	if (*at + head + n > max)
		return false;
	if (head == 2)
		out[(*at)++] = (uint8_t)(0x80 | n >> 8);
	out[(*at)++] = (uint8_t)n;
	memcpy(out + *at, p, n);
	*at += n;
	return true;
}

static const struct udptl_slot *sent(const struct udptl_tx *t, uint16_t seq)
{
	const struct udptl_slot *s = &t->slot[seq % UDPTL_SLOTS];

	return s->here && s->seq == seq ? s : NULL;
}

static void put_earlier(struct udptl_tx *t, uint8_t *out, size_t *at)
{
	size_t count_at = *at + 1;

	out[*at] = 0x00;	/* the choice: secondary packets */
	out[count_at] = 0;
	*at += 2;
	for (unsigned i = 1; i <= t->span; i++) {
		const struct udptl_slot *s = sent(t, (uint16_t)(t->seq - i));

		if (s == NULL || !put_octets(out, at, t->max, s->ifp, s->n))
			break;
		out[count_at]++;
	}
}

/* XOR of a set of packets, as long as the longest. */
struct parity {
	size_t n;
	uint8_t data[UDPTL_IFP];
};

static void parity_add(struct parity *p, const uint8_t *data, size_t n)
{
	if (n > p->n)
		p->n = n;
	for (size_t i = 0; i < n; i++)
		p->data[i] ^= data[i];
}

/* Parity m of E over S packets before seq: those S * E - m, less E each time. */
static bool put_parity(struct udptl_tx *t, unsigned m, uint8_t *out, size_t *at)
{
	struct parity p = { 0 };

	for (unsigned i = 0; i < t->span; i++) {
		uint16_t seq = (uint16_t)(t->seq - t->span * PARITIES + m + i * PARITIES);
		const struct udptl_slot *s = sent(t, seq);

		if (s == NULL)
			return false;
		parity_add(&p, s->ifp, s->n);
	}
	return put_octets(out, at, t->max, p.data, p.n);
}

static void put_parities(struct udptl_tx *t, uint8_t *out, size_t *at)
{
	size_t begin = *at, last;

	out[(*at)++] = 0x80;	/* the choice: FEC */
	out[(*at)++] = 1;	/* an integer of one octet: */
	out[(*at)++] = (uint8_t)t->span;
	out[(*at)++] = PARITIES;
	for (unsigned m = 0; m < PARITIES; m++)
		if (!put_parity(t, m, out, at)) {
			/* Not enough packets yet, or no room: none at all. */
			*at = begin;
			last = *at;
			out[last] = 0x00;
			out[last + 1] = 0;
			*at += 2;
			return;
		}
}

size_t udptl_pack(struct udptl_tx *t, const uint8_t *ifp, size_t n, uint8_t *out)
{
	struct udptl_slot *s = &t->slot[t->seq % UDPTL_SLOTS];
	size_t at = 2;

	if (n == 0 || n > UDPTL_IFP || n + 8 > t->max)
		return 0;
	out[0] = (uint8_t)(t->seq >> 8);
	out[1] = (uint8_t)t->seq;
	CHECK(put_octets(out, &at, t->max, ifp, n));
	switch (t->recovery) {
	case UDPTL_FEC:
		put_parities(t, out, &at);
		break;
	case UDPTL_REDUNDANCY:
		put_earlier(t, out, &at);
		break;
	case UDPTL_PLAIN:
		out[at++] = 0x00;
		out[at++] = 0;
		break;
	}
	s->here = true;
	s->seq = t->seq++;
	s->n = (uint16_t)n;
	memcpy(s->ifp, ifp, n);
	return at;
}

/* ---- reading -------------------------------------------------------------------- */

struct reader {
	const uint8_t *p, *end;
};

static bool take_octet(struct reader *r, unsigned *v)
{
	if (r->p == r->end)
		return false;
	*v = *r->p++;
	return true;
}

/* A length determinant of less than 16K. */
static bool take_length(struct reader *r, size_t *n)
{
	unsigned a, b;

	if (!take_octet(r, &a))
		return false;
	*n = a;
	if (!(a & 0x80))
		return true;
	if ((a & 0x40) || !take_octet(r, &b))
		return false;
	*n = (size_t)(a & 0x3f) << 8 | b;
	return true;
}

struct octets {
	const uint8_t *p;
	size_t n;
};

static bool take_octets(struct reader *r, struct octets *o)
{
	if (!take_length(r, &o->n) || o->n > (size_t)(r->end - r->p) || o->n > UDPTL_IFP)
		return false;
	o->p = r->p;
	r->p += o->n;
	return true;
}

/* A datagram, taken apart. */
struct datagram {
	uint16_t seq;
	struct octets primary;
	bool fec;
	unsigned span;			/* FEC: packets a parity is over */
	struct octets extra[UDPTL_SLOTS];	/* earlier packets, newest first; or parities */
	size_t n_extra;
};

static bool parse(const uint8_t *p, size_t n, struct datagram *d)
{
	struct reader r = { p, p + n };
	unsigned hi, lo, choice, size;
	size_t count;

	memset(d, 0, sizeof(*d));
	if (!take_octet(&r, &hi) || !take_octet(&r, &lo) || !take_octets(&r, &d->primary) ||
	    !take_octet(&r, &choice))
		return false;
	d->seq = (uint16_t)(hi << 8 | lo);
	d->fec = choice & 0x80;
	if (d->fec && (!take_octet(&r, &size) || size != 1 || !take_octet(&r, &d->span)))
		return false;
	if (!take_length(&r, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct octets o;

		if (!take_octets(&r, &o))
			return false;
		/* What is older than we remember is no use. */
		if (d->n_extra < UDPTL_SLOTS)
			d->extra[d->n_extra++] = o;
	}
	return !d->fec || (d->span > 0 && d->span * count < UDPTL_SLOTS);
}

static void keep(struct udptl_rx *r, uint16_t seq, const uint8_t *p, size_t n)
{
	struct udptl_slot *s = &r->slot[seq % UDPTL_SLOTS];

	s->here = true;
	s->seq = seq;
	s->n = (uint16_t)n;
	memcpy(s->ifp, p, n);
}

static const struct udptl_slot *got(const struct udptl_rx *r, uint16_t seq)
{
	const struct udptl_slot *s = &r->slot[seq % UDPTL_SLOTS];

	return s->here && s->seq == seq ? s : NULL;
}

/* Is a packet one that may still be given out? */
static bool is_due(const struct udptl_rx *r, const struct datagram *d, uint16_t seq)
{
	return (int16_t)(seq - r->next) >= 0 && (int16_t)(d->seq - seq) > 0;
}

/* The one packet of parity m that is missing, out of the others. */
static void mend(struct udptl_rx *r, const struct datagram *d, size_t m)
{
	size_t parities = d->n_extra;
	struct parity p = { 0 };
	uint16_t missing = 0;
	unsigned holes = 0;

	parity_add(&p, d->extra[m].p, d->extra[m].n);
	for (size_t i = 0; i < d->span; i++) {
		uint16_t seq = (uint16_t)(d->seq - d->span * parities + m + i * parities);
		const struct udptl_slot *s = got(r, seq);

		if (s) {
			parity_add(&p, s->ifp, s->n);
		} else {
			missing = seq;
			holes++;
		}
	}
	if (holes != 1 || !is_due(r, d, missing))
		return;
	keep(r, missing, p.data, p.n);
	r->recovered++;
}

static void recover(struct udptl_rx *r, const struct datagram *d)
{
	for (size_t i = 0; i < d->n_extra; i++) {
		uint16_t seq = (uint16_t)(d->seq - 1 - i);

		if (d->fec) {
			mend(r, d, i);
		} else if (is_due(r, d, seq) && !got(r, seq) && d->extra[i].n) {
			keep(r, seq, d->extra[i].p, d->extra[i].n);
			r->recovered++;
		}
	}
}

bool udptl_unpack(struct udptl_rx *r, const uint8_t *p, size_t n, udptl_ifp_fn *fn, void *ctx)
{
	struct datagram d;
	int gap;

	if (!parse(p, n, &d)) {
		r->malformed++;
		return false;
	}
	r->received++;
	gap = r->begun ? (int16_t)(d.seq - r->next) : 0;
	if (gap < 0)
		return true;	/* said already, or given up */
	if (!r->begun || gap >= (int)UDPTL_SLOTS)
		r->next = d.seq;
	r->begun = true;
	recover(r, &d);
	for (; r->next != d.seq; r->next++) {
		const struct udptl_slot *s = got(r, r->next);

		if (s)
			fn(ctx, s->seq, s->ifp, s->n);
		else
			r->lost++;
	}
	if (d.primary.n) {
		keep(r, d.seq, d.primary.p, d.primary.n);
		fn(ctx, d.seq, d.primary.p, d.primary.n);
	}
	r->next++;
	return true;
}

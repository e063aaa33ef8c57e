/* refs - the records that store_refs() streams */
#include "common/api/store_search.h"

#include <endian.h>
#include <string.h>

enum { FIXED = 38 };		/* behind the length, without the references */

static void put64(char **p, uint64_t v)
{
	v = htole64(v);
	memcpy(*p, &v, sizeof(v));
	*p += sizeof(v);
}

static uint64_t get64(const char **p)
{
	uint64_t v;

	memcpy(&v, *p, sizeof(v));
	*p += sizeof(v);
	return le64toh(v);
}

enum err store_refs_write(struct buf *out, const struct store_refs *m)
{
	size_t n = m->n_refs < STORE_REFS_MAX ? m->n_refs : STORE_REFS_MAX;
	uint32_t len = htole32((uint32_t)(FIXED + 8 * n)), uid = htole32(m->uid);
	enum err e = buf_reserve(out, 4 + FIXED + 8 * n);
	char *p = out->data + out->len;

	if (e)
		return e;
	memcpy(p, &len, 4);
	memcpy(p + 4, &uid, 4);
	p[8] = m->is_reply;
	p[9] = (char)n;
	p += 10;
	put64(&p, (uint64_t)m->sent_ms);
	put64(&p, m->own);
	put64(&p, m->subject[0]);
	put64(&p, m->subject[1]);
	if (n)			/* the newest, if there are too many */
		memcpy(p, m->refs + 8 * (m->n_refs - n), 8 * n);
	buf_grown(out, 4 + FIXED + 8 * n);
	return ERR_OK;
}

enum err store_refs_read(struct span *in, struct store_refs *out)
{
	const char *p = in->p;
	uint32_t len, uid;

	if (in->n < 4)
		return ERR_NOTFOUND;
	memcpy(&len, p, 4);
	len = le32toh(len);
	if (len < FIXED || len > STORE_REFS_MAX_BYTES - 4)
		return ERR_INVALID;
	if (in->n - 4 < len)
		return ERR_NOTFOUND;
	memcpy(&uid, p + 4, 4);
	*out = (struct store_refs){ .uid = le32toh(uid), .is_reply = p[8] != 0,
				    .n_refs = (unsigned char)p[9] };
	if (out->uid == 0 || len != FIXED + 8 * out->n_refs)
		return ERR_INVALID;
	p += 10;
	out->sent_ms = (int64_t)get64(&p);
	out->own = get64(&p);
	out->subject[0] = get64(&p);
	out->subject[1] = get64(&p);
	out->refs = (const uint8_t *)p;
	in->p += 4 + len;
	in->n -= 4 + len;
	return ERR_OK;
}

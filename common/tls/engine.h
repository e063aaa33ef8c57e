#ifndef TLS_ENGINE_H
#define TLS_ENGINE_H
/*
 * engine - TLS between two byte buffers (private to common/tls)
 *
 * The engine sees no socket.  Ciphertext from the peer is lent to it for the
 * time of one call; ciphertext for the peer is appended to the buffer given at
 * birth.  So an idle engine holds no buffer of its own: OpenSSL releases its
 * record buffers between records.
 */
#include "common/base/buf.h"
#include "common/base/span.h"
#include "common/tls/conn.h"
#include "common/tls/ctx.h"

struct engine;

enum engine_step {
	ENGINE_DONE,		/* handshake over; or bytes were read */
	ENGINE_MORE,		/* needs more from the peer */
	ENGINE_EOF,		/* the peer said goodbye */
	ENGINE_FAIL,		/* see engine_detail() */
};

/* ctx is counted; wire is borrowed for the engine's life and must have room for
 * a handshake flight and for ENGINE_RECORD beside what is written. */
struct engine *engine_new(struct tls_ctx *ctx, const char *name, struct buf *wire);
void engine_free(struct engine **en);

#define ENGINE_RECORD (16u * 1024 + 512)	/* a full record on the wire */

/* in shrinks by what was taken. */
enum engine_step engine_handshake(struct engine *en, struct span *in);
enum engine_step engine_read(struct engine *en, struct span *in, char *out, size_t cap,
			     size_t *got);
/* At most 16 KiB at a time; false: the connection is broken. */
bool engine_write(struct engine *en, const char *p, size_t n);
void engine_goodbye(struct engine *en);		/* close_notify, once */

bool engine_is_open(const struct engine *en);	/* handshake over, nothing failed */
const char *engine_detail(const struct engine *en);
void engine_info(const struct engine *en, struct conn_tls *out);
bool engine_exporter(const struct engine *en, uint8_t out[32]);
void engine_proof(const struct engine *en, struct conn_proof *out);	/* out is zeroed */
#endif

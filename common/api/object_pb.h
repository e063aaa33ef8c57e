#ifndef API_OBJECT_PB_H
#define API_OBJECT_PB_H
/* object_pb - objects and pages of them as they stand in bus messages; for rpc.c
 * files only */
#include "common/api/directory.h"
#include "common/api/object.h"
#include "gen/directory.pb-c.h"

/* A message that borrows o's bytes and lives in a. */
Directory__Object *object_to_pb(struct arena *a, const struct object *o);
/* Checked like object_decode(); copied into a. */
enum err object_from_pb(struct arena *a, const Directory__Object *m,
			struct object **out) A_MUST_USE;
enum err directory_ask_from(const Directory__ChangesReq *m, struct directory_ask *out) A_MUST_USE;
void directory_page_reply(struct rpc_request *rq, const struct directory_page *p);
Directory__Value **values_to_pb(struct arena *a, const struct object_value *v, size_t *n);
#endif

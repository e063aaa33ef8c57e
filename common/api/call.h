#ifndef API_CALL_H
#define API_CALL_H
/*
 * api call - one request in flight, as the typed stubs of this folder hand it out
 *
 * The owner keeps the pointer until the callback has fired; the callback must
 * clear it, for the call is gone then.
 */
#include <stddef.h>

struct api_call;

/* The owner lost interest: no callback comes after this.  Clears *c; *c may be
 * NULL. */
void api_cancel(struct api_call **c);

/* Streamed answers: so many bytes of rows or content were digested. */
void api_grant(struct api_call *c, size_t bytes);
#endif

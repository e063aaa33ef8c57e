#ifndef MAILBOX_URLKEY_H
#define MAILBOX_URLKEY_H
/*
 * urlkey - keys that sign URLs of a folder (RFC 4467, mechanism INTERNAL)
 *
 * Each principal has one per folder, made when it first signs.  The token is the
 * HMAC-SHA256 of the URL up to its access identifier.  Keys stay in the database,
 * which holds what they give access to; they leave it neither by call nor by log.
 */
#include "common/api/store_meta.h"
#include "roles/mailbox/access.h"
#include "roles/mailbox/tx.h"

struct url_op {
	struct who who;
	const char *path, *text;	/* path NULL: all, for urlkey_reset() */
	uint8_t token[URL_TOKEN];	/* result, or what is to be checked */
};
enum err urlkey_sign(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
enum err urlkey_check(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;	/* DENIED */
enum err urlkey_reset(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;
#endif

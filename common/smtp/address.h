#ifndef SMTP_ADDRESS_H
#define SMTP_ADDRESS_H
/*
 * address - a mailbox name of RFC 5321: read, written and compared
 *
 * An address is kept in two halves.  The local part is what its owner wrote,
 * without quotes and escapes, case and normalisation kept: only its home may
 * interpret it.  The domain is at once in the one form everybody compares:
 * lower-case A-labels (RFC 5891, TR46 non-transitional), or a literal such as
 * "[192.0.2.1]" or "[ipv6:2001:db8::1]" as inet_ntop() writes it.
 *
 * The *key* is the address form that directories and queues look up: NFC, case
 * folded, A-label.  Two addresses are the same mailbox here if and only if
 * their keys are equal bytes.
 *
 * RFC 5321 4.5.3.1 promises 64 octets for a local part and forbids nobody to
 * take more: VERP and SRS senders need more, so the limit is 255.
 *
 * Pure: no I/O.  Every octet of hostile input gets an answer.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define SMTP_LOCAL_MAX	255	/* octets, unquoted */
#define SMTP_DOMAIN_MAX 255
#define SMTP_KEY_MAX	1280	/* with NUL; folding can make a local part longer */

struct smtp_address {
	char local[SMTP_LOCAL_MAX + 1];		/* no control character inside */
	char domain[SMTP_DOMAIN_MAX + 1];	/* "": the null path, or bare Postmaster */
	bool utf8;	/* was written with other than ASCII: allowed with SMTPUTF8 only */
};

/* The whole of text is one local@domain.  INVALID says it is not. */
enum err smtp_address_parse(struct span text, struct smtp_address *out,
			    struct errbuf *eb) A_MUST_USE;

/* The same at the front of *in; stops before '>', a blank or the end, and *in
 * is what follows. */
enum err smtp_address_scan(struct span *in, struct smtp_address *out,
			   struct errbuf *eb) A_MUST_USE;

bool smtp_address_is_null(const struct smtp_address *a);	/* MAIL FROM:<> */

/* Whether a peer must offer SMTPUTF8 for it.  A U-label alone needs nothing: we
 * write the A-label. */
bool smtp_address_needs_utf8(const struct smtp_address *a);

/* local@domain, the local part quoted where its octets ask for it; nothing for
 * the null path.  LIMIT when out is full. */
enum err smtp_address_write(const struct smtp_address *a, struct buf *out) A_MUST_USE;
/* The same as a string that lives in arena. */
const char *smtp_address_text(const struct smtp_address *a, struct arena *arena);

/* The key, written as smtp_address_write() does.  INVALID if the local part is
 * not UTF-8; *out is then "". */
enum err smtp_address_key(const struct smtp_address *a, char out[SMTP_KEY_MAX]) A_MUST_USE;

/* From text to key in one step. */
enum err smtp_address_key_of(const char *text, char out[SMTP_KEY_MAX]) A_MUST_USE;

/* The key without "+tag"; false, and *out is a copy, if it has none.  A '+' in
 * front of everything is a name and not a tag. */
bool smtp_key_untagged(const char *key, char out[SMTP_KEY_MAX]);

/* Any spelling of a domain, or a literal, to the form above.  *utf8 (may be
 * NULL) is set to true if it held other than ASCII, else left alone. */
enum err smtp_domain_normal(struct span text, char out[SMTP_DOMAIN_MAX + 1],
			    bool *utf8) A_MUST_USE;

bool smtp_utf8_valid(struct span s);	/* RFC 3629: no surrogates, no overlong forms */
bool smtp_has_8bit(struct span s);
#endif

#ifndef AUTH_FOREIGN_H
#define AUTH_FOREIGN_H
/*
 * foreign - password hashes that other systems made (private to common/auth)
 *
 * Kept as they came, sealed like our own, until the user's next change of
 * password.  Checking one may take as long as its parameters say: on a worker.
 */
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>

/* A hash as written in an import file, with or without {SCHEME}: out gets the
 * form that foreign_check() takes.  INVALID if the form is unknown. */
enum err foreign_parse(const char *hash, char *out, size_t cap) A_MUST_USE;
bool foreign_check(const char *hash, const char *password);
#endif

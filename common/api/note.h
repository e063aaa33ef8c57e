#ifndef API_NOTE_H
#define API_NOTE_H
/*
 * note - what an administrator should do, in words
 *
 * Daemons say such things in their answer to manage.status, under the key "note", and
 * `bourse status` prints them below its table.  Each function writes a line into out
 * and says whether there is something to say.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTE_MAX 400

/* Less than 1 GiB, or less than 5 % and 20 GiB, of the file system of `dir`. */
bool note_space(const char *dir, uint64_t free_bytes, uint64_t all_bytes, char out[NOTE_MAX]);
/* The same, asking the file system.  Nothing to say if it does not answer. */
bool note_disk(const char *dir, char out[NOTE_MAX]);
/* A TLS certificate that ends in less than 30 days; Unix seconds. */
bool note_certificate(int64_t not_after, int64_t now, char out[NOTE_MAX]);
#endif

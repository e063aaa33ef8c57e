/* What clang-tidy cannot know, as it sees one file at a time: err_set() returns the
 * code it was given, so that what follows an error is not taken for success. */
#include "common/base/err.h"

#define err_set(eb, code, ...) ((void)err_set(eb, code, __VA_ARGS__), (enum err)(code))

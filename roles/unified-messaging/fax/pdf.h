#ifndef UM_FAX_PDF_H
#define UM_FAX_PDF_H
/* pdf - the pages of a fax as a PDF, by libharu; runs in the sandbox, as the TIFF
 * was made from what a stranger sent */
#include "common/base/err.h"

/* Every page as large as it was on paper.  CORRUPT: not a bilevel TIFF; LIMIT: more
 * than PDF_PAGES pages or a page too large; FULL. */
#define PDF_PAGES 500
enum err pdf_from_tiff(const char *tiff, const char *pdf, unsigned *pages,
		       struct errbuf *eb) A_MUST_USE;
#endif

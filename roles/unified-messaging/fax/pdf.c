#include "roles/unified-messaging/fax/pdf.h"

#include "common/base/check.h"

#include <hpdf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <tiffio.h>
#include <unistd.h>

#define PAGE_MAX (16u << 20)	/* octets of a bitmap: 11,000 by 11,000 */
#define POINTS	 72.0f

struct making {
	TIFF *tiff;
	HPDF_Doc doc;
	HPDF_STATUS failed;
};

/* libharu tells of its errors here; it goes on, and what follows fails too. */
static void on_error(HPDF_STATUS error, HPDF_STATUS detail, void *ctx)
{
	struct making *m = ctx;

	(void)detail;
	if (!m->failed)
		m->failed = error;
}

/* libtiff's words go nowhere: its result says enough. */
static void quiet(const char *module, const char *fmt, va_list ap)
{
	(void)module;
	(void)fmt;
	(void)ap;
}

struct bitmap {
	uint32_t width, height;
	size_t stride;
	float dpi_x, dpi_y;
	bool black_is_one;
	uint8_t *data;
};

static enum err read_page(TIFF *t, struct bitmap *b, struct errbuf *eb)
{
	uint16_t bits = 1, samples = 1, photometric = PHOTOMETRIC_MINISWHITE, unit = RESUNIT_INCH;

	TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &bits);
	TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &samples);
	TIFFGetFieldDefaulted(t, TIFFTAG_RESOLUTIONUNIT, &unit);
	if (bits != 1 || samples != 1 || TIFFIsTiled(t) ||
	    !TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &b->width) ||
	    !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &b->height) || b->width == 0 || b->height == 0)
		return err_set(eb, ERR_CORRUPT, "not a page of a fax");
	TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
	b->black_is_one = photometric == PHOTOMETRIC_MINISWHITE;
	if (!TIFFGetField(t, TIFFTAG_XRESOLUTION, &b->dpi_x) || b->dpi_x < 1)
		b->dpi_x = 204;
	if (!TIFFGetField(t, TIFFTAG_YRESOLUTION, &b->dpi_y) || b->dpi_y < 1)
		b->dpi_y = 196;
	if (unit == RESUNIT_CENTIMETER) {
		b->dpi_x *= 2.54f;
		b->dpi_y *= 2.54f;
	}
	b->stride = (b->width + 7) / 8;
	if (b->stride > PAGE_MAX / b->height || (size_t)TIFFScanlineSize(t) > b->stride)
		return err_set(eb, ERR_LIMIT, "a page of %u by %u", b->width, b->height);
	b->data = xcalloc(b->height, b->stride);
	for (uint32_t row = 0; row < b->height; row++)
		if (TIFFReadScanline(t, b->data + row * b->stride, row, 0) != 1)
			break;	/* the rest stays white */
	return ERR_OK;
}

static enum err put_page(struct making *m, const struct bitmap *b, struct errbuf *eb)
{
	float wide = (float)b->width / b->dpi_x * POINTS;
	float high = (float)b->height / b->dpi_y * POINTS;
	HPDF_Image image = HPDF_Image_LoadRaw1BitImageFromMem(
		m->doc, b->data, b->width, b->height, (HPDF_UINT)b->stride, b->black_is_one, true);
	HPDF_Page page = image ? HPDF_AddPage(m->doc) : NULL;

	if (page == NULL)
		return err_set(eb, ERR_INTERNAL, "libharu: %04lx", (unsigned long)m->failed);
	HPDF_Page_SetWidth(page, wide < 3 ? 3 : wide > 14400 ? 14400 : wide);
	HPDF_Page_SetHeight(page, high < 3 ? 3 : high > 14400 ? 14400 : high);
	HPDF_Page_DrawImage(page, image, 0, 0, HPDF_Page_GetWidth(page),
			    HPDF_Page_GetHeight(page));
	return m->failed ? err_set(eb, ERR_INTERNAL, "libharu: %04lx", (unsigned long)m->failed)
			 : ERR_OK;
}

static enum err put_pages(struct making *m, unsigned *pages, struct errbuf *eb)
{
	enum err e = ERR_OK;

	do {
		struct bitmap b = { 0 };

		if (*pages == PDF_PAGES)
			return err_set(eb, ERR_LIMIT, "more than %u pages", PDF_PAGES);
		e = read_page(m->tiff, &b, eb);
		if (!e)
			e = put_page(m, &b, eb);
		free(b.data);
		if (!e)
			++*pages;
	} while (!e && TIFFReadDirectory(m->tiff));
	return e;
}

enum err pdf_from_tiff(const char *tiff, const char *pdf, unsigned *pages, struct errbuf *eb)
{
	struct making m = { 0 };
	enum err e;

	*pages = 0;
	TIFFSetErrorHandler(quiet);
	TIFFSetWarningHandler(quiet);
	m.tiff = TIFFOpen(tiff, "r");
	if (m.tiff == NULL)
		return err_set(eb, ERR_CORRUPT, "%s is no TIFF", tiff);
	m.doc = HPDF_New(on_error, &m);
	CHECK(m.doc != NULL);
	e = put_pages(&m, pages, eb);
	if (!e && HPDF_SaveToFile(m.doc, pdf) != HPDF_OK) {
		unlink(pdf);
		e = err_set(eb, ERR_FULL, "cannot write %s", pdf);
	}
	HPDF_Free(m.doc);
	TIFFClose(m.tiff);
	return e;
}

#ifndef FAX_RIG_H
#define FAX_RIG_H
/* fax_rig - pages to fax, and whether they arrived as they were */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#define RIG_WIDTH  1728u
#define RIG_HEIGHT 300u

/* One pixel of a page: blocks that look like lines of text, other on every page. */
static inline bool rig_black(unsigned page, unsigned x, unsigned y)
{
	unsigned line = y / 24, cell = x / 12;

	if (y % 24 > 15 || x < 60 || x > RIG_WIDTH - 60)
		return false;
	return (cell * 2654435761u + line * 40503u + page * 97u) >> 7 & (x / 3 + y / 3 + page) & 1;
}

static inline void rig_make(const char *path, unsigned pages)
{
	uint8_t row[RIG_WIDTH / 8];
	TIFF *t = TIFFOpen(path, "w");

	for (unsigned p = 0; p < pages; p++) {
		TIFFSetField(t, TIFFTAG_SUBFILETYPE, FILETYPE_PAGE);
		TIFFSetField(t, TIFFTAG_PAGENUMBER, p, pages);
		TIFFSetField(t, TIFFTAG_IMAGEWIDTH, RIG_WIDTH);
		TIFFSetField(t, TIFFTAG_IMAGELENGTH, RIG_HEIGHT);
		TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, 1);
		TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, 1);
		TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, RIG_HEIGHT);
		TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_CCITTFAX4);
		TIFFSetField(t, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
		TIFFSetField(t, TIFFTAG_FILLORDER, FILLORDER_LSB2MSB);
		TIFFSetField(t, TIFFTAG_XRESOLUTION, 204.0);
		TIFFSetField(t, TIFFTAG_YRESOLUTION, 98.0);
		TIFFSetField(t, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
		for (unsigned y = 0; y < RIG_HEIGHT; y++) {
			memset(row, 0, sizeof(row));
			for (unsigned x = 0; x < RIG_WIDTH; x++)
				if (rig_black(p, x, y))
					row[x / 8] |= (uint8_t)(0x80 >> x % 8);
			TIFFWriteScanline(t, row, y, 0);
		}
		TIFFWriteDirectory(t);
	}
	TIFFClose(t);
}

/* Pages of the file that are as they were made; *all: that it has. */
static inline unsigned rig_same(const char *path, unsigned *all)
{
	uint8_t row[RIG_WIDTH / 8 + 64];
	TIFF *t = TIFFOpen(path, "r");
	unsigned same = 0;

	*all = 0;
	if (t == NULL)
		return 0;
	do {
		uint32_t w = 0, h = 0;
		uint16_t photometric = PHOTOMETRIC_MINISWHITE;
		bool fine;

		TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &w);
		TIFFGetField(t, TIFFTAG_IMAGELENGTH, &h);
		TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
		fine = w == RIG_WIDTH && h == RIG_HEIGHT;
		for (unsigned y = 0; fine && y < h; y++) {
			fine = TIFFReadScanline(t, row, y, 0) == 1;
			for (unsigned x = 0; fine && x < w; x++) {
				bool one = row[x / 8] >> (7 - x % 8) & 1;

				fine = (one == (photometric == PHOTOMETRIC_MINISWHITE)) ==
				       rig_black(*all, x, y);
			}
		}
		same += fine;
		++*all;
	} while (TIFFReadDirectory(t));
	TIFFClose(t);
	return same;
}
#endif

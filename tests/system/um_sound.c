/*
 * um_sound - sound for the telephony tests, and is it what arrived?
 *
 *	um_sound make DIR		DIR/msg.ul, DIR/msg.wav: 20 s that nowhere
 *					resemble themselves
 *	um_sound compare DIR [MIN]	a mail on standard input: its PCM attachment
 *					correlates with a part of msg.wav by MIN (0.99)
 *
 * Length says little: noise has one too.
 */
#include "common/base/check.h"
#include "common/mime/codec.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 8000, SECONDS = 20, N = RATE * SECONDS, STEP = 4, PROBE = RATE, HEADER = 44 };

/* ---- making ------------------------------------------------------------------------ */

static unsigned char ulaw(int s)
{
	int sign = s < 0 ? 0x80 : 0, exponent = 7;

	s = (abs(s) > 32635 ? 32635 : abs(s)) + 0x84;
	while (exponent > 0 && !(s & 0x80 << exponent))
		exponent--;
	return (unsigned char)~(sign | exponent << 4 | (s >> (exponent + 3) & 0xf));
}

/* Two voices that wander, and a little noise. */
static void make(int16_t *pcm)
{
	double a = 0, b = 0;
	uint32_t noise = 1;

	for (int i = 0; i < N; i++) {
		double t = (double)i / RATE;

		a += 2 * M_PI * (500 + 250 * sin(1.1 * t) + 120 * sin(7.3 * t + t * t * 0.05)) / RATE;
		b += 2 * M_PI * (1300 + 400 * sin(0.7 * t + 2) + 90 * sin(11.9 * t)) / RATE;
		noise = noise * 1664525 + 1013904223;
		pcm[i] = (int16_t)((3500 + 2000 * sin(3.1 * t)) * sin(a) + 2500 * sin(b) +
				   (int)(noise >> 24) - 128);
	}
}

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static FILE *open_in(const char *dir, const char *name, const char *mode)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, mode);
	if (!f) {
		perror(path);
		exit(2);
	}
	return f;
}

static void write_all(const char *dir, const int16_t *pcm)
{
	unsigned char h[HEADER] = "RIFF....WAVEfmt ....\1\0\1\0........\2\0\20\0data";
	FILE *wav = open_in(dir, "msg.wav", "wb"), *ul = open_in(dir, "msg.ul", "wb");

	put32(h + 4, N * 2 + HEADER - 8);
	put32(h + 16, 16);
	put32(h + 24, RATE);
	put32(h + 28, RATE * 2);
	put32(h + 40, N * 2);
	fwrite(h, 1, sizeof(h), wav);
	fwrite(pcm, 2, N, wav);
	for (int i = 0; i < N; i++)
		fputc(ulaw(pcm[i]), ul);
	fclose(wav);
	fclose(ul);
}

/* ---- comparing ----------------------------------------------------------------------- */

static double correlation(const int16_t *a, const int16_t *b, size_t n, size_t step)
{
	double ab = 0, aa = 1, bb = 1;

	for (size_t i = 0; i < n; i += step) {
		ab += (double)a[i] * b[i];
		aa += (double)a[i] * a[i];
		bb += (double)b[i] * b[i];
	}
	return ab / sqrt(aa * bb);
}

/* Where in the original a second from the middle belongs, then the whole around it. */
static double compare(const int16_t *got, size_t n, const int16_t *orig)
{
	size_t mid = n > 2 * PROBE ? n / 2 - PROBE / 2 : 0, at = 0, from, len;
	double best = -1;

	for (size_t lag = 0; lag + PROBE < N; lag++) {
		double c = correlation(got + mid, orig + lag, PROBE, STEP);

		if (c > best) {
			best = c;
			at = lag;
		}
	}
	from = at > mid ? 0 : mid - at;
	len = n - from;
	at = at > mid ? at - mid : 0;
	if (at + len > N)
		len = N - at;
	/* The ends may be cut by beep and hang-up. */
	if (len > RATE) {
		from += RATE / 10;
		at += RATE / 10;
		len -= RATE / 5;
	}
	best = correlation(got + from, orig + at, len, 1);
	printf("%zu ms, correlation %.4f\n", n * 1000 / RATE, best);
	return best;
}

static size_t attachment(int16_t *out, size_t cap)
{
	struct b64_dec dec = { .bits = 0 };
	char line[2000];
	bool audio = false, body = false;
	struct buf b;
	size_t n;

	buf_init(&b, 64u << 20);
	while (fgets(line, sizeof(line), stdin)) {
		if (strncmp(line, "Content-Type: audio/", 20) == 0)
			audio = true;
		else if (audio && !body && (line[0] == '\r' || line[0] == '\n'))
			body = true;
		else if (body && strncmp(line, "--", 2) == 0)
			break;
		else if (body && b64_dec_feed(&dec, line, strlen(line), &b) != ERR_OK)
			break;
	}
	n = b.len > HEADER ? (b.len - HEADER) / 2 : 0;
	n = n < cap ? n : cap;
	if (n)
		memcpy(out, b.data + HEADER, n * 2);
	buf_fini(&b);
	return n;
}

int main(int argc, char **argv)
{
	int16_t *orig = xcalloc(N, 2), *got = xcalloc(N * 2, 2);
	double min = argc > 3 ? atof(argv[3]) : 0.99;
	int rc = 2;

	if (argc > 2 && strcmp(argv[1], "make") == 0) {
		make(orig);
		write_all(argv[2], orig);
		rc = 0;
	} else if (argc > 2 && strcmp(argv[1], "compare") == 0) {
		size_t n = attachment(got, N * 2);

		make(orig);
		rc = n >= 2 * RATE && compare(got, n, orig) >= min ? 0 : 1;
		if (n < 2 * RATE)
			printf("only %zu samples\n", n);
	} else {
		fprintf(stderr, "usage: um_sound make DIR | compare DIR [MIN] <MAIL\n");
	}
	free(orig);
	free(got);
	return rc;
}

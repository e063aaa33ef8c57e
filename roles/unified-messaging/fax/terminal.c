#include "roles/unified-messaging/fax/terminal.h"

#include "common/base/check.h"

#include <spandsp.h>
#include <stdlib.h>
#include <string.h>

struct terminal {
	struct terminal_conf conf;
	char *file, *ident;
	fax_state_t *fax;		/* audio */
	t38_terminal_state_t *t38;
	struct udptl_tx tx;
	struct udptl_rx rx;
	bool ended;
	int code;
	unsigned pages;
	uint64_t frames;
};

static t30_state_t *t30_of(struct terminal *t)
{
	return t->t38 ? t38_terminal_get_t30_state(t->t38) : fax_get_t30_state(t->fax);
}

static unsigned pages_done(const struct terminal *t, t30_state_t *t30)
{
	t30_stats_t stats;
	int n;

	t30_get_transfer_statistics(t30, &stats);
	n = t->conf.sends ? stats.pages_tx : stats.pages_rx;
	return n > 0 ? (unsigned)n : 0;
}

/* A page has been confirmed. */
static int on_page(t30_state_t *t30, void *ctx, int result)
{
	struct terminal *t = ctx;
	unsigned pages = pages_done(t, t30);

	(void)result;
	if (pages > t->pages) {
		t->pages = pages;
		if (t->conf.page)
			t->conf.page(t->conf.ctx, pages);
	}
	return T30_ERR_OK;
}

static void on_frame(t30_state_t *t30, void *ctx, int incoming, const uint8_t frame[], int n)
{
	struct terminal *t = ctx;

	(void)t30;
	(void)frame;
	(void)n;
	t->frames += incoming != 0;
}

static void on_end(t30_state_t *t30, void *ctx, int code)
{
	struct terminal *t = ctx;

	t->ended = true;
	t->code = code;
	t->pages = pages_done(t, t30);
}

static int on_ifp(t38_core_state_t *core, void *ctx, const uint8_t *ifp, int n, int count)
{
	struct terminal *t = ctx;
	uint8_t out[UDPTL_DATAGRAM];
	size_t len = n > 0 ? udptl_pack(&t->tx, ifp, (size_t)n, out) : 0;

	(void)core;
	/* What matters most is said several times, under one number. */
	for (; len && count > 0; count--)
		t->conf.datagram(t->conf.ctx, out, len);
	return 0;
}

static void set_up(struct terminal *t)
{
	t30_state_t *t30 = t30_of(t);

	t30_set_tx_ident(t30, t->ident);
	t30_set_phase_d_handler(t30, on_page, t);
	t30_set_phase_e_handler(t30, on_end, t);
	t30_set_real_time_frame_handler(t30, on_frame, t);
	t30_set_ecm_capability(t30, !t->conf.no_ecm);
	t30_set_supported_modems(t30, T30_SUPPORT_V27TER | T30_SUPPORT_V29 |
					      (t->conf.no_v17 ? 0 : T30_SUPPORT_V17));
	t30_set_supported_compressions(t30, T30_SUPPORT_T4_1D_COMPRESSION |
						    T30_SUPPORT_T4_2D_COMPRESSION |
						    T30_SUPPORT_T6_COMPRESSION);
	t30_set_supported_resolutions(t30, T30_SUPPORT_STANDARD_RESOLUTION |
						   T30_SUPPORT_FINE_RESOLUTION |
						   T30_SUPPORT_SUPERFINE_RESOLUTION |
						   T30_SUPPORT_R8_RESOLUTION |
						   T30_SUPPORT_R16_RESOLUTION);
	t30_set_supported_image_sizes(t30, T30_SUPPORT_US_LETTER_LENGTH |
						   T30_SUPPORT_US_LEGAL_LENGTH |
						   T30_SUPPORT_UNLIMITED_LENGTH |
						   T30_SUPPORT_215MM_WIDTH |
						   T30_SUPPORT_255MM_WIDTH |
						   T30_SUPPORT_303MM_WIDTH);
	if (t->conf.sends) {
		t30_set_tx_file(t30, t->file, -1, -1);
	} else {
		t30_set_rx_file(t30, t->file, -1);
		t30_set_rx_encoding(t30, T4_COMPRESSION_ITU_T6);
	}
}

struct terminal *terminal_new(const struct terminal_conf *conf)
{
	struct terminal *t = xcalloc(1, sizeof(*t));

	t->conf = *conf;
	t->file = xstrdup(conf->file);
	t->ident = xstrdup(conf->ident);
	t->fax = fax_init(NULL, conf->sends);
	CHECK(t->fax != NULL);
	/* Silence is sent as well: RTP must not stop. */
	fax_set_transmit_on_idle(t->fax, true);
	set_up(t);
	return t;
}

void terminal_free(struct terminal **tp)
{
	struct terminal *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	if (t->fax)
		fax_free(t->fax);
	if (t->t38)
		t38_terminal_free(t->t38);
	free(t->file);
	free(t->ident);
	free(t);
}

void terminal_audio(struct terminal *t, const int16_t *heard, int16_t *said)
{
	int16_t in[TERMINAL_FRAME];
	int n = 0;

	memset(said, 0, TERMINAL_FRAME * sizeof(*said));
	if (t->fax == NULL || t->ended)
		return;
	memcpy(in, heard, sizeof(in));
	fax_rx(t->fax, in, TERMINAL_FRAME);
	if (!t->ended)
		n = fax_tx(t->fax, said, TERMINAL_FRAME);
	CHECK(n <= TERMINAL_FRAME);
}

void terminal_t38(struct terminal *t, const struct terminal_t38 *how)
{
	t38_core_state_t *core;

	if (t->t38 || t->ended)
		return;
	fax_free(t->fax);
	t->fax = NULL;
	udptl_tx_init(&t->tx, how->recovery, how->span, how->max_datagram);
	t->t38 = t38_terminal_init(NULL, t->conf.sends, on_ifp, t);
	CHECK(t->t38 != NULL);
	core = t38_terminal_get_t38_core_state(t->t38);
	t38_set_t38_version(core, 0);
	set_up(t);
}

static void take_ifp(void *ctx, uint16_t seq, const uint8_t *ifp, size_t n)
{
	struct terminal *t = ctx;

	if (!t->ended)
		t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(t->t38), ifp, (int)n,
				       seq);
}

void terminal_datagram(struct terminal *t, const uint8_t *p, size_t n)
{
	if (t->t38 && !t->ended)
		(void)udptl_unpack(&t->rx, p, n, take_ifp, t);
}

void terminal_tick(struct terminal *t)
{
	if (t->t38 && !t->ended)
		t38_terminal_send_timeout(t->t38, TERMINAL_FRAME);
}

uint64_t terminal_progress(struct terminal *t)
{
	t30_stats_t stats;

	t30_get_transfer_statistics(t30_of(t), &stats);
	return t->frames + (uint64_t)t->pages * UINT32_MAX +
	       (stats.image_size > 0 ? (uint64_t)stats.image_size : 0);
}

bool terminal_ended(const struct terminal *t)
{
	return t->ended;
}

/* The other side's name for itself: what may stand in a header field. */
static void copy_ident(char *out, size_t size, const char *ident)
{
	size_t n = 0;

	for (; ident && *ident && n + 1 < size; ident++)
		if (*ident > ' ' && *ident < 0x7f)
			out[n++] = *ident;
	out[n] = '\0';
}

void terminal_result(struct terminal *t, struct terminal_result *out)
{
	t30_state_t *t30 = t30_of(t);
	t30_stats_t stats;

	if (!t->ended) {
		/* Closes the file, with the pages that are whole. */
		t30_terminate(t30);
		if (!t->ended || t->code == T30_ERR_OK)
			t->code = T30_ERR_CALLDROPPED;
		t->ended = true;
	}
	t30_get_transfer_statistics(t30, &stats);
	*out = (struct terminal_result){
		.ok = t->code == T30_ERR_OK,
		.code = t->code,
		.reason = t30_completion_code_to_str(t->code),
		.pages = t->pages,
		.bit_rate = stats.bit_rate > 0 ? (unsigned)stats.bit_rate : 0,
		.ecm = stats.error_correcting_mode,
	};
	copy_ident(out->ident, sizeof(out->ident), t30_get_rx_ident(t30));
}

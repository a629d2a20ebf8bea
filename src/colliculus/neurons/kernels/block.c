/* Normalisation, neuron and max-pooling in one sweep. The idea is that of native.c, whose strips do the neuron's part.
 *
 * Images lie in memory as (steps or 1, images, height, width, channels), channels last. One image is followed through
 * all T steps a strip of a few hundred numbers at a time: normalised, integrated, fired. Of the spikes a pooling needs
 * a byte each, for the image at hand. Nothing is saved for the way back but what came from the convolution: the spikes
 * are made again, the gradient of each window goes to its first maximum in row-major order (to its first place, where
 * no spike is), through the neuron, and, once the sums over all images are known, through the normalisation.
 */
#include "graded.c" /* and native.c with it */

/* One call, as sweep_native.py lays it out. VALUE is float, or the upper half of one (bfloat16), as neuron.number says. */
typedef struct {
    Call neuron;                /* its options; the pointers in it are not used */
    const void *values;         /* VALUE (steps or 1, images, height, width, channels) */
    const float *scale, *shift; /* (channels): current = value * scale + shift */
    const float *mean;          /* (channels); backward only */
    void *spikes;               /* VALUE (steps, images, height', width', channels) */
    const void *grad_spikes;    /* VALUE, the same; backward only */
    void *grad_currents;        /* VALUE, as values; backward only */
    double *sums;               /* (2, channels): of grad_currents, and of grad_currents * (value - mean) */
    float *membrane;            /* (images, height, width, channels): before the first step, then after the last; NULL
                                 * starts from 0; forward only */
    int64_t images, height, width, channels;
    int32_t pooled;
} Block;

enum { STRIP = 1024, BAND = 16 }; /* numbers of a strip; rows whose gradient is unpooled at once */

/* Images first..last of a call, the work of one thread; `sums` are its own. */
typedef struct {
    const Block *block;
    int64_t first, last;
    double *sums;
    int failed;
} Part;

static int64_t halved(int64_t n) { return (n + 1) / 2; }

/* As many whole pixels as a strip holds. */
static int64_t strip_of(int64_t channels) { return STRIP / channels * channels; }

/* One row of numbers per channel, repeated over a strip, so that a strip's loop need not know of channels. */
static void tile(const float *row, int64_t channels, float *tiled) {
    for (int64_t at = 0; at < strip_of(channels); at += channels)
        memcpy(tiled + at, row, sizeof(float) * (size_t)channels);
}

/* The sums over a strip go to those of the channels, and begin again. */
static void fold(int64_t channels, float *first, float *second, double *sums) {
    for (int64_t at = 0; at < strip_of(channels); at += channels)
        for (int64_t c = 0; c < channels; c++) {
            sums[c] += first[at + c];
            sums[channels + c] += second[at + c];
            first[at + c] = second[at + c] = 0;
        }
}

FOR_EVERY_PROCESSOR
static void any_of(
    const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c, uint8_t *restrict out, int64_t n
) {
    for (int64_t i = 0; i < n; i++) out[i] = a[i] | b[i] | c[i];
}

/* `open` where the maximum of a window has not been met yet. */
FOR_EVERY_PROCESSOR
static void close_at(const uint8_t *restrict spikes, uint8_t *restrict open, int64_t n) {
    for (int64_t c = 0; c < n; c++) open[c] &= (uint8_t)(1 ^ spikes[c]);
}

FOR_EVERY_PROCESSOR
static void fire_bytes(const Call *call, const float *restrict current, uint8_t *restrict spikes, float *restrict membrane, int64_t n) {
    const float leak = (float)call->leak, threshold = (float)call->threshold;
    const int soft = call->soft_reset;
    for (int64_t i = 0; i < n; i++) {
        float v = integrate_float32(membrane[i], current[i], leak);
        spikes[i] = v >= threshold;
        membrane[i] = after_reset_float32(v, threshold, soft);
    }
}

/* The neuron's way back over n numbers: T rows of currents (one, where they stand still) and, `apart` numbers from one
 * to the next, of gradients; gradients of the currents, as many rows. Rows of the scratch are a strip apart. All lies in
 * the first cache, so nothing is asked for ahead. */
static void neuron_back(
    const Call *c, const float *current, const float *grad, int64_t apart, float *out, int64_t n, float *scratch
) {
    float *membrane = scratch, *later = scratch + STRIP, *d = later + STRIP, *v = d + STRIP;
    const int64_t step_of_current = c->is_static ? 0 : STRIP;
    memset(scratch, 0, sizeof(float) * 2 * STRIP);
    if (c->is_static) memset(out, 0, sizeof(float) * (size_t)n);
    if (c->temporal_gradient)
        for (int64_t t = 0; t < c->steps; t++)
            follow_float32(c, current + t * step_of_current, membrane, v + t * STRIP, n, 0);
    for (int64_t step = 0; step < c->steps; step++) {
        const int64_t t = c->temporal_gradient ? c->steps - 1 - step : step;
        float *to = out + t * step_of_current;
        const float *from = grad + t * apart;
        if (c->temporal_gradient) back_float32(c, !c->is_static, from, v + t * STRIP, later, d, to, n, 0);
        else alone_float32(c, !c->is_static, current + t * step_of_current, from, membrane, d, to, n, 0);
        if (c->is_static) emit_float32(d, out, to, (float)c->leak, 1, n);
    }
}

#define VALUE float
#define NAME(function) function##_of_floats
#define LOAD(x) (x)
#define STORE(x) (x)
#include "block_sweep.h"

#define VALUE uint16_t
#define NAME(function) function##_of_bfloats
#define LOAD(x) float_of_bfloat(x)
#define STORE(x) bfloat_of_float(x)
#include "block_sweep.h"

static void *forward_part(void *part) {
    if (((Part *)part)->block->neuron.number == FLOAT32) forward_of_floats(part);
    else forward_of_bfloats(part);
    return NULL;
}

static void *backward_part(void *part) {
    if (((Part *)part)->block->neuron.number == FLOAT32) backward_of_floats(part);
    else backward_of_bfloats(part);
    return NULL;
}

/* Images shared out over threads that live for this call alone. Returns 0, or 1 when memory ran out. */
static int by_images(const Block *b, void *(*work)(void *), int threads) {
    Part parts[64];
    int failed = 0, t;
    threads = threads < 1 ? 1 : threads > 64 ? 64 : threads > b->images ? (int)b->images : threads;
    double *sums = calloc((size_t)(threads * 2 * b->channels), sizeof(double));
    if (!sums) return 1;
    for (t = 0; t < threads; t++) {
        parts[t].block = b;
        parts[t].first = b->images * t / threads;
        parts[t].last = b->images * (t + 1) / threads;
        parts[t].sums = sums + t * 2 * b->channels;
        parts[t].failed = 0;
    }
#if defined(_WIN32)
    for (t = 0; t < threads; t++) work(&parts[t]);
#else
    {
        pthread_t helpers[64];
        int started[64] = {0};
        for (t = 1; t < threads; t++) started[t] = pthread_create(&helpers[t], NULL, work, &parts[t]) == 0;
        work(&parts[0]);
        for (t = 1; t < threads; t++) {
            if (started[t]) pthread_join(helpers[t], NULL);
            else work(&parts[t]);
        }
    }
#endif
    for (t = 0; t < threads; t++) {
        failed |= parts[t].failed;
        for (int64_t i = 0; b->sums && i < 2 * b->channels; i++) b->sums[i] += parts[t].sums[i];
    }
    free(sums);
    return failed;
}

EXPORT int colliculus_block_forward(const Block *b, int threads) { return by_images(b, forward_part, threads); }
EXPORT int colliculus_block_backward(const Block *b, int threads) { return by_images(b, backward_part, threads); }

/* Of `rows` rows of `channels` numbers: sums of (value - that of the first row), and of its square. */
EXPORT void colliculus_moments(const void *values, int32_t number, int64_t rows, int64_t channels, double *sums) {
    if (number == FLOAT32) moments_of_floats(values, rows, channels, sums);
    else moments_of_bfloats(values, rows, channels, sums);
}

/* grad <- grad * a + value * b + c, with a, b, c per channel. */
EXPORT void colliculus_through_norm(
    const void *values, void *grad, int32_t number, int64_t rows, int64_t channels, const float *a, const float *b,
    const float *c
) {
    float tiles[3][STRIP];
    tile(a, channels, tiles[0]);
    tile(b, channels, tiles[1]);
    tile(c, channels, tiles[2]);
    if (number == FLOAT32) through_norm_of_floats(values, grad, rows, channels, tiles[0], tiles[1], tiles[2]);
    else through_norm_of_bfloats(values, grad, rows, channels, tiles[0], tiles[1], tiles[2]);
}

/* So that tests catch a library built from other text than this. */
EXPORT int colliculus_size_of_block(void) { return (int)sizeof(Block); }

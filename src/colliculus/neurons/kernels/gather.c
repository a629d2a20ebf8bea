/* Convolution of spikes in plain C: zeros are skipped. Called by layers/gather.py through ctypes on bare pointers.
 *
 * The idea. Images lie in memory as (images, height, width, channels), channels last, most of them zero. Of every row a
 * list is made of the places x * channels + c that are not zero, pixel after pixel. The pixels under one row of a kernel
 * are neighbours in memory, so their entries are neighbours in the list, and entry minus the first pixel's place is
 * column * channels + c: the row of the weight that belongs to it. An output pixel is therefore, for each row of the
 * kernel, one walk over a piece of a list, which adds rows of TILE weights to sums held in registers. No product where
 * all values are 1.
 *
 * The gradient of the weight goes the other way round: of every channel a list of the pixels at which it is not zero;
 * the rows of a kernel's taps stay in registers, and each entry adds the gradient of the output pixels around it. With a
 * stride, pixels of equal remainder meet the same taps, and each such class is a convolution without stride.
 *
 * Every sum has a fixed order, whatever the number of threads.
 */
#include "portable.h"

#if defined(__GNUC__)
#include "gather_list.h"

#include "gather_forward.h"

#include "gather_backward.h"

FOR_EVERY_PROCESSOR
static int64_t events(const float *restrict number, int64_t n) {
    int32_t found = 0;
    for (int64_t i = 0; i < n; i++) found += number[i] != 0;
    return found;
}

/* Of every `apart`-th pixel the numbers that are not zero. `room` holds the channels of one. */
EXPORT int64_t colliculus_gather_events(const Gather *g, int64_t apart, float *room) {
    int64_t found = 0;
    for (int64_t pixel = 0; pixel < g->images * g->height * g->width; pixel += apart)
        found += events(floats(g->input, pixel * g->channels, g->channels, g->is_narrow, room), g->channels);
    return found;
}

/* `count` images or channels shared out over threads that live for this call alone. */
static int over_portions(const Gather *g, void *(*work)(void *), int64_t count, int threads) {
    Portion portions[64];
    int failed = DONE, t;
    threads = (int)at_least(1, at_most(at_most(threads, 64), count));
    for (t = 0; t < threads; t++)
        portions[t] = (Portion){.call = g, .first = count * t / threads, .last = count * (t + 1) / threads};
#if defined(_WIN32)
    for (t = 0; t < threads; t++) work(&portions[t]);
#else
    pthread_t helpers[64];
    int started[64] = {0};
    for (t = 1; t < threads; t++) started[t] = pthread_create(&helpers[t], NULL, work, &portions[t]) == 0;
    work(&portions[0]);
    for (t = 1; t < threads; t++) {
        if (started[t]) pthread_join(helpers[t], NULL);
        else work(&portions[t]);
    }
#endif
    for (t = 0; t < threads; t++) failed = (int)at_least(failed, portions[t].failed);
    return failed;
}

/* 0, or NO_MEMORY. */
EXPORT int colliculus_gather_forward(const Gather *g, int threads) {
    return over_portions(g, forward_portion, g->images, threads);
}

/* Adds the gradient of the weight to `out`. 0, or NO_MEMORY. The caller sees to it that the
 * gradient is finite: zeros would hide infinity. */
EXPORT int colliculus_gather_backward(const Gather *g, int threads) {
    return over_portions(g, backward_portion, g->channels, threads);
}

/* Of a weight (outputs, channels * taps) the block of LANES columns from `column`, outputs as rows of the block, goes to
 * the rows of a tile, or comes from there. */
enum { PACK, PACK_NARROW, UNPACK };
static void turn_block(
    float *weight, float *packed, int64_t outputs, int64_t tile, int64_t column, int64_t channels, int64_t taps, int way
) {
    const int64_t line = channels * taps, n = at_most(LANES, line - column);
    const int64_t size = row_size(tile / LANES, way == PACK_NARROW);
    float block[WIDEST_TILE][LANES] = {{0}}, turned[WIDEST_TILE];
    for (int64_t o = 0; way != UNPACK && o < outputs; o++)
        memcpy(block[o], weight + o * line + column, sizeof(float) * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        float *row = packed + ((column + i) % taps * channels + (column + i) / taps) * size;
        if (way == UNPACK)
            for (int64_t o = 0; o < outputs; o++) block[o][i] = row[o];
        else {
            float *to = way == PACK ? row : turned;
            for (int64_t o = 0; o < tile; o++) to[o] = block[o][i];
            if (way == PACK_NARROW) halve_row(turned, tile, (uint32_t *)row);
        }
    }
    for (int64_t o = 0; way == UNPACK && o < outputs; o++)
        memcpy(weight + o * line + column, block[o], sizeof(float) * (size_t)n);
}

/* A weight (outputs, channels, taps) as tiles (taps, channels, tile) one after the other, zeros where it ends, in halves
 * if the calls are narrow (its numbers are then bfloat16 exactly); or the gradient's way back, which is never in halves.
 * Returns 0, or NOT_FINITE where zeros would hide it. */
EXPORT int colliculus_gather_pack(
    float *weight, float *packed, int64_t outputs, int64_t channels, int64_t taps, int way
) {
    const int64_t line = channels * taps;
    for (int64_t output = 0, tile; output < outputs; output += tile) {
        tile = tile_of(outputs - output);
        for (int64_t column = 0; column < line; column += LANES)
            turn_block(
                weight + output * line, packed, at_most(tile, outputs - output), tile, column, channels, taps, way
            );
        packed += line * row_size(tile / LANES, way == PACK_NARROW);
    }
    return all_finite(weight, outputs * line) ? DONE : NOT_FINITE;
}

/* Of the bits of n numbers, LANES at a time, the sums, and the sums of those, which also know the order. */
FOR_EVERY_PROCESSOR
static void add_bits(const float *number, int64_t n, Halves *sums) {
    for (int64_t i = 0; i < n; i += LANES) {
        Halves bits = {0};
        if (n - i >= LANES) bits = *(const Halves *)(number + i);
        else memcpy(&bits, number + i, sizeof(float) * (size_t)(n - i));
        sums[0] += bits;
        sums[1] += sums[0];
    }
}

/* 2 * LANES whole numbers that tell apart weights of one shape. */
EXPORT void colliculus_gather_digest(const float *number, int64_t n, uint32_t *digest) {
    Halves sums[2] = {{0}};
    add_bits(number, n, sums);
    memcpy(digest, sums, sizeof sums);
}

/* So that tests catch a library built from other text than this; 0 where the compiler knows no vectors. */
EXPORT int colliculus_size_of_gather(void) { return (int)sizeof(Gather); }
#else
EXPORT int colliculus_size_of_gather(void) { return 0; }
#endif

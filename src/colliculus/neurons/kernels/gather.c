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

typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t Halves __attribute__((vector_size(64), aligned(4), may_alias));
enum { LANES = 16, WIDEST_TILE = 64, MOST_TAPS = 9 };
enum { DONE, NO_MEMORY, NOT_FINITE };
enum { GROUP = 1 << 19, BAND = 1 << 15 }; /* numbers of input that are listed at once; of gradient that are packed */

/* One call, as gather.py lays it out. VALUE is float, or the upper half of one (bfloat16). */
typedef struct {
    const void *input;   /* VALUE (images, height, width, channels) */
    const float *weight; /* packed, as colliculus_gather_pack writes it; forward only */
    const float *bias;   /* (outputs), zeros up to a whole tile; forward only */
    const void *grad;    /* VALUE (images, height', width', outputs); backward only */
    void *out;           /* VALUE (images, height', width', outputs), or the packed gradient of the weight */
    int64_t images, height, width, channels, outputs;
    int64_t rows, columns; /* of the kernel */
    int64_t stride, up, left; /* steps of the kernel, and the zeros above and to the left of an image */
    int64_t out_height, out_width;
    int32_t is_narrow; /* VALUE is bfloat16 */
} Gather;

/* The entries of a group of images. Those of pixel p are entry[first[p]] to entry[first[p + 1]]. */
typedef struct {
    uint32_t *first, *entry;
    float *value;
    int is_binary; /* all values are 1 */
} List;

/* Images or channels first..last of a call, the work of one thread. */
typedef struct {
    const Gather *call;
    int64_t first, last;
    int failed;
} Portion;

/* Rows of a tile, of a weight or of a gradient, are LANES floats after LANES floats. Of a weight in bfloat16, which is
 * half as much to read, one vector holds two: the lower halves are the first LANES numbers and the upper halves the next, so that a shift and a mask widen them. */
INLINE void add_row(const float *row, float value, int tiles, int is_binary, int is_narrow, Lanes *sum) {
#pragma GCC unroll 4
    for (int v = 0; v < tiles; v++) {
        Lanes term;
        if (is_narrow) {
            const Halves both = *(const Halves *)(row + v / 2 * LANES);
            term = v % 2 ? (Lanes)(both & 0xFFFF0000u) : (Lanes)(both << 16);
        } else term = *(const Lanes *)(row + v * LANES);
        if (is_binary) sum[v] += term;
        else sum[v] += term * value;
    }
}

/* Floats that a row of `tiles` times LANES numbers takes. */
static inline int64_t row_size(int64_t tiles, int is_narrow) { return (is_narrow ? (tiles + 1) / 2 : tiles) * LANES; }

/* `tile` floats that are bfloat16 exactly, as one row of halves. */
INLINE void halve_row(const float *number, int64_t tile, uint32_t *row) {
    for (int64_t at = 0; at < tile; at += 2 * LANES)
        for (int64_t i = 0; i < LANES; i++) {
            uint32_t low, high = 0;
            memcpy(&low, number + at + i, sizeof low);
            if (at + LANES < tile) memcpy(&high, number + at + LANES + i, sizeof high);
            row[at / 2 + i] = low >> 16 | (high & 0xFFFF0000u);
        }
}

/* The widest tile that as many outputs fill: 64, 32 or 16. */
static int64_t tile_of(int64_t left) { return left > 32 ? 64 : left > 16 ? 32 : 16; }

static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

/* --- lists ------------------------------------------------------------------------------------------------------- */

/* Appends the places of the numbers of one pixel that are not zero, and the numbers; returns how many. NaN is not zero.
 * It may write up to LANES - 1 places beyond. */
typedef int64_t (*Append)(const float *pixel, int64_t channels, uint32_t place, uint32_t *entry, float *value, int *all_one);

static int64_t append(
    const float *restrict pixel, int64_t channels, uint32_t place, uint32_t *restrict entry, float *restrict value,
    int *all_one
) {
    int64_t n = 0;
    int other = 0;
    for (int64_t c = 0; c < channels; c++) {
        entry[n] = place + (uint32_t)c;
        value[n] = pixel[c];
        other |= pixel[c] != 0 && pixel[c] != 1;
        n += pixel[c] != 0;
    }
    *all_one &= !other;
    return n;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f,popcnt"))) static int64_t append_avx512(
    const float *restrict pixel, int64_t channels, uint32_t place, uint32_t *restrict entry, float *restrict value,
    int *all_one
) {
    const __m512i steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    int64_t n = 0;
    __mmask16 other = 0;
    for (int64_t c = 0; c < channels; c += 16) {
        const __mmask16 inside = channels - c >= 16 ? 0xFFFF : (__mmask16)((1u << (channels - c)) - 1);
        const __m512 x = _mm512_maskz_loadu_ps(inside, pixel + c);
        const __mmask16 found = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        const __m512i places = _mm512_add_epi32(_mm512_set1_epi32((int)(place + (uint32_t)c)), steps);
        other |= _mm512_mask_cmp_ps_mask(found, x, _mm512_set1_ps(1), _CMP_NEQ_UQ);
        _mm512_storeu_si512(entry + n, _mm512_maskz_compress_epi32(found, places));
        _mm512_storeu_ps(value + n, _mm512_maskz_compress_ps(found, x));
        n += __builtin_popcount(found);
    }
    *all_one &= !other;
    return n;
}
#endif

static Append fastest_append(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return append_avx512;
#endif
    return append;
}

FOR_EVERY_PROCESSOR
static void widen(const uint16_t *restrict from, float *restrict to, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = float_of_bfloat(from[i]);
}

FOR_EVERY_PROCESSOR
static void narrow(const float *restrict from, uint16_t *restrict to, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = bfloat_of_float(from[i]);
}

FOR_EVERY_PROCESSOR
static int all_finite(const float *number, int64_t n) {
    uint32_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, number + i, sizeof bits);
        bad |= (bits & 0x7F800000u) == 0x7F800000u;
    }
    return !bad;
}

/* Numbers from..from + n of VALUE as floats, in place or in `room`. */
static const float *floats(const void *numbers, int64_t from, int64_t n, int is_narrow, float *room) {
    if (!is_narrow) return (const float *)numbers + from;
    widen((const uint16_t *)numbers + from, room, n);
    return room;
}

static int make_list(const Gather *g, int64_t rows, List *list) {
    const size_t pixels = (size_t)(rows * g->width), numbers = pixels * (size_t)g->channels + LANES;
    list->first = malloc(sizeof(uint32_t) * (pixels + 1));
    list->entry = malloc(sizeof(uint32_t) * numbers);
    list->value = malloc(sizeof(float) * numbers);
    return list->first && list->entry && list->value;
}

static void free_list(List *list) {
    free(list->first);
    free(list->entry);
    free(list->value);
}

/* The lists of rows first..last, of all images one after the other, with channels from..to of them. */
static void fill_list(const Gather *g, int64_t first, int64_t last, int64_t from, int64_t to, float *room, List *list) {
    const Append add = fastest_append();
    const int64_t line = g->width * g->channels;
    uint32_t n = 0, *pixel = list->first;
    list->is_binary = 1;
    for (int64_t row = first; row < last; row++)
        for (int64_t place = from; place < line; place += g->channels) {
            const float *numbers = floats(g->input, row * line + place, to - from, g->is_narrow, room);
            *pixel++ = n;
            n += (uint32_t)add(
                numbers, to - from, (uint32_t)place, list->entry + n, list->value + n, &list->is_binary
            );
        }
    *pixel = n;
}

/* --- forward ------------------------------------------------------------------------------------------------------ */

/* One row of output pixels, for one tile of the outputs. */
INLINE void row_of(
    const Gather *g, const List *list, const uint32_t *first, int64_t y, const float *weight, const float *bias,
    int tiles, int is_binary, int is_narrow, float *out, int64_t apart
) {
    const int64_t size = row_size(tiles, is_narrow);
    const int64_t top = y * g->stride - g->up, line = g->columns * g->channels;
    const int64_t from = at_least(0, -top), to = at_most(g->rows, g->height - top);
    for (int64_t x = 0; x < g->out_width; x++) {
        const int64_t left = x * g->stride - g->left;
        const int64_t begin = at_least(0, left), end = at_most(g->width, left + g->columns);
        Lanes sum[4];
        for (int v = 0; v < tiles; v++) sum[v] = *(const Lanes *)(bias + v * LANES);
        if (begin < end)
            for (int64_t row = from; row < to; row++) {
                const uint32_t *pixel = first + (top + row) * g->width;
                const float *rows = weight + (row * line - left * g->channels) * size;
                for (uint32_t i = pixel[begin]; i < pixel[end]; i++)
                    add_row(rows + list->entry[i] * size, list->value[i], tiles, is_binary, is_narrow, sum);
            }
        for (int v = 0; v < tiles; v++) *(Lanes *)(out + x * apart + v * LANES) = sum[v];
    }
}

#define ROW_OF(tiles, is_binary, is_narrow) \
    row_of(g, list, first, y, weight, bias, tiles, is_binary, is_narrow, out, apart)
#define ROW(tiles) \
    do { \
        if (list->is_binary && g->is_narrow) ROW_OF(tiles, 1, 1); \
        else if (list->is_binary) ROW_OF(tiles, 1, 0); \
        else if (g->is_narrow) ROW_OF(tiles, 0, 1); \
        else ROW_OF(tiles, 0, 0); \
    } while (0)

FOR_EVERY_PROCESSOR
static void one_row(
    const Gather *g, const List *list, const uint32_t *first, int64_t y, const float *weight, const float *bias,
    int64_t tile, float *out, int64_t apart
) {
    if (tile == 64) ROW(4);
    else if (tile == 32) ROW(2);
    else ROW(1);
}

/* A finished row of sums goes to its outputs. */
static void put(const Gather *g, const float *sums, int64_t tile, int64_t row, int64_t output) {
    const int64_t n = at_most(tile, g->outputs - output);
    for (int64_t x = 0; x < g->out_width; x++) {
        const int64_t to = (row * g->out_width + x) * g->outputs + output;
        if (g->is_narrow) narrow(sums + x * tile, (uint16_t *)g->out + to, n);
        else memcpy((float *)g->out + to, sums + x * tile, sizeof(float) * (size_t)n);
    }
}

static void forward_group(const Gather *g, int64_t first, int64_t last, const List *list, float *sums) {
    const float *weight = g->weight;
    for (int64_t output = 0, tile; output < g->outputs; output += tile) {
        tile = tile_of(g->outputs - output);
        const int direct = !g->is_narrow && output + tile <= g->outputs;
        for (int64_t image = first; image < last; image++) {
            const uint32_t *pixels = list->first + (image - first) * g->height * g->width;
            for (int64_t y = 0; y < g->out_height; y++) {
                const int64_t row = image * g->out_height + y;
                float *out = direct ? (float *)g->out + row * g->out_width * g->outputs + output : sums;
                one_row(g, list, pixels, y, weight, g->bias + output, tile, out, direct ? g->outputs : tile);
                if (!direct) put(g, sums, tile, row, output);
            }
        }
        weight += g->rows * g->columns * g->channels * row_size(tile / LANES, g->is_narrow);
    }
}

static void *forward_portion(void *given) {
    Portion *p = given;
    const Gather *g = p->call;
    const int64_t group = at_least(1, at_most(p->last - p->first, GROUP / (g->height * g->width * g->channels)));
    float *sums = malloc(sizeof(float) * (size_t)at_least(g->out_width * WIDEST_TILE, g->channels));
    List list;
    p->failed = !make_list(g, group * g->height, &list) || !sums ? NO_MEMORY : DONE;
    for (int64_t image = p->first; image < p->last && !p->failed; image += group) {
        const int64_t last = at_most(p->last, image + group);
        fill_list(g, image * g->height, last * g->height, 0, g->channels, sums, &list);
        forward_group(g, image, last, &list, sums);
    }
    free_list(&list);
    free(sums);
    return NULL;
}

/* --- backward ----------------------------------------------------------------------------------------------------- */

/* Some rows of input, of one image or of several whole ones, and the gradient around them, packed by tiles with zeros
 * at its edges. A pixel whose row and column have the remainders r, c by the stride meets taps r, r + stride, ... */
typedef struct {
    int64_t images, first_row, rows;  /* of input, in each image */
    int64_t above, before;            /* first row and column of the output that is packed; negative at the edges */
    int64_t height, width;            /* of what is packed of an image */
    int64_t reach_y, reach_x;         /* most taps of a class in a column and in a row, less one */
} Band;

/* Pixels of the packed gradient by (class, channel): those of a key are place[first[key]] to place[first[key + 1]]. */
typedef struct {
    uint32_t *first, *place;
    float *value;
} Sorted;

static Band band_of(const Gather *g, int64_t images, int64_t first_row, int64_t rows) {
    Band b = {.images = images, .first_row = first_row, .rows = rows};
    b.reach_y = (g->rows - 1) / g->stride;
    b.reach_x = (g->columns - 1) / g->stride;
    b.above = (first_row + g->up) / g->stride - b.reach_y;
    b.before = g->left / g->stride - b.reach_x;
    b.height = (first_row + rows - 1 + g->up) / g->stride - b.above + 1;
    b.width = (g->width - 1 + g->left) / g->stride - b.before + 1;
    return b;
}

/* Sorts a list by key; the order of the pixels stays. */
static void sort_list(const Gather *g, const Band *b, const List *list, int64_t from, int64_t to, Sorted *sorted) {
    const int64_t channels = to - from, keys = g->stride * g->stride * channels;
    for (int pass = 0; pass < 2; pass++) { /* counts, then places */
        uint32_t *at = sorted->first + 1, *pixel = list->first;
        if (!pass) memset(sorted->first, 0, sizeof(uint32_t) * (size_t)(keys + 2));
        for (int64_t image = 0; image < b->images; image++)
            for (int64_t row = b->first_row; row < b->first_row + b->rows; row++)
                for (int64_t x = 0; x < g->width; x++, pixel++) {
                    const int64_t y = row + g->up, across = x + g->left;
                    const int64_t class = y % g->stride * g->stride + across % g->stride;
                    const int64_t line = image * b->height + y / g->stride - b->above;
                    const uint32_t place = (uint32_t)(line * b->width + across / g->stride - b->before);
                    uint32_t *key = at + class * channels - (x * g->channels + from);
                    for (uint32_t i = pixel[0]; i < pixel[1]; i++) {
                        if (!pass) key[list->entry[i] + 1]++;
                        else {
                            const uint32_t to_place = key[list->entry[i]]++;
                            sorted->place[to_place] = place;
                            sorted->value[to_place] = list->value[i];
                        }
                    }
                }
        if (!pass)
            for (int64_t key = 0; key < keys; key++) at[key + 1] += at[key];
    }
}

static const float NO_GRADIENT[WIDEST_TILE];

/* The gradient of one band for outputs output..output + tile, in parts of `width` numbers a pixel, `apart` numbers from
 * one part to the next. */
FOR_EVERY_PROCESSOR
static void pack_grad(
    const Gather *g, const Band *b, int64_t image, int64_t output, int64_t tile, int64_t width, int64_t apart,
    float *room, float *packed
) {
    const int64_t n = at_most(tile, g->outputs - output);
    memset(room, 0, sizeof(float) * WIDEST_TILE);
    for (int64_t at = 0; at < b->images * b->height; at++) {
        const int64_t y = b->above + at % b->height, row = (image + at / b->height) * g->out_height + y;
        for (int64_t column = 0; column < b->width; column++, packed += width) {
            const int64_t x = b->before + column, from = (row * g->out_width + x) * g->outputs + output;
            const int inside = y >= 0 && y < g->out_height && x >= 0 && x < g->out_width;
            const float *numbers = inside ? floats(g->grad, from, n, g->is_narrow, room) : NO_GRADIENT;
            if (n < tile && numbers != NO_GRADIENT && numbers != room) {
                memcpy(room, numbers, sizeof(float) * (size_t)n);
                numbers = room;
            }
            for (int64_t part = 0; part * width < tile; part++)
                for (int64_t i = 0; i < width; i += LANES)
                    *(Lanes *)(packed + part * apart + i) = *(const Lanes *)(numbers + part * width + i);
        }
    }
}

/* Adds to the rows of `taps` taps, LANES * wide numbers each, the gradients around every place. */
INLINE void add_around(
    const Sorted *s, uint32_t first, uint32_t last, const float *packed, const int64_t *back, float *const *row,
    int taps, int wide, int is_binary
) {
    Lanes sum[MOST_TAPS * 2] = {{0}};
    int64_t away[MOST_TAPS];
    for (int t = 0; t < taps; t++) away[t] = back[t];
    for (uint32_t i = first; i < last; i++) {
        const float *here = packed + (int64_t)s->place[i] * (wide * LANES), value = s->value[i];
#pragma GCC unroll 9
        for (int t = 0; t < taps; t++) add_row(here - away[t], value, wide, is_binary, 0, sum + t * wide);
    }
    for (int t = 0; t < taps; t++)
        for (int v = 0; v < wide; v++) *(Lanes *)(row[t] + v * LANES) += sum[t * wide + v];
}

#define AROUND(taps, wide) \
    do { \
        if (is_binary) add_around(s, first, last, packed, back, row, taps, wide, 1); \
        else add_around(s, first, last, packed, back, row, taps, wide, 0); \
    } while (0)

/* As many taps, and numbers of each, as stay in registers at once. */
static int64_t taps_at_once(int64_t left) { return left >= MOST_TAPS ? MOST_TAPS : left >= 4 ? 4 : 1; }

FOR_EVERY_PROCESSOR
static void around(
    const Sorted *s, uint32_t first, uint32_t last, const float *packed, const int64_t *back, float *const *row,
    int64_t taps, int64_t width, int is_binary
) {
    if (taps == 9 && width == 32) AROUND(9, 2);
    else if (taps == 9) AROUND(9, 1);
    else if (taps == 4 && width == 64) AROUND(4, 4);
    else if (taps == 4 && width == 32) AROUND(4, 2);
    else if (taps == 4) AROUND(4, 1);
    else if (width == 64) AROUND(1, 4);
    else if (width == 32) AROUND(1, 2);
    else AROUND(1, 1);
}

enum { MOST_OF_A_CLASS = 1 << 10 };

/* One class of pixels, for `width` numbers of a tile: the gradient of rows from..to of its taps. `weight` is that of the
 * tile, from the first of these numbers on. */
static void class_back(
    const Gather *g, const Band *b, const Sorted *s, int64_t class, int64_t from, int64_t to, const float *packed,
    int64_t width, float *weight, int64_t tile, int is_binary
) {
    int64_t back[MOST_OF_A_CLASS], tap[MOST_OF_A_CLASS], taps = 0, at_once;
    for (int64_t y = class / g->stride; y < g->rows; y += g->stride)
        for (int64_t x = class % g->stride; x < g->columns; x += g->stride) {
            back[taps] = (y / g->stride * b->width + x / g->stride) * width;
            tap[taps++] = y * g->columns + x;
        }
    for (int64_t channel = from; channel < to; channel++) {
        const uint32_t *key = s->first + class * (to - from) + channel - from;
        if (key[0] == key[1]) continue;
        for (int64_t t = 0; t < taps; t += at_once) {
            float *row[MOST_TAPS];
            at_once = taps_at_once(taps - t);
            for (int64_t i = 0; i < at_once; i++) row[i] = weight + (tap[t + i] * g->channels + channel) * tile;
            around(s, key[0], key[1], packed, back + t, row, at_once, width, is_binary);
        }
    }
}

/* Numbers of a pixel of the gradient that are packed side by side: as many as stay in registers for all taps. */
static int64_t width_of(const Gather *g, int64_t tile) {
    const int64_t taps = ((g->rows - 1) / g->stride + 1) * ((g->columns - 1) / g->stride + 1);
    return at_most(tile, taps >= MOST_TAPS ? 32 : 64);
}

/* Rows of a band: as many whole images, or as many rows of one, as BAND holds of the gradient. */
static Band largest_band(const Gather *g) {
    const int64_t width = width_of(g, tile_of(g->outputs));
    Band whole = band_of(g, 1, 0, g->height);
    int64_t rows = g->height;
    whole.images = at_most(g->images, BAND / (whole.height * whole.width * width));
    if (whole.images) return whole;
    while (rows > g->stride && (rows / g->stride + whole.reach_y + 1) * whole.width * width > BAND) rows -= g->stride;
    return band_of(g, 1, 0, rows);
}

static void band_back(
    const Gather *g, const Band *b, int64_t image, int64_t from, int64_t to, List *list, Sorted *sorted, float *room,
    float *packed
) {
    const int64_t first = image * g->height + b->first_row;
    float *weight = g->out;
    fill_list(g, first, first + (b->images - 1) * g->height + b->rows, from, to, room, list);
    sort_list(g, b, list, from, to, sorted);
    for (int64_t output = 0, tile; output < g->outputs; output += tile) {
        tile = tile_of(g->outputs - output);
        const int64_t width = width_of(g, tile), apart = b->images * b->height * b->width * width;
        pack_grad(g, b, image, output, tile, width, apart, room, packed);
        for (int64_t part = 0; part * width < tile; part++)
            for (int64_t class = 0; class < g->stride * g->stride; class++)
                class_back(
                    g, b, sorted, class, from, to, packed + part * apart, width, weight + part * width, tile,
                    list->is_binary
                );
        weight += g->rows * g->columns * g->channels * tile;
    }
}

static void *backward_portion(void *given) {
    Portion *p = given;
    const Gather *g = p->call;
    const Band most = largest_band(g);
    const int64_t channels = p->last - p->first, rows = most.images * most.rows, numbers = rows * g->width * channels;
    /* one row more than the first band has: where a stride begins depends on the band */
    const int64_t size = most.images * (most.height + 1) * most.width * tile_of(g->outputs);
    float *packed = malloc(sizeof(float) * (size_t)size);
    float *room = malloc(sizeof(float) * (size_t)at_least(channels, WIDEST_TILE));
    List list;
    Sorted sorted;
    sorted.first = malloc(sizeof(uint32_t) * (size_t)(g->stride * g->stride * channels + 2));
    sorted.place = malloc(sizeof(uint32_t) * (size_t)at_least(1, numbers));
    sorted.value = malloc(sizeof(float) * (size_t)at_least(1, numbers));
    const int made = make_list(g, rows, &list) && sorted.first && sorted.place && sorted.value && packed && room;
    p->failed = made ? DONE : NO_MEMORY;
    for (int64_t image = 0; image < g->images && !p->failed; image += most.images)
        for (int64_t row = 0; row < g->height; row += most.rows) {
            const Band band = band_of(
                g, at_most(most.images, g->images - image), row, at_most(most.rows, g->height - row)
            );
            band_back(g, &band, image, p->first, p->last, &list, &sorted, room, packed);
        }
    free_list(&list);
    free(sorted.first);
    free(sorted.place);
    free(sorted.value);
    free(packed);
    free(room);
    return NULL;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

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

/* Adds the gradient of the weight to `out`. 0, NO_MEMORY, or NOT_FINITE where zeros would hide a gradient of infinity. */
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

/* So that tests catch a library built from other text than this; 0 where the compiler knows no vectors. */
EXPORT int colliculus_size_of_gather(void) { return (int)sizeof(Gather); }
#else
EXPORT int colliculus_size_of_gather(void) { return 0; }
#endif

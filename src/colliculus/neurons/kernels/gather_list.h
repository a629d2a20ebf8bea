/* Calls of gather.c, rows of tiles, and lists of the numbers that are not zero. */
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
 * half as much to read, one vector holds two: the lower halves are the first LANES numbers and the upper halves the next,
 * so that a shift and a mask widen them. */
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

#if defined(__x86_64__) && !defined(COLLICULUS_PORTABLE)
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
#if defined(__x86_64__) && !defined(COLLICULUS_PORTABLE)
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

/* The way back of gather.c: for each channel and tap, sums of the gradients around the entries of a list. */
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

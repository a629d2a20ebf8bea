/* The way forward of gather.c: sums of the rows of the weight that the entries of a list stand for. */
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

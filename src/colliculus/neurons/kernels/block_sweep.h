/* Forward and backward over one share of the images. block.c includes this once for each type of number in memory:
 * VALUE lies there, LOAD and STORE go from it to float and back. */

FOR_EVERY_PROCESSOR
static void NAME(normalise)(
    const VALUE *restrict value, const float *restrict scale, const float *restrict shift, float *restrict current, int64_t n
) {
    for (int64_t i = 0; i < n; i++) current[i] = LOAD(value[i]) * scale[i] + shift[i];
}

FOR_EVERY_PROCESSOR
static void NAME(write_spikes)(const uint8_t *restrict spikes, VALUE *restrict out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = spikes[i] ? STORE(1.0f) : STORE(0.0f);
}

/* Loops over the channels of one place. A small stem has 8: with this number known they are one vector, and without it
 * single numbers, because loops over vectors begin at 16. */
INLINE void NAME(write_any_of)(
    const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c, VALUE *restrict out, int64_t n
) {
    for (int64_t i = 0; i < n; i++) out[i] = (a[i] | b[i] | c[i]) ? STORE(1.0f) : STORE(0.0f);
}

FOR_EVERY_PROCESSOR
static void NAME(write_any)(
    const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c, VALUE *restrict out, int64_t n
) {
    if (n == 8) NAME(write_any_of)(a, b, c, out, 8);
    else NAME(write_any_of)(a, b, c, out, n);
}

FOR_EVERY_PROCESSOR
static void NAME(read)(const VALUE *restrict values, float *restrict out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = LOAD(values[i]);
}

INLINE void NAME(take_of)(
    const VALUE *restrict grad, const uint8_t *restrict spikes, uint8_t *restrict open, float *restrict out, int64_t n
) {
    for (int64_t c = 0; c < n; c++) {
        out[c] += (float)(spikes[c] & open[c]) * LOAD(grad[c]);
        open[c] &= (uint8_t)(1 ^ spikes[c]);
    }
}

/* The gradient of a window goes where its maximum is met; and what is still open in the end, to the first place. */
FOR_EVERY_PROCESSOR
static void NAME(take)(
    const VALUE *restrict grad, const uint8_t *restrict spikes, uint8_t *restrict open, float *restrict out, int64_t n
) {
    if (n == 8) NAME(take_of)(grad, spikes, open, out, 8);
    else NAME(take_of)(grad, spikes, open, out, n);
}

FOR_EVERY_PROCESSOR
static void NAME(take_open)(const VALUE *restrict grad, const uint8_t *restrict open, float *restrict out, int64_t n) {
    for (int64_t c = 0; c < n; c++) out[c] += (float)open[c] * LOAD(grad[c]);
}

FOR_EVERY_PROCESSOR
static void NAME(write_and_sum)(
    const float *restrict d, const VALUE *restrict value, const float *restrict mean, VALUE *restrict out,
    float *restrict sum, float *restrict product, int64_t n
) {
    for (int64_t i = 0; i < n; i++) {
        out[i] = STORE(d[i]);
        sum[i] += d[i];
        product[i] += d[i] * (LOAD(value[i]) - mean[i]);
    }
}

/* Currents of all steps of one strip, a strip apart; one row where they stand still. */
static void NAME(currents)(
    const Block *b, int64_t image, int64_t at, int64_t n, const float *scale, const float *shift, float *out
) {
    const int64_t size = b->height * b->width * b->channels;
    for (int64_t t = 0; t < (b->neuron.is_static ? 1 : b->neuron.steps); t++)
        NAME(normalise)((const VALUE *)b->values + (t * b->images + image) * size + at, scale, shift, out + t * STRIP, n);
}

/* Spikes of one image as bytes (steps, height * width * channels). */
static void NAME(spikes)(
    const Block *b, int64_t image, const float *scale, const float *shift, float *scratch, uint8_t *spikes
) {
    const int64_t size = b->height * b->width * b->channels, strip = strip_of(b->channels);
    float *membrane = scratch, *current = scratch + STRIP;
    for (int64_t at = 0; at < size; at += strip) {
        const int64_t n = size - at < strip ? size - at : strip;
        NAME(currents)(b, image, at, n, scale, shift, current);
        float *kept = b->membrane ? b->membrane + image * size + at : NULL;
        if (kept) memcpy(membrane, kept, sizeof(float) * (size_t)n);
        else memset(membrane, 0, sizeof(float) * STRIP);
        for (int64_t t = 0; t < b->neuron.steps; t++)
            fire_bytes(&b->neuron, current + (b->neuron.is_static ? 0 : t * STRIP), spikes + t * size + at, membrane, n);
        if (kept) memcpy(kept, membrane, sizeof(float) * (size_t)n);
    }
}

/* Windows of 3 by 3, two apart, padded by one; `row` has room for a row of bytes. */
static void NAME(pool)(const Block *b, const uint8_t *spikes, uint8_t *row, VALUE *out) {
    const int64_t channels = b->channels, line = b->width * channels;
    for (int64_t y = 0; y < halved(b->height); y++) {
        const uint8_t *middle = spikes + 2 * y * line;
        any_of(y ? middle - line : middle, middle, 2 * y + 1 < b->height ? middle + line : middle, row, line);
        for (int64_t x = 0; x < halved(b->width); x++, out += channels) {
            const uint8_t *at = row + 2 * x * channels;
            NAME(write_any)(x ? at - channels : at, at, 2 * x + 1 < b->width ? at + channels : at, out, channels);
        }
    }
}

static void NAME(forward)(Part *part) {
    const Block *b = part->block;
    const int64_t size = b->height * b->width * b->channels, steps = b->neuron.steps;
    const int64_t given = b->pooled ? halved(b->height) * halved(b->width) * b->channels : size;
    float scale[STRIP], shift[STRIP];
    float *scratch = malloc(sizeof(float) * (size_t)(STRIP * (steps + 1)));
    uint8_t *spikes = malloc((size_t)(steps * size + b->width * b->channels));
    part->failed = !scratch || !spikes;
    tile(b->scale, b->channels, scale);
    tile(b->shift, b->channels, shift);
    for (int64_t image = part->first; image < part->last && !part->failed; image++) {
        NAME(spikes)(b, image, scale, shift, scratch, spikes);
        for (int64_t t = 0; t < steps; t++) {
            VALUE *out = (VALUE *)b->spikes + (t * b->images + image) * given;
            if (b->pooled) NAME(pool)(b, spikes + t * size, spikes + steps * size, out);
            else NAME(write_spikes)(spikes + t * size, out, size);
        }
    }
    free(scratch);
    free(spikes);
}

/* One window's gradient to those of its places that lie in rows first..last, which `out` holds. */
static void NAME(unpool_window)(
    const Block *b, const uint8_t *spikes, const VALUE *grad, int64_t y, int64_t x, int64_t first, int64_t last,
    uint8_t *open, float *out
) {
    const int64_t channels = b->channels;
    float *first_place = NULL;
    int met = 0;
    memset(open, 1, (size_t)channels);
    for (int64_t i = 2 * y - 1; i <= 2 * y + 1; i++)
        for (int64_t j = 2 * x - 1; j <= 2 * x + 1; j++) {
            if (i < 0 || i >= b->height || j < 0 || j >= b->width) continue;
            float *place = i >= first && i < last ? out + ((i - first) * b->width + j) * channels : NULL;
            const uint8_t *fired = spikes + (i * b->width + j) * channels;
            if (!met++) first_place = place;
            if (place) NAME(take)(grad, fired, open, place, channels);
            else close_at(fired, open, channels);
        }
    if (first_place) NAME(take_open)(grad, open, first_place, channels);
}

static void NAME(unpool)(
    const Block *b, const uint8_t *spikes, const VALUE *grad, int64_t first, int64_t last, uint8_t *open, float *out
) {
    const int64_t across = halved(b->width);
    memset(out, 0, sizeof(float) * (size_t)((last - first) * b->width * b->channels));
    for (int64_t y = first / 2; y < halved(b->height) && 2 * y - 1 < last; y++)
        for (int64_t x = 0; x < across; x++)
            NAME(unpool_window)(b, spikes, grad + (y * across + x) * b->channels, y, x, first, last, open, out);
}

/* The way back of one band of rows of one image. */
static void NAME(band_back)(
    Part *part, int64_t image, int64_t first, int64_t last, const uint8_t *spikes, float *band, float *scratch,
    float (*tiles)[STRIP]
) {
    const Block *b = part->block;
    const Call *c = &b->neuron;
    const int64_t line = b->width * b->channels, size = b->height * line, rows = c->is_static ? 1 : c->steps;
    const int64_t given = b->pooled ? halved(b->height) * halved(b->width) * b->channels : size;
    float *current = scratch, *out = current + rows * STRIP, *rest = out + rows * STRIP;
    for (int64_t t = 0; t < c->steps; t++) {
        const VALUE *grad = (const VALUE *)b->grad_spikes + (t * b->images + image) * given;
        float *to = band + t * BAND * line;
        if (b->pooled) NAME(unpool)(b, spikes + t * size, grad, first, last, (uint8_t *)spikes + c->steps * size, to);
        else NAME(read)(grad + first * line, to, (last - first) * line);
    }
    for (int64_t at = 0; at < (last - first) * line; at += strip_of(b->channels)) {
        const int64_t left = (last - first) * line - at, n = left < strip_of(b->channels) ? left : strip_of(b->channels);
        NAME(currents)(b, image, first * line + at, n, tiles[0], tiles[1], current);
        neuron_back(c, current, band + at, BAND * line, out, n, rest);
        for (int64_t t = 0; t < rows; t++) {
            const int64_t place = (t * b->images + image) * size + first * line + at;
            NAME(write_and_sum)(
                out + t * STRIP, (const VALUE *)b->values + place, tiles[2], (VALUE *)b->grad_currents + place, tiles[3],
                tiles[4], n
            );
        }
    }
    fold(b->channels, tiles[3], tiles[4], part->sums);
}

static void NAME(backward)(Part *part) {
    const Block *b = part->block;
    const int64_t line = b->width * b->channels, steps = b->neuron.steps;
    float tiles[5][STRIP] = {{0}}; /* scale, shift, mean; sums of the gradient, and of it times the value */
    float *scratch = malloc(sizeof(float) * (size_t)(STRIP * (3 + 3 * steps)));
    float *band = malloc(sizeof(float) * (size_t)(steps * BAND * line));
    uint8_t *spikes = malloc((size_t)(b->pooled ? steps * b->height * line + b->channels : 1));
    part->failed = !scratch || !band || !spikes;
    tile(b->scale, b->channels, tiles[0]);
    tile(b->shift, b->channels, tiles[1]);
    tile(b->mean, b->channels, tiles[2]);
    for (int64_t image = part->first; image < part->last && !part->failed; image++) {
        if (b->pooled) NAME(spikes)(b, image, tiles[0], tiles[1], scratch, spikes);
        for (int64_t first = 0; first < b->height; first += BAND) {
            const int64_t last = first + BAND < b->height ? first + BAND : b->height;
            NAME(band_back)(part, image, first, last, spikes, band, scratch, tiles);
        }
    }
    free(scratch);
    free(band);
    free(spikes);
}

FOR_EVERY_PROCESSOR
static void NAME(add_moments)(
    const VALUE *restrict value, const float *restrict pivot, float *restrict sum, float *restrict square, int64_t n
) {
    for (int64_t i = 0; i < n; i++) {
        float x = LOAD(value[i]) - pivot[i];
        sum[i] += x;
        square[i] += x * x;
    }
}

static void NAME(moments)(const VALUE *values, int64_t rows, int64_t channels, double *sums) {
    const int64_t strip = strip_of(channels), total = rows * channels;
    float first[STRIP], pivot[STRIP], sum[STRIP] = {0}, square[STRIP] = {0};
    int64_t done = 0;
    NAME(read)(values, first, channels);
    tile(first, channels, pivot);
    for (int64_t at = 0; at < total; at += strip) {
        NAME(add_moments)(values + at, pivot, sum, square, total - at < strip ? total - at : strip);
        if (++done % 64 == 0 || at + strip >= total) fold(channels, sum, square, sums); /* single precision is short */
    }
}

FOR_EVERY_PROCESSOR
static void NAME(mix)(
    const VALUE *restrict value, VALUE *restrict grad, const float *restrict a, const float *restrict b,
    const float *restrict c, int64_t n
) {
    for (int64_t i = 0; i < n; i++) grad[i] = STORE(LOAD(grad[i]) * a[i] + LOAD(value[i]) * b[i] + c[i]);
}

static void NAME(through_norm)(
    const VALUE *values, VALUE *grad, int64_t rows, int64_t channels, const float *a, const float *b, const float *c
) {
    const int64_t strip = strip_of(channels), total = rows * channels;
    for (int64_t at = 0; at < total; at += strip)
        NAME(mix)(values + at, grad + at, a, b, c, total - at < strip ? total - at : strip);
}

#undef VALUE
#undef NAME
#undef LOAD
#undef STORE

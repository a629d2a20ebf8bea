/* Forward and backward of the graded neuron over one share of the columns. graded.c includes this once for each type of
 * number; the macros are those of native_strip.h. */

typedef struct {
    REAL decay, step, per_step, levels;
} NAME(Options);

static NAME(Options) NAME(options)(const Call *c) {
    NAME(Options) o = {(REAL)c->leak, (REAL)c->threshold, (REAL)(1 / c->threshold), (REAL)c->shape};
    return o;
}

INLINE REAL NAME(integrate)(REAL left, REAL current, NAME(Options) o) { return left * o.decay + current; }

/* step * clip(round(v / step), 0, levels), a half rounded up. */
INLINE REAL NAME(spike)(REAL v, NAME(Options) o) {
    REAL u = v * o.per_step, whole = FLOOR(u), level = whole + (u - whole >= (REAL)0.5 ? (REAL)1 : (REAL)0);
    level = level < 0 ? (REAL)0 : level > o.levels ? o.levels : level;
    return level * o.step;
}

/* 1 where the gradient passes straight through. */
INLINE REAL NAME(inside)(REAL v, NAME(Options) o) {
    REAL u = v * o.per_step;
    return u >= 0 && u <= o.levels ? (REAL)1 : (REAL)0;
}

FOR_EVERY_PROCESSOR
static void NAME(fire)(
    const STORED *restrict current, STORED *restrict spikes, REAL *restrict left, int64_t n, NAME(Options) o
) {
    for (int64_t i = 0; i < n; i++) {
        REAL v = NAME(integrate)(left[i], LOAD(current[i]), o), s = NAME(spike)(v, o);
        spikes[i] = STORE(s);
        left[i] = v - s;
    }
}

static int NAME(forward)(Share *share) {
    const Call *c = share->call;
    const NAME(Options) o = NAME(options)(c);
    REAL left[WIDEST];
    for (int64_t at = share->first; at < share->last; at += WIDEST) {
        const int64_t n = share->last - at < WIDEST ? share->last - at : WIDEST;
        REAL *kept = c->membrane ? (REAL *)c->membrane + at : NULL;
        if (kept) memcpy(left, kept, sizeof(REAL) * (size_t)n);
        else memset(left, 0, sizeof left);
        for (int64_t t = 0; t < c->steps; t++)
            NAME(fire)(
                (const STORED *)c->currents + (c->is_static ? 0 : t * c->n) + at, (STORED *)c->out + t * c->n + at,
                left, n, o
            );
        if (kept) memcpy(kept, left, sizeof(REAL) * (size_t)n);
    }
    return 0;
}

/* One step on: whether the gradient passes, and the membrane that is left. */
FOR_EVERY_PROCESSOR
static void NAME(follow)(
    const STORED *restrict current, REAL *restrict left, REAL *restrict inside, int64_t n, NAME(Options) o
) {
    for (int64_t i = 0; i < n; i++) {
        REAL v = NAME(integrate)(left[i], LOAD(current[i]), o);
        inside[i] = NAME(inside)(v, o);
        left[i] = v - NAME(spike)(v, o);
    }
}

/* One step back: d = dL/dv; `later` comes with what the steps after this one want of the membrane that the reset left,
 * and goes with what this one wants. `through` and `detach` are 0 or 1. */
FOR_EVERY_PROCESSOR
static void NAME(back)(
    const STORED *restrict grad, const REAL *restrict inside, REAL *restrict later, REAL *restrict d, int64_t n,
    REAL decay, REAL through, int detach
) {
    for (int64_t i = 0; i < n; i++) {
        REAL kept = detach ? (REAL)1 : 1 - inside[i];
        d[i] = LOAD(grad[i]) * inside[i] + later[i] * kept;
        later[i] = d[i] * decay * through;
    }
}

FOR_EVERY_PROCESSOR
static void NAME(add)(const REAL *restrict d, REAL *restrict sum, int64_t n) {
    for (int64_t i = 0; i < n; i++) sum[i] += d[i];
}

FOR_EVERY_PROCESSOR
static void NAME(write)(const REAL *restrict d, STORED *restrict out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = STORE(d[i]);
}

static int NAME(backward)(Share *share) {
    const Call *c = share->call;
    const NAME(Options) o = NAME(options)(c);
    const int64_t stride = c->is_static ? 0 : c->n;
    int64_t width = 32768 / c->steps / 64 * 64;
    width = width > WIDEST ? WIDEST : width < 64 ? 64 : width;
    REAL *scratch = malloc(sizeof(REAL) * (size_t)(width * (c->steps + 4)));
    if (!scratch) return 1;
    REAL *left = scratch, *later = left + width, *sum = later + width, *d = sum + width, *inside = d + width;
    for (int64_t at = share->first; at < share->last; at += width) {
        const int64_t n = share->last - at < width ? share->last - at : width;
        STORED *out = (STORED *)c->out + at;
        memset(scratch, 0, sizeof(REAL) * (size_t)(width * 3));
        for (int64_t t = 0; t < c->steps; t++)
            NAME(follow)((const STORED *)c->currents + at + t * stride, left, inside + t * width, n, o);
        for (int64_t t = c->steps - 1; t >= 0; t--) {
            const STORED *grad = (const STORED *)c->grad_spikes + at + t * c->n;
            NAME(back)(grad, inside + t * width, later, d, n, o.decay, (REAL)c->temporal_gradient, c->detach_reset);
            if (c->is_static) NAME(add)(d, sum, n);
            else NAME(write)(d, out + t * stride, n);
        }
        if (c->is_static) NAME(write)(sum, out, n);
    }
    free(scratch);
    return 0;
}

#undef REAL
#undef STORED
#undef NAME
#undef LOAD
#undef STORE
#undef FLOOR

/* Forward and backward over one share of the columns. native.c includes this once for each type of number:
 * REAL computes, STORED lies in memory, LOAD and STORE go from one to the other. */

enum { NAME(WIDEST) = 4096 }; /* columns of a strip: 16 KiB of membranes in single precision */

INLINE REAL NAME(integrate)(REAL v, REAL current, REAL leak) { return v + (current - v) * leak; }

INLINE REAL NAME(after_reset)(REAL v, REAL threshold, int soft) {
    REAL kept = soft ? v - threshold : (REAL)0;
    return v >= threshold ? kept : v;
}

/* A row is worked on in bits, and meanwhile the same bits of the row that comes next are asked for: the processor's own
 * foresight ends with the page, and the rows lie far apart. `ahead` leads from one to the other, 0 where none comes. */
enum { NAME(BIT) = 64 };

INLINE void NAME(fetch)(const STORED *row) {
    for (size_t i = 0; i < NAME(BIT); i += 64 / sizeof(STORED)) FETCH(row + i);
}

#define IN_BITS(j, length) \
    for (int64_t j = 0, length; length = n - j < NAME(BIT) ? n - j : NAME(BIT), j < n; j += NAME(BIT))

/* The surrogate derivative at x = v - threshold; `which` is a constant wherever this is inlined. */
INLINE REAL NAME(bump)(int which, REAL x, REAL shape) {
    if (which == SIGMOID) {
        REAL e = TWO_TO_MINUS(ABSOLUTE(x * (shape * (REAL)1.44269504088896340736))), d = 1 + e;
        return shape * e / (d * d);
    }
    if (which == ATAN) {
        REAL y = (REAL)1.57079632679489661923 * shape * x;
        return shape / 2 / (1 + y * y);
    }
    if (which == TRIANGLE) {
        REAL y = 1 - ABSOLUTE(x) / shape;
        return (y < 0 ? 0 : y) / shape;
    }
    return (ABSOLUTE(x) < shape / 2 ? 1 : (REAL)0) / shape;
}

FOR_EVERY_PROCESSOR
static void NAME(fire)(
    const STORED *restrict current, STORED *restrict spikes, REAL *restrict membrane, int64_t n, REAL leak,
    REAL threshold, int soft, int is_static, int64_t ahead
) {
    IN_BITS(j, length) {
        NAME(fetch)(current + (is_static ? 0 : ahead) + j);
        NAME(fetch)(spikes + ahead + j);
        for (int64_t i = j; i < j + length; i++) {
            REAL v = NAME(integrate)(membrane[i], LOAD(current[i]), leak);
            spikes[i] = v >= threshold ? STORE((REAL)1) : STORE((REAL)0);
            membrane[i] = NAME(after_reset)(v, threshold, soft);
        }
    }
}

static int NAME(forward)(Share *share) {
    const Call *c = share->call;
    REAL membrane[NAME(WIDEST)];
    for (int64_t at = share->first; at < share->last; at += NAME(WIDEST)) {
        int64_t n = share->last - at < NAME(WIDEST) ? share->last - at : NAME(WIDEST);
        REAL *kept = c->membrane ? (REAL *)c->membrane + at : NULL;
        if (kept) memcpy(membrane, kept, sizeof(REAL) * (size_t)n);
        else memset(membrane, 0, sizeof membrane);
        for (int64_t t = 0; t < c->steps; t++)
            NAME(fire)(
                (const STORED *)c->currents + (c->is_static ? 0 : t * c->n) + at, (STORED *)c->out + t * c->n + at,
                membrane, n, (REAL)c->leak, (REAL)c->threshold, c->soft_reset,
                c->is_static, t + 1 < c->steps ? c->n : 0
            );
        if (kept) memcpy(kept, membrane, sizeof(REAL) * (size_t)n);
    }
    return 0;
}

/* One step without gradient from later ones: d = dL/dv, and the membrane moves on. `direct`: writes d * leak to `out`. */
INLINE void NAME(step_alone)(
    int which, int direct, const Call *c, const STORED *restrict current, const STORED *restrict grad,
    REAL *restrict membrane, REAL *restrict d, STORED *restrict out, int64_t n
) {
    const REAL leak = (REAL)c->leak, threshold = (REAL)c->threshold, shape = (REAL)c->shape;
    const int soft = c->soft_reset;
    for (int64_t i = 0; i < n; i++) {
        REAL v = NAME(integrate)(membrane[i], LOAD(current[i]), leak);
        REAL of_v = LOAD(grad[i]) * NAME(bump)(which, v - threshold, shape);
        if (direct) out[i] = STORE(of_v * leak);
        else d[i] = of_v;
        membrane[i] = NAME(after_reset)(v, threshold, soft);
    }
}

/* One step on the way back: d = dL/dv; `later` comes with what the steps after this one want of the membrane that the
 * reset left, and goes with what this one wants. */
INLINE void NAME(step_back)(
    int which, int direct, const Call *c, const STORED *restrict grad, const REAL *restrict v, REAL *restrict later,
    REAL *restrict d, STORED *restrict out, int64_t n
) {
    const REAL leak = (REAL)c->leak, threshold = (REAL)c->threshold, shape = (REAL)c->shape;
    const REAL lost = c->soft_reset ? 0 : 1;                             /* share of v that a spike takes away */
    const REAL through_v = c->detach_reset || c->soft_reset ? 0 : 1;     /* d(after the reset)/ds is -v, */
    const REAL constant = !c->detach_reset && c->soft_reset ? threshold : 0; /* or -threshold, or not looked at */
    for (int64_t i = 0; i < n; i++) {
        REAL b = NAME(bump)(which, v[i] - threshold, shape), kept = v[i] >= threshold ? 1 - lost : (REAL)1;
        REAL of_v = LOAD(grad[i]) * b + later[i] * (kept - b * (through_v * v[i] + constant));
        if (direct) out[i] = STORE(of_v * leak);
        else d[i] = of_v;
        later[i] = of_v - of_v * leak;
    }
}

#define EACH_BUMP(which, direct, step) \
    switch (which + (direct ? 4 : 0)) { \
    case SIGMOID: step(SIGMOID, 0); break; \
    case ATAN: step(ATAN, 0); break; \
    case TRIANGLE: step(TRIANGLE, 0); break; \
    case RECTANGLE: step(RECTANGLE, 0); break; \
    case 4 + SIGMOID: step(SIGMOID, 1); break; \
    case 4 + ATAN: step(ATAN, 1); break; \
    case 4 + TRIANGLE: step(TRIANGLE, 1); break; \
    default: step(RECTANGLE, 1); \
    }

FOR_EVERY_PROCESSOR
static void NAME(alone)(
    const Call *c, int direct, const STORED *restrict current, const STORED *restrict grad, REAL *restrict membrane,
    REAL *restrict d, STORED *restrict out, int64_t n, int64_t ahead
) {
#define STEP(which, direct) IN_BITS(j, length) { \
        NAME(fetch)(current + (c->is_static ? 0 : ahead) + j); \
        NAME(fetch)(grad + ahead + j); \
        NAME(fetch)(out + (direct ? ahead : 0) + j); \
        NAME(step_alone)(which, direct, c, current + j, grad + j, membrane + j, d + j, out + j, length); \
    }
    EACH_BUMP(c->surrogate, direct, STEP)
#undef STEP
}

FOR_EVERY_PROCESSOR
static void NAME(back)(
    const Call *c, int direct, const STORED *restrict grad, const REAL *restrict v, REAL *restrict later,
    REAL *restrict d, STORED *restrict out, int64_t n, int64_t ahead
) {
#define STEP(which, direct) IN_BITS(j, length) { \
        NAME(fetch)(grad + ahead + j); \
        NAME(fetch)(out + (direct ? ahead : 0) + j); \
        NAME(step_back)(which, direct, c, grad + j, v + j, later + j, d + j, out + j, length); \
    }
    EACH_BUMP(c->surrogate, direct, STEP)
#undef STEP
}

/* The membranes of one step after the integration, for the way back; and before it, where the leak is learned. */
FOR_EVERY_PROCESSOR
static void NAME(follow)(
    const Call *c, const STORED *restrict current, REAL *restrict membrane, REAL *restrict v, int64_t n, int64_t ahead
) {
    const REAL leak = (REAL)c->leak, threshold = (REAL)c->threshold;
    const int soft = c->soft_reset;
    IN_BITS(j, length) {
        NAME(fetch)(current + ahead + j);
        for (int64_t i = j; i < j + length; i++) {
            v[i] = NAME(integrate)(membrane[i], LOAD(current[i]), leak);
            membrane[i] = NAME(after_reset)(v[i], threshold, soft);
        }
    }
}

FOR_EVERY_PROCESSOR
static void NAME(reset_row)(const Call *c, const REAL *restrict v, REAL *restrict after, int64_t n) {
    for (int64_t i = 0; i < n; i++) after[i] = NAME(after_reset)(v[i], (REAL)c->threshold, c->soft_reset);
}

/* dL/dleak = sum of d * (I - v before). */
FOR_EVERY_PROCESSOR
static void NAME(add_leak)(
    const STORED *restrict current, const REAL *restrict before, const REAL *restrict d, REAL *restrict leak_sum,
    int64_t n
) {
    for (int64_t i = 0; i < n; i++) leak_sum[i] += d[i] * (LOAD(current[i]) - before[i]);
}

/* dL/dI = d * leak: written where every step has a row of its own, added up where all share one. */
FOR_EVERY_PROCESSOR
static void NAME(emit)(
    const REAL *restrict d, REAL *restrict sum, STORED *restrict out, REAL leak, int adds, int64_t n
) {
    if (adds)
        for (int64_t i = 0; i < n; i++) sum[i] += d[i] * leak;
    else
        for (int64_t i = 0; i < n; i++) out[i] = STORE(d[i] * leak);
}

static int NAME(backward)(Share *share) {
    const Call *c = share->call;
    const int direct = !c->is_static && !c->wants_leak;
    const int64_t kept = c->temporal_gradient ? c->steps : 0, stride = c->is_static ? 0 : c->n;
    int64_t width = 32768 / (kept + 1) / 64 * 64;
    width = width > NAME(WIDEST) ? NAME(WIDEST) : width < 64 ? 64 : width;
    REAL *scratch = malloc(sizeof(REAL) * (size_t)(width * (kept + 6)));
    if (!scratch) return 1;
    REAL *membrane = scratch, *before = membrane + width, *d = before + width, *later = d + width;
    REAL *sum = later + width, *leak_sum = sum + width, *v = leak_sum + width;
    for (int64_t at = share->first; at < share->last; at += width) {
        const int64_t n = share->last - at < width ? share->last - at : width;
        const STORED *currents = (const STORED *)c->currents + at, *grads = (const STORED *)c->grad_spikes + at;
        STORED *out = (STORED *)c->out + at;
        memset(scratch, 0, sizeof(REAL) * (size_t)(width * 6));
        for (int64_t t = 0; t < kept; t++)
            NAME(follow)(c, currents + t * stride, membrane, v + t * width, n, t + 1 < kept ? stride : 0);
        for (int64_t step = 0; step < c->steps; step++) {
            const int64_t t = kept ? c->steps - 1 - step : step;
            const STORED *grad = grads + t * c->n;
            if (kept) {
                if (c->wants_leak && t) NAME(reset_row)(c, v + (t - 1) * width, before, n);
                else memset(before, 0, sizeof(REAL) * (size_t)n);
                NAME(back)(c, direct, grad, v + t * width, later, d, out + t * stride, n, t ? -c->n : 0);
            } else {
                if (c->wants_leak) memcpy(before, membrane, sizeof(REAL) * (size_t)n);
                const int64_t ahead = t + 1 < c->steps ? c->n : 0;
                NAME(alone)(c, direct, currents + t * stride, grad, membrane, d, out + t * stride, n, ahead);
            }
            if (c->wants_leak) NAME(add_leak)(currents + t * stride, before, d, leak_sum, n);
            if (!direct) NAME(emit)(d, sum, out + t * stride, (REAL)c->leak, c->is_static, n);
        }
        for (int64_t i = 0; c->is_static && i < n; i++) out[i] = STORE(sum[i]);
        for (int64_t i = 0; c->wants_leak && i < n; i++) share->grad_leak += (double)leak_sum[i];
    }
    free(scratch);
    return 0;
}

#undef EACH_BUMP
#undef IN_BITS
#undef REAL
#undef STORED
#undef NAME
#undef LOAD
#undef STORE
#undef TWO_TO_MINUS
#undef ABSOLUTE

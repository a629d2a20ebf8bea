/* The multi-step neuron in plain C: no torch, no Python, called by native.py through ctypes on bare pointers.
 *
 * The idea. Currents lie in memory as T rows of n numbers. A strip of a few thousand columns is followed through all T
 * steps before the next strip begins, so its membranes stay in the first cache, and memory is passed over once: forward
 * reads the currents and writes the spikes, backward reads the currents and the gradient and writes the gradient. Nothing
 * is saved in between: the backward pass computes the membranes again, which costs less than reading them.
 *
 * The loops over a strip are written for the compiler's vectoriser; where it can, it builds each for several instruction
 * sets, and the loader picks the one this processor has. Rounding is that of PyTorch's own operations, one after the
 * other (no fused multiply-add: the build forbids it), so that the spikes are equal to the last one.
 */
#include "portable.h"

enum { SIGMOID, ATAN, TRIANGLE, RECTANGLE };
enum { FLOAT32, FLOAT64, BFLOAT16 };

/* One call, as native.py lays it out. Rows of a static input lie 0 apart, all others n apart. */
typedef struct {
    const void *currents;      /* (steps or 1, n) */
    const void *grad_spikes;   /* (steps, n); backward only */
    void *out;                 /* spikes (steps, n), or gradient of the currents (steps or 1, n) */
    void *membrane;            /* (n), REAL: before the first step, then after the last; NULL starts from 0; forward only */
    int64_t steps, n;
    double leak, threshold;
    double shape;              /* slope or width of the surrogate */
    int32_t surrogate, number; /* which bump; which type of number */
    int32_t is_static, soft_reset, detach_reset, temporal_gradient, wants_leak;
} Call;

/* Columns first..last of a call, the work of one thread; `grad_leak` is its share. */
typedef struct {
    const Call *call;
    int64_t first, last;
    double grad_leak;
    int failed;
} Share;

/* 2^-z for z >= 0 in single precision: the whole part goes to the exponent's bits, a polynomial (fitted, relative error
 * 1e-7) makes the rest. Beyond 126 it stays where it is, which is as good as 0. */
INLINE float two_to_minus_float(float z) {
    const float magic = 12582912.0f + 127.0f; /* 1.5 * 2^23: adding it rounds to a whole number in the lowest bits */
    float x = -(z > 126.0f ? 126.0f : z), whole = x + magic, power, f;
    uint32_t bits;
    memcpy(&bits, &whole, sizeof bits);
    bits <<= 23;
    memcpy(&power, &bits, sizeof power);
    f = x - (whole - magic);
    f = 1.00000012f
        + f * (0.693146944f + f * (0.240221202f + f * (0.0555071309f + f * (0.00967554096f + f * 0.00132764713f))));
    return f * power;
}

#define REAL float
#define STORED float
#define NAME(function) function##_float32
#define LOAD(x) (x)
#define STORE(x) (x)
#define TWO_TO_MINUS two_to_minus_float
#define ABSOLUTE fabsf
#include "native_strip.h"

#define REAL double
#define STORED double
#define NAME(function) function##_float64
#define LOAD(x) (x)
#define STORE(x) (x)
#define TWO_TO_MINUS(z) exp(-(z) * 0.693147180559945309417)
#define ABSOLUTE fabs
#include "native_strip.h"

#define REAL float
#define STORED uint16_t
#define NAME(function) function##_bfloat16
#define LOAD(x) float_of_bfloat(x)
#define STORE(x) bfloat_of_float(x)
#define TWO_TO_MINUS two_to_minus_float
#define ABSOLUTE fabsf
#include "native_strip.h"

static void *forward_share(void *share) {
    Share *s = share;
    switch (s->call->number) {
    case FLOAT32: s->failed = forward_float32(s); break;
    case FLOAT64: s->failed = forward_float64(s); break;
    default: s->failed = forward_bfloat16(s);
    }
    return NULL;
}

static void *backward_share(void *share) {
    Share *s = share;
    switch (s->call->number) {
    case FLOAT32: s->failed = backward_float32(s); break;
    case FLOAT64: s->failed = backward_float64(s); break;
    default: s->failed = backward_bfloat16(s);
    }
    return NULL;
}

/* Columns shared out over threads that live for this call alone: nothing is left over that a fork could lose.
 * Returns 0, or 1 when memory ran out; `grad_leak` may be NULL. */
static int share_out(const Call *call, void *(*work)(void *), int threads, double *grad_leak) {
    Share shares[64];
    int failed = 0, t;
    threads = threads < 1 ? 1 : threads > 64 ? 64 : threads;
    for (t = 0; t < threads; t++) {
        shares[t].call = call;
        shares[t].first = call->n * t / threads / 64 * 64; /* whole cache lines */
        shares[t].last = t + 1 == threads ? call->n : call->n * (t + 1) / threads / 64 * 64;
        shares[t].grad_leak = 0;
        shares[t].failed = 0;
    }
#if defined(_WIN32)
    for (t = 0; t < threads; t++) work(&shares[t]);
#else
    {
        pthread_t helpers[64];
        int started[64] = {0};
        for (t = 1; t < threads; t++) started[t] = pthread_create(&helpers[t], NULL, work, &shares[t]) == 0;
        work(&shares[0]);
        for (t = 1; t < threads; t++) {
            if (started[t]) pthread_join(helpers[t], NULL);
            else work(&shares[t]);
        }
    }
#endif
    for (t = 0; t < threads; t++) {
        failed |= shares[t].failed;
        if (grad_leak) *grad_leak += shares[t].grad_leak;
    }
    return failed;
}

EXPORT int colliculus_forward(const Call *call, int threads) { return share_out(call, forward_share, threads, NULL); }

EXPORT int colliculus_backward(const Call *call, int threads, double *grad_leak) {
    return share_out(call, backward_share, threads, grad_leak);
}

/* The widest vectors the loops above use here. */
EXPORT const char *colliculus_instructions(void) {
#if defined(__GNUC__) && defined(__x86_64__) && defined(__GLIBC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return "AVX-512";
    if (__builtin_cpu_supports("avx2")) return "AVX2";
    return "SSE2";
#else
    return "what the compiler was told";
#endif
}

/* So that tests catch a library built from other text than this. */
EXPORT int colliculus_size_of_call(void) { return (int)sizeof(Call); }

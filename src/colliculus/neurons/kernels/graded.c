/* The graded multi-step neuron, beside the leaky one of native.c and called the same way, by graded_native.py: in a Call,
 * leak, threshold and shape hold the decay, the step and the number of levels. Rounding is that of PyTorch's own
 * operations, so that the spikes are equal to the last bit.
 */
#include "native.c"

enum { WIDEST = 4096 }; /* columns of a strip: 16 KiB of membranes in single precision */

#define REAL float
#define STORED float
#define NAME(function) graded_##function##_float32
#define LOAD(x) (x)
#define STORE(x) (x)
#define FLOOR floorf
#include "graded_strip.h"

#define REAL double
#define STORED double
#define NAME(function) graded_##function##_float64
#define LOAD(x) (x)
#define STORE(x) (x)
#define FLOOR floor
#include "graded_strip.h"

#define REAL float
#define STORED uint16_t
#define NAME(function) graded_##function##_bfloat16
#define LOAD(x) float_of_bfloat(x)
#define STORE(x) bfloat_of_float(x)
#define FLOOR floorf
#include "graded_strip.h"

static void *graded_forward_share(void *share) {
    Share *s = share;
    switch (s->call->number) {
    case FLOAT32: s->failed = graded_forward_float32(s); break;
    case FLOAT64: s->failed = graded_forward_float64(s); break;
    default: s->failed = graded_forward_bfloat16(s);
    }
    return NULL;
}

static void *graded_backward_share(void *share) {
    Share *s = share;
    switch (s->call->number) {
    case FLOAT32: s->failed = graded_backward_float32(s); break;
    case FLOAT64: s->failed = graded_backward_float64(s); break;
    default: s->failed = graded_backward_bfloat16(s);
    }
    return NULL;
}

EXPORT int colliculus_graded_forward(const Call *call, int threads) {
    return share_out(call, graded_forward_share, threads, NULL);
}

EXPORT int colliculus_graded_backward(const Call *call, int threads) {
    return share_out(call, graded_backward_share, threads, NULL);
}

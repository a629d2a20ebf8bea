/* What every source here needs: one spelling for each compiler, and the two ways between bfloat16 and float. */
#ifndef COLLICULUS_PORTABLE_H
#define COLLICULUS_PORTABLE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#include <pthread.h>
#define EXPORT __attribute__((visibility("default")))
#endif

/* Tests define COLLICULUS_PORTABLE to build what other processors run. */
#if defined(__GNUC__) && defined(__x86_64__) && defined(__GLIBC__) && !defined(COLLICULUS_PORTABLE)
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif

#if defined(_MSC_VER)
#define INLINE static __forceinline
#define restrict __restrict
#elif defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

/* Asks for a cache line before it is needed. */
#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address) (void)0
#endif

INLINE float float_of_bfloat(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

INLINE uint16_t bfloat_of_float(float number) { /* to nearest, ties to even; NaN stays NaN */
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return (uint16_t)(number != number ? 0x7FC0u : (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

#endif

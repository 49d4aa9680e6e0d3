/* loss.h - what is revealed of one device in one epoch, in three currencies side by side, all integers, all rounded
 * against whoever spends (I5). One type for what a mechanism costs, for what is spent, and for what is left.
 *
 *   epsilon  pure differential privacy, in micro-epsilon. Adds up.
 *   rho      zero-concentrated differential privacy (Bun, Steinke 2016), in nano-rho. Adds up. Every mechanism has one:
 *            a pure one by conversion (device_proto/privacy_loss.h), rounded up.
 *   delta    in 2^-64ths: the probability that the other two do not hold. Adds up.
 *
 * Gaussian noise has no pure epsilon: it costs rho alone and is impure. What an impure loss is part of has no pure
 * epsilon any more, however small its ueps is: that then counts the pure ones only, and says so. */
#ifndef TINYPART_BASE_LOSS_H
#define TINYPART_BASE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

struct loss {
    int64_t ueps;
    int64_t nrho;
    int64_t delta;
    bool impure; /* some of it has no pure epsilon */
};

/* Caps, one a currency. Where only pure mechanisms pass, the cap on epsilon is the whole guarantee; one without a pure
 * epsilon would end it. Where others pass too, rho and delta bound everything, and epsilon bounds the pure part. The
 * cap on delta is 0 unless somebody wants otherwise: nothing with a delta passes. */
struct loss_caps {
    int64_t ueps;
    int64_t nrho; /* LOSS_MAX: counted, not bounded */
    int64_t delta;
    bool pure_only;
};

/* The most that any amount or cap may be: 64 of them still fit 64 bits. Of delta that is 2^-7. */
#define LOSS_MAX ((INT64_C(1) << 57) - 1)

/* Which currency refused. */
enum loss_currency { LOSS_NONE, LOSS_EPSILON, LOSS_RHO, LOSS_DELTA, LOSS_IMPURE };

/* No negative amount, none beyond LOSS_MAX, some rho, and some epsilon unless it is impure. */
bool loss_is_valid(const struct loss *loss);
bool loss_caps_are_valid(const struct loss_caps *caps);
/* *sum += more. Stops at LOSS_MAX, which every cap is at most, so that it can only refuse. */
void loss_add(struct loss *sum, const struct loss *more);
/* The same, times times. */
void loss_add_times(struct loss *sum, const struct loss *more, int64_t times);
/* Whether more still fits on top of spent: LOSS_NONE, or the first currency that does not. */
enum loss_currency loss_fits(const struct loss *spent, const struct loss *more, const struct loss_caps *caps);
/* What is left, never below 0; an nrho of LOSS_MAX stays so. */
struct loss_caps loss_caps_left(const struct loss *spent, const struct loss_caps *caps);
/* The lower of two caps, currency by currency. */
struct loss_caps loss_caps_lower(const struct loss_caps *a, const struct loss_caps *b);
/* Whether a allows more than b in any currency. */
bool loss_caps_exceed(const struct loss_caps *a, const struct loss_caps *b);
/* caps * num / den (0 <= num <= den), rounded down; an nrho of LOSS_MAX stays so. */
struct loss_caps loss_caps_part(const struct loss_caps *caps, int64_t num, int64_t den);

/* Caps that bound epsilon alone. */
struct loss_caps loss_caps_pure(int64_t ueps);

/* What a mechanism of pure epsilon costs: rho = epsilon tanh(epsilon/2), rounded up, which holds for every such
 * mechanism; one that knows better lowers it. */
struct loss loss_of_pure(int64_t ueps);
/* The lesser of two bounds on rho: both hold. 0 is none. */
void loss_lower_rho(struct loss *loss, uint64_t nrho);
/* Gaussian noise, exactly rho-zCDP. */
struct loss loss_of_rho(int64_t nrho);

/* The amount of one currency, for people: "0.25", "0.03125", "1.01e-9"; rounded up. out needs 32 bytes. */
void loss_amount_format(const struct loss *loss, enum loss_currency currency, char out[32]);
/* "epsilon", "rho", "delta". */
const char *loss_currency_name(enum loss_currency currency);
struct loss loss_of_caps(const struct loss_caps *caps); /* its amounts alone, for the formats */

/* A delta in decimals, shortest with three digits, rounded up: "0", "5.43e-20", "1e-6". */
void delta_format(int64_t delta, char out[32]);
/* The reverse of what people write, rounded down: "0", "1e-9", "0.000001". 0 or -EINVAL. */
int delta_parse(const char *text, int64_t *out);

#endif

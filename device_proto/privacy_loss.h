/* privacy_loss.h - what noise costs and how far it errs, as integers rounded against the spender.
 * Epsilon in micro-epsilon, rho (zero-concentrated differential privacy; Bun, Steinke 2016) in nano-rho, delta in
 * 2^-64ths. All on fixed_point.h: bounds that are proven, not close. For hosts: some take milliseconds.
 * All return 0, or NOISE_BAD_PARAMETER (outside of the bounds), or NOISE_OVERFLOW (the result fits no 64 bits). */
#ifndef TINYPART_DEVICE_PROTO_PRIVACY_LOSS_H
#define TINYPART_DEVICE_PROTO_PRIVACY_LOSS_H

#include "device_proto/fixed_point.h"
#include "device_proto/noise_response.h"

#define PRIVACY_MICRO 1000000u
#define PRIVACY_NANO  1000000000u

/* ---- losses; all rounded up ---- */

/* Pure epsilon of Laplace noise of scale num/den (also of the geometric, delta beside): sensitivity x den / num. */
int privacy_laplace_epsilon(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t *out_micro);
/* ln(truth/lie). */
int privacy_response_epsilon(struct noise_weights weights, uint64_t *out_micro);

/* D^2 den / (2 num), sigma^2 = num/den. */
int privacy_gauss_rho(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t *out_nano);
/* (1/t) (D - 2q (1 - q^D) / (1 - q^2)) with q = e^(-1/t): tight for Laplace noise and whole D. Of several numbers with
 * such noise each, D is what all of them change by together (L1). */
int privacy_laplace_rho(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t *out_nano);
/* epsilon x tanh(epsilon/2), epsilon = ln(truth/lie): randomised response between any two of its inputs. */
int privacy_response_rho(struct noise_weights weights, uint64_t *out_nano);
/* epsilon x tanh(epsilon/2), below both epsilon^2 / 2 and epsilon: whatever is epsilon-differentially private. */
int privacy_pure_rho(uint64_t micro_epsilon, uint64_t *out_nano);

/* The smallest epsilon that rho-zCDP is known to give at delta (Canonne, Kamath, Steinke, corollary 13), rounded up;
 * delta >= 1. And the largest rho that gives (epsilon, delta) that way, rounded down. */
int privacy_epsilon_of_rho(uint64_t nano_rho, uint64_t delta, uint64_t *out_micro);
int privacy_rho_of_epsilon(uint64_t micro_epsilon, uint64_t delta, uint64_t *out_nano);
/* The same with 12 digits behind the point, as 10^-12 epsilon and rho. */
int privacy_pico_epsilon_of_rho(uint64_t pico_rho, uint64_t delta, uint64_t *out_pico);
int privacy_pico_rho_of_epsilon(uint64_t pico_epsilon, uint64_t delta, uint64_t *out_pico);

/* The delta of Gaussian noise at epsilon, exact but for rounding up: sum of max(0, P(x) - e^epsilon P(x - D)).
 * For sigma^2 <= PRIVACY_SUM_VARIANCE_MAX. */
#define PRIVACY_SUM_VARIANCE_MAX (1u << 16)
int privacy_gauss_delta(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t micro_epsilon, uint64_t *out_delta);

/* ---- errors ---- */

/* P(|Z| >= a) in 2^-64ths, rounded up. Laplace: exact. Gaussian: exact up to PRIVACY_SUM_VARIANCE_MAX, else an upper
 * bound that is exact in the limit. */
int privacy_laplace_tail(uint64_t num, uint64_t den, uint64_t a, uint64_t *out);
int privacy_gauss_tail(uint64_t num, uint64_t den, uint64_t a, uint64_t *out);

/* The smallest a with P(|Z| > a) <= tail (2^-64ths, >= 1): the half width of the interval that an answer carries. For
 * Gaussian noise it is the smallest while sigma^2 < 1024, else at most one too large, and then for the two tails below
 * only. */
#define PRIVACY_TAIL_5   UINT64_C(922337203685477580) /* 0.05: for a 95 % interval */
#define PRIVACY_TAIL_2_5 UINT64_C(461168601842738790) /* 0.025: for each of two 97.5 % intervals */
int privacy_laplace_half_width(uint64_t num, uint64_t den, uint64_t tail, uint64_t *out);
int privacy_gauss_half_width(uint64_t num, uint64_t den, uint64_t tail, uint64_t *out);

/* The most noise that keeps the half width at this tail at or below error (>= 1): a scale num/den for Laplace, a
 * sigma^2 = num/den for Gaussian noise; both within the bounds of their samplers. Epsilon and rho of it follow. */
int privacy_laplace_scale_for(uint64_t error, uint64_t tail, uint64_t *out_num, uint64_t *out_den);
int privacy_gauss_variance_for(uint64_t error, uint64_t tail, uint64_t *out_num, uint64_t *out_den);

/* The variance of one draw, rounded up. Laplace: 2q / (1-q)^2. Gaussian: sigma^2 bounds it from above. */
int privacy_laplace_variance(uint64_t num, uint64_t den, uint64_t *out);
int privacy_gauss_variance(uint64_t num, uint64_t den, uint64_t *out);

#endif

/* laws.h - what the distributions should be, in floating point, for tests to compare counts with. */
#ifndef TINYPART_TESTS_DEVICE_PROTO_LAWS_H
#define TINYPART_TESTS_DEVICE_PROTO_LAWS_H

#include <stddef.h>
#include <stdint.h>

/* P(x) of discrete Laplace noise of scale t. */
double law_laplace(double t, int64_t x);
/* P(x) of discrete Gaussian noise of parameter sigma^2. */
double law_gauss(double variance, int64_t x);

/* Pearson's statistic of observed against expected counts; cells with no expectation must be empty. */
double chi_square(const double *expected, const uint64_t *observed, size_t cells);
/* Exceeded by chance with probability 1e-9 at this many degrees of freedom (Wilson, Hilferty 1931; a little above
 * the exact values for the degrees used here). */
double chi_square_critical(size_t degrees);

#endif

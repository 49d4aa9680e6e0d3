/* statistics.h - what counts of samples say about probabilities. Floating point: it judges noise, and makes none. */
#ifndef TINYPART_CLI_STATISTICS_H
#define TINYPART_CLI_STATISTICS_H

#include <stdint.h>

/* Of a binomial count: P(X >= count), P(X <= count) of n trials of probability p. */
double binomial_at_least(uint64_t count, uint64_t n, double p);
double binomial_at_most(uint64_t count, uint64_t n, double p);

/* One-sided Clopper-Pearson bounds: the true probability is below (above) them with probability at most alpha. */
double binomial_lower(uint64_t count, uint64_t n, double alpha);
double binomial_upper(uint64_t count, uint64_t n, double alpha);

#endif

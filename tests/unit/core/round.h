/* round.h - rounds of federated learning in the lab: a sensor of vectors, what devices give, the noised sum of it. */
#ifndef TINYPART_TESTS_CORE_ROUND_H
#define TINYPART_TESTS_CORE_ROUND_H

#include "tests/unit/core/lab.h"

#define ROUND_DIMENSION 16

/* What is not 0 fails the test with the words of lab->why. */
void round_must(const struct lab *lab, int r);
/* rho in budgets and filters */
void round_raise_caps(struct lab *lab);
/* A sensor "gradient" of 16 coordinates, L2 norm 1000, one vector an epoch; rho in budgets and filters. */
void round_make(struct lab *lab);

/* A pack of one record of "gradient" with that data value, of which nothing is said to be noised; the rules' result. */
int round_post_data(struct lab *lab, const struct device *device, struct bytes data);
int round_post(struct lab *lab, const struct device *device, const int32_t *coordinates, size_t dimension);
/* first, -2, 3, 0, 0 ...: it has to be taken. */
void round_give(struct lab *lab, const struct device *device, int32_t first);

/* A release of acme; a vector-sum of "gradient" where the order says nothing else. */
int round_ask(struct lab *lab, const struct release_order *order, struct release *out);
/* The whole answer, also where it is longer than struct release holds; the caller decrefs. */
json_t *round_answer(struct lab *lab, const struct release *release);
json_t *round_sum(struct lab *lab, const char *rho);
int64_t round_coordinate(const json_t *answer, size_t i);

#endif

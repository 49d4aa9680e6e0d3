/* outcomes.h - the rules' end of the sinks, for tests: remembers what each delivery came to, and runs the loop until
 * all are told. */
#ifndef TINYPART_TESTS_SINKS_OUTCOMES_H
#define TINYPART_TESTS_SINKS_OUTCOMES_H

#include "daemon/core/ports/sink.h"
#include "daemon/loop/loop.h"

#define OUTCOMES_MAX 64

struct outcome {
    int64_t id;
    bool delivered;
    char error[REASON_SIZE];
};

void outcomes_expect(struct loop *loop, unsigned count);
/* Runs the loop until as many outcomes as expected came, at most 20 s; gives how many came. */
unsigned outcomes_wait(void);
const struct outcome *outcome_of(int64_t id);
struct delivery delivery_of(int64_t id, const char *config, const char *key, const char *body);

#endif

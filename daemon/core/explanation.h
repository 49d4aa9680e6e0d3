/* explanation.h - what a release guarantees, in one paragraph for people who are no mathematicians, and what it does
 * not. */
#ifndef TINYPART_CORE_EXPLANATION_H
#define TINYPART_CORE_EXPLANATION_H

#include "daemon/core/core.h"

struct caller;

#define EXPLANATION_SIZE 4096

/* For whoever may see the release. All of it follows from the release, its policy's version, the caps of the epochs
 * that it touched and the settings: it says nothing of readings, or of what others asked. */
int release_explain(struct core *core, const struct caller *caller, int64_t id, char out[EXPLANATION_SIZE],
                    struct why *why);

#endif

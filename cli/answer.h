/* answer.h - an answer and a plan as people read them, without what they do not have. */
#ifndef TINYPART_CLI_ANSWER_H
#define TINYPART_CLI_ANSWER_H

#include "cli/output.h"

/* For people alone; both change what they are given. The answer's statement stands below it, in lines. */
void answer_show(const struct output *output, json_t *answer, const struct column *columns);
/* Every member of an object whose name ends in _ms: "1 h", "30 s". */
void durations_tidy(json_t *object);
void plan_show(const struct output *output, json_t *plan, const struct column *columns);

#endif

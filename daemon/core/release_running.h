/* release_running.h - running counts, between the parts of a release. */
#ifndef TINYPART_CORE_RELEASE_RUNNING_H
#define TINYPART_CORE_RELEASE_RUNNING_H

#include "daemon/core/release_internal.h"

#define RUNNING_STEPS_MAX 4096
#define RUNNING_SHOWN_MAX 64 /* the newest counts that an answer has room for */

struct running {
    int64_t step_ms;
    int64_t horizon; /* steps of the epoch */
    int64_t steps;   /* that the answer is of: those that had ended at its end */
    struct running_series series;
    bool has_begun; /* and so is charged */
    /* [step] noised, but exact from running_add() to running_noise() */
    int64_t sums[RUNNING_STEPS_MAX + 1];
};

/* release_running.c. Allocates asked->running. Another query: refuses a step. */
int running_form(const struct release_order *order, struct asked *out, struct why *why);
/* From the start of the epoch in which to_ms lies, or which it ends, to the end of its last whole step. */
void running_window(const struct core *core, struct asked *asked);
int64_t running_levels(const struct asked *asked);
int64_t running_before(int64_t step);
/* Of a count that is made of so many draws. */
int running_half_width(const struct asked *asked, unsigned draws, int64_t *out);
/* The part's half width becomes that of the worst step of the epoch. */
int running_widen(struct asked *asked);
/* After asked_noise(): the series as it stands, with its devices; else the cohort of one that begins. */
int running_find(struct core *core, struct asked *asked, struct why *why);
/* Refuses while no step has ended. */
int running_ready(const struct asked *asked, struct why *why);
int running_add(struct core *core, struct asked *asked, struct aggregate_query *query);
int running_noise(struct core *core, struct asked *asked);
int running_keep(struct core *core, struct asked *asked, int64_t release_id);
/* The noised count by the end of a step. */
int64_t running_count(const struct running *running, int64_t step);

/* release_running_answer.c */
struct buffer;
/* The values; words: between what the newest count lies. */
void put_running(struct buffer *out, const struct asked *asked, char *words, size_t size);
/* What it cost, for the statement. */
void running_cost_words(const struct asked *asked, const char *amounts, char *out, size_t size);

#endif

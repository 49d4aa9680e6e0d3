/* step.h - how a step moves; shared by the files that move it: claim.c (tries), fetch.c (what the device asks for),
 * report.c (what it says), silence.c (what it does not say). Not for use outside of this room. */
#ifndef TINYPART_CORE_STEP_H
#define TINYPART_CORE_STEP_H

#include "daemon/core/device.h"
#include "daemon/core/profile.h"
#include "daemon/core/rollout.h"

/* A step with all that its moves depend on. */
struct step_case {
    struct step step;
    struct rollout rollout;
    struct device device;
    struct profile profile;
};

int step_case_load(struct core *core, const struct step *step, struct step_case *out);

/* The table of allowed moves, and of allowed moves of whole rollouts. */
bool step_may_move(enum step_state from, enum step_state to);
bool rollout_may_move(enum rollout_state from, enum rollout_state to);

/* All of the following run within the caller's transaction, and -EPROTO is a move that the table lacks.
 * step->state follows. reason NULL keeps the old one. */
int step_move(struct core *core, struct step *step, enum step_state to, const char *reason, int64_t due_ms);

/* The end of a step: audit entry, the slot's content where the device has it now, and the end of the rollout when this
 * was its last step. */
int step_finish(struct core *core, struct step_case *c, enum step_state final, const char *reason);

/* This try came to nothing, and what says why. There is another one after a while, or, when tries or time are used up
 * or the rollout was aborted, the step ends in final. */
int step_retry(struct core *core, struct step_case *c, enum step_state final, const char *what);

/* No try is possible at present. The step waits, or ends in final when its time is over. */
int step_wait(struct core *core, struct step_case *c, enum step_state final, const char *what);

/* When silence is to be judged: after the profile's give-up time, or at the step's deadline if that is sooner. */
int64_t step_patience(const struct step_case *c, int64_t now_ms);

/* Bytes of the image served, held in memory between the moments when they are saved; lossy, for people's eyes. */
void fetch_forget(struct core *core, int64_t step_id);
uint64_t fetch_bytes(const struct core *core, const struct step *step);

/* silence.c: judges what is overdue, at most a batch of it; *out_more: there may be more. */
int silence_judge(struct core *core, int64_t now_ms, bool *out_more);

#define SETTLE_MS 2000 /* between the last block and the question whether the container answers */

#endif

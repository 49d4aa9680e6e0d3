/* report.c - what a device says an update came to. Believed only when the key that the device was claimed with signed
 * it: anybody can send a datagram. The manifest's digest names the try, so a report of an older one finds no step. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/step.h"
#include "daemon/core/transaction.h"
#include "device_proto/cose.h"
#include "device_proto/suit_capabilities.h"
#include "device_proto/suit_report.h"

static int malformed(int r, struct why *why)
{
    return refuse(why, REFUSED_INVALID, "report", NULL, "this is no SUIT report: %s", suit_report_refusal_text(r));
}

/* The step that a report is of, found by what it claims; nothing of it is believed yet. */
static int find_step(struct core *core, struct bytes encoded, struct step *out, struct why *why)
{
    struct suit_report report;
    struct cose_sign1 message;

    if (cose_sign1_parse(encoded, &message) != 0 || !message.attached) {
        int r = suit_report_read(encoded, &report);
        if (r != 0)
            return malformed(r, why);
        return refuse(why, REFUSED_FORBIDDEN, "report", NULL, "reports are believed only when the device signed them");
    }
    int r = suit_report_read(message.payload, &report);
    if (r != 0)
        return malformed(r, why);
    r = core->store->step_by_manifest(core->store, report.manifest_digest, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "report", NULL, "no step has this manifest as its newest");
    return r;
}

static int verify(struct core *core, const struct step_case *c, struct bytes encoded, struct suit_report *out,
                  struct why *why)
{
    if (c->device.report_key.size == 0)
        return refuse(why, REFUSED_FORBIDDEN, "device", "claim the device with its report key",
                      "device %s has no report key, so its reports cannot be believed", c->device.name);
    int r = suit_report_read_signed(encoded, &c->device.report_key, 1, core->crypto, out, NULL);
    if (r == SUIT_REPORT_SIGNATURE)
        return refuse(why, REFUSED_FORBIDDEN, "report", NULL, "the report key of device %s did not sign this",
                      c->device.name);
    return r > 0 ? malformed(r, why) : r;
}

/* Success, or a refusal, or something that the next try may not meet again. A container that is only not started yet is
 * in its place. */
static enum step_state verdict(const struct suit_report *report)
{
    if (report->success || report->reason == SUIT_REASON_OK || report->reason == SUIT_REASON_INVOKE_PENDING)
        return STEP_INSTALLED;
    return report->reason == SUIT_REASON_OPERATION_FAILED ? STEP_FAILED : STEP_REFUSED;
}

/* What the device can verify and open, where it said so: that is what usually was not right. */
static void add_algorithms(const struct suit_report *report, char reason[REASON_SIZE])
{
    size_t used = strlen(reason), known = 0;
    int64_t number;

    for (size_t i = 0; suit_capability_at(report->capabilities, SUIT_CAPABILITY_ALGORITHMS, i, &number); i++) {
        const struct cose_algorithm_row *row = cose_algorithm_find(number);
        int size =
            row == NULL || row->successor != 0 || used >= REASON_SIZE
                ? 0
                : snprintf(reason + used, REASON_SIZE - used, "%s%s", known++ == 0 ? "; it knows " : ", ", row->name);
        used += size > 0 ? (size_t)size : 0;
    }
}

static int believe(struct core *core, struct step_case *c, const struct suit_report *report)
{
    enum step_state state = verdict(report);
    char reason[REASON_SIZE];

    if (state == STEP_INSTALLED)
        return step_finish(core, c, state, "the device reported that the image is installed");
    snprintf(reason, sizeof(reason), "the device reported: %s (its code %lld)", suit_reason_text(report->reason),
             (long long)report->code);
    add_algorithms(report, reason);
    if (state == STEP_REFUSED)
        return step_finish(core, c, state, reason);
    /* The next try comes anyway, or the container is being asked: that tells more. */
    if (c->step.state == STEP_WAITING || c->step.state == STEP_PROBING)
        return 0;
    return step_retry(core, c, state, reason);
}

static int take(struct core *core, struct step_case *c, struct bytes encoded, struct why *why)
{
    struct suit_report report;

    int r = verify(core, c, encoded, &report, why);
    if (r != 0)
        return r;
    if (step_state_is_final(c->step.state)) {
        if (verdict(&report) == c->step.state)
            return 0; /* said again */
        return refuse(why, REFUSED_CONFLICT, "report", NULL, "the step has ended as %s already",
                      step_state_name(c->step.state));
    }
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = believe(core, c, &report);
    if (r == 0)
        r = core->store->device_seen(core->store, c->step.device_id, clock_now_ms(core->clock));
    return transaction_end(core, r);
}

int rollout_on_report(struct core *core, struct bytes encoded, struct why *why)
{
    _cleanup_free_ struct step_case *c = malloc(sizeof(*c));
    struct step step;

    if (c == NULL)
        return -ENOMEM;
    int r = find_step(core, encoded, &step, why);
    /* A final step's device may be gone. */
    if (r == 0)
        r = step_case_load(core, &step, c);
    if (r == -ENOENT)
        r = refuse(why, REFUSED_UNKNOWN, "report", NULL, "the device of this step is gone");
    if (r == 0)
        r = take(core, c, encoded, why);
    core->counters[COUNT_REPORT_REFUSED] += r > 0;
    return r;
}

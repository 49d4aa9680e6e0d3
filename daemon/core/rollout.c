/* rollout.c - deploy orders. An order is checked against every device it picks before anything is saved; then rollout,
 * steps and slots are saved in one transaction, so that an order exists whole or not at all. */
#include "daemon/core/rollout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/grant.h"
#include "daemon/core/image.h"
#include "daemon/core/list.h"
#include "daemon/core/manifest.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/step.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define CONCURRENCY_DEFAULT 64
#define ATTEMPTS_DEFAULT    4
#define DEADLINE_DEFAULT_MS (15LL * 60 * 1000)

static const struct {
    const char *name;
    unsigned moves;
} states[] = {
    [ROLLOUT_RUNNING] = { "running", 1u << ROLLOUT_PAUSED | 1u << ROLLOUT_ABORTED | 1u << ROLLOUT_DONE },
    [ROLLOUT_PAUSED] = { "paused", 1u << ROLLOUT_RUNNING | 1u << ROLLOUT_ABORTED | 1u << ROLLOUT_DONE },
    [ROLLOUT_ABORTED] = { "aborted", 0 },
    [ROLLOUT_DONE] = { "done", 0 },
};

const char *rollout_state_name(enum rollout_state state)
{
    return state >= ROLLOUT_RUNNING && state <= ROLLOUT_DONE ? states[state].name : "";
}

bool rollout_may_move(enum rollout_state from, enum rollout_state to)
{
    return from >= ROLLOUT_RUNNING && from <= ROLLOUT_DONE && to >= ROLLOUT_RUNNING && to <= ROLLOUT_DONE &&
           (states[from].moves >> to & 1u) != 0;
}

/* One order on its way into the store. */
struct ordering {
    struct core *core;
    const struct caller *caller;
    struct rollout rollout;
    struct selector selector;
    struct image image;
    uint32_t helpers[LIST_NUMBERS_MAX];
    size_t n_helpers;
    struct grant_set *grants;
    struct profile profile;             /* of the last device: devices of one kind come in rows */
    char unproven[IMAGE_UNPROVEN_SIZE]; /* of the image on that kind */
    int64_t picked;
    struct why *why;
    int result;
};

static int or_default(int64_t value, int64_t standard, int64_t least, int64_t most, const char *field, int64_t *out,
                      struct why *why)
{
    *out = value != 0 ? value : standard;
    if (*out >= least && *out <= most)
        return 0;
    return refuse(why, REFUSED_INVALID, field, NULL, "%s is %lld to %lld", field, (long long)least, (long long)most);
}

static int order_numbers(const struct rollout_order *order, struct rollout *rollout, struct why *why)
{
    int64_t concurrency, attempts;

    int r = or_default(order->concurrency, CONCURRENCY_DEFAULT, 1, ROLLOUT_CONCURRENCY_MAX, "concurrency", &concurrency,
                       why);
    if (r == 0)
        r = or_default(order->attempts_max, ATTEMPTS_DEFAULT, 1, ROLLOUT_ATTEMPTS_MAX, "attempts_max", &attempts, why);
    if (r == 0)
        r = or_default(order->deadline_ms, DEADLINE_DEFAULT_MS, ROLLOUT_DEADLINE_MIN_MS, ROLLOUT_DEADLINE_MAX_MS,
                       "deadline_ms", &rollout->deadline_ms, why);
    if (r != 0)
        return r;
    rollout->concurrency = (unsigned)concurrency;
    rollout->attempts_max = (unsigned)attempts;
    rollout->slot = order->slot;
    rollout->encrypted = order->transfer != NULL && strcmp(order->transfer, "encrypted") == 0;
    if (!rollout->encrypted && order->transfer != NULL && strcmp(order->transfer, "plain") != 0)
        return refuse(why, REFUSED_INVALID, "transfer", "plain or encrypted", "images are not sent in this way");
    if (order->slot >= SLOTS_MAX)
        return refuse(why, REFUSED_INVALID, "slot", NULL, "slots are 0 to %d", SLOTS_MAX - 1);
    return 0;
}

static int order_fill(struct ordering *ordering, const struct rollout_order *order)
{
    struct rollout *rollout = &ordering->rollout;
    struct why *why = ordering->why;
    struct tenant tenant;

    int r = access_tenant(ordering->core, ordering->caller, order->tenant, &tenant, why);
    if (r == 0)
        r = image_find(ordering->core, &tenant, order->image, order->version, &ordering->image, why);
    if (r == 0)
        r = selector_parse(order->selector != NULL ? order->selector : "", &ordering->selector, why);
    if (r == 0)
        r = order_numbers(order, rollout, why);
    if (r == 0)
        r = list_numbers(ordering->image.helpers, ordering->helpers, &ordering->n_helpers);
    if (r != 0)
        return r;
    if (ordering->core->maintainer == NULL)
        return manifest_key_check(ordering->core, &ordering->profile, why);
    rollout->tenant_id = tenant.id;
    rollout->image_id = ordering->image.id;
    rollout->state = ROLLOUT_RUNNING;
    rollout->created_ms = clock_now_ms(ordering->core->clock);
    text_copy(rollout->tenant, sizeof(rollout->tenant), tenant.name);
    text_copy(rollout->image, sizeof(rollout->image), ordering->image.name);
    text_copy(rollout->version, sizeof(rollout->version), ordering->image.version);
    text_copy(rollout->selector, sizeof(rollout->selector), order->selector != NULL ? order->selector : "");
    text_copy(rollout->created_by, sizeof(rollout->created_by), ordering->caller->name);
    return grant_set_load(ordering->core, tenant.id, &ordering->grants);
}

static int can_decrypt(const struct profile *profile, const struct device *device, struct why *why)
{
    if (!profile->decrypts)
        return refuse(why, REFUSED_CONFLICT, "transfer", "order it without --encrypt, or leave these devices out",
                      "%s devices cannot decrypt images", profile->name);
    if (device->encryption_key[0] == 0)
        return refuse(why, REFUSED_CONFLICT, "device", "register it with the key that images for it are encrypted to",
                      "device %s has no encryption key", device->name);
    return 0;
}

/* Whether the device's kind can take the image; asked once for each kind. */
static int kind_fits(struct ordering *ordering, const struct device *device)
{
    struct profile *profile = &ordering->profile;

    if (strcmp(profile->name, device->profile) != 0) {
        int r = profile_find(ordering->core, device->profile, profile, ordering->why);
        if (r == 0)
            r = manifest_key_check(ordering->core, profile, ordering->why);
        if (r == 0)
            r = image_fits(ordering->core, &ordering->image, profile, ordering->rollout.slot, ordering->unproven,
                           ordering->why);
        if (r != 0)
            return r;
    }
    if (profile->outcome == OUTCOME_REPORT && device->report_key.size == 0)
        return refuse(ordering->why, REFUSED_CONFLICT, "device",
                      "claim it with the key that its reports are signed with",
                      "device %s has no report key, so nobody could tell whether it installed the image", device->name);
    if (ordering->rollout.encrypted)
        return can_decrypt(profile, device, ordering->why);
    return 0;
}

/* A slot stays its holder's until the holder has no grant for it any more. */
static int slot_take_over(struct ordering *ordering, const struct device *device)
{
    struct core *core = ordering->core;
    unsigned number = ordering->rollout.slot;
    struct detail detail = DETAIL;
    struct slot slot;
    char subject[96];

    int r = core->store->slot_get(core->store, device->id, number, &slot);
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    r = grant_covers(core, slot.tenant_id, device, (int)number, NULL, NULL, 0, NULL);
    if (r == 0)
        return refuse(ordering->why, REFUSED_CONFLICT, "slot",
                      "use another slot, or have the other tenant's grant revoked",
                      "slot %u of device %s is another tenant's", number, device->name);
    if (r < 0)
        return r;
    r = core->store->slot_free(core->store, device->id, number);
    if (r == 0)
        r = core->store->slot_take(core->store, device->id, number, ordering->rollout.tenant_id,
                                   ordering->rollout.created_ms);
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    snprintf(subject, sizeof(subject), "device:%s", device->name);
    detail_number(&detail, "slot", number);
    detail_text(&detail, "from", slot.tenant);
    detail_text(&detail, "to", ordering->rollout.tenant);
    return audit_append(core, ordering->caller, "slot.takeover", subject, 0, detail_end(&detail));
}

static int add_step(struct ordering *ordering, const struct device *device)
{
    struct store *store = ordering->core->store;
    const struct rollout *rollout = &ordering->rollout;
    struct step step = { .rollout_id = rollout->id,
                         .tenant_id = rollout->tenant_id,
                         .device_id = device->id,
                         .state = STEP_WAITING,
                         .due_ms = rollout->created_ms,
                         .created_ms = rollout->created_ms,
                         .updated_ms = rollout->created_ms };

    text_copy(step.device, sizeof(step.device), device->name);
    int r = store->slot_take(store, device->id, rollout->slot, rollout->tenant_id, rollout->created_ms);
    if (r == REFUSED_CONFLICT)
        r = slot_take_over(ordering, device);
    return r != 0 ? r : store->step_insert(store, &step);
}

/* A scan ends at the first non-zero value; refusals are kept apart from it. */
static int pick(void *context, const struct device *device)
{
    static const struct grant_need any = { .slot = -1 };
    struct ordering *ordering = context;
    struct grant_need need = { .slot = (int)ordering->rollout.slot,
                               .sensor = ordering->image.sensor,
                               .helpers = ordering->helpers,
                               .n_helpers = ordering->n_helpers };

    if (!selector_matches(&ordering->selector, device->labels, device->label_count))
        return 0;
    /* What a tenant cannot see is not there for it; not even its name or labels show by how an order is refused. */
    if (access_scope(ordering->caller) != 0 && grant_set_covers(ordering->grants, device, &any, NULL) != 0)
        return 0;
    ordering->picked++;
    int r = grant_set_covers(ordering->grants, device, &need, ordering->why);
    if (r == 0)
        r = kind_fits(ordering, device);
    if (r == 0 && ordering->unproven[0] != '\0') { /* one grant must give this and all the rest */
        need.unproven = ordering->unproven;
        r = grant_set_covers(ordering->grants, device, &need, ordering->why);
    }
    if (r == 0)
        r = add_step(ordering, device);
    return r;
}

static int audit_rollout(struct core *core, const struct caller *caller, const char *action,
                         const struct rollout *rollout, int64_t devices)
{
    struct detail detail = DETAIL;
    char subject[96], image[NAME_SIZE + VERSION_SIZE];

    snprintf(subject, sizeof(subject), "rollout:%lld", (long long)rollout->id);
    snprintf(image, sizeof(image), "%s:%s", rollout->image, rollout->version);
    detail_text(&detail, "image", image);
    detail_text(&detail, "selector", rollout->selector);
    detail_number(&detail, "slot", rollout->slot);
    if (rollout->encrypted)
        detail_text(&detail, "transfer", "encrypted");
    if (devices > 0)
        detail_number(&detail, "devices", devices);
    return audit_append(core, caller, action, subject, rollout->tenant_id, detail_end(&detail));
}

static int room_check(struct ordering *ordering)
{
    struct store *store = ordering->core->store;
    int64_t count;

    int r = store->rollout_count(store, ordering->rollout.tenant_id, &count);
    if (r != 0 || count < ROLLOUTS_PER_TENANT_MAX)
        return r;
    return refuse(ordering->why, REFUSED_EXHAUSTED, "tenant", "wait for one's end, or abort one",
                  "%s has %d rollouts that are not done, which is the most", ordering->rollout.tenant,
                  ROLLOUTS_PER_TENANT_MAX);
}

static int order_save(struct ordering *ordering)
{
    struct core *core = ordering->core;

    int r = room_check(ordering);
    if (r == 0)
        r = core->store->rollout_insert(core->store, &ordering->rollout);
    if (r == 0)
        r = device_scan(core, DEVICE_CLAIMED, 0, pick, ordering);
    if (r != 0)
        return r;
    if (ordering->picked == 0 && access_scope(ordering->caller) != 0)
        return refuse(ordering->why, REFUSED_FORBIDDEN, "selector", "ask the owner for a grant",
                      "no grant of this tenant covers a device that the selector picks");
    if (ordering->picked == 0)
        return refuse(ordering->why, REFUSED_UNKNOWN, "selector",
                      "tinypartctl device list -l SELECTOR shows what it picks", "the selector picks no device");
    return audit_rollout(core, ordering->caller, "rollout.create", &ordering->rollout, ordering->picked);
}

static int order_run(struct ordering *ordering, const struct rollout_order *order, struct rollout *out)
{
    struct core *core = ordering->core;

    int r = order_fill(ordering, order);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, order_save(ordering));
    return r != 0 ? r : core->store->rollout_by_id(core->store, 0, ordering->rollout.id, out);
}

int rollout_create(struct core *core, const struct caller *caller, const struct rollout_order *order,
                   struct rollout *out, struct why *why)
{
    _cleanup_free_ struct ordering *ordering = NULL;

    int r = access_check(caller, CAN_DEPLOY, why);
    if (r != 0)
        return r;
    ordering = calloc(1, sizeof(*ordering));
    if (ordering == NULL)
        return -ENOMEM;
    ordering->core = core;
    ordering->caller = caller;
    ordering->why = why;
    r = order_run(ordering, order, out);
    grant_set_free(ordering->grants);
    return r;
}

static int find(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why)
{
    int r = core->store->rollout_by_id(core->store, access_scope(caller), id, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "rollout", "tinypartctl rollout list shows them",
                      "there is no rollout %lld", (long long)id);
    return r;
}

int rollout_get(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why)
{
    int r = access_check(caller, CAN_SEE_ROLLOUTS, why);
    return r != 0 ? r : find(core, caller, id, out, why);
}

int rollout_list(struct core *core, const struct caller *caller, struct page page,
                 int (*each)(void *context, const struct rollout *rollout), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_ROLLOUTS, why);
    return r != 0 ? r : core->store->rollout_each(core->store, access_scope(caller), page, each, context);
}

struct step_listing {
    const struct core *core;
    bool of_tenant;
    int (*each)(void *context, const struct step *step);
    void *context;
};

static int show_step(void *context, const struct step *step)
{
    const struct step_listing *listing = context;
    struct step shown = *step;

    shown.image_bytes = fetch_bytes(listing->core, step);
    if (listing->of_tenant)
        shown.sequence = 0; /* the device's own counter: it tells of other tenants' tries */
    return listing->each(listing->context, &shown);
}

int rollout_steps(struct core *core, const struct caller *caller, int64_t id, struct page page,
                  int (*each)(void *context, const struct step *step), void *context, struct why *why)
{
    struct step_listing listing = { core, access_scope(caller) != 0, each, context };
    struct rollout rollout;

    int r = rollout_get(core, caller, id, &rollout, why);
    return r != 0 ? r : core->store->step_each(core->store, id, page, show_step, &listing);
}

static int move(struct core *core, const struct caller *caller, const struct rollout *rollout, enum rollout_state to,
                const char *action)
{
    int64_t now_ms = clock_now_ms(core->clock);

    int r = core->store->rollout_move(core->store, rollout->id, rollout->state, to, now_ms);
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    if (to == ROLLOUT_ABORTED)
        r = core->store->steps_abort_waiting(core->store, rollout->id, "by order, before it began", now_ms);
    return r != 0 ? r : audit_rollout(core, caller, action, rollout, 0);
}

static int order_move(struct core *core, const struct caller *caller, int64_t id, enum rollout_state to,
                      const char *action, struct rollout *out, struct why *why)
{
    struct rollout rollout;

    int r = access_check(caller, CAN_DEPLOY, why);
    if (r == 0)
        r = find(core, caller, id, &rollout, why);
    if (r != 0)
        return r;
    if (!rollout_may_move(rollout.state, to))
        return refuse(why, REFUSED_CONFLICT, "rollout", NULL, "rollout %lld is %s", (long long)id,
                      rollout_state_name(rollout.state));
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, move(core, caller, &rollout, to, action));
    return r != 0 ? r : find(core, caller, id, out, why);
}

int rollout_pause(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why)
{
    return order_move(core, caller, id, ROLLOUT_PAUSED, "rollout.pause", out, why);
}

int rollout_resume(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why)
{
    return order_move(core, caller, id, ROLLOUT_RUNNING, "rollout.resume", out, why);
}

int rollout_abort(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why)
{
    return order_move(core, caller, id, ROLLOUT_ABORTED, "rollout.abort", out, why);
}

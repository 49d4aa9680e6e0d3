/* image.c - container images. Admission is the gate: deployed devices check less of a container than they should (some
 * of them nothing at all after the first success), so what passes here must already be harmless for them. What depends
 * on the kind of device (size, helpers, branches) is checked again for each kind when a rollout is ordered. */
#include "daemon/core/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/list.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/profile.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "device_proto/bundle.h"
#include "device_proto/container_prove.h"
#include "device_proto/script.h"
#include "device_proto/wasm.h"

#define OPCODE_CALL 0x85

/* What a WebAssembly container may ask for: more than microcontrollers have, less than would hurt elsewhere. */
#define WASM_PAGES 16u
#define WASM_TABLE 1024u

struct keys {
    struct public_key live[KEYS_PER_TENANT_MAX];
    uint8_t fingerprints[KEYS_PER_TENANT_MAX][DIGEST_SIZE];
    size_t count;
};

static int keep_live(void *context, const struct tenant_key *key)
{
    struct keys *keys = context;

    if (key->revoked_ms != 0)
        return 0;
    if (keys->count == KEYS_PER_TENANT_MAX)
        return -E2BIG;
    keys->live[keys->count] = key->key;
    memcpy(keys->fingerprints[keys->count++], key->fingerprint, DIGEST_SIZE);
    return 0;
}

static int bundle_refused(int r, const char *tenant, struct why *why)
{
    switch ((enum bundle_refusal)r) {
    case BUNDLE_SIGNATURE:
        return refuse(why, REFUSED_FORBIDDEN, "bundle",
                      "sign it with a key of the tenant, or register that key: tinypartctl tenant key add",
                      "no live key of %s signed this bundle", tenant);
    case BUNDLE_DIGEST:
        return refuse(why, REFUSED_FORBIDDEN, "bundle", "sign the container again: tinypartctl image sign",
                      "the bundle was changed after it was signed: %s", bundle_refusal_text(r));
    case BUNDLE_NO_ROOM:
        return refuse(why, REFUSED_TOO_LARGE, "bundle", NULL, "a container has at most %d bytes", IMAGE_SIZE_MAX);
    case BUNDLE_STRUCTURE:
    case BUNDLE_UNSUPPORTED:
    case BUNDLE_NAME:
        break;
    }
    return refuse(why, REFUSED_INVALID, "bundle", "make one with tinypartctl image sign", "this is no image bundle: %s",
                  bundle_refusal_text(r));
}

static int bundle_open(struct core *core, const struct tenant *tenant, struct bytes encoded, struct bundle *out,
                       struct image *image, struct why *why)
{
    struct keys keys = { 0 };

    if (encoded.size > BUNDLE_SIZE_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "bundle", NULL, "a bundle has at most %d bytes", BUNDLE_SIZE_MAX);
    int r = core->store->tenant_key_each(core->store, tenant->id, keep_live, &keys);
    if (r != 0)
        return r;
    if (keys.count == 0)
        return refuse(why, REFUSED_FORBIDDEN, "tenant", "register one: tinypartctl tenant key add",
                      "%s has no live key", tenant->name);
    r = bundle_verify(encoded, keys.live, keys.count, core->crypto, out);
    if (r != 0)
        return r < 0 ? r : bundle_refused(r, tenant->name, why);
    if (out->container.size > IMAGE_SIZE_MAX)
        return bundle_refused(BUNDLE_NO_ROOM, tenant->name, why);
    memcpy(image->signer, keys.fingerprints[out->signer - keys.live], DIGEST_SIZE);
    out->signer = NULL; /* keys end here */
    return 0;
}

/* The helper numbers that a container calls, each once. 0, a container_reason, or -E2BIG. */
static int helpers_called(struct bytes file, uint32_t out[LIST_NUMBERS_MAX], size_t *out_count)
{
    struct container container;
    size_t count = 0;

    int r = container_parse(file, &container);
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < container.text.size / CONTAINER_INSTRUCTION_SIZE; i++) {
        struct container_instruction instruction = container_instruction(&container, i);
        uint32_t number = (uint32_t)instruction.immediate;
        size_t k = 0;

        if (instruction.opcode != OPCODE_CALL)
            continue;
        while (k < count && out[k] != number)
            k++;
        if (k == LIST_NUMBERS_MAX)
            return -E2BIG;
        out[k] = number;
        count += k == count;
    }
    *out_count = count;
    return 0;
}

static int container_refused(int reason, const struct container_problem *problem, const char *whom, struct why *why)
{
    if (problem != NULL && problem->at_instruction)
        return refuse(why, REFUSED_INVALID, "container", NULL, "%s cannot run this container: instruction %u: %s", whom,
                      (unsigned)problem->instruction, container_reason_text(reason));
    return refuse(why, REFUSED_INVALID, "container", NULL, "%s cannot run this container: %s", whom,
                  container_reason_text(reason));
}

/* Judges with working memory of its own: 0, REFUSED_INVALID in words, or -ENOMEM. unproven (may be NULL) gets what
 * could not be proven. */
static int bpf_judge(struct bytes file, const struct container_limits *limits, const char *whom,
                     char unproven[IMAGE_UNPROVEN_SIZE], enum container_reason *out_reason, struct why *why)
{
    _cleanup_free_ struct container_scratch *scratch = malloc(sizeof(*scratch));
    struct container_problem problem = { .reason = 0 };

    if (scratch == NULL)
        return -ENOMEM;
    enum container_verdict verdict = container_judge(file, limits, 0, scratch, &problem, NULL);
    *out_reason = problem.reason;
    if (verdict == CONTAINER_REFUSED)
        return container_refused((int)problem.reason, &problem, whom, why);
    if (unproven != NULL)
        unproven[0] = '\0';
    if (unproven != NULL && verdict == CONTAINER_UNPROVEN)
        snprintf(unproven, IMAGE_UNPROVEN_SIZE, "instruction %u: %s", (unsigned)problem.instruction,
                 container_reason_text((int)problem.reason));
    return 0;
}

/* The widest limits: what no kind of device could take is refused at once. Devices differ in how they write negation;
 * either is good here. Whether unproven code may run, a grant says when a rollout is ordered. */
static int bpf_admit(struct bytes file, struct image *image, struct why *why)
{
    uint32_t helpers[LIST_NUMBERS_MAX];
    enum container_reason reason;
    size_t count = 0;

    int r = helpers_called(file, helpers, &count);
    if (r > 0)
        return container_refused(r, NULL, "a device", why);
    if (r != 0 || list_write_hex(helpers, count, image->helpers) != 0)
        return refuse(why, REFUSED_INVALID, "container", NULL, "it calls too many different helpers");
    struct container_limits limits = { .size_max = IMAGE_SIZE_MAX,
                                       .branches_max = CONTAINER_BRANCHES_MAX,
                                       .helpers = helpers,
                                       .helper_count = count,
                                       .section_loads = true };
    r = bpf_judge(file, &limits, "a device", NULL, &reason, why);
    if (r > 0 && reason == CONTAINER_UNKNOWN_OPCODE) {
        limits.neg_is_8f = true;
        r = bpf_judge(file, &limits, "a device", NULL, &reason, why);
    }
    return r;
}

/* Keeps each number once; gives how many are left. */
static size_t without_doubles(uint32_t *numbers, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        size_t k = 0;

        while (k < kept && numbers[k] != numbers[i])
            k++;
        if (k == kept)
            numbers[kept++] = numbers[i];
    }
    return kept;
}

static int wasm_admit(struct bytes file, struct image *image, struct why *why)
{
    static const struct wasm_limits limits = { .size_max = IMAGE_SIZE_MAX,
                                               .memory_pages_max = WASM_PAGES,
                                               .table_max = WASM_TABLE };
    struct wasm_problem problem;
    struct wasm_facts facts;

    int r = wasm_check(file, &limits, &problem, &facts);
    if (r != 0)
        return refuse(why, REFUSED_INVALID, "container",
                      r == WASM_IMPORT ? "helpers are imported by name from the module " WASM_MODULE : NULL,
                      "this is no WebAssembly module for devices: byte %zu: %s%s%.*s", problem.at, wasm_reason_text(r),
                      problem.name.size > 0 ? ": " : "", (int)(problem.name.size < 40 ? problem.name.size : 40),
                      problem.name.size > 0 ? (const char *)problem.name.data : "");
    size_t count = without_doubles(facts.helpers, facts.helper_count);
    if (count > LIST_NUMBERS_MAX || list_write_hex(facts.helpers, count, image->helpers) != 0)
        return refuse(why, REFUSED_INVALID, "container", NULL, "it imports too many different helpers");
    return 0;
}

static int script_admit(struct bytes file, struct why *why)
{
    uint32_t line;

    int r = script_check(file, IMAGE_SIZE_MAX, &line);
    return r == 0 ? 0
                  : refuse(why, REFUSED_INVALID, "container", NULL, "line %u of the script: %s", (unsigned)line,
                           script_reason_text(r));
}

static int content_admit(const struct bundle *bundle, struct image *image, struct why *why)
{
    switch (bundle->type) {
    case BUNDLE_BPF:
        return bpf_admit(bundle->container, image, why);
    case BUNDLE_WASM:
        return wasm_admit(bundle->container, image, why);
    case BUNDLE_PYTHON:
    case BUNDLE_SHELL:
        return script_admit(bundle->container, why);
    case BUNDLE_NATIVE:
        break;
    }
    return 0;
}

static int image_fill(const struct tenant *tenant, const struct bundle *bundle, struct image *image)
{
    image->tenant_id = tenant->id;
    image->size = bundle->container.size;
    memcpy(image->digest, bundle->digest, DIGEST_SIZE);
    if (text_copy(image->tenant, sizeof(image->tenant), tenant->name) != 0 ||
        text_copy_bytes(image->name, sizeof(image->name), bundle->name) != 0 ||
        text_copy_bytes(image->version, sizeof(image->version), bundle->version) != 0 ||
        text_copy_bytes(image->sensor, sizeof(image->sensor), bundle->sensor) != 0 ||
        text_copy(image->type, sizeof(image->type), bundle_type_text(bundle->type)) != 0)
        return -E2BIG;
    return 0;
}

/* Without a bound one tenant's pushes could fill the disk that all tenants' readings go to. */
static int room_check(struct core *core, const struct image *image, struct why *why)
{
    int64_t count;

    int r = core->store->image_count(core->store, image->tenant_id, &count);
    if (r != 0 || count < IMAGES_PER_TENANT_MAX)
        return r;
    return refuse(why, REFUSED_EXHAUSTED, "tenant", NULL, "%s has %d images, which is the most", image->tenant,
                  IMAGES_PER_TENANT_MAX);
}

static int image_save(struct core *core, const struct caller *caller, struct bytes bundle, struct bytes container,
                      struct image *image, struct why *why)
{
    struct detail detail = DETAIL;
    char subject[96];

    int r = room_check(core, image, why);
    if (r != 0)
        return r;
    r = core->store->blob_put(core->store, image->bundle_digest, bundle);
    if (r == 0)
        r = core->store->blob_put(core->store, image->digest, container);
    if (r == 0)
        r = core->store->image_insert(core->store, image);
    if (r != 0)
        return r;
    snprintf(subject, sizeof(subject), "image:%lld", (long long)image->id);
    detail_text(&detail, "tenant", image->tenant);
    detail_text(&detail, "name", image->name);
    detail_text(&detail, "version", image->version);
    detail_text(&detail, "helpers", image->helpers);
    detail_hex(&detail, "digest", bytes_view(image->digest, DIGEST_SIZE));
    detail_hex(&detail, "signer", bytes_view(image->signer, DIGEST_SIZE));
    return audit_append(core, caller, "image.admit", subject, image->tenant_id, detail_end(&detail));
}

/* One with this name and version that is there already: the same bundle is no change, another one is refused. */
static int image_known(struct core *core, const struct image *image, struct image *out, struct why *why)
{
    struct image known;

    int r = core->store->image_by_name(core->store, image->tenant_id, image->name, image->version, &known);
    if (r != 0)
        return r;
    if (memcmp(known.bundle_digest, image->bundle_digest, DIGEST_SIZE) != 0)
        return refuse(why, REFUSED_EXISTS, "version", "give the new content a new version",
                      "%s:%s is there already with another content", image->name, image->version);
    *out = known;
    return 0;
}

int image_admit(struct core *core, const struct caller *caller, const char *tenant_name, struct bytes encoded,
                struct image *out, struct why *why)
{
    struct image image = { .created_ms = clock_now_ms(core->clock) };
    struct bundle bundle;
    struct tenant tenant;

    int r = access_check(caller, CAN_PUSH_IMAGES, why);
    if (r != 0)
        return r;
    r = access_tenant(core, caller, tenant_name, &tenant, why);
    if (r != 0)
        return r;
    r = bundle_open(core, &tenant, encoded, &bundle, &image, why);
    if (r == 0)
        r = image_fill(&tenant, &bundle, &image);
    if (r == 0)
        r = content_admit(&bundle, &image, why);
    if (r == 0)
        r = core->crypto->sha256(core->crypto->context, encoded, image.bundle_digest);
    if (r != 0)
        return r;
    r = image_known(core, &image, out, why);
    if (r != REFUSED_UNKNOWN)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, image_save(core, caller, encoded, bundle.container, &image, why));
    if (r == 0)
        *out = image;
    return r;
}

int image_get(struct core *core, const struct caller *caller, const char *tenant_name, const char *name,
              const char *version, struct image *out, struct why *why)
{
    struct tenant tenant;

    int r = access_check(caller, CAN_SEE_IMAGES, why);
    if (r != 0)
        return r;
    r = access_tenant(core, caller, tenant_name, &tenant, why);
    if (r != 0)
        return r;
    return image_find(core, &tenant, name, version, out, why);
}

int image_find(struct core *core, const struct tenant *tenant, const char *name, const char *version, struct image *out,
               struct why *why)
{
    if (name == NULL || version == NULL)
        return refuse(why, REFUSED_INVALID, "image", "NAME:VERSION", "no image is named");
    int r = core->store->image_by_name(core->store, tenant->id, name, version, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "image", "tinypartctl image list shows the images",
                      "%s has no image %.64s:%.33s", tenant->name, name, version);
    return r;
}

int image_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct image *image), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_IMAGES, why);
    return r != 0 ? r : core->store->image_each(core->store, access_scope(caller), page, each, context);
}

static int bpf_fits(struct core *core, const struct image *image, const struct profile *profile,
                    char unproven[IMAGE_UNPROVEN_SIZE], struct why *why)
{
    _cleanup_free_ uint8_t *file = malloc(image->size);
    uint32_t helpers[LIST_NUMBERS_MAX];
    enum container_reason reason;
    size_t size, count;
    uint64_t total;

    if (file == NULL)
        return -ENOMEM;
    int r = core->store->blob_read(core->store, image->digest, 0, file, image->size, &size, &total);
    if (r != 0 || size != image->size || total != image->size)
        return r < 0 ? r : -EIO; /* admitted, yet not there whole */
    r = list_numbers(profile->helpers, helpers, &count);
    if (r != 0)
        return r;
    struct container_limits limits = { .size_max = profile->image_size_max,
                                       .branches_max = profile->branches_max,
                                       .helpers = helpers,
                                       .helper_count = count,
                                       .section_loads = profile->section_loads,
                                       .neg_is_8f = profile->neg_is_8f };
    return bpf_judge(bytes_view(file, size), &limits, profile->name, unproven, &reason, why);
}

int image_fits(struct core *core, const struct image *image, const struct profile *profile, unsigned slot,
               char unproven[IMAGE_UNPROVEN_SIZE], struct why *why)
{
    unproven[0] = '\0';
    if (!list_has_name(profile->image_types, image->type))
        return refuse(why, REFUSED_INVALID, "image", NULL, "%s devices take no %s images", profile->name, image->type);
    if (slot >= profile->slots)
        return refuse(why, REFUSED_INVALID, "slot", NULL, "%s devices have the slots 0 to %u", profile->name,
                      profile->slots - 1);
    if (image->size > profile->image_size_max)
        return refuse(why, REFUSED_INVALID, "image", NULL, "%s:%s has %llu bytes, a slot of a %s device takes %u",
                      image->name, image->version, (unsigned long long)image->size, profile->name,
                      profile->image_size_max);
    return strcmp(image->type, "bpf") == 0 ? bpf_fits(core, image, profile, unproven, why) : 0;
}

/* describe_compile.c - the sequences that follow from "components": what is to be fetched from where, copied, checked,
 * loaded and invoked, and which dependencies are processed when.
 * Entries with the same install-id are choices for one component: what they agree on stands once, what they differ in
 * becomes the branches of a try-each. */
#include "cli/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICES_MAX = 16, ROWS_MAX = 8 };

/* A parameter that an entry asks for, and the condition that checks it. */
struct row {
    const char *member;
    int64_t parameter;
    int64_t condition; /* 0: none */
};

static const struct row shared_rows[] = {
    { "slot", SUIT_PARAMETER_SLOT, SUIT_CONDITION_SLOT },
    { "vendor-id", SUIT_PARAMETER_VENDOR, SUIT_CONDITION_VENDOR },
    { "class-id", SUIT_PARAMETER_CLASS, SUIT_CONDITION_CLASS },
    { "device-id", SUIT_PARAMETER_DEVICE, SUIT_CONDITION_DEVICE },
    { "use-before", SUIT_PARAMETER_USE_BEFORE, SUIT_CONDITION_USE_BEFORE },
    { "version", SUIT_PARAMETER_VERSION, SUIT_CONDITION_VERSION },
    { "install-digest", SUIT_PARAMETER_DIGEST, 0 },
    { "install-size", SUIT_PARAMETER_SIZE, 0 },
};

static const struct row fetch_rows[] = {
    { "slot", SUIT_PARAMETER_SLOT, SUIT_CONDITION_SLOT },
    { "uri", SUIT_PARAMETER_URI, 0 },
    { "encryption-info", SUIT_PARAMETER_ENCRYPTION_INFO, 0 },
    { "fetch-arguments", SUIT_PARAMETER_FETCH_ARGS, 0 },
};

static const struct row download_rows[] = {
    { "slot", SUIT_PARAMETER_SLOT, SUIT_CONDITION_SLOT },
    { "uri", SUIT_PARAMETER_URI, 0 },
    { "download-digest", SUIT_PARAMETER_DIGEST, 0 },
    { "fetch-arguments", SUIT_PARAMETER_FETCH_ARGS, 0 },
};

static const struct row copy_rows[] = {
    { "download-id", SUIT_PARAMETER_SOURCE, 0 },
    { "encryption-info", SUIT_PARAMETER_ENCRYPTION_INFO, 0 },
};

static const struct row load_rows[] = {
    { "install-id", SUIT_PARAMETER_SOURCE, 0 },
    { "load-digest", SUIT_PARAMETER_DIGEST, 0 },
    { "load-size", SUIT_PARAMETER_SIZE, 0 },
};

static const struct row invoke_rows[] = { { "invoke-args", SUIT_PARAMETER_INVOKE_ARGS, 0 } };

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

/* The entries for one component. */
struct choices {
    json_t *entries[CHOICES_MAX];
    size_t indices[CHOICES_MAX]; /* in "components", for refusals */
    size_t count;
    uint64_t component;
};

/* Whether all choices say the same, some differ, or none says anything. */
enum agreement { NONE, SAME, DIFFER };

static enum agreement agreement_on(const struct choices *choices, const char *member)
{
    const json_t *first = json_object_get(choices->entries[0], member);
    bool any = first != NULL;

    for (size_t i = 1; i < choices->count; i++) {
        const json_t *other = json_object_get(choices->entries[i], member);
        any |= other != NULL;
        if ((first == NULL) != (other == NULL) || (first != NULL && !json_equal(first, other)))
            return DIFFER;
    }
    return any ? SAME : NONE;
}

static bool any_has(const struct choices *choices, const char *member)
{
    return agreement_on(choices, member) != NONE;
}

/* Overrides what one entry has of the rows that the choices agree on (or not), and that have a condition (or not). */
static int write_rows(struct describer *describer, struct described *described, int64_t directive,
                      const struct choices *choices, size_t choice, const struct row *rows, size_t n_rows,
                      enum agreement agreement, int with_condition)
{
    struct suit_value values[ROWS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < n_rows; i++) {
        const json_t *json = json_object_get(choices->entries[choice], rows[i].member);
        if (json == NULL || agreement_on(choices, rows[i].member) != agreement ||
            (with_condition >= 0 && (rows[i].condition != 0) != (with_condition == 1)))
            continue;
        size_t list = describer_down(describer, "components", 0);
        (void)describer_down(describer, NULL, choices->indices[choice]);
        (void)describer_down(describer, rows[i].member, 0);
        int r = describe_value(describer, rows[i].parameter, json, &values[count++]);
        if (r != 0)
            return r;
        describer_up(describer, list);
    }
    if (count > 0)
        suit_script_parameters(&described->script, directive, values, count);
    return 0;
}

static void write_conditions(struct described *described, const struct choices *choices, size_t choice,
                             const struct row *rows, size_t n_rows, enum agreement agreement)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].condition != 0 && agreement_on(choices, rows[i].member) == agreement &&
            json_object_get(choices->entries[choice], rows[i].member) != NULL)
            suit_script_command(&described->script, rows[i].condition, suit_command_find(rows[i].condition)->policy);
    }
}

static bool differ_in_any(const struct choices *choices, const struct row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (agreement_on(choices, rows[i].member) == DIFFER)
            return true;
    }
    return false;
}

static bool agree_on_any(const struct choices *choices, const struct row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (agreement_on(choices, rows[i].member) == SAME)
            return true;
    }
    return false;
}

/* What the choices agree on, then a branch for each of them, then the conditions that they agree on. */
static int write_choices(struct describer *describer, struct described *described, int64_t directive,
                         const struct choices *choices, uint64_t index, const struct row *rows, size_t n_rows)
{
    bool branches = differ_in_any(choices, rows, n_rows);
    int r = 0;

    if (!branches && !agree_on_any(choices, rows, n_rows))
        return 0;
    described_at(described, index);
    r = write_rows(describer, described, directive, choices, 0, rows, n_rows, SAME, -1);
    if (branches)
        suit_script_try_begin(&described->script);
    for (size_t i = 0; r == 0 && branches && i < choices->count; i++) {
        suit_script_branch_begin(&described->script);
        r = write_rows(describer, described, directive, choices, i, rows, n_rows, DIFFER, 1);
        write_conditions(described, choices, i, rows, n_rows, DIFFER);
        if (r == 0)
            r = write_rows(describer, described, directive, choices, i, rows, n_rows, DIFFER, 0);
        suit_script_branch_end(&described->script);
    }
    if (branches)
        suit_script_try_end(&described->script, false);
    write_conditions(described, choices, 0, rows, n_rows, SAME);
    return r;
}

/* Deployed RIOT devices are used to the other directive, which means the same to them. */
static int64_t directive_of(const struct describer *describer)
{
    return describer->dialect == SUIT_RIOT ? SUIT_DIRECTIVE_SET_PARAMETERS : SUIT_DIRECTIVE_OVERRIDE;
}

static int index_of_member(struct describer *describer, const struct choices *choices, const char *member,
                           uint64_t *out)
{
    size_t mark = describer_down(describer, member, 0);

    for (size_t i = 0; i < choices->count; i++) {
        const json_t *id = json_object_get(choices->entries[i], member);
        if (id == NULL)
            continue;
        int r = describe_index(describer, id, out);
        if (r == 0)
            describer_up(describer, mark);
        return r;
    }
    return describer_refuse(describer, "write the component identifier", "%s is missing", member);
}

/* ---- one section each ---- */

static int compile_shared(struct describer *describer, struct described *described, const struct choices *choices)
{
    return write_choices(describer, described, SUIT_DIRECTIVE_OVERRIDE, choices, choices->component, ROWS(shared_rows));
}

static bool is_copied(const struct choices *choices)
{
    for (size_t i = 0; i < choices->count; i++) {
        const json_t *at_once = json_object_get(choices->entries[i], "install-on-download");
        if (at_once != NULL && json_is_false(at_once))
            return true;
    }
    return false;
}

static int compile_fetch(struct describer *describer, struct described *described, const struct choices *choices)
{
    uint64_t index = 0;

    if (!any_has(choices, "uri") || !is_copied(choices))
        return 0;
    int r = index_of_member(describer, choices, "download-id", &index);
    if (r == 0)
        r = write_choices(describer, described, directive_of(describer), choices, index, ROWS(download_rows));
    described_command(described, index, SUIT_DIRECTIVE_FETCH);
    described_command(described, index, SUIT_CONDITION_IMAGE_MATCH);
    return r;
}

static int compile_install(struct describer *describer, struct described *described, const struct choices *choices)
{
    int64_t directive = directive_of(describer);
    bool copied = is_copied(choices);
    int r = 0;

    if (!any_has(choices, "uri"))
        return 0;
    if (copied)
        r = write_choices(describer, described, directive, choices, choices->component, ROWS(copy_rows));
    else
        r = write_choices(describer, described, directive, choices, choices->component, ROWS(fetch_rows));
    described_command(described, choices->component, copied ? SUIT_DIRECTIVE_COPY : SUIT_DIRECTIVE_FETCH);
    if (any_has(choices, "install-digest"))
        described_command(described, choices->component, SUIT_CONDITION_IMAGE_MATCH);
    return r;
}

static int compile_validate(struct describer *describer, struct described *described, const struct choices *choices)
{
    (void)describer;
    if (any_has(choices, "install-digest"))
        described_command(described, choices->component, SUIT_CONDITION_IMAGE_MATCH);
    return 0;
}

static int compile_load(struct describer *describer, struct described *described, const struct choices *choices)
{
    uint64_t index = 0;

    if (!any_has(choices, "loadable"))
        return 0;
    int r = index_of_member(describer, choices, "load-id", &index);
    if (r == 0)
        r = write_choices(describer, described, directive_of(describer), choices, index, ROWS(load_rows));
    described_command(described, index, SUIT_DIRECTIVE_COPY);
    described_command(described, index, SUIT_CONDITION_IMAGE_MATCH);
    return r;
}

/* Several choices that boot leave it to the device which of them is invoked. */
static int compile_invoke(struct describer *describer, struct described *described, const struct choices *choices)
{
    uint64_t index = choices->component;
    int r = 0;

    if (choices->count > 1 || !json_is_true(json_object_get(choices->entries[0], "bootable")))
        return 0;
    if (any_has(choices, "loadable"))
        r = index_of_member(describer, choices, "load-id", &index);
    if (r == 0)
        r = write_choices(describer, described, directive_of(describer), choices, index, ROWS(invoke_rows));
    described_command(described, index, SUIT_DIRECTIVE_INVOKE);
    return r;
}

/* ---- all sections ---- */

struct compiled {
    struct choices *components;
    size_t component_count;
    struct described_dependency *dependencies;
};

typedef int compile_part(struct describer *describer, struct described *described, const struct choices *choices);

/* A section: first the dependencies that have it, then the components. */
static int compile_section(struct describer *describer, const struct compiled *compiled, enum suit_part part,
                           compile_part *component, struct bytes *out)
{
    struct described described;

    int r = described_begin(describer, &described);
    for (size_t i = 0; r == 0 && i < describer->draft.dependency_count; i++) {
        const struct described_dependency *dependency = &compiled->dependencies[i];
        uint64_t index = describer->dependencies[i].index;
        if (part == SUIT_PART_DEPENDENCY_RESOLUTION)
            describe_resolving(&described, index, dependency);
        else if (part < SUIT_PARTS && describe_has_part(dependency, part))
            describe_processing(&described, index, dependency);
    }
    for (size_t i = 0; r == 0 && component != NULL && i < compiled->component_count; i++)
        r = component(describer, &described, &compiled->components[i]);
    return r != 0 ? r : described_end(describer, &described, out);
}

static int compile_all(struct describer *describer, const struct compiled *compiled, const json_t *json)
{
    static const struct {
        enum suit_part part;
        compile_part *component;
    } sections[] = {
        { SUIT_PART_DEPENDENCY_RESOLUTION, NULL },  { SUIT_PART_PAYLOAD_FETCH, compile_fetch },
        { SUIT_PART_CANDIDATE_VERIFICATION, NULL }, { SUIT_PART_INSTALL, compile_install },
        { SUIT_PART_VALIDATE, compile_validate },   { SUIT_PART_LOAD, compile_load },
        { SUIT_PART_INVOKE, compile_invoke },
    };
    int r = 0;

    if (json_object_get(json, "shared-sequence") == NULL)
        r = compile_section(describer, compiled, SUIT_PARTS, compile_shared, &describer->draft.shared);
    for (size_t i = 0; r == 0 && i < sizeof(sections) / sizeof(sections[0]); i++) {
        enum suit_part part = sections[i].part;
        if (json_object_get(json, suit_part_name(part)) == NULL)
            r = compile_section(describer, compiled, part, sections[i].component,
                                &describer->draft.members[part].content);
    }
    return r;
}

/* Completes an entry: digest and size of its file, the old name of the slot, digests that are the same. */
static int complete(struct describer *describer, json_t *entry)
{
    json_t *file = json_object_get(entry, "file");
    const json_t *offset = json_object_get(entry, "offset");
    const char *uri = json_string_value(json_object_get(entry, "uri"));
    struct bytes content;

    if (offset != NULL && json_object_get(entry, "slot") == NULL)
        json_object_set(entry, "slot", json_object_get(entry, "offset"));
    if (file != NULL) {
        json_t *digest = json_pack("{s:O}", "file", file);
        int r = digest == NULL ? -ENOMEM : describe_bytes(describer, digest, &content);
        if (r == 0) {
            json_object_set(entry, "install-digest", digest);
            json_object_set_new(entry, "install-size", json_integer((json_int_t)content.size));
        }
        json_decref(digest);
        if (r != 0)
            return r;
        if (uri != NULL && uri[0] == '#') {
            if (describer->draft.integrated_count == SUIT_AUTHOR_INTEGRATED)
                return describer_refuse(describer, NULL, "more than %u payloads travel in the envelope",
                                        SUIT_AUTHOR_INTEGRATED);
            describer->integrated[describer->draft.integrated_count++] =
                (struct suit_integrated){ bytes_of_text(uri), content };
        }
    }
    if (json_object_get(entry, "download-digest") == NULL && json_object_get(entry, "install-digest") != NULL)
        json_object_set(entry, "download-digest", json_object_get(entry, "install-digest"));
    if (json_object_get(entry, "load-digest") == NULL && json_object_get(entry, "install-digest") != NULL)
        json_object_set(entry, "load-digest", json_object_get(entry, "install-digest"));
    if (json_object_get(entry, "load-size") == NULL && json_object_get(entry, "install-size") != NULL)
        json_object_set(entry, "load-size", json_object_get(entry, "install-size"));
    return 0;
}

static int group(struct describer *describer, json_t *json, struct compiled *out)
{
    json_t *list = json_object_get(json, "components");
    size_t mark = describer_down(describer, "components", 0);
    size_t i = 0;
    json_t *entry = NULL;

    json_array_foreach(list, i, entry)
    {
        size_t element = describer_down(describer, NULL, i);
        uint64_t index = 0;
        size_t k = 0;
        int r = complete(describer, entry);
        if (r == 0)
            r = describe_index(describer, json_object_get(entry, "install-id"), &index);
        if (r != 0)
            return r;
        while (k < out->component_count && out->components[k].component != index)
            k++;
        if (k == out->component_count)
            out->components[out->component_count++].component = index;
        if (out->components[k].count == CHOICES_MAX)
            return describer_refuse(describer, NULL, "more than %d choices for one component", CHOICES_MAX);
        out->components[k].indices[out->components[k].count] = i;
        out->components[k].entries[out->components[k].count++] = entry;
        describer_up(describer, element);
    }
    describer_up(describer, mark);
    return 0;
}

/* Who is invoked must be said where two components could be. */
static int check_bootable(struct describer *describer, const struct compiled *compiled, const json_t *json)
{
    size_t bootable = 0;

    for (size_t i = 0; i < compiled->component_count; i++) {
        bool boots = false;
        for (size_t k = 0; k < compiled->components[i].count; k++)
            boots |= json_is_true(json_object_get(compiled->components[i].entries[k], "bootable"));
        bootable += boots;
    }
    if (bootable < 2 || json_object_get(json, "invoke") != NULL)
        return 0;
    return describer_refuse(describer, "write the sequence \"invoke\" out",
                            "%zu components are bootable, and only one can be invoked", bootable);
}

int describe_compiled(struct describer *describer, json_t *json)
{
    struct compiled compiled = { 0 };
    const json_t *dependencies = json_object_get(json, "dependencies");
    size_t i = 0;
    const json_t *entry = NULL;
    int r = 0;

    compiled.components = describer_take(describer, SUIT_AUTHOR_COMPONENTS * sizeof(*compiled.components));
    compiled.dependencies = describer_take(describer, SUIT_AUTHOR_DEPENDENCIES * sizeof(*compiled.dependencies));
    if (compiled.components == NULL || compiled.dependencies == NULL)
        return -ENOMEM;
    size_t mark = describer_down(describer, "dependencies", 0);
    json_array_foreach(dependencies, i, entry)
    {
        size_t element = describer_down(describer, NULL, i);
        if (json_object_get(entry, "file") != NULL)
            r = describe_dependency(describer, entry, &compiled.dependencies[i]);
        if (r != 0)
            return r;
        describer_up(describer, element);
    }
    describer_up(describer, mark);
    r = group(describer, json, &compiled);
    if (r == 0)
        r = check_bootable(describer, &compiled, json);
    return r != 0 ? r : compile_all(describer, &compiled, json);
}

/* describe.c - a description in JSON becomes a draft: the members around the sequences. */
#include "cli/describe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"

enum { SEQUENCE_MAX = 1 << 20 };

struct piece {
    struct piece *next;
    max_align_t memory[];
};

void *describer_take(struct describer *describer, size_t size)
{
    struct piece *piece = calloc(1, sizeof(*piece) + size);

    if (piece == NULL)
        return NULL;
    piece->next = describer->pieces;
    describer->pieces = piece;
    return piece->memory;
}

void describer_deinit(struct describer *describer)
{
    for (struct piece *piece = describer->pieces; piece != NULL;) {
        struct piece *next = piece->next;
        free(piece);
        piece = next;
    }
    describer->pieces = NULL;
}

size_t describer_down(struct describer *describer, const char *name, size_t index)
{
    size_t mark = strlen(describer->path);
    size_t room = sizeof(describer->path) - mark;

    if (name != NULL)
        snprintf(describer->path + mark, room, "%s%s", mark > 0 ? "." : "", name);
    else
        snprintf(describer->path + mark, room, "[%zu]", index);
    return mark;
}

void describer_up(struct describer *describer, size_t mark)
{
    describer->path[mark] = '\0';
}

int describer_refuse(struct describer *describer, const char *todo, const char *format, ...)
{
    char what[sizeof(describer->why->what)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    return refuse(describer->why, REFUSED_INVALID, describer->path, todo, "%s", what);
}

int describe_refused(struct describer *describer, int refusal)
{
    static const char *const todo[] = {
        [SUIT_REFUSED_STRUCTURE] = "see that every list has something in it, that try-each has two branches, and that "
                                   "nothing stands there twice",
        [SUIT_REFUSED_UNSUPPORTED] = "deployed RIOT devices refuse this; leave it out, or use the dialect suit",
        [SUIT_REFUSED_ROOM] = "at most 16 components of 4 parts of 64 bytes, URIs of 255 characters, 7 sequences in "
                              "each other",
    };
    bool known = refusal > 0 && (size_t)refusal < sizeof(todo) / sizeof(todo[0]) && todo[refusal] != NULL;

    if (refusal <= 0)
        return refusal;
    return describer_refuse(describer, known ? todo[refusal] : NULL, "this cannot be written: %s",
                            suit_refusal_text(refusal));
}

int described_begin(struct describer *describer, struct described *out)
{
    uint8_t *room = describer_take(describer, SEQUENCE_MAX);

    if (room == NULL)
        return -ENOMEM;
    out->script = suit_script_on(describer->dialect, room, SEQUENCE_MAX);
    out->knows_index = describer->draft.component_count + describer->draft.dependency_count == 1;
    out->index = 0;
    return 0;
}

void described_at(struct described *described, uint64_t index)
{
    if (described->knows_index && described->index == index)
        return;
    suit_script_index(&described->script, &index, 1);
    described->knows_index = true;
    described->index = index;
}

void described_command(struct described *described, uint64_t index, int64_t command)
{
    described_at(described, index);
    suit_script_command(&described->script, command, suit_command_find(command)->policy);
}

int described_end(struct describer *describer, struct described *described, struct bytes *out)
{
    if (described->script.refusal == 0 && described->script.writer.size == 0) {
        *out = bytes_view(NULL, 0);
        return 0;
    }
    return describe_refused(describer, suit_script_finish(&described->script, out));
}

/* ---- components and what is said of them ---- */

static int add_component(struct describer *describer, const json_t *json)
{
    struct suit_draft *draft = &describer->draft;
    struct suit_component component;

    int r = describe_component(describer, json, &component);
    if (r != 0)
        return r;
    for (size_t i = 0; i < draft->component_count; i++) {
        if (suit_component_equal(&component, &describer->components[i]))
            return 0;
    }
    if (draft->component_count == SUIT_AUTHOR_COMPONENTS)
        return describer_refuse(describer, "split it into several manifests", "there are more than %u components",
                                SUIT_AUTHOR_COMPONENTS);
    describer->components[draft->component_count++] = component;
    return 0;
}

static int add_components_of(struct describer *describer, const json_t *entry)
{
    static const char *const members[] = { "install-id", "download-id", "load-id" };
    int r = 0;

    if (json_object_get(entry, "install-id") == NULL)
        return describer_refuse(describer, "write the component identifier, as [\"ram\", \"0\"]",
                                "the component has no install-id");
    for (size_t i = 0; r == 0 && i < 3; i++) {
        const json_t *id = json_object_get(entry, members[i]);
        size_t mark = describer_down(describer, members[i], 0);
        if (id != NULL)
            r = add_component(describer, id);
        if (r == 0)
            describer_up(describer, mark);
    }
    return r;
}

/* Every identifier once, in the order that they come: "component-ids", then each component's. */
static int collect_components(struct describer *describer, json_t *json)
{
    static const char *const lists[] = { "component-ids", "components" };
    int r = 0;

    for (size_t k = 0; k < 2; k++) {
        const json_t *list = json_object_get(json, lists[k]);
        size_t mark = describer_down(describer, lists[k], 0);
        size_t i = 0;
        const json_t *entry = NULL;

        if (list != NULL && !json_is_array(list))
            return describer_refuse(describer, NULL, "this is not a list");
        json_array_foreach(list, i, entry)
        {
            size_t element = describer_down(describer, NULL, i);
            r = k == 0 ? add_component(describer, entry) : add_components_of(describer, entry);
            if (r != 0)
                return r;
            describer_up(describer, element);
        }
        describer_up(describer, mark);
    }
    describer->draft.components = describer->components;
    return 0;
}

static int add_dependency(struct describer *describer, const json_t *entry)
{
    struct suit_draft *draft = &describer->draft;
    struct suit_dependency *dependency = &describer->dependencies[draft->dependency_count];
    const json_t *index = json_object_get(entry, "component-index");
    const json_t *prefix = json_object_get(entry, "prefix");

    if (draft->dependency_count == SUIT_AUTHOR_DEPENDENCIES)
        return describer_refuse(describer, NULL, "there are more than %u dependencies", SUIT_AUTHOR_DEPENDENCIES);
    dependency->index = draft->component_count + draft->dependency_count;
    if (index != NULL && (!json_is_integer(index) || json_integer_value(index) < 0))
        return describer_refuse(describer, NULL, "component-index is not a number from 0 on");
    if (index != NULL)
        dependency->index = (uint64_t)json_integer_value(index);
    draft->dependency_count++;
    dependency->has_prefix = prefix != NULL;
    return prefix == NULL ? 0 : describe_component(describer, prefix, &dependency->prefix);
}

static int collect_dependencies(struct describer *describer, json_t *json)
{
    const json_t *list = json_object_get(json, "dependencies");
    size_t mark = describer_down(describer, "dependencies", 0);
    size_t i = 0;
    const json_t *entry = NULL;
    int r = 0;

    if (list != NULL && !json_is_array(list))
        return describer_refuse(describer, NULL, "this is not a list");
    json_array_foreach(list, i, entry)
    {
        size_t element = describer_down(describer, NULL, i);
        r = add_dependency(describer, entry);
        if (r != 0)
            return r;
        describer_up(describer, element);
    }
    describer_up(describer, mark);
    describer->draft.dependencies = describer->dependencies;
    return 0;
}

int describe_index(struct describer *describer, const json_t *json, uint64_t *out)
{
    const struct suit_draft *draft = &describer->draft;
    struct suit_component component;

    if (json_is_integer(json) && json_integer_value(json) >= 0) {
        *out = (uint64_t)json_integer_value(json);
        return 0;
    }
    int r = describe_component(describer, json, &component);
    if (r != 0)
        return r;
    for (size_t i = 0; i < draft->component_count; i++) {
        if (suit_component_equal(&component, &describer->components[i])) {
            *out = i;
            return 0;
        }
    }
    for (size_t i = 0; i < draft->dependency_count; i++) {
        if (describer->dependencies[i].has_prefix &&
            suit_component_equal(&component, &describer->dependencies[i].prefix)) {
            *out = describer->dependencies[i].index;
            return 0;
        }
    }
    return describer_refuse(describer, "name one of components' identifiers, or its index",
                            "this component is not one of the manifest's");
}

/* ---- members by name ---- */

static int member_sequence(struct describer *describer, const json_t *json, const char *name, struct bytes *out)
{
    const json_t *sequence = json_object_get(json, name);
    size_t mark = describer_down(describer, name, 0);

    int r = sequence == NULL ? 0 : describe_sequence(describer, sequence, out);
    if (r == 0)
        describer_up(describer, mark);
    return r;
}

/* A severed member of which only the digest is left. */
static int member_digest(struct describer *describer, const json_t *json, enum suit_part part)
{
    struct suit_member *member = &describer->draft.members[part];
    struct suit_value value;

    size_t mark = describer_down(describer, suit_part_name(part), 0);
    int r = describe_value(describer, SUIT_PARAMETER_DIGEST, json, &value);
    if (r != 0)
        return r;
    if (!suit_part_is_severable(part) || value.bytes.size != DIGEST_SIZE)
        return describer_refuse(describer, NULL, "this member cannot be severed, or its digest is not sha256");
    member->digest = value.bytes;
    member->keep = SUIT_SEVERED;
    describer_up(describer, mark);
    return 0;
}

static int written_out(struct describer *describer, json_t *json)
{
    struct suit_draft *draft = &describer->draft;
    const json_t *coswid = json_object_get(json, "coswid");

    int r = member_sequence(describer, json, "shared-sequence", &draft->shared);
    for (enum suit_part part = 0; r == 0 && part < SUIT_PARTS; part++) {
        const json_t *digest = json_object_get(json, suit_part_name(part));
        if (json_object_get(digest, "digest-bytes") != NULL)
            r = member_digest(describer, digest, part);
        else if (suit_part_is_sequence(part))
            r = member_sequence(describer, json, suit_part_name(part), &draft->members[part].content);
    }
    if (r == 0 && coswid != NULL && json_object_get(coswid, "digest-bytes") == NULL) {
        size_t mark = describer_down(describer, "coswid", 0);
        r = describe_bytes(describer, coswid, &draft->members[SUIT_PART_COSWID].content);
        if (r == 0)
            describer_up(describer, mark);
    }
    return r;
}

static int part_named(struct describer *describer, const char *name, enum suit_part *out)
{
    for (enum suit_part part = 0; part < SUIT_PARTS; part++) {
        if (name != NULL && strcmp(name, suit_part_name(part)) == 0 && suit_part_is_severable(part)) {
            *out = part;
            return 0;
        }
    }
    return describer_refuse(describer,
                            "severable are: coswid, dependency-resolution, payload-fetch, candidate-verification, "
                            "install, text",
                            "%s is no member that can be severed", name != NULL ? name : "this");
}

/* "severable" and "severed": true for all that can be, or a list of names. */
static int keep(struct describer *describer, const json_t *json, const char *name, enum suit_keep how)
{
    const json_t *list = json_object_get(json, name);
    size_t mark = describer_down(describer, name, 0);
    enum suit_part part = SUIT_PARTS;
    size_t i = 0;
    const json_t *entry = NULL;

    if (list != NULL && !json_is_boolean(list) && !json_is_array(list))
        return describer_refuse(describer, NULL, "this is neither true, false nor a list of names");
    for (enum suit_part at = 0; json_is_true(list) && at < SUIT_PARTS; at++) {
        if (suit_part_is_severable(at))
            describer->draft.members[at].keep = how;
    }
    json_array_foreach(list, i, entry)
    {
        int r = part_named(describer, json_string_value(entry), &part);
        if (r != 0)
            return r;
        describer->draft.members[part].keep = how;
    }
    describer_up(describer, mark);
    return 0;
}

static int add_integrated(struct describer *describer, json_t *json)
{
    json_t *object = json_object_get(json, "integrated-payloads");
    size_t mark = describer_down(describer, "integrated-payloads", 0);
    const char *name = NULL;
    json_t *content = NULL;

    if (object != NULL && !json_is_object(object))
        return describer_refuse(describer, "write { \"#name\": { \"file\": \"payload.bin\" } }",
                                "this is not an object");
    json_object_foreach(object, name, content)
    {
        struct suit_draft *draft = &describer->draft;
        size_t element = describer_down(describer, name, 0);
        if (draft->integrated_count == SUIT_AUTHOR_INTEGRATED)
            return describer_refuse(describer, NULL, "more than %u payloads travel in the envelope",
                                    SUIT_AUTHOR_INTEGRATED);
        struct suit_integrated *next = &describer->integrated[draft->integrated_count++];
        next->name = bytes_of_text(name);
        int r = describe_bytes(describer, content, &next->content);
        if (r != 0)
            return r;
        describer_up(describer, element);
    }
    describer_up(describer, mark);
    describer->draft.integrated = describer->integrated;
    return 0;
}

static int numbers(struct describer *describer, json_t *json)
{
    const json_t *version = json_object_get(json, "manifest-version");
    const json_t *sequence = json_object_get(json, "manifest-sequence-number");
    const json_t *set_version = json_object_get(json, "set-version");

    if (version != NULL && json_integer_value(version) != 1)
        return describer_refuse(describer, "write 1", "manifest-version is not 1");
    if (!json_is_integer(sequence) || json_integer_value(sequence) < 0)
        return describer_refuse(describer, "write a number above the device's highest so far",
                                "manifest-sequence-number is missing, or no number from 0 on");
    describer->draft.sequence = (uint64_t)json_integer_value(sequence);
    if (set_version == NULL)
        return 0;
    size_t mark = describer_down(describer, "set-version", 0);
    int r = describe_version(describer, set_version, describer->set_version, SUIT_AUTHOR_VERSION,
                             &describer->draft.set_version_count);
    describer->draft.set_version = describer->set_version;
    if (r == 0)
        describer_up(describer, mark);
    return r;
}

static int names(struct describer *describer, json_t *json)
{
    const json_t *uri = json_object_get(json, "reference-uri");
    const json_t *id = json_object_get(json, "manifest-component-id");

    if (uri != NULL && !json_is_string(uri))
        return describer_refuse(describer, NULL, "reference-uri is not a text");
    if (uri != NULL)
        describer->draft.reference_uri = bytes_of_text(json_string_value(uri));
    if (id == NULL)
        return 0;
    size_t mark = describer_down(describer, "manifest-component-id", 0);
    int r = describe_component(describer, id, &describer->component_id);
    describer->draft.component_id = &describer->component_id;
    if (r == 0)
        describer_up(describer, mark);
    return r;
}

/* A member that nobody knows is a slip of the pen, which would else be lost without a word. */
static int known_members(struct describer *describer, json_t *json)
{
    static const char *const known[] = {
        "components",          "component-ids",   "dependencies",          "manifest-version",
        "reference-uri",       "set-version",     "manifest-component-id", "manifest-sequence-number",
        "integrated-payloads", "shared-sequence", "description",           "component-descriptions",
        "severable",           "severed",         "include-json",          "dialect",
        "manifest-digest",     "signatures",      "digest-algorithm",
    };
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(json, name, value)
    {
        bool found = false;
        for (size_t i = 0; !found && i < sizeof(known) / sizeof(known[0]); i++)
            found = strcmp(name, known[i]) == 0;
        for (enum suit_part part = 0; !found && part < SUIT_PARTS; part++)
            found = strcmp(name, suit_part_name(part)) == 0;
        if (!found)
            return describer_refuse(describer, "the README of the command line lists the members",
                                    "%s is no member of a manifest's description", name);
    }
    return 0;
}

int describe(struct describer *describer, json_t *json)
{
    static int (*const steps[])(struct describer *, json_t *) = {
        numbers, names, collect_components, collect_dependencies, add_integrated, written_out,
    };

    if (!json_is_object(json))
        return describer_refuse(describer, NULL, "a manifest's description is an object");
    describer->draft.dialect = describer->dialect;
    int r = known_members(describer, json);
    for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        r = steps[i](describer, json);
    if (r == 0)
        r = describe_compiled(describer, json);
    if (r == 0)
        r = describe_texts(describer, json);
    if (r == 0)
        r = keep(describer, json, "severable", SUIT_SEVERABLE);
    if (r == 0)
        r = keep(describer, json, "severed", SUIT_SEVERED);
    return r;
}

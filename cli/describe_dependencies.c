/* describe_dependencies.c - the manifests that a manifest carries or fetches: found, checked and processed. */
#include "cli/describe.h"

#include <errno.h>
#include <string.h>

int describe_dependency(struct describer *describer, const json_t *entry, struct described_dependency *out)
{
    json_t *file = json_object_get(entry, "file");
    const char *uri = json_string_value(json_object_get(entry, "uri"));
    uint8_t *digest = describer_take(describer, DIGEST_SIZE);
    struct bytes content;

    if (digest == NULL)
        return -ENOMEM;
    json_t *wanted = json_pack("{s:O}", "file", file);
    int r = wanted == NULL ? -ENOMEM : describe_bytes(describer, wanted, &content);
    json_decref(wanted);
    if (r != 0)
        return r;
    r = suit_envelope_read(content, &out->envelope);
    if (r != 0)
        return describer_refuse(describer, "only envelopes of the dialect suit can be dependencies",
                                "the dependency cannot be read: %s", suit_refusal_text(r));
    r = describer->crypto->sha256(describer->crypto->context, out->envelope.manifest, digest);
    out->digest = (struct suit_value){ .parameter = SUIT_PARAMETER_DIGEST, .bytes = { digest, DIGEST_SIZE } };
    out->size = (struct suit_value){ .parameter = SUIT_PARAMETER_SIZE, .number = content.size };
    out->has_uri = uri != NULL;
    if (uri == NULL || r != 0)
        return r;
    out->uri = (struct suit_value){ .parameter = SUIT_PARAMETER_URI, .bytes = bytes_of_text(uri) };
    if (uri[0] != '#')
        return 0;
    if (describer->draft.integrated_count == SUIT_AUTHOR_INTEGRATED)
        return describer_refuse(describer, NULL, "more than %u payloads travel in the envelope",
                                SUIT_AUTHOR_INTEGRATED);
    describer->integrated[describer->draft.integrated_count++] =
        (struct suit_integrated){ bytes_of_text(uri), content };
    return 0;
}

void describe_resolving(struct described *described, uint64_t index, const struct described_dependency *dependency)
{
    const struct suit_value values[] = { dependency->digest, dependency->size, dependency->uri };

    if (!dependency->has_uri)
        return;
    described_at(described, index);
    suit_script_parameters(&described->script, SUIT_DIRECTIVE_OVERRIDE, values, 3);
    described_command(described, index, SUIT_DIRECTIVE_FETCH);
    described_command(described, index, SUIT_CONDITION_IMAGE_MATCH);
}

void describe_processing(struct described *described, uint64_t index, const struct described_dependency *dependency)
{
    described_at(described, index);
    suit_script_parameters(&described->script, SUIT_DIRECTIVE_OVERRIDE, &dependency->digest, 1);
    described_command(described, index, SUIT_CONDITION_DEPENDENCY_INTEGRITY);
    described_command(described, index, SUIT_DIRECTIVE_PROCESS_DEPENDENCY);
}

bool describe_has_part(const struct described_dependency *dependency, enum suit_part part)
{
    const struct suit_member *member = &dependency->envelope.draft.members[part];

    return member->content.size > 0 || member->digest.size > 0;
}

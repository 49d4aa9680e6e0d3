/* describe.h - descriptions of manifests in JSON: read into drafts of device_proto, and made of envelopes.
 * The form is that of the SUIT working group's tool ("components" with what shall happen to them), and beside it every
 * sequence, parameter and member by its name, so that what is shown can be made again. cli/README.md has the members.
 */
#ifndef TINYPART_CLI_DESCRIBE_H
#define TINYPART_CLI_DESCRIBE_H

#include <jansson.h>

#include "daemon/base/refusal.h"
#include "device_proto/suit_author.h"

/* A description on its way to a draft. The steps below return 0, a refusal with *why told, or -errno; memory is taken
 * piece by piece and given back at once. */
struct describer {
    enum suit_dialect dialect;
    const struct proto_crypto *crypto;
    struct why *why;
    char path[96]; /* where in the JSON we are: "components[1].install-digest" */
    void *pieces;

    struct suit_draft draft;
    struct suit_component components[SUIT_AUTHOR_COMPONENTS];
    struct suit_dependency dependencies[SUIT_AUTHOR_DEPENDENCIES];
    struct suit_integrated integrated[SUIT_AUTHOR_INTEGRATED];
    struct suit_component component_id;
    int64_t set_version[SUIT_AUTHOR_VERSION];
};

/* The whole of it: fills describer->draft, whose views live until describer_deinit. json may be completed in place. */
int describe(struct describer *describer, json_t *json);
void describer_deinit(struct describer *describer);

/* ---- for the files of the describer ---- */

void *describer_take(struct describer *describer, size_t size); /* NULL: no memory */
/* Goes down to a member, or to an element (name NULL); the answer is for describer_up. */
size_t describer_down(struct describer *describer, const char *name, size_t index);
void describer_up(struct describer *describer, size_t mark);
/* A refusal about the place where we are. */
int describer_refuse(struct describer *describer, const char *todo, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Hex of even length is bytes, any other text is itself; { "hex": ... }, { "text": ... } and { "file": ... } say which.
 */
int describe_bytes(struct describer *describer, const json_t *json, struct bytes *out);
int describe_component(struct describer *describer, const json_t *json, struct suit_component *out);
/* The index of a component identifier in the draft, dependencies' prefixes among them. */
int describe_index(struct describer *describer, const json_t *json, uint64_t *out);
int describe_version(struct describer *describer, const json_t *json, int64_t *out, size_t capacity, size_t *out_count);
/* One parameter. */
int describe_value(struct describer *describer, int64_t parameter, const json_t *json, struct suit_value *out);
/* What stands behind a private parameter or command, encoded: a number, truth value, text or null, or
 * { "hex": ... } for bytes. */
int describe_item(struct describer *describer, const json_t *json, struct bytes *out);
/* 0, or why a sequence was not written. */
int describe_refused(struct describer *describer, int refusal);

/* A sequence under way: which component it is about is said only where that changes. */
struct described {
    struct suit_script script;
    bool knows_index;
    uint64_t index;
};
int described_begin(struct describer *describer, struct described *out);
void described_at(struct described *described, uint64_t index);
/* Nothing was written: out is empty, and no refusal. */
int described_end(struct describer *describer, struct described *described, struct bytes *out);

/* A command that takes a reporting policy, about that component, with the policy that the drafts' examples have. */
void described_command(struct described *described, uint64_t index, int64_t command);

/* A list of commands by their names. */
int describe_sequence(struct describer *describer, const json_t *json, struct bytes *out);
/* The sequences that follow from "components" and "dependencies", where the description does not write them out. */
int describe_compiled(struct describer *describer, json_t *json);
/* What the file of a dependency gives: the digest of its manifest, its size, and which sections it has. */
struct described_dependency {
    struct suit_envelope envelope;
    struct suit_value digest, size, uri;
    bool has_uri;
};
/* Reads one entry of "dependencies" that names a file; a uri that begins with '#' takes the file into the envelope. */
int describe_dependency(struct describer *describer, const json_t *entry, struct described_dependency *out);
bool describe_has_part(const struct described_dependency *dependency, enum suit_part part);
/* Fetches it where it has a uri; checks and processes it. */
void describe_resolving(struct described *described, uint64_t index, const struct described_dependency *dependency);
void describe_processing(struct described *described, uint64_t index, const struct described_dependency *dependency);
/* Texts of the manifest and of its components. */
int describe_texts(struct describer *describer, const json_t *json);

/* ---- showing ---- */

/* What an envelope says, in the form above; to be freed. NULL: no memory. */
json_t *describe_envelope(const struct suit_envelope *envelope);
/* The same for people, in words. */
void describe_print(json_t *description, FILE *out);

#endif

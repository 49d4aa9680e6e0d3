/* suit_label.c - the tables behind suit_label.h. */
#include "device_proto/suit_label.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const struct suit_command_row commands[] = {
    { SUIT_CONDITION_VENDOR, "condition-vendor-identifier", SUIT_TAKES_POLICY, 15, true, true },
    { SUIT_CONDITION_CLASS, "condition-class-identifier", SUIT_TAKES_POLICY, 15, true, true },
    { SUIT_CONDITION_IMAGE_MATCH, "condition-image-match", SUIT_TAKES_POLICY, 15, true, true },
    { SUIT_CONDITION_USE_BEFORE, "condition-use-before", SUIT_TAKES_POLICY, 10, true, false },
    { SUIT_CONDITION_SLOT, "condition-component-slot", SUIT_TAKES_POLICY, 5, true, true },
    { SUIT_CONDITION_CHECK_CONTENT, "condition-check-content", SUIT_TAKES_POLICY, 15, true, false },
    { SUIT_CONDITION_DEPENDENCY_INTEGRITY, "condition-dependency-integrity", SUIT_TAKES_POLICY, 15, true, false },
    { SUIT_CONDITION_IS_DEPENDENCY, "condition-is-dependency", SUIT_TAKES_POLICY, 15, true, false },
    { SUIT_DIRECTIVE_PROCESS_DEPENDENCY, "directive-process-dependency", SUIT_TAKES_POLICY, 0, false, false },
    { SUIT_DIRECTIVE_SET_INDEX, "directive-set-component-index", SUIT_TAKES_INDEX, 0, true, true },
    { SUIT_CONDITION_ABORT, "condition-abort", SUIT_TAKES_POLICY, 2, true, false },
    { SUIT_DIRECTIVE_TRY_EACH, "directive-try-each", SUIT_TAKES_TRIES, 0, true, true },
    { SUIT_DIRECTIVE_WRITE, "directive-write", SUIT_TAKES_POLICY, 2, false, false },
    { SUIT_DIRECTIVE_SET_PARAMETERS, "directive-set-parameters", SUIT_TAKES_PARAMETERS, 0, false, true },
    { SUIT_DIRECTIVE_OVERRIDE, "directive-override-parameters", SUIT_TAKES_PARAMETERS, 0, true, true },
    { SUIT_DIRECTIVE_FETCH, "directive-fetch", SUIT_TAKES_POLICY, 2, false, true },
    { SUIT_DIRECTIVE_COPY, "directive-copy", SUIT_TAKES_POLICY, 2, false, false },
    { SUIT_DIRECTIVE_INVOKE, "directive-invoke", SUIT_TAKES_POLICY, 2, false, false },
    { SUIT_CONDITION_DEVICE, "condition-device-identifier", SUIT_TAKES_POLICY, 15, true, false },
    { SUIT_CONDITION_IMAGE_NOT_MATCH, "condition-image-not-match", SUIT_TAKES_POLICY, 15, true, false },
    { SUIT_CONDITION_BATTERY, "condition-minimum-battery", SUIT_TAKES_POLICY, 10, true, false },
    { SUIT_CONDITION_AUTHORIZED, "condition-update-authorized", SUIT_TAKES_POLICY, 3, true, false },
    { SUIT_CONDITION_VERSION, "condition-version", SUIT_TAKES_POLICY, 15, true, false },
    { SUIT_DIRECTIVE_WAIT, "directive-wait", SUIT_TAKES_POLICY, 2, false, false },
    { SUIT_DIRECTIVE_SWAP, "directive-swap", SUIT_TAKES_POLICY, 2, false, false },
    { SUIT_DIRECTIVE_RUN_SEQUENCE, "directive-run-sequence", SUIT_TAKES_SEQUENCE, 0, true, true },
    { SUIT_DIRECTIVE_UNLINK, "directive-unlink", SUIT_TAKES_POLICY, 2, false, false },
    { SUIT_DIRECTIVE_OVERRIDE_MULTIPLE, "directive-override-multiple", SUIT_TAKES_MULTIPLE, 0, false, false },
    { SUIT_DIRECTIVE_COPY_PARAMS, "directive-copy-params", SUIT_TAKES_COPIES, 0, false, false },
};

static const struct suit_parameter_row parameters[] = {
    { SUIT_PARAMETER_VENDOR, "vendor-id", SUIT_VALUE_ID, true },
    { SUIT_PARAMETER_CLASS, "class-id", SUIT_VALUE_ID, true },
    { SUIT_PARAMETER_DIGEST, "image-digest", SUIT_VALUE_DIGEST, true },
    { SUIT_PARAMETER_USE_BEFORE, "use-before", SUIT_VALUE_UINT, false },
    { SUIT_PARAMETER_SLOT, "slot", SUIT_VALUE_UINT, true },
    { SUIT_PARAMETER_STRICT_ORDER, "strict-order", SUIT_VALUE_BOOL, false },
    { SUIT_PARAMETER_SOFT_FAILURE, "soft-failure", SUIT_VALUE_BOOL, false },
    { SUIT_PARAMETER_SIZE, "image-size", SUIT_VALUE_UINT, true },
    { SUIT_PARAMETER_CONTENT, "content", SUIT_VALUE_BYTES, false },
    { SUIT_PARAMETER_ENCRYPTION_INFO, "encryption-info", SUIT_VALUE_WRAPPED, false },
    { SUIT_PARAMETER_URI, "uri", SUIT_VALUE_TEXT, true },
    { SUIT_PARAMETER_SOURCE, "source-component", SUIT_VALUE_UINT, false },
    { SUIT_PARAMETER_INVOKE_ARGS, "invoke-args", SUIT_VALUE_BYTES, false },
    { SUIT_PARAMETER_DEVICE, "device-id", SUIT_VALUE_ID, false },
    { SUIT_PARAMETER_FETCH_ARGS, "fetch-arguments", SUIT_VALUE_BYTES, false },
    { SUIT_PARAMETER_BATTERY, "minimum-battery", SUIT_VALUE_UINT, false },
    { SUIT_PARAMETER_PRIORITY, "update-priority", SUIT_VALUE_INT, false },
    { SUIT_PARAMETER_VERSION, "version", SUIT_VALUE_VERSION, false },
    { SUIT_PARAMETER_WAIT_INFO, "wait-info", SUIT_VALUE_WRAPPED, false },
    { SUIT_PARAMETER_METADATA, "component-metadata", SUIT_VALUE_WRAPPED, false },
};

static const struct suit_parameter_row private_parameter = { -1, "private", SUIT_VALUE_ITEM, false };

const struct suit_command_row *suit_command_find(int64_t number)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (commands[i].number == number)
            return &commands[i];
    }
    return NULL;
}

const struct suit_command_row *suit_command_named(struct bytes name)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (bytes_equal_text(name, commands[i].name))
            return &commands[i];
    }
    return NULL;
}

const struct suit_parameter_row *suit_parameter_find(int64_t number)
{
    for (size_t i = 0; i < COUNT(parameters); i++) {
        if (parameters[i].number == number)
            return &parameters[i];
    }
    return number < 0 ? &private_parameter : NULL;
}

const struct suit_parameter_row *suit_parameter_named(struct bytes name)
{
    for (size_t i = 0; i < COUNT(parameters); i++) {
        if (bytes_equal_text(name, parameters[i].name))
            return &parameters[i];
    }
    return NULL;
}

struct name {
    int64_t number;
    const char *text;
};

static const struct name manifest_texts[] = {
    { 1, "manifest-description" },
    { 2, "update-description" },
    { 3, "manifest-json-source" },
    { 4, "manifest-yaml-source" },
};

static const struct name component_texts[] = {
    { 1, "vendor-name" },           { 2, "model-name" },        { 3, "vendor-domain" },    { 4, "model-info" },
    { 5, "component-description" }, { 6, "component-version" }, { 7, "version-required" }, { 8, "current-version" },
};

static const struct name digests[] = {
    { -16, "sha256" }, { -43, "sha384" }, { -44, "sha512" }, { -18, "shake128" }, { -45, "shake256" },
};

static const struct name comparisons[] = {
    { 1, "greater" }, { 2, "greater-equal" }, { 3, "equal" }, { 4, "lesser-equal" }, { 5, "lesser" },
};

static const char *text_of(const struct name *names, size_t count, int64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number)
            return names[i].text;
    }
    return NULL;
}

static int64_t number_of(const struct name *names, size_t count, struct bytes text)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_text(text, names[i].text))
            return names[i].number;
    }
    return 0;
}

const char *suit_text_name(bool of_component, uint64_t key)
{
    if (key > COUNT(component_texts))
        return NULL;
    return of_component ? text_of(component_texts, COUNT(component_texts), (int64_t)key)
                        : text_of(manifest_texts, COUNT(manifest_texts), (int64_t)key);
}

uint64_t suit_text_named(bool of_component, struct bytes name)
{
    return (uint64_t)(of_component ? number_of(component_texts, COUNT(component_texts), name)
                                   : number_of(manifest_texts, COUNT(manifest_texts), name));
}

const char *suit_digest_name(int64_t algorithm)
{
    return text_of(digests, COUNT(digests), algorithm);
}

int64_t suit_digest_named(struct bytes name)
{
    return number_of(digests, COUNT(digests), name);
}

size_t suit_digest_size(int64_t algorithm)
{
    switch (algorithm) {
    case -16:
    case -18:
        return 32;
    case -43:
        return 48;
    case -44:
    case -45:
        return 64;
    default:
        return 0;
    }
}

const char *suit_comparison_name(int64_t comparison)
{
    return text_of(comparisons, COUNT(comparisons), comparison);
}

int64_t suit_comparison_named(struct bytes name)
{
    return number_of(comparisons, COUNT(comparisons), name);
}

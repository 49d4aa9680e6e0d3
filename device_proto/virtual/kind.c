/* kind.c - the three profiles. */
#include "device_proto/virtual/kind.h"

static const struct kind kinds[] = {
    {
        .name = "riot-tinypart",
        .vendor = "riot-os.org",
        .class_name = "native",
        .links = "</.well-known/core>,</bpf/exec/0>,</bpf/exec/1>,</riot/board>,</suit/>",
        .dialect = SUIT_RIOT,
        .habits = KIND_EMPTY_ACK_IS_BODY | KIND_SHARED_URL | KIND_LONG_PATH_KILLS | KIND_VOLATILE |
                  KIND_WRONG_METHOD_IS_404 | KIND_IGNORES_CRITICAL | KIND_FIXED_BLOCKS | KIND_RUNS_UNVERIFIED |
                  KIND_ONE_KEY | KIND_CORE_IN_TINY_BLOCKS | KIND_SERVES_REPLIES | KIND_LAX_FORMAT,
        .block_exponent = 6,
        .slots = 2,
        .component = "ram",
        .slot_size = 2048,
        .manifest_max = 640,
        .request_max = 256,
        .path_max = 72,
        .exec_prefix = "bpf/exec/",
        .lifetime_s = 60,
        .sends = 4,
        .timeout_least_ms = 2000,
        .timeout_most_ms = 3000,
    },
    {
        .name = "riot-mainline",
        .vendor = "riot-os.org",
        .class_name = "native64",
        .links = "</riot/board>,</suit/version>,</suit/trigger>,</.well-known/core>",
        .dialect = SUIT_RIOT,
        .habits = KIND_PING_CRASHES | KIND_STRLEN_URL | KIND_VOLATILE | KIND_IGNORES_CRITICAL | KIND_LAX_FORMAT,
        .block_exponent = 2,
        .slots = 2,
        .component = "ram",
        .slot_size = 2048,
        .manifest_max = 640,
        .request_max = 607,
        .path_max = 72,
        .lifetime_s = 60,
        .sends = 5,
        .timeout_least_ms = 2000,
        .timeout_most_ms = 3000,
        .separate_timeout_ms = 10000,
    },
    {
        .name = "tinypart",
        .vendor = "tinypart.org",
        .class_name = "tinypart-device",
        .links = "</.well-known/core>,</exec/0>,</exec/1>,</exec/2>,</exec/3>,</suit/trigger>;rt=suit-trigger",
        .dialect = SUIT_37,
        .habits = KIND_TINYPART,
        .block_exponent = 6,
        .slots = 4,
        .component = "slot",
        .slot_size = 8192,
        .manifest_max = KIND_MANIFEST_MAX,
        .request_max = 1280,
        .path_max = 200,
        .exec_prefix = "exec/",
        .lifetime_s = 3600,
        .sends = 5,
        .timeout_least_ms = 2000,
        .timeout_most_ms = 3000,
        .separate_timeout_ms = 93000,
    },
};

const struct kind *kind_at(size_t i)
{
    return i < sizeof(kinds) / sizeof(kinds[0]) ? &kinds[i] : NULL;
}

const struct kind *kind_find(const char *name)
{
    for (size_t i = 0; kind_at(i) != NULL; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

int64_t kind_send_at(uint32_t timeout_ms, unsigned n)
{
    return (int64_t)timeout_ms * ((1 << n) - 1); /* 0, 1, 3, 7 ... times the first timeout */
}

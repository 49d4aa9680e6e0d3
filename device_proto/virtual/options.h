/* options.h - the command line of tinypart-device. */
#ifndef TINYPART_VIRTUAL_OPTIONS_H
#define TINYPART_VIRTUAL_OPTIONS_H

#include "device_proto/virtual/sensors.h"

enum options_keys { KEYS_NOT_PRINTED = 0, KEYS_HEX, KEYS_PEM };

struct options {
    const struct kind *kind;
    unsigned count;
    const char *name;
    struct endpoint listen;
    bool has_directory;
    struct endpoint directory;
    struct public_key trust[DEVICE_TRUST_MAX];
    size_t trust_count;
    const char *decryption_key; /* NULL: none */
    const char *state;
    const char *vendor;
    const char *class_name;
    struct sensor sensors[DEVICE_SENSORS_MAX];
    size_t sensor_count;
    int64_t interval_ms;
    int64_t policy_every_ms;
    int64_t spread_ms; /* -1: by the number of devices */
    uint32_t lifetime_s;
    uint64_t seed;
    bool has_lab_noise;
    uint64_t lab_noise_seed;
    struct fault_plan faults;
    bool registers;
    bool require_token;
    bool once;
    bool stats;
    bool json;
    unsigned verbose;
    enum options_keys print_keys;
};

enum options_end { OPTIONS_RUN = 0, OPTIONS_DONE = 1 /* help or version was printed */ };

/* OPTIONS_RUN or OPTIONS_DONE in *out_end, 0; or a refusal with why filled; or a fault. */
int options_read(int argc, char **argv, struct options *out, enum options_end *out_end, struct why *why);
void options_free(struct options *options);

#endif

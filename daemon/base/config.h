/* config.h - the daemon's settings: one table of names, types, defaults, bounds and help.
 * A file in INI form ("[section]", "key = value", "#" or ";" comments) and --set section.key=value on the command line
 * both go through it; an unknown name or a value out of bounds is refused with the line it stands in. */
#ifndef TINYPART_BASE_CONFIG_H
#define TINYPART_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/base/refusal.h"

#define CONFIG_TEXT_SIZE 512

struct config {
    char state_folder[CONFIG_TEXT_SIZE];
    char log_level[CONFIG_TEXT_SIZE];
    char manifest_key[CONFIG_TEXT_SIZE];
    char coap_listen[CONFIG_TEXT_SIZE];
    char coap_advertise[CONFIG_TEXT_SIZE];
    char rest_socket[CONFIG_TEXT_SIZE];
    int64_t rest_socket_mode; /* as written in octal */
    char rest_socket_group[CONFIG_TEXT_SIZE];
    char rest_listen[CONFIG_TEXT_SIZE];
    char rest_tls_certificate[CONFIG_TEXT_SIZE];
    char rest_tls_key[CONFIG_TEXT_SIZE];
    bool rest_plain_remote;
    char rest_roles[CONFIG_TEXT_SIZE];
    int64_t privacy_epoch_ms;
    int64_t privacy_device_cap_ueps;
    int64_t privacy_device_cap_nrho; /* LOSS_MAX: none */
    int64_t privacy_device_cap_delta;
    int64_t privacy_unlock_ppm;
    int64_t privacy_lifetime_cap_ueps;
    int64_t privacy_lifetime_cap_nrho;
    int64_t privacy_lifetime_cap_delta;
    int64_t rollout_concurrency;
    int64_t rollout_path_lifetime_ms;
    bool coap_follow_moves;
    bool lab_claim_by_itself;
    bool lab_telemetry_plain;
    char export_folder[CONFIG_TEXT_SIZE];
    int64_t export_rotate_bytes;
    int64_t export_timeout_ms;
    bool export_own_host;
};

/* Every setting at its default. */
void config_init(struct config *out);
/* Reads a file over what is set. REFUSED_UNKNOWN: no such file; REFUSED_INVALID: the first bad line, by number. */
int config_read_file(struct config *config, const char *path, struct why *why);
/* One "section.key=value". */
int config_set(struct config *config, const char *assignment, struct why *why);
/* The whole table as a commented file: with the values set, or (config NULL) the defaults. */
void config_print(const struct config *config, FILE *out);

#endif

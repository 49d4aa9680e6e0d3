/* config.c - the table of settings, and its two readers. */
#include "daemon/base/config.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/loss.h"
#include "daemon/base/text.h"

enum kind {
    KIND_TEXT,
    KIND_SWITCH,
    KIND_NUMBER,
    KIND_OCTAL,
    KIND_DURATION,
    KIND_EPSILON,
    KIND_RHO,
    KIND_DELTA,
    KIND_PERCENT
};

struct setting {
    const char *section;
    const char *key;
    enum kind kind;
    size_t offset;
    const char *standard; /* the default, as one would write it */
    int64_t least, most;  /* of the stored integer */
    const char *help;
};

#define AT(member) offsetof(struct config, member)
#define DAY_MS     86400000

static const struct setting settings[] = {
    { "daemon", "state_folder", KIND_TEXT, AT(state_folder), "/var/lib/tinypart", 0, 0,
      "where the registry is kept (systemd's StateDirectory wins when it is set)" },
    { "daemon", "log_level", KIND_TEXT, AT(log_level), "info", 0, 0, "error, warning, info or debug" },
    { "keys", "manifest_key", KIND_TEXT, AT(manifest_key), "", 0, 0,
      "the maintainer's private key (PEM, mode 0600); empty: the systemd credential manifest.key" },
    { "coap", "listen", KIND_TEXT, AT(coap_listen), "[::]:5683", 0, 0,
      "addresses to serve devices on, separated by commas" },
    { "coap", "advertise", KIND_TEXT, AT(coap_advertise), "", 0, 0,
      "the base in URLs for devices, as coap://[fd00::1]; empty: the local address that faces each device" },
    { "coap", "follow_moves", KIND_SWITCH, AT(coap_follow_moves), "no", 0, 0,
      "a claimed device that registers from another host is believed to have moved there" },
    { "rest", "socket", KIND_TEXT, AT(rest_socket), "/run/tinypart/tinypartd.sock", 0, 0,
      "the Unix socket of the REST API" },
    { "rest", "socket_mode", KIND_OCTAL, AT(rest_socket_mode), "0660", 0, 0777, "its permissions" },
    { "rest", "socket_group", KIND_TEXT, AT(rest_socket_group), "", 0, 0, "its group; empty: the daemon's own" },
    { "rest", "listen", KIND_TEXT, AT(rest_listen), "", 0, 0,
      "TCP address for bearer tokens, as 127.0.0.1:8550; empty: none" },
    { "rest", "tls_certificate", KIND_TEXT, AT(rest_tls_certificate), "", 0, 0, "PEM chain for the TCP address" },
    { "rest", "tls_key", KIND_TEXT, AT(rest_tls_key), "", 0, 0, "its private key" },
    { "rest", "plain_remote", KIND_SWITCH, AT(rest_plain_remote), "no", 0, 0,
      "serve a TCP address that is not loopback without TLS (only behind a proxy that has it)" },
    { "rest", "roles", KIND_TEXT, AT(rest_roles), "", 0, 0,
      "who is who on the Unix socket: uid:role[:tenant], separated by commas; root and the daemon's user are owners" },
    { "privacy", "epoch", KIND_DURATION, AT(privacy_epoch_ms), "1d", 60000, 366LL * DAY_MS,
      "length of a privacy epoch; fixed with the first start" },
    { "privacy", "device_cap", KIND_EPSILON, AT(privacy_device_cap_ueps), "1", 1, 1000000000,
      "epsilon that one device may lose in an epoch, over all tenants" },
    { "privacy", "device_rho_cap", KIND_RHO, AT(privacy_device_cap_nrho), "none", 0, LOSS_MAX,
      "rho (zCDP) of the same; none: not bounded, and no mechanism without a pure epsilon passes" },
    { "privacy", "device_delta_cap", KIND_DELTA, AT(privacy_device_cap_delta), "0", 0, LOSS_MAX,
      "delta of the same, as 1e-9" },
    { "privacy", "unlock", KIND_PERCENT, AT(privacy_unlock_ppm), "100", 0, 1000000,
      "percent of what no tenant has reserved of it that is free as an epoch begins; the rest evenly until its end" },
    { "privacy", "lifetime_cap", KIND_EPSILON, AT(privacy_lifetime_cap_ueps), "0", 0, 1000000000000,
      "epsilon that one device may ever lose; 0: counted, not capped" },
    { "privacy", "lifetime_rho_cap", KIND_RHO, AT(privacy_lifetime_cap_nrho), "0", 0, LOSS_MAX,
      "rho of the same; 0: counted, not capped" },
    { "privacy", "lifetime_delta_cap", KIND_DELTA, AT(privacy_lifetime_cap_delta), "0", 0, LOSS_MAX,
      "delta of the same; 0: counted, not capped" },
    { "rollout", "concurrency", KIND_NUMBER, AT(rollout_concurrency), "64", 1, 4096,
      "devices under way at once, over all rollouts" },
    { "rollout", "path_lifetime", KIND_DURATION, AT(rollout_path_lifetime_ms), "1h", 60000, 7LL * DAY_MS,
      "how long a device may fetch what it was told to" },
    { "lab", "claim_by_itself", KIND_SWITCH, AT(lab_claim_by_itself), "no", 0, 0,
      "claim unknown endpoints that name a profile as they register: in a lab only" },
    { "lab", "telemetry_plain", KIND_SWITCH, AT(lab_telemetry_plain), "no", 0, 0,
      "believe telemetry of peers that did not authenticate, where their profile allows it" },
    { "export", "folder", KIND_TEXT, AT(export_folder), "", 0, 0,
      "where file sinks write; empty: export below the state folder" },
    { "export", "rotate_bytes", KIND_NUMBER, AT(export_rotate_bytes), "67108864", 4096, 1LL << 40,
      "a file sink starts a new file past this size" },
    { "export", "timeout", KIND_DURATION, AT(export_timeout_ms), "30s", 1000, 600000,
      "longest time of one HTTP delivery" },
    { "export", "own_host", KIND_SWITCH, AT(export_own_host), "no", 0, 0,
      "http sinks may post to loopback and link-local addresses, too" },
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static int value_of(const struct setting *setting, const char *text, int64_t *out)
{
    int r = -EINVAL;

    switch (setting->kind) {
    case KIND_SWITCH:
        *out = strcmp(text, "yes") == 0;
        return *out || strcmp(text, "no") == 0 ? 0 : -EINVAL;
    case KIND_NUMBER:
        r = integer_parse(text, setting->least, setting->most, out);
        break;
    case KIND_OCTAL: {
        char *end;
        *out = strtoll(text, &end, 8);
        r = *text != '\0' && *end == '\0' ? 0 : -EINVAL;
        break;
    }
    case KIND_DURATION:
        r = duration_parse(text, out);
        break;
    case KIND_EPSILON:
        r = fixed_parse(text, 6, out);
        break;
    case KIND_RHO:
        *out = LOSS_MAX;
        r = strcmp(text, "none") == 0 ? 0 : fixed_parse(text, 9, out);
        break;
    case KIND_DELTA:
        r = delta_parse(text, out);
        break;
    case KIND_PERCENT:
        r = fixed_parse(text, 4, out);
        break;
    case KIND_TEXT:
        break;
    }
    return r == 0 && *out >= setting->least && *out <= setting->most ? 0 : -EINVAL;
}

static const char *form_of(enum kind kind)
{
    switch (kind) {
    case KIND_TEXT:
        return "text";
    case KIND_SWITCH:
        return "yes or no";
    case KIND_NUMBER:
        return "a whole number";
    case KIND_OCTAL:
        return "octal permissions such as 0660";
    case KIND_DURATION:
        return "a duration such as 90s, 15m, 6h or 1d";
    case KIND_EPSILON:
        return "a decimal with at most 6 digits behind the point";
    case KIND_RHO:
        return "none, or a decimal with at most 9 digits behind the point";
    case KIND_DELTA:
        return "a small number such as 1e-9";
    case KIND_PERCENT:
        return "a percentage with at most 4 digits behind the point";
    }
    return "";
}

static int assign(struct config *config, const char *section, const char *key, const char *text, struct why *why)
{
    char *base = (char *)config;
    int64_t value = 0;

    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        if (strcmp(setting->section, section) != 0 || strcmp(setting->key, key) != 0)
            continue;
        if (setting->kind == KIND_TEXT)
            return text_copy(base + setting->offset, CONFIG_TEXT_SIZE, text) == 0
                       ? 0
                       : refuse(why, REFUSED_INVALID, key, NULL, "%s.%s is longer than %d characters", section, key,
                                CONFIG_TEXT_SIZE - 1);
        if (value_of(setting, text, &value) != 0)
            return refuse(why, REFUSED_INVALID, key, "see tinypartd --print-config for every setting and its default",
                          "%s.%s = %.64s is not %s within bounds", section, key, text, form_of(setting->kind));
        if (setting->kind == KIND_SWITCH)
            *(bool *)(base + setting->offset) = value != 0;
        else
            *(int64_t *)(void *)(base + setting->offset) = value;
        return 0;
    }
    return refuse(why, REFUSED_INVALID, key, "see tinypartd --print-config for every setting and its default",
                  "there is no setting %.64s.%.64s", section, key);
}

void config_init(struct config *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < SETTINGS; i++)
        assign(out, settings[i].section, settings[i].key, settings[i].standard, NULL);
}

struct reading_file {
    FILE *file;
    int lines;
    bool too_long; /* the line that reading ended at */
    struct config *config;
    struct why *why;
    int refusal;
};

/* inih's handler: 1 goes on, 0 marks this line as the bad one. */
static int on_line(void *context, const char *section, const char *name, const char *value)
{
    struct reading_file *reading = context;

    if (reading->refusal != 0)
        return 0;
    reading->refusal = assign(reading->config, section, name, value, reading->why);
    return reading->refusal == 0;
}

/* inih's reader. By itself inih would take the rest of a line that is too long, and a line that begins with a space,
 * for another value of the same key, and the last value counts: half of a list would silently replace all of it. */
static char *next_line(char *out, int capacity, void *context)
{
    struct reading_file *reading = context;

    if (reading->too_long || fgets(out, capacity, reading->file) == NULL)
        return NULL;
    reading->lines++;
    size_t size = strlen(out);
    int ahead = fgetc(reading->file);
    if (ahead != EOF)
        ungetc(ahead, reading->file);
    if (size > 0 && out[size - 1] != '\n' && ahead != EOF) {
        reading->too_long = true;
        return NULL;
    }
    size_t blanks = strspn(out, " \t");
    memmove(out, out + blanks, size - blanks + 1);
    return out;
}

int config_read_file(struct config *config, const char *path, struct why *why)
{
    struct reading_file reading = { .file = fopen(path, "re"), .config = config, .why = why };

    if (reading.file == NULL)
        return refuse(why, REFUSED_UNKNOWN, path, NULL, "the configuration file cannot be opened");
    int line = ini_parse_stream(next_line, &reading, on_line, &reading);
    fclose(reading.file);
    if (line == 0 && reading.too_long)
        return refuse(why, REFUSED_INVALID, path, "give long values with --set", "line %d is too long", reading.lines);
    if (line == 0)
        return 0;
    if (reading.refusal == 0)
        return refuse(why, REFUSED_INVALID, path, "write: key = value, below a [section]", "line %d cannot be read",
                      line);
    if (why != NULL)
        snprintf(why->where, sizeof(why->where), "%.64s, line %d", path, line);
    return reading.refusal;
}

int config_set(struct config *config, const char *assignment, struct why *why)
{
    char section[64];
    char key[64];
    const char *dot = strchr(assignment, '.');
    const char *equal = dot == NULL ? NULL : strchr(dot, '=');

    if (equal == NULL ||
        text_copy_bytes(section, sizeof(section), bytes_view(assignment, (size_t)(dot - assignment))) != 0 ||
        text_copy_bytes(key, sizeof(key), bytes_view(dot + 1, (size_t)(equal - dot - 1))) != 0)
        return refuse(why, REFUSED_INVALID, "--set", NULL, "%.64s is not of the form section.key=value", assignment);
    return assign(config, section, key, equal + 1, why);
}

static void print_value(const struct config *config, const struct setting *setting, FILE *out)
{
    const char *at = (const char *)config + setting->offset;
    char text[32];

    switch (setting->kind) {
    case KIND_TEXT:
        fputs(at, out);
        break;
    case KIND_SWITCH:
        fputs(*(const bool *)at ? "yes" : "no", out);
        break;
    case KIND_NUMBER:
        fprintf(out, "%lld", (long long)*(const int64_t *)(const void *)at);
        break;
    case KIND_OCTAL:
        fprintf(out, "%04llo", (unsigned long long)*(const int64_t *)(const void *)at);
        break;
    case KIND_DURATION:
        fprintf(out, "%lldms", (long long)*(const int64_t *)(const void *)at);
        break;
    case KIND_EPSILON:
        fixed_format(*(const int64_t *)(const void *)at, 6, text);
        fputs(text, out);
        break;
    case KIND_RHO:
        if (*(const int64_t *)(const void *)at == LOSS_MAX)
            snprintf(text, sizeof(text), "none");
        else
            fixed_format(*(const int64_t *)(const void *)at, 9, text);
        fputs(text, out);
        break;
    case KIND_DELTA:
        delta_format(*(const int64_t *)(const void *)at, text);
        fputs(text, out);
        break;
    case KIND_PERCENT:
        fixed_format(*(const int64_t *)(const void *)at, 4, text);
        fputs(text, out);
        break;
    }
}

void config_print(const struct config *config, FILE *out)
{
    const char *section = "";

    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        if (strcmp(section, setting->section) != 0)
            fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", setting->section);
        section = setting->section;
        fprintf(out, "# %s\n", setting->help);
        if (config == NULL) {
            fprintf(out, "#%s = %s\n", setting->key, setting->standard);
            continue;
        }
        fprintf(out, "%s = ", setting->key);
        print_value(config, setting, out);
        fputc('\n', out);
    }
}

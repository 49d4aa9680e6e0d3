/* options.c - reads the command line; one table gives the options, their help and what they do. */
#include "device_proto/virtual/options.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

enum { COUNT_MAX = 60000, PEM_SIZE_MAX = 4096 };

static const char help_head[] =
    "Usage: tinypart-device [OPTION]...\n"
    "Devices as Linux processes: each has its own address, speaks CoAP, verifies and runs containers.\n\n";

static const char help_tail[] =
    "\nExamples:\n"
    "  Twelve devices that register, take manifests of that maintainer and measure:\n"
    "    tinypart-device --count 12 --name dev --directory coap://127.0.0.1:5683 --trust maintainer.pub.pem \\\n"
    "        --state /tmp/devices --sensor temperature=csv:trace.csv:indoor -v\n"
    "  One board as mainline RIOT would behave, at 127.20.0.1:5683:\n"
    "    tinypart-device --profile riot-mainline --name board --listen 127.20.0.1 --trust 729fd338...\n"
    "  A bad network, and a power cut at the second block of the first image:\n"
    "    tinypart-device --faults loss=0.1,dup=0.05,delay=50ms,power-cut=block:1 ...\n"
    "  The public keys that the devices' reports are signed with:\n"
    "    tinypart-device --count 12 --name dev --state /tmp/devices --print-keys\n"
    "\nSignals: TERM and INT end it; HUP power-cycles devices that crashed; USR1 prints the counters.\n"
    "Exit status: 0 ended on request (--once: every device installed its update), 1 --once and one did not,\n"
    "2 the command line is wrong, 3 something failed.\n";

struct option_row {
    const char *name;
    const char *value; /* NULL: takes none; "[...]": optional */
    const char *help;
    int (*take)(struct options *options, const char *value, struct why *why);
};

static int bad(struct why *why, const char *option, const char *value, const char *todo)
{
    return refuse(why, REFUSED_INVALID, option, todo, "%s does not take \"%s\"", option, value);
}

static int take_profile(struct options *options, const char *value, struct why *why)
{
    options->kind = kind_find(value);
    return options->kind != NULL ? 0 : bad(why, "--profile", value, "use riot-tinypart, riot-mainline or tinypart");
}

static int take_integer(const char *option, const char *value, int64_t least, int64_t most, int64_t *out,
                        struct why *why)
{
    return integer_parse(value, least, most, out) == 0 ? 0 : bad(why, option, value, "give a number in range");
}

static int take_count(struct options *options, const char *value, struct why *why)
{
    int64_t number = 0;
    int r = take_integer("--count", value, 1, COUNT_MAX, &number, why);

    options->count = (unsigned)number;
    return r;
}

static int take_name(struct options *options, const char *value, struct why *why)
{
    options->name = value;
    return name_is_valid(value) ? 0 : bad(why, "--name", value, "use letters, digits, - . _");
}

static int take_listen(struct options *options, const char *value, struct why *why)
{
    return endpoint_parse(bytes_of_text(value), ENDPOINT_PORT, &options->listen) == 0
               ? 0
               : bad(why, "--listen", value, "give an address such as 127.10.0.1 or [::1]");
}

static int take_port(struct options *options, const char *value, struct why *why)
{
    int64_t number = 0;
    int r = take_integer("--port", value, 1, 65535, &number, why);

    if (options->listen.address.any.sa_family == AF_INET)
        options->listen.address.v4.sin_port = htons((uint16_t)number);
    else
        options->listen.address.v6.sin6_port = htons((uint16_t)number);
    return r;
}

/* Host names are fine here: it is this program that looks them up, not a device. */
static int take_directory(struct options *options, const char *value, struct why *why)
{
    char host[256], *port;
    struct addrinfo *found = NULL;
    struct bytes path;

    options->has_directory = true;
    if (url_parse(bytes_of_text(value), &options->directory, &path) == 0)
        return 0;
    if (strncmp(value, "coap://", 7) != 0 || text_copy(host, sizeof(host), value + 7) != 0)
        return bad(why, "--directory", value, "write coap://HOST:PORT");
    host[strcspn(host, "/")] = '\0';
    port = strrchr(host, ':');
    if (port != NULL)
        *port++ = '\0';
    const struct addrinfo hints = { .ai_family = options->listen.address.any.sa_family, .ai_socktype = SOCK_DGRAM };
    if (getaddrinfo(host, port == NULL ? "5683" : port, &hints, &found) != 0 || found == NULL)
        return bad(why, "--directory", value, "the host is not known");
    memcpy(&options->directory.address, found->ai_addr, found->ai_addrlen);
    options->directory.size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int read_key_file(const char *path, struct public_key *out, struct why *why)
{
    uint8_t pem[PEM_SIZE_MAX];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return refuse(why, REFUSED_INVALID, "--trust", "give a PEM file, or the raw public key in hex",
                      "cannot read %s", path);
    size_t size = fread(pem, 1, sizeof(pem), file);
    fclose(file);
    return crypto_public_read_pem(bytes_view(pem, size), out, why);
}

static int take_trust(struct options *options, const char *value, struct why *why)
{
    struct public_key key = { 0 };
    int r;

    if (options->trust_count == DEVICE_TRUST_MAX)
        return bad(why, "--trust", value, "eight keys are enough");
    if (strlen(value) == 64 && hex_decode(value, key.raw, 32) == 0) {
        key.type = KEY_ED25519;
        key.size = 32;
    } else if (strlen(value) == 130 && hex_decode(value, key.raw, 65) == 0) {
        key.type = KEY_P256;
        key.size = 65;
    } else {
        r = read_key_file(value, &key, why);
        if (r != 0)
            return r;
    }
    options->trust[options->trust_count++] = key;
    return 0;
}

static int take_state(struct options *options, const char *value, struct why *why)
{
    (void)why;
    options->state = value;
    return 0;
}

static int take_decryption_key(struct options *options, const char *value, struct why *why)
{
    (void)why;
    options->decryption_key = value;
    return 0;
}

static int take_vendor(struct options *options, const char *value, struct why *why)
{
    (void)why;
    options->vendor = value;
    return 0;
}

static int take_class(struct options *options, const char *value, struct why *why)
{
    options->class_name = value;
    return strlen(value) < 64 ? 0 : bad(why, "--class", value, "at most 63 characters");
}

static int take_sensor(struct options *options, const char *value, struct why *why)
{
    if (options->sensor_count == DEVICE_SENSORS_MAX)
        return bad(why, "--sensor", value, "a device has at most eight");
    int r = sensor_open(value, &options->sensors[options->sensor_count], why);
    options->sensor_count += r == 0;
    return r;
}

static int take_vector(struct options *options, const char *value, struct why *why)
{
    if (options->sensor_count == DEVICE_SENSORS_MAX)
        return bad(why, "--vector", value, "a device has at most eight sensors, vectors among them");
    int r = sensor_open_vector(value, &options->sensors[options->sensor_count], why);
    options->sensor_count += r == 0;
    return r;
}

/* Vectors behind what containers read. */
static void sort_sensors(struct options *options)
{
    struct sensor sorted[DEVICE_SENSORS_MAX];
    size_t count = 0;

    for (unsigned vectors = 0; vectors < 2; vectors++)
        for (size_t i = 0; i < options->sensor_count; i++)
            if ((options->sensors[i].dimension > 0) == (vectors == 1))
                sorted[count++] = options->sensors[i];
    memcpy(options->sensors, sorted, count * sizeof(*sorted));
}

static int take_duration(const char *option, const char *value, int64_t *out, struct why *why)
{
    int64_t seconds;

    if (integer_parse(value, 1, 86400, &seconds) == 0)
        *out = seconds * 1000;
    else if (duration_parse(value, out) != 0)
        return bad(why, option, value, "give seconds, or a duration such as 500ms, 10s, 5m");
    return 0;
}

static int take_interval(struct options *options, const char *value, struct why *why)
{
    return take_duration("--interval", value, &options->interval_ms, why);
}

static int take_policy_every(struct options *options, const char *value, struct why *why)
{
    return take_duration("--policy-every", value, &options->policy_every_ms, why);
}

static int take_spread(struct options *options, const char *value, struct why *why)
{
    return take_duration("--spread", value, &options->spread_ms, why);
}

static int take_lifetime(struct options *options, const char *value, struct why *why)
{
    int64_t number = 0;
    int r = take_integer("--lifetime", value, 10, 864000, &number, why);

    options->lifetime_s = (uint32_t)number;
    return r;
}

static int take_seed(struct options *options, const char *value, struct why *why)
{
    int64_t number = 0;
    int r = take_integer("--seed", value, 0, INT64_MAX, &number, why);

    options->seed = (uint64_t)number;
    return r;
}

static int take_lab_noise_seed(struct options *options, const char *value, struct why *why)
{
    int64_t number = 0;
    int r = take_integer("--lab-noise-seed", value, 0, INT64_MAX, &number, why);

    options->has_lab_noise = true;
    options->lab_noise_seed = (uint64_t)number;
    return r;
}

static int take_faults(struct options *options, const char *value, struct why *why)
{
    return fault_plan_parse(value, &options->faults, why);
}

static int take_register(struct options *options, const char *value, struct why *why)
{
    (void)value;
    (void)why;
    options->registers = true;
    return 0;
}

static int take_require_token(struct options *options, const char *value, struct why *why)
{
    (void)value;
    (void)why;
    options->require_token = true;
    return 0;
}

static int take_once(struct options *options, const char *value, struct why *why)
{
    (void)value;
    (void)why;
    options->once = true;
    return 0;
}

static int take_print_keys(struct options *options, const char *value, struct why *why)
{
    if (value != NULL && strcmp(value, "hex") != 0 && strcmp(value, "pem") != 0)
        return bad(why, "--print-keys", value, "use hex or pem");
    options->print_keys = value != NULL && strcmp(value, "pem") == 0 ? KEYS_PEM : KEYS_HEX;
    return 0;
}

static int take_stats(struct options *options, const char *value, struct why *why)
{
    (void)value;
    (void)why;
    options->stats = true;
    return 0;
}

static int take_json(struct options *options, const char *value, struct why *why)
{
    (void)value;
    (void)why;
    options->json = true;
    return 0;
}

static const struct option_row rows[] = {
    { "profile", "NAME", "riot-tinypart, riot-mainline or tinypart (default)", take_profile },
    { "count", "N", "how many devices (1)", take_count },
    { "name", "NAME", "NAME-1, NAME-2, ...; NAME itself for one device (dev)", take_name },
    { "listen", "ADDRESS", "the first device's address; IPv4 counts addresses, IPv6 ports (127.10.0.1)", take_listen },
    { "port", "P", "its UDP port (5683); after --listen", take_port },
    { "directory", "URL", "the daemon, coap://HOST:PORT: registration, policies, telemetry", take_directory },
    { "trust", "KEY", "the maintainer's public key: PEM file or hex; may be repeated", take_trust },
    { "decryption-key", "FILE", "private P-256 key that opens encrypted images (profile tinypart)",
      take_decryption_key },
    { "state", "DIR", "what survives a power cut lives here (profile tinypart)", take_state },
    { "vendor", "DOMAIN", "vendor of the manifests to accept (by profile)", take_vendor },
    { "class", "NAME", "class, or board, of the manifests to accept (by profile)", take_class },
    { "sensor", "NAME=SOURCE", "csv:FILE[:COLUMN], or host:thermal, loadavg, meminfo, uptime; may be repeated",
      take_sensor },
    { "vector", "NAME=SLOT:N", "a vector of N numbers that SLOT's container keeps under 0 to N-1; may be repeated",
      take_vector },
    { "interval", "S", "least time between two readings; longer if the policy says so (10s)", take_interval },
    { "policy-every", "S", "how often policies are asked for again (300s)", take_policy_every },
    { "register", NULL, "RIOT profiles register, too", take_register },
    { "require-token", NULL, "profile tinypart installs nothing without an access token", take_require_token },
    { "lifetime", "S", "of a registration (by profile)", take_lifetime },
    { "spread", "S", "time over which the first requests are spread (by the number of devices)", take_spread },
    { "seed", "N", "of faults, retransmissions and traces; never of noise (1)", take_seed },
    { "faults", "LIST",
      "loss=P,dup=P,delay=50ms,reboot-at=manifest|block:K,power-cut=block:K,wrong-key,weak-noise=N,no-limit",
      take_faults },
    { "lab-noise-seed", "N", "FOR TESTS ALONE: noise that repeats, from this seed, and so hides nothing",
      take_lab_noise_seed },
    { "once", NULL, "end when every device has had one update", take_once },
    { "print-keys", "[=hex|pem]", "print the public keys of the devices' reports, and end; needs --state",
      take_print_keys },
    { "stats", NULL, "print the counters at the end", take_stats },
    { "log-json", NULL, "events as JSON lines", take_json },
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]), OPTION_HELP = 1000, OPTION_VERSION };

static void print_help(void)
{
    fputs(help_head, stdout);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[48];
        const char *value = rows[i].value == NULL ? "" : rows[i].value;
        snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, value[0] == '\0' || value[0] == '[' ? "" : " ", value);
        printf("  %-26s %s\n", left, rows[i].help);
    }
    printf("  %-26s %s\n", "-v, -vv", "one line an event; retransmissions, too");
    printf("  %-26s %s\n", "--help, --version", "");
    fputs(help_tail, stdout);
}

static void fill_long_options(struct option out[ROW_COUNT + 3])
{
    for (int i = 0; i < ROW_COUNT; i++) {
        int argument = rows[i].value == NULL     ? no_argument
                       : rows[i].value[0] == '[' ? optional_argument
                                                 : required_argument;
        out[i] = (struct option){ rows[i].name, argument, NULL, i };
    }
    out[ROW_COUNT] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
    out[ROW_COUNT + 1] = (struct option){ "version", no_argument, NULL, OPTION_VERSION };
    out[ROW_COUNT + 2] = (struct option){ 0 };
}

static int check_together(const struct options *options, struct why *why)
{
    if (options->has_directory && options->directory.address.any.sa_family != options->listen.address.any.sa_family)
        return refuse(why, REFUSED_INVALID, "--directory", "give both as IPv4 or both as IPv6",
                      "devices at an IPv4 address cannot reach an IPv6 directory, nor the reverse");
    if (kind_has(options->kind, KIND_ONE_KEY) && options->trust_count > 1)
        return refuse(why, REFUSED_INVALID, "--trust", "give one key", "%s has one key compiled in",
                      options->kind->name);
    if (options->registers && !options->has_directory)
        return refuse(why, REFUSED_INVALID, "--register", "give --directory coap://HOST:PORT",
                      "there is nowhere to register");
    if (options->print_keys != KEYS_NOT_PRINTED && options->state == NULL)
        return refuse(why, REFUSED_INVALID, "--print-keys", "give --state DIR",
                      "without a state directory every run makes new keys");
    return 0;
}

static void defaults(struct options *out)
{
    *out = (struct options){ .kind = kind_find("tinypart"),
                             .count = 1,
                             .name = "dev",
                             .interval_ms = 10000,
                             .policy_every_ms = 300000,
                             .spread_ms = -1,
                             .seed = 1 };
    endpoint_parse(bytes_of_text("127.10.0.1"), ENDPOINT_PORT, &out->listen);
}

int options_read(int argc, char **argv, struct options *out, enum options_end *out_end, struct why *why)
{
    struct option long_options[ROW_COUNT + 3];
    int which, r = 0;

    defaults(out);
    *out_end = OPTIONS_RUN;
    fill_long_options(long_options);
    opterr = 0;
    while (r == 0 && (which = getopt_long(argc, argv, "v", long_options, NULL)) != -1) {
        if (which == 'v') {
            out->verbose++;
        } else if (which == OPTION_HELP || which == OPTION_VERSION) {
            if (which == OPTION_HELP)
                print_help();
            else
                puts("tinypart-device " TINYPART_VERSION);
            *out_end = OPTIONS_DONE;
            return 0;
        } else if (which == '?') {
            return refuse(why, REFUSED_INVALID, "", "see tinypart-device --help",
                          "unknown option, or a missing value: %s", argv[optind - 1]);
        } else {
            r = rows[which].take(out, optarg, why);
        }
    }
    sort_sensors(out);
    if (r == 0 && optind < argc)
        return refuse(why, REFUSED_INVALID, "", "see tinypart-device --help", "what is \"%s\"?", argv[optind]);
    return r == 0 ? check_together(out, why) : r;
}

void options_free(struct options *options)
{
    for (size_t i = 0; i < options->sensor_count; i++)
        sensor_close(&options->sensors[i]);
    options->sensor_count = 0;
}

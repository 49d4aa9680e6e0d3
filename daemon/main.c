/* main.c - wiring only: options, ports, the loop, and an orderly end.
 * Rooms are built lowest first and taken down in reverse; a room that cannot start ends the program with the words of
 * its refusal and exit code 1 (2 for wrong options). SIGTERM and SIGINT end it; systemd hears READY, WATCHDOG and
 * STOPPING. */
#include <coap3/coap.h>
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/config.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/check_ledger.h"
#include "daemon/core/access.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/sink.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "daemon/crypto_openssl/random.h"
#include "daemon/loop/loop.h"
#include "daemon/sink_file/sink_file.h"
#include "daemon/sink_http/sink_http.h"
#include "daemon/store_sqlite/store_sqlite.h"
#include "daemon/transport_coap/transport_coap.h"

enum {
    EXIT_OPTIONS = 2,
    TICK_LONGEST_MS = 1000, /* due or not, the rules look around this often */
    TICK_SOON_MS = 5,       /* after something came in: a burst shares one tick */
    USERS_MAX = 32,
    PATH_SIZE_HERE = 1024,
    LIBRARIES = 6,
    FEATURES = 2,
};

struct daemon {
    struct config config;
    struct loop *loop;
    struct core core;
    struct proto_crypto crypto;
    struct crypto_random *source;
    struct proto_random random;
    struct crypto_key *key;
    struct proto_signer signer;
    struct transport_coap *transport;
    struct sink_file *sink_file;
    struct sink_http *sink_http;
    struct sink_kind kinds[2];
    struct sink_port sinks;
    struct api *api;
    struct api_user users[USERS_MAX];
    struct api_library libraries[LIBRARIES];
    struct api_feature features[FEATURES];
    char listen_text[TRANSPORT_COAP_LISTEN_MAX][ADDRESS_SIZE];
    const char *listen[TRANSPORT_COAP_LISTEN_MAX];
    char database[PATH_SIZE_HERE];
    char export_folder[PATH_SIZE_HERE];
    struct loop_timer *tick_timer;
    struct loop_timer *watchdog_timer;
    uint64_t watchdog_us;
    int signal_fd;
    bool ticked; /* this turn was a tick's own */
};

static int64_t wall_clock_ms(const struct clock *clock)
{
    struct timespec now;

    (void)clock;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const struct clock wall_clock = { wall_clock_ms };

/* Time ------------------------------------------------------------------------------------------------------------ */

static void tick(void *context)
{
    struct daemon *daemon = context;
    int64_t next_ms = 0;

    int r = core_tick(&daemon->core, &next_ms);
    if (r < 0)
        log_fault("tinypartd", r, "the rules could not go on; trying again");
    int64_t delay_ms = next_ms - clock_now_ms(&wall_clock);
    if (r < 0 || delay_ms > TICK_LONGEST_MS)
        delay_ms = TICK_LONGEST_MS;
    loop_timer_set(daemon->tick_timer, delay_ms < 1 ? 1 : delay_ms);
    daemon->ticked = true;
}

static void tick_soon(void *context)
{
    struct daemon *daemon = context;

    loop_timer_set(daemon->tick_timer, TICK_SOON_MS);
}

/* Whatever woke the loop may have made something due. A turn that was only a tick must not ask for the next one. */
static void on_turn(void *context)
{
    struct daemon *daemon = context;

    if (!daemon->ticked)
        tick_soon(daemon);
    daemon->ticked = false;
}

static void watchdog(void *context)
{
    struct daemon *daemon = context;

    sd_notify(0, "WATCHDOG=1");
    daemon->ticked = true;
    loop_timer_set(daemon->watchdog_timer, (int64_t)(daemon->watchdog_us / 2000));
}

static void on_signal(void *context, int fd, uint32_t events)
{
    struct daemon *daemon = context;
    struct signalfd_siginfo info;

    (void)events;
    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    log_info("tinypartd", "ending on signal %u", info.ssi_signo);
    sd_notify(0, "STOPPING=1");
    loop_stop(daemon->loop);
}

static int start_time(struct daemon *daemon)
{
    sigset_t wanted;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigprocmask(SIG_BLOCK, &wanted, NULL); /* before any thread is made, so that all inherit it */
    signal(SIGPIPE, SIG_IGN);
    daemon->signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    int r = daemon->signal_fd < 0 ? -errno : loop_new(&daemon->loop);
    if (r == 0)
        r = loop_watch(daemon->loop, daemon->signal_fd, EPOLLIN, on_signal, daemon);
    if (r == 0)
        r = loop_timer_new(daemon->loop, tick, daemon, &daemon->tick_timer);
    if (r == 0)
        r = loop_timer_new(daemon->loop, watchdog, daemon, &daemon->watchdog_timer);
    if (r == 0)
        loop_on_turn(daemon->loop, on_turn, daemon);
    return r;
}

/* Folders and keys ------------------------------------------------------------------------------------------------ */

static int join_path(char out[PATH_SIZE_HERE], const char *folder, const char *name)
{
    int size = snprintf(out, PATH_SIZE_HERE, "%s/%s", folder, name);

    return size < 0 || size >= PATH_SIZE_HERE ? -ENAMETOOLONG : 0;
}

static int find_folders(struct daemon *daemon, struct why *why)
{
    const char *given = getenv("STATE_DIRECTORY");
    const char *folder = given != NULL && given[0] != '\0' ? given : daemon->config.state_folder;

    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return refuse(why, REFUSED_INVALID, "daemon.state_folder", "make the folder, or name another one",
                      "the state folder %.200s cannot be made: %s", folder, strerror(errno));
    int r = join_path(daemon->database, folder, "tinypart.db");
    if (r == 0 && daemon->config.export_folder[0] != '\0')
        r = text_copy(daemon->export_folder, sizeof(daemon->export_folder), daemon->config.export_folder);
    else if (r == 0)
        r = join_path(daemon->export_folder, folder, "export");
    return r;
}

/* The maintainer's key: the file that the configuration names, or systemd's credential. Without one the daemon serves
 * everything but new manifests and policies. */
static int load_key(struct daemon *daemon, struct why *why)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_SIZE_HERE];
    int r;

    if (daemon->config.manifest_key[0] != '\0') {
        r = crypto_key_open(daemon->config.manifest_key, false, &daemon->key, why);
    } else if (credentials != NULL && join_path(path, credentials, "manifest.key") == 0 && access(path, F_OK) == 0) {
        r = crypto_key_open(path, true, &daemon->key, why);
    } else {
        log_warning("keys",
                    "no manifest key: set keys.manifest_key or the credential manifest.key; no rollout will start");
        return 0;
    }
    if (r != 0)
        return r;
    /* Everything else goes on without it; orders are refused in words. */
    if (crypto_key_check(daemon->key, why) > 0)
        log_warning("keys", "the manifest key cannot sign: %s; %s", why->what, why->todo);
    crypto_key_signer(daemon->key, &daemon->signer);
    daemon->core.maintainer = &daemon->signer;
    return 0;
}

/* Rooms ----------------------------------------------------------------------------------------------------------- */

static int start_core(struct daemon *daemon, struct why *why)
{
    const struct config *config = &daemon->config;
    struct core *core = &daemon->core;

    crypto_openssl_proto(&daemon->crypto);
    int r = crypto_random_new(&daemon->source);
    if (r != 0)
        return refuse(why, REFUSED_INVALID, "random", NULL, "the kernel or OpenSSL gives no randomness: %s",
                      strerror(-r));
    crypto_random_port(daemon->source, &daemon->random);
    core->clock = &wall_clock;
    core->crypto = &daemon->crypto;
    core->random = &daemon->random;
    core->settings = (struct core_settings){
        .epoch_ms = config->privacy_epoch_ms,
        .filter_cap = { config->privacy_device_cap_ueps, config->privacy_device_cap_nrho,
                        config->privacy_device_cap_delta, config->privacy_device_cap_nrho == LOSS_MAX },
        .pool_unlock_ppm = config->privacy_unlock_ppm,
        .life_cap = { config->privacy_lifetime_cap_ueps, config->privacy_lifetime_cap_nrho,
                      config->privacy_lifetime_cap_delta, false },
        .path_lifetime_ms = config->rollout_path_lifetime_ms,
        .rollout_concurrency = (unsigned)config->rollout_concurrency,
        .follow_moves = config->coap_follow_moves,
        .claim_by_itself = config->lab_claim_by_itself,
        .telemetry_plain = config->lab_telemetry_plain,
    };
    r = text_copy(core->settings.advertise, sizeof(core->settings.advertise), config->coap_advertise);
    if (r != 0)
        return refuse(why, REFUSED_INVALID, "coap.advertise", NULL, "the advertised base URL is too long");
    r = load_key(daemon, why);
    if (r == 0)
        r = store_sqlite_open(daemon->database, &core->store, why);
    return r;
}

static int start_sinks(struct daemon *daemon, struct why *why)
{
    const struct sink_file_settings file = { daemon->export_folder, daemon->config.export_rotate_bytes };
    const struct sink_http_settings http = { daemon->config.export_timeout_ms, daemon->config.export_own_host };

    int r = sink_file_new(&daemon->core, daemon->loop, &file, &daemon->sink_file, why);
    if (r == 0)
        r = sink_http_new(&daemon->core, daemon->loop, &http, &daemon->sink_http);
    if (r != 0)
        return r;
    sink_file_kind(daemon->sink_file, &daemon->kinds[0]);
    sink_http_kind(daemon->sink_http, &daemon->kinds[1]);
    daemon->sinks = (struct sink_port){ daemon->kinds, 2 };
    daemon->core.sinks = &daemon->sinks;
    return 0;
}

/* Splits "a, b" in place; at most capacity parts, else REFUSED_INVALID. */
static int split_list(char *text, const char **out, unsigned capacity, unsigned *out_count, const char *setting,
                      struct why *why)
{
    char *rest = NULL;
    unsigned count = 0;

    for (char *part = strtok_r(text, ", ", &rest); part != NULL; part = strtok_r(NULL, ", ", &rest)) {
        if (count == capacity)
            return refuse(why, REFUSED_INVALID, setting, NULL, "%s lists more than %u entries", setting, capacity);
        out[count++] = part;
    }
    *out_count = count;
    return 0;
}

static int start_transport(struct daemon *daemon, struct why *why)
{
    struct transport_coap_settings settings = { 0 };
    char list[CONFIG_TEXT_SIZE];
    unsigned count = 0;

    text_copy(list, sizeof(list), daemon->config.coap_listen);
    int r = split_list(list, settings.listen, TRANSPORT_COAP_LISTEN_MAX, &count, "coap.listen", why);
    if (r == 0)
        r = transport_coap_new(&daemon->core, daemon->loop, &settings, &daemon->transport, why);
    if (r != 0)
        return r;
    daemon->core.transport = transport_coap_port(daemon->transport);
    for (unsigned i = 0; i < count; i++) {
        const char *colon = strrchr(settings.listen[i], ':');
        int host = colon == NULL ? (int)strlen(settings.listen[i]) : (int)(colon - settings.listen[i]);
        snprintf(daemon->listen_text[i], sizeof(daemon->listen_text[i]), "coap://%.*s:%u", host, settings.listen[i],
                 transport_coap_listens_on(daemon->transport, i));
        daemon->listen[i] = daemon->listen_text[i];
    }
    return 0;
}

static int take_users(struct daemon *daemon, unsigned *out_count, struct why *why)
{
    char list[CONFIG_TEXT_SIZE];
    const char *parts[USERS_MAX];

    text_copy(list, sizeof(list), daemon->config.rest_roles);
    int r = split_list(list, parts, USERS_MAX, out_count, "rest.roles", why);
    for (unsigned i = 0; r == 0 && i < *out_count; i++)
        r = api_user_parse(parts[i], &daemon->users[i], why);
    return r;
}

static const char *coap_counter(const void *transport, unsigned index, uint64_t *out)
{
    if (index >= TRANSPORT_COAP_COUNTS)
        return NULL;
    *out = transport_coap_counted(transport, (enum transport_coap_count)index);
    return transport_coap_count_name((enum transport_coap_count)index);
}

static void collect_facts(struct daemon *daemon, struct api_facts *out)
{
    unsigned listens = 0;

    daemon->libraries[0] = (struct api_library){ "libcoap", coap_package_version() };
    daemon->libraries[1] = (struct api_library){ "sqlite", sqlite3_libversion() };
    daemon->libraries[2] = (struct api_library){ "openssl", OpenSSL_version(OPENSSL_VERSION_STRING) };
    daemon->libraries[3] = (struct api_library){ "libcurl", curl_version_info(CURLVERSION_NOW)->version };
#ifdef TINYPART_HAS_OSCORE
    daemon->features[0] = (struct api_feature){ "oscore", false, "this libcoap has it; no device profile uses it" };
#else
    daemon->features[0] = (struct api_feature){ "oscore", false, "libcoap before 4.3.4 has none" };
#endif
    daemon->features[1] = crypto_openssl_has(KEY_ML_DSA_44)
                              ? (struct api_feature){ "ml-dsa", true, "ML-DSA-44, -65 and -87 are signed and verified" }
                              : (struct api_feature){ "ml-dsa", false, "OpenSSL before 3.5 has none" };
    while (listens < TRANSPORT_COAP_LISTEN_MAX && daemon->listen[listens] != NULL)
        listens++;
    *out = (struct api_facts){
        .version = TINYPART_VERSION,
        .database = daemon->database,
        .libraries = daemon->libraries,
        .library_count = 4,
        .features = daemon->features,
        .feature_count = FEATURES,
        .coap_listen = daemon->listen,
        .coap_listen_count = listens,
        .transport_counter = coap_counter,
        .transport = daemon->transport,
    };
}

/* "127.0.0.1:8550" or "[::1]:8550" into its two halves. */
static int split_tcp(char *text, struct api_settings *settings, struct why *why)
{
    char *colon = strrchr(text, ':');
    int64_t port = 0;

    if (text[0] == '\0')
        return 0;
    if (colon == NULL || integer_parse(colon + 1, 0, 65535, &port) != 0)
        return refuse(why, REFUSED_INVALID, "rest.listen", "write it as 127.0.0.1:8550 or [::1]:8550",
                      "%.64s is no TCP address with a port", text);
    *colon = '\0';
    if (text[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        text++;
    }
    settings->tcp_address = text;
    settings->tcp_port = (uint16_t)port;
    return 0;
}

static int find_group(const char *name, gid_t *out, struct why *why)
{
    *out = (gid_t)-1;
    if (name[0] == '\0')
        return 0;
    const struct group *group = getgrnam(name);
    if (group == NULL)
        return refuse(why, REFUSED_INVALID, "rest.socket_group", NULL, "there is no group %.64s on this machine", name);
    *out = group->gr_gid;
    return 0;
}

/* The Unix socket, where systemd listens for us. Anything else would be served as if the kernel vouched for its peers.
 */
static int take_socket(struct api_settings *settings, struct why *why)
{
    int count = sd_listen_fds(1);

    if (count <= 0)
        return count;
    if (count != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
        return refuse(why, REFUSED_INVALID, "socket unit", "give one ListenStream= with a path",
                      "systemd handed over something else than one listening Unix stream socket");
    settings->unix_fd = SD_LISTEN_FDS_START;
    settings->unix_path = NULL;
    return 0;
}

static int start_api(struct daemon *daemon, struct api_settings *settings, struct why *why)
{
    struct config *config = &daemon->config;
    unsigned users = 0;
    gid_t group = (gid_t)-1;

    *settings = (struct api_settings){
        .unix_path = config->rest_socket,
        .unix_mode = (mode_t)config->rest_socket_mode,
        .unix_fd = -1,
        .tls_cert_path = config->rest_tls_certificate,
        .tls_key_path = config->rest_tls_key,
        .tcp_plain_anywhere = config->rest_plain_remote,
        .users = daemon->users,
        .public_read_pem = crypto_public_read_pem,
        .public_write_pem = crypto_public_write_pem,
        .on_change = tick_soon,
        .on_change_context = daemon,
    };
    int r = take_socket(settings, why);
    if (r == 0)
        r = split_tcp(config->rest_listen, settings, why);
    if (r == 0)
        r = find_group(config->rest_socket_group, &group, why);
    if (r == 0)
        r = take_users(daemon, &users, why);
    if (r != 0)
        return r;
    settings->unix_group = group;
    settings->user_count = users;
    collect_facts(daemon, &settings->facts);
    return api_new(&daemon->core, daemon->loop, settings, &daemon->api, why);
}

static int start(struct daemon *daemon, struct api_settings *settings, struct why *why)
{
    int r = start_time(daemon);

    if (r == 0)
        r = find_folders(daemon, why);
    if (r == 0)
        r = start_core(daemon, why);
    if (r == 0)
        r = start_sinks(daemon, why);
    if (r == 0)
        r = start_transport(daemon, why);
    if (r == 0)
        r = core_start(&daemon->core, why);
    if (r == 0)
        r = start_api(daemon, settings, why);
    return r;
}

static void stop(struct daemon *daemon)
{
    transport_coap_free(daemon->transport);
    sink_http_free(daemon->sink_http);
    sink_file_free(daemon->sink_file);
    if (daemon->loop != NULL)
        loop_flush(daemon->loop); /* the sinks' last outcomes, while the rules can still take them */
    if (daemon->core.store != NULL)
        core_stop(&daemon->core);
    api_free(daemon->api);
    loop_timer_free(daemon->tick_timer);
    loop_timer_free(daemon->watchdog_timer);
    loop_free(daemon->loop);
    if (daemon->core.store != NULL)
        daemon->core.store->close(daemon->core.store);
    crypto_key_free(daemon->key);
    crypto_random_free(daemon->source);
    if (daemon->signal_fd >= 0)
        close(daemon->signal_fd);
}

static int serve(struct daemon *daemon)
{
    struct api_settings settings;
    struct why why = { "", "", "" };

    int r = start(daemon, &settings, &why);
    if (r > 0)
        log_error("tinypartd", "cannot start: %s%s%s%s%s", why.what, why.where[0] != '\0' ? "; at " : "", why.where,
                  why.todo[0] != '\0' ? "; " : "", why.todo);
    else if (r < 0)
        log_fault("tinypartd", r, "cannot start%s%s", why.what[0] != '\0' ? ": " : "", why.what);
    if (r == 0) {
        log_info("tinypartd", "version %s serves devices on %s and people on %s", TINYPART_VERSION,
                 daemon->listen_text[0], settings.unix_path != NULL ? settings.unix_path : "systemd's socket");
        if (settings.tcp_address != NULL)
            log_info("tinypartd", "REST with bearer tokens on %s port %u", settings.tcp_address,
                     api_tcp_port(daemon->api));
        if (sd_watchdog_enabled(0, &daemon->watchdog_us) > 0)
            loop_timer_set(daemon->watchdog_timer, 0);
        loop_timer_set(daemon->tick_timer, 0);
        sd_notify(0, "READY=1");
        r = loop_run(daemon->loop);
        if (r != 0)
            log_fault("tinypartd", r, "the loop ended");
    }
    stop(daemon);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Options --------------------------------------------------------------------------------------------------------- */

static const char usage[] =
    "tinypartd - the platform daemon of a fleet of multi-tenant microcontrollers\n"
    "\n"
    "  tinypartd [--config FILE] [--set SECTION.KEY=VALUE]...\n"
    "\n"
    "  --config FILE     read settings from FILE (without it: /etc/tinypart/tinypartd.conf if it exists)\n"
    "  --set S.K=V       change one setting, after the file; may be repeated\n"
    "  --check-config    only say whether the settings can be used\n"
    "  --print-config    print every setting with its help and value\n"
    "  --check-ledger F  count the ledger in F, a copy of a database, again from its charges and its record; exit "
    "code\n"
    "                    1 when they differ\n"
    "  --version, --help\n"
    "\n"
    "Examples:\n"
    "  tinypartd --set daemon.state_folder=/tmp/tp --set rest.socket=/tmp/tp.sock --set "
    "keys.manifest_key=maintainer.pem\n"
    "  tinypartd --print-config > tinypartd.conf\n"
    "\n"
    "Exit codes: 0 ended by a signal; 1 cannot start or go on; 2 wrong options or settings.\n";

static const char standard_config[] = "/etc/tinypart/tinypartd.conf";

enum option_code {
    OPTION_CONFIG = 256,
    OPTION_SET,
    OPTION_CHECK,
    OPTION_PRINT,
    OPTION_LEDGER,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option options[] = {
    { "config", required_argument, NULL, OPTION_CONFIG },
    { "set", required_argument, NULL, OPTION_SET },
    { "check-config", no_argument, NULL, OPTION_CHECK },
    { "print-config", no_argument, NULL, OPTION_PRINT },
    { "check-ledger", required_argument, NULL, OPTION_LEDGER },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

/* Whether standard error is the journal: programs inherit JOURNAL_STREAM even where their output goes elsewhere, so
 * systemd.exec(5) wants the two compared. */
static bool logs_to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[48];

    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
    return strcmp(stream, own) == 0;
}

static int refuse_settings(const struct why *why, bool journal)
{
    const char *level = journal ? "<3>" : ""; /* sd-daemon(3): an error */

    fprintf(stderr, "%stinypartd: %s%s%s\n", level, why->what, why->where[0] != '\0' ? "; at " : "", why->where);
    if (why->todo[0] != '\0')
        fprintf(stderr, "%s  %s\n", level, why->todo);
    return EXIT_OPTIONS;
}

static int read_settings(struct config *config, const char *file, char *const *sets, unsigned count, struct why *why)
{
    int r = 0;

    config_init(config);
    if (file != NULL || access(standard_config, R_OK) == 0)
        r = config_read_file(config, file != NULL ? file : standard_config, why);
    for (unsigned i = 0; r == 0 && i < count; i++)
        r = config_set(config, sets[i], why);
    return r;
}

static int log_level_of(const char *name, enum log_level *out)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = { { "error", LOG_LEVEL_ERROR },
                   { "warning", LOG_LEVEL_WARNING },
                   { "info", LOG_LEVEL_INFO },
                   { "debug", LOG_LEVEL_DEBUG } };

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, name) == 0) {
            *out = levels[i].level;
            return 0;
        }
    return REFUSED_INVALID;
}

int main(int count, char **arguments)
{
    static struct daemon daemon = { .signal_fd = -1 };
    enum log_level level = LOG_LEVEL_INFO;
    enum option_code action = 0;
    const char *file = NULL, *ledger = NULL;
    _cleanup_free_ char **sets = calloc((size_t)count, sizeof(*sets));
    const bool journal = logs_to_journal();
    unsigned set_count = 0;
    struct why why;

    for (int code; (code = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        if (code == OPTION_CONFIG)
            file = optarg;
        else if (code == OPTION_SET && sets != NULL)
            sets[set_count++] = optarg;
        else if (code >= OPTION_CHECK && code <= OPTION_HELP) {
            action = (enum option_code)code;
            ledger = code == OPTION_LEDGER ? optarg : ledger;
        } else
            return fputs("See tinypartd --help\n", stderr), EXIT_OPTIONS;
    }
    if (optind < count)
        return fprintf(stderr, "tinypartd: %s is not understood. See tinypartd --help\n", arguments[optind]),
               EXIT_OPTIONS;
    if (action == OPTION_LEDGER)
        return check_ledger(ledger, &wall_clock);
    if (action == OPTION_HELP || action == OPTION_VERSION)
        return fputs(action == OPTION_HELP ? usage : "tinypartd " TINYPART_VERSION "\n", stdout), EXIT_SUCCESS;
    int r = read_settings(&daemon.config, file, sets, set_count, &why);
    if (r == 0 && log_level_of(daemon.config.log_level, &level) != 0)
        r = refuse(&why, REFUSED_INVALID, "daemon.log_level", "choose error, warning, info or debug",
                   "there is no log level %.32s", daemon.config.log_level);
    if (r != 0)
        return refuse_settings(&why, journal);
    if (action == OPTION_PRINT)
        return config_print(&daemon.config, stdout), EXIT_SUCCESS;
    if (action == OPTION_CHECK)
        return EXIT_SUCCESS;
    log_configure(level, journal);
    return serve(&daemon);
}

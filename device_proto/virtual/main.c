/* main.c - tinypart-device: options, a fleet, a loop, signals, and a line for each event. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "device_proto/suit_author.h"
#include "device_proto/virtual/options.h"
#include "device_proto/virtual/run.h"
#include "device_proto/virtual/state.h"

enum { EXIT_NOT_INSTALLED = 1, EXIT_USAGE = 2, EXIT_FAILED = 3, SPREAD_MS_PER_DEVICE = 2, SPREAD_MS_MOST = 30000 };

struct outcome {
    bool installed;
    bool finished;
};

struct program {
    struct options options;
    struct fleet fleet;
    struct crypto_key *decryption_key; /* or NULL */
    struct loop *loop;
    struct run *run;
    struct outcome *outcomes; /* --once: one a device */
    unsigned finished_count;
    unsigned installed_count;
};

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- events ---- */

static void print_json_text(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20 || *at >= 0x7f) /* a device may have been sent anything */
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

static void print_event(const struct program *program, const struct device *device, enum event event, const char *text)
{
    char time_text[32];

    time_format(now_ms(CLOCK_REALTIME), time_text);
    if (program->options.json) {
        printf("{\"time\":\"%s\",\"device\":\"%s\",\"event\":\"%s\",\"text\":", time_text, device->name,
               event_name(event));
        print_json_text(text);
        puts("}");
    } else {
        printf("%s %s %s: ", time_text, device->name, event_name(event));
        for (; *text != '\0'; text++)
            putchar((unsigned char)*text < 0x20 || (unsigned char)*text == 0x7f ? '?' : *text);
        putchar('\n');
    }
    fflush(stdout);
}

/* With reports, an update is over when its report is. */
static bool finishes(const struct program *program, enum event event)
{
    if (event == EVENT_FETCH_FAILED)
        return true;
    if (kind_has(program->options.kind, KIND_TINYPART))
        return event == EVENT_REPORT_TAKEN || event == EVENT_REPORT_LOST;
    return event == EVENT_INSTALLED || event == EVENT_REFUSED;
}

static void count_outcome(struct program *program, const struct device *device, enum event event)
{
    struct outcome *outcome = &program->outcomes[device->index];

    if (event == EVENT_INSTALLED && !outcome->installed) {
        outcome->installed = true;
        program->installed_count++;
    }
    if (finishes(program, event) && !outcome->finished) {
        outcome->finished = true;
        program->finished_count++;
    }
    if (program->finished_count == program->options.count)
        loop_stop(program->loop);
}

static void on_event(void *context, const struct device *device, enum event event, const char *text)
{
    struct program *program = context;
    bool loud = event == EVENT_CRASH || event == EVENT_FAULT;
    bool chatter = event == EVENT_RETRANSMIT;

    if (loud || program->options.verbose > 1 || (program->options.verbose == 1 && !chatter))
        print_event(program, device, event, text);
    if (program->options.once)
        count_outcome(program, device, event);
}

static void print_stats(const struct program *program)
{
    printf("devices %u\n", program->options.count);
    for (int event = 0; event < EVENT_COUNT; event++)
        if (program->fleet.counts[event] > 0)
            printf("%s %llu\n", event_name((enum event)event), (unsigned long long)program->fleet.counts[event]);
    fflush(stdout);
}

static void on_signal(void *context, int fd, uint32_t events)
{
    struct program *program = context;
    struct signalfd_siginfo info;

    (void)events;
    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        run_revive(program->run);
    else if (info.ssi_signo == SIGUSR1)
        print_stats(program);
    else
        loop_stop(program->loop);
}

/* ---- set-up ---- */

static int identify(struct fleet *fleet, const struct options *options, struct why *why)
{
    const char *vendor = options->vendor != NULL ? options->vendor : options->kind->vendor;
    const char *class_name = options->class_name != NULL ? options->class_name : options->kind->class_name;

    text_copy(fleet->board, sizeof(fleet->board), class_name);
    int r = suit_vendor_id(&fleet->crypto, bytes_of_text(vendor), fleet->vendor_id);
    if (r == 0)
        r = suit_class_id(&fleet->crypto, fleet->vendor_id, bytes_of_text(class_name), fleet->class_id);
    if (r == 0 && options->state != NULL && mkdir(options->state, 0700) != 0 && errno != EEXIST)
        return refuse(why, REFUSED_INVALID, "--state", NULL, "cannot make %s: %s", options->state, strerror(errno));
    return r;
}

static int fill_fleet(struct program *program, struct why *why)
{
    struct options *options = &program->options;
    struct fleet *fleet = &program->fleet;
    int64_t spread_ms = (int64_t)options->count * SPREAD_MS_PER_DEVICE;

    *fleet = (struct fleet){ .kind = options->kind,
                             .trust_count = options->trust_count,
                             .registers = options->registers || kind_has(options->kind, KIND_TINYPART),
                             .require_token = options->require_token,
                             .has_directory = options->has_directory,
                             .directory = options->directory,
                             .lifetime_s = options->lifetime_s != 0 ? options->lifetime_s : options->kind->lifetime_s,
                             .state_directory = options->state,
                             .sensors = options->sensors,
                             .sensor_count = options->sensor_count,
                             .interval_ms = options->interval_ms,
                             .policy_every_ms = options->policy_every_ms,
                             .faults = options->faults,
                             .seed = options->seed,
                             .has_lab_noise = options->has_lab_noise,
                             .lab_noise_seed = options->lab_noise_seed,
                             .unix_offset_ms = now_ms(CLOCK_REALTIME) - now_ms(CLOCK_MONOTONIC),
                             .on_event = on_event,
                             .event_context = program };
    memcpy(fleet->trust, options->trust, sizeof(fleet->trust));
    fleet->spread_ms = options->spread_ms >= 0      ? options->spread_ms
                       : spread_ms > SPREAD_MS_MOST ? SPREAD_MS_MOST
                                                    : spread_ms;
    if (fleet->has_lab_noise)
        fputs("tinypart-device: WARNING: --lab-noise-seed: the noise of readings can be told from the seed, so whoever "
              "has them knows what was measured. For tests alone.\n",
              stderr);
    crypto_openssl_proto(&fleet->crypto);
    crypto_openssl_random(&fleet->random);
    if (options->decryption_key != NULL) {
        int r = crypto_key_read_file(options->decryption_key, &program->decryption_key, why);
        if (r == 0)
            r = crypto_key_agreement(program->decryption_key, &fleet->agreement);
        if (r == REFUSED_INVALID && program->decryption_key != NULL)
            return refuse(why, r, "--decryption-key", "make one with tinypartctl keygen --type p256",
                          "%s is no P-256 key", options->decryption_key);
        if (r != 0)
            return r;
    }
    return identify(fleet, options, why);
}

static void device_name(const struct options *options, unsigned i, char out[DEVICE_NAME_SIZE])
{
    if (options->count == 1)
        snprintf(out, DEVICE_NAME_SIZE, "%s", options->name);
    else
        snprintf(out, DEVICE_NAME_SIZE, "%.52s-%u", options->name, i + 1);
}

static int start_devices(struct program *program, struct why *why)
{
    const struct options *options = &program->options;
    struct endpoint address;
    char name[DEVICE_NAME_SIZE];

    int r = run_new(program->loop, &program->fleet, options->count, &program->run);
    if (r == -EMFILE)
        return refuse(why, REFUSED_INVALID, "--count", "raise the limit of open files (ulimit -Hn)",
                      "%u devices need as many sockets", options->count);
    for (unsigned i = 0; r == 0 && i < options->count; i++) {
        device_name(options, i, name);
        r = run_address(&options->listen, i, &address);
        if (r == 0)
            r = run_add(program->run, name, &address, why);
    }
    return r;
}

static int watch_signals(struct program *program)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : loop_watch(program->loop, fd, EPOLLIN, on_signal, program);
}

/* ---- keys ---- */

static int print_key(const struct device *device, enum options_keys form)
{
    struct proto_signer signer;
    char pem[PUBLIC_PEM_SIZE], hex[2 * PUBLIC_KEY_SIZE_MAX + 1];

    crypto_key_signer(device->key, &signer);
    if (form == KEYS_PEM) {
        int r = crypto_public_write_pem(&signer.key, pem);
        if (r != 0)
            return r;
        printf("%s\n%s", device->name, pem);
        return 0;
    }
    hex_encode(bytes_view(signer.key.raw, signer.key.size), hex);
    printf("%s %s\n", device->name, hex);
    return 0;
}

/* No sockets: the devices may be running, and only their key files are looked at (or made). */
static int print_keys(struct program *program)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < program->options.count; i++) {
        struct device device;
        char name[DEVICE_NAME_SIZE], path[1024];
        device_name(&program->options, i, name);
        device_init(&device, &program->fleet, i, name, -1);
        snprintf(path, sizeof(path), "%s/%s", program->options.state, name);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            r = -errno;
        if (r == 0)
            r = state_key(&device);
        if (r == 0)
            r = print_key(&device, program->options.print_keys);
        device_deinit(&device);
    }
    return r;
}

static int run_devices(struct program *program, struct why *why)
{
    program->outcomes = calloc(program->options.count, sizeof(*program->outcomes));
    int r = program->outcomes == NULL ? -ENOMEM : loop_new(&program->loop);
    if (r == 0)
        r = watch_signals(program);
    if (r == 0)
        r = start_devices(program, why);
    if (r == 0)
        r = loop_run(program->loop);
    if (r == 0 && program->options.stats)
        print_stats(program);
    return r;
}

static void complain(int r, const struct why *why)
{
    if (r < 0) {
        fprintf(stderr, "tinypart-device: %s\n", strerror(-r));
        return;
    }
    fprintf(stderr, "tinypart-device: %s%s%s\n", why->what, why->todo[0] == '\0' ? "" : ": ", why->todo);
}

int main(int argc, char **argv)
{
    struct program program = { 0 };
    struct why why = { 0 };
    enum options_end end;

    int r = options_read(argc, argv, &program.options, &end, &why);
    if (r == 0 && end == OPTIONS_RUN) {
        r = fill_fleet(&program, &why);
        if (r == 0 && program.options.print_keys != KEYS_NOT_PRINTED)
            r = print_keys(&program);
        else if (r == 0)
            r = run_devices(&program, &why);
    }
    bool missed = program.options.once && program.installed_count < program.options.count && end == OPTIONS_RUN;
    run_free(program.run);
    loop_free(program.loop);
    free(program.outcomes);
    crypto_key_free(program.decryption_key);
    options_free(&program.options);
    if (r != 0)
        complain(r, &why);
    return r < 0 ? EXIT_FAILED : r > 0 ? EXIT_USAGE : missed ? EXIT_NOT_INSTALLED : 0;
}

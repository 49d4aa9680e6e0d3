/* ingest.c - packs of readings a second, from a device's socket to its acknowledgement, with group commit against one
 * commit for each pack: CoAP over UDP on loopback, the real rules, noised readings that are charged, a database on a
 * real disk (the working folder, or $TINYPART_BENCH_FOLDER: not a tmpfs, where a sync costs nothing).
 *
 * Two daemons stand side by side, each with its own thread and file, and take turns under the same load: so many
 * devices, each with one pack on its way at a time, as CoAP wants it (NSTART = 1). Wall time, since what they wait for
 * is the disk. This program's fdatasync() and fsync() stand before the C library's and count SQLite's calls. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/core/budget.h"
#include "daemon/core/core.h"
#include "daemon/core/device.h"
#include "daemon/core/grant.h"
#include "daemon/core/policy.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/tenant.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "daemon/crypto_openssl/random.h"
#include "daemon/loop/loop.h"
#include "daemon/store_sqlite/store_sqlite.h"
#include "daemon/transport_coap/transport_coap.h"
#include "device_proto/coap_message.h"
#include "device_proto/noise.h"
#include "device_proto/senml.h"
#include "tests/bench/bench.h"

#define DEVICES   128 /* more packs at once than this are more than a socket's queue holds by default */
#define DRAWS     4096
#define ROUNDS    7
#define SCALE     10000 /* of the noise, in steps: bounds of 10000 steps at epsilon 1 */
#define RESEND_MS 2000

int fdatasync(int fd);
int fsync(int fd);

static atomic_uint syncs;

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

static double wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s: %d\n", what, r);
    exit(1);
}

/* ---- a daemon ---- */

struct daemon {
    const char *name;
    unsigned batch_max;
    char path[512];
    struct core core;
    struct proto_crypto crypto;
    struct crypto_random *source;
    struct proto_random random;
    struct crypto_key *key;
    struct proto_signer signer;
    struct loop *loop;
    struct transport_coap *transport;
    pthread_t thread;
    double packs_s[ROUNDS], syncs_per_1000[ROUNDS], cpu_us[ROUNDS];
};

static int64_t unix_ms(const struct clock *clock)
{
    struct timespec now;

    (void)clock;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const struct clock wall_clock = { unix_ms };

static void source_of(unsigned device, char out[INET_ADDRSTRLEN])
{
    snprintf(out, INET_ADDRSTRLEN, "127.1.%u.%u", device / 250, device % 250 + 1);
}

static void populate(struct core *core)
{
    const struct caller owner = { .role = ROLE_OWNER, .name = "owner" };
    const struct caller officer = { .role = ROLE_PRIVACY_OFFICER, .name = "officer" };
    struct why why = { "", "", "" };
    struct tenant tenant;
    struct grant grant;
    struct policy policy;
    struct budget budget;

    must(tenant_create(core, &owner, "acme", &tenant, &why), why.what);
    must(grant_create(core, &owner, &(struct grant_order){ .tenant = "acme", .selector = "", .sensors = "*" }, &grant,
                      &why),
         why.what);
    must(policy_set(core, &officer,
                    &(struct policy_order){ .sensor = "temperature",
                                            .lower = "0",
                                            .upper = "100",
                                            .unit_text = "Cel",
                                            .epsilon_per_reading = "1",
                                            .contributions = 100000 },
                    &policy, &why),
         why.what);
    must(budget_set(core, &officer, "acme", &(struct budget_order){ .epsilon = "1000000" }, &budget, &why), why.what);
    for (unsigned i = 0; i < DEVICES; i++) {
        char name[16], source[INET_ADDRSTRLEN], address[64];
        struct device device;

        source_of(i, source);
        snprintf(name, sizeof name, "d%u", i);
        snprintf(address, sizeof address, "coap://%s", source);
        must(device_create(core, &owner,
                           &(struct device_order){ .name = name, .profile = "tinypart", .address = address }, &device,
                           &why),
             why.what);
    }
}

static void *run_loop(void *context)
{
    must(loop_run(((struct daemon *)context)->loop), "loop");
    return NULL;
}

static void start(struct daemon *daemon)
{
    const struct transport_coap_settings settings = { .listen = { "127.0.0.1:0" }, .batch_max = daemon->batch_max };
    const char *folder = getenv("TINYPART_BENCH_FOLDER");
    struct why why = { "", "", "" };

    snprintf(daemon->path, sizeof daemon->path, "%s/ingest-%u-%d.db", folder != NULL ? folder : ".", daemon->batch_max,
             (int)getpid());
    crypto_openssl_proto(&daemon->crypto);
    must(crypto_random_new(&daemon->source), "random");
    crypto_random_port(daemon->source, &daemon->random);
    must(crypto_key_generate(KEY_ED25519, &daemon->key), "key");
    crypto_key_signer(daemon->key, &daemon->signer);
    daemon->core = (struct core){ .clock = &wall_clock,
                                  .crypto = &daemon->crypto,
                                  .random = &daemon->random,
                                  .maintainer = &daemon->signer,
                                  .settings = { .epoch_ms = 86400000,
                                                .filter_cap = { LOSS_MAX, LOSS_MAX, LOSS_MAX, false },
                                                .life_cap = { LOSS_MAX, LOSS_MAX, LOSS_MAX, false },
                                                .pool_unlock_ppm = 1000000,
                                                .telemetry_plain = true } };
    must(store_sqlite_open(daemon->path, &daemon->core.store, &why), why.what);
    must(loop_new(&daemon->loop), "loop");
    must(transport_coap_new(&daemon->core, daemon->loop, &settings, &daemon->transport, &why), why.what);
    daemon->core.transport = transport_coap_port(daemon->transport);
    must(core_start(&daemon->core, &why), why.what);
    populate(&daemon->core);
    must(pthread_create(&daemon->thread, NULL, run_loop, daemon), "thread");
}

static void stop(struct daemon *daemon, uint64_t expected)
{
    static const char *const suffixes[] = { "", "-wal", "-journal" };
    struct why why = { "", "", "" };

    loop_stop(daemon->loop);
    pthread_join(daemon->thread, NULL);
    if (daemon->core.counters[COUNT_TELEMETRY_STORED] != expected) {
        fprintf(stderr, "%s: %llu packs stored of %llu\n", daemon->name,
                (unsigned long long)daemon->core.counters[COUNT_TELEMETRY_STORED], (unsigned long long)expected);
        exit(1);
    }
    transport_coap_free(daemon->transport);
    must(daemon->core.store->ledger_recount(daemon->core.store, NULL, &why), why.what);
    core_stop(&daemon->core);
    loop_free(daemon->loop);
    daemon->core.store->close(daemon->core.store);
    crypto_key_free(daemon->key);
    crypto_random_free(daemon->source);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char name[600];

        snprintf(name, sizeof name, "%s%s", daemon->path, suffixes[i]);
        unlink(name);
    }
}

/* ---- the devices ---- */

struct client {
    int fd;
    uint16_t id;
    uint64_t sequence;
    uint8_t message[256];
    size_t size;
};

static int64_t draws[DRAWS];
static unsigned resent;

static int connect_from(unsigned device, uint16_t port)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(port) };
    char source[INET_ADDRSTRLEN];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    source_of(device, source);
    inet_pton(AF_INET, source, &from.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    must(bind(fd, (struct sockaddr *)&from, sizeof from), "bind");
    must(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    return fd;
}

static void resend(struct client *client)
{
    must(send(client->fd, client->message, client->size, 0) == (ssize_t)client->size ? 0 : -1, "send");
}

/* One noised reading, as a small device writes it. */
static void send_pack(struct client *client, unsigned device, uint64_t number)
{
    struct senml_record record = { .kind = SENML_NUMBER, .name = "temperature", .unit = "Cel" };
    struct coap_message_writer writer;
    uint8_t payload[128];
    char text[32];
    size_t size;

    must(decimal_make(draws[number % DRAWS], -2, &record.number), "value");
    must(senml_encode_cbor(&record, 1, bytes_view(NULL, 0), payload, sizeof payload, &size), "senml");
    coap_message_begin(&writer, client->message, sizeof client->message, COAP_MSG_CON, COAP_MSG_POST, ++client->id,
                       bytes_view((const uint8_t *)"\xca", 1));
    coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, bytes_of_text("t"));
    coap_message_add_uint(&writer, COAP_MSG_OPT_CONTENT_FORMAT, COAP_MSG_FORMAT_SENML_CBOR);
    snprintf(text, sizeof text, "d=d%u", device);
    coap_message_add_option(&writer, COAP_MSG_OPT_URI_QUERY, bytes_of_text(text));
    snprintf(text, sizeof text, "s=%llu", (unsigned long long)++client->sequence);
    coap_message_add_option(&writer, COAP_MSG_OPT_URI_QUERY, bytes_of_text(text));
    coap_message_add_option(&writer, COAP_MSG_OPT_URI_QUERY, bytes_of_text("p=1"));
    coap_message_add_payload(&writer, bytes_view(payload, size));
    must(coap_message_finish(&writer, &client->size), "message");
    resend(client);
}

/* false: not yet the answer to what is on its way. */
static bool take_answer(const struct client *client)
{
    uint8_t bytes[512];
    struct coap_message message;
    ssize_t size = recv(client->fd, bytes, sizeof bytes, 0);

    if (size < 0 || coap_message_parse(bytes_view(bytes, (size_t)size), &message) != 0)
        return false;
    if (message.id != client->id)
        return false;
    if (message.type != COAP_MSG_ACK || message.code != COAP_MSG_CHANGED) {
        fprintf(stderr, "a pack got %u.%02u: %.*s\n", message.code >> 5, message.code & 31u, (int)message.payload.size,
                (const char *)message.payload.data);
        exit(1);
    }
    return true;
}

/* Every device sends its next pack when the one before is acknowledged, until so many are. */
static void load(struct client *clients, unsigned devices, unsigned packs)
{
    struct epoll_event events[DEVICES];
    unsigned sent = 0, done = 0;
    int epoll = epoll_create1(0);

    for (; sent < devices; sent++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = sent };

        must(epoll_ctl(epoll, EPOLL_CTL_ADD, clients[sent].fd, &event), "epoll");
        send_pack(&clients[sent], sent, sent);
    }
    while (done < packs) {
        int count = epoll_wait(epoll, events, DEVICES, RESEND_MS);

        for (unsigned i = 0; count == 0 && i < devices; i++)
            resent++,
                resend(&clients[i]); /* a datagram was lost; who has nothing on its way gets a remembered answer */
        for (int i = 0; i < count; i++) {
            unsigned device = events[i].data.u32;

            if (!take_answer(&clients[device]))
                continue;
            done++;
            if (sent < packs) {
                send_pack(&clients[device], device, (uint64_t)sent * 7 + device);
                sent++;
            } else {
                clients[device].id++; /* a late copy of its answer is no answer */
            }
        }
    }
    close(epoll);
}

static double thread_ns(pthread_t thread)
{
    clockid_t clock;
    struct timespec used;

    must(pthread_getcpuclockid(thread, &clock), "clock");
    clock_gettime(clock, &used);
    return (double)used.tv_sec * 1e9 + (double)used.tv_nsec;
}

static void measure_round(struct daemon *daemon, struct client *clients, unsigned devices, unsigned packs,
                          unsigned round)
{
    unsigned syncs_before = syncs;
    double cpu_before = thread_ns(daemon->thread), began = wall_ns();

    load(clients, devices, packs);
    daemon->packs_s[round] = packs * 1e9 / (wall_ns() - began);
    daemon->syncs_per_1000[round] = (syncs - syncs_before) * 1000.0 / packs;
    daemon->cpu_us[round] = (thread_ns(daemon->thread) - cpu_before) / packs / 1e3;
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, bench_compare);
    return values[ROUNDS / 2];
}

int main(void)
{
    static const unsigned crowds[] = { 1, 8, 32, 128 };
    static struct daemon daemons[] = { { .name = "a commit each", .batch_max = 1 },
                                       { .name = "group commit", .batch_max = 0 } };
    static struct client clients[2][DEVICES];
    uint64_t packs_in_all = 0;

    for (unsigned i = 0; i < 2; i++) {
        start(&daemons[i]);
        for (unsigned k = 0; k < DEVICES; k++)
            clients[i][k].fd = connect_from(k, transport_coap_listens_on(daemons[i].transport, 0));
    }
    for (unsigned i = 0; i < DRAWS; i++) {
        must(noise_laplace(&daemons[0].random, SCALE, 1, &draws[i]), "noise");
        draws[i] = noise_clamp(draws[i] + SCALE / 2, -8 * SCALE, 9 * SCALE);
    }
    printf("%8s | %-31s | %-31s |\n%8s | %10s %10s %9s | %10s %10s %9s | %6s\n", "", daemons[0].name, daemons[1].name,
           "devices", "packs/s", "syncs/1000", "cpu us", "packs/s", "syncs/1000", "cpu us", "ratio");
    for (unsigned i = 0; i < sizeof crowds / sizeof crowds[0]; i++) {
        unsigned packs = crowds[i] < 8 ? 200 : crowds[i] * 25;

        for (unsigned round = 0; round < ROUNDS; round++)
            for (unsigned k = 0; k < 2; k++)
                measure_round(&daemons[k], clients[k], crowds[i], packs, round);
        packs_in_all += (uint64_t)packs * ROUNDS;
        double each = median(daemons[0].packs_s), grouped = median(daemons[1].packs_s);
        printf("%8u | %10.0f %10.0f %9.1f | %10.0f %10.0f %9.1f | %6.2f\n", crowds[i], each,
               median(daemons[0].syncs_per_1000), median(daemons[0].cpu_us), grouped, median(daemons[1].syncs_per_1000),
               median(daemons[1].cpu_us), grouped / each);
    }
    if (resent > 0)
        printf("datagrams were lost on the way: the figures wait for that\n");
    for (unsigned i = 0; i < 2; i++)
        stop(&daemons[i], packs_in_all);
    return 0;
}

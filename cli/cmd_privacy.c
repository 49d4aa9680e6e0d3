/* cmd_privacy.c - whether noise is what it claims to be, whether the ledger adds up, and what a release guarantees. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/common.h"
#include "cli/lines.h"
#include "cli/privacy_export.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/random.h"
#include "device_proto/privacy_loss.h"

enum { CHUNK = 4096, SAMPLES_LEAST = 100 };

static const struct column report_columns[] = {
    { "mechanism", "mechanism", false },
    { "samples", "samples", false },
    { "of the neighbour", "neighbour_samples", false },
    { "neighbours differ by", "sensitivity", false },
    { "claimed epsilon", "claimed_epsilon", false },
    { "claimed delta", "claimed_delta", false },
    { "epsilon is at least", "epsilon_at_least", false },
    { "seen by", "event", false },
    { "confidence", "confidence", false },
    { "verdict", "verdict", false },
    { NULL, NULL, false },
};

static const struct column check_columns[] = {
    { "EVENT", "event", false },         { "INPUT", "input", true },
    { "BY LAW", "input_law", true },     { "NEIGHBOUR", "neighbour", true },
    { "BY LAW", "neighbour_law", true }, { "EPSILON >=", "epsilon_at_least", true },
    { "VERDICT", "verdict", false },     { NULL, NULL, false },
};

static int draw(struct audit *audit, uint64_t samples)
{
    static int64_t answers[CHUNK];

    for (unsigned side = 0; side < 2; side++)
        for (uint64_t done = 0; done < samples; done += CHUNK) {
            size_t part = samples - done < CHUNK ? (size_t)(samples - done) : CHUNK;
            if (sampler_draw(audit->sampler, audit->inputs[side], answers, part) != 0) {
                fputs("tinypartctl: failed: the random source does not answer\n", stderr);
                return EXIT_FAULT;
            }
            for (size_t i = 0; i < part; i++)
                audit_feed(audit, side, (double)answers[i]);
        }
    return EXIT_DONE;
}

/* A number, or as many bits as unary encoding has categories. */
static bool answer_of(const struct sampler *sampler, const char *line, double *out)
{
    char *end = NULL;
    double bits = 0;

    if (sampler->mechanism != MECHANISM_OUE) {
        *out = strtod(line, &end);
        return end != line && *end == '\0' && isfinite(*out);
    }
    for (unsigned i = 0; i < sampler->categories; i++) {
        if (line[i] != '0' && line[i] != '1')
            return false;
        bits += line[i] == '1' ? ldexp(1, (int)i) : 0;
    }
    *out = bits;
    return line[sampler->categories] == '\0';
}

static int read_samples(struct audit *audit, unsigned side, const char *path, double shift)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    uint64_t number = 0;
    int r = EXIT_DONE;

    if (file == NULL) {
        fprintf(stderr, "tinypartctl: %s cannot be read: %s\n", path, strerror(errno));
        return EXIT_FAULT;
    }
    while (r == EXIT_DONE && getline(&line, &capacity, file) > 0) {
        double answer = 0;
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (answer_of(audit->sampler, line, &answer)) {
            audit_feed(audit, side, answer + shift);
            continue;
        }
        fprintf(stderr, "tinypartctl: refused: %s:%llu is no sample of %s\n", path, (unsigned long long)number,
                sampler_name(audit->sampler));
        r = EXIT_REFUSED;
    }
    free(line);
    fclose(file);
    if (r == EXIT_DONE && number < SAMPLES_LEAST) {
        fprintf(stderr, "tinypartctl: refused: %s has %llu samples, and an audit needs %d\n", path,
                (unsigned long long)number, SAMPLES_LEAST);
        r = EXIT_REFUSED;
    }
    return r;
}

/* Noise that is added is the same whatever it is added to, so one file can speak for both inputs: the two bounds of a
 * ratio then come from the same samples, and hold together all the same. */
static int read_both(struct call *call, struct audit *audit)
{
    const char *input = call_option(call, "input");
    const char *neighbour = call_option(call, "neighbour");

    if (neighbour == NULL && !sampler_adds(audit->sampler))
        return call_usage(call, "--input of %s needs --neighbour too", sampler_name(audit->sampler));
    int r = read_samples(audit, 0, input, 0);
    if (r == EXIT_DONE)
        r = read_samples(audit, 1, neighbour == NULL ? input : neighbour,
                         neighbour == NULL ? (double)audit->inputs[1] : 0);
    return r;
}

static int gather(struct call *call, struct audit *audit, struct sampler *sampler, uint64_t samples)
{
    struct crypto_random *source = NULL;

    if (call_option(call, "input") != NULL)
        return read_both(call, audit);
    if (crypto_random_new(&source) != 0) {
        fputs("tinypartctl: failed: the kernel gives no randomness\n", stderr);
        return EXIT_FAULT;
    }
    crypto_random_port(source, &sampler->random);
    int r = draw(audit, samples);
    crypto_random_free(source);
    return r;
}

/* "0.5" within least..most; *out is left alone where it was not given. */
static int number_of(const struct call *call, const char *name, double least, double most, double *out)
{
    const char *text = call_option(call, name);
    char *end = NULL;
    double value = text == NULL ? 0 : strtod(text, &end);

    if (text == NULL)
        return EXIT_DONE;
    if (end == text || *end != '\0' || !(value >= least) || !(value <= most))
        return call_usage(call, "--%s %s is no number from %g to %g", name, text, least, most);
    *out = value;
    return EXIT_DONE;
}

static void show(struct call *call, const json_t *report)
{
    call->output->object(call->output, report, call->output->is_json ? NULL : report_columns);
    if (!call->output->is_json)
        call->output->list(call->output, json_object_get(report, "checks"), check_columns);
}

static int audit_run(struct call *call)
{
    struct audit audit;
    struct sampler sampler;
    int64_t samples = 1000000;
    int64_t sensitivity = 1;
    double epsilon = 0;
    double percent = 99.9999999;
    bool violated = false;

    int r = sampler_take(call, &sampler);
    if (r == EXIT_DONE)
        r = call_integer(call, "samples", SAMPLES_LEAST, 1000000000, &samples);
    if (r == EXIT_DONE)
        r = call_integer(call, "sensitivity", 1, INT64_C(1) << 31, &sensitivity);
    if (r == EXIT_DONE)
        r = number_of(call, "epsilon", 1e-6, 40, &epsilon);
    if (r == EXIT_DONE)
        r = number_of(call, "confidence", 50, 99.9999999999, &percent);
    if (r != EXIT_DONE)
        return r;
    if (audit_begin(&audit, &sampler, (uint64_t)sensitivity, (uint64_t)llround(epsilon * PRIVACY_MICRO), percent / 100,
                    (uint64_t)samples) != 0)
        return call_usage(call, "these parameters cannot be audited: epsilon is beyond 40, or sigma^2 2^16 or more");
    r = gather(call, &audit, &sampler, (uint64_t)samples);
    if (r != EXIT_DONE)
        return r;
    json_t *report = audit_report(&audit, &violated);
    show(call, report);
    r = privacy_sign_report(call, report);
    json_decref(report);
    if (r != EXIT_DONE)
        return r;
    return violated ? EXIT_REFUSED : EXIT_DONE;
}

static const struct option_row audit_options[] = {
    SAMPLER_OPTIONS,
    { "samples", 0, "N", false, "of each of two neighbouring inputs (1000000)" },
    { "sensitivity", 0, "D", false, "how far apart inputs are that noise is added to (1)" },
    { "epsilon", 0, "EPS", false, "the claim, where it is not what the parameters say" },
    { "confidence", 0, "PERCENT", false, "that a mechanism that keeps its claim passes (99.9999999)" },
    { "input", 0, "FILE", false, "samples of another program, one a line, for the input 0" },
    { "neighbour", 0, "FILE", false, "and for the input D, 1 or M; noise that is added needs only one file" },
    { "sign", 0, "KEY.pem", false, "sign the report with this key" },
    { "output", 'o', "FILE", false, "where the signed report goes; ledger verify --file checks it" },
    { 0 },
};

static const struct column ledger_columns[] = {
    { "holds", "holds", false },
    { "charges", "charges", false },
    { "sets of devices", "cohorts", false },
    { "budgets", "budgets", false },
    { "filters", "filters", false },
    { "odometers", "odometers", false },
    { "releases", "releases", false },
    { "entries on record", "audit_entries", false },
    { "head of the record", "audit_head", false },
    { "what does not fit", "detail", false },
    { NULL, NULL, false },
};

static int ledger_verify(struct call *call)
{
    struct path path = path_of("/v1/privacy/ledger/verify");
    json_t *verdict = NULL;

    if (call_option(call, "file") != NULL)
        return privacy_verify_file(call, ledger_columns);
    int r = client_json(call->client, "GET", &path, NULL, &verdict);
    if (r == EXIT_DONE) {
        call->output->object(call->output, verdict, ledger_columns);
        if (!json_is_true(json_object_get(verdict, "holds")))
            r = EXIT_REFUSED;
    }
    json_decref(verdict);
    return r;
}

static int explain(struct call *call)
{
    struct path path = path_of("/v1/releases/%s/explanation", call->arguments[0]);
    json_t *reply = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &reply);
    if (r == EXIT_DONE && call->output->is_json)
        call->output->object(call->output, reply, NULL);
    else if (r == EXIT_DONE)
        lines_print(call->output->out, common_text(reply, "text"), lines_width(call->output->out), 0, 0);
    json_decref(reply);
    return r;
}

static const struct option_row verify_options[] = {
    { "file", 0, "EXPORT", false, "an export, in place of the daemon's own ledger: checked without any daemon" },
    { "key", 0, "PUB.pem", false, "who has to have signed it" },
    { 0 },
};

static int filter_raise(struct call *call)
{
    struct path path = path_of("/v1/privacy/filter/raise");
    json_t *body = json_object();

    common_put(call, body, "reason", "now_because");
    return common_do(call, "POST", &path, body, "the configured cap of the filters holds for the present epoch, too");
}

static const struct option_row raise_options[] = {
    { "reason", 0, "TEXT", true, "why: recorded for good" },
    { 0 },
};

static const struct option_row export_options[] = {
    { "output", 'o', "FILE", false, "write it there instead of printing it" },
    { 0 },
};

const struct command privacy_commands[] = {
    { "privacy audit", NULL,
      "Bounds epsilon from below by what samples show, and checks their law; exit 1: the claim is violated (offline).",
      audit_options,
      "tinypartctl privacy audit --mechanism laplace --scale 10/3 --samples 1000000\n"
      "tinypartctl privacy audit --mechanism gaussian --scale 100 --sensitivity 10\n"
      "tinypartctl privacy audit --mechanism krr --weights 3:1 --categories 4\n"
      "tinypartctl privacy audit --mechanism laplace --scale 1 --input at0.txt --neighbour at1.txt",
      audit_run, true },
    { "privacy ledger verify", NULL,
      "Counts every filter, budget and odometer again from the charges, and holds them against releases and record; "
      "exit code 1 when they differ.",
      verify_options,
      "tinypartctl privacy ledger verify\n"
      "tinypartctl privacy ledger verify --file ledger.jsonl --key maintainer.pub.pem",
      ledger_verify, false },
    { "privacy filter raise", NULL,
      "Lets a cap that was raised in the configuration hold for the present epoch, too; it is recorded with the "
      "reason.",
      raise_options, "tinypartctl privacy filter raise --reason \"the study's board agreed on 2026-11-20\"",
      filter_raise, false },
    { "privacy export", NULL,
      "Exports policies, caps, budgets, filters, charges, releases and the record as JSON lines, signed by the daemon.",
      export_options,
      "tinypartctl privacy export --output ledger.jsonl\n"
      "tinypartctl privacy ledger verify --file ledger.jsonl --key maintainer.pub.pem",
      privacy_export, false },
    { "privacy explain", "RELEASE", "Says in plain words what a release guarantees, and what it does not.", NULL,
      "tinypartctl privacy explain 3", explain, false },
    { 0 },
};

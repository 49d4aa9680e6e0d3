/* cmd_release.c - noised answers. */
#include "cli/answer.h"
#include "cli/common.h"

#include <stdlib.h>
#include <string.h>

static const struct column release_columns[] = {
    { "RELEASE", "id", true },
    { "TENANT", "tenant", false },
    { "QUERY", "query", false },
    { "SENSOR", "sensor", false },
    { "SELECTOR", "selector", false },
    { "FROM", "from", false },
    { "TO", "to", false },
    { "EPSILON", "epsilon", true },
    { "COHORT", "cohort", true },
    { "REQUEST", "request", false },
    { NULL, NULL, false },
};

static const struct column plan_columns[] = {
    { "would pass", "would_pass", false },
    { "devices asked", "cohort", false },
    { "devices charged", "charged", false },
    { "paid by release", "paid_by", false },
    { "epochs", "epochs", false },
    { "epsilon a device", "epsilon_per_device", false },
    { "epsilon of tenant", "tenant_epsilon", false },
    { "tenant has left", "tenant_left_epsilon", false },
    { "devices exhausted", "exhausted_devices", false },
    { "the first", "first_exhausted", false },
    { "95 % error", "error95", false },
    { "L2 error", "l2_error", false },
    { "rho a device", "device_loss.rho", false },
    { "delta a device", "device_loss.delta", false },
    { "epsilon needed", "needed.epsilon", false },
    { "rho needed", "needed.rho", false },
    { "exhausts first", "exhausts_first.filter", false },
    { "of its", "exhausts_first.currency", false },
    { "of device", "exhausts_first.device", false },
    { "times it fits", "exhausts_first.times", false },
    { NULL, NULL, false },
};

/* For people; the whole of it, with the noise of each quantity, is what programs get and "release answer" prints. */
static const struct column answer_columns[] = {
    { "query", "query", false },
    { "sensor", "sensor", false },
    { "readings", "source", false },
    { "selector", "selector", false },
    { "from", "from", false },
    { "to", "to", false },
    { "value", "value", false },
    { "devices charged", "charged", false },
    { "dimension", "dimension", true },
    { "each clipped to", "norm", false },
    { "the sum", "vector", false },
    { "in steps of", "step", false },
    { "L2 error", "l2_error", false },
    { "paid by release", "paid_by", false },
    { "unit", "unit", false },
    { "95 % interval", "error95", false },
    { "noised on board", "on_board", false },
    { "devices asked", "cohort", false },
    { "epochs", "epochs", false },
    { "epsilon", "epsilon", false },
    { "protects", "privacy.unit", false },
    { "rho", "rho", false },
    { "mechanism", "privacy.mechanism", false },
    { "bins", "bins", false },
    { "quantiles", "quantiles", false },
    { "the largest", "top", false },
    { "devices", "devices", false },
    { "counts by step", "counts", false },
    { NULL, NULL, false },
};

#define SHOWN_COORDINATES 8

/* Nobody reads thousands of numbers in a line. */
static void shorten_vector(json_t *answer)
{
    const json_t *vector = json_object_get(answer, "vector");
    char text[320] = "";
    size_t size = 0;

    if (json_array_size(vector) <= SHOWN_COORDINATES)
        return;
    for (size_t i = 0; i < SHOWN_COORDINATES; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%lld,",
                                 (long long)json_integer_value(json_array_get(vector, i)));
    snprintf(text + size, sizeof(text) - size, "... (%zu in all; --output FILE saves them)", json_array_size(vector));
    json_object_set_new(answer, "vector", json_string(text));
}

static void show_answer(struct call *call, const json_t *release)
{
    if (call->output->is_json) {
        call->output->object(call->output, release, NULL);
        return;
    }
    call->output->done(call->output, "release %lld%s", (long long)json_integer_value(json_object_get(release, "id")),
                       json_is_true(json_object_get(release, "replayed")) ? " (replayed from the store, at no cost)"
                                                                          : "");
    shorten_vector(json_object_get(release, "answer"));
    answer_show(call->output, json_object_get(release, "answer"), answer_columns);
}

/* The stored answer, byte for byte, into the file that --output names, if any. */
static int save_answer(struct call *call, const char *id)
{
    struct path path = path_of("/v1/releases/%s/answer", id);
    const char *file = call_option(call, "output");
    char *text = NULL;

    if (file == NULL)
        return EXIT_DONE;
    int r = client_raw(call->client, &path, &text);
    if (r == EXIT_DONE)
        r = common_write(file, bytes_of_text(text != NULL ? text : ""));
    free(text);
    return r;
}

static int save_answer_of(struct call *call, const json_t *release)
{
    char id[24];

    snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(json_object_get(release, "id")));
    return save_answer(call, id);
}

static int preview(struct call *call, json_t *body)
{
    struct path path = path_of("/v1/releases/preview");
    json_t *plan = NULL;

    int r = common_send(call, "POST", &path, body, &plan);
    if (r == EXIT_DONE && call->output->is_json)
        call->output->object(call->output, plan, NULL);
    else if (r == EXIT_DONE)
        plan_show(call->output, plan, plan_columns);
    if (r == EXIT_DONE && !json_is_true(json_object_get(plan, "would_pass"))) {
        problem_print(json_object_get(plan, "problem"));
        r = EXIT_REFUSED;
    }
    json_decref(plan);
    return r;
}

static int create(struct call *call)
{
    struct path path = path_of("/v1/releases");
    json_t *body = json_object();
    json_t *release = NULL;

    common_put(call, body, "error", "error");
    common_put(call, body, "request", "request");
    int r = common_put_question(call, body);
    if (r == EXIT_DONE)
        r = common_put_time(call, body, "from", "from");
    if (r == EXIT_DONE)
        r = common_put_time(call, body, "to", "to");
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    if (call_option(call, "dry-run") != NULL)
        return preview(call, body);
    r = common_send(call, "POST", &path, body, &release);
    if (r == EXIT_DONE) {
        show_answer(call, release);
        r = save_answer_of(call, release);
    }
    json_decref(release);
    return r;
}

static int list(struct call *call)
{
    struct path path = path_of("/v1/releases");

    return common_list(call, &path, release_columns);
}

static int show(struct call *call)
{
    struct path path = path_of("/v1/releases/%s", call->arguments[0]);
    json_t *release = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &release);
    if (r == EXIT_DONE)
        show_answer(call, release);
    json_decref(release);
    return r;
}

static int answer(struct call *call)
{
    struct path path = path_of("/v1/releases/%s/answer", call->arguments[0]);
    char *text = NULL;

    if (call_option(call, "output") != NULL)
        return save_answer(call, call->arguments[0]);
    int r = client_raw(call->client, &path, &text);
    if (r == EXIT_DONE && text != NULL)
        fputs(text, stdout);
    free(text);
    return r;
}

static const struct option_row create_options[] = {
    { "tenant", 0, "T", false, "who asks (a tenant's own token knows)" },
    { "query", 0, "Q", true,
      "count, sum, mean, variance, histogram, quantiles, top, device-count, device-sum, vector-sum or running-count" },
    { "sensor", 0, "S", true, "of which sensor" },
    { "selector", 'l', "L", true, "over which devices" },
    { "source", 0, "SOURCE", false, "readings: raw, local (noised on board, priced by their policy), both" },
    { "epsilon", 0, "E", false, "privacy to spend, on every device asked and epoch touched, as 0.5" },
    { "rho", 0, "R", false, "the same for Gaussian noise, which has no epsilon, as 0.05" },
    COMMON_QUESTION_OPTIONS,
    { "from", 0, "TIME", false, "start of the window, as -1h; else of the present epoch" },
    { "to", 0, "TIME", false, "its end, not included; else now" },
    { "request", 0, "ID", false, "the same id with the same request replays the same answer, free of charge" },
    { "error", 0, "X", false, "with --dry-run: which epsilon or rho keeps the 95 % error at X" },
    { "output", 0, "FILE", false, "save the answer there, too, byte for byte" },
    { "dry-run", 0, NULL, false, "only say what it would cost, and whether it would pass" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

static const struct option_row answer_options[] = {
    { "output", 0, "FILE", false, "save it there instead" },
    { 0 },
};

const struct command release_commands[] = {
    { "release create", NULL, "Asks for a noised answer; charges budget and filters, or replays.", create_options,
      "tinypartctl release create --tenant acme --query mean --sensor temperature --selector site=lyon --epsilon 0.5 "
      "--dry-run\n"
      "tinypartctl release create --tenant acme --query top --sensor door --selector site=lyon --source local "
      "--categories 0,1,2\n"
      "tinypartctl release create --tenant acme --query mean --sensor temperature --selector site=lyon --epsilon 0.5 "
      "--request monday\n"
      "tinypartctl release create --tenant acme --query running-count --step 1h --sensor temperature --selector "
      "site=lyon --epsilon 1\n"
      "tinypartctl release create --tenant acme --query vector-sum --sensor gradient --selector site=lyon --rho 0.05 "
      "--dry-run",
      create, false },
    { "release list", NULL, "Lists the releases.", list_options, "tinypartctl release list", list, false },
    { "release show", "ID", "Shows a release and its answer.", NULL, "tinypartctl release show 3", show, false },
    { "release answer", "ID", "Prints the stored answer byte for byte.", answer_options,
      "tinypartctl release answer 3\ntinypartctl release answer 3 --output round-7.json", answer, false },
    { 0 },
};

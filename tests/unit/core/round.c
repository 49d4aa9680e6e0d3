#include "tests/unit/core/round.h"

#include "daemon/base/buffer.h"
#include "device_proto/vector.h"

void round_must(const struct lab *lab, int r)
{
    if (r != 0)
        fail_msg("%d: %s (%s)", r, lab->why.what, lab->why.where);
}

void round_raise_caps(struct lab *lab)
{
    const struct budget_order order = { .epsilon = "1000", .rho = "1000" };
    struct budget budget;

    lab->core->settings.filter_cap = (struct loss_caps){ .ueps = 1000 * EPSILON, .nrho = 1000000000000 };
    lab_sql(lab, "DELETE FROM budget_terms");
    round_must(lab, budget_set(lab->core, &lab->world->privacy_officer, "acme", &order, &budget, &lab->why));
    round_must(lab, budget_set(lab->core, &lab->world->privacy_officer, "beta", &order, &budget, &lab->why));
}

void round_make(struct lab *lab)
{
    static const struct policy_order gradient = { .sensor = "gradient", .dimension = ROUND_DIMENSION, .norm = "1000" };

    round_raise_caps(lab);
    lab_policy(lab, &gradient);
}

int round_post_data(struct lab *lab, const struct device *device, struct bytes data)
{
    static uint64_t sequence;
    struct senml_record record = { .kind = SENML_DATA, .name = "gradient", .text = data };
    const struct telemetry telemetry = {
        .endpoint = device->name, .peer = device->address, .sequence = ++sequence, .records = &record, .count = 1
    };

    memset(&lab->why, 0, sizeof(lab->why));
    return collect_telemetry(lab->core, &telemetry, &lab->why);
}

int round_post(struct lab *lab, const struct device *device, const int32_t *coordinates, size_t dimension)
{
    static uint8_t data[VECTOR_SIZE_MAX];
    size_t size = 0;

    assert_int_equal(vector_write(coordinates, dimension, data, sizeof(data), &size), 0);
    return round_post_data(lab, device, bytes_view(data, size));
}

void round_give(struct lab *lab, const struct device *device, int32_t first)
{
    const int32_t coordinates[ROUND_DIMENSION] = { first, -2, 3 };

    round_must(lab, round_post(lab, device, coordinates, ROUND_DIMENSION));
}

int round_ask(struct lab *lab, const struct release_order *order, struct release *out)
{
    struct release_order whole = *order;

    whole.query = order->query != NULL ? order->query : "vector-sum";
    whole.sensor = order->sensor != NULL ? order->sensor : "gradient";
    memset(&lab->why, 0, sizeof(lab->why));
    lab->world->clock.now_ms += 1;
    return release_create(lab->core, &lab->acme->caller, &whole, out, &lab->why);
}

json_t *round_answer(struct lab *lab, const struct release *release)
{
    struct buffer text;
    json_error_t error;

    buffer_init(&text, RELEASE_ANSWER_MAX);
    round_must(lab, release_answer_append(lab->core, release, &text));
    json_t *answer = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (answer == NULL)
        fail_msg("%s: %s", error.text, (const char *)text.data);
    buffer_deinit(&text);
    return answer;
}

json_t *round_sum(struct lab *lab, const char *rho)
{
    const struct release_order order = { .rho = rho };
    struct release release;

    round_must(lab, round_ask(lab, &order, &release));
    return round_answer(lab, &release);
}

int64_t round_coordinate(const json_t *answer, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(answer, "vector"), i));
}

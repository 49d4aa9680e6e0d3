/* policy_doc.c - noise policies as signed CBOR.
 * All keys of one of the three forms are there, in ascending order, and no others: a device that meets a rule which it
 * does not know must not noise by the ones that it does. The external data of the signature says what is signed, so
 * that a signature over something else of the maintainer's can never pass for a policy. */
#include "device_proto/policy_doc.h"

#include "device_proto/cbor.h"
#include "device_proto/cose.h"
#include "device_proto/vector.h"

#define EXTERNAL_AAD      "tinypart noise policy"
#define KID_MAX           16u
#define SCRATCH_SIZE      (POLICY_SIZE_MAX + COSE_SIG_STRUCTURE_OVERHEAD + sizeof EXTERNAL_AAD)
#define MICRO             1000000u
#define MICRO_EPSILON_MAX 1000000000000u /* an epsilon of a million protects nobody: a bound for arithmetic only */
#define FIELDS_FIRST      16u
#define FIELDS_SECOND     18u
#define FIELDS_THIRD      19u

enum policy_key {
    KEY_SENSOR = 1,
    KEY_VERSION,
    KEY_UNIT,
    KEY_EPOCH_S,
    KEY_ADJACENCY,
    KEY_LOWER,
    KEY_UPPER,
    KEY_SCALE,
    KEY_UNIT_TEXT,
    KEY_MECHANISM,
    KEY_MICRO_EPSILON,
    KEY_PARAMETER_NUM,
    KEY_PARAMETER_DEN,
    KEY_CONTRIBUTIONS,
    KEY_INTERVAL_S,
    KEY_OUTPUT_BOUND,
    KEY_MEMO_STEP, /* from here on in the second form only */
    KEY_DELTA,
    KEY_DIMENSION, /* in the third form only */
};

/* ---- what a policy may say ---- */

struct product {
    uint64_t high; /* upper 64 of 96 bits */
    uint32_t low;
};

static struct product product_of(uint64_t a, uint32_t b)
{
    uint64_t low = (a & UINT32_MAX) * b;
    struct product product = { (a >> 32) * b + (low >> 32), (uint32_t)low };

    return product;
}

static bool product_at_most(struct product a, struct product b)
{
    return a.high < b.high || (a.high == b.high && a.low <= b.low);
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? (uint64_t)-value : (uint64_t)value;
}

static uint64_t sensitivity(const struct noise_policy *policy)
{
    uint64_t low = magnitude(policy->lower);
    uint64_t high = magnitude(policy->upper);

    if (policy->adjacency == POLICY_REPLACE)
        return (uint64_t)(policy->upper - policy->lower);
    return low > high ? low : high;
}

static bool laplace_is_charged(const struct noise_policy *policy)
{
    return product_at_most(product_of(sensitivity(policy) * MICRO, policy->parameter_den),
                           product_of(policy->micro_epsilon, policy->parameter_num));
}

/* num / den <= e^(micro_epsilon / 10^6)? The right side is rounded down at every step (a Taylor series for the 32nd
 * part of the exponent, squared five times), at most by 2^-24 of itself: who charges the exact logarithm, rounded up to
 * the next micro-epsilon, passes. */
static bool response_is_charged(const struct noise_policy *policy)
{
    const uint64_t one = (uint64_t)1 << 32;
    uint64_t part, term, mantissa;
    int exponent = -32; /* the right side is mantissa * 2^exponent */

    if (policy->micro_epsilon >= UINT64_C(23) * MICRO) /* e^23 > 2^32 */
        return true;
    part = policy->micro_epsilon * (one / 32) / MICRO;
    mantissa = one;
    term = one;
    for (unsigned i = 1; term > 0; i++) {
        term = (term >> 1) * (part >> 1) / i >> 30;
        mantissa += term;
    }
    for (int squarings = 0; squarings <= 5; squarings++) {
        if (squarings > 0) {
            mantissa *= mantissa;
            exponent *= 2;
        }
        for (; mantissa >= one; exponent++)
            mantissa >>= 1;
    }
    if (exponent >= 0) /* the left side halved instead, rounded up */
        return (policy->parameter_num + ((uint64_t)1 << exponent) - 1) >> exponent <= mantissa * policy->parameter_den;
    return (uint64_t)policy->parameter_num << -exponent <= mantissa * policy->parameter_den;
}

static bool sensor_valid(struct bytes sensor)
{
    if (sensor.size == 0 || sensor.size > POLICY_SENSOR_MAX)
        return false;
    for (size_t i = 0; i < sensor.size; i++) {
        uint8_t c = sensor.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool unit_text_valid(struct bytes text)
{
    if (text.size > POLICY_UNIT_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

static bool values_in_bounds(const struct noise_policy *policy)
{
    if (!sensor_valid(policy->sensor) || policy->version == 0 || !unit_text_valid(policy->unit_text))
        return false;
    if (policy->unit < POLICY_DEVICE || policy->unit > POLICY_EVENT || policy->epoch_s == 0)
        return false;
    if (policy->adjacency != POLICY_ZERO_OUT && policy->adjacency != POLICY_REPLACE)
        return false;
    if (policy->lower < -(int64_t)POLICY_STEPS_MAX || policy->upper > POLICY_STEPS_MAX ||
        policy->lower >= policy->upper || policy->scale == 0)
        return false;
    if (policy->contributions == 0 || policy->interval_s == 0)
        return false;
    return policy->output_bound >= 0 && policy->output_bound <= POLICY_STEPS_MAX && policy->parameter_den > 0 &&
           policy->micro_epsilon <= MICRO_EPSILON_MAX && policy->memo_step <= POLICY_STEPS_MAX;
}

static uint32_t steps_between(const struct noise_policy *policy)
{
    return (uint32_t)(policy->upper - policy->lower); /* values_in_bounds: below 2^32 */
}

uint32_t policy_categories(const struct noise_policy *policy)
{
    return steps_between(policy) + 1;
}

void policy_output_range(const struct noise_policy *policy, int64_t *out_least, int64_t *out_most, bool *out_plain)
{
    *out_least = 0;
    *out_plain = true;
    if (policy->mechanism == POLICY_ONE_BIT) {
        *out_most = 1;
    } else if (policy->mechanism == POLICY_UNARY) {
        *out_most = (INT64_C(1) << policy_categories(policy)) - 1;
    } else {
        *out_least = policy->lower - policy->output_bound;
        *out_most = policy->upper + policy->output_bound;
        *out_plain = false;
    }
}

/* Whether the first form cannot say it: it had the first three mechanisms, responses of two categories, and every
 * reading noised afresh. */
static bool needs_second_form(const struct noise_policy *policy)
{
    return policy->mechanism > POLICY_RANDOMIZED_RESPONSE || policy->memo_step != 0 || policy->delta != 0 ||
           (policy->mechanism == POLICY_RANDOMIZED_RESPONSE && (policy->lower != 0 || policy->upper != 1));
}

static bool vector_in_bounds(const struct noise_policy *policy)
{
    return policy->dimension == 0 || (policy->dimension <= VECTOR_DIMENSION_MAX && policy->lower == -policy->upper);
}

static uint64_t fields_of(const struct noise_policy *policy)
{
    return policy->dimension != 0 ? FIELDS_THIRD : needs_second_form(policy) ? FIELDS_SECOND : FIELDS_FIRST;
}

static int check_added_noise(const struct noise_policy *policy)
{
    if (policy->micro_epsilon == 0 || policy->parameter_num == 0)
        return POLICY_VALUE;
    if ((policy->delta != 0) != (policy->mechanism == POLICY_GEOMETRIC))
        return POLICY_VALUE;
    return laplace_is_charged(policy) ? 0 : POLICY_UNDERCHARGED;
}

static int check_weights(const struct noise_policy *policy)
{
    uint32_t steps = steps_between(policy);

    if (policy->output_bound != 0 || policy->micro_epsilon == 0 || policy->delta != 0 ||
        policy->parameter_num <= policy->parameter_den)
        return POLICY_VALUE;
    if (needs_second_form(policy) && policy->parameter_num > POLICY_WEIGHT_MAX)
        return POLICY_VALUE;
    if ((policy->mechanism == POLICY_RANDOMIZED_RESPONSE && steps >= POLICY_CATEGORIES_MAX) ||
        (policy->mechanism == POLICY_UNARY && steps >= POLICY_UNARY_CATEGORIES_MAX) || steps > POLICY_STEPS_MAX)
        return POLICY_VALUE;
    return response_is_charged(policy) ? 0 : POLICY_UNDERCHARGED;
}

int policy_check(const struct noise_policy *policy)
{
    if (!values_in_bounds(policy) || (policy->dimension != 0 && policy->mechanism != POLICY_NONE))
        return POLICY_VALUE;
    switch (policy->mechanism) {
    case POLICY_NONE:
        return policy->micro_epsilon == 0 && policy->output_bound == 0 && !needs_second_form(policy) &&
                       vector_in_bounds(policy)
                   ? 0
                   : POLICY_VALUE;
    case POLICY_DISCRETE_LAPLACE:
    case POLICY_GEOMETRIC:
        return check_added_noise(policy);
    case POLICY_RANDOMIZED_RESPONSE:
    case POLICY_UNARY:
    case POLICY_ONE_BIT:
        return check_weights(policy);
    }
    return POLICY_VALUE;
}

/* ---- the document ---- */

static void write_uint_field(struct cbor_writer *writer, enum policy_key key, uint64_t value)
{
    cbor_write_uint(writer, key);
    cbor_write_uint(writer, value);
}

static void write_int_field(struct cbor_writer *writer, enum policy_key key, int64_t value)
{
    cbor_write_uint(writer, key);
    cbor_write_int(writer, value);
}

static void write_text_field(struct cbor_writer *writer, enum policy_key key, struct bytes value)
{
    cbor_write_uint(writer, key);
    cbor_write_text(writer, value);
}

static size_t write_policy(const struct noise_policy *policy, uint8_t out[POLICY_SIZE_MAX])
{
    struct cbor_writer writer = cbor_writer_on(out, POLICY_SIZE_MAX);

    cbor_write_map(&writer, fields_of(policy));
    write_text_field(&writer, KEY_SENSOR, policy->sensor);
    write_uint_field(&writer, KEY_VERSION, policy->version);
    write_uint_field(&writer, KEY_UNIT, policy->unit);
    write_uint_field(&writer, KEY_EPOCH_S, policy->epoch_s);
    write_uint_field(&writer, KEY_ADJACENCY, policy->adjacency);
    write_int_field(&writer, KEY_LOWER, policy->lower);
    write_int_field(&writer, KEY_UPPER, policy->upper);
    write_uint_field(&writer, KEY_SCALE, policy->scale);
    write_text_field(&writer, KEY_UNIT_TEXT, policy->unit_text);
    write_uint_field(&writer, KEY_MECHANISM, policy->mechanism);
    write_uint_field(&writer, KEY_MICRO_EPSILON, policy->micro_epsilon);
    write_uint_field(&writer, KEY_PARAMETER_NUM, policy->parameter_num);
    write_uint_field(&writer, KEY_PARAMETER_DEN, policy->parameter_den);
    write_uint_field(&writer, KEY_CONTRIBUTIONS, policy->contributions);
    write_uint_field(&writer, KEY_INTERVAL_S, policy->interval_s);
    write_int_field(&writer, KEY_OUTPUT_BOUND, policy->output_bound);
    if (fields_of(policy) >= FIELDS_SECOND) {
        write_uint_field(&writer, KEY_MEMO_STEP, policy->memo_step);
        write_uint_field(&writer, KEY_DELTA, policy->delta);
    }
    if (fields_of(policy) == FIELDS_THIRD)
        write_uint_field(&writer, KEY_DIMENSION, policy->dimension);
    return writer.size; /* policy_check keeps it below POLICY_SIZE_MAX */
}

int policy_doc_write(const struct noise_policy *policy, struct bytes kid, const struct proto_signer *signer,
                     uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cose_order order = { .tagged = true,
                                .algorithm = cose_algorithm_of(signer->key.type),
                                .kid = kid,
                                .external_aad = bytes_of_text(EXTERNAL_AAD) };
    uint8_t payload[POLICY_SIZE_MAX];
    uint8_t scratch[SCRATCH_SIZE];
    int r;

    r = policy_check(policy);
    if (r != 0)
        return r;
    if (kid.size > KID_MAX)
        return POLICY_NO_ROOM;
    order.payload = bytes_view(payload, write_policy(policy, payload));
    r = cose_sign1_write(&order, signer, scratch, sizeof scratch, out, capacity, out_size);
    if (r > 0)
        return r == COSE_NO_ROOM ? POLICY_NO_ROOM : POLICY_SIGNATURE;
    return r;
}

static void expect_key(struct cbor_reader *reader, enum policy_key key)
{
    if (cbor_read_uint(reader) != (uint64_t)key)
        cbor_refuse(reader, CBOR_UNEXPECTED);
}

static uint64_t read_uint_field(struct cbor_reader *reader, enum policy_key key, uint64_t max)
{
    expect_key(reader, key);
    return cbor_read_uint_max(reader, max);
}

static int64_t read_int_field(struct cbor_reader *reader, enum policy_key key)
{
    expect_key(reader, key);
    return cbor_read_int(reader);
}

static struct bytes read_text_field(struct cbor_reader *reader, enum policy_key key)
{
    expect_key(reader, key);
    return cbor_read_text(reader);
}

static int read_policy(struct bytes encoded, struct noise_policy *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_CANONICAL);
    struct cbor_list pairs = cbor_read_map(&reader);
    struct noise_policy policy;
    const uint64_t fields = pairs.left;
    const bool second = fields >= FIELDS_SECOND;
    int r;

    if (fields != FIELDS_FIRST && fields != FIELDS_SECOND && fields != FIELDS_THIRD)
        return POLICY_STRUCTURE;
    policy.sensor = read_text_field(&reader, KEY_SENSOR);
    policy.version = (uint32_t)read_uint_field(&reader, KEY_VERSION, UINT32_MAX);
    policy.unit = (enum policy_unit)read_uint_field(&reader, KEY_UNIT, POLICY_EVENT);
    policy.epoch_s = (uint32_t)read_uint_field(&reader, KEY_EPOCH_S, UINT32_MAX);
    policy.adjacency = (enum policy_adjacency)read_uint_field(&reader, KEY_ADJACENCY, POLICY_REPLACE);
    policy.lower = read_int_field(&reader, KEY_LOWER);
    policy.upper = read_int_field(&reader, KEY_UPPER);
    policy.scale = (uint32_t)read_uint_field(&reader, KEY_SCALE, UINT32_MAX);
    policy.unit_text = read_text_field(&reader, KEY_UNIT_TEXT);
    policy.mechanism = (enum policy_mechanism)read_uint_field(&reader, KEY_MECHANISM, POLICY_ONE_BIT);
    policy.micro_epsilon = read_uint_field(&reader, KEY_MICRO_EPSILON, UINT64_MAX);
    policy.parameter_num = (uint32_t)read_uint_field(&reader, KEY_PARAMETER_NUM, UINT32_MAX);
    policy.parameter_den = (uint32_t)read_uint_field(&reader, KEY_PARAMETER_DEN, UINT32_MAX);
    policy.contributions = (uint32_t)read_uint_field(&reader, KEY_CONTRIBUTIONS, UINT32_MAX);
    policy.interval_s = (uint32_t)read_uint_field(&reader, KEY_INTERVAL_S, UINT32_MAX);
    policy.output_bound = read_int_field(&reader, KEY_OUTPUT_BOUND);
    policy.memo_step = second ? (uint32_t)read_uint_field(&reader, KEY_MEMO_STEP, UINT32_MAX) : 0;
    policy.delta = second ? read_uint_field(&reader, KEY_DELTA, UINT64_MAX) : 0;
    policy.dimension =
        fields == FIELDS_THIRD ? (uint32_t)read_uint_field(&reader, KEY_DIMENSION, VECTOR_DIMENSION_MAX) : 0;
    if (cbor_reader_finish(&reader) != 0)
        return POLICY_STRUCTURE;
    r = policy_check(&policy);
    if (r == 0 && fields != fields_of(&policy))
        r = POLICY_STRUCTURE; /* there is one way to write a policy */
    if (r == 0)
        *out = policy;
    return r;
}

static int split(struct bytes encoded, struct cose_sign1 *out)
{
    if (cose_sign1_parse(encoded, out) != 0 || !out->attached || out->payload.size > POLICY_SIZE_MAX)
        return POLICY_STRUCTURE;
    return 0;
}

int policy_doc_verify(struct bytes encoded, const struct public_key *keys, size_t n_keys,
                      const struct proto_crypto *crypto, struct noise_policy *out)
{
    uint8_t scratch[SCRATCH_SIZE];
    struct cose_sign1 message;
    int r;

    r = split(encoded, &message);
    if (r != 0)
        return r;
    r = cose_sign1_check_any(&message, bytes_of_text(EXTERNAL_AAD), keys, n_keys, crypto, scratch, sizeof scratch,
                             NULL);
    if (r != 0)
        return r < 0 ? r : POLICY_SIGNATURE;
    return read_policy(message.payload, out);
}

int policy_doc_parse(struct bytes encoded, struct noise_policy *out)
{
    struct cose_sign1 message;
    int r;

    r = split(encoded, &message);
    return r != 0 ? r : read_policy(message.payload, out);
}

const char *policy_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the policy is valid",
        [POLICY_STRUCTURE] = "not a noise policy document",
        [POLICY_SIGNATURE] = "not signed by any of the given keys",
        [POLICY_VALUE] = "a value of the policy is out of its bounds",
        [POLICY_UNDERCHARGED] = "the noise is weaker than the stated epsilon",
        [POLICY_NO_ROOM] = "the buffer is too small",
    };

    return refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0] ? "unknown refusal" : texts[refusal];
}

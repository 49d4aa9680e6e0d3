#include "daemon/base/loss.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/base/text.h"
#include "device_proto/privacy_loss.h"

static bool amount_is_valid(int64_t amount)
{
    return amount >= 0 && amount <= LOSS_MAX;
}

bool loss_is_valid(const struct loss *loss)
{
    return amount_is_valid(loss->ueps) && amount_is_valid(loss->nrho) && amount_is_valid(loss->delta) &&
           loss->nrho > 0 && (loss->ueps > 0 || loss->impure);
}

bool loss_caps_are_valid(const struct loss_caps *caps)
{
    return amount_is_valid(caps->ueps) && amount_is_valid(caps->nrho) && amount_is_valid(caps->delta);
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) || sum > LOSS_MAX ? LOSS_MAX : sum;
}

static int64_t times(int64_t amount, int64_t count)
{
    int64_t product;

    return __builtin_mul_overflow(amount, count, &product) || product > LOSS_MAX ? LOSS_MAX : product;
}

void loss_add(struct loss *sum, const struct loss *more)
{
    loss_add_times(sum, more, 1);
}

void loss_add_times(struct loss *sum, const struct loss *more, int64_t count)
{
    sum->ueps = add(sum->ueps, times(more->ueps, count));
    sum->nrho = add(sum->nrho, times(more->nrho, count));
    sum->delta = add(sum->delta, times(more->delta, count));
    sum->impure = sum->impure || more->impure;
}

/* more > 0: what costs nothing of a currency is not held up by it. */
static bool fits(int64_t spent, int64_t more, int64_t cap)
{
    return more == 0 || (spent <= cap && more <= cap - spent);
}

enum loss_currency loss_fits(const struct loss *spent, const struct loss *more, const struct loss_caps *caps)
{
    if (more->impure && caps->pure_only)
        return LOSS_IMPURE;
    if (!fits(spent->ueps, more->ueps, caps->ueps))
        return LOSS_EPSILON;
    if (!fits(spent->nrho, more->nrho, caps->nrho))
        return LOSS_RHO;
    if (!fits(spent->delta, more->delta, caps->delta))
        return LOSS_DELTA;
    return LOSS_NONE;
}

static int64_t left(int64_t spent, int64_t cap)
{
    return cap > spent ? cap - spent : 0;
}

struct loss_caps loss_caps_left(const struct loss *spent, const struct loss_caps *caps)
{
    struct loss_caps rest = {
        .ueps = left(spent->ueps, caps->ueps),
        .nrho = caps->nrho == LOSS_MAX ? LOSS_MAX : left(spent->nrho, caps->nrho),
        .delta = left(spent->delta, caps->delta),
        .pure_only = caps->pure_only,
    };

    return rest;
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct loss_caps loss_caps_lower(const struct loss_caps *a, const struct loss_caps *b)
{
    struct loss_caps caps = { lower(a->ueps, b->ueps), lower(a->nrho, b->nrho), lower(a->delta, b->delta),
                              a->pure_only || b->pure_only };

    return caps;
}

bool loss_caps_exceed(const struct loss_caps *a, const struct loss_caps *b)
{
    return a->ueps > b->ueps || a->nrho > b->nrho || a->delta > b->delta || (!a->pure_only && b->pure_only);
}

static int64_t part(int64_t amount, int64_t num, int64_t den)
{
    return (int64_t)((__int128)amount * num / den);
}

struct loss_caps loss_caps_part(const struct loss_caps *caps, int64_t num, int64_t den)
{
    struct loss_caps of = {
        .ueps = part(caps->ueps, num, den),
        .nrho = caps->nrho == LOSS_MAX ? LOSS_MAX : part(caps->nrho, num, den),
        .delta = part(caps->delta, num, den),
        .pure_only = caps->pure_only,
    };

    return of;
}

struct loss_caps loss_caps_pure(int64_t ueps)
{
    struct loss_caps caps = { .ueps = ueps, .nrho = LOSS_MAX, .pure_only = true };

    return caps;
}

struct loss loss_of_pure(int64_t ueps)
{
    struct loss loss = { .ueps = ueps, .nrho = LOSS_MAX };
    uint64_t nrho;

    if (privacy_pure_rho((uint64_t)ueps, &nrho) == 0)
        loss_lower_rho(&loss, nrho);
    return loss;
}

void loss_lower_rho(struct loss *loss, uint64_t nrho)
{
    if (nrho > 0 && nrho < (uint64_t)loss->nrho)
        loss->nrho = (int64_t)nrho;
}

struct loss loss_of_rho(int64_t nrho)
{
    struct loss loss = { .nrho = nrho, .impure = true };

    return loss;
}

struct loss loss_of_caps(const struct loss_caps *caps)
{
    struct loss loss = { .ueps = caps->ueps, .nrho = caps->nrho, .delta = caps->delta };

    return loss;
}

const char *loss_currency_name(enum loss_currency currency)
{
    switch (currency) {
    case LOSS_NONE:
    case LOSS_IMPURE:
    case LOSS_EPSILON:
        break;
    case LOSS_RHO:
        return "rho";
    case LOSS_DELTA:
        return "delta";
    }
    return "epsilon";
}

void loss_amount_format(const struct loss *loss, enum loss_currency currency, char out[32])
{
    switch (currency) {
    case LOSS_NONE:
    case LOSS_IMPURE:
    case LOSS_EPSILON:
        fixed_format(loss->ueps, 6, out);
        break;
    case LOSS_RHO:
        fixed_format(loss->nrho, 9, out);
        break;
    case LOSS_DELTA:
        delta_format(loss->delta, out);
        break;
    }
}

void delta_format(int64_t delta, char out[32])
{
    unsigned __int128 scaled = (unsigned __int128)(uint64_t)delta;
    int exponent = 2;

    if (delta <= 0) {
        snprintf(out, 32, "0");
        return;
    }
    for (; scaled >> 64 < 100; exponent--) /* below 1000 * 2^64 all the time */
        scaled *= 10;
    unsigned digits = (unsigned)(scaled >> 64) + ((uint64_t)scaled != 0);
    if (digits == 1000) {
        digits = 100;
        exponent++;
    }
    if (digits % 100 == 0)
        snprintf(out, 32, "%ue%d", digits / 100, exponent);
    else if (digits % 10 == 0)
        snprintf(out, 32, "%u.%ue%d", digits / 100, digits / 10 % 10, exponent);
    else
        snprintf(out, 32, "%u.%02ue%d", digits / 100, digits % 100, exponent);
}

int delta_parse(const char *text, int64_t *out)
{
    char mantissa[32];
    size_t size = 0;
    int64_t value, exponent = 0;

    while (text[size] != '\0' && text[size] != 'e' && text[size] != 'E')
        size++;
    if (size >= sizeof(mantissa) || text_copy_bytes(mantissa, sizeof(mantissa), bytes_view(text, size)) != 0 ||
        fixed_parse(mantissa, 17, &value) != 0 || value < 0)
        return -EINVAL;
    if (text[size] != '\0' && integer_parse(text + size + 1, -60, 0, &exponent) != 0)
        return -EINVAL;
    /* value < 2^63, so the product fits; every division rounds down. */
    unsigned __int128 scaled = (unsigned __int128)(uint64_t)value << 64;
    for (exponent -= 17; exponent < 0; exponent++)
        scaled /= 10;
    if (scaled > LOSS_MAX)
        return -EINVAL;
    *out = (int64_t)scaled;
    return 0;
}

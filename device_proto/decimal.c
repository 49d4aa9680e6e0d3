/* decimal.c - exact decimal numbers. What does not fit 64 bits is kept in a small fixed array of limbs (32-bit targets
 * have no 128-bit integers), written out in full and rounded once. */
#include "device_proto/decimal.h"

#define DIGITS_KEPT_EXACTLY 15u
/* A float of value m / 2^f has the decimal digits of m x 5^f: m < 2^53, f <= 256 need 53 + 595 bits. */
#define FRACTION_BITS_MAX 256
#define LIMBS             21u

static uint64_t magnitude_of(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* sign and magnitude back to an integer; false where it does not fit. */
static bool with_sign(uint64_t magnitude, bool negative, int64_t *out)
{
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1u : 0u))
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

int decimal_make(int64_t mantissa, int32_t exponent, struct decimal *out)
{
    if (mantissa == 0)
        exponent = 0;
    while (mantissa != 0 && mantissa % 10 == 0 && exponent < INT8_MAX + 1) {
        mantissa /= 10;
        exponent++;
    }
    /* 1e130 may still be written as 1000e127 */
    while (exponent > INT8_MAX && magnitude_of(mantissa) <= INT64_MAX / 10) {
        mantissa *= 10;
        exponent--;
    }
    if (exponent > INT8_MAX || exponent < INT8_MIN)
        return DECIMAL_RANGE;
    out->mantissa = mantissa;
    out->exponent10 = (int8_t)exponent;
    return 0;
}

/* ---- text ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Digits gathered so far: value x 10^dropped is exact as long as the dropped ones were zeros. */
struct digits {
    uint64_t value;
    int32_t zeros; /* trailing zeros not yet in value */
    bool overflow;
};

static void digits_add(struct digits *digits, uint8_t c)
{
    uint64_t digit = (uint64_t)(c - '0');

    if (digit == 0) {
        if (digits->value != 0)
            digits->zeros++;
        return;
    }
    for (; digits->zeros > 0 && !digits->overflow; digits->zeros--) {
        digits->overflow = digits->value > UINT64_MAX / 10;
        digits->value *= 10;
    }
    digits->overflow = digits->overflow || digits->value > (UINT64_MAX - digit) / 10;
    digits->value = digits->value * 10 + digit;
}

/* "e+12": the exponent, cut off at a million, which no mantissa can bring back into range. */
static bool parse_exponent(struct bytes text, size_t *at, int32_t *out)
{
    bool negative = false;
    int32_t exponent = 0;

    (*at)++;
    if (*at < text.size && (text.data[*at] == '+' || text.data[*at] == '-'))
        negative = text.data[(*at)++] == '-';
    if (*at == text.size || !is_digit(text.data[*at]))
        return false;
    for (; *at < text.size && is_digit(text.data[*at]); (*at)++)
        if (exponent < 1000000)
            exponent = exponent * 10 + (text.data[*at] - '0');
    *out = negative ? -exponent : exponent;
    return true;
}

int decimal_parse(struct bytes text, struct decimal *out)
{
    struct digits digits = { 0, 0, false };
    int32_t exponent = 0, fraction = 0;
    int64_t mantissa;
    size_t at = 0;
    bool negative;

    if (text.size > INT16_MAX)
        return DECIMAL_RANGE;
    negative = text.size > 0 && text.data[0] == '-';
    if (negative)
        at++;
    if (at == text.size || !is_digit(text.data[at]))
        return DECIMAL_MALFORMED;
    if (text.data[at] == '0' && at + 1 < text.size && is_digit(text.data[at + 1]))
        return DECIMAL_MALFORMED;
    for (; at < text.size && is_digit(text.data[at]); at++)
        digits_add(&digits, text.data[at]);
    if (at < text.size && text.data[at] == '.') {
        at++;
        if (at == text.size || !is_digit(text.data[at]))
            return DECIMAL_MALFORMED;
        for (; at < text.size && is_digit(text.data[at]); at++, fraction++)
            digits_add(&digits, text.data[at]);
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E') && !parse_exponent(text, &at, &exponent))
        return DECIMAL_MALFORMED;
    if (at != text.size)
        return DECIMAL_MALFORMED;
    if (digits.overflow || !with_sign(digits.value, negative, &mantissa))
        return DECIMAL_RANGE;
    return decimal_make(mantissa, exponent - fraction + digits.zeros, out);
}

static size_t print_unsigned(uint64_t value, char *out)
{
    char digits[20];
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    memcpy(out, digits + start, sizeof(digits) - start);
    return sizeof(digits) - start;
}

size_t decimal_print(struct decimal value, char out[DECIMAL_TEXT_MAX])
{
    char digits[20];
    size_t count = print_unsigned(magnitude_of(value.mantissa), digits);
    size_t size = 0, point;
    int exponent = value.exponent10;

    if (value.mantissa < 0)
        out[size++] = '-';
    if (exponent > 0 || exponent < -20) {
        memcpy(out + size, digits, count);
        size += count;
        out[size++] = 'e';
        if (exponent < 0)
            out[size++] = '-';
        return size + print_unsigned((uint64_t)(exponent < 0 ? -exponent : exponent), out + size);
    }
    point = (size_t)-exponent; /* digits behind the point */
    if (point >= count) {      /* 0.0027 */
        out[size++] = '0';
        if (point > 0)
            out[size++] = '.';
        memset(out + size, '0', point - count);
        size += point - count;
        memcpy(out + size, digits, count);
        return size + count;
    }
    memcpy(out + size, digits, count - point);
    size += count - point;
    if (point > 0)
        out[size++] = '.';
    memcpy(out + size, digits + count - point, point);
    return size + point;
}

/* ---- binary floats ---- */

struct limbs {
    uint32_t word[LIMBS]; /* least significant first */
};

static void limbs_multiply(struct limbs *limbs, uint32_t factor)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint64_t)limbs->word[i] * factor;
        limbs->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Divides in place; gives the remainder. */
static uint32_t limbs_divide(struct limbs *limbs, uint32_t divisor)
{
    uint64_t rest = 0;

    for (size_t i = LIMBS; i-- > 0;) {
        rest = (rest << 32) | limbs->word[i];
        limbs->word[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

static bool limbs_fit_64(const struct limbs *limbs)
{
    for (size_t i = 2; i < LIMBS; i++)
        if (limbs->word[i] != 0)
            return false;
    return true;
}

static uint64_t limbs_low(const struct limbs *limbs)
{
    return ((uint64_t)limbs->word[1] << 32) | limbs->word[0];
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

static bool limbs_have_more_digits(const struct limbs *limbs, unsigned digits)
{
    return !limbs_fit_64(limbs) || limbs_low(limbs) >= power_of_ten(digits);
}

/* Decimal digits dropped from the end, and what they decide. */
struct dropped {
    int32_t count;
    uint32_t last;
    bool below; /* something but zeros was dropped below the last one */
};

static void limbs_drop(struct limbs *limbs, struct dropped *dropped)
{
    dropped->below = dropped->below || dropped->last != 0;
    dropped->last = limbs_divide(limbs, 10);
    dropped->count++;
}

/* What is left, rounded half to even. Below 2^64 - 1 when what is left fits 63 bits. */
static uint64_t limbs_rounded(const struct limbs *limbs, const struct dropped *dropped)
{
    uint64_t low = limbs_low(limbs);
    bool up = dropped->last > 5 || (dropped->last == 5 && (dropped->below || (low & 1) != 0));

    return up && low < UINT64_MAX ? low + 1 : low;
}

/* m / 2^f with m odd, f > 0. */
static int decimal_of_fraction(uint64_t m, int32_t f, bool negative, unsigned faithful_digits, struct decimal *out)
{
    struct limbs limbs = { { (uint32_t)m, (uint32_t)(m >> 32) } };
    struct dropped dropped = { 0, 0, false };
    int64_t mantissa;

    if (f > FRACTION_BITS_MAX)
        return DECIMAL_RANGE;
    for (int32_t i = 0; i < f; i++)
        limbs_multiply(&limbs, 5);
    if (limbs_have_more_digits(&limbs, DIGITS_KEPT_EXACTLY))
        while (limbs_have_more_digits(&limbs, faithful_digits))
            limbs_drop(&limbs, &dropped);
    if (!with_sign(limbs_rounded(&limbs, &dropped), negative, &mantissa))
        return DECIMAL_RANGE;
    return decimal_make(mantissa, dropped.count - f, out);
}

/* The three formats: bits of the stored mantissa, bits of the exponent, decimal digits that survive a round trip. */
static const struct float_format {
    unsigned width, mantissa_bits, exponent_bits, faithful_digits;
} float_formats[] = {
    { 2, 10, 5, 3 },
    { 4, 23, 8, 6 },
    { 8, 52, 11, 15 },
};

static const struct float_format *find_float_format(unsigned width)
{
    for (size_t i = 0; i < sizeof(float_formats) / sizeof(float_formats[0]); i++)
        if (float_formats[i].width == width)
            return &float_formats[i];
    return NULL;
}

int decimal_from_float(uint64_t bits, unsigned width, struct decimal *out)
{
    const struct float_format *format = find_float_format(width);
    uint64_t m, exponent_mask;
    int64_t mantissa;
    int32_t e;
    bool negative;

    if (format == NULL)
        return DECIMAL_MALFORMED;
    exponent_mask = (UINT64_C(1) << format->exponent_bits) - 1;
    m = bits & ((UINT64_C(1) << format->mantissa_bits) - 1);
    e = (int32_t)((bits >> format->mantissa_bits) & exponent_mask);
    negative = ((bits >> (8 * width - 1)) & 1) != 0;
    if ((uint64_t)e == exponent_mask)
        return DECIMAL_NOT_FINITE;
    if (e != 0)
        m |= UINT64_C(1) << format->mantissa_bits;
    else
        e = 1; /* subnormal */
    if (m == 0)
        return decimal_make(0, 0, out);
    /* value = m x 2^e from here on */
    e -= (int32_t)(exponent_mask >> 1) + (int32_t)format->mantissa_bits;
    for (; (m & 1) == 0; m >>= 1)
        e++;
    if (e < 0)
        return decimal_of_fraction(m, -e, negative, format->faithful_digits, out);
    if (e > 63 || m > UINT64_MAX >> e || !with_sign(m << e, negative, &mantissa))
        return DECIMAL_RANGE;
    return decimal_make(mantissa, 0, out);
}

/* ---- arithmetic ---- */

/* Brings the number with the larger exponent down to the smaller one. */
static bool align(struct decimal *a, int8_t exponent)
{
    for (; a->mantissa != 0 && a->exponent10 > exponent; a->exponent10--)
        if (__builtin_mul_overflow(a->mantissa, 10, &a->mantissa))
            return false;
    return true;
}

int decimal_add(struct decimal a, struct decimal b, struct decimal *out)
{
    int8_t exponent = a.exponent10 < b.exponent10 ? a.exponent10 : b.exponent10;
    int64_t sum;

    if (a.mantissa == 0 || b.mantissa == 0) {
        *out = a.mantissa == 0 ? b : a;
        return 0;
    }
    if (!align(&a, exponent) || !align(&b, exponent) || __builtin_add_overflow(a.mantissa, b.mantissa, &sum))
        return DECIMAL_RANGE;
    return decimal_make(sum, exponent, out);
}

int decimal_scale(struct decimal value, int64_t scale, int64_t *out)
{
    uint64_t magnitude = magnitude_of(value.mantissa);
    struct limbs product = { { (uint32_t)magnitude, (uint32_t)(magnitude >> 32) } };
    struct dropped dropped = { 0, 0, false };
    int32_t exponent = value.exponent10;

    if (scale < 1 || scale > 1000000000)
        return DECIMAL_RANGE;
    limbs_multiply(&product, (uint32_t)scale); /* < 2^94 */
    for (; exponent > 0 && magnitude != 0; exponent--) {
        limbs_multiply(&product, 10);
        if (!limbs_fit_64(&product))
            return DECIMAL_RANGE;
    }
    for (; exponent < 0; exponent++)
        limbs_drop(&product, &dropped);
    if (!limbs_fit_64(&product) || !with_sign(limbs_rounded(&product, &dropped), value.mantissa < 0, out))
        return DECIMAL_RANGE;
    return 0;
}

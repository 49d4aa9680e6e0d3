/* Typed arrays of signed integers (RFC 8746), and the L2 clip. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/vector.h"

typedef unsigned __int128 wide;

/* The same eight bytes under every tag of RFC 8746's table 1: what they are there, and how many where we take them. */
static const uint8_t eight[] = { 0x01, 0x80, 0xff, 0xfe, 0x7f, 0x00, 0x80, 0x01 };

static const struct {
    uint8_t tag;
    const char *what;
    size_t dimension; /* 0: refused */
    int32_t first, last;
} table[] = {
    { 64, "uint8", 0, 0, 0 },
    { 65, "uint16, big endian", 0, 0, 0 },
    { 66, "uint32, big endian", 0, 0, 0 },
    { 67, "uint64, big endian", 0, 0, 0 },
    { 68, "uint8, clamped", 0, 0, 0 },
    { 69, "uint16, little endian", 0, 0, 0 },
    { 70, "uint32, little endian", 0, 0, 0 },
    { 71, "uint64, little endian", 0, 0, 0 },
    { 72, "sint8", 8, 1, 1 },
    { 73, "sint16, big endian", 4, 0x0180, -0x7fff },
    { 74, "sint32, big endian", 2, 0x0180fffe, 0x7f008001 },
    { 75, "sint64, big endian", 0, 0, 0 },
    { 76, "reserved", 0, 0, 0 },
    { 77, "sint16, little endian", 4, -0x7fff, 0x0180 },
    { 78, "sint32, little endian", 2, -0x01007fff, 0x0180007f },
    { 79, "sint64, little endian", 0, 0, 0 },
    { 80, "binary16, big endian", 0, 0, 0 },
    { 81, "binary32, big endian", 0, 0, 0 },
    { 82, "binary64, big endian", 0, 0, 0 },
    { 83, "binary128, big endian", 0, 0, 0 },
    { 84, "binary16, little endian", 0, 0, 0 },
    { 85, "binary32, little endian", 0, 0, 0 },
    { 86, "binary64, little endian", 0, 0, 0 },
    { 87, "binary128, little endian", 0, 0, 0 },
};

static void reads_the_signed_integers_of_the_table_and_no_others(void **state)
{
    uint8_t item[11] = { 0xd8, 0, 0x48 };

    (void)state;
    memcpy(item + 3, eight, sizeof(eight));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct vector_view view;
        item[1] = table[i].tag;
        int r = vector_parse(bytes_view(item, sizeof(item)), &view);
        if (table[i].dimension == 0) {
            if (r != VECTOR_KIND)
                fail_msg("%s: %d", table[i].what, r);
            continue;
        }
        if (r != 0 || view.dimension != table[i].dimension || vector_at(&view, 0) != table[i].first ||
            vector_at(&view, view.dimension - 1) != table[i].last)
            fail_msg("%s: %d", table[i].what, r);
    }
}

static void refuses_what_is_no_such_array(void **state)
{
    static const struct {
        const char *what;
        uint8_t bytes[16];
        size_t size;
        int refusal;
    } cases[] = {
        { "nothing", { 0 }, 0, VECTOR_MALFORMED },
        { "no tag", { 0x42, 1, 2 }, 3, VECTOR_MALFORMED },
        { "tag alone", { 0xd8, 72 }, 2, VECTOR_MALFORMED },
        { "an array of numbers", { 0xd8, 72, 0x82, 1, 2 }, 5, VECTOR_MALFORMED },
        { "a float", { 0xd8, 72, 0xf9, 0x7e, 0x00 }, 5, VECTOR_MALFORMED }, /* NaN */
        { "in chunks", { 0xd8, 72, 0x5f, 0x41, 1, 0xff }, 6, VECTOR_MALFORMED },
        { "cut", { 0xd8, 72, 0x42, 1 }, 4, VECTOR_MALFORMED },
        { "bytes behind", { 0xd8, 72, 0x41, 1, 0 }, 5, VECTOR_MALFORMED },
        { "two tags", { 0xd8, 72, 0xd8, 72, 0x41, 1 }, 6, VECTOR_MALFORMED },
        { "another tag", { 0xd8, 40, 0x41, 1 }, 4, VECTOR_KIND }, /* a multi-dimensional array has an array behind it */
        { "empty", { 0xd8, 72, 0x40 }, 3, VECTOR_LENGTH },
        { "half a coordinate", { 0xd8, 77, 0x43, 1, 2, 3 }, 6, VECTOR_LENGTH },
        { "a head that is not the shortest", { 0xd9, 0, 72, 0x58, 1, 7 }, 6, 0 },
    };
    static uint8_t large[3 + 3 + VECTOR_DIMENSION_MAX + 1], zeros[VECTOR_DIMENSION_MAX + 1];
    struct vector_view view;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = vector_parse(bytes_view(cases[i].bytes, cases[i].size), &view);
        if (r != cases[i].refusal)
            fail_msg("%s: %d", cases[i].what, r);
    }
    for (unsigned more = 0; more < 2; more++) {
        struct cbor_writer writer = cbor_writer_on(large, sizeof(large));
        cbor_write_tag(&writer, 72);
        cbor_write_bytes(&writer, bytes_view(zeros, VECTOR_DIMENSION_MAX + more));
        assert_int_equal(vector_parse(bytes_view(large, writer.size), &view), more == 0 ? 0 : VECTOR_LENGTH);
    }
}

static void writes_the_narrowest_and_reads_it_back(void **state)
{
    static const int32_t narrow[] = { -128, 127, 0 }, middle[] = { -129, 32767, -32768 },
                         broad[] = { INT32_MIN, INT32_MAX, -1 };
    static const int32_t *const all[] = { narrow, middle, broad };
    static int32_t most[VECTOR_DIMENSION_MAX + 1] = { INT32_MIN };
    static uint8_t out[VECTOR_SIZE_MAX];
    struct vector_view view;
    size_t size;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vector_write(all[i], 3, out, sizeof(out), &size), 0);
        assert_int_equal(cbor_check(bytes_view(out, size), CBOR_CANONICAL), 0);
        assert_int_equal(vector_parse(bytes_view(out, size), &view), 0);
        assert_int_equal(view.width, 1u << i);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(vector_at(&view, k), all[i][k]);
        assert_int_equal(vector_write(all[i], 3, out, size - 1, &size), VECTOR_NO_ROOM);
    }
    assert_int_equal(vector_write(most, VECTOR_DIMENSION_MAX, out, sizeof(out), &size), 0);
    assert_true(size <= VECTOR_SIZE_MAX);
    assert_int_equal(vector_write(most, VECTOR_DIMENSION_MAX + 1, out, sizeof(out), &size), VECTOR_LENGTH);
    assert_int_equal(vector_write(most, 0, out, sizeof(out), &size), VECTOR_LENGTH);
}

/* ---- the clip ---- */

static wide squares_of(const int32_t *coordinates, size_t dimension)
{
    wide sum = 0;

    for (size_t i = 0; i < dimension; i++)
        sum += (uint64_t)((int64_t)coordinates[i] * coordinates[i]);
    return sum;
}

/* Whether a coordinate lost less than two steps, and where the squares pass 64 bits a millionth more: whether
 * (after + 2)^2 > before^2 norm^2 / squares, in 128 bits. */
static bool little_is_rounded(int32_t before, int32_t after, wide squares, uint32_t norm)
{
    const uint64_t was = before < 0 ? (uint64_t) - (int64_t)before : (uint64_t)before;
    const uint64_t is = after < 0 ? (uint64_t) - (int64_t)after : (uint64_t)after;
    const uint64_t whole = was * norm; /* below 2^62 */

    if (squares >> 64 == 0)
        return (wide)(is + 2) * (is + 2) * squares > (wide)whole * whole;
    /* both sides divided by 2^16, to fit: squares < 2^74, of which no more than a hundred-millionth is lost */
    const wide most = (wide)(is + 2 + is / 1000000) * (is + 2 + is / 1000000);
    return most * (squares >> 16) + most > (wide)whole * (whole >> 16);
}

static void expect_clipped(const int32_t *before, size_t dimension, uint32_t norm)
{
    static int32_t after[VECTOR_DIMENSION_MAX], again[VECTOR_DIMENSION_MAX];
    const bool is_over = squares_of(before, dimension) > (wide)norm * norm;

    memcpy(after, before, dimension * sizeof(*after));
    assert_int_equal(vector_clip(after, dimension, norm), is_over);
    assert_true(squares_of(after, dimension) <= (wide)norm * norm);
    if (!is_over)
        assert_memory_equal(after, before, dimension * sizeof(*after));
    for (size_t i = 0; i < dimension; i++) {
        assert_true(before[i] < 0 ? after[i] <= 0 && after[i] >= before[i] : after[i] >= 0 && after[i] <= before[i]);
        assert_true(!is_over || little_is_rounded(before[i], after[i], squares_of(before, dimension), norm));
    }
    memcpy(again, after, dimension * sizeof(*again));
    assert_false(vector_clip(again, dimension, norm));
}

static uint64_t roll(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static void the_norm_holds_exactly_for_any_vector(void **state)
{
    static const int32_t extremes[] = { INT32_MIN, INT32_MIN + 1, -32768, -1, 0, 1, 2, 46340, 46341, 65536, INT32_MAX };
    static const uint32_t norms[] = { 1, 2, 3, 1000, 46341, 65535, 1u << 20, INT32_MAX - 1u, INT32_MAX };
    static const size_t dimensions[] = { 1, 2, 3, 16, 257, VECTOR_DIMENSION_MAX };
    static int32_t vector[VECTOR_DIMENSION_MAX];
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (size_t n = 0; n < sizeof(norms) / sizeof(norms[0]); n++)
        for (size_t d = 0; d < sizeof(dimensions) / sizeof(dimensions[0]); d++) {
            for (size_t e = 0; e < sizeof(extremes) / sizeof(extremes[0]); e++) {
                for (size_t i = 0; i < dimensions[d]; i++)
                    vector[i] = extremes[e];
                expect_clipped(vector, dimensions[d], norms[n]);
            }
            for (unsigned kind = 0; kind < 12; kind++) { /* of all magnitudes, and of a few large ones among small */
                for (size_t i = 0; i < dimensions[d]; i++) {
                    int32_t value = (int32_t)(uint32_t)roll(&seed);
                    vector[i] = kind < 6 ? value / (1 << 5 * kind) : roll(&seed) % 8 == 0 ? value : value % 100;
                }
                expect_clipped(vector, dimensions[d], norms[n]);
            }
        }
}

/* All sides of the sphere: norm - 1, norm and norm + 1 along an axis, and 3-4-5 triangles. */
static void what_keeps_the_norm_is_left_alone(void **state)
{
    int32_t vector[2] = { 300, -400 };

    (void)state;
    assert_false(vector_clip(vector, 2, 500));
    assert_true(vector_clip(vector, 2, 499));
    assert_true(vector[0] == 299 && vector[1] == -399);
    vector[0] = INT32_MAX, vector[1] = 0;
    assert_false(vector_clip(vector, 2, INT32_MAX));
    vector[1] = 1;
    assert_true(vector_clip(vector, 2, INT32_MAX));
    assert_true(vector[0] == INT32_MAX - 1 && vector[1] == 0);
}

/* The direction stays: a vector far outside keeps nearly all of its norm, also where the sum passes 64 bits. */
static void little_of_the_norm_is_lost(void **state)
{
    static int32_t vector[VECTOR_DIMENSION_MAX];
    const uint32_t norm = 1000000000;

    (void)state;
    for (size_t i = 0; i < VECTOR_DIMENSION_MAX; i++)
        vector[i] = i % 2 == 0 ? INT32_MIN : INT32_MAX;
    assert_true(vector_clip(vector, VECTOR_DIMENSION_MAX, norm));
    assert_true(squares_of(vector, VECTOR_DIMENSION_MAX) * 1000000 > (wide)norm * norm * 999990);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_signed_integers_of_the_table_and_no_others),
        cmocka_unit_test(refuses_what_is_no_such_array),
        cmocka_unit_test(writes_the_narrowest_and_reads_it_back),
        cmocka_unit_test(the_norm_holds_exactly_for_any_vector),
        cmocka_unit_test(what_keeps_the_norm_is_left_alone),
        cmocka_unit_test(little_of_the_norm_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* senml_round_trip.h - what both SenML targets expect of a pack that was decoded: it can be encoded in both forms, and
 * decodes to the same again. */
#ifndef TINYPART_TESTS_FUZZ_SENML_ROUND_TRIP_H
#define TINYPART_TESTS_FUZZ_SENML_ROUND_TRIP_H

#include <stdlib.h>

#include "device_proto/senml.h"

#define ROUND_TRIP_RECORDS 8

static inline void expect(bool condition)
{
    if (!condition)
        abort();
}

static inline void expect_same(const struct senml_pack *a, const struct senml_pack *b)
{
    expect(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct senml_record *x = &a->records[i], *y = &b->records[i];

        expect(strcmp(x->name, y->name) == 0 && strcmp(x->unit, y->unit) == 0 && x->kind == y->kind);
        expect(x->number.mantissa == y->number.mantissa && x->number.exponent10 == y->number.exponent10);
        expect(bytes_equal(x->text, y->text) && x->boolean == y->boolean);
        expect(x->has_sum == y->has_sum && x->sum.mantissa == y->sum.mantissa &&
               x->sum.exponent10 == y->sum.exponent10);
        expect(x->time_ms == y->time_ms && x->update_ms == y->update_ms);
    }
}

static inline void expect_round_trip(const struct senml_pack *pack)
{
    static uint8_t out[1 << 16], text[1 << 16];
    static struct senml_record records[ROUND_TRIP_RECORDS];
    struct senml_pack again = { records, ROUND_TRIP_RECORDS, 0, text, sizeof(text), 0 };
    int64_t scaled;
    size_t size;

    for (size_t i = 0; i < pack->count; i++)
        (void)decimal_scale(pack->records[i].number, 100, &scaled);
    expect(senml_encode_json(pack->records, pack->count, bytes_view(NULL, 0), out, sizeof(out), &size) == 0);
    if (senml_decode_json(bytes_view(out, size), &again) == 0) /* U+0000 in a text has no JSON that is accepted */
        expect_same(pack, &again);
    expect(senml_encode_cbor(pack->records, pack->count, bytes_view(NULL, 0), out, sizeof(out), &size) == 0);
    expect(senml_decode_cbor(bytes_view(out, size), &again) == 0);
    expect_same(pack, &again);
}

#endif

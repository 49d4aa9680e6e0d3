/* kind_senml.c - one SenML pack (RFC 8428), in JSON and in CBOR: the same cases in both. */
#include <string.h>

#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"

/* A record while it grows; the pack's syntax is the last parameter of every maker. */
struct record {
    struct making *making;
    bool cbor;
    struct emit fields;
    unsigned count;
};

struct label {
    const char *json;
    int64_t cbor;
};

static const struct label BVER = { "bver", -1 }, BN = { "bn", -2 }, BT = { "bt", -3 }, BU = { "bu", -4 },
                          BV = { "bv", -5 }, N = { "n", 0 }, U = { "u", 1 }, V = { "v", 2 }, VS = { "vs", 3 },
                          VB = { "vb", 4 }, S = { "s", 5 }, T = { "t", 6 }, UT = { "ut", 7 }, VD = { "vd", 8 };

static void put_label(struct record *record, struct label label)
{
    if (record->cbor) {
        emit_int(&record->fields, label.cbor);
    } else {
        if (record->count > 0)
            emit_byte(&record->fields, ',');
        emit_format(&record->fields, "\"%s\":", label.json);
    }
    record->count++;
}

/* mantissa / 10^decimals. */
static void put_number(struct record *record, struct label label, int64_t mantissa, unsigned decimals)
{
    static const unsigned power[] = { 1, 10, 100, 1000 };
    uint64_t size = (uint64_t)(mantissa < 0 ? -mantissa : mantissa);

    put_label(record, label);
    if (record->cbor && decimals == 0) {
        emit_int(&record->fields, mantissa);
    } else if (record->cbor) {
        emit_head(&record->fields, TAG, 4);
        emit_head(&record->fields, ARRAY, 2);
        emit_int(&record->fields, -(int64_t)decimals);
        emit_int(&record->fields, mantissa);
    } else if (decimals == 0) {
        emit_format(&record->fields, "%lld", (long long)mantissa);
    } else {
        emit_format(&record->fields, "%s%llu.%0*llu", mantissa < 0 ? "-" : "",
                    (unsigned long long)(size / power[decimals]), (int)decimals,
                    (unsigned long long)(size % power[decimals]));
    }
}

static void put_text(struct record *record, struct label label, const char *text)
{
    put_label(record, label);
    if (record->cbor)
        emit_tstr(&record->fields, text);
    else
        emit_format(&record->fields, "\"%s\"", text);
}

static void put_bool(struct record *record, struct label label, bool value)
{
    put_label(record, label);
    if (record->cbor)
        emit_byte(&record->fields, value ? 0xf5 : 0xf4);
    else
        emit_text(&record->fields, value ? "true" : "false");
}

/* Bytes of which both forms are known. */
static void put_data(struct record *record, struct label label)
{
    put_label(record, label);
    if (record->cbor)
        emit_bstr(&record->fields, "\x00\x01\xfe\xff", 4);
    else
        emit_text(&record->fields, "\"AAH-_w\"");
}

static void put_word(struct record *record, struct label label, const char *first)
{
    struct emit word = { 0 };
    char text[64];

    emit_text(&word, first);
    item_word(&record->making->random, &word, 1, 12);
    memcpy(text, word.data, word.size);
    text[word.size] = '\0';
    put_text(record, label, text);
}

static int64_t some(struct record *record, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(&record->making->random, (uint64_t)(high - low) + 1);
}

static struct record record_begin(struct making *making, bool cbor)
{
    struct record record = { making, cbor, { 0 }, 0 };

    return record;
}

static void pack_begin(struct making *making, unsigned records, bool cbor)
{
    if (cbor)
        emit_head(&making->out, ARRAY, records);
    else
        emit_byte(&making->out, '[');
}

static void record_end(struct record *record)
{
    struct emit *out = &record->making->out;

    if (record->cbor) {
        emit_head(out, MAP, record->count);
        emit_all(out, &record->fields);
        return;
    }
    if (out->data[out->size - 1] == '}')
        emit_byte(out, ',');
    emit_byte(out, '{');
    emit_all(out, &record->fields);
    emit_byte(out, '}');
}

static void pack_end(struct making *making, bool cbor)
{
    if (!cbor)
        emit_byte(&making->out, ']');
}

static void put_good_record(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);
    int64_t mantissa;

    put_word(&record, N, "");
    put_text(&record, U, "Cel");
    mantissa = some(&record, -40000, 90000);
    put_number(&record, V, mantissa, (unsigned)some(&record, 0, 3));
    if (some(&record, 0, 1) == 0)
        put_number(&record, T, some(&record, -3600, 0), 0);
    record_end(&record);
}

/* The record of the case, after a good one in every other round. */
static void put_pack(struct record *record)
{
    struct making *making = record->making;
    bool after = making->round % 2 == 1;

    pack_begin(making, after ? 2 : 1, record->cbor);
    if (after)
        put_good_record(making, record->cbor);
    record_end(record);
    pack_end(making, record->cbor);
}

/* ---- accepted ---- */

static void whole(struct making *making, bool cbor)
{
    unsigned records = (unsigned)random_between(&making->random, 1, 8);

    pack_begin(making, records, cbor);
    for (unsigned i = 0; i < records; i++)
        put_good_record(making, cbor);
    pack_end(making, cbor);
}

static void with_base(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_word(&record, BN, "urn:dev:");
    put_number(&record, BT, some(&record, 1500000000, 1900000000), 0);
    put_text(&record, BU, "Cel");
    put_number(&record, BV, some(&record, -100, 100), 1);
    put_number(&record, BVER, 10, 0);
    put_word(&record, N, "");
    put_number(&record, V, some(&record, 0, 1000), 2);
    pack_begin(making, 2, cbor);
    record_end(&record);
    put_good_record(making, cbor);
    pack_end(making, cbor);
}

static void every_value(struct making *making, bool cbor)
{
    pack_begin(making, 4, cbor);
    for (unsigned i = 0; i < 4; i++) {
        struct record record = record_begin(making, cbor);

        put_word(&record, N, "");
        if (i == 0)
            put_text(&record, VS, "on and off");
        else if (i == 1)
            put_bool(&record, VB, some(&record, 0, 1) == 0);
        else if (i == 2)
            put_data(&record, VD);
        else
            put_number(&record, S, some(&record, 0, 100000), 0);
        put_number(&record, UT, some(&record, 1, 600), 0);
        record_end(&record);
    }
    pack_end(making, cbor);
}

static void unknown_field(struct making *making, bool cbor)
{
    static const struct label x = { "x-more", 77 };
    struct record record = record_begin(making, cbor);

    put_text(&record, x, "not for us");
    put_word(&record, N, "");
    put_number(&record, V, some(&record, 0, 1000), 0);
    put_pack(&record);
}

/* ---- refused ---- */

static void no_name(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_number(&record, V, some(&record, 0, 1000), 0);
    put_pack(&record);
}

static void forbidden_name(struct making *making, bool cbor)
{
    static const char *const names[] = { "a b", "_a", "-a", "a*b", "a+b", ".a", "/a", "a%b" };
    struct record record = record_begin(making, cbor);

    put_text(&record, N, names[making->round % 8]);
    put_number(&record, V, some(&record, 0, 1000), 0);
    put_pack(&record);
}

static void no_value(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_word(&record, N, "");
    put_number(&record, T, some(&record, 0, 1000), 0);
    put_pack(&record);
}

static void two_values(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_word(&record, N, "");
    put_number(&record, V, some(&record, 0, 1000), 0);
    put_bool(&record, VB, true);
    put_pack(&record);
}

static void field_twice(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_word(&record, N, "");
    put_number(&record, V, some(&record, 0, 1000), 0);
    put_word(&record, N, "");
    put_pack(&record);
}

static void value_of_another_type(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_word(&record, N, "");
    switch (making->round % 4) {
    case 0:
        put_text(&record, V, "27");
        break;
    case 1:
        put_number(&record, VS, 27, 0);
        break;
    case 2:
        put_number(&record, VB, 1, 0);
        break;
    default:
        put_bool(&record, T, true);
        put_number(&record, V, 1, 0);
    }
    put_pack(&record);
}

static void must_understand(struct making *making, bool cbor)
{
    static const struct label label = { "unknown_", 77 };
    struct record record = record_begin(making, cbor);

    put_word(&record, N, "");
    put_number(&record, V, some(&record, 0, 1000), 0);
    if (cbor) {
        emit_tstr(&record.fields, label.json);
        emit_head(&record.fields, UINT, 1);
        record.count++;
    } else {
        put_number(&record, label, 1, 0);
    }
    put_pack(&record);
}

static void later_version(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_number(&record, BVER, some(&record, 11, 1000), 0);
    put_word(&record, N, "");
    put_number(&record, V, some(&record, 0, 1000), 0);
    pack_begin(making, 1, cbor);
    record_end(&record);
    pack_end(making, cbor);
}

static void cut(struct making *making, bool cbor)
{
    struct emit all;

    whole(making, cbor);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
}

static void trailing(struct making *making, bool cbor)
{
    whole(making, cbor);
    emit_text(&making->out, cbor ? "\x01" : "]");
}

static void no_array(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_word(&record, N, "");
    put_number(&record, V, some(&record, 0, 1000), 0);
    emit_text(&making->out, cbor ? "" : " ");
    record_end(&record);
}

/* Beyond every number that a record could hold exactly. */
static void huge_number(struct making *making, bool cbor)
{
    struct record record = record_begin(making, cbor);

    put_word(&record, N, "");
    put_label(&record, V);
    if (cbor) {
        emit_head(&record.fields, TAG, 4);
        emit_head(&record.fields, ARRAY, 2);
        emit_int(&record.fields, some(&record, 1000, 2000000000));
        emit_int(&record.fields, 1);
    } else {
        emit_format(&record.fields, "1e%lld", (long long)some(&record, 1000, 2000000000));
    }
    put_pack(&record);
}

static void deep(struct making *making, bool cbor)
{
    static const struct label x = { "x-more", 77 };
    struct record record = record_begin(making, cbor);
    unsigned depth = (unsigned)random_between(&making->random, 20, 1000);

    put_word(&record, N, "");
    put_number(&record, V, 1, 0);
    put_label(&record, x);
    for (unsigned i = 0; i < depth; i++)
        emit_byte(&record.fields, cbor ? 0x81 : '[');
    emit_text(&record.fields, cbor ? "\x01" : "1");
    for (unsigned i = 0; !cbor && i < depth; i++)
        emit_byte(&record.fields, ']');
    put_pack(&record);
}

/* ---- one syntax only ---- */

static void wrong_json(struct making *making)
{
    static const char *const texts[] = {
        "[{\"n\":\"a\",\"v\":1,}]",  "[{\"n\":\"a\",\"v\":01}]",       "[{\"n\":\"a\",\"v\":1.}]",
        "[{\"n\":\"a\" \"v\":1}]",   "[{\"n\":\"a\",\"v\":+1}]",       "[{\"n\":\"a\",\"v\":.5}]",
        "[{\"n\":\"a\",\"v\":NaN}]", "[{\"n\":\"a\",\"v\":0x10}]",     "[{\"n\":\"\\q\",\"v\":1}]",
        "[{n:\"a\",\"v\":1}]",       "[{\"n\":\"a\",\"v\":1}}",        "[{\"n\":\"a\",\"v\":1e}]",
        "[{\"n\":'a',\"v\":1}]",     "[{\"n\":\"a\nb\",\"vs\":\"\"}]", "[{\"n\":\"\\u12\",\"v\":1}]",
    };

    emit_text(&making->out, texts[making->round % (sizeof texts / sizeof texts[0])]);
}

static void text_not_utf8(struct making *making)
{
    static const char *const texts[] = { "\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80" };

    emit_format(&making->out, "[{\"n\":\"a\",\"vs\":\"%s\"}]", texts[making->round % 5]);
}

static void data_not_base64url(struct making *making)
{
    static const char *const texts[] = { "A", "AAH+/w==", "AA.A", "AA==" };

    emit_format(&making->out, "[{\"n\":\"a\",\"vd\":\"%s\"}]", texts[making->round % 4]);
}

static void float_value(struct making *making)
{
    struct record record = record_begin(making, true);

    put_word(&record, N, "");
    put_label(&record, V);
    emit_byte(&record.fields, 0xfb);
    emit_big_endian(&record.fields, 0x4039000000000000u + (random_below(&making->random, 256) << 40), 8);
    put_pack(&record);
}

static void not_finite(struct making *making)
{
    static const unsigned halves[] = { 0x7c00, 0xfc00, 0x7e00 };
    struct record record = record_begin(making, true);

    put_word(&record, N, "");
    put_label(&record, V);
    emit_byte(&record.fields, 0xf9);
    emit_big_endian(&record.fields, halves[making->round % 3], 2);
    put_pack(&record);
}

#define IN_BOTH(maker)                              \
    static void maker##_json(struct making *making) \
    {                                               \
        maker(making, false);                       \
    }                                               \
    static void maker##_cbor(struct making *making) \
    {                                               \
        maker(making, true);                        \
    }

IN_BOTH(whole)
IN_BOTH(with_base)
IN_BOTH(every_value)
IN_BOTH(unknown_field)
IN_BOTH(no_name)
IN_BOTH(forbidden_name)
IN_BOTH(no_value)
IN_BOTH(two_values)
IN_BOTH(field_twice)
IN_BOTH(value_of_another_type)
IN_BOTH(must_understand)
IN_BOTH(later_version)
IN_BOTH(cut)
IN_BOTH(trailing)
IN_BOTH(no_array)
IN_BOTH(huge_number)
IN_BOTH(deep)

#define CASES_IN(syntax)                                                                                      \
    { "whole", whole_##syntax, ACCEPT, NULL, NULL }, { "with-base", with_base_##syntax, ACCEPT, NULL, NULL }, \
        { "every-value", every_value_##syntax, ACCEPT, NULL, NULL },                                          \
        { "unknown-field", unknown_field_##syntax, ACCEPT, NULL, NULL },                                      \
        { "no-name", no_name_##syntax, REFUSE, "name", "RFC 8428 section 4.5.1" },                            \
        { "forbidden-name", forbidden_name_##syntax, REFUSE, "name", "RFC 8428 section 4.5.1" },              \
        { "no-value", no_value_##syntax, REFUSE, "no-value", "RFC 8428 section 4.2" },                        \
        { "two-values", two_values_##syntax, REFUSE, "duplicate", "RFC 8428 section 4.2" },                   \
        { "field-twice", field_twice_##syntax, REFUSE, "duplicate", "RFC 8428 section 4.2" },                 \
        { "another-type", value_of_another_type_##syntax, REFUSE, "type", "RFC 8428 section 4.3" },           \
        { "must-understand", must_understand_##syntax, REFUSE, "unknown", "RFC 8428 section 4.4" },           \
        { "later-version", later_version_##syntax, REFUSE, "version", "RFC 8428 section 4.4" },               \
        { "cut", cut_##syntax, REFUSE, "any", "RFC 8428 sections 5, 6" },                                     \
        { "trailing", trailing_##syntax, REFUSE, "syntax", "RFC 8428 sections 5, 6" },                        \
        { "no-array", no_array_##syntax, REFUSE, "syntax", "RFC 8428 section 4.1" },                          \
        { "huge-number", huge_number_##syntax, LIMIT, "range", "RFC 8428 section 4.3" },                      \
    {                                                                                                         \
        "deep", deep_##syntax, LIMIT, "too-deep", "RFC 8428 section 4.4"                                      \
    }

static const struct corpus_case json_cases[] = {
    CASES_IN(json),
    { "wrong-json", wrong_json, REFUSE, "syntax", "RFC 8259" },
    { "text-not-utf8", text_not_utf8, REFUSE, "syntax", "RFC 8259 section 8.1" },
    { "data-not-base64url", data_not_base64url, REFUSE, "syntax", "RFC 8428 section 5" },
};

static const struct corpus_case cbor_cases[] = {
    CASES_IN(cbor),
    { "float", float_value, ACCEPT, NULL, NULL },
    { "not-finite", not_finite, REFUSE, "range", "RFC 8428 section 4.3" },
};

const struct corpus_kind kind_senml_json = { "senml-json", "json", ROWS(json_cases) };
const struct corpus_kind kind_senml_cbor = { "senml-cbor", "cbor", ROWS(cbor_cases) };

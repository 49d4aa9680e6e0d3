/* kind_report.c - one signed SUIT report (draft-ietf-suit-report-20), for a reader that knows the keys a and b. */
#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/sealed.h"
#include "tests/corpus/suit.h"

enum { NONCE = 2, RECORDS, RESULT, RESULT_CODE, RESULT_RECORD, RESULT_REASON, CAPABILITIES, REFERENCE = 99 };

static void put_record(struct making *making, struct emit *out)
{
    struct random *random = &making->random;
    uint64_t path = random_below(random, 3), parameters = random_below(random, 3);

    emit_head(out, ARRAY, 5);
    emit_head(out, ARRAY, path);
    for (uint64_t i = 0; i < path; i++)
        emit_head(out, UINT, random_below(random, 4));
    emit_head(out, UINT, random_below(random, 2) == 0 ? 20 : 7);
    emit_head(out, UINT, random_below(random, 300));
    emit_head(out, UINT, random_below(random, 2));
    emit_head(out, MAP, parameters);
    for (uint64_t i = 0; i < parameters; i++) {
        emit_head(out, UINT, i + 1);
        emit_bstr(out, recipient_vendor, 16);
    }
}

static void put_records(struct making *making, struct emit *out, uint64_t count)
{
    emit_int(out, RECORDS);
    emit_head(out, ARRAY, count);
    for (uint64_t i = 0; i < count; i++)
        put_record(making, out);
}

static void put_result(struct making *making, struct emit *out, uint64_t reason)
{
    emit_int(out, RESULT);
    if (reason == 0) {
        emit_byte(out, 0xf5);
        return;
    }
    emit_head(out, MAP, 3);
    emit_int(out, RESULT_CODE);
    emit_int(out, -(int64_t)random_below(&making->random, 60));
    emit_int(out, RESULT_RECORD);
    put_record(making, out);
    emit_int(out, RESULT_REASON);
    emit_head(out, UINT, reason);
}

static void put_reference(struct making *making, struct emit *out, int64_t algorithm)
{
    struct emit words = { 0 };

    item_word(&making->random, &words, 1, 30);
    emit_int(out, REFERENCE);
    emit_head(out, ARRAY, 2);
    emit_tstr(out, "coap://[fd00::1]/manifest");
    suit_digest(out, algorithm, &words);
}

static void sign(struct making *making, const struct emit *report)
{
    struct seal seal = seal_random(&making->random);

    if (random_below(&making->random, 2) == 0)
        seal.kid = keys_name(seal.key);
    seal_write(&making->out, &seal, report, &making->random);
}

static void report_with(struct making *making, uint64_t records, uint64_t reason, int64_t algorithm, struct emit *out)
{
    bool nonce = random_below(&making->random, 2) == 0;

    emit_head(out, MAP, nonce ? 4 : 3);
    if (nonce) {
        emit_int(out, NONCE);
        emit_head(out, BSTR, 8);
        item_ascii(&making->random, out, 8);
    }
    put_records(making, out, records);
    put_result(making, out, reason);
    put_reference(making, out, algorithm);
}

static void success(struct making *making)
{
    struct emit report = { 0 };

    report_with(making, random_below(&making->random, 5), 0, -16, &report);
    sign(making, &report);
}

static void failure(struct making *making)
{
    uint64_t reason = random_between(&making->random, 1, 12);
    struct emit report = { 0 };

    report_with(making, random_below(&making->random, 5), reason, -16, &report);
    sign(making, &report);
}

static void extension(struct making *making)
{
    struct emit report = { 0 };

    emit_head(&report, MAP, 4);
    put_records(making, &report, 0);
    put_result(making, &report, 0);
    put_reference(making, &report, -16);
    emit_head(&report, UINT, random_between(&making->random, 100, 1000));
    emit_tstr(&report, "an extension");
    sign(making, &report);
}

static void without(struct making *making)
{
    unsigned missing = (unsigned)(making->round % 3);
    struct emit report = { 0 };

    emit_head(&report, MAP, 2);
    if (missing != 0)
        put_records(making, &report, 1);
    if (missing != 1)
        put_result(making, &report, 0);
    if (missing != 2)
        put_reference(making, &report, -16);
    sign(making, &report);
}

static void unknown_reason(struct making *making)
{
    struct emit report = { 0 };

    report_with(making, 1, random_between(&making->random, 13, 1000), -16, &report);
    sign(making, &report);
}

static void result_false(struct making *making)
{
    struct emit report = { 0 };

    emit_head(&report, MAP, 3);
    put_records(making, &report, 1);
    emit_int(&report, RESULT);
    emit_byte(&report, 0xf4);
    put_reference(making, &report, -16);
    sign(making, &report);
}

static void another_digest(struct making *making)
{
    struct emit report = { 0 };

    report_with(making, 1, 0, -44, &report);
    sign(making, &report);
}

static void unknown_key(struct making *making)
{
    struct seal seal = { KEY_C, ALG_ED25519, COSE_TAG_SIGN1, false, false, NULL, NULL };
    struct emit report = { 0 };

    report_with(making, 1, 0, -16, &report);
    seal_write(&making->out, &seal, &report, &making->random);
}

static void broken_signature(struct making *making)
{
    struct seal seal = seal_random(&making->random);
    struct emit report = { 0 };

    seal.broken = true;
    report_with(making, 1, 0, -16, &report);
    seal_write(&making->out, &seal, &report, &making->random);
}

static void record_cut(struct making *making)
{
    struct emit report = { 0 };

    emit_head(&report, MAP, 3);
    emit_int(&report, RECORDS);
    emit_head(&report, ARRAY, 1);
    emit_head(&report, ARRAY, 3);
    emit_head(&report, ARRAY, 0);
    emit_head(&report, UINT, 20);
    emit_head(&report, UINT, 1);
    put_result(making, &report, 0);
    put_reference(making, &report, -16);
    sign(making, &report);
}

static void cut(struct making *making)
{
    struct emit all;

    success(making);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
}

static void trailing(struct making *making)
{
    success(making);
    emit_byte(&making->out, 0);
}

static void very_many_records(struct making *making)
{
    struct emit report = { 0 };

    report_with(making, random_between(&making->random, 9, 30), 0, -16, &report);
    sign(making, &report);
}

#define DRAFT "draft-ietf-suit-report-20"

static const struct corpus_case cases[] = {
    { "success", success, ACCEPT, NULL, NULL },
    { "failure", failure, ACCEPT, NULL, NULL },
    { "extension", extension, ACCEPT, NULL, NULL },
    { "without-a-member", without, REFUSE, "syntax", DRAFT },
    { "result-false", result_false, REFUSE, "syntax", DRAFT },
    { "record-cut", record_cut, REFUSE, "syntax", DRAFT },
    { "unknown-reason", unknown_reason, LIMIT, "any", DRAFT },
    { "another-digest", another_digest, LIMIT, "unsupported", DRAFT },
    { "unknown-key", unknown_key, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "broken-signature", broken_signature, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "cut", cut, REFUSE, "syntax", "RFC 8949 section 3" },
    { "trailing", trailing, REFUSE, "syntax", "RFC 8949 appendix C" },
    { "very-many-records", very_many_records, LIMIT, "any", DRAFT },
};

const struct corpus_kind kind_report = { "suit-report", "cose", ROWS(cases) };

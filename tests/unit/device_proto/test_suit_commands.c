/* Each command by itself: what it does, how it fails, what it makes of a broken argument; and the bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/suit_text.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"
#include "tests/unit/device_proto/suit_bench.h"

/* For three components: vendor, class, digest and size of all of them, checked once. */
#define SHARED                                                                                                      \
    "88 0c f5 14 a4 01 50 fa6b4a53d5ad5fdfbe9de663e4d41ffe 02 50 1492af1425695e48bf429b2d51f2ab45 03 5824 822f5820" \
    "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210 0e 05 01 0f 02 0f"

struct row {
    const char *about;
    const char *install; /* hex; the head's count included */
    int result;
    const char *did; /* or why not; NULL: not compared */
};

static const struct row rows[] = {
    /* set-component-index */
    { "one index", "84 0c 01 14 a1 15 61 61", 0, "" },
    { "a list: in its order", "86 0c 82 02 00 14 a1 12 61 78 12 00", SUIT_REFUSED_STRUCTURE, NULL },
    { "a list of components", "86 0c 82 02 00 14 a1 12 41 78 12 00", 0, "write 2 'x'; write 0 'x'; " },
    { "all components", "86 0c f5 14 a1 12 41 78 12 00", 0, "write 0 'x'; write 1 'x'; write 2 'x'; " },
    { "index out of range", "82 0c 03", SUIT_REFUSED_STRUCTURE, "component index" },
    { "index out of range in a list", "82 0c 82 00 03", SUIT_REFUSED_STRUCTURE, "component index" },
    { "a longer list than there can be", "82 0c 89 00 00 00 00 00 00 00 00 00", SUIT_REFUSED_STRUCTURE,
      "component index" },
    { "no index, and several components", "82 03 0f", SUIT_REFUSED_STRUCTURE, "component index was never set" },
    /* parameters */
    { "set-parameters leaves what is set", "88 0c 00 14 a1 12 41 61 13 a1 12 41 62 12 00", 0, "write 0 'a'; " },
    { "set-parameters sets what is not", "86 0c 00 13 a1 12 41 62 12 00", 0, "write 0 'b'; " },
    { "override-parameters replaces", "88 0c 00 14 a1 12 41 61 14 a1 12 41 62 12 00", 0, "write 0 'b'; " },
    { "override-multiple", "86 1822 a2 00 a1 12 41 61 02 a1 12 41 63 0c 82 00 02 12 00", 0,
      "write 0 'a'; write 2 'c'; " },
    { "override-multiple of no component", "82 1822 a1 05 a1 12 41 61", SUIT_REFUSED_STRUCTURE, "component index" },
    { "override-multiple of no map", "82 1822 80", SUIT_REFUSED_STRUCTURE, "argument of override-multiple" },
    { "copy-params", "88 0c 01 14 a1 12 41 71 0c 00 1823 a1 01 81 12", 0, "" },
    { "copy-params, used", "8a 0c 01 14 a1 12 41 71 0c 00 1823 a1 01 81 12 12 00", 0, "write 0 'q'; " },
    { "copy-params of what is not set", "84 0c 00 1823 a1 01 81 12", SUIT_REFUSED_STRUCTURE,
      "parameter to copy was never set" },
    { "copy-params of nothing known", "84 0c 00 1823 a1 01 81 1863", SUIT_REFUSED_UNSUPPORTED, "parameter to copy" },
    { "a parameter of unknown number", "84 0c 00 14 a1 1863 00", SUIT_REFUSED_UNSUPPORTED,
      "parameter of unknown number" },
    { "a custom parameter", "84 0c 00 14 a1 390100 00", SUIT_REFUSED_UNSUPPORTED, "custom parameter" },
    { "SHA-512", "84 0c 00 14 a1 03 45 82 382b 41 00", SUIT_REFUSED_UNSUPPORTED, "digest algorithm SHA-512" },
    { "wait-info that is none", "84 0c 00 14 a1 181d 42 a0 00", SUIT_REFUSED_STRUCTURE, "value of a parameter" },
    { "a version that is none", "84 0c 00 14 a1 181c 44 82 06 81 01", SUIT_REFUSED_STRUCTURE, "value of a parameter" },
    { "a source that is no component", "84 0c 00 14 a1 16 07", SUIT_REFUSED_STRUCTURE, "value of a parameter" },
    { "metadata that is no CBOR", "84 0c 00 14 a1 181e 41 ff", SUIT_REFUSED_STRUCTURE, "value of a parameter" },
    /* directives */
    { "fetch with arguments", "88 0c 00 14 a2 15 61 75 1819 42 6869 15 02 03 0f", 0, "fetch 0 u 'hi'; match 0 11 5; " },
    { "fetch without an address", "84 0c 00 15 02", SUIT_REFUSED_STRUCTURE, "URI was never set" },
    { "copy", "8a 0c 01 14 a1 12 41 61 12 00 0c 00 14 a1 16 01", 0, "write 1 'a'; " },
    { "copy, done", "8c 0c 01 14 a1 12 41 61 12 00 0c 00 14 a1 16 01 16 02", 0, "write 1 'a'; copy 0 from 1; " },
    { "copy of what nobody matched", "86 0c 00 14 a1 16 01 16 02", SUIT_REFUSED_POLICY,
      "fetched, and never matched with its digest" },
    { "copy without a source", "84 0c 00 16 02", SUIT_REFUSED_STRUCTURE, "source-component was never set" },
    { "copy from itself", "86 0c 00 14 a1 16 00 16 02", SUIT_REFUSED_STRUCTURE, "component is its own source" },
    { "swap", "8c 0c 01 14 a1 15 61 75 15 02 03 0f 0c 00 14 a1 16 01", 0, "fetch 1 u; match 1 11 5; " },
    { "swap, done", "8e 0c 01 14 a1 15 61 75 15 02 03 0f 0c 00 14 a1 16 01 181f 02", 0,
      "fetch 1 u; match 1 11 5; swap 0 with 1; " },
    { "swap of what was fetched unmatched", "8c 0c 01 14 a1 15 61 75 15 02 0c 00 14 a1 16 01 181f 02",
      SUIT_REFUSED_POLICY, NULL },
    { "write without content", "84 0c 00 12 00", SUIT_REFUSED_STRUCTURE, "content was never set" },
    { "invoke with arguments", "86 0c 00 14 a1 17 42 6869 17 02", 0, "invoke 0 'hi'; " },
    { "unlink", "84 0c 02 1821 02", 0, "unlink 2; " },
    { "wait", "86 0c 00 14 a1 181d 46 a2 01 20 05 18 63 181d 00", 0, "wait 1 5; " },
    { "wait for nothing said", "84 0c 00 181d 00", SUIT_REFUSED_STRUCTURE, "wait-info was never set" },
    /* conditions */
    { "image-match", "84 0c 00 03 0f", 0, "match 0 11 5; match 0 11 5; " },
    { "image-not-match", "84 0c 00 1819 0f", SUIT_REFUSED_CONDITION, "image has that digest" },
    { "check-content", "86 0c 00 14 a1 12 41 61 06 0f", 0, "content 0 'a'; content 0 'a'; " },
    { "check-content of nothing said", "84 0c 00 06 0f", SUIT_REFUSED_CONDITION, "content was never set" },
    { "component-slot", "86 0c 02 14 a1 05 02 05 05", 0, "" },
    { "another slot", "86 0c 02 14 a1 05 01 05 05", SUIT_REFUSED_CONDITION, "slot is another one" },
    { "abort", "84 0c 00 0e 02", SUIT_REFUSED_CONDITION, "condition abort" },
    { "device-identifier", "86 0c 00 14 a1 1818 50 000102030405060708090a0b0c0d0e0f 1818 0f", 0, "" },
    { "another device", "86 0c 00 14 a1 1818 50 010102030405060708090a0b0c0d0e0f 1818 0f", SUIT_REFUSED_CONDITION,
      "device identifier is another one" },
    { "vendor by enterprise number", "86 0c 00 14 a1 01 d870 42 8301 01 0f", 0, "" },
    { "another vendor by enterprise number", "86 0c 00 14 a1 01 d870 42 8302 01 0f", SUIT_REFUSED_CONDITION,
      "vendor's enterprise number is another one" },
    { "use-before", "86 0c 00 14 a1 04 1903e9 04 0f", 0, "" },
    { "too late", "86 0c 00 14 a1 04 1903e8 04 0f", SUIT_REFUSED_CONDITION, "too late to use it" },
    { "use-before nothing said", "84 0c 00 04 0f", SUIT_REFUSED_CONDITION, "use-before was never set" },
    { "minimum-battery", "86 0c 00 14 a1 181a 1832 181a 0f", 0, "" },
    { "battery too low", "86 0c 00 14 a1 181a 1833 181a 0f", SUIT_REFUSED_CONDITION, "battery is too low" },
    { "update-authorized", "86 0c 00 14 a1 181b 20 181b 0f", 0, "" },
    { "version 1.2 > 1.1", "86 0c 00 14 a1 181c 45 82 01 82 01 01 181c 0f", 0, "" },
    { "version 1.2 >= 1.2.0", "86 0c 00 14 a1 181c 46 82 02 83 01 02 00 181c 0f", 0, "" },
    { "version 1.2 = 1.2-rc1", "86 0c 00 14 a1 181c 47 82 03 84 01 02 20 01 181c 0f", SUIT_REFUSED_CONDITION,
      "version is not the one that is asked for" },
    { "version 1.2 > 1.2-rc1", "86 0c 00 14 a1 181c 47 82 01 84 01 02 20 01 181c 0f", 0, "" },
    { "version 1.2 <= 1.1", "86 0c 00 14 a1 181c 45 82 04 82 01 01 181c 0f", SUIT_REFUSED_CONDITION, NULL },
    { "version 1.2 < 2", "86 0c 00 14 a1 181c 44 82 05 81 02 181c 0f", 0, "" },
    { "version of a component that has none", "86 0c 01 14 a1 181c 44 82 05 81 02 181c 0f", SUIT_REFUSED_CONDITION,
      "version is not known" },
    { "is-dependency", "84 0c 00 08 0f", SUIT_REFUSED_CONDITION, "component is no dependency" },
    { "process-dependency of none", "84 0c 00 0b 0f", SUIT_REFUSED_STRUCTURE, "component that is no dependency" },
    { "dependency-integrity of none", "84 0c 00 07 0f", SUIT_REFUSED_STRUCTURE, "component that is no dependency" },
    /* try-each, run-sequence, soft failure */
    { "try-each takes the next", "84 0c 00 0f 82 <82 0e02> <84 14 a1 12 41 61 12 00>", 0, "write 0 'a'; " },
    { "try-each of one branch", "84 0c 00 0f 81 <82 0e02>", SUIT_REFUSED_STRUCTURE, "branch of try-each" },
    { "a branch that fails hard", "84 0c 00 0f 82 <84 14a1 0df4 0e02> <80>", SUIT_REFUSED_CONDITION,
      "condition abort" },
    { "a directive that fails in a branch", "84 0c 00 0f 82 <82 1202> <80>", SUIT_REFUSED_STRUCTURE,
      "content was never set" },
    { "run-sequence that fails", "84 0c 00 1820 <82 0e02>", SUIT_REFUSED_CONDITION, "condition abort" },
    { "run-sequence that may fail", "88 0c 00 1820 <84 14a1 0df5 0e02> 14 a1 12 41 61 12 00", 0, "write 0 'a'; " },
    { "a nested sequence does not inherit that, and its failure is forgiven",
      "84 0c 00 1820 <84 14a1 0df5 1820 <82 0e02>>", 0, "" },
    { "for each of a list", "84 0c 82 01 02 1820 <84 14 a1 12 41 61 12 00>", 0, "write 1 'a'; write 2 'a'; " },
    { "try-each for each, by slot", "84 0c f5 0f 82 <86 14 a2 05 01 12 41 61 05 05 12 00> f6", 0, "write 1 'a'; " },
    { "what a failed branch chose is not chosen any more", "88 0c 00 0f 82 <84 0c 01 0e 02> <80> 14 a1 12 41 61 12 00",
      0, "write 0 'a'; " },
    { "what a sequence chose stays", "88 0c 00 1820 <82 0c 01> 14 a1 12 41 61 12 00", 0, "write 1 'a'; " },
    { "soft-failure outside", "84 0c 00 14 a1 0d f5", SUIT_REFUSED_STRUCTURE,
      "soft-failure outside of try-each and run-sequence" },
    /* strict order */
    { "loose order", "86 0c 00 14 a2 0c f4 12 41 61 12 00", 0, "write 0 'a'; " },
    { "a race under loose order", "8e 0c 01 14 a2 0c f4 12 41 61 12 00 0c 00 14 a1 16 01 16 02 03 0f",
      SUIT_REFUSED_STRUCTURE, "component both written and read under loose order" },
    { "a sequence under loose order that chooses no component", "86 0c 00 14 a1 0c f4 1820 <82 030f>",
      SUIT_REFUSED_STRUCTURE, "component index under loose order" },
    { "one that does", "86 0c 00 14 a1 0c f4 1820 <84 0c01 030f>", 0, "match 1 11 5; match 1 11 5; " },
    { "one that chooses twice", "86 0c 00 14 a1 0c f4 1820 <84 0c01 0c02>", SUIT_REFUSED_STRUCTURE,
      "component index under loose order" },
    /* the rest */
    { "encryption for others", "86 0c 00 14 a2 12 41 61 13 41 80 12 00", SUIT_REFUSED_DECRYPTION,
      "device has no key to decrypt with" },
    { "a custom command", "84 0c 00 390100 f6", SUIT_REFUSED_UNSUPPORTED, "custom command" },
    { "a command that nobody knows", "84 0c 00 1863 00", SUIT_REFUSED_UNSUPPORTED, "command of unknown number" },
};

/* hex, where <...> is a byte string around what it holds. */
static void add(struct cbor_writer *writer, const char *text)
{
    size_t begins[8], depth = 0;

    for (; *text != '\0'; text++) {
        if (*text == '<') {
            begins[depth++] = cbor_wrap_begin(writer);
        } else if (*text == '>') {
            cbor_wrap_end(writer, begins[--depth]);
        } else if (*text != ' ') {
            char pair[3] = { text[0], text[1], '\0' };
            uint8_t raw[1];

            cbor_write_raw(writer, fixture_hex(pair, raw, 1));
            text++;
        }
    }
}

static struct bytes envelope_of(const char *install, uint8_t *out, size_t capacity)
{
    static uint8_t raw[2048];
    static char members[4200];
    struct suit_parts parts = { .components = "83 81 4100 81 4101 81 4102", .shared = SHARED, .member_count = 1 };
    struct cbor_writer writer = cbor_writer_on(raw, sizeof(raw));
    size_t begin, size;

    cbor_write_uint(&writer, SUIT_SECTION_INSTALL);
    begin = cbor_wrap_begin(&writer);
    add(&writer, install);
    cbor_wrap_end(&writer, begin);
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    for (size_t i = 0; i < size; i++)
        (void)snprintf(members + 2 * i, 3, "%02x", raw[i]);
    parts.members = members;
    return suit_bench_envelope(&parts, out, capacity);
}

static void know_everything(struct suit_bench *bench)
{
    static const uint8_t pen[] = { 0x83, 0x01 };

    suit_bench_init(bench);
    bench->places[0].version = (struct suit_version){ 2, { 1, 2 } };
    bench->device.unix_time_s = 1000;
    bench->device.has_battery = bench->device.has_device_id = true;
    bench->device.battery_percent = 50;
    bench->device.vendor_pen = bytes_view(pen, sizeof(pen));
    for (uint8_t i = 0; i < SUIT_ID_SIZE; i++)
        bench->device.device_id[i] = i;
}

static void each_command_does_what_it_says(void **state)
{
    static struct suit_bench bench;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[2048];
        struct suit_where where;
        int r;

        know_everything(&bench);
        r = suit_bench_run(&bench, envelope_of(rows[i].install, out, sizeof(out)), &where);
        if (r != rows[i].result || (rows[i].did != NULL && strcmp(r == 0 ? bench.log : where.what, rows[i].did) != 0))
            print_message("%s: %d %s | %s\n", rows[i].about, r, where.what == NULL ? "" : where.what, bench.log);
        assert_int_equal(r, rows[i].result);
        if (rows[i].did != NULL)
            assert_string_equal(r == 0 ? bench.log : where.what, rows[i].did);
        assert_true(r == 0 || where.what != NULL);
    }
}

/* A device that knows nothing, or cannot act, refuses before anything is done. */
static void what_a_device_lacks_is_refused_by_name(void **state)
{
    static struct suit_bench bench;
    struct suit_where where;
    uint8_t out[2048];
    int done = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].result != 0 || rows[i].did == NULL || rows[i].did[0] == '\0' || rows[i].did[0] == 'm')
            continue;
        know_everything(&bench);
        bench.actions.fetch = bench.actions.write = bench.actions.copy = bench.actions.swap = NULL;
        bench.actions.unlink = bench.actions.invoke = NULL;
        bench.actions.wait = NULL;
        bench.actions.check_content = NULL;
        assert_int_equal(suit_bench_run(&bench, envelope_of(rows[i].install, out, sizeof(out)), &where),
                         SUIT_REFUSED_UNSUPPORTED);
        assert_string_equal(bench.log, "");
        assert_memory_equal(where.what, rows[i].did[0] == 'c' ? "condition" : "directive", 9);
        done++;
    }
    assert_true(done > 15);
    suit_bench_init(&bench); /* no clock, no battery, no versions, nobody to ask */
    bench.device.update_authorised = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(rows[i].about, "use-before", 10) != 0 && strncmp(rows[i].about, "minimum", 7) != 0 &&
            strncmp(rows[i].about, "update-", 7) != 0 && strncmp(rows[i].about, "version", 7) != 0)
            continue;
        assert_int_equal(suit_bench_run(&bench, envelope_of(rows[i].install, out, sizeof(out)), &where),
                         SUIT_REFUSED_CONDITION);
    }
}

static void actions_that_fail_end_the_run(void **state)
{
    static struct suit_bench bench;
    struct suit_where where;
    uint8_t out[2048];

    (void)state;
    know_everything(&bench);
    bench.fetch_refusal = SUIT_REFUSED_STORAGE;
    assert_int_equal(
        suit_bench_run(&bench, envelope_of("84 0c 00 0f 82 <86 14 a1 15 61 75 15 02 03 0f> <80>", out, sizeof(out)),
                       &where),
        SUIT_REFUSED_STORAGE);
    assert_string_equal(where.what, "fetch failed");
    know_everything(&bench);
    bench.wait_refusal = -11; /* not yet: the device comes again */
    assert_int_equal(
        suit_bench_run(&bench, envelope_of("86 0c 00 14 a1 181d 43 a1 01 20 181d 00", out, sizeof(out)), &where), -11);
    bench.consent_refusal = SUIT_REFUSED_CONDITION;
    assert_int_equal(suit_bench_run(&bench, envelope_of("84 0c 00 181b 0f", out, sizeof(out)), &where),
                     SUIT_REFUSED_CONDITION);
    assert_string_equal(where.what, "update is not authorised");
    know_everything(&bench);
    bench.match_refusal = SUIT_REFUSED_DIGEST; /* the image is another one: fetched only then */
    bench.mismatches_left = 2;                 /* in rehearsal, and when it counts */
    assert_int_equal(
        suit_bench_run(
            &bench, envelope_of("84 0c 00 0f 82 <82 030f> <86 14 a1 15 61 75 15 02 03 0f>", out, sizeof(out)), &where),
        0);
    assert_string_equal(bench.log, "match 0 11 5; match 0 11 5; fetch 0 u; match 0 11 5; ");
    know_everything(&bench);
    bench.match_refusal = SUIT_REFUSED_DIGEST;
    assert_int_equal(suit_bench_run(&bench, envelope_of("84 0c 00 1819 0f", out, sizeof(out)), &where), 0);
}

static void records_are_made_as_the_policy_asks(void **state)
{
    static struct suit_bench bench;
    struct suit_where where;
    uint8_t out[2048];

    (void)state;
    know_everything(&bench);
    assert_int_equal(
        suit_bench_run(&bench, envelope_of("84 0c 82 00 02 0f 82 <86 14 a1 05 02 05 07 0e 00> f6", out, sizeof(out)),
                       &where),
        0);
    /* vendor and class of three components with all bits, then two slots: the first fails, the second holds, and abort
     * asks for nothing */
    assert_string_equal(bench.records, "3/82 1 0: 0 with claims; 3/82 1 1: 0 with claims; 3/82 1 2: 0 with claims; "
                                       "3/84 2 0: 0 with claims; 3/84 2 1: 0 with claims; 3/84 2 2: 0 with claims; "
                                       "3/82 1 0: 0 with claims; 3/82 1 1: 0 with claims; 3/82 1 2: 0 with claims; "
                                       "3/84 2 0: 0 with claims; 3/84 2 1: 0 with claims; 3/84 2 2: 0 with claims; "
                                       "20/13 5 0: 7; 20/13 5 2: 0 with claims; ");
}

static int quiet_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    (void)context;
    (void)place;
    (void)digest;
    (void)size;
    return 0;
}

static void bounds_are_kept(void **state)
{
    static const char many[] = "89 81 4100 81 4101 81 4102 81 4103 81 4104 81 4105 81 4106 81 4107 81 4108";
    static struct suit_bench bench;
    static uint8_t out[2048];
    struct suit_parts parts = { .components = many };
    struct suit_where where;
    char hex[2200] = "";

    (void)state;
    know_everything(&bench);
    assert_int_equal(suit_bench_run(&bench, suit_bench_envelope(&parts, out, sizeof(out)), &where),
                     SUIT_REFUSED_UNSUPPORTED);
    assert_string_equal(where.what, "components: too many");
    /* Every command counts once for each component; here are three of them, with four commands each in shared. */
    for (unsigned count = 300; count <= 400; count += 100) {
        (void)snprintf(hex, sizeof(hex), "99%04x 0c f5", 2 * count + 2);
        for (unsigned i = 0; i < count; i++)
            (void)snprintf(hex + strlen(hex), 5, "030f");
        know_everything(&bench);
        bench.actions.image_match = quiet_match;
        assert_int_equal(suit_bench_run(&bench, envelope_of(hex, out, sizeof(out)), &where),
                         count == 300 ? 0 : SUIT_REFUSED_ROOM);
        assert_true(count == 300 || strcmp(where.what, "more commands than the bound on steps") == 0);
    }
    know_everything(&bench);
    assert_int_equal(
        suit_bench_run(&bench, envelope_of("84 0c 00 1820 <82 1820 <82 1820 <82 1820 <82 030f>>>>", out, sizeof(out)),
                       &where),
        0);
    assert_int_equal(
        suit_bench_run(&bench,
                       envelope_of("84 0c 00 1820 <82 1820 <82 1820 <82 1820 <82 1820 <82 030f>>>>>", out, sizeof(out)),
                       &where),
        SUIT_REFUSED_UNSUPPORTED);
    assert_string_equal(where.what, "sequences nested too deeply");
}

/* Signatures: one of several, or one of each. */
static void demands_the_signatures_that_it_wants(void **state)
{
    static struct suit_bench bench;
    static uint8_t out[2048];
    struct bytes envelope = envelope_of("84 0c 00 03 0f", out, sizeof(out));
    struct suit_where where;

    (void)state;
    know_everything(&bench);
    assert_int_equal(suit_bench_run(&bench, envelope, &where), 0);
    bench.acceptance = (struct cose_acceptance){ .needs = { COSE_CLASSICAL, COSE_QUANTUM_RESISTANT } };
    assert_int_equal(suit_bench_run(&bench, envelope, &where), SUIT_REFUSED_SIGNATURE);
    assert_string_equal(where.what, "not all signatures that are demanded");
    bench.acceptance = (struct cose_acceptance){ .needs = { COSE_KEY(KEY_P256) } };
    assert_int_equal(suit_bench_run(&bench, envelope, &where), SUIT_REFUSED_SIGNATURE);
    bench.acceptance = (struct cose_acceptance){ .needs = { 0 } };
    assert_int_equal(suit_bench_run(&bench, envelope, &where), SUIT_REFUSED_SIGNATURE);
}

/* ---- texts ---- */

static int count_text(void *context, const struct suit_text *text)
{
    unsigned *count = context;

    assert_true(text->language.size > 0);
    ++*count;
    return *count == 100 ? 7 : 0;
}

static void finds_texts_in_all_languages(void **state)
{
    static const char map[] = "a2 62 6465 a2 01 61 65 81 4100 a2 01 61 76 18 63 05 62 656e a1 01 61 66";
    static const struct suit_component component = { 1, { { (const uint8_t *)"", 1 } } };
    struct bytes text, found;
    uint8_t raw[64];
    unsigned count = 0;

    (void)state;
    text = fixture_hex(map, raw, sizeof(raw));
    assert_int_equal(suit_text_walk(text, &count, count_text), 0);
    assert_int_equal(count, 3);
    assert_true(suit_text_find(text, "en", NULL, 1, &found) && bytes_equal_text(found, "f"));
    assert_true(suit_text_find(text, NULL, NULL, 1, &found) && bytes_equal_text(found, "e"));
    assert_true(suit_text_find(text, "de", &component, 1, &found) && bytes_equal_text(found, "v"));
    assert_false(suit_text_find(text, "en", &component, 1, &found));
    assert_false(suit_text_find(text, "fr", NULL, 1, &found));
    for (size_t size = 0; size < text.size; size++)
        assert_int_equal(suit_text_walk(bytes_view(raw, size), &count, count_text), SUIT_REFUSED_STRUCTURE);
}

static void says_what_it_implements(void **state)
{
    int64_t number;
    size_t commands = 0, parameters = 0;

    (void)state;
    while (suit_command_at(SUIT_37, commands, &number))
        commands++;
    while (suit_parameter_at(SUIT_37, parameters, &number))
        parameters++;
    assert_int_equal(commands, 29);
    assert_int_equal(parameters, 20);
    assert_true(suit_command_at(SUIT_RIOT, 0, &number) && number == 1);
    assert_true(suit_parameter_at(SUIT_RIOT, 5, &number) && number == 21);
    assert_false(suit_parameter_at(SUIT_RIOT, 6, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_does_what_it_says),
        cmocka_unit_test(what_a_device_lacks_is_refused_by_name),
        cmocka_unit_test(actions_that_fail_end_the_run),
        cmocka_unit_test(records_are_made_as_the_policy_asks),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(demands_the_signatures_that_it_wants),
        cmocka_unit_test(finds_texts_in_all_languages),
        cmocka_unit_test(says_what_it_implements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

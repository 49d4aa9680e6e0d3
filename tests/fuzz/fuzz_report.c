/* A report that is read and written is read as the same report. */
#include "device_proto/suit_capabilities.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const struct suit_report *a, const struct suit_report *b)
{
    EXPECT(a->success == b->success && a->entry_count == b->entry_count && bytes_equal(a->nonce, b->nonce));
    EXPECT(bytes_equal(a->reference_uri, b->reference_uri) && bytes_equal(a->capabilities, b->capabilities));
    EXPECT(a->code == b->code && a->reason == b->reason && a->record.section == b->record.section);
    for (size_t i = 0; i < a->entry_count; i++) {
        EXPECT(a->entries[i].is_claim == b->entries[i].is_claim);
        EXPECT(bytes_equal(a->entries[i].parameters, b->entries[i].parameters));
        EXPECT(bytes_equal(a->entries[i].record.parameters, b->entries[i].record.parameters));
    }
}

/* Every number is one byte at least. */
static void expect_lists_end(struct bytes capabilities)
{
    for (enum suit_capability list = SUIT_CAPABILITY_COMPONENTS; list <= SUIT_CAPABILITY_ALGORITHMS; list++) {
        int64_t number;
        size_t count = 0;

        while (suit_capability_at(capabilities, list, count, &number))
            count++;
        EXPECT(count <= capabilities.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_crypto crypto = sham_crypto();
    struct public_key key = sham_key(KEY_P256);
    struct suit_report report, again;
    uint8_t out[SUIT_REPORT_SIZE_MAX];
    size_t out_size;
    int r = suit_report_read(bytes_view(data, size), &report);

    if (r != 0) {
        struct bytes kid;

        r = suit_report_read_signed(bytes_view(data, size), &key, 1, &crypto, &report, NULL);
        if (r != 0)
            r = suit_report_read_authenticated(bytes_view(data, size), bytes_of_text("secret"), &crypto, &report);
        EXPECT(r != 0 || suit_report_kid(bytes_view(data, size), &kid));
    }
    if (r != 0)
        return 0;
    EXPECT(suit_report_write(&report, out, sizeof(out), &out_size) == 0);
    EXPECT(suit_report_read(bytes_view(out, out_size), &again) == 0);
    expect_same(&report, &again);
    expect_lists_end(report.capabilities);
    return 0;
}

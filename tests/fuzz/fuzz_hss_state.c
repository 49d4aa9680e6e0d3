/* The files of a private HSS-LMS key: what is read of a record stands in the file as it would be written, and a key's
 * text is written as it was read. Checksums are zeros here, so that the fuzzer gets behind them. */
#include "daemon/hss/hss_file.h"
#include "daemon/hss/hss_record.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record(const struct proto_crypto *crypto, struct bytes file, enum hss_record_kind kind)
{
    uint8_t encoded[HSS_RECORD_SIZE];
    struct hss_record found;

    int r = hss_record_decode(crypto, kind, file, &found);
    EXPECT(r == 0 || r == 1);
    if (r != 0)
        return;
    size_t at = found.counter % 2 * (HSS_RECORD_FILE_SIZE - HSS_RECORD_SIZE);
    EXPECT(hss_record_encode(crypto, kind, &found, encoded) == 0);
    EXPECT(file.size <= HSS_RECORD_FILE_SIZE && at + HSS_RECORD_SIZE <= file.size);
    EXPECT(memcmp(file.data + at, encoded, HSS_RECORD_SIZE) == 0);
}

/* Inputs that a fuzzer handles well are shorter than such a file: its two places are put where they belong. */
static void spread(const struct proto_crypto *crypto, const uint8_t *data, size_t size)
{
    static uint8_t file[HSS_RECORD_FILE_SIZE];
    size_t first = size < HSS_RECORD_SIZE ? size : HSS_RECORD_SIZE;

    memset(file, 0, sizeof(file));
    memcpy(file, data, first);
    memcpy(file + sizeof(file) - HSS_RECORD_SIZE, data + first, size - first);
    record(crypto, bytes_view(file, sizeof(file)), HSS_RECORD_STATE);
    record(crypto, bytes_view(file, sizeof(file)), HSS_RECORD_MARK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hss_secret secret;
    static char text[HSS_KEY_TEXT_SIZE];
    struct proto_crypto crypto = sham_crypto();
    size_t text_size = 0;

    record(&crypto, bytes_view(data, size), HSS_RECORD_STATE);
    record(&crypto, bytes_view(data, size), HSS_RECORD_MARK);
    if (size <= 2 * HSS_RECORD_SIZE)
        spread(&crypto, data, size);
    if (hss_file_read(&crypto, bytes_view(data, size), &secret) != 0)
        return 0;
    EXPECT(hss_file_write(&crypto, &secret, text, &text_size) == 0);
    EXPECT(text_size == size && memcmp(text, data, size) == 0);
    EXPECT(secret.levels >= 1 && secret.levels <= 8 && secret.top.parameters.height >= 5);
    return 0;
}

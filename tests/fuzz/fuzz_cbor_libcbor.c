/* Our notion of well-formed against libcbor's: the same inputs, read to the same byte. */
#include "device_proto/cbor.h"
#include "tests/fuzz/libcbor_oracle.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libcbor knows no simple values but false, true, null and undefined, and refuses the tags that had no meaning when it
 * was written: 6 to 20 in one byte. */
static bool is_beyond_libcbor(struct cbor_reader *reader)
{
    bool found = false;

    while (cbor_peek(reader) != CBOR_END) {
        struct cbor_reader before = *reader;
        enum cbor_type type = cbor_peek(reader);

        if (type == CBOR_SIMPLE || (type == CBOR_TAG && *reader->at >= 0xc6 && *reader->at <= 0xd4))
            found = true;
        if (type == CBOR_ARRAY)
            (void)cbor_read_array(reader);
        else if (type == CBOR_MAP)
            (void)cbor_read_map(reader);
        else if (type == CBOR_TAG)
            (void)cbor_read_tag(reader);
        else if (type == CBOR_BREAK)
            reader->at++;
        else
            cbor_skip(reader);
        if (reader->at == before.at)
            break;
    }
    return found;
}

/* libcbor reserves what a count asks for before it looks whether the items are there. */
static bool may_announce_much(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 0x9a || data[i] == 0x9b || data[i] == 0xba || data[i] == 0xbb)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cbor_reader ours = cbor_reader_on(bytes_view(data, size), CBOR_LENIENT);
    struct cbor_reader items;
    size_t read;
    bool theirs;

    if (size == 0)
        return 0;
    cbor_skip(&ours);
    if (ours.refusal == CBOR_TOO_DEEP || (ours.refusal != 0 && may_announce_much(data, size)))
        return 0;
    items = cbor_reader_on(bytes_view(data, ours.refusal == 0 ? (size_t)(ours.at - data) : size), CBOR_LENIENT);
    if (is_beyond_libcbor(&items))
        return 0;
    /* libcbor refuses texts that are not UTF-8; to us they are well-formed and not valid. */
    if (ours.refusal == 0 &&
        cbor_diagnose(bytes_view(data, (size_t)(ours.at - data)), CBOR_COMPACT, NULL, 0, &read) == CBOR_NOT_UTF8)
        return 0;
    theirs = libcbor_reads(data, size, &read);
    EXPECT(theirs == (ours.refusal == 0));
    EXPECT(!theirs || read == (size_t)(ours.at - data));
    return 0;
}

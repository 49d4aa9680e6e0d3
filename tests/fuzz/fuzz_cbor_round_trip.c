/* What is canonical comes out of the writer as it went into the reader; what is not survives being read. */
#include "device_proto/cbor.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void copy_item(struct cbor_reader *reader, struct cbor_writer *writer);

static void copy_list(struct cbor_reader *reader, struct cbor_writer *writer, bool map)
{
    struct cbor_list list = map ? cbor_read_map(reader) : cbor_read_array(reader);

    if (map)
        cbor_write_map(writer, list.left);
    else
        cbor_write_array(writer, list.left);
    while (cbor_more(reader, &list)) {
        copy_item(reader, writer);
        if (map)
            copy_item(reader, writer);
    }
}

static void copy_number(struct cbor_reader *reader, struct cbor_writer *writer)
{
    struct cbor_reader ahead = *reader;
    int64_t value = cbor_read_int(&ahead);

    if (ahead.refusal != 0) {
        cbor_write_raw(writer, cbor_read_item(reader)); /* beyond int64_t */
        return;
    }
    *reader = ahead;
    cbor_write_int(writer, value);
}

/* Only reached for checked items, so that recursion is bounded by CBOR_DEPTH_MAX. */
static void copy_item(struct cbor_reader *reader, struct cbor_writer *writer)
{
    switch (cbor_peek(reader)) {
    case CBOR_UINT:
        cbor_write_uint(writer, cbor_read_uint(reader));
        break;
    case CBOR_NINT:
        copy_number(reader, writer);
        break;
    case CBOR_BYTES:
        cbor_write_bytes(writer, cbor_read_bytes(reader));
        break;
    case CBOR_TEXT:
        cbor_write_text(writer, cbor_read_text(reader));
        break;
    case CBOR_ARRAY:
        copy_list(reader, writer, false);
        break;
    case CBOR_MAP:
        copy_list(reader, writer, true);
        break;
    case CBOR_TAG:
        cbor_write_tag(writer, cbor_read_tag(reader));
        copy_item(reader, writer);
        break;
    case CBOR_FALSE:
    case CBOR_TRUE:
        cbor_write_bool(writer, cbor_read_bool(reader));
        break;
    case CBOR_NULL:
        cbor_read_null(reader);
        cbor_write_null(writer);
        break;
    case CBOR_FLOAT:
        cbor_write_double_bits(writer, cbor_read_double_bits(reader));
        break;
    case CBOR_UNDEFINED:
    case CBOR_SIMPLE:
    case CBOR_BREAK:
    case CBOR_END:
        cbor_write_raw(writer, cbor_read_item(reader));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[1 << 16];
    struct bytes item = bytes_view(data, size);
    struct cbor_reader reader = cbor_reader_on(item, CBOR_LENIENT);
    struct cbor_writer writer = cbor_writer_on(copy, sizeof(copy));
    bool canonical = cbor_check(item, CBOR_CANONICAL) == 0;
    size_t copy_size;

    if (size > sizeof(copy) || cbor_check(item, CBOR_LENIENT) != 0)
        return 0;
    copy_item(&reader, &writer);
    if (!canonical)
        return 0;
    EXPECT(cbor_reader_finish(&reader) == 0 && cbor_writer_finish(&writer, &copy_size) == 0);
    EXPECT(bytes_equal(item, bytes_view(copy, copy_size)));
    return 0;
}

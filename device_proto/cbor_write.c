/* cbor_write.c - encoding with shortest heads and definite lengths. */
#include "device_proto/cbor.h"

#include "device_proto/cbor_float.h"

#define HEAD_SIZE_MAX 9u

struct cbor_writer cbor_writer_on(uint8_t *out, size_t capacity)
{
    struct cbor_writer writer = { out, capacity, 0 };

    return writer;
}

static void append(struct cbor_writer *writer, const uint8_t *data, size_t size)
{
    if (size > 0 && writer->size <= writer->capacity && size <= writer->capacity - writer->size)
        memcpy(writer->data + writer->size, data, size);
    writer->size = size <= SIZE_MAX - writer->size ? writer->size + size : SIZE_MAX;
}

/* Encodes argument in bytes of big endian behind an initial byte. */
static size_t encode_fixed(uint8_t initial, uint64_t argument, size_t bytes, uint8_t out[HEAD_SIZE_MAX])
{
    out[0] = initial;
    for (size_t i = bytes; i > 0; i--, argument >>= 8)
        out[i] = (uint8_t)argument;
    return 1 + bytes;
}

static size_t encode_head(unsigned major, uint64_t argument, uint8_t out[HEAD_SIZE_MAX])
{
    uint8_t initial = (uint8_t)(major << 5);

    if (argument < 24)
        return encode_fixed((uint8_t)(initial | argument), 0, 0, out);
    if (argument <= UINT8_MAX)
        return encode_fixed(initial | 24, argument, 1, out);
    if (argument <= UINT16_MAX)
        return encode_fixed(initial | 25, argument, 2, out);
    if (argument <= UINT32_MAX)
        return encode_fixed(initial | 26, argument, 4, out);
    return encode_fixed(initial | 27, argument, 8, out);
}

static void write_head(struct cbor_writer *writer, unsigned major, uint64_t argument)
{
    uint8_t head[HEAD_SIZE_MAX];

    append(writer, head, encode_head(major, argument, head));
}

void cbor_write_uint(struct cbor_writer *writer, uint64_t value)
{
    write_head(writer, 0, value);
}

void cbor_write_int(struct cbor_writer *writer, int64_t value)
{
    if (value < 0)
        write_head(writer, 1, (uint64_t)(-1 - value));
    else
        write_head(writer, 0, (uint64_t)value);
}

void cbor_write_bytes(struct cbor_writer *writer, struct bytes value)
{
    write_head(writer, 2, value.size);
    append(writer, value.data, value.size);
}

void cbor_write_text(struct cbor_writer *writer, struct bytes utf8)
{
    write_head(writer, 3, utf8.size);
    append(writer, utf8.data, utf8.size);
}

void cbor_write_text_of(struct cbor_writer *writer, const char *utf8)
{
    cbor_write_text(writer, bytes_of_text(utf8));
}

void cbor_write_array(struct cbor_writer *writer, uint64_t items)
{
    write_head(writer, 4, items);
}

void cbor_write_map(struct cbor_writer *writer, uint64_t pairs)
{
    write_head(writer, 5, pairs);
}

void cbor_write_tag(struct cbor_writer *writer, uint64_t tag)
{
    write_head(writer, 6, tag);
}

void cbor_write_bool(struct cbor_writer *writer, bool value)
{
    write_head(writer, 7, value ? 21 : 20);
}

void cbor_write_null(struct cbor_writer *writer)
{
    write_head(writer, 7, 22);
}

void cbor_write_double_bits(struct cbor_writer *writer, uint64_t bits)
{
    uint8_t head[HEAD_SIZE_MAX];
    uint32_t single;
    uint16_t half;
    size_t size;

    if (double_bits_fit_half(bits, &half))
        size = encode_fixed(0xf9, half, 2, head);
    else if (double_bits_fit_single(bits, &single))
        size = encode_fixed(0xfa, single, 4, head);
    else
        size = encode_fixed(0xfb, bits, 8, head);
    append(writer, head, size);
}

void cbor_write_decimal(struct cbor_writer *writer, int64_t mantissa, int64_t exponent)
{
    cbor_write_tag(writer, 4);
    cbor_write_array(writer, 2);
    cbor_write_int(writer, exponent);
    cbor_write_int(writer, mantissa);
}

void cbor_write_raw(struct cbor_writer *writer, struct bytes encoded)
{
    append(writer, encoded.data, encoded.size);
}

size_t cbor_wrap_begin(struct cbor_writer *writer)
{
    return writer->size;
}

void cbor_wrap_end(struct cbor_writer *writer, size_t begin)
{
    uint8_t head[HEAD_SIZE_MAX];
    size_t content = writer->size - begin;
    size_t head_size = encode_head(2, content, head);

    append(writer, head, head_size); /* makes the room, and counts */
    if (writer->size > writer->capacity)
        return;
    memmove(writer->data + begin + head_size, writer->data + begin, content);
    memcpy(writer->data + begin, head, head_size);
}

int cbor_writer_finish(const struct cbor_writer *writer, size_t *out_size)
{
    if (writer->size > writer->capacity)
        return CBOR_NO_ROOM;
    *out_size = writer->size;
    return 0;
}

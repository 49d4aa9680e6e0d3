/* hss.c - HSS: a tree signs the public key of the next, the last one the message (RFC 8554 section 6). */
#include "device_proto/hss.h"

#include "device_proto/cbor.h"

#define COSE_KEY_KTY    1
#define COSE_KEY_KID    2
#define COSE_KEY_ALG    3
#define COSE_KEY_OPS    4
#define COSE_KEY_PUBLIC (-1)
#define COSE_KTY_HSS    5
#define COSE_OPS_VERIFY 2

int hss_public_read(struct bytes key, struct hss_public *out)
{
    struct hss_public read = { 0 };

    if (key.size < 4 || !lms_public_read(bytes_view(key.data + 4, key.size - 4), &read.top))
        return HSS_KEY;
    read.levels = lms_get32(key.data);
    if (read.levels < 1 || read.levels > HSS_LEVELS_MAX || key.size != 4 + lms_public_size(&read.top.parameters))
        return HSS_KEY;
    *out = read;
    return 0;
}

size_t hss_public_write(const struct hss_public *key, uint8_t out[HSS_PUBLIC_SIZE_MAX])
{
    lms_put32(out, key->levels);
    return 4 + lms_public_write(&key->top, out + 4);
}

size_t hss_signature_size(const struct lms_parameters *parameters, unsigned levels)
{
    return 4 + levels * lms_signature_size(parameters) + (levels - 1) * lms_public_size(parameters);
}

/* The next size bytes of rest; false where it has fewer. */
static bool take(struct bytes *rest, size_t size, struct bytes *out)
{
    if (rest->size < size)
        return false;
    *out = bytes_view(rest->data, size);
    *rest = bytes_view(rest->data + size, rest->size - size);
    return true;
}

int hss_verify(const struct proto_crypto *crypto, struct bytes key, struct bytes message, struct bytes signature)
{
    struct hss_public public;
    struct bytes rest = signature, head, signed_by, next_key;
    int r;

    if (crypto->sha256_begin == NULL)
        return HSS_UNSUPPORTED;
    r = hss_public_read(key, &public);
    if (r != 0)
        return r;
    if (!take(&rest, 4, &head) || lms_get32(head.data) != public.levels - 1)
        return HSS_STRUCTURE;
    struct lms_tree tree = public.top;
    for (unsigned level = 1; level < public.levels; level++) {
        struct lms_tree next;
        if (!take(&rest, lms_signature_size(&tree.parameters), &signed_by) || !lms_public_read(rest, &next) ||
            next.parameters.n != tree.parameters.n || !take(&rest, lms_public_size(&next.parameters), &next_key))
            return HSS_STRUCTURE;
        r = lms_verify(crypto, &tree, next_key, signed_by);
        if (r != 0)
            return r > 0 ? HSS_SIGNATURE : r;
        tree = next;
    }
    if (rest.size != lms_signature_size(&tree.parameters))
        return HSS_STRUCTURE;
    r = lms_verify(crypto, &tree, message, rest);
    return r > 0 ? HSS_SIGNATURE : r;
}

int hss_cose_key_write(struct bytes key, struct bytes kid, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    struct hss_public public;

    if (hss_public_read(key, &public) != 0)
        return HSS_KEY;
    cbor_write_map(&writer, kid.size > 0 ? 4 : 3);
    cbor_write_int(&writer, COSE_KEY_KTY);
    cbor_write_int(&writer, COSE_KTY_HSS);
    if (kid.size > 0) {
        cbor_write_int(&writer, COSE_KEY_KID);
        cbor_write_bytes(&writer, kid);
    }
    cbor_write_int(&writer, COSE_KEY_ALG);
    cbor_write_int(&writer, COSE_HSS_LMS);
    cbor_write_int(&writer, COSE_KEY_PUBLIC);
    cbor_write_bytes(&writer, key);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : HSS_STRUCTURE;
}

/* The operations that the key is for must include verifying. */
static bool read_operations(struct cbor_reader *reader)
{
    struct cbor_list operations = cbor_read_array(reader);
    bool verifies = false;

    while (cbor_more(reader, &operations)) {
        if (cbor_peek_is(reader, CBOR_UINT))
            verifies |= cbor_read_int(reader) == COSE_OPS_VERIFY;
        else
            cbor_skip(reader);
    }
    return verifies;
}

int hss_cose_key_read(struct bytes encoded, struct bytes *out_key, struct bytes *out_kid)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_LENIENT);
    struct cbor_list members = cbor_read_map(&reader);
    struct bytes key = { 0 }, kid = { 0 };
    struct hss_public public;
    bool is_hss = false, fits = true;

    while (cbor_more(&reader, &members)) {
        bool number = cbor_peek_is(&reader, CBOR_UINT) || cbor_peek_is(&reader, CBOR_NINT);
        int64_t label = number ? cbor_read_int(&reader) : 0;
        if (!number)
            cbor_skip(&reader);
        if (label == COSE_KEY_KTY)
            is_hss = cbor_read_int(&reader) == COSE_KTY_HSS;
        else if (label == COSE_KEY_KID)
            kid = cbor_read_bytes(&reader);
        else if (label == COSE_KEY_ALG)
            fits &= cbor_read_int(&reader) == COSE_HSS_LMS;
        else if (label == COSE_KEY_OPS)
            fits &= read_operations(&reader);
        else if (label == COSE_KEY_PUBLIC)
            key = cbor_read_bytes(&reader);
        else
            cbor_skip(&reader);
    }
    if (cbor_reader_finish(&reader) != 0 || !is_hss || !fits || hss_public_read(key, &public) != 0)
        return HSS_KEY;
    *out_key = key;
    *out_kid = kid;
    return 0;
}

const char *hss_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the signature holds",
        [HSS_KEY] = "not an HSS-LMS public key with SHA-256",
        [HSS_STRUCTURE] = "not a signature of that key's shape",
        [HSS_SIGNATURE] = "the signature does not hold",
        [HSS_UNSUPPORTED] = "hashing in parts is not supported here",
    };

    if (refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0])
        return "unknown refusal";
    return texts[refusal];
}

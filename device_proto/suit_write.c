/* suit_write.c - the author's side: an order becomes a signed envelope.
 * First the manifest is encoded, then its digest is sealed, then both go into the envelope. The split form for keys
 * kept elsewhere does the same work twice, because the same order always gives the same bytes. */
#include "device_proto/suit_private.h"

#include "device_proto/cose.h"

#define COSE_ENCODED_MAX (COSE_SIGN1_OVERHEAD + DIGEST_ENCODED_SIZE)

void suit_write_digest(struct cbor_writer *writer, enum suit_dialect dialect, const uint8_t digest[DIGEST_SIZE])
{
    cbor_write_array(writer, 2);
    cbor_write_int(writer, dialect == SUIT_RIOT ? DIGEST_ALG_RIOT : DIGEST_ALG_SHA256);
    cbor_write_bytes(writer, bytes_view(digest, DIGEST_SIZE));
}

void suit_write_component(struct cbor_writer *writer, const struct suit_component *component)
{
    cbor_write_array(writer, component->count);
    for (size_t i = 0; i < component->count; i++)
        cbor_write_bytes(writer, component->parts[i]);
}

static int check_uri(struct bytes uri)
{
    if (uri.size > SUIT_URI_SIZE_MAX)
        return SUIT_REFUSED_ROOM;
    for (size_t i = 0; i < uri.size; i++) {
        if (uri.data[i] <= ' ' || uri.data[i] > '~')
            return SUIT_REFUSED_STRUCTURE;
    }
    return 0;
}

static int check_order(const struct suit_order *order)
{
    bool riot = order->dialect == SUIT_RIOT;
    int r;

    if (order->component.count == 0 || order->uri.size == 0)
        return SUIT_REFUSED_STRUCTURE;
    if (order->component.count > SUIT_COMPONENT_PARTS)
        return SUIT_REFUSED_ROOM;
    for (size_t i = 0; i < order->component.count; i++) {
        if (order->component.parts[i].size > SUIT_COMPONENT_PART_MAX)
            return SUIT_REFUSED_ROOM;
    }
    if (riot && (order->sequence > UINT32_MAX || order->size > UINT32_MAX))
        return SUIT_REFUSED_ROOM;
    if (riot && order->reference_uri.size > 0)
        return SUIT_REFUSED_UNSUPPORTED;
    r = check_uri(order->uri);
    return r != 0 ? r : check_uri(order->reference_uri);
}

static void write_shared(struct cbor_writer *writer, const struct suit_order *order)
{
    size_t begin = cbor_wrap_begin(writer);
    size_t digest;

    cbor_write_array(writer, 6);
    cbor_write_uint(writer, DIRECTIVE_OVERRIDE);
    cbor_write_map(writer, 4);
    cbor_write_uint(writer, PARAMETER_VENDOR);
    cbor_write_bytes(writer, bytes_view(order->vendor_id, SUIT_ID_SIZE));
    cbor_write_uint(writer, PARAMETER_CLASS);
    cbor_write_bytes(writer, bytes_view(order->class_id, SUIT_ID_SIZE));
    cbor_write_uint(writer, PARAMETER_DIGEST);
    digest = cbor_wrap_begin(writer);
    suit_write_digest(writer, order->dialect, order->digest);
    cbor_wrap_end(writer, digest);
    cbor_write_uint(writer, PARAMETER_SIZE);
    cbor_write_uint(writer, order->size);
    cbor_write_uint(writer, CONDITION_VENDOR);
    cbor_write_uint(writer, REPORT_ALL);
    cbor_write_uint(writer, CONDITION_CLASS);
    cbor_write_uint(writer, REPORT_ALL);
    cbor_wrap_end(writer, begin);
}

static void write_common(struct cbor_writer *writer, const struct suit_order *order)
{
    size_t begin = cbor_wrap_begin(writer);

    cbor_write_map(writer, 2);
    cbor_write_uint(writer, COMMON_COMPONENTS);
    cbor_write_array(writer, 1);
    suit_write_component(writer, &order->component);
    cbor_write_uint(writer, COMMON_SHARED);
    write_shared(writer, order);
    cbor_wrap_end(writer, begin);
}

static void write_install(struct cbor_writer *writer, const struct suit_order *order)
{
    size_t begin = cbor_wrap_begin(writer);

    cbor_write_array(writer, 6);
    cbor_write_uint(writer, order->dialect == SUIT_RIOT ? DIRECTIVE_SET : DIRECTIVE_OVERRIDE);
    cbor_write_map(writer, 1);
    cbor_write_uint(writer, PARAMETER_URI);
    cbor_write_text(writer, order->uri);
    cbor_write_uint(writer, DIRECTIVE_FETCH);
    cbor_write_uint(writer, REPORT_FAILURE);
    cbor_write_uint(writer, CONDITION_IMAGE_MATCH);
    cbor_write_uint(writer, REPORT_ALL);
    cbor_wrap_end(writer, begin);
}

static void write_validate(struct cbor_writer *writer)
{
    size_t begin = cbor_wrap_begin(writer);

    cbor_write_array(writer, 2);
    cbor_write_uint(writer, CONDITION_IMAGE_MATCH);
    cbor_write_uint(writer, REPORT_ALL);
    cbor_wrap_end(writer, begin);
}

int suit_write_manifest(const struct suit_order *order, const uint8_t *text_digest, uint8_t *out, size_t capacity,
                        size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    bool riot = order->dialect == SUIT_RIOT;
    bool reference = order->reference_uri.size > 0;
    size_t begin = cbor_wrap_begin(&writer);

    cbor_write_map(&writer, 5u + (reference ? 1 : 0) + (text_digest != NULL ? 1 : 0));
    cbor_write_uint(&writer, MANIFEST_VERSION);
    cbor_write_uint(&writer, 1);
    cbor_write_uint(&writer, MANIFEST_SEQUENCE);
    cbor_write_uint(&writer, order->sequence);
    cbor_write_uint(&writer, MANIFEST_COMMON);
    write_common(&writer, order);
    if (reference) {
        cbor_write_uint(&writer, MANIFEST_REFERENCE_URI);
        cbor_write_text(&writer, order->reference_uri);
    }
    if (!riot) {
        cbor_write_uint(&writer, SUIT_SECTION_VALIDATE);
        write_validate(&writer);
    }
    cbor_write_uint(&writer, riot ? RIOT_INSTALL : (uint64_t)SUIT_SECTION_INSTALL);
    write_install(&writer, order);
    if (riot) {
        cbor_write_uint(&writer, RIOT_VALIDATE);
        write_validate(&writer);
    }
    if (text_digest != NULL) {
        cbor_write_uint(&writer, SUIT_SECTION_TEXT);
        suit_write_digest(&writer, order->dialect, text_digest);
    }
    cbor_wrap_end(&writer, begin);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SUIT_REFUSED_ROOM;
}

int suit_seal_make(enum suit_dialect dialect, enum cose_algorithm algorithm, struct bytes manifest,
                   const struct proto_crypto *crypto, struct suit_seal *out)
{
    struct suit_seal seal = { dialect, algorithm, { 0 } };
    struct cbor_writer writer = cbor_writer_on(seal.digest, sizeof seal.digest);
    uint8_t digest[DIGEST_SIZE];
    int r;

    r = crypto->sha256(crypto->context, manifest, digest);
    if (r != 0)
        return r;
    suit_write_digest(&writer, dialect, digest);
    *out = seal;
    return 0;
}

static struct cose_order cose_order_of(const struct suit_seal *seal)
{
    struct cose_order order = { 0 };

    order.tagged = true;
    order.detached = seal->dialect != SUIT_RIOT;
    order.algorithm = seal->algorithm;
    order.payload = bytes_view(seal->digest, sizeof seal->digest);
    return order;
}

int suit_seal_to_be_signed(const struct suit_seal *seal, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cose_order order = cose_order_of(seal);

    return cose_sign1_to_be_signed(&order, out, capacity, out_size) == 0 ? 0 : SUIT_REFUSED_ROOM;
}

int suit_seal_sign(const struct suit_seal *seal, const struct proto_signer *signer,
                   uint8_t out_signature[SIGNATURE_SIZE_MAX], size_t *out_size)
{
    uint8_t to_be_signed[SUIT_TO_BE_SIGNED_MAX];
    size_t size;
    int r;

    r = suit_seal_to_be_signed(seal, to_be_signed, sizeof to_be_signed, &size);
    if (r != 0)
        return r;
    r = signer->sign(signer->context, bytes_view(to_be_signed, size), out_signature, SIGNATURE_SIZE_MAX, out_size);
    return r > 0 ? SUIT_REFUSED_SIGNATURE : r;
}

int suit_seal_write(const struct suit_seal *seal, struct bytes signature, struct cbor_writer *writer)
{
    struct cose_order order = cose_order_of(seal);
    uint8_t cose[COSE_ENCODED_MAX];
    size_t begin, cose_size;

    if (cose_sign1_assemble(&order, signature, cose, sizeof cose, &cose_size) != 0)
        return SUIT_REFUSED_SIGNATURE;
    begin = cbor_wrap_begin(writer);
    cbor_write_array(writer, seal->dialect == SUIT_RIOT ? 1 : 2);
    if (seal->dialect != SUIT_RIOT)
        cbor_write_bytes(writer, order.payload);
    cbor_write_bytes(writer, bytes_view(cose, cose_size));
    cbor_wrap_end(writer, begin);
    return 0;
}

static int algorithm_of(const struct suit_order *order, enum key_type key, enum cose_algorithm *out)
{
    if (order->dialect == SUIT_RIOT && key != KEY_ED25519)
        return SUIT_REFUSED_UNSUPPORTED;
    *out = order->algorithm;
    if (*out == 0)
        *out = order->dialect == SUIT_RIOT ? COSE_EDDSA : cose_algorithm_of(key);
    return cose_algorithm_fits(*out, key) ? 0 : SUIT_REFUSED_UNSUPPORTED;
}

/* Everything up to the signature: the encoded manifest and its seal. */
static int prepare(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                   uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX], size_t *out_size, struct suit_seal *out_seal)
{
    enum cose_algorithm algorithm;
    int r;

    r = check_order(order);
    if (r != 0)
        return r;
    r = algorithm_of(order, key, &algorithm);
    if (r != 0)
        return r;
    r = suit_write_manifest(order, NULL, manifest, SUIT_MANIFEST_ENCODED_MAX, out_size);
    if (r != 0)
        return r;
    return suit_seal_make(order->dialect, algorithm, bytes_view(manifest, *out_size), crypto, out_seal);
}

static int write_envelope(const struct suit_seal *seal, struct bytes signature, struct bytes manifest, uint8_t *out,
                          size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    int r;

    if (seal->dialect != SUIT_RIOT)
        cbor_write_tag(&writer, TAG_ENVELOPE);
    cbor_write_map(&writer, 2);
    cbor_write_uint(&writer, ENVELOPE_AUTH);
    r = suit_seal_write(seal, signature, &writer);
    if (r != 0)
        return r;
    cbor_write_uint(&writer, ENVELOPE_MANIFEST);
    cbor_write_raw(&writer, manifest);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SUIT_REFUSED_ROOM;
}

int suit_manifest_to_be_signed(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                               uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX];
    struct suit_seal seal;
    size_t size;
    int r;

    r = prepare(order, key, crypto, manifest, &size, &seal);
    return r != 0 ? r : suit_seal_to_be_signed(&seal, out, capacity, out_size);
}

int suit_manifest_assemble(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                           struct bytes signature, uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX];
    struct suit_seal seal;
    size_t size;
    int r;

    r = prepare(order, key, crypto, manifest, &size, &seal);
    return r != 0 ? r : write_envelope(&seal, signature, bytes_view(manifest, size), out, capacity, out_size);
}

int suit_manifest_write(const struct suit_order *order, const struct proto_crypto *crypto,
                        const struct proto_signer *signer, uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX];
    uint8_t signature[SIGNATURE_SIZE_MAX];
    size_t size, signature_size;
    struct suit_seal seal;
    int r;

    r = prepare(order, signer->key.type, crypto, manifest, &size, &seal);
    if (r != 0)
        return r;
    r = suit_seal_sign(&seal, signer, signature, &signature_size);
    if (r != 0)
        return r;
    return write_envelope(&seal, bytes_view(signature, signature_size), bytes_view(manifest, size), out, capacity,
                          out_size);
}

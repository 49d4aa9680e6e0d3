/* suit_write.c - one container on one device: an order becomes a signed envelope, in either dialect.
 * The split form for keys kept elsewhere does the same work twice, because the same order always gives the same bytes.
 */
#include "device_proto/suit_private.h"

#include "device_proto/suit_author.h"

#define SHARED_MAX   256u
#define INSTALL_MAX  (512u + SUIT_ENCRYPTION_MAX)
#define VALIDATE_MAX 8u
#define BLOCK_MAX    (COSE_SIGN1_OVERHEAD + SUIT_SEAL_SIZE + SIGNATURE_SIZE_MAX)

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

static int check_order(const struct suit_order *order)
{
    if (order->component.count == 0 || order->uri.size == 0)
        return SUIT_REFUSED_STRUCTURE;
    if (order->encryption_info.size > SUIT_ENCRYPTION_MAX)
        return SUIT_REFUSED_ROOM;
    return order->dialect == SUIT_RIOT && order->size > UINT32_MAX ? SUIT_REFUSED_ROOM : 0;
}

/* An order's sequences, and the buffers that they stand in. */
struct sequences {
    uint8_t shared[SHARED_MAX];
    uint8_t install[INSTALL_MAX];
    uint8_t validate[VALIDATE_MAX];
};

static int write_shared(const struct suit_order *order, uint8_t out[SHARED_MAX], struct bytes *out_view)
{
    const struct suit_value values[] = {
        { .parameter = SUIT_PARAMETER_VENDOR, .bytes = bytes_view(order->vendor_id, SUIT_ID_SIZE) },
        { .parameter = SUIT_PARAMETER_CLASS, .bytes = bytes_view(order->class_id, SUIT_ID_SIZE) },
        { .parameter = SUIT_PARAMETER_DIGEST, .bytes = bytes_view(order->digest, DIGEST_SIZE) },
        { .parameter = SUIT_PARAMETER_SIZE, .number = order->size },
    };
    struct suit_script script = suit_script_on(order->dialect, out, SHARED_MAX);

    suit_script_parameters(&script, SUIT_DIRECTIVE_OVERRIDE, values, 4);
    suit_script_command(&script, SUIT_CONDITION_VENDOR, REPORT_ALL);
    suit_script_command(&script, SUIT_CONDITION_CLASS, REPORT_ALL);
    return suit_script_finish(&script, out_view);
}

static int write_install(const struct suit_order *order, uint8_t out[INSTALL_MAX], struct bytes *out_view)
{
    const struct suit_value values[] = {
        { .parameter = SUIT_PARAMETER_URI, .bytes = order->uri },
        { .parameter = SUIT_PARAMETER_ENCRYPTION_INFO, .bytes = order->encryption_info },
    };
    struct suit_script script = suit_script_on(order->dialect, out, INSTALL_MAX);

    suit_script_parameters(&script,
                           order->dialect == SUIT_RIOT ? SUIT_DIRECTIVE_SET_PARAMETERS : SUIT_DIRECTIVE_OVERRIDE,
                           values, order->encryption_info.size > 0 ? 2 : 1);
    suit_script_command(&script, SUIT_DIRECTIVE_FETCH, REPORT_FAILURE);
    suit_script_command(&script, SUIT_CONDITION_IMAGE_MATCH, REPORT_ALL);
    return suit_script_finish(&script, out_view);
}

static int write_validate(const struct suit_order *order, uint8_t out[VALIDATE_MAX], struct bytes *out_view)
{
    struct suit_script script = suit_script_on(order->dialect, out, VALIDATE_MAX);

    suit_script_command(&script, SUIT_CONDITION_IMAGE_MATCH, REPORT_ALL);
    return suit_script_finish(&script, out_view);
}

static int draft_of(const struct suit_order *order, struct sequences *sequences, struct suit_draft *out)
{
    int r = check_order(order);

    memset(out, 0, sizeof *out);
    out->dialect = order->dialect;
    out->sequence = order->sequence;
    out->components = &order->component;
    out->component_count = 1;
    out->reference_uri = order->reference_uri;
    if (r == 0)
        r = write_shared(order, sequences->shared, &out->shared);
    if (r == 0)
        r = write_install(order, sequences->install, &out->members[SUIT_PART_INSTALL].content);
    if (r == 0)
        r = write_validate(order, sequences->validate, &out->members[SUIT_PART_VALIDATE].content);
    return r;
}

int suit_order_encode(const struct suit_order *order, struct bytes text, const struct proto_crypto *crypto,
                      uint8_t *out, size_t capacity, size_t *out_size)
{
    struct sequences sequences;
    struct suit_draft draft;
    int r;

    r = draft_of(order, &sequences, &draft);
    if (r != 0)
        return r;
    if (text.size > 0) {
        draft.members[SUIT_PART_TEXT].content = text;
        draft.members[SUIT_PART_TEXT].keep = SUIT_SEVERABLE;
    }
    return suit_draft_encode(&draft, crypto, out, capacity, out_size);
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

/* Everything up to the signature: the encoded manifest, its seal, and the algorithm. */
static int prepare(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                   uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX], size_t *out_size, struct suit_seal *out_seal,
                   enum cose_algorithm *out_algorithm)
{
    int r;

    r = algorithm_of(order, key, out_algorithm);
    if (r == 0)
        r = suit_order_encode(order, bytes_view(NULL, 0), crypto, manifest, SUIT_MANIFEST_ENCODED_MAX, out_size);
    return r != 0 ? r : suit_seal_make(order->dialect, bytes_view(manifest, *out_size), crypto, out_seal);
}

static int write_envelope(const struct suit_seal *seal, struct bytes block, struct bytes manifest, uint8_t *out,
                          size_t capacity, size_t *out_size)
{
    struct suit_draft draft = { .dialect = seal->dialect };

    return suit_draft_write(&draft, manifest, seal, &block, 1, out, capacity, out_size);
}

int suit_manifest_to_be_signed(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                               uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX];
    enum cose_algorithm algorithm;
    struct cose_order what;
    struct suit_seal seal;
    size_t size;
    int r;

    r = prepare(order, key, crypto, manifest, &size, &seal, &algorithm);
    if (r != 0)
        return r;
    what = suit_seal_order(&seal, algorithm, bytes_view(NULL, 0));
    return cose_sign1_to_be_signed(&what, out, capacity, out_size) == 0 ? 0 : SUIT_REFUSED_ROOM;
}

int suit_manifest_assemble(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                           struct bytes signature, uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX];
    uint8_t block[BLOCK_MAX];
    enum cose_algorithm algorithm;
    size_t size, block_size;
    struct cose_order what;
    struct suit_seal seal;
    int r;

    r = prepare(order, key, crypto, manifest, &size, &seal, &algorithm);
    if (r != 0)
        return r;
    what = suit_seal_order(&seal, algorithm, bytes_view(NULL, 0));
    if (cose_sign1_assemble(&what, signature, block, sizeof block, &block_size) != 0)
        return SUIT_REFUSED_SIGNATURE;
    return write_envelope(&seal, bytes_view(block, block_size), bytes_view(manifest, size), out, capacity, out_size);
}

int suit_seal_sign(const struct suit_seal *seal, enum cose_algorithm algorithm, const struct proto_signer *signer,
                   uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cose_order what = suit_seal_order(seal, algorithm, bytes_view(NULL, 0));
    uint8_t scratch[SUIT_TO_BE_SIGNED_MAX];
    int r;

    r = cose_sign1_write(&what, signer, scratch, sizeof scratch, out, capacity, out_size);
    if (r > 0)
        return r == COSE_NO_ROOM ? SUIT_REFUSED_ROOM : SUIT_REFUSED_SIGNATURE;
    return r;
}

int suit_manifest_write(const struct suit_order *order, const struct proto_crypto *crypto,
                        const struct proto_signer *signer, uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX];
    uint8_t block[BLOCK_MAX];
    enum cose_algorithm algorithm;
    size_t size, block_size;
    struct suit_seal seal;
    int r;

    r = prepare(order, signer->key.type, crypto, manifest, &size, &seal, &algorithm);
    if (r == 0)
        r = suit_seal_sign(&seal, algorithm, signer, block, sizeof block, &block_size);
    if (r != 0)
        return r;
    return write_envelope(&seal, bytes_view(block, block_size), bytes_view(manifest, size), out, capacity, out_size);
}

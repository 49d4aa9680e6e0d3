/* Tokens of both forms, and metadata: what is read can be written, and reads as the same. */
#include "device_proto/metadata.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cose_acceptance acceptance = { .needs = { COSE_ANY_SIGNATURE, COSE_SECRET } };

static void write_again(const struct token_claims *claims)
{
    uint8_t out[TOKEN_CLAIMS_MAX];
    struct token_claims again;
    size_t size;

    EXPECT(token_claims_write(claims, TOKEN_STANDARD, out, sizeof(out), &size) == 0);
    EXPECT(token_claims_read(bytes_view(out, size), &again) == 0);
    EXPECT(bytes_equal(claims->issuer, again.issuer) && bytes_equal(claims->subject, again.subject));
    EXPECT(bytes_equal(claims->audience, again.audience) && bytes_equal(claims->id, again.id));
    EXPECT(claims->expires_s == again.expires_s && claims->not_before_s == again.not_before_s);
    EXPECT(claims->issued_s == again.issued_s && claims->mask == again.mask && claims->has_mask == again.has_mask);
    EXPECT(bytes_equal(claims->digest, again.digest) && bytes_equal(claims->key_id, again.key_id));
}

static void read_metadata(struct bytes encoded, enum token_form form, const struct cose_trust *trust)
{
    struct proto_crypto crypto = sham_crypto();
    struct proto_signer signer = sham_signer(KEY_ED25519);
    const struct bytes none = { NULL, 0 };
    struct metadata metadata, again;
    uint8_t out[2048];
    uint32_t mask;
    size_t size;

    if (metadata_read(encoded, form, &metadata) != 0)
        return;
    EXPECT(metadata.covered.size + metadata.metadata_token.size == encoded.size);
    (void)metadata_verify(encoded, none, none, form, &acceptance, trust, &crypto, &again, &mask);
    int r = metadata_write(&metadata, 0xa5, none, none, form, &signer, &crypto, out, sizeof(out), &size);
    EXPECT(r == 0 || r == TOKEN_NO_ROOM);
    if (r != 0)
        return;
    EXPECT(metadata_read(bytes_view(out, size), form, &again) == 0);
    EXPECT(bytes_equal(metadata.uid, again.uid) && metadata.endpoint_count == again.endpoint_count);
    EXPECT(metadata.type == again.type && metadata.loop_max_calls == again.loop_max_calls);
    struct cose_trust signers = { &signer.key, 1, none };
    struct cose_acceptance any = { .needs = { COSE_ANY_SIGNATURE } };
    EXPECT(metadata_verify(bytes_view(out, size), none, none, form, &any, &signers, &crypto, &again, &mask) == 0);
    EXPECT(mask == 0xa5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_crypto crypto = sham_crypto();
    struct public_key keys[] = { sham_key(KEY_P256), sham_key(KEY_ED25519) };
    struct cose_trust trust = { keys, 2, bytes_view("secret", 6) };
    struct bytes encoded = bytes_view(data, size);
    struct token_claims claims;

    if (token_claims_read(encoded, &claims) == 0)
        write_again(&claims);
    for (enum token_form form = TOKEN_STANDARD; form <= TOKEN_TINYCONTAINER; form++) {
        int r = token_verify(encoded, form, &acceptance, &trust, &crypto, &claims);
        EXPECT(r >= 0 && r <= TOKEN_NO_ROOM);
        if (r == 0)
            write_again(&claims);
        read_metadata(encoded, form, &trust);
    }
    return 0;
}

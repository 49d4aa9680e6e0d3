/* A grant that is read is a valid one, written it is the same one, and it gives what it names. */
#include "device_proto/grant_doc.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_crypto crypto = sham_crypto();
    struct proto_signer signer = sham_signer(KEY_ED25519);
    struct device_grant grant, again;
    uint8_t out[GRANT_DOC_MAX];
    size_t out_size;

    if (grant_doc_parse(bytes_view(data, size), &grant) != 0)
        return 0;
    EXPECT(grant_doc_check(&grant) == 0);
    EXPECT(grant_doc_write(&grant, bytes_view(NULL, 0), &signer, out, sizeof(out), &out_size) == 0);
    EXPECT(grant_doc_verify(bytes_view(out, out_size), &signer.key, 1, &crypto, &again) == 0);
    EXPECT(grant.id == again.id && grant.slots == again.slots && grant.until_s == again.until_s);
    EXPECT(bytes_equal(grant.tenant, again.tenant) && bytes_equal(grant.device, again.device));
    EXPECT(grant.sensor_count == again.sensor_count && grant.helper_count == again.helper_count);
    for (unsigned slot = 0; slot < GRANT_SLOTS_MAX; slot++) {
        int r = grant_doc_allows(&again, grant.device, grant.tenant, slot,
                                 grant.sensor_count > 0 ? grant.sensors[0] : bytes_view(NULL, 0), grant.helpers,
                                 grant.helper_count, grant.issued_s);
        EXPECT(r == ((grant.slots >> slot & 1) != 0 ? 0 : GRANT_LACKS));
    }
    return 0;
}

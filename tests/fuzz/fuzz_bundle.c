/* A bundle that is accepted keeps its grammar, and written again is the same bundle. */
#include "device_proto/bundle.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 16];
    struct proto_crypto crypto = sham_crypto();
    struct proto_signer signer = sham_signer(KEY_ED25519);
    struct bundle bundle, again;
    size_t out_size;

    if (bundle_parse(bytes_view(data, size), &crypto, &bundle) != 0 || size + BUNDLE_OVERHEAD_MAX > sizeof(out))
        return 0;
    EXPECT(bundle_name_valid(bundle.name) && bundle_version_valid(bundle.version) &&
           bundle_sensor_valid(bundle.sensor));
    EXPECT(bundle_write(&bundle, &crypto, &signer, out, sizeof(out), &out_size) == 0);
    EXPECT(out_size <= bundle.container.size + BUNDLE_OVERHEAD_MAX);
    EXPECT(bundle_verify(bytes_view(out, out_size), &signer.key, 1, &crypto, &again) == 0);
    EXPECT(bytes_equal(bundle.name, again.name) && bytes_equal(bundle.version, again.version));
    EXPECT(bytes_equal(bundle.sensor, again.sensor) && bytes_equal(bundle.container, again.container));
    EXPECT(bundle.type == again.type);
    return 0;
}

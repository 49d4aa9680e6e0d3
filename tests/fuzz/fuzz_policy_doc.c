/* A policy that is read is a valid one, and written it is the same one. */
#include "device_proto/policy_doc.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_crypto crypto = sham_crypto();
    struct proto_signer signer = sham_signer(KEY_ED25519);
    struct noise_policy policy, again;
    uint8_t out[POLICY_DOC_MAX];
    int64_t least, most;
    size_t out_size;
    bool plain;

    if (policy_doc_parse(bytes_view(data, size), &policy) != 0)
        return 0;
    EXPECT(policy_check(&policy) == 0);
    EXPECT(policy_doc_write(&policy, bytes_view(NULL, 0), &signer, out, sizeof(out), &out_size) == 0);
    EXPECT(policy_doc_verify(bytes_view(out, out_size), &signer.key, 1, &crypto, &again) == 0);
    EXPECT(bytes_equal(policy.sensor, again.sensor) && bytes_equal(policy.unit_text, again.unit_text));
    EXPECT(policy.lower == again.lower && policy.upper == again.upper && policy.micro_epsilon == again.micro_epsilon);
    EXPECT(policy.parameter_num == again.parameter_num && policy.mechanism == again.mechanism);
    EXPECT(policy.memo_step == again.memo_step && policy.delta == again.delta);
    policy_output_range(&policy, &least, &most, &plain);
    EXPECT(least < most && least >= -2 * (int64_t)POLICY_STEPS_MAX && most < INT64_C(1) << 48);
    return 0;
}

/* HSS-LMS alone: a published signature (RFC 8554 appendix F, test case 1) is checked. */
#include "device_proto/hss.h"
#include "tests/firmware/feature.h"
#include "inputs.h"

int firmware_feature(void)
{
    return hss_verify(&firmware_crypto, bytes_view(input_key, sizeof input_key),
                      bytes_view(input_message, sizeof input_message),
                      bytes_view(input_signature, sizeof input_signature));
}

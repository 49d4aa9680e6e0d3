/* One exact discrete Laplace value of scale 10, as a policy of the kind discrete-laplace wants it. */
#include "device_proto/noise.h"
#include "tests/firmware/feature.h"

int firmware_feature(void)
{
    int64_t noise;

    return noise_laplace(&firmware_random, 10, 1, &noise);
}

/* One step of learning, as the vector that federated learning sums: how far a linear model without any weights yet is
 * off (its error), times each of sixteen features of a reading of the first temperature sensor, under the keys 0 to 15.
 * The features are bins of five degrees from -20 on: 10 in the bin that the reading is in, 5 in those beside it, else
 * 0; the error is the reading's distance from 20 degrees, in hundredths, and the answer. -0.01 without a sensor. */
#include <tinypart/container.h>

#define FEATURES 16
#define LOWEST   (-2000) /* of the first bin, in hundredths of a degree */
#define WIDTH    500

int gradient(void *context)
{
    struct tinypart_sensor *sensor = saul_reg_find_type(TINYPART_TEMPERATURE);
    long value, error;
    unsigned long bin;

    (void)context;
    if (!sensor)
        return -1;
    value = tinypart_value(sensor, 2000);
    error = value - 2000;
    bin = tinypart_below(value < LOWEST ? 0 : (unsigned long)(value - LOWEST) / WIDTH, FEATURES);
#pragma clang loop unroll(disable)
    for (unsigned long i = 0; i < FEATURES; i++) {
        long away = (long)i - (long)bin, feature = 10 - 5 * away * away;

        feature &= ~(feature >> 63); /* 0 where it is negative: a branch would be one of 200 */
        bpf_store_local(i, (unsigned long)(error * feature));
    }
    return (int)error;
}

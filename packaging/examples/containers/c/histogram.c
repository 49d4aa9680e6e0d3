/* Which of eight bins of 100 holds most of sixteen readings of the first analog sensor: bin 3 answers 3.00; the lowest
 * of equals. Values below 0 and from 800 on count in the outer bins. -0.01 without a sensor. */
#include <tinypart/container.h>

#define READINGS 16
#define BINS     8
#define WIDTH    100

int histogram(void *context)
{
    struct tinypart_sensor *sensor = saul_reg_find_type(TINYPART_ANALOG);
    unsigned long counts[BINS] = { 0 };
    unsigned long fullest = 0;

    (void)context;
    if (!sensor)
        return -1;
#pragma clang loop unroll(disable)
    for (unsigned long i = 0; i < READINGS; i++) {
        long value = tinypart_value(sensor, 0);

        counts[tinypart_below(value < 0 ? 0 : (unsigned long)value / WIDTH, BINS)]++;
    }
    for (unsigned long bin = 1; bin < BINS; bin++)
        if (counts[bin] > counts[fullest])
            fullest = bin;
    return (int)(fullest * 100);
}

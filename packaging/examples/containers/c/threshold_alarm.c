/* 1.00 where most of five readings in a row are above 60 degrees, else 0.00; -0.01 without a sensor. One outlier raises
 * no alarm. */
#include <tinypart/container.h>

#define READINGS  5
#define THRESHOLD 6000

int threshold_alarm(void *context)
{
    struct tinypart_sensor *sensor = saul_reg_find_type(TINYPART_TEMPERATURE);
    unsigned long above = 0;

    (void)context;
    if (!sensor)
        return -1;
#pragma clang loop unroll(disable)
    for (unsigned long i = 0; i < READINGS; i++)
        if (tinypart_value(sensor, 0) > THRESHOLD)
            above++;
    return above > READINGS / 2 ? 100 : 0;
}

/* The first temperature sensor, in hundredths of a degree; 27.18 where there is none, so that a bare board can show
 * that the container ran. */
#include <tinypart/container.h>

int temperature(void *context)
{
    (void)context;
    return (int)tinypart_value(saul_reg_find_type(TINYPART_TEMPERATURE), 2718);
}

/* Beats per minute of the first sensor of any kind; 80 where there is none. */
#include <tinypart/container.h>

int heart_rate(void *context)
{
    (void)context;
    return (int)(tinypart_value(saul_reg_find_type(TINYPART_ANY), 80) * 100);
}

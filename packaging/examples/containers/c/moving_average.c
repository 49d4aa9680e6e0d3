/* The mean of the last eight runs' temperatures. The window is kept in the data section: it needs a device that has one
 * (profile tinypart). */
#include <tinypart/container.h>

#define WINDOW 8

static long window[WINDOW];
static unsigned long next, filled; /* the data section may hold anything: neither is believed */

int moving_average(void *context)
{
    unsigned long at = next % WINDOW, count;
    long sum = 0;

    (void)context;
    window[at] = tinypart_value(saul_reg_find_type(TINYPART_TEMPERATURE), 0);
    next = at + 1;
    count = tinypart_below(filled, WINDOW) + 1;
    filled = count;
    for (unsigned long i = 0; i < WINDOW; i++)
        sum += window[i];
    if (sum < 0)
        return -(int)((unsigned long)-sum / count);
    return (int)((unsigned long)sum / count);
}

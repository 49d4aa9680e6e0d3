/* clock.h - the time, as a port: tests own it. */
#ifndef TINYPART_CORE_PORTS_CLOCK_H
#define TINYPART_CORE_PORTS_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*unix_ms)(const struct clock *clock);
};

static inline int64_t clock_now_ms(const struct clock *clock)
{
    return clock->unix_ms(clock);
}

#endif

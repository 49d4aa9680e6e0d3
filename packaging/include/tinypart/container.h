/* container.h - what a container in C may call. For clang --target=bpf -mcpu=v2 -O2; needs no other header.
 * A container is one function, int NAME(void *context), whose answer devices print in hundredths: 2718 is 27.18. It has
 * 512 bytes of stack and 200 taken branches a run. Everything that it calls must be static inline (TINYPART_INLINE).
 * Variables outside of functions live in a data section, which keeps its content from run to run, but not every kind of
 * device has one; constant tables likewise (-fno-jump-tables keeps clang from making some out of a switch). */
#ifndef TINYPART_CONTAINER_H
#define TINYPART_CONTAINER_H

#define TINYPART_INLINE static inline __attribute__((always_inline))

/* RIOT's sensor classes (SAUL). */
enum tinypart_sensor_type {
    TINYPART_ANY = 0x80,
    TINYPART_TEMPERATURE = 0x82,
    TINYPART_HUMIDITY = 0x83,
    TINYPART_LIGHT = 0x84,
    TINYPART_PRESSURE = 0x89,
    TINYPART_ANALOG = 0x8A,
    TINYPART_PULSE_COUNT = 0x91,
};

struct tinypart_sensor; /* a handle: nothing in it is a container's to touch */

/* One reading: values x 10^scale of a unit. */
struct tinypart_reading {
    __INT16_TYPE__ values[3];
    __UINT8_TYPE__ unit;
    __INT8_TYPE__ scale;
} __attribute__((aligned(8)));

/* Helper calls: the constant is the call's number. A grant must allow each that a container uses. */

/* The first sensor of a class, or a null pointer. */
static struct tinypart_sensor *(*const saul_reg_find_type)(unsigned long type) = (void *)0x31UL;
/* Reads a sensor: how many values there are, or negative (then *out is as it was). */
static int (*const saul_reg_read)(struct tinypart_sensor *sensor, struct tinypart_reading *out) = (void *)0x32UL;
/* Microseconds, modulo 2^32. */
static unsigned (*const ztimer_now)(void) = (void *)0x60UL;

/* A container's own numbers under the keys 0 to 255, kept from run to run until another image is installed; not every
 * kind of device has them (profile tinypart does). 0, or negative: there is no such key. A device that was told to
 * gives the numbers under 0, 1, 2, ... as a vector after each run. */
static int (*const bpf_store_local)(unsigned long key, unsigned long value) = (void *)0x10UL;
/* 0 under a key that was never stored. */
static int (*const bpf_fetch_local)(unsigned long key, unsigned *out) = (void *)0x12UL;

/* The two below take their arguments from r0 on, on the devices that have them, so they are called by hand. */

/* Sensor number nth from 0 of all classes, or a null pointer. */
TINYPART_INLINE struct tinypart_sensor *saul_reg_find_nth(unsigned long nth)
{
    register unsigned long r0 __asm__("r0") = nth;
    register unsigned long r1 __asm__("r1") = nth;

    __asm__ volatile("call 0x30" : "+r"(r0), "+r"(r1) : : "r2", "r3", "r4", "r5", "memory");
    return (struct tinypart_sensor *)r0;
}

/* Sleeps until *deadline + period_us and writes the new deadline back. It stops the whole device meanwhile. */
TINYPART_INLINE void ztimer_periodic_wakeup(unsigned *deadline, unsigned long period_us)
{
    register unsigned *r0 __asm__("r0") = deadline;
    register unsigned long r1 __asm__("r1") = period_us;

    __asm__ volatile("call 0x61" : "+r"(r0), "+r"(r1) : : "r2", "r3", "r4", "r5", "memory");
}

/* value, or bound - 1 where it is not below bound (> 0), in a form that the verifier can follow: it knows what a value
 * was compared with, but not what was computed from it before, and that is how clang likes to order things. Use it for
 * every index and divisor. */
TINYPART_INLINE unsigned long tinypart_below(unsigned long value, unsigned long bound)
{
    __asm__ volatile("" : "+r"(value));
    if (value >= bound)
        value = bound - 1;
    __asm__ volatile("" : "+r"(value));
    return value;
}

/* The first value of a sensor; otherwise where there is none, or no reading. */
TINYPART_INLINE long tinypart_value(struct tinypart_sensor *sensor, long otherwise)
{
    struct tinypart_reading reading;

    if (!sensor || saul_reg_read(sensor, &reading) < 0)
        return otherwise;
    return reading.values[0];
}

#endif

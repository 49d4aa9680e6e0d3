/* runtime.c - the little that a microcontroller needs to get to a feature and back: vectors, a stack filled with a
 * pattern so that the deepest point can be found afterwards, and semihosting to print it. */
#include <stddef.h>
#include <stdint.h>

#include "tests/firmware/feature.h"

#define PATTERN 0xA5A5A5A5u

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_bottom[], stack_top[];

void reset(void);
static void fault(void);

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top,           (const void *)reset, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault,
};

static void semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(const char *text)
{
    semihost(0x04, text); /* SYS_WRITE0 */
}

static void print_number(uint32_t value)
{
    char text[12];
    size_t at = sizeof text - 1;

    text[at] = '\0';
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    print(text + at);
}

_Noreturn static void leave(int failed)
{
    /* SYS_EXIT_EXTENDED: ADP_Stopped_ApplicationExit and a status */
    const uint32_t block[2] = { 0x20026, failed ? 1 : 0 };

    semihost(0x20, block);
    for (;;)
        ;
}

static void fault(void)
{
    print("a hard fault\n");
    leave(1);
}

/* Runs the feature with a clean stack below it; gives how deep it went. */
static int measured(uint32_t *out_bytes)
{
    uint32_t here, *low = stack_bottom;
    int r;

    __asm__ volatile("mov %0, sp" : "=r"(here));
    for (uint32_t *at = stack_bottom; (uintptr_t)at < here - 64; at++)
        *at = PATTERN;
    r = firmware_feature();
    while ((uintptr_t)low < here && *low == PATTERN)
        low++;
    *out_bytes = here - (uint32_t)(uintptr_t)low;
    return r;
}

void reset(void)
{
    uint32_t bytes;
    int r;

    for (uint32_t *to = data_start, *from = data_load; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    r = measured(&bytes);
    print("result ");
    print_number((uint32_t)(r < 0 ? -r : r));
    print(" stack ");
    print_number(bytes);
    print("\n");
    leave(r != 0);
}

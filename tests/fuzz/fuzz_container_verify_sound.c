/* Any bytes as a program: what the verifier calls proven runs without a fault, whatever sensors, timers, context and
 * data hold, and within the branches that were proven. */
#include "tests/fuzz/container_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct container_scratch scratch;
    static uint8_t file[PROGRAM_SIZE_MAX];
    uint64_t seed = size;

    for (size_t i = 0; i < size && i < 8; i++)
        seed = seed * 257 + data[i];
    (void)program_judge_and_run(program_of(data, size, file), &scratch, seed);
    return 0;
}

/* Any bytes as an ELF object: what a container is made of reads back with one named function, comes out the same in a
 * room that just suffices, and is refused in one that does not. */
#include <stdlib.h>

#include "device_proto/container_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[CONTAINER_BUILD_MAX], again[CONTAINER_BUILD_MAX];
    struct container_build_problem problem = { .at_instruction = false };
    struct container_function function;
    struct container container;
    size_t out_size = 0, again_size = 0;
    int r = container_build(bytes_view(data, size), out, sizeof(out), &out_size, &problem);

    if (r != 0) {
        expect(r == (int)problem.reason && container_build_text(r)[0] != '\0');
        return 0;
    }
    r = container_parse(bytes_view(out, out_size), &container);
    expect(r == 0 || r == CONTAINER_BAD_TEXT_SIZE); /* longer by what replaces constants */
    expect(container_build(bytes_view(data, size), again, out_size, &again_size, &problem) == 0);
    expect(bytes_equal(bytes_view(out, out_size), bytes_view(again, again_size)));
    expect(container_build(bytes_view(data, size), again, out_size - 1, &again_size, &problem) == BUILD_NO_ROOM);
    if (r == 0)
        expect(container.function_count == 1 && container_function(&container, 0, &function) == 0 &&
               function.offset == 0);
    return 0;
}

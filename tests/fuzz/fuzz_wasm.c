/* Any bytes as a WebAssembly module: what is accepted stays accepted with a custom section behind it, is refused cut
 * inside of its last section, and asks for no more than the limits give. */
#include <stdlib.h>

#include "device_proto/wasm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t custom[] = { 0x00, 0x04, 0x03, 'd', 'o', 'c' };
    static const uint32_t helpers[] = { 0x31, 0x32 };
    static uint8_t longer[4096 + sizeof(custom)];
    const struct wasm_limits limits = { 4096 + sizeof(custom), 4, 16, helpers, 2 };
    struct wasm_problem problem;
    struct wasm_facts facts;
    int r = wasm_check(bytes_view(data, size), &limits, &problem, &facts);

    if (r != 0) {
        expect(r == (int)problem.reason && problem.at <= size);
        return 0;
    }
    expect(facts.memory_pages <= 4 && facts.table <= 16);
    for (size_t i = 0; i < facts.helper_count; i++)
        expect(facts.helpers[i] == 0x31 || facts.helpers[i] == 0x32);
    if (size <= 4096) {
        memcpy(longer, data, size);
        memcpy(longer + size, custom, sizeof(custom));
        expect(wasm_check(bytes_view(longer, size + sizeof(custom)), &limits, &problem, NULL) == 0);
        expect(wasm_check(bytes_view(longer, size + sizeof(custom) - 1), &limits, &problem, NULL) == WASM_SECTION_SIZE);
    }
    return 0;
}

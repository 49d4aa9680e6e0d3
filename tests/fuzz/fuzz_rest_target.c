/* Request targets: taken apart, and looked up in the table of routes. */
#include <stdlib.h>

#include "daemon/api/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request = { 0 };
    struct why why = { .what = "" };
    char *target = malloc(size + 1);

    if (target == NULL)
        return 0;
    memcpy(target, data, size);
    target[size] = '\0';
    int r = target_split(&request, target, &why);
    if (r == 0)
        r = route_find(&request, "GET", &why);
    if (r > 0 && why.what[0] == '\0')
        __builtin_trap(); /* refused without words */
    request_deinit(&request);
    free(target);
    return 0;
}

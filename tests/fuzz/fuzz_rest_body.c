/* JSON bodies: the first byte picks one of the routes that take one, the rest is the body, decoded by its form. */
#include "daemon/api/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body body = { 0 };
    struct why why = { .what = "" };

    if (size == 0)
        return 0;
    const struct route *route = &routes[data[0] % route_count];
    while (route->form == NULL) /* the next one that takes a body */
        route = route + 1 < routes + route_count ? route + 1 : routes;
    int r = body_decode(bytes_view(data + 1, size - 1), route->form, &body, &why);
    if (r > 0 && why.what[0] == '\0')
        __builtin_trap(); /* refused without words */
    body_deinit(&body);
    return 0;
}

/* openapi.c - schema/openapi.json as it was when this daemon was built. */
#include "daemon/api/handlers.h"

__asm__(".section .rodata\n"
        ".global tinypart_openapi_start\n"
        "tinypart_openapi_start:\n"
        ".incbin \"" OPENAPI_PATH "\"\n"
        ".global tinypart_openapi_end\n"
        "tinypart_openapi_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t tinypart_openapi_start[];
extern const uint8_t tinypart_openapi_end[];

int openapi_get(struct request *request, struct why *why)
{
    (void)why;
    request->reply.status = 200;
    request->reply.type = "application/json";
    request->reply.fixed = bytes_view(tinypart_openapi_start, (size_t)(tinypart_openapi_end - tinypart_openapi_start));
    return 0;
}

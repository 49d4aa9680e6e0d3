/* resources_fetch.c - manifests, images and policies, block by block.
 * Nothing is remembered about who fetches: each request is answered from what it asks for, so that a repeated one, and
 * a device that lost its memory half way, need no care. Answers always ride on the ACK. */
#include <stdio.h>

#include "daemon/transport_coap/resources.h"

#define FORMAT_COSE_SIGN1 18

int resource_fetch(struct transport_coap *transport, const struct request *request, const char *rest,
                   struct answer *answer, struct why *why)
{
    struct fetch_block block = { 0 };
    char path[PATH_SIZE];
    uint64_t offset;
    size_t size;
    int r;

    (void)rest;
    if ((size_t)snprintf(path, sizeof(path), "/%s", request->path) >= sizeof(path))
        return refuse(why, REFUSED_UNKNOWN, "path", NULL, "no such path");
    answer_block_asked(request, &offset, &size);
    r = transport->rules->fetch(transport->core, path, offset, answer->body, size, &block);
    if (r > 0)
        return refuse(why, r, "path", NULL, "no such path, or it has expired");
    if (r < 0)
        return r;
    answer->code = COAP_MSG_CONTENT;
    answer->body_size = block.size <= size ? block.size : size;
    /* There is no number yet for suit-envelope+cose; it is CBOR, and no device looks. */
    answer->content_format = block.is_manifest ? COAP_MSG_FORMAT_CBOR : COAP_MSG_FORMAT_OCTETS;
    answer->etag_size = sizeof(answer->etag);
    memcpy(answer->etag, block.digest, answer->etag_size);
    answer_block_given(answer, request, offset, block.total);
    return 0;
}

int resource_policy(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why)
{
    struct policy policy;
    int r;

    if (strlen(rest) >= NAME_SIZE)
        return refuse(why, REFUSED_UNKNOWN, "path", NULL, "no such sensor");
    r = transport->rules->policy(transport->core, rest, &policy);
    if (r > 0)
        return refuse(why, r, "path", NULL, "no policy for %s", rest);
    if (r < 0)
        return r;
    answer_document(answer, request, bytes_view(policy.document, policy.document_size), FORMAT_COSE_SIGN1);
    return 0;
}

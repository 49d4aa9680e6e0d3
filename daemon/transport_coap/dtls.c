/* dtls.c - DTLS with pre-shared keys: the identity is the endpoint's name, the key comes from whoever wires us. */
#include <errno.h>

#include "daemon/base/text.h"
#include "daemon/transport_coap/server.h"

/* An unknown identity ends the handshake. libcoap copies the key before the next call can overwrite it. */
static const coap_bin_const_t *on_identity(coap_bin_const_t *identity, coap_session_t *session, void *context)
{
    struct transport_coap *transport = context;
    char name[NAME_SIZE];
    size_t size = 0;

    (void)session;
    if (identity->length == 0 || memchr(identity->s, 0, identity->length) != NULL ||
        text_copy_bytes(name, sizeof(name), bytes_view(identity->s, identity->length)) != 0)
        return NULL;
    if (transport->settings.psk_lookup(transport->settings.psk_context, name, transport->psk, &size) != 0 ||
        size == 0 || size > sizeof(transport->psk))
        return NULL;
    transport->psk_view = (coap_bin_const_t){ size, transport->psk };
    return &transport->psk_view;
}

int dtls_prepare(struct side *side)
{
    static const uint8_t hint[] = "tinypart";
    coap_dtls_spsk_t setup = {
        .version = COAP_DTLS_SPSK_SETUP_VERSION,
        .validate_id_call_back = on_identity,
        .id_call_back_arg = side->transport,
        .psk_info = { .hint = { sizeof(hint) - 1, hint } },
    };

    if (!coap_dtls_is_supported())
        return -ENOTSUP;
    return coap_context_set_psk2(side->context, &setup) == 1 ? 0 : -EIO;
}

/* manifest_encrypt.c - a content key for each try of an encrypted order, wrapped for one device (ECDH-ES + A128KW).
 * The image is never stored encrypted: A128CTR lets fetch.c encrypt each block when it is asked for. Nothing is lost by
 * the mode's having no tag: devices believe the manifest's digest over what they decrypted, and nothing before. */
#include "daemon/core/manifest.h"

#include <errno.h>
#include <string.h>

#include "device_proto/cose_encrypt.h"

int manifest_encrypt(struct core *core, const struct step_case *c, struct content_key *out_key,
                     uint8_t header[SUIT_ENCRYPTION_MAX], struct bytes *out_header, struct why *why)
{
    struct public_key key;
    const struct cose_recipient recipient = { .algorithm = COSE_ECDH_ES_A128KW, .key = &key };
    const struct cose_encrypt_order order = { .algorithm = COSE_A128CTR,
                                              .recipients = &recipient,
                                              .recipient_count = 1,
                                              .rules = { .kdf_other = bytes_of_text(COSE_KDF_SUIT) } };
    struct cose_stream stream;
    size_t size;

    *out_key = (struct content_key){ 0 };
    *out_header = bytes_view(header, 0);
    if (!c->rollout.encrypted)
        return 0;
    if (!device_encryption_key(&c->device, &key))
        return refuse(why, REFUSED_CONFLICT, "device", "register it with the key that images for it are encrypted to",
                      "device %s has no encryption key", c->device.name);
    int r = cose_encrypt_begin(&order, core->random, core->crypto, header, SUIT_ENCRYPTION_MAX, &size, &stream);
    if (r > 0)
        return refuse(why, REFUSED_INVALID, "manifest", NULL, "the image cannot be encrypted for device %s: %s",
                      c->device.name, cose_refusal_text(r));
    if (r < 0)
        return r;
    *out_header = bytes_view(header, size);
    out_key->is_set = true;
    memcpy(out_key->secret, stream.key, AES_KEY_SIZE);
    memcpy(out_key->secret + AES_KEY_SIZE, stream.counter, AES_BLOCK);
    cose_stream_wipe(&stream);
    return 0;
}

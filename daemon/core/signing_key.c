/* signing_key.c - a key is taken only where its signatures can be checked. What cannot be is refused when it is
 * registered, in words, and not when the first image or report comes. */
#include "daemon/core/signing_key.h"

#include <stddef.h>

#include "device_proto/hss.h"

static bool is_whole(const struct public_key *key)
{
    struct hss_public hss;

    switch (key->type) {
    case KEY_ED25519:
        return key->size == 32;
    case KEY_P256:
        return key->size == P256_RAW_SIZE;
    case KEY_HSS_LMS:
        return hss_public_read(bytes_view(key->raw, key->size), &hss) == 0;
    case KEY_ML_DSA_44:
        return key->size == 1312;
    case KEY_ML_DSA_65:
        return key->size == 1952;
    case KEY_ML_DSA_87:
        return key->size == 2592;
    }
    return false;
}

int signing_key_check(const struct core *core, const struct public_key *key, const char *field, struct why *why)
{
    const struct bytes nothing = bytes_view(NULL, 0);

    if (!is_whole(key))
        return refuse(why, REFUSED_INVALID, field,
                      "Ed25519, P-256, ML-DSA, and HSS-LMS keys of 1 to 8 levels with SHA-256 are taken",
                      "this is no public key");
    if (key->type == KEY_HSS_LMS) /* the wire language's own */
        return 0;
    int r = core->crypto->verify(core->crypto->context, key, nothing, nothing);
    if (r == PROTO_UNSUPPORTED)
        return refuse(why, REFUSED_INVALID, field, "use an HSS-LMS key, or run tinypartd with OpenSSL 3.5 or later",
                      "this daemon cannot check signatures of this kind of key: its OpenSSL has no ML-DSA");
    return r < 0 ? r : 0;
}

#include "tests/corpus/sealed.h"

#include <string.h>

struct seal seal_random(struct random *random)
{
    static const struct {
        enum corpus_key key;
        int64_t algorithm;
    } rows[] = { { KEY_A, ALG_ED25519 }, { KEY_A, ALG_EDDSA }, { KEY_B, ALG_ESP256 }, { KEY_B, ALG_ES256 } };
    size_t i = random_below(random, 4);
    struct seal seal = { rows[i].key, rows[i].algorithm, COSE_TAG_SIGN1, false, false, NULL, NULL };

    return seal;
}

void seal_header(struct emit *out, int64_t algorithm)
{
    struct emit map = { 0 };

    emit_head(&map, MAP, 1);
    emit_int(&map, 1);
    emit_int(&map, algorithm);
    emit_wrapped(out, &map);
}

void seal_sign(const struct seal *seal, const struct emit *header, const struct emit *payload,
               uint8_t out[RAW_SIGNATURE])
{
    struct emit structure = { 0 };
    const char *external = seal->external != NULL ? seal->external : "";

    emit_head(&structure, ARRAY, 4);
    emit_tstr(&structure, "Signature1");
    emit_all(&structure, header);
    emit_bstr(&structure, external, strlen(external));
    emit_wrapped(&structure, payload);
    keys_sign(seal->key, structure.data, structure.size, out);
}

void seal_write(struct emit *out, const struct seal *seal, const struct emit *payload, struct random *random)
{
    struct emit header = { 0 };
    uint8_t signature[RAW_SIGNATURE];

    seal_header(&header, seal->algorithm);
    seal_sign(seal, &header, payload, signature);
    if (seal->broken) {
        size_t at = random_below(random, RAW_SIGNATURE);

        signature[at] ^= (uint8_t)(1u << random_below(random, 8));
    }
    if (seal->tag != 0)
        emit_head(out, TAG, seal->tag);
    emit_head(out, ARRAY, 4);
    emit_all(out, &header);
    emit_head(out, MAP, seal->kid != NULL ? 1 : 0);
    if (seal->kid != NULL) {
        emit_int(out, 4);
        emit_bstr(out, seal->kid, strlen(seal->kid));
    }
    if (seal->detached)
        emit_byte(out, 0xf6);
    else
        emit_wrapped(out, payload);
    emit_bstr(out, signature, RAW_SIGNATURE);
}

#include "tests/unit/corpus/decoders.h"

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/bundle.h"
#include "device_proto/cbor.h"
#include "device_proto/coap_message.h"
#include "device_proto/container.h"
#include "device_proto/cose.h"
#include "device_proto/grant_doc.h"
#include "device_proto/link_format.h"
#include "device_proto/policy_doc.h"
#include "device_proto/senml.h"
#include "device_proto/suit.h"
#include "device_proto/suit_report.h"
#include "device_proto/token.h"
#include "device_proto/wasm.h"
#include "tests/corpus/hash_tree.h"
#include "tests/corpus/keys.h"
#include "tests/corpus/suit.h"
#include "tests/corpus/token.h"

#define WORDS(table) (table), (int)(sizeof(table) / sizeof(table)[0])

/* ---- the recipient of the corpus ---- */

static struct public_key public_key(enum corpus_key which)
{
    struct public_key key = { .type = keys_is_p256(which) ? KEY_P256 : KEY_ED25519 };

    key.size = keys_public(which, key.raw);
    return key;
}

/* The keys that the recipient knows. */
static const struct public_key *known_keys(void)
{
    static struct public_key keys[2];

    if (keys[0].size == 0) {
        keys[0] = public_key(KEY_A);
        keys[1] = public_key(KEY_B);
    }
    return keys;
}

static const struct proto_crypto *crypto(void)
{
    static struct proto_crypto crypto;

    if (crypto.sha256 == NULL)
        crypto_openssl_proto(&crypto);
    return &crypto;
}

/* ---- plain formats ---- */

static const char *const cbor_words[] = {
    [CBOR_TRUNCATED] = "truncated", [CBOR_MALFORMED] = "malformed",
    [CBOR_TOO_DEEP] = "too-deep",   [CBOR_NOT_CANONICAL] = "not-deterministic",
    [CBOR_NOT_UTF8] = "not-utf8",   [CBOR_TRAILING] = "trailing",
};

static int decode_cbor(struct bytes message)
{
    return cbor_check(message, CBOR_LENIENT);
}

static int decode_deterministic(struct bytes message)
{
    return cbor_check(message, CBOR_CANONICAL);
}

static const char *const coap_words[] = {
    [COAP_MSG_SHORT] = "truncated",          [COAP_MSG_BAD_VERSION] = "version",
    [COAP_MSG_BAD_TOKEN_LENGTH] = "length",  [COAP_MSG_TOKEN_CUT] = "truncated",
    [COAP_MSG_RESERVED_CLASS] = "reserved",  [COAP_MSG_NOT_EMPTY] = "not-empty",
    [COAP_MSG_OPTION_RESERVED] = "reserved", [COAP_MSG_OPTION_CUT] = "truncated",
    [COAP_MSG_OPTION_NUMBER] = "range",      [COAP_MSG_TOO_MANY_OPTIONS] = "too-many",
    [COAP_MSG_NO_PAYLOAD] = "no-payload",
};

static int decode_coap(struct bytes message)
{
    struct coap_message parsed;

    return coap_message_parse(message, &parsed);
}

static const char *const link_words[] = {
    [LINK_FORMAT_NO_TARGET] = "syntax",           [LINK_FORMAT_TARGET_OPEN] = "truncated",
    [LINK_FORMAT_BAD_TARGET] = "syntax too-long", [LINK_FORMAT_BAD_NAME] = "syntax",
    [LINK_FORMAT_BAD_VALUE] = "syntax",           [LINK_FORMAT_QUOTE_OPEN] = "truncated",
    [LINK_FORMAT_SEPARATOR] = "syntax",           [LINK_FORMAT_TOO_MANY_ATTRIBUTES] = "too-many",
};

static int decode_links(struct bytes message)
{
    size_t count;

    return link_format_check(message, SIZE_MAX, &count);
}

static const char *const senml_words[] = {
    [SENML_MALFORMED] = "syntax",       [SENML_EMPTY] = "syntax",      [SENML_BAD_TYPE] = "type",
    [SENML_BAD_NAME] = "name",          [SENML_BAD_UNIT] = "value",    [SENML_BAD_NUMBER] = "range",
    [SENML_NOT_FINITE] = "range",       [SENML_BAD_TIME] = "range",    [SENML_BAD_VERSION] = "version",
    [SENML_DOUBLE_FIELD] = "duplicate", [SENML_NO_VALUE] = "no-value", [SENML_MUST_UNDERSTAND] = "unknown",
    [SENML_BAD_DATA] = "syntax",        [SENML_TOO_DEEP] = "too-deep",
};

static int decode_senml(struct bytes message, int (*decode)(struct bytes, struct senml_pack *))
{
    static struct senml_record records[64];
    static uint8_t text[4096];
    struct senml_pack pack = { records, 64, 0, text, sizeof text, 0 };

    return decode(message, &pack);
}

static int decode_senml_json(struct bytes message)
{
    return decode_senml(message, senml_decode_json);
}

static int decode_senml_cbor(struct bytes message)
{
    return decode_senml(message, senml_decode_cbor);
}

/* ---- signed documents ---- */

static const char *const cose_words[] = {
    [COSE_STRUCTURE] = "syntax",
    [COSE_UNSUPPORTED] = "unsupported",
    [COSE_KEY_MISMATCH] = "signature",
    [COSE_SIGNATURE] = "signature",
};

static int decode_sign1(struct bytes message)
{
    static uint8_t scratch[1024];
    struct bytes none = { NULL, 0 };
    struct cose_sign1 parsed;
    int r = 0;

    for (size_t i = 0; i < 2; i++) {
        r = cose_sign1_verify(message, none, none, &known_keys()[i], crypto(), scratch, sizeof scratch, &parsed);
        if (r != COSE_SIGNATURE && r != COSE_KEY_MISMATCH)
            break;
    }
    return r;
}

static int decode_sign(struct bytes message)
{
    static uint8_t scratch[1024];
    struct bytes none = { NULL, 0 };
    struct cose_sign parsed;
    int r = cose_sign_parse(message, &parsed);

    if (r != 0)
        return r;
    for (size_t i = 0; i < 2 * parsed.count; i++) {
        r = cose_sign_check(&parsed, i / 2, none, none, &known_keys()[i % 2], crypto(), scratch, sizeof scratch);
        if (r <= 0)
            return r;
    }
    return COSE_SIGNATURE;
}

static int decode_mac0(struct bytes message)
{
    static uint8_t scratch[1024];
    struct bytes none = { NULL, 0 };
    uint8_t secret[KEYS_SECRET_SIZE];
    struct cose_mac0 parsed;
    int r = cose_mac0_parse(message, &parsed);

    keys_secret(secret);
    return r != 0 ? r
                  : cose_mac0_check(&parsed, none, none, bytes_view(secret, sizeof secret), crypto(), scratch,
                                    sizeof scratch);
}

static int decode_hss(struct bytes message)
{
    static uint8_t scratch[1024];
    static struct public_key key;
    struct bytes none = { NULL, 0 };
    struct cose_sign1 parsed;

    if (key.size == 0) {
        key.type = KEY_HSS_LMS;
        key.size = TREE_PUBLIC_SIZE;
        tree_public(key.raw);
    }
    return cose_sign1_verify(message, none, none, &key, crypto(), scratch, sizeof scratch, &parsed);
}

static const char *const token_words[] = {
    [TOKEN_STRUCTURE] = "syntax",    [TOKEN_UNSUPPORTED] = "unsupported",
    [TOKEN_SIGNATURE] = "signature", [TOKEN_EXPIRED] = "time",
    [TOKEN_EARLY] = "time",          [TOKEN_AUDIENCE] = "condition",
};

static int decode_token(struct bytes message)
{
    static const struct cose_acceptance any = { .needs = { COSE_ANY_SIGNATURE } };
    struct cose_trust trust = { known_keys(), 2, { NULL, 0 } };
    struct token_claims claims;
    int r = token_verify(message, TOKEN_STANDARD, &any, &trust, crypto(), &claims);

    return r != 0 ? r : token_check(&claims, bytes_of_text(TOKEN_AUDIENCE_NAME), RECIPIENT_NOW);
}

static const char *const grant_words[] = {
    [GRANT_STRUCTURE] = "syntax",
    [GRANT_SIGNATURE] = "signature",
    [GRANT_VALUE] = "value",
};

static int decode_grant(struct bytes message)
{
    struct device_grant grant;

    return grant_doc_verify(message, known_keys(), 2, crypto(), &grant);
}

static const char *const suit_words[] = {
    [SUIT_REFUSED_STRUCTURE] = "syntax",    [SUIT_REFUSED_UNSUPPORTED] = "unsupported",
    [SUIT_REFUSED_SIGNATURE] = "signature", [SUIT_REFUSED_DIGEST] = "digest",
    [SUIT_REFUSED_VERSION] = "version",     [SUIT_REFUSED_SEQUENCE] = "sequence",
    [SUIT_REFUSED_CONDITION] = "condition", [SUIT_REFUSED_POLICY] = "policy",
    [SUIT_REFUSED_COMPONENT] = "component",
};

static int decode_suit(struct bytes message, enum suit_dialect dialect, size_t keys)
{
    static const struct suit_place places[] = {
        { .component = { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"0", 1 } } }, .slot = 0 },
        { .component = { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"1", 1 } } }, .slot = 1 },
    };
    struct suit_device device = { .sequence = RECIPIENT_SEQUENCE, .places = places, .place_count = 2 };
    struct suit_manifest manifest;
    int r = suit_manifest_verify(message, dialect, known_keys(), keys, crypto(), &manifest);

    memcpy(device.vendor_id, recipient_vendor, SUIT_ID_SIZE);
    memcpy(device.class_id, recipient_class, SUIT_ID_SIZE);
    return r != 0 ? r : suit_manifest_accepts(&manifest, &device, NULL);
}

static int decode_suit37(struct bytes message)
{
    return decode_suit(message, SUIT_37, 2);
}

static int decode_suit_riot(struct bytes message)
{
    return decode_suit(message, SUIT_RIOT, 1);
}

static const char *const report_words[] = {
    [SUIT_REPORT_STRUCTURE] = "syntax",
    [SUIT_REPORT_UNSUPPORTED] = "unsupported",
    [SUIT_REPORT_SIGNATURE] = "signature",
};

static int decode_report(struct bytes message)
{
    struct suit_report report;

    return suit_report_read_signed(message, known_keys(), 2, crypto(), &report, NULL);
}

static const char *const bundle_words[] = {
    [BUNDLE_STRUCTURE] = "syntax",    [BUNDLE_UNSUPPORTED] = "unsupported",
    [BUNDLE_SIGNATURE] = "signature", [BUNDLE_DIGEST] = "digest",
    [BUNDLE_NAME] = "value",
};

static int decode_bundle(struct bytes message)
{
    struct bundle bundle;

    return bundle_verify(message, known_keys(), 2, crypto(), &bundle);
}

static const char *const policy_words[] = {
    [POLICY_STRUCTURE] = "syntax",
    [POLICY_SIGNATURE] = "signature",
    [POLICY_VALUE] = "value",
    [POLICY_UNDERCHARGED] = "too-little-noise",
};

static int decode_policy(struct bytes message)
{
    struct noise_policy policy;

    return policy_doc_verify(message, known_keys(), 2, crypto(), &policy);
}

/* ---- containers ---- */

static const char *const container_words[] = {
    [CONTAINER_SHORT] = "truncated",
    [CONTAINER_OVERSIZE] = "too-long",
    [CONTAINER_BAD_MAGIC] = "syntax",
    [CONTAINER_BAD_VERSION] = "version",
    [CONTAINER_BAD_FLAGS] = "unsupported",
    [CONTAINER_BAD_SIZE] = "length",
    [CONTAINER_BAD_TEXT_SIZE] = "length",
    [CONTAINER_BAD_FUNCTION] = "range",
    [CONTAINER_UNKNOWN_OPCODE] = "unsupported",
    [CONTAINER_BAD_REGISTER] = "range",
    [CONTAINER_FRAME_POINTER] = "value",
    [CONTAINER_UNUSED_FIELD] = "value",
    [CONTAINER_WIDE_CUT] = "syntax",
    [CONTAINER_WIDE_SIGN] = "value",
    [CONTAINER_SECTION_RANGE] = "range",
    [CONTAINER_SECTION_REFUSED] = "unsupported",
    [CONTAINER_STACK_RANGE] = "range",
    [CONTAINER_BAD_SHIFT] = "value",
    [CONTAINER_DIVISION_BY_ZERO] = "value",
    [CONTAINER_JUMP_OUTSIDE] = "range",
    [CONTAINER_JUMP_INTO_WIDE] = "range",
    [CONTAINER_JUMP_TO_START] = "range",
    [CONTAINER_HELPER_REFUSED] = "not-allowed",
    [CONTAINER_HELPER_POINTER] = "not-allowed",
    [CONTAINER_NO_EXIT] = "endless",
    [CONTAINER_TOO_MANY_BRANCHES] = "endless",
};

static int decode_container(struct bytes message)
{
    static const uint32_t helpers[] = { 0x30, 0x31, 0x32, 0x60 };
    struct container_limits limits = { .size_max = 4096, .branches_max = 200, .helpers = helpers, .helper_count = 4 };
    struct container_problem problem;

    return container_verify(message, &limits, &problem, NULL);
}

static const char *const wasm_words[] = {
    [WASM_OVERSIZE] = "too-long",   [WASM_BAD_MAGIC] = "syntax",        [WASM_SECTION_ORDER] = "syntax",
    [WASM_SECTION_SIZE] = "length", [WASM_NUMBER] = "syntax",           [WASM_TYPE] = "type",
    [WASM_INDEX] = "range",         [WASM_NAME] = "not-utf8",           [WASM_LIMITS] = "range",
    [WASM_IMPORT] = "not-allowed",  [WASM_UNSUPPORTED] = "unsupported", [WASM_COUNT] = "length",
    [WASM_BODY] = "syntax",         [WASM_NO_EXPORT] = "no-export",
};

static int decode_wasm(struct bytes message)
{
    static const uint32_t helpers[] = { CONTAINER_SAUL_FIND_TYPE, CONTAINER_ZTIMER_NOW };
    struct wasm_limits limits = { 4096, 1, 16, helpers, 2 };
    struct wasm_problem problem;

    return wasm_check(message, &limits, &problem, NULL);
}

static const struct decoder decoders[] = {
    { "cbor", decode_cbor, WORDS(cbor_words) },
    { "cbor-deterministic", decode_deterministic, WORDS(cbor_words) },
    { "coap", decode_coap, WORDS(coap_words) },
    { "link-format", decode_links, WORDS(link_words) },
    { "senml-json", decode_senml_json, WORDS(senml_words) },
    { "senml-cbor", decode_senml_cbor, WORDS(senml_words) },
    { "cose-sign1", decode_sign1, WORDS(cose_words) },
    { "suit", decode_suit37, WORDS(suit_words) },
    { "suit-riot", decode_suit_riot, WORDS(suit_words) },
    { "suit-report", decode_report, WORDS(report_words) },
    { "bundle", decode_bundle, WORDS(bundle_words) },
    { "policy", decode_policy, WORDS(policy_words) },
    { "cose-sign", decode_sign, WORDS(cose_words) },
    { "cose-mac0", decode_mac0, WORDS(cose_words) },
    { "cose-hss", decode_hss, WORDS(cose_words) },
    { "token", decode_token, WORDS(token_words) },
    { "grant", decode_grant, WORDS(grant_words) },
    { "wasm", decode_wasm, WORDS(wasm_words) },
    { "container", decode_container, WORDS(container_words) },
};

const struct decoder *decoder_of(const char *kind)
{
    for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++) {
        if (strcmp(decoders[i].kind, kind) == 0)
            return &decoders[i];
    }
    return NULL;
}

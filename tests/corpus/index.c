/* index.c - the two files that say what the others are. */
#include "tests/corpus/hash_tree.h"
#include "tests/corpus/keys.h"
#include "tests/corpus/publish.h"
#include "tests/corpus/suit.h"
#include "tests/corpus/token.h"

static void put_hex(char *out, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        snprintf(out + 2 * i, 3, "%02x", data[i]);
}

size_t index_line(const struct corpus_entry *entry, char out[INDEX_LINE_MAX])
{
    static const char *const verdicts[] = { [ACCEPT] = "accept", [REFUSE] = "refuse", [LIMIT] = "limit" };
    const struct corpus_case *how = entry->how;
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1], why[256] = "null,\"broken\":null";

    keys_sha256(entry->data, entry->size, digest);
    put_hex(hex, digest, sizeof digest);
    if (how->reason != NULL)
        snprintf(why, sizeof why, "\"%s\",\"broken\":\"%s\"", how->reason, how->broken);
    return (size_t)snprintf(out, INDEX_LINE_MAX,
                            "{\"file\":\"%s\",\"kind\":\"%s\",\"case\":\"%s\",\"verdict\":\"%s\",\"reason\":%s,"
                            "\"seed\":\"%016llx\",\"size\":%zu,\"sha256\":\"%s\"}\n",
                            entry->file, entry->kind->name, how->name, verdicts[how->verdict], why,
                            (unsigned long long)entry->seed, entry->size, hex);
}

static size_t put_key(char *out, size_t capacity, enum corpus_key key)
{
    uint8_t raw[65], secret[32];
    char hex[131], secret_hex[65];

    keys_private(key, secret);
    put_hex(hex, raw, keys_public(key, raw));
    put_hex(secret_hex, secret, sizeof secret);
    return (size_t)snprintf(out, capacity,
                            "    \"%s\": { \"type\": \"%s\", \"known\": %s,\n"
                            "           \"public\": \"%s\",\n           \"private\": \"%s\" },\n",
                            keys_name(key), keys_is_p256(key) ? "p256" : "ed25519", key == KEY_C ? "false" : "true",
                            hex, secret_hex);
}

size_t recipient_text(char out[RECIPIENT_MAX])
{
    char vendor[33], class[33], secret[2 * KEYS_SECRET_SIZE + 1], tree[2 * TREE_PUBLIC_SIZE + 1];
    uint8_t tree_key[TREE_PUBLIC_SIZE];
    uint8_t raw[KEYS_SECRET_SIZE];
    size_t size;

    put_hex(vendor, recipient_vendor, 16);
    put_hex(class, recipient_class, 16);
    keys_secret(raw);
    put_hex(secret, raw, sizeof raw);
    tree_public(tree_key);
    put_hex(tree, tree_key, sizeof tree_key);
    size = (size_t)snprintf(out, RECIPIENT_MAX, "{\n  \"keys\": {\n");
    for (enum corpus_key key = KEY_A; key < KEYS; key++)
        size += put_key(out + size, RECIPIENT_MAX - size, key);
    size += (size_t)snprintf(
        out + size, RECIPIENT_MAX - size,
        "    \"h\": { \"type\": \"hss-lms\", \"known\": true, \"public\": \"%s\" }\n"
        "  },\n  \"secret\": \"%s\",\n"
        "  \"suit\": { \"vendor\": \"%s\", \"class\": \"%s\",\n"
        "            \"sequence\": %u, \"components\": [[\"ram\", \"0\"], [\"ram\", \"1\"]] },\n"
        "  \"container\": { \"slot\": 4096, \"branches\": 200, \"helpers\": [48, 49, 50, 96], \"stack\": 512 },\n"
        "  \"token\": { \"now\": %u, \"audience\": \"%s\" },\n"
        "  \"wasm\": { \"helpers\": [\"saul_reg_find_type\", \"ztimer_now\"], \"pages\": 1, \"table\": 16 }\n}\n",
        tree, secret, vendor, class, RECIPIENT_SEQUENCE, RECIPIENT_NOW, TOKEN_AUDIENCE_NAME);
    return size;
}

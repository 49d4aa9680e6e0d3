/* manifest.c - one manifest for each try. Its sequence number is the device's highest and one more, for deployed
 * devices keep one counter for all slots and refuse what does not exceed it; its paths are new, so that what an older
 * try left behind cannot be mistaken for this one. */
#include "daemon/core/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/list.h"
#include "daemon/core/texts.h"

static enum suit_dialect dialect_of(const struct profile *profile)
{
    return strcmp(profile->dialect, "riot") == 0 ? SUIT_RIOT : SUIT_37;
}

/* As profiles name it. */
static const char *algorithm_of(enum key_type type)
{
    switch (type) {
    case KEY_ED25519:
        return "ed25519";
    case KEY_P256:
        return "esp256";
    case KEY_HSS_LMS:
        return "hss-lms";
    case KEY_ML_DSA_44:
        return "ml-dsa-44";
    case KEY_ML_DSA_65:
        return "ml-dsa-65";
    case KEY_ML_DSA_87:
        return "ml-dsa-87";
    }
    return "unknown";
}

int manifest_key_left(const struct core *core, struct why *why)
{
    const struct proto_signer *maintainer = core->maintainer;

    if (maintainer->left == NULL || maintainer->left(maintainer->context) > 0)
        return 0;
    return refuse(why, REFUSED_EXHAUSTED, "maintainer", "see what tinypartctl key show says of the key file",
                  "the daemon's manifest key can make no more signatures");
}

int manifest_key_check(const struct core *core, const struct profile *profile, struct why *why)
{
    if (core->maintainer == NULL)
        return refuse(why, REFUSED_CONFLICT, "maintainer", "give the daemon a manifest key and start it again",
                      "the daemon has no manifest key, so nothing can be rolled out");
    const char *makes = algorithm_of(core->maintainer->key.type);
    if (!list_has_name(profile->accepts, makes))
        return refuse(why, REFUSED_CONFLICT, "maintainer", "give the daemon a manifest key that these devices verify",
                      "%s devices take %s signatures, and the daemon's manifest key makes %s ones", profile->name,
                      profile->accepts, makes);
    return manifest_key_left(core, why);
}

static int new_path(struct core *core, const char *prefix, char out[PATH_SIZE])
{
    size_t size = strlen(prefix);

    memcpy(out, prefix, size + 1);
    return unguessable_text(core, 12, out + size);
}

static bool has_host_name(const char *base)
{
    const char *host = strstr(base, "://");

    return host == NULL || (host[3] != '[' && (host[3] < '0' || host[3] > '9'));
}

int manifest_trigger(const struct profile *profile, const char *base, const char *manifest_path,
                     uint8_t out[TRIGGER_SIZE], size_t *out_size, struct why *why)
{
    char url[TRIGGER_SIZE];

    if (!profile->host_name_urls && has_host_name(base))
        return refuse(why, REFUSED_INVALID, "advertise", "advertise an address instead",
                      "%s devices take no host names, and the daemon advertises %s", profile->name, base);
    if (strlen(manifest_path) > profile->path_size_max)
        return refuse(why, REFUSED_INVALID, "path", NULL, "%s devices take paths of at most %u characters",
                      profile->name, profile->path_size_max);
    int size = snprintf(url, sizeof(url), "%s%s", base, manifest_path);
    if (size < 0 || (size_t)size >= sizeof(url))
        return -E2BIG;
    *out_size = (size_t)size + (profile->trigger_nul ? 1 : 0);
    memcpy(out, url, (size_t)size + 1);
    return 0;
}

/* "ram/0" as the byte strings "ram" and "0"; text must outlive the component. */
static int component_make(const char *text, struct suit_component *out)
{
    out->count = 0;
    while (text != NULL) {
        size_t size = strcspn(text, "/");
        if (out->count == SUIT_COMPONENT_PARTS)
            return -E2BIG;
        out->parts[out->count++] = bytes_view(text, size);
        text = text[size] == '/' ? text + size + 1 : NULL;
    }
    return 0;
}

static int order_make(struct core *core, const struct step_case *c, const struct image *image, struct suit_order *out)
{
    const struct profile *profile = &c->profile;
    const char *class_name = c->device.class_name[0] != '\0' ? c->device.class_name : profile->class_name;

    out->dialect = dialect_of(profile);
    out->size = image->size;
    memcpy(out->digest, image->digest, DIGEST_SIZE);
    int r = suit_vendor_id(core->crypto, bytes_of_text(profile->vendor_domain), out->vendor_id);
    return r != 0 ? r : suit_class_id(core->crypto, out->vendor_id, bytes_of_text(class_name), out->class_id);
}

static int sign(struct core *core, const struct step_case *c, const struct suit_order *order, struct manifest *out,
                struct why *why)
{
    struct suit_manifest made;

    int r =
        suit_manifest_write(order, core->crypto, core->maintainer, out->envelope, sizeof(out->envelope), &out->size);
    if (r > 0)
        return refuse(why, REFUSED_INVALID, "manifest", NULL, "no manifest can be made: %s", suit_refusal_text(r));
    if (r != 0)
        return r;
    if (out->size > c->profile.manifest_size_max)
        return refuse(why, REFUSED_TOO_LARGE, "manifest", NULL, "its manifest has %zu bytes, %s devices take %u",
                      out->size, c->profile.name, c->profile.manifest_size_max);
    r = suit_manifest_parse(bytes_view(out->envelope, out->size), order->dialect, core->crypto, &made);
    if (r != 0)
        return r < 0 ? r : -EPROTO; /* our own manifest must read */
    memcpy(out->digest, made.manifest_digest, DIGEST_SIZE);
    return 0;
}

int manifest_make(struct core *core, const struct step_case *c, const struct image *image, const char *base,
                  struct manifest *out, struct why *why)
{
    char image_url[TRIGGER_SIZE], component[64];
    uint8_t encryption[SUIT_ENCRYPTION_MAX];
    struct suit_order order = { 0 };

    int r = manifest_key_check(core, &c->profile, why);
    if (r == 0)
        r = new_path(core, "/m/", out->manifest_path);
    if (r == 0)
        r = new_path(core, "/i/", out->image_path);
    if (r == 0)
        r = manifest_trigger(&c->profile, base, out->manifest_path, out->trigger, &out->trigger_size, why);
    if (r == 0)
        r = order_make(core, c, image, &order);
    if (r == 0)
        r = manifest_encrypt(core, c, &out->content_key, encryption, &order.encryption_info, why);
    if (r == 0)
        r = profile_slot_text(c->profile.component, c->rollout.slot, component, sizeof(component));
    if (r == 0)
        r = component_make(component, &order.component);
    if (r != 0)
        return r;
    out->sequence = c->device.sequence + 1;
    if (order.dialect == SUIT_RIOT && out->sequence > UINT32_MAX)
        return refuse(why, REFUSED_CONFLICT, "device", NULL, "the sequence numbers of device %s are used up",
                      c->device.name);
    order.sequence = out->sequence;
    int size = snprintf(image_url, sizeof(image_url), "%s%s", base, out->image_path);
    if (size < 0 || (size_t)size >= sizeof(image_url))
        return -E2BIG;
    order.uri = bytes_view(image_url, (size_t)size);
    if (order.dialect == SUIT_37)
        order.reference_uri = bytes_view(out->trigger, strlen((const char *)out->trigger));
    r = sign(core, c, &order, out, why);
    return r != 0 ? r : manifest_add_token(core, c, image, out, why);
}

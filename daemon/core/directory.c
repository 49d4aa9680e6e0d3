/* directory.c - the resource directory's decisions (RFC 9176).
 * Endpoint names are folded to lower case, as the names of the registry are: RIOT's default names have capitals. An
 * endpoint is one device, whatever its sector, so a name that lives in one sector is refused in another. Anybody who
 * reaches the port can register: an unknown endpoint becomes a row in a bounded list and nothing more, until an owner
 * claims it. For the same reason registering leaves no audit entry: peers could make that record grow without end. */
#include "daemon/core/directory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/profile.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "device_proto/link_format.h"

#define LIFETIME_DEFAULT_S  90000
#define LIFETIME_MAX_S      4294967295
#define LINKS_MAX           64
#define UNCLAIMED_UNSEEN_MS (7LL * 24 * 3600 * 1000) /* after that an endpoint that went away is forgotten */

static int fold(const char *text, char out[NAME_SIZE])
{
    if (text_copy(out, NAME_SIZE, text) != 0)
        return REFUSED_INVALID;
    for (char *at = out; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return name_is_valid(out) ? 0 : REFUSED_INVALID;
}

/* "coap://[fd00::2]:5683/" is the same base without its last character. */
static int base_copy(const char *base, char out[ADDRESS_SIZE], struct why *why)
{
    size_t size = strlen(base);
    bool slash = size > 0 && base[size - 1] == '/';

    if (text_copy_bytes(out, ADDRESS_SIZE, bytes_view(base, size - slash)) != 0 || !address_is_valid(out))
        return refuse(why, REFUSED_INVALID, "base", "coap://, an IPv6 or IPv4 address, a port",
                      "the base is no address that this directory can use");
    return 0;
}

static int lifetime_check(int64_t lifetime_s, struct why *why)
{
    if (lifetime_s < 1 || lifetime_s > LIFETIME_MAX_S)
        return refuse(why, REFUSED_INVALID, "lt", NULL, "a lifetime is 1 to 4294967295 seconds");
    return 0;
}

static int registration_fill(struct core *core, const struct registration_order *order, struct registration *out,
                             struct why *why)
{
    size_t links;

    if (order->endpoint == NULL || fold(order->endpoint, out->endpoint) != 0)
        return refuse(why, REFUSED_INVALID, "ep", NULL, "an endpoint name is 1 to 63 of a-z 0-9 . - _");
    if (order->sector != NULL && order->sector[0] != '\0' && fold(order->sector, out->sector) != 0)
        return refuse(why, REFUSED_INVALID, "d", NULL, "a sector is 1 to 63 of a-z 0-9 . - _");
    int r = base_copy(order->base != NULL ? order->base : "", out->base, why);
    if (r != 0)
        return r;
    out->lifetime_s = order->lifetime_s != 0 ? order->lifetime_s : LIFETIME_DEFAULT_S;
    r = lifetime_check(out->lifetime_s, why);
    if (r != 0)
        return r;
    r = link_format_check(order->links, LINKS_MAX, &links);
    if (r != 0)
        return refuse(why, REFUSED_INVALID, "links", NULL, "the links are out of form: %s", link_format_status_text(r));
    if (text_copy_bytes(out->links, sizeof(out->links), order->links) != 0 || strlen(out->links) != order->links.size)
        return refuse(why, REFUSED_TOO_LARGE, "links", NULL, "links have at most %d bytes", LINKS_SIZE - 1);
    out->expires_ms = clock_now_ms(core->clock) + out->lifetime_s * 1000;
    return 0;
}

/* The one deed of the directory's own: a lab's claim. */
static int audit_claim(struct core *core, const struct device *device)
{
    struct detail detail = DETAIL;
    char actor[ACTOR_SIZE], subject[96];

    snprintf(actor, sizeof(actor), "device:%s", device->name);
    snprintf(subject, sizeof(subject), "device:%s", device->name);
    detail_text(&detail, "profile", device->profile);
    detail_text(&detail, "address", device->address);
    return audit_append_as(core, actor, "device.claim", subject, 0, detail_end(&detail));
}

static int room_check(struct core *core, struct why *why)
{
    int64_t claimed, unclaimed;

    int r = core->store->device_count(core->store, DEVICE_UNCLAIMED, &unclaimed);
    if (r == 0)
        r = core->store->device_count(core->store, DEVICE_CLAIMED, &claimed);
    if (r != 0)
        return r;
    if (unclaimed >= UNCLAIMED_MAX)
        return refuse(why, REFUSED_BUSY, "ep", "the owner may claim or delete some",
                      "there are %d unclaimed endpoints, which is the most", UNCLAIMED_MAX);
    if (claimed + unclaimed >= DEVICES_MAX)
        return refuse(why, REFUSED_BUSY, "ep", NULL, "there are %d devices, which is the most", DEVICES_MAX);
    return 0;
}

static int device_new(struct core *core, const struct registration_order *order, struct device *device, struct why *why)
{
    struct profile profile;

    int r = room_check(core, why);
    if (r != 0)
        return r;
    device->created_ms = clock_now_ms(core->clock);
    device->seen_ms = device->created_ms;
    device->life_cap = core->settings.life_cap;
    device->state = DEVICE_UNCLAIMED;
    if (core->settings.claim_by_itself && order->profile_hint != NULL &&
        (r = core->store->profile_by_name(core->store, order->profile_hint, &profile)) != REFUSED_UNKNOWN) {
        if (r != 0)
            return r;
        device->state = DEVICE_CLAIMED;
        text_copy(device->profile, sizeof(device->profile), profile.name);
    }
    r = core->store->device_insert(core->store, device);
    return r != 0 || device->state == DEVICE_UNCLAIMED ? r : audit_claim(core, device);
}

/* Is an address at the host that the device is known at? Only its port, or the way of writing it, may differ. */
static bool is_same_host(const char *a, const char *b)
{
    char hosts[2][ADDRESS_SIZE];
    const char *texts[2] = { a, b };

    for (size_t i = 0; i < 2; i++) {
        size_t size = address_host(texts[i], hosts[i]);
        if (size == 0)
            return false;
    }
    return strcmp(hosts[0], hosts[1]) == 0;
}

/* Nobody has to prove a name here, so a registration alone must not turn a claimed device's triggers, and the questions
 * about its readings, over to another host. */
static int move_check(const struct core *core, const struct device *device, const char *base, struct why *why)
{
    if (device->state == DEVICE_UNCLAIMED || device->address[0] == '\0' || core->settings.follow_moves ||
        is_same_host(device->address, base))
        return 0;
    return refuse(why, REFUSED_FORBIDDEN, "base", "its owner can move it: tinypartctl device move",
                  "device %s is claimed at another address", device->name);
}

/* The device of an endpoint, made if it is new; its address follows the base. */
static int device_follow(struct core *core, const struct registration_order *order, struct registration *registration,
                         struct why *why)
{
    struct device device = { 0 };

    int r = core->store->device_by_name(core->store, registration->endpoint, &device);
    if (r == REFUSED_UNKNOWN) {
        memset(&device, 0, sizeof(device));
        text_copy(device.name, sizeof(device.name), registration->endpoint);
        text_copy(device.address, sizeof(device.address), registration->base);
        r = device_new(core, order, &device, why);
    } else if (r == 0 && strcmp(device.address, registration->base) != 0) {
        r = move_check(core, &device, registration->base, why);
        text_copy(device.address, sizeof(device.address), registration->base);
        if (r == 0)
            r = core->store->device_update(core->store, &device);
    }
    if (r != 0)
        return r;
    registration->device_id = device.id;
    return core->store->device_seen(core->store, device.id, clock_now_ms(core->clock));
}

struct same_endpoint {
    const char *sector;
    bool elsewhere;
};

static int look_elsewhere(void *context, const struct registration *registration)
{
    struct same_endpoint *same = context;

    same->elsewhere = same->elsewhere || strcmp(registration->sector, same->sector) != 0;
    return 0;
}

/* RFC 9176 section 5: registering again is a renewal, and the location stays. */
static int location_keep_or_make(struct core *core, struct registration *registration, struct why *why)
{
    const struct directory_query query = { .endpoint = registration->endpoint, .page = { 0, 16 } };
    struct same_endpoint same = { registration->sector, false };
    struct registration known;

    int r = core->store->registration_each(core->store, &query, clock_now_ms(core->clock), look_elsewhere, &same);
    if (r != 0)
        return r;
    if (same.elsewhere)
        return refuse(why, REFUSED_CONFLICT, "d", NULL, "endpoint %s is registered in another sector",
                      registration->endpoint);
    r = core->store->registration_by_endpoint(core->store, registration->endpoint, registration->sector, &known);
    if (r == 0)
        return text_copy(registration->location, sizeof(registration->location), known.location);
    if (r != REFUSED_UNKNOWN)
        return r;
    strcpy(registration->location, "/rd/");
    return unguessable_text(core, 12, registration->location + strlen("/rd/"));
}

static int count_refusal(struct core *core, int r)
{
    core->counters[COUNT_REGISTRATION_REFUSED] += r > 0;
    return r;
}

int directory_register(struct core *core, const struct registration_order *order, struct registration *out,
                       struct why *why)
{
    struct registration registration = { 0 };

    int r = registration_fill(core, order, &registration, why);
    if (r == 0)
        r = location_keep_or_make(core, &registration, why);
    if (r != 0)
        return count_refusal(core, r);
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = device_follow(core, order, &registration, why);
    if (r == 0)
        r = core->store->registration_put(core->store, &registration);
    r = transaction_end(core, r);
    if (r == 0)
        *out = registration;
    return count_refusal(core, r);
}

static int find_live(struct core *core, const char *location, struct registration *out, struct why *why)
{
    int r = core->store->registration_by_location(core->store, location, out);
    if (r == REFUSED_UNKNOWN || (r == 0 && out->expires_ms <= clock_now_ms(core->clock)))
        return refuse(why, REFUSED_UNKNOWN, "location", "register again", "there is no such registration");
    return r;
}

int directory_update(struct core *core, const char *location, int64_t lifetime_s, const char *base, struct why *why)
{
    struct registration registration;

    int r = find_live(core, location, &registration, why);
    if (r == 0 && lifetime_s != 0) {
        r = lifetime_check(lifetime_s, why);
        registration.lifetime_s = lifetime_s;
    }
    if (r == 0 && base != NULL)
        r = base_copy(base, registration.base, why);
    if (r != 0)
        return count_refusal(core, r);
    registration.expires_ms = clock_now_ms(core->clock) + registration.lifetime_s * 1000;
    const struct registration_order order = { .endpoint = registration.endpoint };
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = device_follow(core, &order, &registration, why);
    if (r == 0)
        r = core->store->registration_put(core->store, &registration);
    return count_refusal(core, transaction_end(core, r));
}

/* An endpoint that nobody claimed is listed for as long as it is registered, and forgotten with it. */
static int forget_unclaimed(struct core *core, int64_t device_id)
{
    struct device device;

    int r = core->store->device_by_id(core->store, device_id, &device);
    if (r != 0)
        return r == REFUSED_UNKNOWN ? 0 : r;
    return device.state == DEVICE_UNCLAIMED ? core->store->device_delete(core->store, device.id) : 0;
}

int directory_remove(struct core *core, const char *location, struct why *why)
{
    struct registration registration;

    int r = find_live(core, location, &registration, why);
    if (r != 0)
        return count_refusal(core, r);
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->registration_delete(core->store, location);
    if (r == 0)
        r = forget_unclaimed(core, registration.device_id);
    return transaction_end(core, r);
}

int directory_list(struct core *core, const struct directory_query *query,
                   int (*each)(void *context, const struct registration *registration), void *context)
{
    struct directory_query folded = { .page = query->page };
    char endpoint[NAME_SIZE], sector[NAME_SIZE];

    if (query->endpoint != NULL) {
        if (fold(query->endpoint, endpoint) != 0)
            return 0; /* nothing can be registered under such a name */
        folded.endpoint = endpoint;
    }
    if (query->sector != NULL) {
        if (query->sector[0] != '\0' && fold(query->sector, sector) != 0)
            return 0;
        folded.sector = query->sector[0] != '\0' ? sector : "";
    }
    return core->store->registration_each(core->store, &folded, clock_now_ms(core->clock), each, context);
}

struct unseen {
    struct core *core;
    int64_t before_ms;
};

static int still_there(void *context, const struct registration *registration)
{
    (void)registration;
    *(bool *)context = true;
    return 0;
}

static int forget_unseen(void *context, const struct device *device)
{
    const struct unseen *unseen = context;
    struct core *core = unseen->core;
    const struct directory_query query = { .endpoint = device->name, .page = { 0, 1 } };
    bool registered = false;

    if (device->seen_ms >= unseen->before_ms)
        return 0;
    int r = core->store->registration_each(core->store, &query, clock_now_ms(core->clock), still_there, &registered);
    return r != 0 || registered ? r : forget_unclaimed(core, device->id);
}

int directory_expire(struct core *core, int64_t now_ms)
{
    struct unseen unseen = { core, now_ms - UNCLAIMED_UNSEEN_MS };

    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->registration_expire(core->store, now_ms);
    if (r == 0)
        r = device_scan(core, DEVICE_UNCLAIMED, 0, forget_unseen, &unseen);
    return transaction_end(core, r);
}

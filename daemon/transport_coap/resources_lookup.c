/* resources_lookup.c - looking up what is registered (RFC 9176 section 6), and the daemon's own links (RFC 6690).
 * The document is made with its first block and kept for the blocks after it, so that they fit together and cost no
 * walk through the directory each; a later block that finds another one's document makes its own anew, and the ETag
 * tells the client whether it changed in between.
 *
 * Anybody can ask, and a sender's address is easily forged: blocks of a lookup are small, so that hardly more goes out
 * than came in (RFC 7252 section 11.3). */
#include <ctype.h>

#include "daemon/transport_coap/resources.h"
#include "device_proto/link_format.h"

#define ENTRY_MAX   2048 /* one link with what its registration adds */
#define COUNT_MAX   100000
#define ROWS_A_TIME 256

#define BLOCK_EXPONENT 3 /* 128 bytes: answers of about three times the request, headers of IP and UDP included */
#define KEPT_MS        30000

struct lookup {
    struct transport_coap *transport;
    const struct request *request;
    bool links; /* of the resources; else of the endpoints */
    int64_t pass_over;
    int64_t wanted;
    unsigned rows; /* registrations seen in this round */
    size_t size;   /* of transport->document */
    bool full;
};

static bool is_paging(struct bytes name)
{
    return bytes_equal_text(name, "page") || bytes_equal_text(name, "count");
}

static void split_query(struct bytes query, struct bytes *out_name, struct bytes *out_value)
{
    const uint8_t *equals = query.size > 0 ? memchr(query.data, '=', query.size) : NULL;
    size_t size = equals != NULL ? (size_t)(equals - query.data) : query.size;

    *out_name = bytes_view(query.data, size);
    *out_value = equals != NULL ? bytes_view(equals + 1, query.size - size - 1) : bytes_view(query.data, 0);
}

/* "temp*" matches what begins with temp (RFC 6690 section 4.1). */
static bool text_matches(struct bytes text, struct bytes wanted)
{
    if (wanted.size > 0 && wanted.data[wanted.size - 1] == '*') {
        wanted.size--;
        return text.size >= wanted.size && memcmp(text.data, wanted.data, wanted.size) == 0;
    }
    return bytes_equal(text, wanted);
}

static bool link_matches(const struct link_format_link *link, struct bytes name, struct bytes wanted)
{
    struct link_format_attribute attribute;
    char text[NAME_SIZE];

    if (bytes_equal_text(name, "href"))
        return text_matches(link->target, wanted);
    if (name.size == 0 || name.size >= sizeof(text) || memchr(name.data, 0, name.size) != NULL)
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return link_format_find(link, text, &attribute) &&
           (link_format_has_word(attribute.value, wanted) || text_matches(attribute.value, wanted));
}

/* Names are registered in lower case; who asks for Node-1 means node-1. */
static bool name_matches(const char *registered, struct bytes wanted)
{
    char folded[NAME_SIZE];

    if (wanted.size >= sizeof(folded))
        return false;
    for (size_t i = 0; i < wanted.size; i++)
        folded[i] = (char)tolower(wanted.data[i]);
    return text_matches(bytes_of_text(registered), bytes_view(folded, wanted.size));
}

/* 1 matches, 0 does not, -1: the registration has no attribute of that name. */
static int registration_matches(const struct registration *registration, struct bytes name, struct bytes wanted)
{
    if (bytes_equal_text(name, "ep"))
        return name_matches(registration->endpoint, wanted);
    if (bytes_equal_text(name, "d"))
        return name_matches(registration->sector, wanted);
    if (bytes_equal_text(name, "base"))
        return text_matches(bytes_of_text(registration->base), wanted);
    return -1;
}

static bool any_link_matches(const struct registration *registration, struct bytes name, struct bytes wanted)
{
    struct link_format_reader reader = link_format_reader(bytes_of_text(registration->links));
    struct link_format_link link;

    while (link_format_next(&reader, &link) == 0) {
        if (link_matches(&link, name, wanted))
            return true;
    }
    return false;
}

/* All parameters must match, each either the registration or the link (any of its links, where link is NULL). */
static bool all_match(const struct lookup *lookup, const struct registration *registration,
                      const struct link_format_link *link)
{
    for (size_t i = 0; i < lookup->request->query_count; i++) {
        struct bytes name, wanted;
        int matches;

        split_query(lookup->request->queries[i], &name, &wanted);
        if (is_paging(name))
            continue;
        matches = registration_matches(registration, name, wanted);
        if (matches < 0)
            matches = link != NULL ? link_matches(link, name, wanted) : any_link_matches(registration, name, wanted);
        if (matches == 0)
            return false;
    }
    return true;
}

/* Appends one finished link, unless it lies before the asked page or beyond it. */
static void add_entry(struct lookup *lookup, const char *entry, size_t size)
{
    struct transport_coap *transport = lookup->transport;
    size_t comma = lookup->size > 0;

    if (lookup->pass_over > 0) {
        lookup->pass_over--;
        return;
    }
    if (lookup->wanted == 0 || size + comma > sizeof(transport->document) - lookup->size) {
        lookup->full = true;
        return;
    }
    if (comma)
        transport->document[lookup->size++] = ',';
    memcpy(transport->document + lookup->size, entry, size);
    lookup->size += size;
    lookup->wanted--;
}

static void add_endpoint(struct lookup *lookup, const struct registration *registration)
{
    struct link_format_writer writer;
    char entry[ENTRY_MAX];
    size_t size;

    if (!all_match(lookup, registration, NULL))
        return;
    link_format_begin(&writer, entry, sizeof(entry));
    link_format_add_link(&writer, bytes_of_text(registration->location));
    link_format_add(&writer, "ep", bytes_of_text(registration->endpoint));
    if (registration->sector[0] != '\0')
        link_format_add(&writer, "d", bytes_of_text(registration->sector));
    link_format_add(&writer, "base", bytes_of_text(registration->base));
    link_format_add_uint(&writer, "lt", (uint64_t)registration->lifetime_s);
    link_format_add(&writer, "rt", bytes_of_text("core.rd-ep"));
    if (link_format_finish(&writer, &size) == 0)
        add_entry(lookup, entry, size);
}

/* Targets and anchors leave the directory as whole URIs (RFC 9176 section 6.1). false: no room. */
static bool resolve(const char *base, struct bytes target, char *out, size_t capacity, struct bytes *out_uri)
{
    size_t base_size = strlen(base);
    bool whole = memmem(target.data, target.size, "://", 3) != NULL;
    bool slash = target.size > 0 && target.data[0] == '/';

    if (whole) {
        *out_uri = target;
        return true;
    }
    while (base_size > 0 && base[base_size - 1] == '/')
        base_size--;
    if (base_size + 1 + target.size > capacity)
        return false;
    memcpy(out, base, base_size);
    if (!slash)
        out[base_size++] = '/';
    if (target.size > 0)
        memcpy(out + base_size, target.data, target.size);
    *out_uri = bytes_view(out, base_size + target.size);
    return true;
}

static void add_resource(struct lookup *lookup, const struct registration *registration,
                         const struct link_format_link *link)
{
    struct link_format_writer writer;
    struct link_format_attribute attribute;
    struct bytes attributes = link->attributes, uri;
    char entry[ENTRY_MAX], text[ADDRESS_SIZE + LINK_FORMAT_TARGET_MAX];
    size_t size;

    if (!resolve(registration->base, link->target, text, sizeof(text), &uri))
        return;
    link_format_begin(&writer, entry, sizeof(entry));
    link_format_add_link(&writer, uri);
    while (link_format_next_attribute(&attributes, &attribute)) {
        if (!bytes_equal_text(attribute.name, "anchor"))
            link_format_add_attribute(&writer, &attribute);
        else if (resolve(registration->base, attribute.value, text, sizeof(text), &uri))
            link_format_add(&writer, "anchor", uri);
    }
    if (link_format_finish(&writer, &size) == 0)
        add_entry(lookup, entry, size);
}

static int on_registration(void *context, const struct registration *registration)
{
    struct lookup *lookup = context;
    struct link_format_reader reader = link_format_reader(bytes_of_text(registration->links));
    struct link_format_link link;

    lookup->rows++;
    if (!lookup->links) {
        add_endpoint(lookup, registration);
        return 0;
    }
    while (!lookup->full && link_format_next(&reader, &link) == 0) {
        if (all_match(lookup, registration, &link))
            add_resource(lookup, registration, &link);
    }
    return 0;
}

/* An exact ep= or d= narrows the search in the store already. */
static void narrow(const struct request *request, const char *name, char out[NAME_SIZE], const char **filter)
{
    if (request_query_text(request, name, out, NAME_SIZE, NULL) == 0 && out[0] != '\0' && out[strlen(out) - 1] != '*')
        *filter = out;
}

/* The answer out of the document, in blocks that are small unless the peer has proven its address. */
static void answer_lookup(struct transport_coap *transport, const struct request *request, struct answer *answer)
{
    struct bytes document = bytes_view(transport->document, transport->document_size);
    struct request limited = *request;
    uint64_t offset;
    size_t size;

    answer_block_asked(request, &offset, &size);
    if (!request->peer.secure && size > coap_message_block_size(BLOCK_EXPONENT) &&
        document.size > coap_message_block_size(BLOCK_EXPONENT)) {
        limited.has_block2 = true;
        limited.block2.size_exponent = BLOCK_EXPONENT;
        limited.block2.number = (uint32_t)(offset / coap_message_block_size(BLOCK_EXPONENT));
    }
    answer_document(answer, &limited, document, COAP_MSG_FORMAT_LINK);
}

static int look_up(struct transport_coap *transport, const struct request *request, bool links, struct answer *answer,
                   struct why *why)
{
    struct lookup lookup = { .transport = transport, .request = request, .links = links };
    struct directory_query query = { .page = { .after = 0, .limit = ROWS_A_TIME } };
    char endpoint[NAME_SIZE], sector[NAME_SIZE];
    int64_t page, now_ms = server_now_ms();
    int r;

    if (request->block2.number > 0 && transport->document_tag == request->body_tag &&
        now_ms - transport->document_ms < KEPT_MS) {
        answer_lookup(transport, request, answer);
        return 0;
    }
    r = request_query_integer(request, "count", 1, COUNT_MAX, COUNT_MAX, &lookup.wanted, why);
    if (r == 0)
        r = request_query_integer(request, "page", 0, COUNT_MAX, 0, &page, why);
    if (r != 0)
        return r;
    lookup.pass_over = page * lookup.wanted;
    narrow(request, "ep", endpoint, &query.endpoint);
    narrow(request, "d", sector, &query.sector);
    transport->document_tag = 0;
    do {
        lookup.rows = 0;
        r = transport->rules->list(transport->core, &query, on_registration, &lookup);
        query.page.after += lookup.rows;
    } while (r == 0 && lookup.rows == ROWS_A_TIME && !lookup.full);
    if (r < 0)
        return r;
    transport->document_size = lookup.size;
    transport->document_tag = request->body_tag;
    transport->document_ms = now_ms;
    answer_lookup(transport, request, answer);
    return 0;
}

int resource_lookup_endpoints(struct transport_coap *transport, const struct request *request, const char *rest,
                              struct answer *answer, struct why *why)
{
    (void)rest;
    return look_up(transport, request, false, answer, why);
}

int resource_lookup_links(struct transport_coap *transport, const struct request *request, const char *rest,
                          struct answer *answer, struct why *why)
{
    (void)rest;
    return look_up(transport, request, true, answer, why);
}

int resource_core(struct transport_coap *transport, const struct request *request, const char *rest,
                  struct answer *answer, struct why *why)
{
    static const struct registration none = { .device_id = 0 };
    struct lookup lookup = { .transport = transport, .request = request, .links = true, .wanted = COUNT_MAX };
    struct link_format_reader reader;
    struct link_format_writer writer;
    struct link_format_link link;
    char own[ANSWER_BODY_MAX];
    size_t size = 0;

    (void)rest;
    (void)why;
    link_format_begin(&writer, own, sizeof(own));
    router_links(&writer);
    link_format_finish(&writer, &size);
    reader = link_format_reader(bytes_view(own, size));
    while (link_format_next(&reader, &link) == 0) {
        if (all_match(&lookup, &none, &link))
            add_resource(&lookup, &none, &link);
    }
    transport->document_tag = 0; /* what was kept is overwritten */
    answer_document(answer, request, bytes_view(transport->document, lookup.size), COAP_MSG_FORMAT_LINK);
    return 0;
}

/* suit_text.c - the text member: what a manifest and its components say to people, in all languages.
 * The texts come in any order and are written in canonical order: languages, then the manifest's texts, then each
 * component's. Each level picks the least of what stands behind the last one written, so that nothing is sorted. */
#include "device_proto/suit_private.h"

#include "device_proto/suit_author.h"

/* Canonical order of byte strings, texts and arrays of such: shorter heads first, then bytewise. */
static int compare_bytes(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

static int compare_components(const struct suit_component *a, const struct suit_component *b)
{
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++) {
        int order = compare_bytes(a->parts[i], b->parts[i]);

        if (order != 0)
            return order;
    }
    return 0;
}

/* How deep two texts share their place: their order by language, then component, then key. */
enum depth { BY_LANGUAGE, BY_COMPONENT, BY_KEY };

static int compare(const struct suit_text *a, const struct suit_text *b, enum depth depth)
{
    int order = compare_bytes(a->language, b->language);

    if (order == 0 && depth >= BY_COMPONENT)
        order = compare_components(a->component, b->component);
    if (order == 0 && depth >= BY_KEY)
        order = (a->key > b->key) - (a->key < b->key);
    return order;
}

struct texts {
    const struct suit_text *all;
    size_t count;
};

/* The least text behind last (NULL: of all) that shares its place with same up to a depth above this one. */
static const struct suit_text *next_of(const struct texts *texts, const struct suit_text *last,
                                       const struct suit_text *same, enum depth depth)
{
    const struct suit_text *next = NULL;

    for (size_t i = 0; i < texts->count; i++) {
        const struct suit_text *text = &texts->all[i];

        if (same != NULL && compare(text, same, depth - 1) != 0)
            continue;
        if (last != NULL && compare(text, last, depth) <= 0)
            continue;
        if (next == NULL || compare(text, next, depth) < 0)
            next = text;
    }
    return next;
}

static size_t count_of(const struct texts *texts, const struct suit_text *same, enum depth depth)
{
    size_t count = 0;

    for (const struct suit_text *at = NULL; (at = next_of(texts, at, same, depth)) != NULL;)
        count++;
    return count;
}

/* The texts that share language and component with same, without a map's head. */
static void write_keys(struct cbor_writer *writer, const struct texts *texts, const struct suit_text *same)
{
    for (const struct suit_text *at = NULL; (at = next_of(texts, at, same, BY_KEY)) != NULL;) {
        cbor_write_uint(writer, at->key);
        cbor_write_text(writer, at->text);
    }
}

static void write_language(struct cbor_writer *writer, const struct texts *texts, const struct suit_text *language)
{
    size_t pairs = 0;

    for (const struct suit_text *at = NULL; (at = next_of(texts, at, language, BY_COMPONENT)) != NULL;)
        pairs += at->component == NULL ? count_of(texts, at, BY_KEY) : 1;
    cbor_write_text(writer, language->language);
    cbor_write_map(writer, pairs);
    for (const struct suit_text *at = NULL; (at = next_of(texts, at, language, BY_COMPONENT)) != NULL;) {
        if (at->component != NULL) {
            suit_write_component(writer, at->component);
            cbor_write_map(writer, count_of(texts, at, BY_KEY));
        }
        write_keys(writer, texts, at);
    }
}

/* Up to eight letters, then groups of up to eight letters and digits behind hyphens. */
static bool is_language(struct bytes tag)
{
    size_t length = 0;
    bool first = true;

    for (size_t i = 0; i < tag.size; i++) {
        char c = (char)tag.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (c == '-' && length > 0) {
            length = 0;
            first = false;
        } else if (!(is_letter || (!first && c >= '0' && c <= '9')) || ++length > 8) {
            return false;
        }
    }
    return length > 0;
}

static int check(const struct suit_text *texts, size_t count)
{
    if (count == 0)
        return SUIT_REFUSED_STRUCTURE;
    for (size_t i = 0; i < count; i++) {
        const struct suit_text *text = &texts[i];

        if (!is_language(text->language) || suit_text_name(text->component != NULL, text->key) == NULL)
            return SUIT_REFUSED_STRUCTURE;
        if (text->component != NULL && text->component->count > SUIT_COMPONENT_PARTS)
            return SUIT_REFUSED_ROOM;
        for (size_t k = 0; k < i; k++) {
            if (compare(text, &texts[k], BY_KEY) == 0)
                return SUIT_REFUSED_STRUCTURE;
        }
    }
    return 0;
}

int suit_text_write(const struct suit_text *texts, size_t count, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    struct texts all = { texts, count };
    size_t size;
    int r;

    r = check(texts, count);
    if (r != 0)
        return r;
    cbor_write_map(&writer, count_of(&all, NULL, BY_LANGUAGE));
    for (const struct suit_text *at = NULL; (at = next_of(&all, at, NULL, BY_LANGUAGE)) != NULL;)
        write_language(&writer, &all, at);
    if (cbor_writer_finish(&writer, &size) != 0)
        return SUIT_REFUSED_ROOM;
    if (cbor_check(bytes_view(out, size), CBOR_CANONICAL) != 0) /* a text that is no UTF-8 */
        return SUIT_REFUSED_STRUCTURE;
    *out_size = size;
    return 0;
}

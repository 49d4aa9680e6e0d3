/* suit_text_read.c - {language: {key: text, component: {key: text}}}, read as it is asked for. */
#include "device_proto/suit_text.h"

#include "device_proto/suit_private.h"

typedef int (*visitor)(void *context, const struct suit_text *text);

/* One key with a text; anything else is passed over. */
static int visit_pair(struct cbor_reader *reader, struct suit_text *entry, void *context, visitor visit)
{
    bool known = cbor_peek_is(reader, CBOR_UINT);

    if (known)
        entry->key = cbor_read_uint(reader);
    else
        cbor_skip(reader);
    if (!known || !cbor_peek_is(reader, CBOR_TEXT)) {
        cbor_skip(reader);
        return 0;
    }
    entry->text = cbor_read_text(reader);
    return reader->refusal == 0 ? visit(context, entry) : 0;
}

static int visit_component(struct cbor_reader *reader, struct suit_text *entry, void *context, visitor visit)
{
    struct suit_component component;
    int refused = suit_read_component(reader, &component);
    struct cbor_list pairs = cbor_read_map(reader);
    int r = 0;

    entry->component = &component;
    while (r == 0 && cbor_more(reader, &pairs)) {
        if (refused != 0) { /* a name beyond our bounds is none that anybody can ask for */
            cbor_skip(reader);
            cbor_skip(reader);
        } else {
            r = visit_pair(reader, entry, context, visit);
        }
    }
    entry->component = NULL;
    return r;
}

int suit_text_walk(struct bytes text, void *context, int (*visit)(void *context, const struct suit_text *text))
{
    struct cbor_reader reader = cbor_reader_on(text, SUIT_RULES);
    struct cbor_list languages = cbor_read_map(&reader);
    int r = 0;

    while (r == 0 && cbor_more(&reader, &languages)) {
        struct suit_text entry = { .language = cbor_read_text(&reader) };
        struct cbor_list pairs;

        if (entry.language.size == 0 || entry.language.size > SUIT_LANGUAGE_SIZE_MAX)
            cbor_refuse(&reader, CBOR_RANGE);
        pairs = cbor_read_map(&reader);
        while (r == 0 && cbor_more(&reader, &pairs)) {
            r = cbor_peek_is(&reader, CBOR_ARRAY) ? visit_component(&reader, &entry, context, visit)
                                                  : visit_pair(&reader, &entry, context, visit);
        }
    }
    if (r != 0)
        return r;
    return cbor_reader_finish(&reader) != 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

struct search {
    const char *language;
    const struct suit_component *component;
    uint64_t key;
    struct bytes found;
};

static int compare(void *context, const struct suit_text *text)
{
    struct search *search = context;

    if (text->key != search->key || (text->component == NULL) != (search->component == NULL) ||
        (search->language != NULL && !bytes_equal_text(text->language, search->language)) ||
        (search->component != NULL && !suit_component_equal(text->component, search->component)))
        return 0;
    search->found = text->text;
    return -1; /* enough */
}

bool suit_text_find(struct bytes text, const char *language, const struct suit_component *component, uint64_t key,
                    struct bytes *out)
{
    struct search search = { language, component, key, { NULL, 0 } };

    if (suit_text_walk(text, &search, compare) != -1)
        return false;
    *out = search.found;
    return true;
}

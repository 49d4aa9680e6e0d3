/* describe_texts.c - the texts of a description: "description" by language, of the manifest and of each component. */
#include "cli/describe.h"

#include <errno.h>
#include <string.h>

#include "cli/common.h"

enum { TEXT_MAX = 1 << 18 };

struct texts {
    struct suit_text *all;
    size_t count;
    size_t capacity;
};

static int add_text(struct describer *describer, struct texts *texts, const char *language,
                    const struct suit_component *component, const char *name, const json_t *value)
{
    size_t mark = describer_down(describer, name, 0);
    struct suit_text *next = &texts->all[texts->count];

    if (texts->count == texts->capacity)
        return describer_refuse(describer, NULL, "there are more than %zu texts", texts->capacity);
    next->key = suit_text_named(component != NULL, bytes_of_text(name));
    if (next->key == 0 || !json_is_string(value))
        return describer_refuse(describer,
                                component != NULL ? "of a component: vendor-name, model-name, vendor-domain, "
                                                    "model-info, component-description, component-version, "
                                                    "version-required, current-version"
                                                  : "of the manifest: manifest-description, update-description, "
                                                    "manifest-json-source, manifest-yaml-source",
                                "%s is no text of a %s", name, component != NULL ? "component" : "manifest");
    next->language = bytes_of_text(language);
    next->component = component;
    next->text = bytes_of_text(json_string_value(value));
    texts->count++;
    describer_up(describer, mark);
    return 0;
}

/* { "en-US": { "manifest-description": "..." } } */
static int add_languages(struct describer *describer, struct texts *texts, const struct suit_component *component,
                         json_t *json)
{
    size_t mark = describer_down(describer, "description", 0);
    const char *language = NULL;
    json_t *object = NULL;

    if (json != NULL && !json_is_object(json))
        return describer_refuse(describer, "write { \"en\": { ... } }", "texts stand under their language");
    json_object_foreach(json, language, object)
    {
        size_t inner = describer_down(describer, language, 0);
        const char *name = NULL;
        json_t *value = NULL;
        json_object_foreach(object, name, value)
        {
            int r = add_text(describer, texts, language, component, name, value);
            if (r != 0)
                return r;
        }
        describer_up(describer, inner);
    }
    describer_up(describer, mark);
    return 0;
}

/* The entries of a list: each has an identifier and, perhaps, a description. */
static int add_list(struct describer *describer, struct texts *texts, const json_t *json, const char *list,
                    const char *id)
{
    size_t mark = describer_down(describer, list, 0);
    size_t i = 0;
    json_t *entry = NULL;

    json_array_foreach(json_object_get(json, list), i, entry)
    {
        size_t element = describer_down(describer, NULL, i);
        struct suit_component *component = describer_take(describer, sizeof(*component));
        if (component == NULL)
            return -ENOMEM;
        int r = describe_component(describer, json_object_get(entry, id), component);
        if (r == 0)
            r = add_languages(describer, texts, component, json_object_get(entry, "description"));
        if (r != 0)
            return r;
        describer_up(describer, element);
    }
    describer_up(describer, mark);
    return 0;
}

int describe_texts(struct describer *describer, const json_t *json)
{
    struct texts texts = { .capacity = 256 };
    uint8_t *room = describer_take(describer, TEXT_MAX);
    struct suit_member *member = &describer->draft.members[SUIT_PART_TEXT];

    texts.all = describer_take(describer, texts.capacity * sizeof(*texts.all));
    if (room == NULL || texts.all == NULL)
        return -ENOMEM;
    int r = add_languages(describer, &texts, NULL, json_object_get(json, "description"));
    if (r == 0)
        r = add_list(describer, &texts, json, "components", "install-id");
    if (r == 0)
        r = add_list(describer, &texts, json, "component-descriptions", "component-id");
    if (r != 0 || texts.count == 0)
        return r;
    size_t mark = describer_down(describer, "description", 0);
    size_t size = 0;
    r = suit_text_write(texts.all, texts.count, room, TEXT_MAX, &size);
    if (r != 0)
        return r < 0 ? r
                     : describer_refuse(describer, "languages are tags as en-US, no text stands there twice",
                                        "the texts cannot be written: %s", suit_refusal_text(r));
    describer_up(describer, mark);
    member->content = bytes_view(room, size);
    return 0;
}

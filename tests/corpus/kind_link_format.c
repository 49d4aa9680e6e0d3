/* kind_link_format.c - one document in the CoRE link format (RFC 6690). */
#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"

static void put_target(struct making *making)
{
    emit_text(&making->out, "</");
    item_word(&making->random, &making->out, 1, 12);
    if (random_below(&making->random, 2) == 0) {
        emit_byte(&making->out, '/');
        item_word(&making->random, &making->out, 1, 12);
    }
    emit_byte(&making->out, '>');
}

static void put_attribute(struct making *making)
{
    struct random *random = &making->random;

    switch (random_below(random, 7)) {
    case 0:
        emit_format(&making->out, ";ct=%u", (unsigned)random_below(random, 300));
        return;
    case 1:
        emit_text(&making->out, ";obs");
        return;
    case 2:
        emit_text(&making->out, ";rt=\"");
        item_word(random, &making->out, 1, 12);
        emit_byte(&making->out, ' ');
        item_word(random, &making->out, 1, 12);
        emit_byte(&making->out, '"');
        return;
    case 3:
        emit_format(&making->out, ";sz=%u", (unsigned)random_below(random, 100000));
        return;
    case 4:
        emit_text(&making->out, ";title=\"a \\\"quoted\\\" ;,<> one\"");
        return;
    case 5:
        emit_text(&making->out, ";anchor=\"/");
        item_word(random, &making->out, 1, 12);
        emit_byte(&making->out, '"');
        return;
    default:
        emit_text(&making->out, ";if=");
        item_word(random, &making->out, 1, 12);
    }
}

static void put_link(struct making *making)
{
    put_target(making);
    for (uint64_t left = random_below(&making->random, 5); left > 0; left--)
        put_attribute(making);
}

/* Good links, so that what follows is not the first thing a parser sees. */
static void put_some(struct making *making)
{
    for (uint64_t left = random_below(&making->random, 4); left > 0; left--) {
        put_link(making);
        emit_byte(&making->out, ',');
    }
}

static void whole(struct making *making)
{
    put_some(making);
    put_link(making);
}

static void empty(struct making *making)
{
    (void)making;
}

static void escapes(struct making *making)
{
    put_some(making);
    put_target(making);
    emit_text(&making->out, ";title=\"");
    item_word(&making->random, &making->out, 1, 10);
    emit_text(&making->out, "\\\\\\\"\\x\"");
}

static void wrong(struct making *making, const char *const *texts, size_t count)
{
    put_some(making);
    emit_text(&making->out, texts[making->round % count]);
}

static void no_target(struct making *making)
{
    static const char *const texts[] = { "/a>;b", "a", ";rt=x", "\"</a>\"", ",</a>" };

    wrong(making, ROWS(texts));
}

static void target_open(struct making *making)
{
    put_some(making);
    emit_text(&making->out, "</");
    item_word(&making->random, &making->out, 1, 30);
}

static void target_with_forbidden(struct making *making)
{
    static const char *const texts[] = { "</a b>", "</a\"b>", "</a<b>", "</a\x01>", "</a\x7f>" };

    wrong(making, ROWS(texts));
}

static void no_name(struct making *making)
{
    static const char *const texts[] = { "</a>;=1", "</a>;;rt=x", "</a>;\"b\"=1", "</a>;(=1" };

    wrong(making, ROWS(texts));
}

static void no_value(struct making *making)
{
    static const char *const texts[] = { "</a>;rt=", "</a>;rt=;obs", "</a>;rt=,</b>", "</a>;rt=\x01" };

    wrong(making, ROWS(texts));
}

static void quote_open(struct making *making)
{
    static const char *const ends[] = { "", "\\\"", ",</b>", "\\" };

    put_some(making);
    put_target(making);
    emit_text(&making->out, ";title=\"");
    item_word(&making->random, &making->out, 0, 20);
    emit_text(&making->out, ends[making->round % 4]);
}

static void no_separator(struct making *making)
{
    static const char *const texts[] = { "</a></b>", "</a>rt=x", "</a>;rt=\"x\"y", "</a>|</b>" };

    wrong(making, ROWS(texts));
}

static void dangling_comma(struct making *making)
{
    whole(making);
    emit_byte(&making->out, ',');
}

static void very_many_attributes(struct making *making)
{
    put_target(making);
    for (unsigned i = 0, n = (unsigned)random_between(&making->random, 33, 200); i < n; i++)
        emit_format(&making->out, ";a%u=%u", i, i);
}

static void very_long_target(struct making *making)
{
    emit_text(&making->out, "</");
    item_word(&making->random, &making->out, 1030, 3000);
    emit_byte(&making->out, '>');
}

static const struct corpus_case cases[] = {
    { "whole", whole, ACCEPT, NULL, NULL },
    { "empty", empty, ACCEPT, NULL, NULL },
    { "escapes", escapes, ACCEPT, NULL, NULL },
    { "no-target", no_target, REFUSE, "syntax", "RFC 6690 section 2" },
    { "target-open", target_open, REFUSE, "truncated", "RFC 6690 section 2" },
    { "target-with-forbidden", target_with_forbidden, REFUSE, "syntax", "RFC 3986 section 2" },
    { "no-name", no_name, REFUSE, "syntax", "RFC 6690 section 2" },
    { "no-value", no_value, REFUSE, "syntax", "RFC 6690 section 2" },
    { "quote-open", quote_open, REFUSE, "truncated", "RFC 6690 section 2" },
    { "no-separator", no_separator, REFUSE, "syntax", "RFC 6690 section 2" },
    { "dangling-comma", dangling_comma, REFUSE, "syntax", "RFC 6690 section 2" },
    { "very-many-attributes", very_many_attributes, LIMIT, "too-many", "RFC 6690 section 2" },
    { "very-long-target", very_long_target, LIMIT, "too-long", "RFC 6690 section 2" },
};

const struct corpus_kind kind_link_format = { "link-format", "txt", ROWS(cases) };

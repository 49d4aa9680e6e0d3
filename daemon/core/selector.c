/* selector.c - a selector is read once, into a flat struct without a heap, and then matched as often as there are
 * devices. The reader knows no keywords: "in" and "notin" are operators by their place, so that labels may be called
 * so. */
#include "daemon/core/selector.h"

#include <ctype.h>
#include <string.h>

struct scanner {
    const char *text;
    const char *at;
    const char *where; /* in the request */
    const char *todo;
    struct why *why;
};

#define SELECTOR_EXAMPLE "example: site=lyon,floor in (1,2),!broken"
#define LABELS_EXAMPLE   "example: site=lyon,floor=1; floor- removes a label"

static int expected(const struct scanner *scanner, const char *what)
{
    int column = (int)(scanner->at - scanner->text) + 1;

    if (*scanner->at == '\0')
        return refuse(scanner->why, REFUSED_INVALID, scanner->where, scanner->todo, "%s is expected at the end", what);
    return refuse(scanner->why, REFUSED_INVALID, scanner->where, scanner->todo,
                  "%s is expected at character %d, not '%c'", what, column, *scanner->at);
}

static void skip_blanks(struct scanner *scanner)
{
    while (*scanner->at == ' ' || *scanner->at == '\t')
        scanner->at++;
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr(".-_/", c) != NULL);
}

size_t selector_word(const char *text)
{
    size_t size = 0;

    while (size < NAME_SIZE && in_word(text[size]))
        size++;
    return size;
}

static int word(struct scanner *scanner, const char *what, char out[NAME_SIZE])
{
    skip_blanks(scanner);
    size_t size = selector_word(scanner->at);
    if (size == 0)
        return expected(scanner, what);
    if (size >= NAME_SIZE)
        return refuse(scanner->why, REFUSED_INVALID, scanner->where, NULL,
                      "%s at character %d is longer than %d characters", what, (int)(scanner->at - scanner->text) + 1,
                      NAME_SIZE - 1);
    memcpy(out, scanner->at, size);
    out[size] = '\0';
    scanner->at += size;
    skip_blanks(scanner);
    return 0;
}

static bool accept(struct scanner *scanner, const char *token)
{
    size_t size = strlen(token);

    skip_blanks(scanner);
    if (strncmp(scanner->at, token, size) != 0)
        return false;
    /* An operator that is a word must end where it ends: "index" is no "in". */
    if (in_word(token[0]) && in_word(scanner->at[size]))
        return false;
    scanner->at += size;
    skip_blanks(scanner);
    return true;
}

static int value(struct scanner *scanner, struct selector *out, struct selector_term *term)
{
    if (out->value_count == SELECTOR_VALUES_MAX)
        return refuse(scanner->why, REFUSED_INVALID, scanner->where, NULL, "more than %d values", SELECTOR_VALUES_MAX);
    int r = word(scanner, "a value", out->values[out->value_count]);
    if (r != 0)
        return r;
    out->value_count++;
    term->count++;
    return 0;
}

static int value_set(struct scanner *scanner, struct selector *out, struct selector_term *term)
{
    if (!accept(scanner, "("))
        return expected(scanner, "'('");
    do {
        int r = value(scanner, out, term);
        if (r != 0)
            return r;
    } while (accept(scanner, ","));
    return accept(scanner, ")") ? 0 : expected(scanner, "',' or ')'");
}

static int requirement(struct scanner *scanner, struct selector *out)
{
    if (out->term_count == SELECTOR_TERMS_MAX)
        return refuse(scanner->why, REFUSED_INVALID, scanner->where, NULL, "more than %d requirements",
                      SELECTOR_TERMS_MAX);
    struct selector_term *term = &out->terms[out->term_count++];
    bool negated = accept(scanner, "!");

    *term = (struct selector_term){ .op = negated ? SELECT_HAS_NOT : SELECT_HAS, .first = out->value_count };
    int r = word(scanner, "a label's name", term->key);
    if (r != 0 || negated)
        return r;
    if (accept(scanner, "!=")) {
        term->op = SELECT_NOT_IN;
        return value(scanner, out, term);
    }
    if (accept(scanner, "==") || accept(scanner, "=")) {
        term->op = SELECT_IN;
        return value(scanner, out, term);
    }
    if (accept(scanner, "notin")) {
        term->op = SELECT_NOT_IN;
        return value_set(scanner, out, term);
    }
    if (accept(scanner, "in")) {
        term->op = SELECT_IN;
        return value_set(scanner, out, term);
    }
    return 0;
}

int selector_parse(const char *text, struct selector *out, struct why *why)
{
    struct scanner scanner = { text, text, "selector", SELECTOR_EXAMPLE, why };

    memset(out, 0, sizeof(*out));
    if (strlen(text) >= SELECTOR_SIZE)
        return refuse(why, REFUSED_INVALID, "selector", NULL, "it is longer than %d characters", SELECTOR_SIZE - 1);
    skip_blanks(&scanner);
    if (*scanner.at == '\0')
        return 0;
    do {
        int r = requirement(&scanner, out);
        if (r != 0)
            return r;
    } while (accept(&scanner, ","));
    return *scanner.at == '\0' ? 0 : expected(&scanner, "',' or the end");
}

static const char *label_value(const struct label *labels, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(labels[i].key, key) == 0)
            return labels[i].value;
    return NULL;
}

static bool is_one_of(const struct selector *selector, const struct selector_term *term, const char *value)
{
    for (size_t i = 0; i < term->count; i++)
        if (strcmp(selector->values[term->first + i], value) == 0)
            return true;
    return false;
}

static bool holds(const struct selector *selector, const struct selector_term *term, const char *value)
{
    switch (term->op) {
    case SELECT_IN:
        return value != NULL && is_one_of(selector, term, value);
    case SELECT_NOT_IN:
        return value == NULL || !is_one_of(selector, term, value);
    case SELECT_HAS:
        return value != NULL;
    case SELECT_HAS_NOT:
        return value == NULL;
    }
    return false;
}

bool selector_matches(const struct selector *selector, const struct label *labels, size_t count)
{
    for (size_t i = 0; i < selector->term_count; i++) {
        const struct selector_term *term = &selector->terms[i];
        if (!holds(selector, term, label_value(labels, count, term->key)))
            return false;
    }
    return true;
}

/* One "key=value", or "key-" which leaves the value empty. */
static int label_parse(struct scanner *scanner, struct label *out)
{
    int r = word(scanner, "a label's name", out->key);
    if (r != 0)
        return r;
    if (accept(scanner, "="))
        return word(scanner, "a value", out->value);
    size_t size = strlen(out->key);
    if (size < 2 || out->key[size - 1] != '-')
        return expected(scanner, "'='");
    out->key[size - 1] = '\0';
    out->value[0] = '\0';
    return 0;
}

int labels_parse(const char *text, struct label *out, size_t capacity, size_t *out_count, struct why *why)
{
    struct scanner scanner = { text, text, "labels", LABELS_EXAMPLE, why };
    size_t count = 0;
    struct label label;

    skip_blanks(&scanner);
    if (*scanner.at == '\0') {
        *out_count = 0;
        return 0;
    }
    do {
        int r = label_parse(&scanner, &label);
        if (r != 0)
            return r;
        if (label_value(out, count, label.key) != NULL)
            return refuse(why, REFUSED_INVALID, "labels", NULL, "the label %s is given twice", label.key);
        if (count == capacity)
            return refuse(why, REFUSED_INVALID, "labels", NULL, "more than %zu labels", capacity);
        out[count++] = label;
    } while (accept(&scanner, ","));
    if (*scanner.at != '\0')
        return expected(&scanner, "',' or the end");
    *out_count = count;
    return 0;
}

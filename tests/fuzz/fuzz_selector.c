/* Any text as a selector, as labels, as comma lists and as an address: read or refused within the bounds; a selector
 * that was read, written out and read again matches the same. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/core/device.h"
#include "daemon/core/list.h"
#include "daemon/core/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static size_t add(char *out, size_t at, const char *text)
{
    size_t size = strlen(text);

    memcpy(out + at, text, size + 1);
    return at + size;
}

static void write_out(const struct selector *selector, char *out)
{
    size_t at = 0;

    for (size_t i = 0; i < selector->term_count; i++) {
        const struct selector_term *term = &selector->terms[i];
        bool list = term->op == SELECT_IN || term->op == SELECT_NOT_IN;

        at = add(out, at, i > 0 ? "," : "");
        at = add(out, at, term->op == SELECT_HAS_NOT ? "!" : "");
        at = add(out, at, term->key);
        at = add(out, at, !list ? "" : term->op == SELECT_IN ? " in (" : " notin (");
        for (size_t k = 0; k < term->count; k++) {
            at = add(out, at, k > 0 ? "," : "");
            at = add(out, at, selector->values[term->first + k]);
        }
        at = add(out, at, list ? ")" : "");
    }
    out[at] = '\0';
}

static void select_with(const char *text)
{
    static const struct label labels[] = { { "a", "1" }, { "in", "a" }, { "site", "lyon" } };
    static char out[8192];
    struct selector selector, again;

    if (selector_parse(text, &selector, NULL) != 0)
        return;
    expect(selector.term_count <= SELECTOR_TERMS_MAX && selector.value_count <= SELECTOR_VALUES_MAX);
    write_out(&selector, out);
    if (selector_parse(out, &again, NULL) != 0) {
        expect(strlen(out) >= SELECTOR_SIZE); /* "a=b" grows by being written as "a in (b)" */
        return;
    }
    expect(again.term_count == selector.term_count && again.value_count == selector.value_count);
    for (size_t count = 0; count <= 3; count++)
        expect(selector_matches(&selector, labels, count) == selector_matches(&again, labels, count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t numbers[LIST_NUMBERS_MAX];
    struct label labels[LABELS_MAX];
    char text[2 * SELECTOR_SIZE];
    struct why why;
    size_t count;

    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    select_with(text);
    if (labels_parse(text, labels, LABELS_MAX, &count, &why) == 0)
        expect(count <= LABELS_MAX);
    if (list_numbers(text, numbers, &count) == 0)
        expect(count <= LIST_NUMBERS_MAX);
    (void)list_has_name(text, "temperature");
    (void)list_is_names(text);
    (void)list_is_numbers(text, 7);
    if (address_is_valid(text)) {
        char host[ADDRESS_SIZE];

        expect(strlen(text) < ADDRESS_SIZE);
        expect(address_host(text, host) == strlen(host));
    }
    return 0;
}

/* Any text: read or refused; what is read, written again and read again has the same links and attributes. */
#include <stdlib.h>

#include "device_proto/link_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char out[1 << 16], unescaped[1 << 16];
    struct link_format_reader reader = link_format_reader(bytes_view(data, size));
    struct link_format_attribute attribute;
    struct link_format_writer writer;
    struct link_format_link link;
    size_t written, count, again, links = 0, plain;
    int r;

    link_format_begin(&writer, out, sizeof(out));
    while ((r = link_format_next(&reader, &link)) == 0) {
        struct bytes attributes = link.attributes;

        links++;
        link_format_add_link(&writer, link.target);
        while (link_format_next_attribute(&attributes, &attribute)) {
            link_format_add_attribute(&writer, &attribute);
            expect(link_format_unescape(&attribute, unescaped, sizeof(unescaped), &plain) == 0);
            (void)link_format_has_word(attribute.value, bytes_of_text("core.rd*"));
        }
        expect(attributes.size == 0);
    }
    expect((r == LINK_FORMAT_END) == (link_format_check(bytes_view(data, size), SIZE_MAX, &count) == 0));
    if (r != LINK_FORMAT_END)
        return 0;
    expect(count == links);
    expect(link_format_finish(&writer, &written) == 0);
    expect(link_format_check(bytes_view(out, written), SIZE_MAX, &again) == 0);
    expect(again == count);
    return 0;
}

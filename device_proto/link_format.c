/* link_format.c - the CoRE link format, read and written (RFC 6690 section 2). */
#include "device_proto/link_format.h"

static struct bytes advance(struct bytes view, size_t count)
{
    return bytes_view(view.data + count, view.size - count);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes skip_space(struct bytes view)
{
    while (view.size > 0 && is_space(view.data[0]))
        view = advance(view, 1);
    return view;
}

/* A character of an attribute's name (RFC 6690 parmname, and "*" at its end as in title*). */
static bool is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$&+-.^_`|~*", c) != NULL);
}

/* A character of an unquoted value (RFC 6690 ptokenchar). */
static bool is_value_char(uint8_t c)
{
    return c > ' ' && c < 0x7F && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool is_target_char(uint8_t c)
{
    return c > ' ' && c != 0x7F && c != '"' && c != '<' && c != '>';
}

/* ---- reading ---- */

struct link_format_reader link_format_reader(struct bytes document)
{
    struct link_format_reader reader = { skip_space(document), true };

    return reader;
}

/* "<target>" */
static int read_target(struct bytes *rest, struct bytes *out)
{
    size_t size = 0;

    if (rest->size == 0 || rest->data[0] != '<')
        return LINK_FORMAT_NO_TARGET;
    *rest = advance(*rest, 1);
    while (size < rest->size && is_target_char(rest->data[size]))
        size++;
    if (size == rest->size)
        return LINK_FORMAT_TARGET_OPEN;
    if (rest->data[size] != '>' || size > LINK_FORMAT_TARGET_MAX)
        return LINK_FORMAT_BAD_TARGET;
    *out = bytes_view(rest->data, size);
    *rest = advance(*rest, size + 1);
    return 0;
}

/* What stands between two quotes; an escape protects any one character (RFC 7230 quoted-pair). */
static int read_quoted(struct bytes *rest, struct bytes *out)
{
    size_t size = 0;

    *rest = advance(*rest, 1);
    while (size < rest->size && rest->data[size] != '"') {
        if (rest->data[size] == '\\' && ++size == rest->size)
            return LINK_FORMAT_QUOTE_OPEN;
        if ((rest->data[size] < ' ' && !is_space(rest->data[size])) || rest->data[size] == 0x7F)
            return LINK_FORMAT_QUOTE_OPEN;
        size++;
    }
    if (size == rest->size)
        return LINK_FORMAT_QUOTE_OPEN;
    *out = bytes_view(rest->data, size);
    *rest = advance(*rest, size + 1);
    return 0;
}

static int read_value(struct bytes *rest, struct link_format_attribute *attribute)
{
    size_t size = 0;

    attribute->has_value = true;
    attribute->quoted = rest->size > 0 && rest->data[0] == '"';
    if (attribute->quoted)
        return read_quoted(rest, &attribute->value);
    while (size < rest->size && is_value_char(rest->data[size]))
        size++;
    if (size == 0)
        return LINK_FORMAT_BAD_VALUE;
    attribute->value = bytes_view(rest->data, size);
    *rest = advance(*rest, size);
    return 0;
}

/* ";name" or ";name=value" at the beginning of rest; leaves the white space behind it. */
static int read_attribute(struct bytes *rest, struct link_format_attribute *out)
{
    struct link_format_attribute attribute = { .has_value = false };
    size_t size = 0;
    int r;

    *rest = skip_space(advance(*rest, 1));
    while (size < rest->size && is_name_char(rest->data[size]))
        size++;
    if (size == 0)
        return LINK_FORMAT_BAD_NAME;
    attribute.name = bytes_view(rest->data, size);
    attribute.value = bytes_view(rest->data, 0);
    *rest = skip_space(advance(*rest, size));
    if (rest->size > 0 && rest->data[0] == '=') {
        *rest = skip_space(advance(*rest, 1));
        r = read_value(rest, &attribute);
        if (r != 0)
            return r;
    }
    *rest = skip_space(*rest);
    *out = attribute;
    return 0;
}

int link_format_next(struct link_format_reader *reader, struct link_format_link *out)
{
    struct link_format_attribute attribute;
    struct link_format_link link;
    struct bytes rest = reader->rest;
    size_t count = 0;
    int r;

    if (rest.size == 0)
        return LINK_FORMAT_END;
    if (!reader->first) {
        if (rest.data[0] != ',')
            return LINK_FORMAT_SEPARATOR;
        rest = skip_space(advance(rest, 1));
        if (rest.size == 0)
            return LINK_FORMAT_SEPARATOR;
    }
    r = read_target(&rest, &link.target);
    if (r != 0)
        return r;
    rest = skip_space(rest);
    link.attributes = rest;
    while (rest.size > 0 && rest.data[0] == ';') {
        if (++count > LINK_FORMAT_ATTRIBUTES_MAX)
            return LINK_FORMAT_TOO_MANY_ATTRIBUTES;
        r = read_attribute(&rest, &attribute);
        if (r != 0)
            return r;
    }
    if (rest.size > 0 && rest.data[0] != ',')
        return LINK_FORMAT_SEPARATOR;
    link.attributes.size -= rest.size;
    reader->rest = rest;
    reader->first = false;
    *out = link;
    return 0;
}

bool link_format_next_attribute(struct bytes *attributes, struct link_format_attribute *out)
{
    if (attributes->size == 0 || attributes->data[0] != ';')
        return false;
    return read_attribute(attributes, out) == 0;
}

bool link_format_find(const struct link_format_link *link, const char *name, struct link_format_attribute *out)
{
    struct bytes attributes = link->attributes;
    struct link_format_attribute attribute;

    while (link_format_next_attribute(&attributes, &attribute)) {
        if (bytes_equal_text(attribute.name, name)) {
            *out = attribute;
            return true;
        }
    }
    return false;
}

int link_format_check(struct bytes document, size_t links_max, size_t *out_count)
{
    struct link_format_reader reader = link_format_reader(document);
    struct link_format_link link;
    size_t count = 0;
    int r;

    while ((r = link_format_next(&reader, &link)) == 0)
        if (++count > links_max)
            return LINK_FORMAT_TOO_MANY_LINKS;
    if (r != LINK_FORMAT_END)
        return r;
    *out_count = count;
    return 0;
}

int link_format_unescape(const struct link_format_attribute *attribute, char *out, size_t capacity, size_t *out_size)
{
    size_t size = 0;

    for (size_t i = 0; i < attribute->value.size; i++) {
        if (attribute->quoted && attribute->value.data[i] == '\\' && i + 1 < attribute->value.size)
            i++;
        if (size == capacity)
            return LINK_FORMAT_NO_ROOM;
        out[size++] = (char)attribute->value.data[i];
    }
    *out_size = size;
    return 0;
}

static bool word_matches(struct bytes word, struct bytes wanted)
{
    if (wanted.size > 0 && wanted.data[wanted.size - 1] == '*') {
        wanted.size--;
        word.size = word.size < wanted.size ? word.size : wanted.size;
    }
    return bytes_equal(word, wanted);
}

bool link_format_has_word(struct bytes value, struct bytes wanted)
{
    size_t start = 0;

    for (size_t i = 0; i <= value.size; i++) {
        if (i < value.size && value.data[i] != ' ')
            continue;
        if (i > start && word_matches(bytes_view(value.data + start, i - start), wanted))
            return true;
        start = i + 1;
    }
    return false;
}

const char *link_format_status_text(int status)
{
    static const char *const texts[] = {
        [0] = "no problem",
        [LINK_FORMAT_END] = "end of the links",
        [LINK_FORMAT_NO_TARGET] = "a link does not begin with <",
        [LINK_FORMAT_TARGET_OPEN] = "a target is not closed with >",
        [LINK_FORMAT_BAD_TARGET] = "a target is too long or has forbidden characters",
        [LINK_FORMAT_BAD_NAME] = "an attribute has no valid name",
        [LINK_FORMAT_BAD_VALUE] = "an unquoted value is empty or has forbidden characters",
        [LINK_FORMAT_QUOTE_OPEN] = "a quoted value is not closed or has control characters",
        [LINK_FORMAT_SEPARATOR] = "links and attributes are not separated by , and ;",
        [LINK_FORMAT_TOO_MANY_ATTRIBUTES] = "too many attributes in one link",
        [LINK_FORMAT_TOO_MANY_LINKS] = "too many links",
        [LINK_FORMAT_NO_ROOM] = "buffer too small",
    };

    if (status < 0 || (size_t)status >= sizeof(texts) / sizeof(texts[0]))
        return "unknown status";
    return texts[status];
}

/* ---- writing ---- */

static void put(struct link_format_writer *writer, const void *data, size_t size)
{
    if (writer->problem != 0)
        return;
    if (size > writer->capacity - writer->size) {
        writer->problem = LINK_FORMAT_NO_ROOM;
        return;
    }
    if (size > 0)
        memcpy(writer->out + writer->size, data, size);
    writer->size += size;
}

static void set_problem(struct link_format_writer *writer, int problem)
{
    if (writer->problem == 0)
        writer->problem = problem;
}

void link_format_begin(struct link_format_writer *writer, char *out, size_t capacity)
{
    *writer = (struct link_format_writer){ .out = out, .capacity = capacity };
}

void link_format_add_link(struct link_format_writer *writer, struct bytes target)
{
    if (target.size > LINK_FORMAT_TARGET_MAX)
        set_problem(writer, LINK_FORMAT_BAD_TARGET);
    for (size_t i = 0; i < target.size; i++)
        if (!is_target_char(target.data[i]))
            set_problem(writer, LINK_FORMAT_BAD_TARGET);
    if (writer->links > 0)
        put(writer, ",", 1);
    put(writer, "<", 1);
    put(writer, target.data, target.size);
    put(writer, ">", 1);
    writer->links++;
}

static void put_name(struct link_format_writer *writer, struct bytes name)
{
    if (name.size == 0)
        set_problem(writer, LINK_FORMAT_BAD_NAME);
    for (size_t i = 0; i < name.size; i++)
        if (!is_name_char(name.data[i]))
            set_problem(writer, LINK_FORMAT_BAD_NAME);
    if (writer->links == 0)
        set_problem(writer, LINK_FORMAT_NO_TARGET);
    put(writer, ";", 1);
    put(writer, name.data, name.size);
}

/* Letters, digits and a few signs go unquoted; whatever a strict reader may stumble on is quoted. */
static bool is_plain(struct bytes value)
{
    for (size_t i = 0; i < value.size; i++)
        if (!is_name_char(value.data[i]))
            return false;
    return value.size > 0;
}

static void put_quoted(struct link_format_writer *writer, struct bytes value)
{
    put(writer, "\"", 1);
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];

        if (c < ' ' || c == 0x7F)
            set_problem(writer, LINK_FORMAT_BAD_VALUE);
        if (c == '"' || c == '\\')
            put(writer, "\\", 1);
        put(writer, &c, 1);
    }
    put(writer, "\"", 1);
}

void link_format_add(struct link_format_writer *writer, const char *name, struct bytes value)
{
    put_name(writer, bytes_of_text(name));
    put(writer, "=", 1);
    if (is_plain(value))
        put(writer, value.data, value.size);
    else
        put_quoted(writer, value);
}

void link_format_add_uint(struct link_format_writer *writer, const char *name, uint64_t value)
{
    char digits[20];
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    link_format_add(writer, name, bytes_view(digits + start, sizeof(digits) - start));
}

void link_format_add_flag(struct link_format_writer *writer, const char *name)
{
    put_name(writer, bytes_of_text(name));
}

void link_format_add_attribute(struct link_format_writer *writer, const struct link_format_attribute *attribute)
{
    put_name(writer, attribute->name);
    if (!attribute->has_value)
        return;
    put(writer, "=", 1);
    if (attribute->quoted)
        put(writer, "\"", 1);
    put(writer, attribute->value.data, attribute->value.size);
    if (attribute->quoted)
        put(writer, "\"", 1);
}

int link_format_finish(const struct link_format_writer *writer, size_t *out_size)
{
    if (writer->problem != 0)
        return writer->problem;
    *out_size = writer->size;
    return 0;
}

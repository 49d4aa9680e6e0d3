/* link_format.h - the CoRE link format (RFC 6690): lists of web links as text.
 *   </sensors/temp>;rt=temperature-c;if=sensor,<http://x/>;anchor="/sensors/temp";rel=describedby
 * Used for registration payloads and lookups of the resource directory (RFC 9176). The reader gives views into the
 * text; white space between the parts (RFC 8288, and real implementations) is accepted, everything else is strict. */
#ifndef TINYPART_DEVICE_PROTO_LINK_FORMAT_H
#define TINYPART_DEVICE_PROTO_LINK_FORMAT_H

#include "device_proto/bytes.h"

#define LINK_FORMAT_ATTRIBUTES_MAX 32u   /* attributes of one link */
#define LINK_FORMAT_TARGET_MAX     1024u /* bytes of one target */

enum link_format_status {
    LINK_FORMAT_END = 1,     /* no further link, no further attribute: not a problem */
    LINK_FORMAT_NO_TARGET,   /* a link does not begin with "<" */
    LINK_FORMAT_TARGET_OPEN, /* no ">" */
    LINK_FORMAT_BAD_TARGET,  /* the target holds a control character, white space, a quote or "<", or is too long */
    LINK_FORMAT_BAD_NAME,    /* an attribute's name is empty or no token */
    LINK_FORMAT_BAD_VALUE,   /* an unquoted value is empty or has forbidden characters */
    LINK_FORMAT_QUOTE_OPEN,  /* a quoted value does not end, or holds a control character */
    LINK_FORMAT_SEPARATOR,   /* something else than "," or ";" between two parts, or nothing after it */
    LINK_FORMAT_TOO_MANY_ATTRIBUTES,
    LINK_FORMAT_TOO_MANY_LINKS,
    LINK_FORMAT_NO_ROOM, /* writer or unescape: the buffer is too small */
};

struct link_format_link {
    struct bytes target;     /* between "<" and ">" */
    struct bytes attributes; /* the checked rest: ;name=value;... */
};

struct link_format_attribute {
    struct bytes name;
    struct bytes value; /* without its quotes, escapes still in it; size 0 where there is none */
    bool has_value;
    bool quoted;
};

struct link_format_reader {
    struct bytes rest;
    bool first;
};

/* Starts at the beginning of a document. An empty one has no links. */
struct link_format_reader link_format_reader(struct bytes document);

/* The next link, its attributes checked. 0, LINK_FORMAT_END, or a problem. */
int link_format_next(struct link_format_reader *reader, struct link_format_link *out);

/* The next attribute of a link that link_format_next gave: call with a copy of link.attributes until it gives false. */
bool link_format_next_attribute(struct bytes *attributes, struct link_format_attribute *out);

/* The first attribute of that name (RFC 6690 names are matched exactly); false where there is none. */
bool link_format_find(const struct link_format_link *link, const char *name, struct link_format_attribute *out);

/* Checks a whole document: 0 and the number of links, or a problem. More than links_max are refused. */
int link_format_check(struct bytes document, size_t links_max, size_t *out_count);

/* A value with its escapes resolved, not NUL-terminated. 0 or LINK_FORMAT_NO_ROOM. */
int link_format_unescape(const struct link_format_attribute *attribute, char *out, size_t capacity, size_t *out_size);

/* Whether one of the space-separated words of a value is the wanted one; wanted may end in "*" (RFC 6690 section 4.1).
 */
bool link_format_has_word(struct bytes value, struct bytes wanted);

/* A short English text for a status, for logs and answers. Never NULL. */
const char *link_format_status_text(int status);

/* Writes a document. The first problem sticks. */
struct link_format_writer {
    char *out;
    size_t capacity;
    size_t size;
    size_t links;
    int problem;
};

void link_format_begin(struct link_format_writer *writer, char *out, size_t capacity);
/* Begins the next link; the comma before it is written where needed. */
void link_format_add_link(struct link_format_writer *writer, struct bytes target);
/* name=value where the value is a plain token, name="value" with escapes otherwise. */
void link_format_add(struct link_format_writer *writer, const char *name, struct bytes value);
void link_format_add_uint(struct link_format_writer *writer, const char *name, uint64_t value);
/* An attribute without a value, e.g. obs. */
void link_format_add_flag(struct link_format_writer *writer, const char *name);
/* An attribute of a link that was read, as it stood. */
void link_format_add_attribute(struct link_format_writer *writer, const struct link_format_attribute *attribute);
int link_format_finish(const struct link_format_writer *writer, size_t *out_size);

#endif

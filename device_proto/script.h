/* script.h - whether a script's text is one that every interpreter reads alike. */
#ifndef TINYPART_DEVICE_PROTO_SCRIPT_H
#define TINYPART_DEVICE_PROTO_SCRIPT_H

#include "device_proto/bytes.h"

#define SCRIPT_LINE_MAX 1024u /* bytes, without the newline */

enum script_reason {
    SCRIPT_EMPTY = 1,
    SCRIPT_OVERSIZE,
    SCRIPT_BYTE_ORDER_MARK, /* begins with EF BB BF, which interpreters on devices take for a word */
    SCRIPT_NOT_UTF8,        /* overlong forms and surrogates too (RFC 3629) */
    SCRIPT_CONTROL,         /* a control character but tab and newline: NUL, a carriage return, an escape */
    SCRIPT_LONG_LINE,
};

/* Checks a whole script of at most size_max bytes. 0, or an enum script_reason with *out_line (from 1) saying where. */
int script_check(struct bytes script, size_t size_max, uint32_t *out_line);

const char *script_reason_text(int reason);

/* How many bytes the UTF-8 character at the beginning of text has (1 to 4); 0: it is none. */
unsigned utf8_length(struct bytes text);

#endif

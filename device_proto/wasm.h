/* wasm.h - structural validation of WebAssembly modules (core specification 2.0, section 5, binary format).
 * What is checked: magic and version, order and sizes of the sections, every count, index and LEB128 number of the
 * sections, limits of memory and table, and imports, which may be helper calls only. What is not: the instructions of
 * function bodies, which the device's runtime validates when it loads them (it must, for its own sake). */
#ifndef TINYPART_DEVICE_PROTO_WASM_H
#define TINYPART_DEVICE_PROTO_WASM_H

#include "device_proto/bytes.h"

#define WASM_FUNCTIONS_MAX 1024u /* of the module's own, and as many types */
#define WASM_IMPORTS_MAX   64u
#define WASM_LOCALS_MAX    256u       /* of one function */
#define WASM_MODULE        "tinypart" /* the module that helpers are imported from, by name */

enum wasm_reason {
    WASM_OVERSIZE = 1,
    WASM_BAD_MAGIC, /* magic or version */
    WASM_SECTION_ORDER,
    WASM_SECTION_SIZE, /* a section ends before or behind its content */
    WASM_NUMBER,       /* a LEB128 number that is cut, too long or too large */
    WASM_TYPE,         /* an unknown value type, form or kind */
    WASM_INDEX,        /* an index beyond what it counts */
    WASM_NAME,         /* not UTF-8 */
    WASM_LIMITS,       /* memory or table without an upper bound, or beyond the device's */
    WASM_IMPORT,       /* not a helper function of module "tinypart", or one that is not allowed */
    WASM_UNSUPPORTED,  /* more than one memory or table, passive segments, shared or 64-bit memory */
    WASM_COUNT,        /* functions without bodies, or more than the bounds above */
    WASM_BODY,         /* a function body without its end, or with too many locals */
    WASM_NO_EXPORT,    /* exports no function: nothing could be run */
};

struct wasm_limits {
    size_t size_max;
    uint32_t memory_pages_max; /* of 64 KiB */
    uint32_t table_max;        /* elements */
    const uint32_t *helpers;   /* allowed helper numbers; NULL: any that has a name */
    size_t helper_count;
};

struct wasm_problem {
    enum wasm_reason reason;
    size_t at;         /* byte offset in the file */
    struct bytes name; /* of the import that is refused; empty otherwise */
};

/* What the module asks for. */
struct wasm_facts {
    uint32_t functions, memory_pages, table;
    uint32_t helpers[WASM_IMPORTS_MAX];
    size_t helper_count; /* imports; one helper twice counts twice */
};

/* Checks a whole module. 0, or an enum wasm_reason with *out; *out_facts (may be NULL) is set only on success. */
int wasm_check(struct bytes module, const struct wasm_limits *limits, struct wasm_problem *out,
               struct wasm_facts *out_facts);

const char *wasm_reason_text(int reason);

#endif

/* wasm.c - WebAssembly modules, section by section.
 * The reader is sticky: the first refusal stays, and everything read after it is 0, so that a section reads straight
 * down and is asked once. */
#include "device_proto/wasm.h"

#include "device_proto/container.h"
#include "device_proto/script.h"

enum section {
    SECTION_CUSTOM,
    SECTION_TYPE,
    SECTION_IMPORT,
    SECTION_FUNCTION,
    SECTION_TABLE,
    SECTION_MEMORY,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_CODE,
    SECTION_DATA,
    SECTION_DATA_COUNT,
    SECTIONS
};

struct module {
    struct bytes file;
    size_t at, end; /* end: of what is being read */
    int reason;
    size_t bad_at;
    struct bytes bad_name;
    const struct wasm_limits *limits;
    uint32_t types, imported, functions, bodies, globals, memories, tables, exported;
    uint32_t data_segments, data_count;
    bool has_data_count;
    struct wasm_facts facts;
};

static void refuse_at(struct module *module, int reason, size_t at)
{
    if (module->reason == 0) {
        module->reason = reason;
        module->bad_at = at;
    }
}

static void require(struct module *module, bool holds, int reason)
{
    if (!holds)
        refuse_at(module, reason, module->at);
}

static uint8_t read_byte(struct module *module)
{
    if (module->reason != 0)
        return 0;
    if (module->at == module->end) {
        refuse_at(module, WASM_SECTION_SIZE, module->at);
        return 0;
    }
    return module->file.data[module->at++];
}

/* Unsigned LEB128 of 32 bits: at most 5 bytes, the last with nothing beyond bit 31. */
static uint32_t read_u32(struct module *module)
{
    uint32_t value = 0;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = read_byte(module);

        if (shift == 28 && byte > 0x0F)
            break;
        value |= (uint32_t)(byte & 0x7Fu) << shift;
        if (byte < 0x80)
            return module->reason == 0 ? value : 0;
    }
    refuse_at(module, WASM_NUMBER, module->at);
    return 0;
}

/* Signed LEB128 of 32 or 64 bits; its value does not matter here. */
static void skip_signed(struct module *module, unsigned bits)
{
    for (unsigned shift = 0; shift < bits; shift += 7) {
        uint8_t byte = read_byte(module);
        unsigned left = bits - shift; /* bits that may differ */

        if (byte >= 0x80)
            continue;
        if (left < 7) { /* the last byte: what is beyond the number repeats its sign */
            uint8_t beyond = (uint8_t)(0x7Fu & ~((1u << (left - 1)) - 1u));

            require(module, (byte & beyond) == 0 || (byte & beyond) == beyond, WASM_NUMBER);
        }
        return;
    }
    refuse_at(module, WASM_NUMBER, module->at);
}

static struct bytes read_bytes(struct module *module, uint32_t size)
{
    struct bytes view = { NULL, 0 };

    if (module->reason != 0 || size > module->end - module->at) {
        refuse_at(module, WASM_SECTION_SIZE, module->at);
        return view;
    }
    view = bytes_view(module->file.data + module->at, size);
    module->at += size;
    return view;
}

static struct bytes read_name(struct module *module)
{
    struct bytes name = read_bytes(module, read_u32(module));
    unsigned length;

    for (size_t i = 0; i < name.size; i += length) {
        length = utf8_length(bytes_view(name.data + i, name.size - i));
        if (length == 0) {
            refuse_at(module, WASM_NAME, module->at - name.size + i);
            break;
        }
    }
    return name;
}

/* A count of entries, each of which takes at least one byte. */
static uint32_t read_count(struct module *module, uint32_t most)
{
    uint32_t count = read_u32(module);

    require(module, count <= most, WASM_COUNT);
    require(module, count <= module->end - module->at, WASM_SECTION_SIZE);
    return module->reason == 0 ? count : 0;
}

static void read_index(struct module *module, uint32_t count)
{
    uint32_t index = read_u32(module);

    require(module, index < count, WASM_INDEX);
}

static void read_value_type(struct module *module)
{
    uint8_t type = read_byte(module);

    require(module, (type >= 0x7B && type <= 0x7F) || type == 0x70 || type == 0x6F, WASM_TYPE);
}

static uint32_t read_limits(struct module *module, uint32_t most)
{
    uint8_t flags = read_byte(module);
    uint32_t least, bound;

    require(module, flags <= 1, WASM_UNSUPPORTED);
    least = read_u32(module);
    require(module, flags == 1, WASM_LIMITS);
    bound = read_u32(module);
    require(module, least <= bound && bound <= most, WASM_LIMITS);
    return bound;
}

/* A constant expression: what globals and segments begin with. */
static void read_constant(struct module *module)
{
    switch (read_byte(module)) {
    case 0x41:
        skip_signed(module, 32);
        break;
    case 0x42:
        skip_signed(module, 64);
        break;
    case 0x43:
        (void)read_bytes(module, 4);
        break;
    case 0x44:
        (void)read_bytes(module, 8);
        break;
    case 0x23:
        read_index(module, module->globals);
        break;
    case 0xD0:
        read_value_type(module);
        break;
    case 0xD2:
        read_index(module, module->imported + module->functions);
        break;
    default:
        require(module, false, WASM_TYPE);
        break;
    }
    require(module, read_byte(module) == 0x0B, WASM_TYPE);
}

/* ---- sections ---- */

static void read_type(struct module *module)
{
    require(module, read_byte(module) == 0x60, WASM_TYPE);
    for (unsigned part = 0; part < 2; part++)
        for (uint32_t left = read_count(module, UINT32_MAX); left > 0 && module->reason == 0; left--)
            read_value_type(module);
    module->types++;
}

static void read_import(struct module *module)
{
    size_t at = module->at;
    struct bytes from = read_name(module), name = read_name(module);
    uint32_t number = container_helper_number(name);
    bool allowed = module->limits->helpers == NULL;

    for (size_t i = 0; i < module->limits->helper_count && !allowed; i++)
        allowed = module->limits->helpers[i] == number;
    if (read_byte(module) != 0 || !bytes_equal_text(from, WASM_MODULE) || number == 0 || !allowed) {
        if (module->reason == 0)
            module->bad_name = name;
        refuse_at(module, WASM_IMPORT, at);
        return;
    }
    read_index(module, module->types);
    module->facts.helpers[module->imported++] = number;
    module->facts.helper_count = module->imported;
}

static void read_function(struct module *module)
{
    read_index(module, module->types);
    module->functions++;
}

static void read_table(struct module *module)
{
    uint8_t type = read_byte(module);

    require(module, type == 0x70 || type == 0x6F, WASM_TYPE);
    require(module, module->tables++ == 0, WASM_UNSUPPORTED);
    module->facts.table = read_limits(module, module->limits->table_max);
}

static void read_memory(struct module *module)
{
    require(module, module->memories++ == 0, WASM_UNSUPPORTED);
    module->facts.memory_pages = read_limits(module, module->limits->memory_pages_max);
}

static void read_global(struct module *module)
{
    read_value_type(module);
    require(module, read_byte(module) <= 1, WASM_TYPE);
    read_constant(module);
    module->globals++;
}

static void read_export(struct module *module)
{
    uint32_t counts[4] = { module->imported + module->functions, module->tables, module->memories, module->globals };
    uint8_t kind;

    (void)read_name(module);
    kind = read_byte(module);
    require(module, kind < 4, WASM_TYPE);
    read_index(module, kind < 4 ? counts[kind] : 0);
    module->exported += kind == 0;
}

static void read_element(struct module *module)
{
    require(module, read_u32(module) == 0, WASM_UNSUPPORTED);
    require(module, module->tables > 0, WASM_INDEX);
    read_constant(module);
    for (uint32_t left = read_count(module, UINT32_MAX); left > 0 && module->reason == 0; left--)
        read_index(module, module->imported + module->functions);
}

static void read_body(struct module *module)
{
    uint32_t size = read_u32(module);
    size_t begin = module->at, outer = module->end;
    uint64_t locals = 0;

    require(module, size <= outer - begin, WASM_SECTION_SIZE);
    if (module->reason != 0)
        return;
    module->end = begin + size;
    for (uint32_t left = read_count(module, WASM_LOCALS_MAX); left > 0 && module->reason == 0; left--) {
        locals += read_u32(module);
        read_value_type(module);
        require(module, locals <= WASM_LOCALS_MAX, WASM_BODY);
    }
    require(module, module->at < module->end && module->file.data[module->end - 1] == 0x0B, WASM_BODY);
    module->at = module->end;
    module->end = outer;
    module->bodies++;
}

static void read_data(struct module *module)
{
    require(module, read_u32(module) == 0, WASM_UNSUPPORTED);
    require(module, module->memories > 0, WASM_INDEX);
    read_constant(module);
    (void)read_bytes(module, read_u32(module));
    module->data_segments++;
}

/* Sections that are lists: how to read one entry, and how many there may be. */
static const struct {
    void (*entry)(struct module *module);
    uint32_t most;
} lists[SECTIONS] = {
    [SECTION_TYPE] = { read_type, WASM_FUNCTIONS_MAX },
    [SECTION_IMPORT] = { read_import, WASM_IMPORTS_MAX },
    [SECTION_FUNCTION] = { read_function, WASM_FUNCTIONS_MAX },
    [SECTION_TABLE] = { read_table, UINT32_MAX },
    [SECTION_MEMORY] = { read_memory, UINT32_MAX },
    [SECTION_GLOBAL] = { read_global, UINT32_MAX },
    [SECTION_EXPORT] = { read_export, UINT32_MAX },
    [SECTION_ELEMENT] = { read_element, UINT32_MAX },
    [SECTION_CODE] = { read_body, WASM_FUNCTIONS_MAX },
    [SECTION_DATA] = { read_data, UINT32_MAX },
};

static void read_content(struct module *module, uint8_t id)
{
    if (id == SECTION_CUSTOM) {
        (void)read_name(module);
        module->at = module->reason == 0 ? module->end : module->at;
    } else if (id == SECTION_START)
        read_index(module, module->imported + module->functions);
    else if (id == SECTION_DATA_COUNT) {
        module->data_count = read_u32(module);
        module->has_data_count = true;
    } else
        for (uint32_t left = read_count(module, lists[id].most); left > 0 && module->reason == 0; left--)
            lists[id].entry(module);
    require(module, module->at == module->end, WASM_SECTION_SIZE);
}

/* The order of sections: by number, but the count of data segments comes before the code. */
static unsigned rank_of(uint8_t id)
{
    return id == SECTION_DATA_COUNT ? 2 * SECTION_CODE - 1 : 2u * id;
}

static void read_module(struct module *module)
{
    unsigned last = 0;

    module->end = module->file.size;
    require(module, module->file.size <= module->limits->size_max, WASM_OVERSIZE);
    require(module, module->file.size >= 8 && memcmp(module->file.data, "\0asm\1\0\0\0", 8) == 0, WASM_BAD_MAGIC);
    module->at = module->reason == 0 ? 8 : 0;
    while (module->reason == 0 && module->at < module->file.size) {
        uint8_t id = read_byte(module);

        require(module, id == SECTION_CUSTOM || (id < SECTIONS && rank_of(id) > last), WASM_SECTION_ORDER);
        uint32_t size = read_u32(module);
        require(module, size <= module->file.size - module->at, WASM_SECTION_SIZE);
        if (module->reason != 0)
            return;
        last = id == SECTION_CUSTOM ? last : rank_of(id);
        module->end = module->at + size;
        read_content(module, id);
        module->end = module->file.size;
    }
    require(module, module->bodies == module->functions, WASM_COUNT);
    require(module, !module->has_data_count || module->data_count == module->data_segments, WASM_COUNT);
    require(module, module->exported > 0, WASM_NO_EXPORT);
}

int wasm_check(struct bytes module, const struct wasm_limits *limits, struct wasm_problem *out,
               struct wasm_facts *out_facts)
{
    struct module reading = { .file = module, .limits = limits };

    read_module(&reading);
    if (reading.reason != 0) {
        *out = (struct wasm_problem){ (enum wasm_reason)reading.reason, reading.bad_at, reading.bad_name };
        return reading.reason;
    }
    reading.facts.functions = reading.functions;
    if (out_facts != NULL)
        *out_facts = reading.facts;
    return 0;
}

const char *wasm_reason_text(int reason)
{
    static const char *const texts[] = {
        [0] = "no problem",
        [WASM_OVERSIZE] = "larger than a container may be",
        [WASM_BAD_MAGIC] = "does not begin as WebAssembly version 1 does",
        [WASM_SECTION_ORDER] = "an unknown section, or one out of its order",
        [WASM_SECTION_SIZE] = "a section is not as long as it says",
        [WASM_NUMBER] = "a number that is cut off, too long or too large",
        [WASM_TYPE] = "an unknown type, form or kind",
        [WASM_INDEX] = "an index beyond what there is",
        [WASM_NAME] = "a name that is not UTF-8",
        [WASM_LIMITS] = "memory or table without an upper bound, or beyond what a device has",
        [WASM_IMPORT] = "imports something else than a helper call that is allowed",
        [WASM_UNSUPPORTED] = "a second memory or table, a shared or 64-bit one, or a passive segment",
        [WASM_COUNT] = "counts that do not agree, or too many entries",
        [WASM_BODY] = "a function without its end, or with too many locals",
        [WASM_NO_EXPORT] = "exports no function that could be run",
    };

    if (reason < 0 || (size_t)reason >= sizeof(texts) / sizeof(texts[0]))
        return "unknown reason";
    return texts[reason];
}

/* kind_wasm.c - WebAssembly modules for a device that offers saul_reg_find_type and ztimer_now as imports of module
 * "tinypart", one page of memory and a table of 16: their structure, not their instructions. */
#include <string.h>

#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"

/* A module, right until a case says otherwise. */
struct module {
    const char *import_from, *import; /* import NULL: none */
    bool memory, no_upper_bound, no_export, two_memories, custom, no_body, no_end, swapped;
    uint64_t pages;
    uint64_t type_index, export_index;
    unsigned value_type;
    uint64_t size_more; /* of the type section, beyond what it is */
};

/* Unsigned LEB128. */
static void put_number(struct emit *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        emit_byte(out, (unsigned)(value & 0x7f) | 0x80);
    emit_byte(out, (unsigned)value);
}

static void put_name(struct emit *out, const char *name)
{
    put_number(out, strlen(name));
    emit_text(out, name);
}

static void put_section(struct emit *out, unsigned id, const struct emit *content, uint64_t more)
{
    emit_byte(out, id);
    put_number(out, content->size + more);
    emit_all(out, content);
}

static struct module good_module(struct making *making)
{
    static const char *const imports[] = { NULL, "saul_reg_find_type", "ztimer_now" };
    struct module module = { .import_from = "tinypart", .pages = 1, .value_type = 0x7f };

    module.import = imports[random_below(&making->random, 3)];
    module.memory = random_below(&making->random, 2) == 0;
    module.custom = random_below(&making->random, 2) == 0;
    module.export_index = module.import != NULL ? 1 : 0;
    return module;
}

static void put_types(struct emit *out, const struct module *module)
{
    struct emit types = { 0 };

    put_number(&types, 1);
    emit_byte(&types, 0x60);
    put_number(&types, 1);
    emit_byte(&types, module->value_type);
    put_number(&types, 1);
    emit_byte(&types, 0x7f);
    put_section(out, 1, &types, module->size_more);
}

static void put_imports(struct emit *out, const struct module *module)
{
    struct emit imports = { 0 };

    if (module->import == NULL)
        return;
    put_number(&imports, 1);
    put_name(&imports, module->import_from);
    put_name(&imports, module->import);
    emit_byte(&imports, 0);
    put_number(&imports, 0);
    put_section(out, 2, &imports, 0);
}

static void put_functions(struct emit *out, const struct module *module)
{
    struct emit functions = { 0 };

    put_number(&functions, 1);
    put_number(&functions, module->type_index);
    put_section(out, 3, &functions, 0);
}

static void put_memory(struct emit *out, const struct module *module)
{
    struct emit memory = { 0 };
    unsigned count = module->two_memories ? 2 : 1;

    if (!module->memory)
        return;
    put_number(&memory, count);
    for (unsigned i = 0; i < count; i++) {
        emit_byte(&memory, module->no_upper_bound ? 0 : 1);
        put_number(&memory, 1);
        if (!module->no_upper_bound)
            put_number(&memory, module->pages);
    }
    put_section(out, 5, &memory, 0);
}

static void put_exports(struct emit *out, const struct module *module)
{
    struct emit exports = { 0 };

    if (module->no_export)
        return;
    put_number(&exports, 1);
    put_name(&exports, "run");
    emit_byte(&exports, 0);
    put_number(&exports, module->export_index);
    put_section(out, 7, &exports, 0);
}

static void put_code(struct making *making, struct emit *out, const struct module *module)
{
    struct emit code = { 0 }, body = { 0 };

    if (module->no_body)
        return;
    put_number(&body, 0);
    emit_byte(&body, 0x41);
    emit_byte(&body, (unsigned)random_below(&making->random, 64));
    emit_byte(&body, module->no_end ? 0x01 : 0x0b);
    put_number(&code, 1);
    put_number(&code, body.size);
    emit_all(&code, &body);
    put_section(out, 10, &code, 0);
}

static void put_module(struct making *making, const struct module *module)
{
    struct emit custom = { 0 }, *out = &making->out;

    emit_bytes(out, "\0asm\1\0\0\0", 8);
    put_types(out, module);
    put_imports(out, module);
    if (module->swapped)
        put_memory(out, module);
    put_functions(out, module);
    if (!module->swapped)
        put_memory(out, module);
    put_exports(out, module);
    put_code(making, out, module);
    if (!module->custom)
        return;
    put_name(&custom, "corpus");
    item_ascii(&making->random, &custom, 12);
    put_section(out, 0, &custom, 0);
}

static void whole(struct making *making)
{
    struct module module = good_module(making);

    put_module(making, &module);
}

static void magic(struct making *making)
{
    whole(making);
    making->out.data[making->round % 8] ^= 1;
}

static void cut(struct making *making)
{
    struct module module = good_module(making);
    struct emit all;

    module.custom = false;
    put_module(making, &module);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
    if (making->out.size >= 8) /* a cut between sections may leave a module: what is promised goes with the end */
        emit_bytes(&making->out, "\x0a\x05\x01", 3);
}

static void import_from_elsewhere(struct making *making)
{
    static const char *const modules[] = { "env", "wasi_snapshot_preview1", "", "Tinypart" };
    struct module module = good_module(making);

    module.import = "ztimer_now";
    module.export_index = 1;
    module.import_from = modules[making->round % 4];
    put_module(making, &module);
}

static void import_not_granted(struct making *making)
{
    static const char *const names[] = { "ztimer_periodic_wakeup", "fd_write", "", "saul_reg_read" };
    struct module module = good_module(making);

    module.import = names[making->round % 4];
    module.export_index = 1;
    put_module(making, &module);
}

static void without_upper_bound(struct making *making)
{
    struct module module = good_module(making);

    module.memory = module.no_upper_bound = true;
    put_module(making, &module);
}

static void too_much_memory(struct making *making)
{
    struct module module = good_module(making);

    module.memory = true;
    module.pages = random_between(&making->random, 2, 65536);
    put_module(making, &module);
}

static void two_memories(struct making *making)
{
    struct module module = good_module(making);

    module.memory = module.two_memories = true;
    put_module(making, &module);
}

static void without_export(struct making *making)
{
    struct module module = good_module(making);

    module.no_export = true;
    put_module(making, &module);
}

static void unknown_type(struct making *making)
{
    static const unsigned types[] = { 0x00, 0x40, 0x60, 0x7a, 0x80, 0xff };
    struct module module = good_module(making);

    module.value_type = types[making->round % 6];
    put_module(making, &module);
}

static void index_outside(struct making *making)
{
    struct module module = good_module(making);
    uint64_t *index = making->round % 2 == 0 ? &module.type_index : &module.export_index;

    *index = random_between(&making->random, 2, 0xffffffff);
    put_module(making, &module);
}

static void section_too_long(struct making *making)
{
    struct module module = good_module(making);

    module.size_more = random_between(&making->random, 1, 5);
    put_module(making, &module);
}

static void without_bodies(struct making *making)
{
    struct module module = good_module(making);

    module.no_body = true;
    put_module(making, &module);
}

static void body_without_end(struct making *making)
{
    struct module module = good_module(making);

    module.no_end = true;
    put_module(making, &module);
}

static void sections_out_of_order(struct making *making)
{
    struct module module = good_module(making);

    module.memory = module.swapped = true;
    put_module(making, &module);
}

/* Six bytes for a number of 32 bits, or bits beyond them. */
static void number_too_long(struct making *making)
{
    emit_bytes(&making->out, "\0asm\1\0\0\0\1", 9);
    if (making->round % 2 == 0)
        emit_bytes(&making->out, "\x80\x80\x80\x80\x80\x00", 6);
    else
        emit_bytes(&making->out, "\xff\xff\xff\xff\x7f", 5);
    item_ascii(&making->random, &making->out, 8);
}

#define WASM "WebAssembly 2.0 section "

static const struct corpus_case cases[] = {
    { "whole", whole, ACCEPT, NULL, NULL },
    { "magic", magic, REFUSE, "syntax", WASM "5.5.16" },
    { "cut", cut, REFUSE, "any", WASM "5.5" },
    { "import-from-elsewhere", import_from_elsewhere, REFUSE, "not-allowed", "grant" },
    { "import-not-granted", import_not_granted, REFUSE, "not-allowed", "grant" },
    { "without-upper-bound", without_upper_bound, REFUSE, "range", "device profile" },
    { "too-much-memory", too_much_memory, REFUSE, "range", "device profile" },
    { "two-memories", two_memories, REFUSE, "unsupported", WASM "3.4.10" },
    { "without-export", without_export, REFUSE, "no-export", "device profile" },
    { "unknown-type", unknown_type, REFUSE, "type", WASM "5.3.4" },
    { "index-outside", index_outside, REFUSE, "range", WASM "3.4" },
    { "section-too-long", section_too_long, REFUSE, "any", WASM "5.5.2" },
    { "without-bodies", without_bodies, REFUSE, "any", WASM "5.5.16" },
    { "body-without-end", body_without_end, REFUSE, "syntax", WASM "5.4.9" },
    { "sections-out-of-order", sections_out_of_order, REFUSE, "syntax", WASM "5.5.2" },
    { "number-too-long", number_too_long, REFUSE, "syntax", WASM "5.2.2" },
};

const struct corpus_kind kind_wasm = { "wasm", "wasm", ROWS(cases) };

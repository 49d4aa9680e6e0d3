/* container_build.c - from an ELF object to a container.
 * First the text and what it refers to are found and given places, then each instruction is judged and its length in
 * the container known, and only then anything is written. */
#include "device_proto/container_build.h"

#include "device_proto/container_elf.h"
#include "device_proto/container_isa.h"

#define R_BPF_64_64    1u
#define R_BPF_64_32    10u
#define PSEUDO_CALL    1u /* source register of a call within the object */
#define OPCODE_MOV     0xB7u
#define OPCODE_MUL     0x27u
#define OPCODE_LSH     0x67u
#define OPCODE_ADD     0x07u
#define OPCODE_CALL    0x85u
#define OPCODE_CALL_BY 0x8Du /* by register */
#define ALIGNMENT      8u    /* of sections: no access is wider, whatever clang asks for */

struct place {
    bool used, is_data;
    uint32_t base; /* within data or rodata */
};

/* What a relocation makes of an instruction. */
struct patch {
    uint8_t opcode; /* 0: nothing; a wide load relative to a section, or a helper's call */
    uint32_t value;
};

struct builder {
    struct elf elf;
    uint32_t text_index;
    struct bytes text, function; /* function: its name */
    uint32_t count;              /* instructions of the object */
    bool jumps_to_start;
    uint32_t data_size, rodata_size;
    struct place places[ELF_SECTIONS_MAX];
    struct patch patches[CONTAINER_INSTRUCTIONS_MAX];
    uint16_t at[CONTAINER_INSTRUCTIONS_MAX + 1]; /* of each instruction, in the container */
    struct container_build_problem problem;
};

static int fail(struct builder *builder, int reason, struct bytes symbol)
{
    builder->problem.reason = (enum container_build_reason)reason;
    builder->problem.symbol = symbol;
    return reason;
}

static int fail_at(struct builder *builder, int reason, struct bytes symbol, uint32_t i)
{
    builder->problem.at_instruction = true;
    builder->problem.instruction = i;
    return fail(builder, reason, symbol);
}

static struct bytes nothing(void)
{
    return bytes_view(NULL, 0);
}

/* ---- what is in the object ---- */

/* The function or variable that a place in a section belongs to; the section's name where none has one. */
static struct bytes name_at(const struct builder *builder, uint32_t section, uint64_t offset)
{
    struct elf_symbol symbol, best = { .name = { NULL, 0 } };
    struct elf_section in;
    uint32_t count = elf_symbol_count(&builder->elf);
    bool found = false;

    for (uint32_t i = 0; i < count; i++) {
        if (!elf_symbol(&builder->elf, i, &symbol) || symbol.section != section || symbol.value > offset ||
            (symbol.type != ELF_OBJECT && symbol.type != ELF_FUNCTION))
            continue;
        if (!found || symbol.value >= best.value)
            best = symbol;
        found = true;
    }
    if (!found && elf_section(&builder->elf, section, &in))
        best.name = in.name;
    return best.name;
}

static int find_text(struct builder *builder)
{
    struct elf_section section;

    for (uint32_t i = 1; i < builder->elf.section_count; i++) {
        if (!elf_section(&builder->elf, i, &section))
            return fail(builder, BUILD_BROKEN, nothing());
        if (section.type != ELF_PROGBITS || (section.flags & ELF_EXECUTE) == 0 || section.size == 0)
            continue;
        if (builder->text_index != 0)
            return fail(builder, BUILD_TWO_TEXTS, section.name);
        builder->text_index = i;
        builder->text = section.content;
    }
    if (builder->text_index == 0)
        return fail(builder, BUILD_NO_TEXT, nothing());
    if (builder->text.size % CONTAINER_INSTRUCTION_SIZE != 0)
        return fail(builder, BUILD_BROKEN, nothing());
    builder->count = (uint32_t)(builder->text.size / CONTAINER_INSTRUCTION_SIZE);
    return builder->text.size / CONTAINER_INSTRUCTION_SIZE > CONTAINER_INSTRUCTIONS_MAX
               ? fail(builder, BUILD_TOO_MANY, nothing())
               : 0;
}

static int find_function(struct builder *builder)
{
    uint32_t count = elf_symbol_count(&builder->elf);
    struct elf_symbol symbol;
    bool found = false;

    for (uint32_t i = 0; i < count; i++) {
        if (!elf_symbol(&builder->elf, i, &symbol))
            return fail(builder, BUILD_BROKEN, nothing());
        if (symbol.type != ELF_FUNCTION || symbol.section != builder->text_index)
            continue;
        if (symbol.value != 0)
            return fail(builder, BUILD_TWO_FUNCTIONS, symbol.name);
        builder->function = symbol.name;
        found = true;
    }
    return found ? 0 : fail(builder, BUILD_NO_TEXT, nothing());
}

/* ---- sections that the text refers to ---- */

static int check_addresses(struct builder *builder, uint32_t target)
{
    struct elf_section section;
    struct elf_relocation first;

    for (uint32_t i = 1; i < builder->elf.section_count; i++) {
        if (!elf_section(&builder->elf, i, &section) || section.info != target ||
            (section.type != ELF_REL && section.type != ELF_RELA))
            continue;
        if (elf_relocation(&section, 0, &first))
            return fail(builder, BUILD_DATA_ADDRESS, name_at(builder, target, first.offset));
    }
    return 0;
}

/* Gives a section its place, once. */
static int place_section(struct builder *builder, uint32_t i, const struct elf_section *section)
{
    struct place *place = &builder->places[i];
    uint32_t *size = (section->flags & ELF_WRITE) != 0 ? &builder->data_size : &builder->rodata_size;

    if (place->used)
        return 0;
    if (section->size > BUILD_SECTION_MAX || *size + section->size > BUILD_SECTION_MAX)
        return fail(builder, BUILD_SECTION_SIZE, section->name);
    *place = (struct place){ true, (section->flags & ELF_WRITE) != 0, *size };
    *size += ((uint32_t)section->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return check_addresses(builder, i);
}

/* A wide load of an address. The object keeps the distance from the symbol in the instruction. */
static int relocate_load(struct builder *builder, uint32_t at, const struct elf_symbol *symbol)
{
    const uint8_t *raw = builder->text.data + (size_t)at * CONTAINER_INSTRUCTION_SIZE;
    uint64_t offset =
        symbol->value + ((uint32_t)raw[4] | (uint32_t)raw[5] << 8 | (uint32_t)raw[6] << 16 | (uint32_t)raw[7] << 24);
    struct elf_section section;
    int r;

    if (raw[0] != OPCODE_WIDE || at + 1 >= builder->count)
        return fail_at(builder, BUILD_RELOCATION, symbol->name, at);
    if (symbol->section == 0)
        return fail_at(builder, BUILD_UNDEFINED, symbol->name, at);
    if (symbol->section == builder->text_index)
        return fail_at(builder, BUILD_CODE_ADDRESS, name_at(builder, symbol->section, offset), at);
    if (symbol->section >= ELF_SECTIONS_MAX || !elf_section(&builder->elf, symbol->section, &section) ||
        (section.flags & ELF_ALLOC) == 0 || (section.flags & ELF_EXECUTE) != 0 ||
        (section.type != ELF_PROGBITS && section.type != ELF_NOBITS))
        return fail_at(builder, BUILD_UNDEFINED, symbol->name, at);
    r = place_section(builder, symbol->section, &section);
    if (r != 0)
        return r;
    if (offset >= section.size)
        return fail_at(builder, BUILD_SECTION_SIZE, name_at(builder, symbol->section, offset), at);
    builder->patches[at] =
        (struct patch){ builder->places[symbol->section].is_data ? OPCODE_WIDE_DATA : OPCODE_WIDE_RODATA,
                        builder->places[symbol->section].base + (uint32_t)offset };
    return 0;
}

static int relocate_call(struct builder *builder, uint32_t at, const struct elf_symbol *symbol)
{
    uint32_t number = container_helper_number(symbol->name);

    if (builder->text.data[(size_t)at * CONTAINER_INSTRUCTION_SIZE] != OPCODE_CALL)
        return fail_at(builder, BUILD_RELOCATION, symbol->name, at);
    if (symbol->section != 0)
        return fail_at(builder, BUILD_LOCAL_CALL, symbol->name, at);
    if (number == 0)
        return fail_at(builder, BUILD_UNKNOWN_HELPER, symbol->name, at);
    builder->patches[at] = (struct patch){ OPCODE_CALL, number };
    return 0;
}

static int relocate(struct builder *builder, const struct elf_section *section)
{
    struct elf_relocation relocation;
    struct elf_symbol symbol;
    int r = 0;

    for (uint32_t i = 0; r == 0 && elf_relocation(section, i, &relocation); i++) {
        if (!elf_symbol(&builder->elf, relocation.symbol, &symbol) || relocation.offset >= builder->text.size ||
            relocation.offset % CONTAINER_INSTRUCTION_SIZE != 0)
            return fail(builder, BUILD_BROKEN, nothing());
        uint32_t at = (uint32_t)(relocation.offset / CONTAINER_INSTRUCTION_SIZE);
        if (relocation.type == R_BPF_64_64)
            r = relocate_load(builder, at, &symbol);
        else if (relocation.type == R_BPF_64_32)
            r = relocate_call(builder, at, &symbol);
        else
            r = fail_at(builder, BUILD_RELOCATION, symbol.name, at);
    }
    return r;
}

static int relocate_all(struct builder *builder)
{
    struct elf_section section;
    int r = 0;

    for (uint32_t i = 1; r == 0 && i < builder->elf.section_count; i++) {
        if (!elf_section(&builder->elf, i, &section) || section.info != builder->text_index)
            continue;
        if (section.type == ELF_RELA)
            return fail(builder, BUILD_RELOCATION, section.name);
        if (section.type == ELF_REL)
            r = relocate(builder, &section);
    }
    return r;
}

/* ---- instructions ---- */

static struct container_instruction instruction_at(const struct builder *builder, uint32_t i)
{
    const struct container view = { .text = builder->text };

    return container_instruction(&view, i);
}

static int check_call(struct builder *builder, uint32_t i, const struct container_instruction *in)
{
    int64_t target = (int64_t)i + 1 + in->immediate;

    if (in->source == 0 || builder->patches[i].opcode == OPCODE_CALL)
        return 0;
    if (in->source != PSEUDO_CALL || target < 0)
        return fail_at(builder, BUILD_OPCODE, builder->function, i);
    return fail_at(builder, BUILD_LOCAL_CALL,
                   name_at(builder, builder->text_index, (uint64_t)target * CONTAINER_INSTRUCTION_SIZE), i);
}

static int check_opcode(struct builder *builder, uint32_t i, const struct container_instruction *in)
{
    unsigned group = in->opcode & 7u;
    struct bytes name = name_at(builder, builder->text_index, (uint64_t)i * CONTAINER_INSTRUCTION_SIZE);

    if (in->opcode == 0xD4 || in->opcode == 0xDC || in->opcode == 0xD7)
        return fail_at(builder, BUILD_BYTE_SWAP, name, i);
    if (group == 4 || group == 6)
        return fail_at(builder, BUILD_ALU32, name, i);
    if (group == 3 && (in->opcode & 0xE0u) == 0xC0)
        return fail_at(builder, BUILD_ATOMIC, name, i);
    if (in->opcode == OPCODE_CALL_BY)
        return fail_at(builder, BUILD_INDIRECT_CALL, name, i);
    if (container_class_of(in->opcode, false) == CLASS_UNKNOWN || (group == 7 && in->offset != 0) ||
        in->opcode == OPCODE_WIDE_DATA || in->opcode == OPCODE_WIDE_RODATA ||
        (in->opcode == OPCODE_WIDE && (i + 1 == builder->count || in->source != 0)))
        return fail_at(builder, BUILD_OPCODE, name, i);
    return in->opcode == OPCODE_CALL ? check_call(builder, i, in) : 0;
}

/* Devices OR the sign-extended low half of a constant onto its high half: not the same where only the low one is
 * negative. */
static bool is_long_constant(const struct builder *builder, uint32_t i, const struct container_instruction *in)
{
    return in->opcode == OPCODE_WIDE && builder->patches[i].opcode == 0 && in->immediate < 0 &&
           instruction_at(builder, i + 1).immediate != -1;
}

/* Judges each instruction, and finds where it comes to lie. */
static int measure(struct builder *builder)
{
    uint32_t at = 0;
    int r;

    for (uint32_t i = 0; i < builder->count; i++) {
        struct container_instruction in = instruction_at(builder, i);
        enum container_class class = container_class_of(in.opcode, false);

        builder->at[i] = (uint16_t)at;
        r = check_opcode(builder, i, &in);
        if (r != 0)
            return r;
        if ((class == CLASS_JUMP || class == CLASS_CONDITION) && (int64_t)i + 1 + in.offset == 0)
            builder->jumps_to_start = true;
        at += is_long_constant(builder, i, &in) ? 3 : class == CLASS_WIDE ? 2 : 1;
        if (class == CLASS_WIDE)
            builder->at[++i] = UINT16_MAX;
    }
    builder->at[builder->count] = (uint16_t)at;
    return 0;
}

/* ---- writing ---- */

struct writer {
    uint8_t *out;
    size_t capacity, size;
    bool full;
};

static void put(struct writer *writer, struct bytes bytes)
{
    if (bytes.size > writer->capacity - writer->size)
        writer->full = true;
    else if (bytes.size > 0) {
        memcpy(writer->out + writer->size, bytes.data, bytes.size);
        writer->size += bytes.size;
    }
}

static void put_number(struct writer *writer, uint64_t value, unsigned size)
{
    uint8_t raw[8];

    for (unsigned i = 0; i < size; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    put(writer, bytes_view(raw, size));
}

static void put_instruction(struct writer *writer, uint8_t opcode, unsigned registers, int16_t offset, uint32_t value)
{
    put_number(writer, opcode, 1);
    put_number(writer, registers, 1);
    put_number(writer, (uint16_t)offset, 2);
    put_number(writer, value, 4);
}

static void put_zeros(struct writer *writer, size_t end)
{
    while (writer->size < end && !writer->full)
        put_number(writer, 0, 1);
}

/* Sections of one kind, in the order of their places. */
static int put_sections(struct builder *builder, struct writer *writer, bool data)
{
    size_t begin = writer->size;
    struct elf_section section;
    uint32_t size = data ? builder->data_size : builder->rodata_size;

    for (uint32_t base = 0; base < size;) {
        uint32_t i = 0;

        while (i < ELF_SECTIONS_MAX &&
               (!builder->places[i].used || builder->places[i].is_data != data || builder->places[i].base != base))
            i++;
        if (i == ELF_SECTIONS_MAX || !elf_section(&builder->elf, i, &section) || section.size == 0)
            return fail(builder, BUILD_BROKEN, nothing());
        put(writer, section.content);
        base += ((uint32_t)section.size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        put_zeros(writer, begin + base);
    }
    return 0;
}

/* The instruction in the container that an object's jump leads to, as an offset from behind the jump. */
static int put_jump(struct builder *builder, struct writer *writer, uint32_t i, const struct container_instruction *in)
{
    int64_t target = (int64_t)i + 1 + in->offset;
    int64_t offset;

    if (target < 0 || target >= builder->count || builder->at[target] == UINT16_MAX)
        return fail_at(builder, BUILD_JUMP, builder->function, i);
    offset = (int64_t)builder->at[target] - builder->at[i] - 1;
    put_instruction(writer, in->opcode, in->destination | (unsigned)in->source << 4, (int16_t)offset,
                    (uint32_t)in->immediate);
    return 0;
}

static void put_wide(struct builder *builder, struct writer *writer, uint32_t i, const struct container_instruction *in)
{
    const struct patch *patch = &builder->patches[i];
    uint32_t high = (uint32_t)instruction_at(builder, i + 1).immediate;

    if (is_long_constant(builder, i, in)) {
        put_instruction(writer, OPCODE_MOV, in->destination, 0, high + 1);
        put_instruction(writer, OPCODE_LSH, in->destination, 0, 32);
        put_instruction(writer, OPCODE_ADD, in->destination, 0, (uint32_t)in->immediate);
        return;
    }
    put_instruction(writer, patch->opcode != 0 ? patch->opcode : in->opcode, in->destination, 0,
                    patch->opcode != 0 ? patch->value : (uint32_t)in->immediate);
    put_instruction(writer, 0, 0, 0, patch->opcode != 0 ? 0 : high);
}

static int put_text(struct builder *builder, struct writer *writer)
{
    struct container_instruction in = { 0 };
    int r = 0;

    if (builder->jumps_to_start) /* which devices refuse */
        put_instruction(writer, OPCODE_MOV, 0, 0, 0);
    for (uint32_t i = 0; i < builder->count && r == 0; i++) {
        in = instruction_at(builder, i);
        enum container_class class = container_class_of(in.opcode, false);

        if (class == CLASS_WIDE)
            put_wide(builder, writer, i++, &in);
        else if (class == CLASS_JUMP || class == CLASS_CONDITION)
            r = put_jump(builder, writer, i, &in);
        else if (in.opcode == OPCODE_NEG)
            put_instruction(writer, OPCODE_MUL, in.destination, 0, UINT32_MAX);
        else if (builder->patches[i].opcode == OPCODE_CALL)
            put_instruction(writer, OPCODE_CALL, 0, 0, builder->patches[i].value);
        else
            put_instruction(writer, in.opcode, in.destination | (unsigned)in.source << 4, in.offset,
                            (uint32_t)in.immediate);
    }
    if (r == 0 && in.opcode != OPCODE_EXIT) /* where clang ends with a loop; devices ask for an exit there */
        put_instruction(writer, OPCODE_EXIT, 0, 0, 0);
    return r;
}

static int write_container(struct builder *builder, struct writer *writer)
{
    uint32_t name_size = ((uint32_t)builder->function.size + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    size_t text;
    int r;

    put(writer, bytes_of_text("rBPF"));
    put_zeros(writer, CONTAINER_HEADER_SIZE);
    r = put_sections(builder, writer, true);
    if (r == 0)
        r = put_sections(builder, writer, false);
    put(writer, builder->function);
    put_zeros(writer, CONTAINER_HEADER_SIZE + builder->data_size + builder->rodata_size + name_size);
    text = writer->size;
    if (r == 0)
        r = put_text(builder, writer);
    if (r != 0)
        return r;
    struct writer header = { writer->out, writer->capacity, 12, false };
    text = writer->size - text;
    put_number(writer, builder->rodata_size, 2);
    put_number(writer, 0, 4);
    if (writer->full)
        return fail(builder, BUILD_NO_ROOM, nothing());
    put_number(&header, builder->data_size, 4);
    put_number(&header, builder->rodata_size + name_size, 4);
    put_number(&header, text, 4);
    put_number(&header, 1, 4);
    return 0;
}

static int build(struct builder *builder, struct bytes object, struct writer *writer)
{
    int r;

    if (!elf_open(object, &builder->elf))
        return fail(builder, BUILD_NOT_ELF, nothing());
    if (builder->elf.section_count > ELF_SECTIONS_MAX)
        return fail(builder, BUILD_TOO_MANY, nothing());
    r = find_text(builder);
    if (r == 0)
        r = relocate_all(builder);
    if (r == 0)
        r = measure(builder);
    if (r == 0)
        r = find_function(builder);
    return r != 0 ? r : write_container(builder, writer);
}

int container_build(struct bytes object, uint8_t *out, size_t capacity, size_t *out_size,
                    struct container_build_problem *problem)
{
    struct builder builder = { .text_index = 0 };
    struct writer writer = { .out = out, .capacity = capacity };
    int r = build(&builder, object, &writer);

    if (r != 0)
        *problem = builder.problem;
    else
        *out_size = writer.size;
    return r;
}

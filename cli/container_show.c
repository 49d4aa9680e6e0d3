/* container_show.c - what stands in a container. The disassembly writes instructions as the project's assembler reads
 * them, with jump targets as instruction numbers; what the verifier cannot prove is marked where it stands. */
#include "cli/container_show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/cleanup.h"
#include "device_proto/container_isa.h"
#include "device_proto/script.h"
#include "device_proto/wasm.h"

#define CONTENT_MAX (1u << 20)
#define NAME_SHOWN  256u

static const uint32_t all_helpers[] = {
    CONTAINER_SAUL_FIND_NTH,          CONTAINER_SAUL_FIND_TYPE, CONTAINER_SAUL_READ,  CONTAINER_ZTIMER_NOW,
    CONTAINER_ZTIMER_PERIODIC_WAKEUP, CONTAINER_STORE_LOCAL,    CONTAINER_FETCH_LOCAL
};

int container_show_judge(struct bytes file, struct container_problem *problem, struct container_facts *facts)
{
    _cleanup_free_ struct container_scratch *scratch = malloc(sizeof(*scratch));
    struct container_limits limits = { .size_max = CONTENT_MAX,
                                       .branches_max = CONTAINER_BRANCHES_MAX,
                                       .helpers = all_helpers,
                                       .helper_count = sizeof(all_helpers) / sizeof(all_helpers[0]),
                                       .section_loads = true };

    if (scratch == NULL)
        return -ENOMEM;
    enum container_verdict verdict = container_judge(file, &limits, 0, scratch, problem, facts);
    if (verdict == CONTAINER_REFUSED && problem->reason == CONTAINER_UNKNOWN_OPCODE) {
        limits.neg_is_8f = true;
        verdict = container_judge(file, &limits, 0, scratch, problem, facts);
    }
    return (int)verdict;
}

/* A name out of a stranger's file, as a terminal and JSON can take it. */
static json_t *name_json(struct bytes name)
{
    char text[NAME_SHOWN + 1];
    size_t size = 0;

    for (; size < name.size && size < NAME_SHOWN; size++)
        text[size] = (char)(name.data[size] > 0x20 && name.data[size] < 0x7F ? name.data[size] : '?');
    return json_stringn(text, size);
}

/* ---- one instruction ---- */

static void print_alu(FILE *out, const struct container_instruction *in)
{
    static const char *const names[] = { "add", "sub", "mul", "div", "or",  "and", "lsh",
                                         "rsh", "neg", "mod", "xor", "mov", "arsh" };
    const char *name = names[in->opcode >> 4];

    if ((in->opcode & OPERATION_MASK) == OPERATION_NEG)
        fprintf(out, "%-7s r%u", name, in->destination);
    else if (container_operand_is_source(in->opcode, CLASS_ALU))
        fprintf(out, "%-7s r%u, r%u", name, in->destination, in->source);
    else
        fprintf(out, "%-7s r%u, %d", name, in->destination, (int)in->immediate);
}

static void print_memory(FILE *out, const struct container_instruction *in, bool loads)
{
    static const char suffixes[] = { 'w', 'h', 'b', 'x' };
    char suffix = suffixes[(in->opcode & ACCESS_SIZE_MASK) >> 3];

    if (loads)
        fprintf(out, "ld%c     r%u, [r%u%+d]", suffix, in->destination, in->source, in->offset);
    else if (container_operand_is_source(in->opcode, CLASS_STORE))
        fprintf(out, "st%c     [r%u%+d], r%u", suffix, in->destination, in->offset, in->source);
    else
        fprintf(out, "st%c     [r%u%+d], %d", suffix, in->destination, in->offset, (int)in->immediate);
}

static void print_condition(FILE *out, const struct container_instruction *in, long target)
{
    static const char *const names[] = { "?",    "jeq",  "jgt", "jge", "jset", "jne",  "jsgt",
                                         "jsge", "call", "?",   "jlt", "jle",  "jslt", "jsle" };
    const char *name = names[in->opcode >> 4];

    if (container_operand_is_source(in->opcode, CLASS_CONDITION))
        fprintf(out, "%-7s r%u, r%u, %ld", name, in->destination, in->source, target);
    else
        fprintf(out, "%-7s r%u, %d, %ld", name, in->destination, (int)in->immediate, target);
}

static void print_wide(FILE *out, const struct container_instruction *in, uint32_t high)
{
    uint64_t value = (uint32_t)in->immediate | (uint64_t)high << 32;

    fprintf(out, "%-7s r%u, %s%llx",
            in->opcode == OPCODE_WIDE_DATA     ? "lddwd"
            : in->opcode == OPCODE_WIDE_RODATA ? "lddwr"
                                               : "lddw",
            in->destination, "0x", (unsigned long long)value);
}

static void print_instruction(FILE *out, const struct container *container, uint32_t at, uint32_t count)
{
    struct container_instruction in = container_instruction(container, at);
    const char *helper = container_helper_name((uint32_t)in.immediate);
    enum container_class class = container_class_of(in.opcode, in.opcode == OPCODE_NEG_FEMTO);
    long target = (long)at + 1 + in.offset;

    switch (class) {
    case CLASS_ALU:
        print_alu(out, &in);
        return;
    case CLASS_LOAD:
    case CLASS_STORE:
        print_memory(out, &in, class == CLASS_LOAD);
        return;
    case CLASS_WIDE:
        print_wide(out, &in, at + 1 < count ? (uint32_t)container_instruction(container, at + 1).immediate : 0);
        return;
    case CLASS_JUMP:
        fprintf(out, "%-7s %ld", "ja", target);
        return;
    case CLASS_CONDITION:
        print_condition(out, &in, target);
        return;
    case CLASS_CALL:
        if (helper != NULL)
            fprintf(out, "%-7s %s", "call", helper);
        else
            fprintf(out, "%-7s 0x%x", "call", (unsigned)in.immediate);
        return;
    case CLASS_EXIT:
        fprintf(out, "exit");
        return;
    case CLASS_UNKNOWN:
        break;
    }
    fprintf(out, "?       opcode 0x%02x", in.opcode);
}

static void print_name(FILE *out, struct bytes name)
{
    json_t *shown = name_json(name);

    fprintf(out, "%s:\n", shown != NULL ? json_string_value(shown) : "?");
    json_decref(shown);
}

/* The whole text, NUL-terminated, the caller's to free; NULL: no room. */
static char *disassemble(const struct container *container, const struct container_problem *problem)
{
    uint32_t count = (uint32_t)(container->text.size / CONTAINER_INSTRUCTION_SIZE);
    struct container_function function;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    for (uint32_t at = 0; at < count; at++) {
        struct container_instruction in = container_instruction(container, at);

        for (uint32_t i = 0; i < container->function_count; i++)
            if (container_function(container, i, &function) == 0 && function.offset == at * CONTAINER_INSTRUCTION_SIZE)
                print_name(out, function.name);
        fprintf(out, "%5u  ", (unsigned)at);
        print_instruction(out, container, at, count);
        if (problem->reason != 0 && problem->at_instruction && problem->instruction == at)
            fprintf(out, "        <-- %s", container_reason_text((int)problem->reason));
        fputc('\n', out);
        at += container_class_of(in.opcode, false) == CLASS_WIDE;
    }
    return fclose(out) == 0 ? text : NULL;
}

/* ---- the whole ---- */

static json_t *functions_of(const struct container *container)
{
    struct container_function function;
    json_t *list = json_array();

    for (uint32_t i = 0; i < container->function_count; i++)
        if (container_function(container, i, &function) == 0)
            json_array_append_new(list, name_json(function.name));
    return list;
}

static void add_helper(json_t *list, uint32_t number)
{
    const char *name = container_helper_name(number);
    char text[48];
    json_t *known;
    size_t i;

    snprintf(text, sizeof(text), name != NULL ? "%s (0x%x)" : "%s0x%x", name != NULL ? name : "", (unsigned)number);
    json_array_foreach(list, i, known)
    {
        if (strcmp(json_string_value(known), text) == 0)
            return;
    }
    json_array_append_new(list, json_string(text));
}

static json_t *helpers_of(const struct container *container)
{
    uint32_t count = (uint32_t)(container->text.size / CONTAINER_INSTRUCTION_SIZE);
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++) {
        struct container_instruction in = container_instruction(container, i);

        if (container_class_of(in.opcode, false) == CLASS_CALL)
            add_helper(list, (uint32_t)in.immediate);
        i += container_class_of(in.opcode, false) == CLASS_WIDE;
    }
    return list;
}

static const char *const verdict_names[] = { "proven", "refused", "unproven" };

static void show_verdict(json_t *object, int verdict, const struct container_problem *problem,
                         const struct container_facts *facts)
{
    char reason[160] = "";

    if (verdict != CONTAINER_PROVEN && problem->at_instruction)
        snprintf(reason, sizeof(reason), "instruction %u: %s", (unsigned)problem->instruction,
                 container_reason_text((int)problem->reason));
    else if (verdict != CONTAINER_PROVEN)
        snprintf(reason, sizeof(reason), "%s", container_reason_text((int)problem->reason));
    json_object_set_new(object, "verdict", json_string(verdict_names[verdict]));
    json_object_set_new(object, "reason", json_string(reason));
    if (verdict == CONTAINER_PROVEN)
        json_object_set_new(object, "branches_most", json_integer(facts->branches_proven));
}

static int show_bpf(json_t *object, struct bytes file)
{
    struct container_problem problem = { .at_instruction = false };
    struct container_facts facts = { 0 };
    struct container container;
    int verdict = container_show_judge(file, &problem, &facts);

    if (verdict < 0)
        return verdict;
    if (verdict == CONTAINER_PROVEN)
        problem.reason = (enum container_reason)0;
    show_verdict(object, verdict, &problem, &facts);
    if (container_parse(file, &container) != 0)
        return 0;
    _cleanup_free_ char *text = disassemble(&container, &problem);
    if (text == NULL)
        return -ENOMEM;
    json_object_set_new(object, "data_bytes", json_integer((json_int_t)container.data.size));
    json_object_set_new(object, "rodata_bytes", json_integer((json_int_t)container.rodata.size));
    json_object_set_new(object, "text_bytes", json_integer((json_int_t)container.text.size));
    json_object_set_new(object, "functions", functions_of(&container));
    json_object_set_new(object, "helpers", helpers_of(&container));
    json_object_set_new(object, "disassembly", json_string(text));
    return 0;
}

static int show_wasm(json_t *object, struct bytes file)
{
    static const struct wasm_limits limits = { CONTENT_MAX, 16, 1024, NULL, 0 };
    struct wasm_problem problem;
    struct wasm_facts facts;
    char reason[160] = "";
    int r = wasm_check(file, &limits, &problem, &facts);
    json_t *helpers;

    if (r != 0)
        snprintf(reason, sizeof(reason), "byte %zu: %s", problem.at, wasm_reason_text(r));
    json_object_set_new(object, "verdict", json_string(r != 0 ? "refused" : "well-formed"));
    json_object_set_new(object, "reason", json_string(reason));
    if (r != 0) {
        json_object_set_new(object, "import", name_json(problem.name));
        return 0;
    }
    helpers = json_array();
    for (size_t i = 0; i < facts.helper_count; i++)
        add_helper(helpers, facts.helpers[i]);
    json_object_set_new(object, "functions", json_integer(facts.functions));
    json_object_set_new(object, "memory_pages", json_integer(facts.memory_pages));
    json_object_set_new(object, "helpers", helpers);
    return 0;
}

static int show_script(json_t *object, struct bytes file)
{
    char reason[160] = "";
    uint32_t line;
    int r = script_check(file, CONTENT_MAX, &line);

    if (r != 0)
        snprintf(reason, sizeof(reason), "line %u: %s", (unsigned)line, script_reason_text(r));
    json_object_set_new(object, "verdict", json_string(r != 0 ? "refused" : "well-formed"));
    json_object_set_new(object, "reason", json_string(reason));
    return 0;
}

int container_show(json_t *object, const char *type, struct bytes file)
{
    static const struct {
        const char *type;
        int (*show)(json_t *object, struct bytes file);
    } kinds[] = { { "bpf", show_bpf }, { "wasm", show_wasm }, { "python", show_script }, { "shell", show_script } };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].show(object, file);
    return 0;
}

const char *container_show_type(struct bytes file)
{
    if (file.size >= 4 && memcmp(file.data, "rBPF", 4) == 0)
        return "bpf";
    return file.size >= 4 && memcmp(file.data, "\0asm", 4) == 0 ? "wasm" : NULL;
}

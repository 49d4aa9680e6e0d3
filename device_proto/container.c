/* container.c - Femto-Container files taken apart, and the text of what stock devices answer. */
#include "device_proto/container.h"

static uint32_t read_u32(const uint8_t *data)
{
    return (uint32_t)data[0] | ((uint32_t)data[1] << 8) | ((uint32_t)data[2] << 16) | ((uint32_t)data[3] << 24);
}

static uint16_t read_u16(const uint8_t *data)
{
    return (uint16_t)(data[0] | (data[1] << 8));
}

int container_parse(struct bytes file, struct container *out)
{
    uint64_t data_size, rodata_size, text_size, function_count;
    const uint8_t *at = file.data;
    struct container container;

    if (file.size < CONTAINER_HEADER_SIZE)
        return CONTAINER_SHORT;
    if (memcmp(at, "rBPF", 4) != 0)
        return CONTAINER_BAD_MAGIC;
    if (read_u32(at + 4) != 0)
        return CONTAINER_BAD_VERSION;
    if (read_u32(at + 8) != 0)
        return CONTAINER_BAD_FLAGS;
    data_size = read_u32(at + 12);
    rodata_size = read_u32(at + 16);
    text_size = read_u32(at + 20);
    function_count = read_u32(at + 24);
    if (CONTAINER_HEADER_SIZE + data_size + rodata_size + text_size + CONTAINER_FUNCTION_SIZE * function_count !=
        file.size)
        return CONTAINER_BAD_SIZE;
    if (text_size == 0 || text_size % CONTAINER_INSTRUCTION_SIZE != 0 ||
        text_size / CONTAINER_INSTRUCTION_SIZE > CONTAINER_INSTRUCTIONS_MAX)
        return CONTAINER_BAD_TEXT_SIZE;
    if (function_count > CONTAINER_FUNCTIONS_MAX)
        return CONTAINER_BAD_FUNCTION;
    container.file = file;
    container.data = bytes_view(at + CONTAINER_HEADER_SIZE, (size_t)data_size);
    container.rodata = bytes_view(container.data.data + data_size, (size_t)rodata_size);
    container.text = bytes_view(container.rodata.data + rodata_size, (size_t)text_size);
    container.functions =
        bytes_view(container.text.data + text_size, (size_t)(CONTAINER_FUNCTION_SIZE * function_count));
    container.function_count = (uint32_t)function_count;
    *out = container;
    return 0;
}

int container_function(const struct container *container, uint32_t i, struct container_function *out)
{
    const uint8_t *entry = container->functions.data + (size_t)i * CONTAINER_FUNCTION_SIZE;
    uint16_t name_offset = read_u16(entry);
    uint16_t offset = read_u16(entry + 4);
    const uint8_t *name, *end;

    if (name_offset >= container->rodata.size || offset % CONTAINER_INSTRUCTION_SIZE != 0 ||
        offset >= container->text.size)
        return CONTAINER_BAD_FUNCTION;
    name = container->rodata.data + name_offset;
    end = memchr(name, '\0', container->rodata.size - name_offset);
    if (end == NULL)
        return CONTAINER_BAD_FUNCTION;
    out->name = bytes_view(name, (size_t)(end - name));
    out->flags = read_u16(entry + 2);
    out->offset = offset;
    return 0;
}

struct container_instruction container_instruction(const struct container *container, uint32_t i)
{
    const uint8_t *raw = container->text.data + (size_t)i * CONTAINER_INSTRUCTION_SIZE;
    struct container_instruction instruction = {
        .opcode = raw[0],
        .destination = raw[1] & 15u,
        .source = raw[1] >> 4,
        .offset = (int16_t)read_u16(raw + 2),
        .immediate = (int32_t)read_u32(raw + 4),
    };

    return instruction;
}

const char *container_reason_text(int reason)
{
    static const char *const texts[] = {
        [0] = "no problem",
        [CONTAINER_SHORT] = "shorter than a container's header",
        [CONTAINER_OVERSIZE] = "larger than the device's slot",
        [CONTAINER_BAD_MAGIC] = "does not begin with rBPF",
        [CONTAINER_BAD_VERSION] = "format version is not 0",
        [CONTAINER_BAD_FLAGS] = "flags are not 0 (compressed text is not supported)",
        [CONTAINER_BAD_SIZE] = "the sections do not add up to the size of the file",
        [CONTAINER_BAD_TEXT_SIZE] = "no text, too many instructions, or no whole number of them",
        [CONTAINER_BAD_FUNCTION] = "an entry of the function table is invalid",
        [CONTAINER_UNKNOWN_OPCODE] = "not in the device's instruction set",
        [CONTAINER_BAD_REGISTER] = "register above r10",
        [CONTAINER_FRAME_POINTER] = "writes the frame pointer r10",
        [CONTAINER_UNUSED_FIELD] = "a field that this instruction does not use is not 0",
        [CONTAINER_WIDE_CUT] = "16-byte load without a valid second half",
        [CONTAINER_WIDE_SIGN] = "16-byte load that the device would sign-extend",
        [CONTAINER_SECTION_RANGE] = "load address beyond its section",
        [CONTAINER_SECTION_REFUSED] = "data sections, and loads relative to data or rodata, do not work on this device",
        [CONTAINER_STACK_RANGE] = "load or store outside of the stack",
        [CONTAINER_BAD_SHIFT] = "shift by 64 or more",
        [CONTAINER_DIVISION_BY_ZERO] = "division by the constant 0",
        [CONTAINER_JUMP_OUTSIDE] = "jump out of the text",
        [CONTAINER_JUMP_INTO_WIDE] = "jump into the middle of a 16-byte load",
        [CONTAINER_JUMP_TO_START] = "jump to the first instruction, which devices refuse",
        [CONTAINER_HELPER_REFUSED] = "helper call that is not allowed",
        [CONTAINER_HELPER_POINTER] = "helper call with an address that is not surely a sensor, or room on the stack",
        [CONTAINER_NO_EXIT] = "does not end in exit, or cannot reach one",
        [CONTAINER_TOO_MANY_BRANCHES] = "takes more branches than one run may",
        [CONTAINER_UNPROVEN_REGISTER] = "reads a register that may never have been set",
        [CONTAINER_UNPROVEN_STACK_READ] = "reads stack that may never have been written",
        [CONTAINER_UNPROVEN_ADDRESS] = "load or store through what may be no address of its memory",
        [CONTAINER_UNPROVEN_RANGE] = "load or store that may leave stack, context, data or rodata",
        [CONTAINER_UNPROVEN_WRITE] = "may write to rodata",
        [CONTAINER_UNPROVEN_DIVISOR] = "may divide by 0",
        [CONTAINER_UNPROVEN_HELPER] = "helper call with an argument that cannot be proven right",
        [CONTAINER_UNPROVEN_BRANCHES] = "may take more branches than one run may",
        [CONTAINER_UNPROVEN_EFFORT] = "has more ways through it than the verifier follows",
    };

    if (reason < 0 || (size_t)reason >= sizeof(texts) / sizeof(texts[0]))
        return "unknown reason";
    return texts[reason];
}

/* ---- helpers by name ---- */

static const struct {
    uint32_t number;
    const char *name;
} helpers[] = {
    { CONTAINER_SAUL_FIND_NTH, "saul_reg_find_nth" },
    { CONTAINER_SAUL_FIND_TYPE, "saul_reg_find_type" },
    { CONTAINER_SAUL_READ, "saul_reg_read" },
    { CONTAINER_ZTIMER_NOW, "ztimer_now" },
    { CONTAINER_ZTIMER_PERIODIC_WAKEUP, "ztimer_periodic_wakeup" },
    { CONTAINER_STORE_LOCAL, "bpf_store_local" },
    { CONTAINER_FETCH_LOCAL, "bpf_fetch_local" },
};

const char *container_helper_name(uint32_t number)
{
    for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
        if (helpers[i].number == number)
            return helpers[i].name;
    return NULL;
}

uint32_t container_helper_number(struct bytes name)
{
    for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
        if (bytes_equal_text(name, helpers[i].name))
            return helpers[i].number;
    return 0;
}

/* ---- answers ---- */

size_t container_result_print(int64_t result, char out[CONTAINER_RESULT_TEXT_MAX])
{
    int32_t hundredths = (int32_t)(uint32_t)(uint64_t)result;
    uint32_t magnitude = hundredths < 0 ? 0u - (uint32_t)hundredths : (uint32_t)hundredths;
    char reversed[CONTAINER_RESULT_TEXT_MAX];
    size_t size = 0, count = 0;

    while (magnitude != 0 || count < 4) { /* two digits, the point, at least one more */
        if (count == 2) {
            reversed[count++] = '.';
            continue;
        }
        reversed[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    }
    if (hundredths < 0)
        out[size++] = '-';
    while (count > 0)
        out[size++] = reversed[--count];
    return size;
}

int container_result_parse(struct bytes text, int32_t *out_hundredths)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t first = negative ? 1 : 0;
    int64_t value = 0;

    if (text.size < first + 4 || text.size > CONTAINER_RESULT_TEXT_MAX || text.data[text.size - 3] != '.')
        return 1;
    if (text.data[first] == '0' && text.size > first + 4)
        return 1;
    for (size_t i = first; i < text.size; i++) {
        if (i == text.size - 3)
            continue;
        if (text.data[i] < '0' || text.data[i] > '9')
            return 1;
        value = value * 10 + (text.data[i] - '0');
    }
    value = negative ? -value : value;
    if (value < INT32_MIN || value > INT32_MAX || (negative && value == 0))
        return 1;
    *out_hundredths = (int32_t)value;
    return 0;
}

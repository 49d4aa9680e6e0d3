/* kind_container.c - Femto-Container files ("rBPF"), for a device with a slot of 4096 bytes, at most 200 taken
 * branches, the helpers 0x30-0x32 and 0x60, no working data sections, and negation as eBPF has it. The verdict is the
 * structural verifier's: what must never run. */
#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"

#define REG_MAX 9u /* r0..r9 may be written */

/* The container's sections and header fields, right until a case says otherwise. */
struct image {
    struct emit text, rodata, data, functions;
    uint64_t magic, version, flags, text_size, function_count;
};

static void op(struct image *image, unsigned opcode, unsigned destination, unsigned source, int offset, uint32_t value)
{
    emit_byte(&image->text, opcode);
    emit_byte(&image->text, source << 4 | destination);
    emit_little_endian(&image->text, (uint64_t)offset & 0xffff, 2);
    emit_little_endian(&image->text, value, 4);
}

static unsigned some_register(struct making *making)
{
    return (unsigned)random_between(&making->random, 0, REG_MAX);
}

static void end(struct image *image)
{
    op(image, 0x95, 0, 0, 0, 0);
}

/* mov r0, n and some arithmetic: straight down, nothing that depends on anything. */
static struct image begin(struct making *making)
{
    static const unsigned arithmetic[] = { 0x07, 0x17, 0x27, 0x47, 0x57, 0xa7, 0xb7, 0x37, 0x97 };
    struct image image = { .magic = 0x46504272 };

    for (unsigned i = 0; i <= REG_MAX; i++)
        op(&image, 0xb7, i, 0, 0, (uint32_t)random_below(&making->random, 1000));
    for (uint64_t left = random_below(&making->random, 12); left > 0; left--) {
        unsigned opcode = arithmetic[random_below(&making->random, 9)], destination = some_register(making);

        op(&image, opcode, destination, 0, 0, (uint32_t)random_between(&making->random, 1, 0x7fffffff));
    }
    return image;
}

static void finish(struct making *making, const struct image *image)
{
    struct emit *out = &making->out;

    emit_little_endian(out, image->magic, 4);
    emit_little_endian(out, image->version, 4);
    emit_little_endian(out, image->flags, 4);
    emit_little_endian(out, image->data.size, 4);
    emit_little_endian(out, image->rodata.size, 4);
    emit_little_endian(out, image->text_size != 0 ? image->text_size : image->text.size, 4);
    emit_little_endian(out, image->function_count != 0 ? image->function_count : image->functions.size / 6, 4);
    emit_all(out, &image->data);
    emit_all(out, &image->rodata);
    emit_all(out, &image->text);
    emit_all(out, &image->functions);
}

static void end_and_finish(struct making *making, struct image *image)
{
    end(image);
    finish(making, image);
}

/* ---- accepted ---- */

static void straight(struct making *making)
{
    struct image image = begin(making);

    end_and_finish(making, &image);
}

static void with_function(struct making *making)
{
    struct image image = begin(making);

    emit_bytes(&image.rodata, "main", 5);
    emit_little_endian(&image.functions, 0, 2);
    emit_little_endian(&image.functions, 0, 2);
    emit_little_endian(&image.functions, 0, 2);
    end_and_finish(making, &image);
}

static void on_the_stack(struct making *making)
{
    struct image image = begin(making);
    int offset = -8 * (int)random_between(&making->random, 1, 64);

    op(&image, 0x7b, 10, some_register(making), offset, 0);
    op(&image, 0x79, some_register(making), 10, offset, 0);
    end_and_finish(making, &image);
}

static void forward_jump(struct making *making)
{
    static const unsigned jumps[] = { 0x15, 0x25, 0x35, 0x45, 0x55, 0x65, 0x75, 0xa5, 0xb5, 0xc5, 0xd5 };
    struct image image = begin(making);
    unsigned jump = jumps[random_below(&making->random, 11)];

    op(&image, jump, some_register(making), 0, 1, 5);
    op(&image, 0x07, 0, 0, 0, 1);
    end_and_finish(making, &image);
}

static void loop(struct making *making)
{
    struct image image = begin(making);

    op(&image, 0xb7, 6, 0, 0, (uint32_t)random_between(&making->random, 1, 100));
    op(&image, 0x07, 0, 0, 0, 1);
    op(&image, 0x17, 6, 0, 0, 1);
    op(&image, 0x55, 6, 0, -3, 0);
    end_and_finish(making, &image);
}

static void wide(struct making *making)
{
    struct image image = begin(making);
    unsigned destination = some_register(making);

    op(&image, 0x18, destination, 0, 0, (uint32_t)random_below(&making->random, 0x7fffffff));
    op(&image, 0, 0, 0, 0, (uint32_t)random_word(&making->random));
    end_and_finish(making, &image);
}

static void now(struct making *making)
{
    struct image image = begin(making);

    op(&image, 0x85, 0, 0, 0, 0x60);
    end_and_finish(making, &image);
}

/* ---- the file ---- */

static void cut_header(struct making *making)
{
    struct image image = begin(making);
    struct emit all;

    end_and_finish(making, &image);
    all = making->out;
    making->out.size = 0;
    emit_bytes(&making->out, all.data, random_below(&making->random, 28));
}

static void cut_text(struct making *making)
{
    struct image image = begin(making);

    end_and_finish(making, &image);
    making->out.size -= random_between(&making->random, 1, 80);
}

static void trailing(struct making *making)
{
    straight(making);
    item_ascii(&making->random, &making->out, random_between(&making->random, 1, 20));
}

static void magic(struct making *making)
{
    struct image image = begin(making);

    image.magic ^= (uint64_t)1 << random_below(&making->random, 32);
    end_and_finish(making, &image);
}

static void version(struct making *making)
{
    struct image image = begin(making);

    image.version = random_between(&making->random, 1, 0xffffffff);
    end_and_finish(making, &image);
}

static void flags(struct making *making)
{
    struct image image = begin(making);

    image.flags = random_between(&making->random, 1, 0xffffffff);
    end_and_finish(making, &image);
}

static void huge_size(struct making *making)
{
    static const uint64_t sizes[] = { 0xffffffff, 0xfffffff8, 0x80000000u, 0x7ffffff8 };
    struct image image = begin(making);

    image.text_size = sizes[making->round % 4];
    end_and_finish(making, &image);
}

static void huge_functions(struct making *making)
{
    struct image image = begin(making);

    image.function_count = random_between(&making->random, 0x2aaaaaaa, 0xffffffff);
    end_and_finish(making, &image);
}

static void no_text(struct making *making)
{
    struct image image = { .magic = 0x46504272 };

    finish(making, &image);
}

static void half_an_instruction(struct making *making)
{
    struct image image = begin(making);

    end(&image);
    item_ascii(&making->random, &image.text, random_between(&making->random, 1, 7));
    finish(making, &image);
}

static void larger_than_the_slot(struct making *making)
{
    struct image image = begin(making);

    for (unsigned i = 0; i < 520; i++)
        op(&image, 0x07, 0, 0, 0, 1);
    end_and_finish(making, &image);
}

static void function_outside(struct making *making)
{
    struct image image = begin(making);
    unsigned which = (unsigned)(making->round % 3);

    emit_bytes(&image.rodata, "main", which == 2 ? 4 : 5); /* 4: no NUL */
    emit_little_endian(&image.functions, which == 0 ? 5 : 0, 2);
    emit_little_endian(&image.functions, 0, 2);
    emit_little_endian(&image.functions, which == 1 ? 4 : 0, 2);
    end_and_finish(making, &image);
}

static void data_section(struct making *making)
{
    struct image image = begin(making);

    item_ascii(&making->random, &image.data, 8);
    end_and_finish(making, &image);
}

/* ---- instructions ---- */

static void unknown_opcode(struct making *making)
{
    static const unsigned opcodes[] = { 0x00, 0x04, 0x0c, 0xb4, 0xd4, 0xdc, 0xc3, 0xdb, 0x8d, 0x06, 0x16, 0xff, 0x20 };
    struct image image = begin(making);

    op(&image, opcodes[making->round % 13], 0, 0, 0, 1);
    end_and_finish(making, &image);
}

static void register_11(struct making *making)
{
    struct image image = begin(making);

    if (making->round % 2 == 0)
        op(&image, 0xbf, (unsigned)random_between(&making->random, 11, 15), 0, 0, 0);
    else
        op(&image, 0xbf, 0, (unsigned)random_between(&making->random, 11, 15), 0, 0);
    end_and_finish(making, &image);
}

static void frame_pointer(struct making *making)
{
    struct image image = begin(making);

    op(&image, making->round % 2 == 0 ? 0xb7 : 0x07, 10, 0, 0, 8);
    end_and_finish(making, &image);
}

static void outside_the_stack(struct making *making)
{
    static const int offsets[] = { 0, 8, -520, -32768, 32767, -4 };
    struct image image = begin(making);

    op(&image, 0x7b, 10, 0, offsets[making->round % 6], 0);
    end_and_finish(making, &image);
}

static void shift_by_64(struct making *making)
{
    static const unsigned shifts[] = { 0x67, 0x77, 0xc7 };
    struct image image = begin(making);

    op(&image, shifts[making->round % 3], 0, 0, 0, (uint32_t)random_between(&making->random, 64, 0xffffffff));
    end_and_finish(making, &image);
}

static void division_by_zero(struct making *making)
{
    struct image image = begin(making);

    op(&image, making->round % 2 == 0 ? 0x37 : 0x97, 0, 0, 0, 0);
    end_and_finish(making, &image);
}

static void jump_outside(struct making *making)
{
    static const int offsets[] = { 1, 100, 32767, -32768, -100 };
    struct image image = begin(making);

    op(&image, making->round % 2 == 0 ? 0x05 : 0x15, 0, 0, offsets[making->round % 5], 0);
    end_and_finish(making, &image);
}

static void jump_into_wide(struct making *making)
{
    struct image image = begin(making);

    op(&image, 0x15, 0, 0, 1, 0);
    op(&image, 0x18, 1, 0, 0, 5);
    op(&image, 0, 0, 0, 0, 5);
    end_and_finish(making, &image);
}

static void wide_cut(struct making *making)
{
    struct image image = begin(making);

    op(&image, 0x18, 1, 0, 0, 5);
    end_and_finish(making, &image);
}

static void refused_helper(struct making *making)
{
    static const uint32_t helpers[] = { 0, 1, 0x10, 0x61, 0x33, 0xffff, 0xffffffff };
    struct image image = begin(making);

    op(&image, 0x85, 0, 0, 0, helpers[making->round % 7]);
    end_and_finish(making, &image);
}

/* A sensor's handle out of thin air. */
static void made_up_pointer(struct making *making)
{
    struct image image = begin(making);

    op(&image, 0xbf, 2, 10, 0, 0);
    op(&image, 0x07, 2, 0, 0, (uint32_t)-8);
    op(&image, 0x85, 0, 0, 0, 0x32);
    end_and_finish(making, &image);
}

static void no_exit(struct making *making)
{
    struct image image = begin(making);

    finish(making, &image);
}

static void endless(struct making *making)
{
    struct image image = begin(making);

    op(&image, 0x05, 0, 0, -1, 0);
    end_and_finish(making, &image);
}

static const struct corpus_case cases[] = {
    { "straight", straight, ACCEPT, NULL, NULL },
    { "with-function", with_function, ACCEPT, NULL, NULL },
    { "on-the-stack", on_the_stack, ACCEPT, NULL, NULL },
    { "forward-jump", forward_jump, ACCEPT, NULL, NULL },
    { "loop", loop, ACCEPT, NULL, NULL },
    { "wide", wide, ACCEPT, NULL, NULL },
    { "now", now, ACCEPT, NULL, NULL },
    { "cut-header", cut_header, REFUSE, "truncated", "container header" },
    { "cut-text", cut_text, REFUSE, "length", "container header" },
    { "trailing", trailing, REFUSE, "length", "container header" },
    { "magic", magic, REFUSE, "syntax", "container header" },
    { "version", version, REFUSE, "version", "container header" },
    { "flags", flags, REFUSE, "unsupported", "container header" },
    { "huge-size", huge_size, REFUSE, "length", "container header" },
    { "huge-functions", huge_functions, REFUSE, "length", "container header" },
    { "no-text", no_text, REFUSE, "length", "container text" },
    { "half-an-instruction", half_an_instruction, REFUSE, "length", "container text" },
    { "larger-than-the-slot", larger_than_the_slot, REFUSE, "too-long", "slot size" },
    { "function-outside", function_outside, REFUSE, "range", "container function table" },
    { "data-section", data_section, REFUSE, "unsupported", "device profile" },
    { "unknown-opcode", unknown_opcode, REFUSE, "unsupported", "RFC 9669 section 4, device profile" },
    { "register-11", register_11, REFUSE, "range", "RFC 9669 section 2.2" },
    { "frame-pointer", frame_pointer, REFUSE, "value", "RFC 9669 section 2.2" },
    { "outside-the-stack", outside_the_stack, REFUSE, "range", "stack of 512 bytes" },
    { "shift-by-64", shift_by_64, REFUSE, "value", "RFC 9669 section 4.1" },
    { "division-by-zero", division_by_zero, REFUSE, "value", "RFC 9669 section 4.1" },
    { "jump-outside", jump_outside, REFUSE, "range", "RFC 9669 section 4.3" },
    { "jump-into-wide", jump_into_wide, REFUSE, "range", "RFC 9669 section 4.3" },
    { "wide-cut", wide_cut, REFUSE, "syntax", "RFC 9669 section 5.4" },
    { "refused-helper", refused_helper, REFUSE, "not-allowed", "grant" },
    { "made-up-pointer", made_up_pointer, REFUSE, "not-allowed", "helper arguments" },
    { "no-exit", no_exit, REFUSE, "endless", "RFC 9669 section 4.3" },
    { "endless", endless, REFUSE, "endless", "branch budget" },
};

const struct corpus_kind kind_container = { "container", "rbpf", ROWS(cases) };

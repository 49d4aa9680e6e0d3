#!/usr/bin/env python3
"""Assembles the example containers: every NAME.s beside this script becomes NAME.rbpf.

    make_containers.py              write all of them
    make_containers.py --check      write nothing; exit 1 where a file on disk is not what its source says
    make_containers.py FILE.s ...   write these, each beside its source

A container is an "rBPF" file: a header of seven little-endian 32-bit words (magic, version, flags, sizes of data,
rodata and text, number of functions), the three sections, and one entry per function (offset of its name in rodata,
flags, offset into text). Text is 64-bit eBPF (RFC 9669) without 32-bit arithmetic; two loads of the device's own give
addresses in data and rodata.

One instruction a line; ';' begins a comment, 'name:' a label:

    mov|add|sub|mul|div|mod|or|and|xor|lsh|rsh|arsh  rD, rS | number
    neg     rD                              (as eBPF has it; Femto-Containers builds know it as 0x8F: avoid it)
    lddw    rD, number                      64-bit constant
    lddwd|lddwr  rD, offset                 address in data | in rodata
    ldb|ldh|ldw|ldx    rD, [rS+offset]      load 1, 2, 4, 8 bytes, no sign
    stb|sth|stw|stx    [rD+offset], rS | number
    ja      label
    jeq|jne|jgt|jge|jlt|jle|jsgt|jsge|jslt|jsle|jset   rD, rS | number, label
    call    helper name | number
    exit
    .function name                          names the next instruction (the first function must begin the text)
    .data   size | "text"                   zeros, or text with its NUL; appended to data
    .rodata "text"                          appended to rodata
"""
import re
import struct
import sys
from pathlib import Path

ALU = {'add': 0x00, 'sub': 0x10, 'mul': 0x20, 'div': 0x30, 'or': 0x40, 'and': 0x50, 'lsh': 0x60, 'rsh': 0x70,
       'mod': 0x90, 'xor': 0xA0, 'mov': 0xB0, 'arsh': 0xC0}
JUMPS = {'jeq': 0x10, 'jgt': 0x20, 'jge': 0x30, 'jset': 0x40, 'jne': 0x50, 'jsgt': 0x60, 'jsge': 0x70, 'jlt': 0xA0,
         'jle': 0xB0, 'jslt': 0xC0, 'jsle': 0xD0}
SIZES = {'w': 0x00, 'h': 0x08, 'b': 0x10, 'x': 0x18}
WIDE = {'lddw': 0x18, 'lddwd': 0xB8, 'lddwr': 0xD8}
HELPERS = {'saul_reg_find_nth': 0x30, 'saul_reg_find_type': 0x31, 'saul_reg_read': 0x32, 'ztimer_now': 0x60,
           'ztimer_periodic_wakeup': 0x61, 'bpf_store_local': 0x10, 'bpf_fetch_local': 0x12}


class Problem(Exception):
    pass


def register(text):
    match = re.fullmatch(r'r(\d|10)', text)
    if not match:
        raise Problem(f'{text!r} is not a register r0..r10')
    return int(match[1])


def number(text, low=-2**31, high=2**32 - 1):
    try:
        value = int(text, 0)
    except ValueError:
        raise Problem(f'{text!r} is not a number') from None
    if not low <= value <= high:
        raise Problem(f'{text} does not fit')
    return value


def memory(text):
    match = re.fullmatch(r'\[\s*(r\d+)\s*([+-]\s*\w+)\s*\]', text)
    if not match:
        raise Problem(f'{text!r} is not [register+offset]')
    return register(match[1]), number(match[2].replace(' ', ''), -2**15, 2**15 - 1)


def instruction(opcode, destination=0, source=0, offset=0, immediate=0):
    return struct.pack('<BBhI', opcode, destination | source << 4, offset, immediate & 0xFFFFFFFF)


def operand(text):
    """(flag that goes into the opcode, source register, immediate)"""
    return (0x08, register(text), 0) if re.fullmatch(r'r\d+', text) else (0, 0, number(text))


def encode(name, arguments, branch):
    """The bytes of one instruction; branch turns a label into an offset."""
    def want(count):
        if len(arguments) != count:
            raise Problem(f'{name} takes {count} operands')

    if name in ALU:
        want(2)
        flag, source, immediate = operand(arguments[1])
        return instruction(ALU[name] | 0x07 | flag, register(arguments[0]), source, 0, immediate)
    if name == 'neg':
        want(1)
        return instruction(0x87, register(arguments[0]))
    if name in WIDE:
        want(2)
        value = number(arguments[1], -2**63, 2**64 - 1) & (2**64 - 1)
        return instruction(WIDE[name], register(arguments[0]), 0, 0, value) + instruction(0, immediate=value >> 32)
    if name[:2] == 'ld' and name[2:] in SIZES:
        want(2)
        source, offset = memory(arguments[1])
        return instruction(0x61 | SIZES[name[2:]], register(arguments[0]), source, offset)
    if name[:2] == 'st' and name[2:] in SIZES:
        want(2)
        destination, offset = memory(arguments[0])
        flag, source, immediate = operand(arguments[1])
        return instruction((0x63 if flag else 0x62) | SIZES[name[2:]], destination, source, offset, immediate)
    if name == 'ja':
        want(1)
        return instruction(0x05, offset=branch(arguments[0]))
    if name in JUMPS:
        want(3)
        flag, source, immediate = operand(arguments[1])
        return instruction(JUMPS[name] | 0x05 | flag, register(arguments[0]), source, branch(arguments[2]), immediate)
    if name == 'call':
        want(1)
        helper = HELPERS[arguments[0]] if arguments[0] in HELPERS else number(arguments[0])
        return instruction(0x85, immediate=helper)
    if name == 'exit':
        want(0)
        return instruction(0x95)
    raise Problem(f'unknown instruction {name!r}')


def split(text):
    """Lines as (line number, label or None, name, arguments)."""
    for count, line in enumerate(text.splitlines(), 1):
        line = line.split(';')[0].strip()
        label = None
        match = re.match(r'(\w+):\s*', line)
        if match:
            label, line = match[1], line[match.end():]
        name, _, rest = line.partition(' ')
        arguments = [part.strip() for part in rest.split(',')] if rest.strip() else []
        if label or name:
            yield count, label, name, arguments


def padded(section):
    return section + bytes(-len(section) % 8)


def assemble(text):
    data, rodata, code, functions, labels, lines = b'', b'', b'', [], {}, list(split(text))
    position = 0
    for _, label, name, _ in lines:                         # first pass: where the labels are
        if label:
            labels[label] = position
        if name and name[0] != '.':
            position += 2 if name in WIDE else 1

    def branch(label):
        if label not in labels:
            raise Problem(f'no label {label!r}')
        return labels[label] - len(code) // 8 - 1

    for count, _, name, arguments in lines:                 # second pass: the bytes
        try:
            if name == '.function':
                functions.append((arguments[0], len(code)))
            elif name in ('.data', '.rodata'):
                quoted = re.fullmatch(r'"(.*)"', arguments[0])
                piece = quoted[1].encode() + b'\0' if quoted else bytes(number(arguments[0], 1, 2**16))
                data, rodata = (data + piece, rodata) if name == '.data' else (data, rodata + piece)
            elif name:
                code += encode(name, arguments, branch)
        except (Problem, IndexError) as problem:
            raise Problem(f'line {count}: {problem}') from None
    table = b''
    for name, offset in functions:
        table += struct.pack('<HHH', len(rodata), 0, offset)
        rodata += name.encode() + b'\0'
    data, rodata = padded(data), padded(rodata)
    header = struct.pack('<4s6I', b'rBPF', 0, 0, len(data), len(rodata), len(code), len(functions))
    return header + data + rodata + code + table


def main(arguments):
    check = arguments == ['--check']
    names = [] if check else arguments
    sources = [Path(name) for name in names] or sorted(Path(__file__).resolve().parent.glob('*.s'))
    stale = 0
    for source in sources:
        target = source.with_suffix('.rbpf')
        try:
            image = assemble(source.read_text())
        except Problem as problem:
            sys.exit(f'{source}: {problem}')
        if check:
            if not target.exists() or target.read_bytes() != image:
                print(f'{target} is not what {source.name} says')
                stale = 1
        else:
            target.write_bytes(image)
            print(f'{target}: {len(image)} bytes')
    return stale


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

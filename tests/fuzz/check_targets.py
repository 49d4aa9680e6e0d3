#!/usr/bin/env python3
"""Every decoder has a fuzz target that calls it: a decoder is a function of a public header whose first parameter, or first after crypto, is a
view of bytes (struct bytes), or a text from outside in a room of the daemon's edge, and whose name says that it reads. Names are looked for
in tests/fuzz; whether the target's claim is strong is for its reader to judge. Prints what has none and ends with 1."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]

READS = re.compile(r'_(parse|read|read_\w+|verify|decode|decode_\w+|check|open|begin|accept|judge|inspect|unescape|diagnose|skip|next|build)$|'
                   r'_(peek|kid|valid|payload|has_word|of_text|find)$')
FUNCTION = re.compile(r'^(?:int|bool|size_t|struct \w+|enum \w+|const \w+)\s+\*?(\w+)\(([^;{]*)\);', re.M | re.S)
BYTES = re.compile(r'^(?:const struct proto_crypto \*\w+, )?(?:enum \w+ \w+, )?struct bytes \w+')
TEXT = re.compile(r'^const char \*(?:text|uri|in)\b')

# What reads bytes, and why no target of its own is wanted.
EXEMPT = {
    'config_parse': 'the operator\'s own file',
    'config_read_file': 'the operator\'s own file',
    'hss_key_read': 'the signer\'s own key file; hss_file_read is the part that parses',
    'crypto_key_read_pem': 'the operator\'s own key; OpenSSL\'s decoder, which its own project fuzzes',
    'crypto_public_read_pem': 'OpenSSL\'s decoder, which its own project fuzzes',
    'crypto_key_read_file': 'the operator\'s own key',
    'crypto_key_read_credential': 'the operator\'s own key',
    'api_user_parse': 'the operator\'s own setting',
    'crypto_key_open': 'a path, not its content',
}

# What a target reaches through another function of the same room, which it names.
THROUGH = {
    'elf_open': 'container_build',
    'lms_public_read': 'hss_public_read',
    'senml_field_of_text': 'senml_decode_json',
    'suit_read_wait': 'suit_manifest_run',
}


def decoders():
    for folder, text_too in (('device_proto', False), ('daemon', True)):
        for path in sorted((root / folder).rglob('*.h')):
            if path.name.endswith('_private.h') or path.name in ('internal.h', 'bytes.h') or 'virtual' in path.parts:
                continue
            bare = re.sub(r'/\*.*?\*/', '', path.read_text(), flags=re.S)
            for match in FUNCTION.finditer(bare):
                name, parameters = match[1], ' '.join(match[2].split())
                outside = BYTES.match(parameters) or (text_too and TEXT.match(parameters))
                if outside and READS.search(name):
                    yield path.relative_to(root).as_posix(), name


def main():
    targets = '\n'.join(path.read_text() for path in (root / 'tests/fuzz').glob('*.[ch]'))
    found = list(decoders())
    lacking = [(path, name) for path, name in found
               if name not in EXEMPT and not re.search(rf'\b{THROUGH.get(name, name)}\b', targets)]
    for path, name in lacking:
        print(f'{path}: {name} has no fuzz target')
    listed = (root / 'tests/fuzz/CMakeLists.txt').read_text()
    for path in sorted((root / 'tests/fuzz').glob('fuzz_*.c')):
        if not re.search(rf'tp_fuzz\({path.stem.removeprefix("fuzz_")} ', listed):
            print(f'{path.name} is not in CMakeLists.txt')
            lacking.append((path, ''))
    print(f'{len(found)} decoders, {len(lacking)} without a target, {len(EXEMPT)} names exempt')
    return 1 if lacking else 0


sys.exit(main())

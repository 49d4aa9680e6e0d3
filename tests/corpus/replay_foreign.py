#!/usr/bin/env python3
"""Holds decoders that nobody here wrote against the corpus: libcbor and cbor2 on CBOR, Python's json on SenML's JSON.

    replay_foreign.py FOLDER      where the archive was unpacked, or tinypart-corpus --folder wrote it

What is known of a decoder and differs from the verdict is counted by name; anything else is printed, and the end is 1. A decoder that is not
installed is said to be missing."""
import collections
import ctypes
import ctypes.util
import importlib.util
import io
import json
import pathlib
import resource
import sys

MEMORY_MAX = 1 << 30


def heads(message):
    """The initial bytes of all items with their arguments' places, as far as the message is well-formed."""
    at = 0
    while at < len(message):
        first = message[at]
        info = first & 0x1f
        width = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
        argument = int.from_bytes(message[at + 1:at + 1 + width], 'big') if width else info
        yield first >> 5, info, argument
        at += 1 + width
        if first >> 5 in (2, 3) and info != 31:
            at += argument


class Libcbor:
    name = 'libcbor'
    kinds = ('cbor',)

    class Result(ctypes.Structure):
        _fields_ = [('position', ctypes.c_size_t), ('code', ctypes.c_int), ('read', ctypes.c_size_t)]

    def __init__(self):
        found = ctypes.util.find_library('cbor')
        self.library = ctypes.CDLL(found) if found else None
        if self.library:
            self.library.cbor_load.restype = ctypes.c_void_p
            self.library.cbor_load.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
            self.library.cbor_decref.argtypes = [ctypes.c_void_p]

    def there(self):
        return self.library is not None

    def takes(self, message):
        result = self.Result()
        item = ctypes.c_void_p(self.library.cbor_load(message, len(message), ctypes.byref(result)))
        if not item.value:
            return False
        self.library.cbor_decref(ctypes.byref(item))
        return result.read == len(message)

    def known(self, entry, message, taken):
        if taken:
            return None
        if entry['case'] == 'text-not-utf8':
            return 'refuses texts that are not UTF-8'
        for major, info, argument in heads(message):
            if major == 7 and (info < 20 or info == 24):
                return 'refuses simple values'
            if major == 6 and info < 24 and 6 <= argument <= 20:
                return 'refuses tags 6 to 20'
        return None


class Cbor2:
    name = 'cbor2'
    kinds = ('cbor',)

    def there(self):
        return importlib.util.find_spec('cbor2') is not None

    def takes(self, message):
        import cbor2
        stream = io.BytesIO(message)
        try:
            cbor2.CBORDecoder(stream).decode()
        except (Exception, RecursionError):  # its decoders of tags let anything out
            return False
        return stream.tell() == len(message)

    def known(self, entry, message, taken):
        majors = list(heads(message))
        if taken and entry['case'] == 'simple-below-32':
            return 'takes simple values below 32 in two bytes'
        if taken and entry['case'] in ('lone-break', 'break-in-definite', 'odd-map'):
            return 'takes a break where no list ends'
        if taken and entry['case'] == 'chunk-of-another-type':
            return 'takes chunks of another type'
        if taken:
            return None
        if entry['case'] == 'text-not-utf8':
            return 'refuses texts that are not UTF-8'
        if any(major == 6 for major, info, argument in majors):
            return 'interprets tags'
        if any(major == 5 for major, info, argument in majors):
            return 'needs keys that hash'
        return None


class Json:
    name = 'json'
    kinds = ('senml-json',)

    def there(self):
        return True

    @staticmethod
    def refuse(constant):
        raise ValueError(constant)

    def takes(self, message):
        try:
            json.loads(message.decode('utf-8'), parse_constant=self.refuse)
        except (ValueError, RecursionError):
            return False
        return True

    def known(self, entry, message, taken):
        # a tokenizer: what SenML says about fields is beyond it
        if not taken or entry['case'] in ('cut', 'trailing', 'wrong-json', 'text-not-utf8'):
            return None
        return 'knows JSON and not SenML'


def main():
    # Some reserve what a length of 2^32 claims: without a limit that is all the memory there is, and minutes of it.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    folder = pathlib.Path(sys.argv[1])
    entries = [json.loads(line) for line in (folder / 'index.jsonl').read_text().splitlines()]
    wrong = 0
    for decoder in (Libcbor(), Cbor2(), Json()):
        if not decoder.there():
            print(f'{decoder.name}: not installed')
            continue
        counts = collections.Counter()
        for entry in entries:
            if entry['kind'] not in decoder.kinds or entry['verdict'] == 'limit':
                continue
            message = (folder / entry['file']).read_bytes()
            taken = decoder.takes(message)
            if taken == (entry['verdict'] == 'accept'):
                counts['agree'] += 1
                continue
            why = decoder.known(entry, message, taken)
            counts[why or 'DIFFER'] += 1
            if why is None:
                wrong += 1
                print(f"{decoder.name}: {entry['file']} is {'taken' if taken else 'refused'}, the corpus says {entry['verdict']}")
        print(f'{decoder.name}: ' + ', '.join(f'{count} {what}' for what, count in counts.most_common()))
    return 1 if wrong else 0


sys.exit(main())

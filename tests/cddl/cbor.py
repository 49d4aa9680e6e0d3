"""CBOR to Python values, for the tests alone: written apart from device_proto, so that a mistake there is not made here again. Maps keep their
order and their duplicates, and nothing is interpreted: a tag stays a tag."""
import struct


class Tag:
    def __init__(self, number, value):
        self.number, self.value = number, value


class Map:
    def __init__(self, pairs):
        self.pairs = pairs


class Simple:
    """undefined and the unassigned simple values."""

    def __init__(self, number):
        self.number = number


def loads(data):
    """The one item that data is; ValueError when it is not exactly one."""
    value, at = item(data, 0)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes after the item")
    return value


def sequence(data):
    """The items of a CBOR sequence (RFC 8742)."""
    at, values = 0, []
    while at < len(data):
        value, at = item(data, at)
        values.append(value)
    return values


def take(data, at, size):
    if at + size > len(data):
        raise ValueError(f"cut off at byte {len(data)}")
    return data[at:at + size], at + size


def head(data, at):
    first, at = take(data, at, 1)
    major, info = first[0] >> 5, first[0] & 31
    if info < 24:
        return major, info, info, at
    if info > 27:
        raise ValueError(f"additional information {info} at byte {at - 1}: what is defined here has definite lengths")
    raw, at = take(data, at, 1 << (info - 24))
    return major, info, int.from_bytes(raw, "big"), at


def item(data, at):
    major, info, value, at = head(data, at)
    if major == 0:
        return value, at
    if major == 1:
        return -1 - value, at
    if major in (2, 3):
        raw, at = take(data, at, value)
        return (raw if major == 2 else raw.decode("utf-8")), at
    if major == 4:
        items = []
        for _ in range(value):
            one, at = item(data, at)
            items.append(one)
        return items, at
    if major == 5:
        pairs = []
        for _ in range(value):
            key, at = item(data, at)
            one, at = item(data, at)
            pairs.append((key, one))
        return Map(pairs), at
    if major == 6:
        inner, at = item(data, at)
        return Tag(value, inner), at
    if info in (25, 26, 27):
        raw = value.to_bytes(1 << (info - 24), "big")
        return struct.unpack({25: ">e", 26: ">f", 27: ">d"}[info], raw)[0], at
    return {20: False, 21: True, 22: None}.get(value, Simple(value)), at


def show(value):
    """Diagnostic notation (RFC 8949 section 8), cut short: for messages."""
    text = diagnostic(value)
    return text if len(text) <= 100 else text[:97] + "..."


def diagnostic(value):
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(diagnostic, value)) + "]"
    if isinstance(value, Map):
        return "{" + ", ".join(f"{diagnostic(k)}: {diagnostic(v)}" for k, v in value.pairs) + "}"
    if isinstance(value, Tag):
        return f"{value.number}({diagnostic(value.value)})"
    if isinstance(value, Simple):
        return "undefined" if value.number == 23 else f"simple({value.number})"
    return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else repr(value)

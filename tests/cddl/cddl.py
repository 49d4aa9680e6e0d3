"""A small validator for the Concise Data Definition Language (RFC 8610), enough for schema/wire.cddl and for the definitions that the SUIT
drafts publish. No package registry that the tests may use has one: what is called cddl there reads the grammar only.

    rules = parse(open("schema/wire.cddl").read())
    problem = validate(rules, "policy-document", data)      # None, or where and why not

Kept simple on purpose: a map entry takes the first pairs that fit, and gives them back when what follows fails (backtracking)."""
import re

import cbor

TOKENS = re.compile(r"""
    (?P<space>(?:\s+|;[^\n]*)+)
  | (?P<bytes>(?:h|b64)?'[^']*')
  | (?P<text>"(?:\\.|[^"\\])*")
  | (?P<assign>//=|/=|=(?!>))
  | (?P<arrow>=>)
  | (?P<choice>//|/)
  | (?P<range>\.\.\.?)
  | (?P<control>\.[a-z]+)
  | (?P<occur>\d*\*\d*|\+|\?)
  | (?P<number>-?(?:0x[0-9A-Fa-f]+|0b[01]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?))
  | (?P<major>\#(?:\d(?:\.(?:\d+|<))?)?)
  | (?P<name>[A-Za-z@_$](?:[-.]*[A-Za-z0-9@_$])*)
  | (?P<mark>[][(){},:&~^<>])
""", re.X)

# The standard prelude (RFC 8610 appendix D), as far as it is a set of values.
INFINITE = float("inf")


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


PRELUDE = {
    "any": lambda v: True,
    "uint": lambda v: is_int(v) and v >= 0,
    "nint": lambda v: is_int(v) and v < 0,
    "int": is_int,
    "bstr": lambda v: isinstance(v, bytes), "bytes": lambda v: isinstance(v, bytes),
    "tstr": lambda v: isinstance(v, str), "text": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "true": lambda v: v is True, "false": lambda v: v is False,
    "nil": lambda v: v is None, "null": lambda v: v is None,
    "undefined": lambda v: isinstance(v, cbor.Simple) and v.number == 23,
    "float": lambda v: isinstance(v, float), "float16": lambda v: isinstance(v, float),
    "float32": lambda v: isinstance(v, float), "float64": lambda v: isinstance(v, float),
    "number": lambda v: is_int(v) or isinstance(v, float),
    "uri": lambda v: isinstance(v, cbor.Tag) and v.number == 32 and isinstance(v.value, str),
}


class Grammar(ValueError):
    """The definitions themselves are wrong."""


class Parser:
    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            match = TOKENS.match(text, at)
            if not match:
                line = text.count("\n", 0, at) + 1
                raise Grammar(f"line {line}: not understood: {text[at:at + 20]!r}")
            if match.lastgroup != "space":
                self.tokens.append((match.lastgroup, match.group(), text.count("\n", 0, at) + 1))
            at = match.end()
        self.at = 0

    def peek(self, kind=None, text=None, ahead=0):
        if self.at + ahead >= len(self.tokens):
            return False
        token = self.tokens[self.at + ahead]
        return (kind is None or token[0] == kind) and (text is None or token[1] == text)

    def take(self, kind=None, text=None):
        if not self.peek(kind, text):
            token = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "end of file", 0)
            raise Grammar(f"line {token[2]}: {text or kind} expected, {token[1]!r} found")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def skip(self, kind, text=None):
        found = self.peek(kind, text)
        self.at += found
        return found

    def generic(self, one):
        """<a, b>, or nothing."""
        found = []
        if self.skip("mark", "<"):
            found.append(one())
            while self.skip("mark", ","):
                found.append(one())
            self.take("mark", ">")
        return found

    def at_rule(self):
        """A name, its parameters and then an assignment: the next rule begins here."""
        ahead = 1
        if not self.peek("name"):
            return False
        if self.peek("mark", "<", ahead):
            while not self.peek("mark", ">", ahead):
                ahead += 1
                if self.at + ahead >= len(self.tokens):
                    return False
            ahead += 1
        return self.peek("assign", None, ahead)

    def rules(self):
        rules = {}
        while self.at < len(self.tokens):
            name = self.take("name")
            parameters = self.generic(lambda: self.take("name"))
            how = self.take("assign")
            choices = self.group_choices()
            if how == "=" and name in rules:
                raise Grammar(f"{name} is defined twice")
            if how == "=" or name not in rules:
                rules[name] = (parameters, choices)
            else:
                rules[name][1].extend(choices)
        return rules

    def group_choices(self):
        choices = [self.group()]
        while self.skip("choice", "//"):
            choices.append(self.group())
        return choices

    def group(self):
        entries = []
        while self.at < len(self.tokens) and not self.at_rule() and not self.peek("choice", "//") and \
                not (self.peek("mark") and self.tokens[self.at][1] in ")]}"):
            entries.append(self.entry())
            self.skip("mark", ",")
        return entries

    def entry(self):
        """(least, most, key or None, type): a key of None is none, or one that only names a place in an array."""
        least, most = 1, 1
        if self.peek("occur"):
            mark = self.take()
            least, most = {"?": (0, 1), "+": (1, INFINITE)}.get(mark, (None, None))
            if least is None:
                low, high = mark.split("*")
                least, most = int(low or 0), int(high) if high else INFINITE
        if (self.peek("name") or self.peek("text") or self.peek("number")) and self.peek("mark", ":", 1):
            kind, text, _ = self.tokens[self.at]
            self.at += 2
            key = ("value", text if kind == "name" else self.literal(kind, text))
            return least, most, key, self.type()
        what = self.type()
        self.skip("mark", "^")
        if self.skip("arrow"):
            return least, most, what, self.type()
        return least, most, None, what

    def type(self):
        choices = [self.type1()]
        while self.skip("choice", "/"):
            choices.append(self.type1())
        return choices[0] if len(choices) == 1 else ("choice", choices)

    def type1(self):
        left = self.primary()
        if self.peek("range"):
            mark = self.take()
            return ("range", left, self.primary(), mark == "..")
        while self.peek("control"):
            left = ("control", self.take()[1:], left, self.primary())
        return left

    def literal(self, kind, text):
        if kind == "text":
            return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        if kind == "bytes":
            if text.startswith("h'"):
                return bytes.fromhex(re.sub(r"\s|;[^\n]*", "", text[2:-1]))
            return text[1:-1].encode()
        return float(text) if "." in text or ("e" in text and not text.startswith(("0x", "-0x"))) else int(text, 0)

    def primary(self):
        if self.peek("number") or self.peek("text") or self.peek("bytes"):
            kind, text, _ = self.tokens[self.at]
            self.at += 1
            return ("value", self.literal(kind, text))
        if self.peek("name"):
            name = self.take()
            return ("name", name, self.generic(self.type1))
        if self.peek("major"):
            return self.major()
        mark = self.take("mark")
        if mark == "~":
            return ("unwrap", self.primary())
        if mark == "&":
            if self.skip("mark", "("):
                group = self.group_choices()
                self.take("mark", ")")
                return ("enumeration", ("group", group))
            return ("enumeration", ("name", self.take("name"), self.generic(self.type1)))
        closing = {"(": ")", "[": "]", "{": "}"}.get(mark)
        if closing is None:
            raise Grammar(f"line {self.tokens[self.at - 1][2]}: a type expected, {mark!r} found")
        group = self.group_choices()
        self.take("mark", closing)
        return ({"(": "group", "[": "array", "{": "map"}[mark], group)

    def major(self):
        text = self.take("major")
        if text == "#":
            return ("name", "any", [])
        number = int(text[1])
        if text.endswith("<"):
            raise Grammar("tags by type (#6.<...>) are not understood here")
        if number != 6:
            raise Grammar(f"{text}: only #6 and # are understood here")
        which = int(text[3:]) if len(text) > 2 else None
        self.take("mark", "(")
        inner = self.type()
        self.take("mark", ")")
        return ("tag", which, inner)


def parse(text):
    """Rules by name. Grammar says what is wrong in the text, and in which line."""
    rules = Parser(text).rules()
    for name in sorted({used for _, choices in rules.values() for used in names_in(choices)}):
        parameters = {p for ps, _ in rules.values() for p in ps}
        if name not in rules and name not in PRELUDE and name not in parameters and not name.startswith("$"):
            raise Grammar(f"{name} is used and never defined")
    return rules


def names_in(node):
    if isinstance(node, tuple) and node and node[0] == "name":
        yield node[1]
    if isinstance(node, (tuple, list)):
        for part in node:
            yield from names_in(part)


class Validator:
    def __init__(self, rules):
        self.rules = rules
        self.deepest = (-1, "")

    def fails(self, path, expected, value):
        """Remembers the failure furthest in: of several alternatives that is the one that was meant."""
        if len(path) > self.deepest[0]:
            where = "".join(f"/{part}" for part in path) or "/"
            self.deepest = (len(path), f"at {where}: {expected} expected, {cbor.show(value)} found")
        return False

    def bind(self, name, arguments, scope):
        """What a name stands for: its group choices and the scope in which they are read."""
        if name in scope:
            return [[(1, 1, None, scope[name][0])]], scope[name][1]
        if name not in self.rules:
            return ([], {}) if name.startswith("$") else (None, None)
        parameters, choices = self.rules[name]
        if len(parameters) != len(arguments):
            raise Grammar(f"{name} takes {len(parameters)} parameters")
        return choices, {p: (a, scope) for p, a in zip(parameters, arguments)}

    # types

    def matches(self, node, value, scope, path):
        return getattr(self, "match_" + node[0])(node, value, scope, path)

    def match_choice(self, node, value, scope, path):
        return any(self.matches(one, value, scope, path) for one in node[1])

    def match_value(self, node, value, scope, path):
        wanted = node[1]
        if type(wanted) is type(value) and wanted == value:
            return True
        return self.fails(path, cbor.show(wanted), value)

    def match_name(self, node, value, scope, path):
        choices, inner = self.bind(node[1], node[2], scope)
        if choices is None:
            return PRELUDE[node[1]](value) or self.fails(path, node[1], value)
        return self.as_type(choices, value, inner, path, node[1])

    def match_group(self, node, value, scope, path):
        return self.as_type(node[1], value, scope, path, "one of a group")

    def as_type(self, choices, value, scope, path, name):
        """Parentheses, and the right side of a rule, are read as groups; where a type is wanted they hold just one."""
        for entries in choices:
            if len(entries) != 1 or entries[0][:3] != (1, 1, None):
                raise Grammar(f"{name} is a group, and stands where a type is wanted")
            if self.matches(entries[0][3], value, scope, path):
                return True
        return False

    def match_range(self, node, value, scope, path):
        low, high = self.constant(node[1], scope), self.constant(node[2], scope)
        number = is_int(value) if is_int(low) else isinstance(value, float)
        if number and low <= value and (value <= high if node[3] else value < high):
            return True
        return self.fails(path, f"{low}..{high}", value)

    def constant(self, node, scope):
        while node[0] in ("name", "group"):
            choices, inner = self.bind(node[1], node[2], scope) if node[0] == "name" else (node[1], scope)
            if not choices:
                raise Grammar(f"{node[1]} is no constant")
            node, scope = choices[0][0][3], inner
        if node[0] != "value":
            raise Grammar("a constant is wanted")
        return node[1]

    def match_tag(self, node, value, scope, path):
        if not isinstance(value, cbor.Tag) or (node[1] is not None and value.number != node[1]):
            return self.fails(path, f"tag {node[1]}", value)
        return self.matches(node[2], value.value, scope, path + [f"tag {value.number}"])

    def match_unwrap(self, node, value, scope, path):
        raise Grammar("~ is not understood here")

    def match_enumeration(self, node, value, scope, path):
        inner = node[1]
        choices, scope = self.bind(inner[1], inner[2], scope) if inner[0] == "name" else (inner[1], scope)
        return any(self.matches(entry[3], value, scope, path) for entries in choices for entry in entries)

    def match_control(self, node, value, scope, path):
        _, control, target, argument = node
        if not self.matches(target, value, scope, path):
            return False
        if control in ("cbor", "cborseq"):
            try:
                inner = cbor.loads(value) if control == "cbor" else cbor.sequence(value)
            except ValueError as error:
                return self.fails(path, f"CBOR in the byte string ({error})", value)
            return self.matches(argument, inner, scope, path + ["<<"])
        if control == "size":
            size = (value.bit_length() + 7) // 8 if is_int(value) else len(value.encode() if isinstance(value, str) else value)
            if is_int(value):
                return size <= self.constant(argument, scope) or self.fails(path, f"at most {argument} bytes", value)
            return self.matches(argument, size, scope, path + ["size"])
        if control == "bits":
            return all(self.matches(argument, bit, scope, path + [f"bit {bit}"]) for bit in range(value.bit_length()) if value >> bit & 1)
        if control == "regexp":
            return re.fullmatch(self.constant(argument, scope), value) is not None or self.fails(path, "text by a pattern", value)
        if control in ("within", "and"):
            return self.matches(argument, value, scope, path)
        if control == "default":
            return True
        compare = {"lt": "__lt__", "le": "__le__", "gt": "__gt__", "ge": "__ge__", "eq": "__eq__", "ne": "__ne__"}.get(control)
        if compare is None:
            raise Grammar(f".{control} is not understood here")
        limit = self.constant(argument, scope)
        return getattr(value, compare)(limit) or self.fails(path, f".{control} {limit}", value)

    # arrays: a position runs along the items

    def match_array(self, node, value, scope, path):
        if not isinstance(value, list):
            return self.fails(path, "an array", value)
        for end in self.items(node[1], value, 0, scope, path):
            if end == len(value):
                return True
            self.fails(path + [end], "the end of the array", value[end])
        return False

    def items(self, choices, value, at, scope, path):
        for entries in choices:
            yield from self.items_of(entries, 0, value, at, scope, path)

    def items_of(self, entries, which, value, at, scope, path):
        if which == len(entries):
            yield at
            return
        for after in self.repeat(entries[which], 0, value, at, scope, path):
            yield from self.items_of(entries, which + 1, value, after, scope, path)

    def repeat(self, entry, times, value, at, scope, path):
        least, most, _, what = entry
        if times < most:
            for after in self.once(what, value, at, scope, path):
                if after > at or times < least:
                    yield from self.repeat(entry, times + 1, value, after, scope, path)
        if times >= least:
            yield at

    def group_of(self, what, scope):
        """The group that stands here, or None when it is a type."""
        if what[0] == "group":
            return what[1], scope
        if what[0] == "name":
            choices, inner = self.bind(what[1], what[2], scope)
            if what[1].startswith("$$"):
                return choices, inner
            if choices is not None and not all(len(e) == 1 and e[0][:3] == (1, 1, None) for e in choices):
                return choices, inner
            if choices and all(self.group_of(e[0][3], inner)[0] is not None for e in choices):
                return choices, inner
        return None, None

    def once(self, what, value, at, scope, path):
        group, inner = self.group_of(what, scope)
        if group is not None:
            yield from self.items(group, value, at, inner, path)
        elif at < len(value):
            if self.matches(what, value[at], scope, path + [at]):
                yield at + 1
        else:
            self.fails(path + [at], "one more item", value)

    # maps: a set of the pairs taken

    def match_map(self, node, value, scope, path):
        if not isinstance(value, cbor.Map):
            return self.fails(path, "a map", value)
        keys = [cbor.diagnostic(key) for key, _ in value.pairs]
        if len(set(keys)) != len(keys):
            return self.fails(path, "a map without duplicate keys", value)
        every = frozenset(range(len(value.pairs)))
        for taken in self.pairs(node[1], value, frozenset(), scope, path):
            if taken == every:
                return True
            key, one = value.pairs[min(every - taken)]
            self.fails(path + [cbor.show(key)], "no such key", one)
        return False

    def pairs(self, choices, value, taken, scope, path):
        for entries in choices:
            yield from self.pairs_of(entries, 0, value, taken, scope, path)

    def pairs_of(self, entries, which, value, taken, scope, path):
        if which == len(entries):
            yield taken
            return
        for after in self.repeat_pairs(entries[which], 0, value, taken, scope, path):
            yield from self.pairs_of(entries, which + 1, value, after, scope, path)

    def repeat_pairs(self, entry, times, value, taken, scope, path):
        least, most, key, what = entry
        if times < most:
            for after in self.once_pairs(key, what, value, taken, scope, path):
                if after != taken or times < least:
                    yield from self.repeat_pairs(entry, times + 1, value, after, scope, path)
        if times >= least:
            yield taken

    def once_pairs(self, key, what, value, taken, scope, path):
        if key is None:
            group, inner = self.group_of(what, scope)
            if group is None:
                raise Grammar(f"an entry of a map without a key: {what}")
            yield from self.pairs(group, value, taken, inner, path)
            return
        found = False
        for index, (name, one) in enumerate(value.pairs):
            if index not in taken and self.quietly(key, name, scope):
                found = True
                if self.matches(what, one, scope, path + [cbor.show(name)]):
                    yield taken | {index}
        if not found:
            self.fails(path, f"key {key[1] if key[0] != 'choice' else '...'}", value)

    def quietly(self, key, name, scope):
        """Keys that do not fit are no failure: another entry may take them."""
        before = self.deepest
        fits = self.matches(key, name, scope, [])
        self.deepest = before
        return fits


def validate(rules, name, data):
    """None when data is one CBOR item of that rule; otherwise where it departs from it, and how."""
    try:
        value = cbor.loads(data)
    except (ValueError, RecursionError) as error:
        return f"not CBOR: {error}"
    validator = Validator(rules)
    if validator.matches(("name", name, []), value, {}, []):
        return None
    return validator.deepest[1]

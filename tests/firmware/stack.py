"""Worst stack of a function, from what the compiler says of each object (-fcallgraph-info=su): frames and calls.

A call through a pointer may go to every function whose address a file keeps, if the caller is named as one that calls through a table, and
that file with it; what else is called through a pointer are callbacks that the firmware gives (crypto, storage, randomness): outside, and
counted as nothing. Every caller through a pointer has to be named as one or the other, and recursion needs a stated bound: else there would
be no worst stack, which is an error. A function that is cut is counted as nothing where it is called."""
import re
import subprocess

NODE = re.compile(r'node: \{ title: "([^"]*)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')
# what newlib's string functions and libgcc's 64-bit division may use; the largest of them is __udivmoddi4 with 40 bytes
LIBRARY_FRAME = 64


class Unbounded(Exception):
    """Recursion that nobody has bounded, a frame of variable size, or a call to nobody knows where."""


def short(title):
    return title.rsplit(":", 1)[-1] if "/" in title else title


class Calls:
    def __init__(self, objects, recursion, through_tables, through_callbacks, cut=frozenset()):
        """objects: paths of .o files with their .ci beside them. recursion: {name of a function: how often it may be on the stack}.
        through_tables: {name of a function: the file that holds the table}; through_callbacks and cut are names."""
        self.frame, self.calls = {}, {}
        self.recursion, self.through_tables, self.through_callbacks, self.cut = recursion, through_tables, through_callbacks, cut
        for path in objects:
            self.read(path)
        self.pointed = {path.stem: self.functions_pointed_at(path) for path in objects}  # of all that was read
        self.known, self.kept = {}, {}

    def read(self, path):
        text = path.with_suffix(".ci").read_text()
        for title, label in NODE.findall(text):
            match = re.search(r"\\n(\d+) bytes \((\w+)", label)
            if match:
                if match.group(2) == "dynamic":
                    raise Unbounded(f"{short(title)} has a frame whose size is only known when it runs")
                self.frame[self.key(title, path)] = int(match.group(1))
        for source, target in EDGE.findall(text):
            self.calls.setdefault(self.key(source, path), set()).add(self.key(target, path))

    @staticmethod
    def key(title, path):
        """Static functions are the file's own; the others have one name for all."""
        return (path.name, short(title)) if "/" in title else short(title)

    def functions_pointed_at(self, path):
        """Every function of the program whose address this object keeps: in a table, or to hand it on."""
        listing = subprocess.run(["arm-none-eabi-objdump", "-r", path], check=True, capture_output=True, text=True).stdout
        found = set()
        for name in re.findall(r"R_ARM_ABS32\s+(?:\.text\.)?(\w+)", listing):
            found.add((path.name, name) if (path.name, name) in self.frame else name)
        return {name for name in found if name in self.frame}

    def targets(self, function):
        for called in self.calls.get(function, ()):
            name = self.name(function).split(".")[0]  # without what the compiler calls its own variant of it
            if called != "__indirect_call":
                if self.name(called) not in self.cut:
                    yield called
            elif name in self.through_tables:
                yield from (entry for entry in self.pointed[self.through_tables[name]] if self.name(entry) not in self.cut)
            elif name not in self.through_callbacks:
                raise Unbounded(f"{name} calls through a pointer, to where is not said")

    def reach(self, function):
        """What can be called from it, directly or not, within the program."""
        if function not in self.known:
            seen, open_ = set(), [function]
            while open_:
                for called in self.targets(open_.pop()):
                    if called not in seen:
                        seen.add(called)
                        open_.append(called)
            self.known[function] = seen
        return self.known[function]

    def worst(self, function):
        """Bytes, with the path that needs them."""
        if function in self.kept:
            return self.kept[function]
        frame, name = self.frame.get(function, LIBRARY_FRAME), self.name(function)
        if function in self.reach(function):
            cycle = {f for f in self.reach(function) if function in self.reach(f)}
            result = self.walk_cycle(function, cycle)
        else:
            result = (frame, [name])
            for called in self.targets(function):
                size, path = self.worst(called)
                if frame + size > result[0]:
                    result = (frame + size, [name] + path)
        self.kept[function] = result
        return result

    def walk_cycle(self, entry, cycle):
        """Within a set of functions that call each other: the longest way round, as often as the bound says, and then the deepest way out."""
        bounds = [(self.recursion[n], n) for n in map(self.name, cycle) if n in self.recursion]
        if not bounds:
            raise Unbounded("recursion without a stated bound: " + ", ".join(sorted(map(self.name, cycle))))
        times, bounded = min(bounds)
        for start in cycle:
            if self.name(start) != bounded:
                self.no_cycle_without(start, cycle, bounded)
        round_, way = self.longest(entry, cycle, frozenset())
        out, exit_path = 0, []
        for function in cycle:
            for called in self.targets(function):
                if called not in cycle:
                    size, path = self.worst(called)
                    if size > out:
                        out, exit_path = size, path
        return times * round_ + out, [f"{times} x ("] + way + [")"] + exit_path

    @staticmethod
    def name(function):
        return function if isinstance(function, str) else function[1]

    def no_cycle_without(self, start, cycle, bounded):
        """Every way round must pass the function that is bounded."""
        seen, open_ = set(), [start]
        while open_:
            for called in self.targets(open_.pop()):
                if called == start:
                    raise Unbounded(f"{self.name(start)} calls itself without passing {bounded}")
                if called in cycle and called not in seen and self.name(called) != bounded:
                    seen.add(called)
                    open_.append(called)

    def longest(self, function, cycle, used):
        used = used | {function}
        best, way = 0, []
        for called in self.targets(function):
            if called in cycle and called not in used:
                size, path = self.longest(called, cycle, used)
                if size > best:
                    best, way = size, path
        return self.frame.get(function, LIBRARY_FRAME) + best, [self.name(function)] + way

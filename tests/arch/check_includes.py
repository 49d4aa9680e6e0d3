#!/usr/bin/env python3
"""The architecture, checked: who includes whom, what device_proto may use, and that CMake and the Debian package name the same
libraries. Prints every breach and ends with 1, or prints what was checked and ends with 0."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
breaches = []

# libc headers that firmware has everywhere; device_proto may use no others
BARE = {"stdbool.h", "stddef.h", "stdint.h", "string.h", "limits.h", "assert.h"}
HEAP = re.compile(r"(?<![>.\w])(malloc|calloc|realloc|free|strdup|fopen|printf|socket|open|read|write)\s*\(")
FLOAT = re.compile(r"\b(float|double)\b")
# rooms in which money and noise are decided: floating point and weak randomness have no place there
EXACT = ("device_proto", "daemon/core")
WEAK = re.compile(r"\b(rand|random|srand|drand48|rand_r)\s*\(")


def rooms():
    table = {}
    for line in (root / "tests/arch/rooms.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            room, allowed = line.split(":")
            table[room.strip()] = set(allowed.split())
    return table


def room_of(folder, table):
    parts = folder.split("/")
    for end in range(len(parts), 0, -1):
        if "/".join(parts[:end]) in table:
            return "/".join(parts[:end])
    return None


def without_comments(text):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def check_file(path, table):
    name = path.relative_to(root).as_posix()
    room = room_of(path.parent.relative_to(root).as_posix(), table)
    if room is None:
        breaches.append(f"{name}: no room of rooms.txt holds this file")
        return
    text = path.read_text()
    for number, line in enumerate(text.splitlines(), 1):
        own = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        libc = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        if own:
            target = room_of(own.group(1).rpartition("/")[0], table)
            if target is None or not (root / own.group(1)).exists():
                breaches.append(f'{name}:{number}: "{own.group(1)}" is not written from the project\'s root')
            elif target != room and target not in table[room]:
                breaches.append(f"{name}:{number}: {room} may not include {target}")
        if libc and room == "device_proto" and libc.group(1) not in BARE:
            breaches.append(f"{name}:{number}: device_proto may not include <{libc.group(1)}>")
    bare = without_comments(text)
    for number, line in enumerate(bare.splitlines(), 1):
        if room == "device_proto" and HEAP.search(line):
            breaches.append(f"{name}:{number}: device_proto uses no heap and no I/O: {line.strip()}")
        if room in EXACT and FLOAT.search(line):
            breaches.append(f"{name}:{number}: floating point where values that leave are decided: {line.strip()}")
        if WEAK.search(line):
            breaches.append(f"{name}:{number}: weak randomness: {line.strip()}")


def check_libraries():
    cmake = (root / "cmake/Dependencies.cmake").read_text()
    control = (root / "packaging/debian/control").read_text()
    named = set(re.findall(r"^\s*tp_library\(\w+ \S+ (\S+)\)", cmake, re.M))
    build = re.search(r"^Build-Depends:(.*?)(?=^\S)", control, re.M | re.S)
    listed = {word.strip().split()[0] for word in build.group(1).split(",") if word.strip()}
    for missing in sorted(named - listed):
        breaches.append(f"packaging/debian/control: Build-Depends lacks {missing}, which CMake asks for")
    for extra in sorted(word for word in listed - named if word.startswith("lib")):
        breaches.append(f"packaging/debian/control: Build-Depends names {extra}, which CMake does not ask for")
    return len(named)


def main():
    table = rooms()
    files = [p for folder in ("device_proto", "daemon", "cli", "tests/corpus") for p in sorted((root / folder).rglob("*.[ch]"))]
    for path in files:
        check_file(path, table)
    for room in table:
        if not (root / room / "README.md").exists() and room not in ("daemon", "daemon/core/ports"):
            breaches.append(f"{room}: a room without a README.md")
    libraries = check_libraries()
    for breach in breaches:
        print(breach)
    print(f"{len(files)} files of {len(table)} rooms, {libraries} libraries: {len(breaches)} breaches")
    return 1 if breaches else 0


sys.exit(main())

#!/usr/bin/env python3
"""device_proto on a microcontroller: compiled for a Cortex-M4 at -Os, linked feature by feature, and run on an emulated one.

    tests/firmware/measure.py PROGRAMS        prints one line a feature; PROGRAMS is where tinypartctl has been built

For each feature: text, data and bss of what it takes of device_proto (the compiler's helpers included, the firmware's own primitives not); the
worst stack by the compiler's call graph; the deepest that its run reached. Fails when a symbol of a heap, of I/O or of floating point is linked,
when recursion has no stated bound, when a run went deeper than the worst that was computed, and when a feature does not come to its result.

$TINYPART_MONOCYPHER and $TINYPART_TINYCRYPT name the sources of those libraries: with them Ed25519 and ESP256 signatures are really checked on the
emulated processor, and what the primitive takes is printed too. Without them, a signature is taken for good there."""
import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import uuid

import stack

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOST_ONLY = {"noise_gauss.c"}  # needs 128-bit integers, as its head says
MACHINE = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"]
FLAGS = [*MACHINE, "-std=c17", "-Os", "-ffunction-sections", "-fdata-sections", "-DPUBLIC_KEY_SIZE_MAX=65", "-DSIGNATURE_SIZE_MAX=64", f"-I{ROOT}"]
OURS = ["-Wall", "-Wextra", "-Werror", "-fcallgraph-info=su"]
FORBIDDEN = re.compile(r"_?(malloc|calloc|realloc|free|sbrk)(_r)?|_?(read|write|open|close)(_r)?|.*printf.*|__aeabi_[df].*|__(add|sub|mul|div)[ds]f3")
# How often a function may be on the stack at once: a constant of device_proto, and how much more than that.
RECURSION = {
    "skip_item": ("CBOR_DEPTH_MAX", 1),
    "suit_run_sequence": ("SUIT_NESTING_MAX", 1),  # the one too many is entered, and refused
}
# Who calls through a pointer: into a table (of which file), or what the firmware gave.
THROUGH_TABLES = {"run_once": "suit_commands", "try_keys": "cose_accept"}
THROUGH_CALLBACKS = {
    "agreed_kek", "ask_match", "begin", "cose_decrypt_begin", "cose_mac0_check", "cose_stream_begin", "cose_verify", "draw_take", "fetch_for_real", "invoke",
    "lmots_chain", "lmots_digest", "lmots_public_leaf", "lms_inner", "lms_verify", "next_keystream", "open_dependency", "suit_check_authorized",
    "suit_check_content", "suit_digest_matches", "suit_enter", "suit_wait_for", "transfer_now", "unlink_component"}
# Where the stack of a manifest ends and that of its dependency begins: counted by themselves.
DEPENDENCY, DEPENDENCY_OPENED = "suit_walk_dependency", ("suit_dependencies.o", "open_dependency")
WITHOUT_HSS = "-DTINYPART_WITHOUT_HSS"


class Feature:
    def __init__(self, title, source, entries, inputs=lambda tools: {}, primitive=None, flags=()):
        """inputs(tools) gives the feature's input: a key's type and arrays by name. primitive: what a signature is checked with. flags: what
        device_proto is compiled with for it."""
        self.title, self.source, self.entries, self.inputs, self.primitive, self.flags = title, source, entries, inputs, primitive, flags


def fail(text):
    print(f"FAIL  {text}")
    sys.exit(1)


def run(command):
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        fail(f"{' '.join(map(str, command))}\n{result.stdout}")
    return result.stdout


def compile_c(source, out, more):
    run(["arm-none-eabi-gcc", "-c", *FLAGS, *more, source, "-o", out])
    return out


def link(out, objects, more):
    run(["arm-none-eabi-gcc", *MACHINE, "-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections", *more, *objects, "-o", out])
    return out


def recursion():
    text = "".join(path.read_text() for path in sorted((ROOT / "device_proto").glob("*.[ch]")))
    bounds = {}
    for name, (constant, more) in RECURSION.items():
        match = re.search(rf"#define\s+{constant}\s+(\d+)", text) if constant else None
        if constant and not match:
            fail(f"{name} recurses by {constant}, which device_proto does not define: mend RECURSION in tests/firmware/measure.py")
        bounds[name] = (int(match.group(1)) if match else 0) + more
    return bounds


# ---- inputs, made with our own command line ----

class Tools:
    def __init__(self, programs, folder):
        self.ctl, self.folder = pathlib.Path(programs) / "tinypartctl", folder

    def key(self, name, *words):
        path = self.folder / f"{name}.pem"
        if not path.exists():
            run([self.ctl, "keygen", *words, "-o", path])
        return path

    def public(self, name, size):
        """The raw key: the last bytes of a SubjectPublicKeyInfo."""
        lines = (self.folder / f"{name}.pub.pem").read_text().splitlines()
        return base64.b64decode("".join(line for line in lines if "-----" not in line))[-size:]

    def manifest(self, name, key):
        image, out = self.folder / "image", self.folder / f"{name}.suit"
        image.write_bytes(bytes(178))
        run([self.ctl, "manifest", "create", "--dialect", "suit", "--key", key, "--sequence", "2", "--vendor", "riot-os.org", "--class", "native",
             "--component", "ram/0", "--uri", "coap://[fd00:1::1]/i/0123456789abcdef", "--image", image, "-o", out])
        return out.read_bytes()


def suit_input(name, size, *words):
    def make(tools):
        vendor = uuid.uuid5(uuid.NAMESPACE_DNS, "riot-os.org")
        envelope = tools.manifest(name, tools.key(name, *words))
        return {"type": f"KEY_{name.upper()}", "key": tools.public(name, size), "envelope": envelope,
                "vendor_id": vendor.bytes, "class_id": uuid.uuid5(vendor, "native").bytes}
    return make


SUIT = ["suit_manifest_verify", "suit_manifest_run"]
FEATURES = [
    Feature("SUIT, signed with Ed25519", "feature_suit.c", SUIT, suit_input("ed25519", 32, "--type", "ed25519"), "monocypher", [WITHOUT_HSS]),
    Feature("SUIT, signed with ESP256", "feature_suit.c", SUIT, suit_input("p256", 65, "--type", "p256"), "tinycrypt", [WITHOUT_HSS]),
    Feature("SUIT, signed with HSS-LMS", "feature_suit.c", SUIT, suit_input("hss_lms", 60, "--type", "hss-lms", "--height", "5", "--width", "8")),
    Feature("SenML, five readings written", "feature_senml.c", ["senml_encode_cbor"]),
    Feature("noise, discrete Laplace", "feature_laplace.c", ["noise_laplace"]),
]


def write_inputs(path, inputs):
    lines = []
    for name, value in inputs.items():
        if name == "type":
            lines.append(f"#define INPUT_KEY_TYPE {value}")
        else:
            lines.append(f"static const uint8_t input_{name}[{len(value)}] = {{ {', '.join(map(str, value))} }};")
    path.write_text("\n".join(lines) + "\n")


# ---- the primitives of others ----

def primitive_objects(name, folder):
    """Objects and flags of the library that checks a signature, or nothing where its sources are not named."""
    where = os.environ.get(f"TINYPART_{name.upper()}") if name else None
    if not where:
        return [], []
    base = pathlib.Path(where)
    if name == "monocypher":
        sources, flags = [base / "src/monocypher.c", base / "src/optional/monocypher-ed25519.c"], [f"-I{base}/src", f"-I{base}/src/optional", "-DFIRMWARE_ED25519"]
    else:
        names = ("ecc", "ecc_dsa", "utils")
        sources, flags = [base / f"lib/source/{n}.c" for n in names], [f"-I{base}/lib/include", "-DFIRMWARE_P256"]
    return [compile_c(source, folder / f"{name}-{source.stem}.o", flags + ["-fcallgraph-info=su"]) for source in sources], flags


# ---- measuring ----

def sections(program):
    found = {"text": 0, "data": 0, "bss": 0}
    for name, size in re.findall(r"^(\.\S+)\s+(\d+)\s+\d+$", run(["arm-none-eabi-size", "-A", program]), re.M):
        kind = "bss" if name.startswith(".bss") else "data" if name.startswith(".data") else "text"
        if name.startswith((".text", ".rodata", ".ARM.ex", ".data", ".bss")):
            found[kind] += int(size)
    return found


def linked_size(feature, objects, folder):
    """What the feature's entries pull in, and nothing else."""
    program = link(folder / "size.elf", objects, [f"-Wl,-e,{feature.entries[0]}"] + [f"-Wl,-u,{entry}" for entry in feature.entries])
    symbols = {line.split()[-1] for line in run(["arm-none-eabi-nm", program]).splitlines()}
    bad = sorted(symbol for symbol in symbols if FORBIDDEN.fullmatch(symbol))
    if bad:
        fail(f"{feature.title} links {', '.join(bad)}: device_proto has no heap, no I/O and no floating point")
    return sections(program)


def run_it(feature, objects, folder, tools):
    """The depth that a run on the emulated processor reached, in bytes."""
    write_inputs(folder / "inputs.h", feature.inputs(tools))
    library, flags = primitive_objects(feature.primitive, folder)
    own = [compile_c(HERE / name, folder / f"{pathlib.Path(name).stem}.o", [f"-I{folder}", *OURS, *flags]) for name in (feature.source, "port.c", "runtime.c")]
    program = link(folder / "run.elf", own + library + objects, ["-T", HERE / "runtime.ld"])
    output = run(["timeout", "120", "qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none",
                  "-semihosting-config", "enable=on,target=native", "-kernel", program])
    match = re.search(r"result (\d+) stack (\d+)", output)
    if not match or match.group(1) != "0":
        fail(f"{feature.title} came to {output!r} on the Cortex-M4")
    return int(match.group(2)), library, own


def calls(objects):
    return stack.Calls(objects, recursion(), THROUGH_TABLES, THROUGH_CALLBACKS, {DEPENDENCY, DEPENDENCY_OPENED[1]})


def measure(feature, objects, folder, tools):
    size = linked_size(feature, objects, folder)
    try:
        known = calls(objects)
        worst, path = max(known.worst(entry) for entry in feature.entries)
        dependency = (known.worst(DEPENDENCY)[0], known.worst(DEPENDENCY_OPENED)[0]) if feature.entries is SUIT else None
    except stack.Unbounded as error:
        fail(f"{feature.title}: {error}")
    reached, library, own = run_it(feature, objects, folder, tools)
    whole, _ = calls(objects + library + own).worst("firmware_feature")
    if reached > whole:
        fail(f"{feature.title} went {reached} bytes deep, and {whole} was computed as its worst: the call graph misses something")
    return {"size": size, "worst": worst, "path": path, "reached": reached, "library": sum(sections(o)["text"] for o in library),
            "dependency": dependency}


def compile_room(folder, flags):
    folder.mkdir()
    return [compile_c(path, folder / f"{path.stem}.o", OURS + flags) for path in sorted((ROOT / "device_proto").glob("*.c")) if path.name not in HOST_ONLY]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tools = Tools(sys.argv[1], folder)
        rooms = {(): compile_room(folder / "all", []), (WITHOUT_HSS,): compile_room(folder / "without_hss", [WITHOUT_HSS])}
        for missing in (n for n in ("MONOCYPHER", "TINYCRYPT") if not os.environ.get(f"TINYPART_{n}")):
            print(f"note  TINYPART_{missing} names no sources: its signatures are taken for good on the emulated processor")
        print(f"{'Cortex-M4, -Os: bytes':34} {'text':>7} {'data':>5} {'bss':>5} {'worst stack':>12} {'a run reached':>14}")
        for feature in FEATURES:
            m = measure(feature, rooms[tuple(feature.flags)], folder, tools)
            print(f"{feature.title:34} {m['size']['text']:7} {m['size']['data']:5} {m['size']['bss']:5} {m['worst']:12} {m['reached']:14}" +
                  (f"   with {feature.primitive}, whose objects are {m['library']} bytes of text" if m["library"] else ""))
            print(f"{'':8}by {' > '.join(m['path'])}")
            if m["dependency"]:
                print(f"{'':8}each dependency that is open: {m['dependency'][0]} more; while one is verified: {m['dependency'][1]} more")


if __name__ == "__main__":
    main()

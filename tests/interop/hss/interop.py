#!/usr/bin/env python3
"""HSS-LMS with implementations that nobody here wrote, in both directions, for a table of parameter sets.

  TINYPART_HASH_SIGS=PATH    the program `demo` of github.com/cisco/hash-sigs (SHA-256 only)
  TINYPART_PYHSSLMS=FOLDER   a checkout of github.com/russhousley/pyhsslms (SHA-256 and SHA-256/192)

Where neither is named, nothing is compared and that is said. Ends with 1 at the first difference."""
import os
import pathlib
import subprocess
import sys
import tempfile

tool = sys.argv[1]
hash_sigs = os.environ.get("TINYPART_HASH_SIGS")
pyhsslms = os.environ.get("TINYPART_PYHSSLMS")


def ours(*words):
    return subprocess.run([tool, *map(str, words)], capture_output=True).returncode


def changed(folder, name):
    """The same file with one bit in its middle turned."""
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / f"{name}.changed").write_bytes(data)
    return folder / f"{name}.changed"


class HashSigs:
    """Cisco's reference code: names signatures FILE.sig and public keys KEY.pub."""

    name = "hash-sigs"

    def __init__(self, folder):
        self.folder = folder

    def run(self, *words):
        done = subprocess.run([hash_sigs, *words], cwd=self.folder, capture_output=True, text=True)
        return done.stdout + done.stderr

    def sign(self, n, height, width, levels, message):
        self.run("genkey", "theirs", ",".join([f"{height}/{width}"] * levels))
        self.run("sign", "theirs", message)

    def holds(self, key, message):
        return "Signature verified" in self.run("verify", key, message)


class PyHssLms:
    name = "pyhsslms"

    def __init__(self, folder):
        sys.path.insert(0, pyhsslms)
        import pyhsslms as module

        self.module, self.folder = module, folder

    def sign(self, n, height, width, levels, message):
        lms = getattr(self.module, f"lms_sha256_m{n}_h{height}")
        lmots = getattr(self.module, f"lmots_sha256_n{n}_w{width}")
        key = self.module.HssLmsPrivateKey.genkey(str(self.folder / "theirs"), levels=levels, lms_type=lms,
                                                  lmots_type=lmots)
        (self.folder / f"{message}.sig").write_bytes(key.sign((self.folder / message).read_bytes()))

    def holds(self, key, message):
        public = self.module.HssLmsPublicKey(str(self.folder / key))
        return public.verify((self.folder / message).read_bytes(), (self.folder / f"{message}.sig").read_bytes())


def compare(peer_class, n, height, width, levels):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        peer = peer_class(folder)
        (folder / "message").write_bytes(os.urandom(178))
        peer.sign(n, height, width, levels, "message")
        signature = folder / "message.sig"
        words = (folder / "theirs.pub", folder / "message", signature)
        assert ours("verify", *words) == 0, "theirs is refused by us"
        assert ours("verify", *words[:2], changed(folder, "message.sig")) == 1, "theirs, changed, is taken by us"
        signature.unlink()
        assert ours("keygen", n, height, width, levels, folder / "own", folder / "own.pub") == 0, "we make no key"
        for turn in range(3):
            assert ours("sign", folder / "own", folder / "message", signature) == 0, "we do not sign"
            assert peer.holds("own", "message"), f"ours is refused by them, turn {turn}"
        os.replace(changed(folder, "message.sig"), signature)
        assert not peer.holds("own", "message"), "ours, changed, is taken by them"
    print(f"ok  {peer_class.name:10} n {n} height {height:2} width {width} levels {levels}", flush=True)


def main():
    both = [(5, width, levels) for width in (1, 2, 4, 8) for levels in (1, 2, 3)]
    if hash_sigs:
        for height, width, levels in both + [(5, 8, 8), (10, 4, 1), (10, 8, 2), (15, 4, 1)]:
            compare(HashSigs, 32, height, width, levels)
    if pyhsslms:
        for n in (32, 24):
            for height, width, levels in both[:11:2] + [(5, 8, 1), (10, 2, 1)]:
                compare(PyHssLms, n, height, width, levels)
    if not hash_sigs and not pyhsslms:
        print("no other implementation named: TINYPART_HASH_SIGS, TINYPART_PYHSSLMS; nothing compared")


main()

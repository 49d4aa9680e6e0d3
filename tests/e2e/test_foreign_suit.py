"""SUIT between strangers: what our author writes is given to implementations that no one here wrote, and what they wrote to ours. They
are built beside the project by whoever wants to know, and named here; nothing stands for one that is not named.

libcsuit (its examples need QCBOR and t_cose): TINYPART_LIBCSUIT names the folder of its built examples (parser, process, encode), and
TINYPART_LIBCSUIT_KEY the private key (PKCS#8) whose public half those examples trust: the trust anchor among its test files.
suit-generator: TINYPART_SUIT_GENERATOR names its source folder, and TINYPART_SUIT_GENERATOR_PYTHON (python3) an interpreter that has
what it imports."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import BIN, ROOT, run
from manifest_kinds import command, kinds, steps

VECTORS = pathlib.Path(os.environ.get("TINYPART_VECTORS", ROOT / "../shared/vectors"))
CTL = BIN / "tinypartctl"

# What libcsuit 1.0.2 does not decode, although the drafts have it. Each of these must be taken by another one, or stand in NOBODY.
LIBCSUIT_LACKS = {
    "a list of indices": "says that the type of the key is wrong",
    "try each or nothing": "knows no nil among the branches",
    "parameter strict-order": "takes true only",
    "severable candidate-verification": "takes it in the manifest only",
    "a long manifest": "20 commands in a sequence at most",
    "many components": "3 components at most",
}
# Decoded as it should be, but printed or encoded again wrongly: their encoder writes texts under one key twice, drops
# candidate-verification, and their printer wants a dependency's prefix.
LIBCSUIT_CHANGES = {
    "dependency without prefix", "texts of the manifest", "texts in two languages", "texts of a component", "severable text",
    "section candidate-verification", "severed candidate-verification",
}
GENERATOR_LACKS = {  # update management, arguments of fetch and invoke, nil among the branches
    "try each or nothing", "override multiple", "copy params", "parameter use-before", "parameter invoke-args", "parameter fetch-arguments",
    "parameter minimum-battery", "parameter update-priority", "parameter wait-info", "parameter component-metadata",
    *(f"{name}, report {policy}" for policy in (0, 15) for name in
      ("condition-use-before", "condition-image-not-match", "condition-minimum-battery", "condition-update-authorized", "directive-wait")),
}
# Read, but written again wrongly: a text in the manifest loses its byte string, a component's name is cut as if it were CBOR.
GENERATOR_CHANGES = {"manifest component id", "texts of the manifest", "texts in two languages", "texts of a component",
                     "texts of a component alone"}
NOBODY = {"try each or nothing"}  # only the draft's own definition (CDDL) has it so far


def load_tests(loader, tests, _pattern):
    """Only what can run here is collected."""
    chosen = []
    for name, case in (("TINYPART_LIBCSUIT", TestLibcsuit), ("TINYPART_SUIT_GENERATOR", TestSuitGenerator)):
        if os.environ.get(name):
            chosen.append(case)
        else:
            print(f"Foreign SUIT is not tested with {case.__name__[4:]}: {name} is not set; the test's first lines say to what.",
                  file=sys.stderr)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in chosen)


class Workshop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory(prefix="tinypart-suit-")
        cls.folder = pathlib.Path(cls.place.name)
        cls.key = cls.folder / "key.pem"
        if cls.foreign_key is None:
            run([CTL, "keygen", "--type", "p256", "-o", cls.key])
        else:
            cls.key.write_bytes(pathlib.Path(cls.foreign_key).read_bytes())
            cls.key.chmod(0o600)

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    foreign_key = None

    def make(self, description, name="made.suit", signed=True, algorithm=None):
        (self.folder / "description.json").write_text(json.dumps(description))
        words = ["--key", self.key] if signed else []
        words += ["--algorithm", algorithm] if algorithm else []
        run([CTL, "manifest", "create", "--from", self.folder / "description.json", *words, "-o", self.folder / name])
        return self.folder / name

    def shown(self, file):
        return json.loads(run([CTL, "-o", "json", "manifest", "show", file]))

    def expect_made_again(self, file):
        """Shown, and made again from what was shown: the same manifest, to the byte."""
        first = self.shown(file)
        self.assertEqual(self.shown(self.make(first, "again.suit", signed=False))["manifest-digest"], first["manifest-digest"], file)

    def published(self, pattern):
        """The vectors of that name, as files; none, said aloud, where there are no vectors."""
        files = sorted(VECTORS.glob(pattern))
        if not files:
            print(f"no vectors {pattern}", file=sys.stderr)
        for file in files:
            lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
            out = self.folder / file.name
            out.write_bytes(bytes.fromhex("".join(lines)))
            yield out


class TestLibcsuit(Workshop):
    foreign_key = os.environ.get("TINYPART_LIBCSUIT_KEY")

    def tool(self, name, *words):
        path = pathlib.Path(os.environ["TINYPART_LIBCSUIT"]) / name / f"suit_manifest_{name}"
        return subprocess.run([path, *map(str, words)], cwd=self.folder, capture_output=True, text=True, errors="replace", check=False)

    def process(self, file, *words):
        store = self.folder / "store"
        store.mkdir(exist_ok=True)
        for old in store.iterdir():
            old.unlink()
        done = self.tool("process", file, "-p", store, *words)
        return done, {path.name: path.read_bytes() for path in store.iterdir()}

    def test_1_every_kind_that_it_knows_is_decoded_verified_and_written_again(self):
        for name, description in kinds().items():
            with self.subTest(name):
                done = self.tool("parser", self.make(description))
                decoded = "Failed to parse" not in done.stdout
                self.assertEqual(decoded, name not in LIBCSUIT_LACKS, done.stdout[-500:])
                if decoded:
                    self.assertEqual(done.returncode == 0, name not in LIBCSUIT_CHANGES, done.stdout[-500:])

    def test_2_a_turned_bit_is_noticed(self):
        file = self.make(kinds()["one container"])
        data = bytearray(file.read_bytes())
        data[-30] ^= 1
        file.write_bytes(data)
        self.assertNotEqual(self.tool("parser", file).returncode, 0)

    def test_3_a_container_is_fetched_checked_and_invoked(self):
        (self.folder / "image").write_bytes(b"hello world")
        done, store = self.process(self.make(self.container("http://example.com/image")), "-u", "http://example.com/image", "-f",
                                   self.folder / "image")
        self.assertEqual((done.returncode, store["00"]), (0, b"hello world"), done.stdout[-800:])
        self.assertIn("hello world<callback>$ cd", done.stdout)
        self.assertNotIn("CONDITION_MISMATCH", done.stdout)
        done, store = self.process(self.make(self.container("#image")))
        self.assertEqual((done.returncode, store["00"]), (0, b"hello world"), done.stdout[-800:])
        self.assertNotIn("CONDITION_MISMATCH", done.stdout)

    def container(self, uri):
        return {"manifest-sequence-number": 1, "manifest-component-id": ["tenant.suit"], "components": [{
            "install-id": ["00"], "vendor-id": {"domain": "a.org"}, "class-id": {"domain": "a.org", "name": "n"}, "uri": uri,
            "file": str(self.folder / "image"), "bootable": True, "invoke-args": {"text": "cat 00"}}]}

    def test_4_content_is_written_copied_and_unlinked(self):
        digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        done, store = self.process(self.make(steps(
            "install",
            command("directive-override-parameters", {"content": "hello"}, index=0), command("directive-write"),
            command("condition-check-content"),
            command("directive-override-parameters", {"source-component": 0, "image-size": 5, "image-digest": digest}, index=1),
            command("directive-copy"), command("condition-image-match"), command("directive-unlink", index=0))))
        self.assertEqual((done.returncode, store), (0, {"01": b"hello"}), done.stdout[-800:])
        self.assertNotIn("CONDITION_MISMATCH", done.stdout)

    def test_5_an_owners_manifest_runs_the_tenants_that_it_carries(self):
        (self.folder / "image").write_bytes(b"hello world")
        tenant = self.make(self.container("#image"), "tenant.suit")
        owner = {"manifest-sequence-number": 2, "manifest-component-id": ["owner.suit"], "component-ids": [["10"]],
                 "dependencies": [{"prefix": ["tenant.suit"], "file": str(tenant), "uri": "#tenant"}]}
        plain = {"install": [command("directive-process-dependency", index=1)]}
        done, store = self.process(self.make(owner | plain, "owner.suit"))
        self.assertEqual((done.returncode, store.get("00")), (0, b"hello world"), done.stdout[-800:])
        # With dependency-integrity before it, as the draft's example 1 and our author have it, libcsuit checks the dependency
        # and then runs nothing at all, without a word: an error of theirs.
        done, store = self.process(self.make(owner, "owner.suit"))
        self.assertEqual((done.returncode, sorted(store)), (0, ["owner.suit", "tenant.suit"]), done.stdout[-800:])

    def test_6_what_its_author_writes_is_verified_and_shown(self):
        self.assertEqual(self.tool("encode", "theirs.suit").returncode, 0)
        public = self.folder / "key.pub.pem"
        public.write_text(run(["openssl", "pkey", "-in", self.key, "-pubout"]))
        verified = run([CTL, "manifest", "verify", self.folder / "theirs.suit", "--key", public])
        self.assertIn("sequence             2", verified)
        self.expect_made_again(self.folder / "theirs.suit")

    def test_7_its_test_files_are_read_and_made_again(self):
        for file in self.published("suit-libcsuit/suit_manifest_*.hex"):
            with self.subTest(file.name):
                self.expect_made_again(file)

    def test_8_the_manifests_of_the_other_drafts_are_read_and_made_again(self):
        for pattern in ("suit-trust-domains/*.hex", "suit-teep/*.hex", "suit-manifest-37/*.hex", "suit-firmware-encryption/*.hex.signed"):
            for file in self.published(pattern):
                with self.subTest(file.name):
                    self.expect_made_again(file)


GENERATOR = """
import sys
sys.path.insert(0, sys.argv[1])
from suit_generator.suit.envelope import SuitEnvelopeTagged
for name in sys.argv[2:]:
    data = open(name, "rb").read()
    try:
        envelope = SuitEnvelopeTagged.from_cbor(data)
        envelope.to_obj()
        print("same" if envelope.to_cbor() == data else "changed")
    except (ValueError, TypeError):
        print("refused")
"""


class TestSuitGenerator(Workshop):
    def test_1_every_kind_that_it_knows_is_read_and_written_again(self):
        names = list(kinds())
        files = [self.make(kinds()[name], f"{index}.suit", algorithm="es256") for index, name in enumerate(names)]
        python = os.environ.get("TINYPART_SUIT_GENERATOR_PYTHON", "python3")
        said = run([python, "-c", GENERATOR, os.environ["TINYPART_SUIT_GENERATOR"], *files]).split()
        for name, word in zip(names, said, strict=True):
            with self.subTest(name):
                self.assertEqual(word, "refused" if name in GENERATOR_LACKS else "changed" if name in GENERATOR_CHANGES else "same")

    def test_2_one_of_the_two_takes_every_kind(self):
        self.assertEqual(set(LIBCSUIT_LACKS) & GENERATOR_LACKS, NOBODY)
        self.assertLessEqual(set(LIBCSUIT_LACKS) | GENERATOR_LACKS | LIBCSUIT_CHANGES | GENERATOR_CHANGES, set(kinds()))

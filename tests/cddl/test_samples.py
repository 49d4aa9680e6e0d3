"""schema/wire.cddl against what the project itself makes: the published corpus, the fuzzers' seeds, and bundles signed on the command line.

    test_samples.py TINYPART_CORPUS TINYPARTCTL     paths of the two programs"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import cbor
import cddl

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = cddl.parse((ROOT / "schema/wire.cddl").read_text())
KINDS = {"bundle": "image-bundle", "policy": "policy-document", "grant": "grant-document", "token": "access-token"}
# Cases of the corpus whose form is wrong, and not only what they say.
MISSHAPEN = {"cut", "trailing", "key-missing", "key-too-many", "key-twice", "value-outside-its-type", "claim-of-another-type", "another-tag",
             "payload-elsewhere", "rides-along", "container-empty", "devices-vendor", "unknown-type", "a-key-less-or-more", "claim-twice"}
SEEDS = {"bundle": "image-bundle", "policy_doc": "policy-document", "grant_doc": "grant-document", "cose_encrypt": "encryption-info",
         "token/metadata": "tiny-metadata", "token/metadata_as_cose": "tiny-metadata-signed-as-cose", "token/standard": "access-token",
         "token/standard_mac": "access-token", "token/tiny": "tiny-token", "token/tiny_mac": "tiny-token"}
CORPUS, CTL = sys.argv[1:3]


class TestSamples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        subprocess.run([CORPUS, "--folder", cls.folder / "corpus"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def fits(self, rule, path):
        self.assertIsNone(cddl.validate(RULES, rule, path.read_bytes()), f"{path.name}: {rule}")

    def test_the_corpus_fits_where_it_is_accepted_and_not_where_it_is_misshapen(self):
        seen = {"accept": 0, "refuse": 0}
        for line in (self.folder / "corpus/index.jsonl").read_text().splitlines():
            entry = json.loads(line)
            path, rule = self.folder / "corpus" / entry["file"], KINDS.get(entry["kind"])
            if rule and entry["verdict"] == "accept":
                self.fits(rule, path)
            elif rule and entry["case"] in MISSHAPEN:
                self.assertIsNotNone(cddl.validate(RULES, rule, path.read_bytes()), entry["file"])
            else:
                continue
            seen[entry["verdict"]] += 1
        self.assertGreater(min(seen.values()), 100)

    def test_policies_of_each_form_are_among_them(self):
        index = [json.loads(line) for line in (self.folder / "corpus/index.jsonl").read_text().splitlines()]
        paths = [self.folder / "corpus" / entry["file"] for entry in index if entry["kind"] == "policy" and entry["verdict"] == "accept"]
        paths += (ROOT / "tests/fuzz/corpus/policy_doc").iterdir()
        forms = {len(cbor.loads(cbor.loads(path.read_bytes()).value[2]).pairs) for path in paths}
        self.assertLessEqual({16, 18}, forms)

    def test_the_seeds_of_the_fuzzers_fit(self):
        for name, rule in SEEDS.items():
            place = ROOT / "tests/fuzz/corpus" / name
            paths = sorted(place.iterdir()) if place.is_dir() else [place]
            self.assertTrue(paths)
            for path in paths:
                self.fits(rule, path)

    def test_bundles_of_every_kind_of_key_and_container_fit(self):
        container = ROOT / "packaging/examples/containers/thermo.rbpf"
        for kind in (["ed25519"], ["p256"], ["hss-lms", "--height", "5", "--width", "8"]):
            key, out = self.folder / f"{kind[0]}.pem", self.folder / f"{kind[0]}.suit"
            subprocess.run([CTL, "keygen", "--type", *kind, "-o", key], check=True, stdout=subprocess.DEVNULL)
            for of in ("bpf", "wasm", "python", "shell", "native"):
                out.unlink(missing_ok=True)
                subprocess.run([CTL, "image", "sign", container, "--name", "thermo", "--version", "1.0", "--type", of, "--sensor", "temperature",
                                "--key", key, "-o", out], check=True, stdout=subprocess.DEVNULL)
                self.fits("image-bundle", out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

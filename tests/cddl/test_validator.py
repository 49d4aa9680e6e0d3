"""The validator, against definitions and messages that others published, and against small cases of its own."""
import os
import pathlib
import sys
import unittest

import cbor
import cddl

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = pathlib.Path(os.environ.get("TINYPART_VECTORS", ROOT.parent / "shared" / "vectors"))

# What the drafts take from other documents, as loosely as they may.
ELSEWHERE = """
start = nil
concise-swid-tag = any
COSE_Sign1_Tagged = #6.18([bstr, {* any => any}, bstr / nil, bstr])
COSE_Sign_Tagged = #6.98([bstr, {* any => any}, bstr / nil, [+ any]])
COSE_Mac0_Tagged = #6.17([bstr, {* any => any}, bstr / nil, bstr])
COSE_Mac_Tagged = #6.97([bstr, {* any => any}, bstr / nil, bstr, [+ any]])
COSE_Encrypt = [bstr, {* any => any}, bstr / nil, [+ any]]
COSE_Encrypt_Tagged = #6.96(COSE_Encrypt)
"""
DRAFTS = ("suit-manifest-37/draft-ietf-suit-manifest.cddl", "suit-trust-domains/draft-ietf-suit-trust-domains.cddl",
          "suit-update-management/draft-ietf-suit-update-management.cddl", "suit-firmware-encryption/draft-ietf-suit-firmware-encryption.cddl")
FOLDERS = ("suit-manifest-37", "suit-trust-domains", "suit-firmware-encryption", "suit-teep", "suit-libcsuit")

# definition, items that fit, items that do not (as hexadecimal CBOR)
CASES = (
    ("r = 1..3", "01 03", "00 04 6131 f4"),
    ("r = -2...0", "21 20", "22 00"),
    ("r = true", "f5", "f4 01"),
    ("r = 1", "01", "f5 02 fb3ff0000000000000"),
    ("r = bstr .size (1..2)", "4100 420000", "40 43000000 6161"),
    ("r = uint .size 1", "00 18ff", "190100 20"),
    ("r = uint .bits &(a: 0, b: 2)", "00 05", "02 08"),
    ("r = bstr .cbor [uint]", "428107", "4107 418107 43810700"),
    ("r = 'ab' / h'00ff'", "426162 4200ff", "626162 4200fe"),
    ("r = #6.107(uint)", "d86b01", "d86c01 01 d86b20"),
    ("r = [1*2 uint, ? tstr]", "8101 820102 8301026161", "80 83010203 816161 8201f4"),
    ("r = [* (uint, tstr)]", "80 82016161 84016161026162", "8101 8301616102"),
    ("r = [(uint // tstr), nil]", "8201f6 826161f6", "81f6 8202f4"),
    ("r = {1 => uint, ? 2 => tstr}", "a10100 a20100026161", "a0 a1026161 a201000301 a201000100"),
    ("r = {a: int, * tstr => any}", "a1616101 a26161016162f5", "a0 a16161f5 a26161010101"),
    ("r = {+ $$x}\n$$x //= (1 => uint)\n$$x //= (2 => tstr)", "a10100 a1026161 a20100026161", "a0 a10300"),
    ("r = {* $$none}", "a0", "a10100"),
    ("r = pair<uint, tstr>\npair<a, b> = [a, b]", "82016161", "82616101"),
    ("r = kind\nkind = &(one: 1, two: 2)", "01 02", "03"),
    ("r = [g]\ng = (uint, tstr)", "82016161", "8101"),
    ("r = (uint / tstr)", "01 6161", "f4"),
)


def hexadecimal(path):
    return bytes.fromhex("".join(line for line in path.read_text().splitlines() if not line.startswith("#")))


class TestValidator(unittest.TestCase):
    def test_tells_what_fits_a_definition_from_what_does_not(self):
        for text, good, bad in CASES:
            rules = cddl.parse(text)
            for item in good.split():
                self.assertIsNone(cddl.validate(rules, "r", bytes.fromhex(item)), f"{text} refuses {item}")
            for item in bad.split():
                self.assertIsNotNone(cddl.validate(rules, "r", bytes.fromhex(item)), f"{text} accepts {item}")

    def test_says_where_a_message_departs(self):
        rules = cddl.parse("r = {1 => bstr .cbor [uint, tstr]}")
        self.assertEqual(cddl.validate(rules, "r", bytes.fromhex("a10143820102")), "at /1/<</1: tstr expected, 2 found")

    def test_refuses_definitions_that_do_not_hold_together(self):
        for text in ("a = b", "a = 1\na = 2", "a = [", "a = 1 = 2", "a = %"):
            with self.assertRaises(cddl.Grammar, msg=text):
                cddl.parse(text)

    def test_refuses_what_is_not_cbor(self):
        rules = cddl.parse("r = any")
        for item in ("", "18", "0000", "5f41004100ff", "1c", "62c328"):
            self.assertIn("not CBOR", cddl.validate(rules, "r", bytes.fromhex(item)))


class TestPublished(unittest.TestCase):
    def test_published_manifests_fit_the_published_definitions(self):
        rules = cddl.parse("".join((VECTORS / name).read_text() for name in DRAFTS) + ELSEWHERE)
        seen = 0
        for path in sorted(p for folder in FOLDERS for p in (VECTORS / folder).iterdir() if ".hex" in p.name):
            data = hexadecimal(path)
            tagged = data.startswith(b"\xd8\x6b")
            if tagged or "manifest" in path.name or path.parent.name == "suit-teep":
                with self.subTest(path.name):
                    self.assertIsNone(cddl.validate(rules, "SUIT_Envelope_Tagged" if tagged else "SUIT_Envelope", data))
                seen += 1
        self.assertGreaterEqual(seen, 40)

    def test_no_byte_of_a_published_structure_can_be_another_type(self):
        """Each map, array and string head of a manifest turned into another type is seen."""
        rules = cddl.parse("".join((VECTORS / name).read_text() for name in DRAFTS) + ELSEWHERE)
        data = hexadecimal(VECTORS / "suit-manifest-37/example0.0.hex")
        manifest = data.index(bytes.fromhex("a50101020003"))
        for offset in (0, 2, manifest, manifest + 1):
            changed = data[:offset] + bytes([data[offset] ^ 0x60]) + data[offset + 1:]
            self.assertIsNotNone(cddl.validate(rules, "SUIT_Envelope_Tagged", changed), f"byte {offset}")


def load_tests(loader, _tests, _pattern):
    cases = [TestValidator]
    if VECTORS.is_dir():
        cases.append(TestPublished)
    else:
        print(f"no published test vectors at {VECTORS}: the validator rests on its own cases", file=sys.stderr)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    unittest.main()

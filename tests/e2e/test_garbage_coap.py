"""Malformed CoAP in the thousands: the daemon answers or stays silent, its memory stays bounded, and afterwards it works as before.
Every round has a fixed seed; a failure is repeated by running the test again."""
import json
import os
import pathlib
import random

import foreign
from foreign import (ACK, BLOCK1, BLOCK2, CON, CONTENT_FORMAT, DELETE, GET, LINKS, NON, OCTETS, POST, PUT, SENML_CBOR, SENML_JSON, SIZE1, Raw,
                     block, code_text, message, parse)
from harness import BIN, FULL, ROOT, WorldCase, wait_until

ROUNDS = 400_000 if FULL else 20_000
SOURCES = 200  # addresses that garbage comes from
PROBE_EVERY = 64  # datagrams between two questions whether the daemon still answers: fewer than its socket's buffer holds
PONG = 0xE3  # 7.03
SANITIZED = b"__asan_init" in (BIN / "tinypartd").read_bytes()
RSS_MAX_KB = 1_000_000 if SANITIZED else 100_000  # freed memory is held back by the sanitizer

SENML_TEXT = b'[{"bn":"urn:dev:ep:x_","bt":1.5e9,"n":"temperature","u":"Cel","v":21.5},{"n":"a","vs":"text"},{"n":"b","vb":true},{"n":"c","vd":"AAAA"}]'
SENML_BYTES = bytes.fromhex("82a421 68757064 65763a65 703a ".replace(" ", "")) + b"\x00\x6btemperature\x01\x63Cel\x02\xf9\x4d\x60"
LINK_TEXT = b'</a>;rt="temperature lux";if=sensor;ct="110 112",<coap://[2001:db8::1]/b>;anchor="/a";title="x,y;z"'
REPORT = bytes.fromhex("a3038004f51863827468747470733a2f2f6769742e696f2f4a4a596f6a822f5820" + "66" * 32)
SIGNED = bytes.fromhex("d28443a10132a10441785843") + REPORT + bytes.fromhex("5840") + b"\x11" * 64
MALFORMED = ("", "40", "4001", "00010001", "80010001", "490100010102030405060708ff", "42010001aa", "40010001f0", "400100010f", "40010001b374",
             "40010001d0", "40010001e000", "40010001ff", "4100000101", "40000001b161", "40010001e0fffee0ffff", "40210001", "40e10001",
             "40ff0001", "70010001", "60450001", "50000001", "4002000161ff", "4002000101")


def vectors():
    """The malformed messages of the vectors' folder, where it is present."""
    folder = pathlib.Path(os.environ.get("TINYPART_VECTORS", ROOT.parent / "shared" / "vectors"))
    file = folder / "coap" / "messages.json"
    if not file.exists():
        print(f"note  {file} is not here; the project's own messages are used alone")
        return []
    content = json.loads(file.read_text())
    return [bytes.fromhex(entry["hex"]) for entry in content["malformed"] + content["valid"]]


def good_messages():
    """Requests of every kind as (code, path, queries, options, body)."""
    form = lambda number: (CONTENT_FORMAT, foreign.varint(number))
    return [
        (POST, "rd", ("ep=x1", "lt=60", "d=here", "base=coap://127.9.9.9:5683", "et=tinypart"), (form(LINKS),), LINK_TEXT),
        (POST, "rd/AAAAAAAAAAAAAAAA", ("lt=90",), (), b""), (DELETE, "rd/AAAAAAAAAAAAAAAA", (), (), b""), (POST, ".well-known/rd", ("ep=x2",), (), b""),
        (GET, ".well-known/core", ("rt=core.rd*",), ((BLOCK2, block(0, False, 2)),), b""), (GET, "rd-lookup/ep", ("ep=x*", "page=0", "count=9"), (), b""),
        (GET, "rd-lookup/res", ("rt=temperature",), ((BLOCK2, block(3, False, 0)),), b""), (GET, "m/AAAAAAAAAAAAAAAA", (), (), b""),
        (GET, "i/AAAAAAAAAAAAAAAA", (), ((BLOCK2, block(1, False, 6)),), b""), (GET, "p/temperature", (), (), b""),
        (POST, "t", ("d=known", "s=1", "p=1"), (form(SENML_JSON),), SENML_TEXT), (POST, "t", ("d=known", "s=2"), (form(SENML_CBOR),), SENML_BYTES),
        (POST, "t", ("d=known", "s=3", "p=1"), (form(SENML_JSON), (BLOCK1, block(0, True, 2)), (SIZE1, foreign.varint(300))), SENML_TEXT[:64]),
        (POST, "t", ("d=known", "s=3", "p=1"), (form(SENML_JSON), (BLOCK1, block(1, False, 2))), SENML_TEXT[64:128]),
        (POST, "r", (), (form(OCTETS),), REPORT), (POST, "r", (), (form(OCTETS),), SIGNED), (PUT, "t", (), (), b"x"), (5, "t", (), (), b"x"),
    ]


def mutate(dice, data):
    """One to four small wrongs: bits, bytes, lengths, repetitions, foreign ends."""
    data = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        kind = dice.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        elif kind == 2:
            data[at:at] = dice.randbytes(dice.randint(1, 9))
        elif kind == 3:
            del data[at:at + dice.randint(1, 9)]
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            part = data[at:at + dice.randint(1, 40)]
            data[at:at] = part * dice.randint(1, 8)
        elif data:
            data[at:] = dice.randbytes(dice.randint(0, 200))
    return bytes(data[:1400])


class TestGarbage(WorldCase):
    """One daemon for all of it; what one test leaves behind is the next one's burden."""

    settings = ("privacy.device_cap=100",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        w.tenant("acme")
        w.ctl("policy", "set", "temperature", "--lower", "0", "--upper", "50", "--unit", "Cel", "--epsilon-per-reading", "0.01")
        w.ctl("budget", "set", "acme", "--epsilon", "100")
        w.ctl("device", "create", "known", "--profile", "tinypart", "--address", w.address(250), "--labels", "site=lyon")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--sensors", "temperature")
        number = w.number
        cls.sources = [Raw(w.host, f"127.{240 + i // 100}.{number}.{1 + i % 100}") for i in range(SOURCES)]
        for raw in cls.sources:
            raw.socket.setblocking(False)
            cls.addClassCleanup(raw.close)
        cls.probe = Raw(w.host, f"{w.net}.251")
        cls.addClassCleanup(cls.probe.close)
        cls.probes, cls.codes = 0, {}

    def setUp(self):
        self.dice = random.Random(self._testMethodName)

    def rss_kb(self):
        status = pathlib.Path(f"/proc/{self.world.daemon.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def assert_alive(self):
        """The daemon answers a plain question, and its memory is within bounds."""
        type(self).probes += 1
        answer = self.probe.ask(message(GET, self.probes & 0xFFFF, ".well-known/core"), 30)
        self.assertIsNotNone(answer, "the daemon has fallen silent:\n" + self.world.logged()[-4000:])
        self.assertEqual(code_text(parse(answer)[1]), "2.05")
        self.assertLess(self.rss_kb(), RSS_MAX_KB)

    def collect(self, raw):
        """Reads what came back to a source: each answer is well-formed, and none is a fault."""
        while True:
            try:
                answer = raw.socket.recv(2048)
            except (BlockingIOError, ConnectionError):
                return
            kind, code, _, _, _, _ = parse(answer)
            self.assertEqual(answer[0] >> 6, 1)
            # libcoap from 4.3.2 on reads RFC 8974's extended tokens: what it was sent with is what it answers with
            if kind in (CON, NON) and code >> 5 == 0:
                continue  # the daemon asks back: the links of a simple registration
            if code == PONG:
                continue  # libcoap takes RFC 8323's signals, made for TCP, over UDP too; harmless
            self.assertIn(code >> 5, (0, 2, 4, 5), answer.hex())
            self.assertNotEqual(code_text(code), "5.00", "a fault inside:\n" + self.world.logged()[-4000:])
            self.codes[code_text(code)] = self.codes.get(code_text(code), 0) + 1

    def flood(self, datagrams):
        for i, datagram in enumerate(datagrams):
            raw = self.dice.choice(self.sources)
            try:
                raw.send(datagram)
            except ConnectionError:
                pass
            if i % PROBE_EVERY == PROBE_EVERY - 1:
                self.assert_alive()
                for source in self.sources:
                    self.collect(source)
        self.assert_alive()
        for source in self.sources:
            self.collect(source)

    def test_1_malformed_messages(self):
        known = [bytes.fromhex(text) for text in MALFORMED] + vectors()
        self.flood(known)
        self.flood(mutate(self.dice, self.dice.choice(known)) for _ in range(ROUNDS // 4))
        self.flood(self.dice.randbytes(self.dice.randint(0, 1400)) for _ in range(ROUNDS // 8))

    def test_2_mutations_of_good_messages(self):
        good = good_messages()

        def wrong():
            code, path, query, options, body = self.dice.choice(good)
            kind = self.dice.choice((CON, CON, CON, NON, ACK))
            whole = message(code, self.dice.randrange(65536), path, query, options, body, kind, self.dice.randbytes(self.dice.randint(0, 8)))
            return mutate(self.dice, whole)

        self.flood(wrong() for _ in range(ROUNDS))

    def test_3_good_messages_with_broken_bodies(self):
        bodies = [one for one in good_messages() if one[4]]

        def broken():
            code, path, query, options, body = self.dice.choice(bodies)
            query = tuple(f"s={self.dice.randrange(1 << 20)}" if part.startswith("s=") else part for part in query)
            return message(code, self.dice.randrange(65536), path, query, options, mutate(self.dice, body)[:1000])

        self.flood(broken() for _ in range(ROUNDS // 2))

    def test_4_odd_options(self):
        def odd():
            code, path, query, options, body = self.dice.choice(good_messages())
            number = self.dice.choice((1, 3, 4, 5, 6, 7, 9, 14, 17, 19, 20, 23, 27, 28, 31, 35, 39, 60, 252, 258, 292, 2049, 65001, 65535))
            value = self.dice.randbytes(self.dice.choice((0, 1, 2, 3, 4, 5, 8, 12, 13, 40, 255, 300)))
            return message(code, self.dice.randrange(65536), path, query, (*options, (number, value)), body)[:1400]

        self.flood(odd() for _ in range(ROUNDS // 4))

    def test_5_uploads_begun_and_lied_about(self):
        """First blocks by the thousand that announce 4 GiB; the table of uploads is bounded, and so is what each may hold."""
        def first():
            number = self.dice.choice((0, 0, 0, 1, 7, 1000, 1048575))
            options = ((CONTENT_FORMAT, bytes([SENML_JSON])), (BLOCK1, block(number, True, 6)), (SIZE1, b"\xff\xff\xff\xff"),
                       (292, self.dice.randbytes(8)))
            return message(POST, self.dice.randrange(65536), "t", ("d=known", f"s={self.dice.randrange(1 << 30)}"), options, b" " * 1024)

        before = self.rss_kb()
        self.flood(first() for _ in range(ROUNDS // 3))
        self.assertIn("2.31", self.codes)
        self.assertIn("5.03", self.codes, "more uploads were begun than there may be")
        if not SANITIZED:
            self.assertLess(self.rss_kb() - before, 40_000)

    def test_6_uploads_without_end(self):
        """One upload after another that grows to its bound."""
        for source in range(8):
            raw = Raw(self.world.host, f"{self.world.net}.{200 + source}")
            self.addCleanup(raw.close)

            def post(number):
                options = ((CONTENT_FORMAT, bytes([SENML_JSON])), (BLOCK1, block(number, True, 6)))
                datagram = message(POST, self.dice.randrange(65536), "t", ("d=known", "s=1"), options, b" " * 1024)
                return code_text(parse(raw.ask(datagram, 30))[1])

            # room is made as soon as uploads that were only begun have stood still for some seconds
            wait_until(lambda post=post: post(0) == "2.31", 30, "room for an upload")
            codes = [post(number) for number in range(1, 40)]
            self.assertEqual(codes[0], "2.31")
            self.assertIn("4.13", codes)
            self.assertNotIn("2.31", codes[codes.index("4.13"):])
        self.assert_alive()

    def test_7_afterwards_everything_works(self):
        w = self.world
        raw = Raw(w.host, f"{w.net}.252", 5683)
        self.addCleanup(raw.close)
        ask = lambda *words: code_text(parse(raw.ask(message(*words), 30))[1])
        self.assertEqual(ask(POST, 1, "rd", ("ep=after", "et=tinypart"), ((CONTENT_FORMAT, bytes([LINKS])),), b"</suit/trigger>"), "2.01")
        w.ctl("device", "claim", "after", "--profile", "tinypart", "--labels", "site=lyon")
        self.assertEqual(ask(POST, 2, "t", ("d=after", "s=1", "p=1"), ((CONTENT_FORMAT, bytes([SENML_JSON])),),
                             b'[{"n":"temperature","u":"Cel","v":21}]'), "2.04")
        status = w.json("status")
        self.assertTrue(status["ledger"]["sound"])
        self.assertEqual(status["registry"]["readings_noised"], 1, "nothing of the garbage was stored")
        self.assertTrue(w.json("audit", "verify")["holds"])
        self.assertGreater(sum(self.codes.values()), ROUNDS // 2, self.codes)

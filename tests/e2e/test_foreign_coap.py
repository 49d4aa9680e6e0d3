"""CoAP endpoints that no one here wrote: node-coap as a device, libcoap's client, and datagrams sent by hand."""
import base64
import hashlib
import json
import random
import struct
import subprocess

import foreign
from foreign import BLOCK1, CONTENT_FORMAT, LINKS, OCTETS, POST, PROBLEM, SENML_CBOR, SENML_JSON, NodeEndpoint, Raw, libcoap
from harness import WorldCase, wait_until

SUIT_LINKS = b'</suit/trigger>;rt="suit.trigger",</sensors/temperature>;if="core.s";ct="110 112"'
EXPONENTS = range(7)  # blocks of 16 to 1024 bytes
BULK = 240  # instructions of the largest container that a stock RIOT device has room for


def bulk_container():
    """A container of about 1950 bytes: r0 is set again and again."""
    text = b"".join(struct.pack("<BBhi", 0xB7, 0, 0, i) for i in range(1, BULK + 1)) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    rodata = b"bulk\0\0\0\0"
    return struct.pack("<4s6I", b"rBPF", 0, 0, 0, len(rodata), len(text), 1) + rodata + text + struct.pack("<3H", 0, 0, 0)


class ForeignCase(WorldCase):
    """A world with one endpoint of node-coap."""

    settings = ("privacy.device_cap=1000",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node = cls.endpoint(50)

    @classmethod
    def endpoint(cls, index):
        node = NodeEndpoint(cls.world.host, f"{cls.world.net}.{index}")
        cls.addClassCleanup(node.close)
        return node

    def counted(self, name):
        return self.world.json("status")["counters"][name]


class TestNodeCoap(ForeignCase):
    """A device made of node-coap: the directory, readings, policies."""

    def register(self, name, extra="&lt=600&et=tinypart", links=SUIT_LINKS):
        code, _, reply = self.node.request("POST", "/rd", f"ep={name}{extra}", links, format=LINKS)
        self.assertEqual(code, "2.01", reply)
        return reply["location"]

    def lookup(self, query, what="ep", **options):
        code, text, _ = self.node.request("GET", f"/rd-lookup/{what}", query, **options)
        self.assertEqual(code, "2.05")
        return text.decode()

    def test_01_node_registers_and_is_unclaimed(self):
        location = self.register("foreign-1")
        self.assertRegex(location, r"^/rd/[\w-]+$")
        device, = self.world.items("device", "list", "--state", "unclaimed")
        self.assertEqual((device["name"], device["address"]), ("foreign-1", f"coap://{self.world.net}.50:5683"))
        self.assertEqual(self.register("foreign-1"), location, "the same endpoint keeps its location")
        code, text, _ = self.node.request("POST", "/rd", "ep=foreign-1&d=upstairs", format=LINKS)
        self.assertEqual(code, "4.09", "a device has one name")
        self.assertIn("sector", self.node.decode(text)["-2"])

    def test_02_node_looks_up_what_it_registered(self):
        self.register("foreign-1")
        self.assertIn('ep=foreign-1;base="coap://', self.lookup("ep=foreign-1"))
        links = self.lookup("ep=foreign-1", "res")
        self.assertIn(f'<coap://{self.world.net}.50:5683/suit/trigger>;rt="suit.trigger"', links)
        self.assertIn("/suit/trigger", self.lookup("rt=suit.*", "res"))
        self.assertEqual(self.lookup("rt=nothing", "res"), "")
        for exponent in EXPONENTS:
            with self.subTest(block=16 << exponent):
                self.assertEqual(self.lookup("ep=foreign-1", "res", block2=exponent), links)

    def test_03_node_updates_and_removes(self):
        location = self.register("brief", extra="&lt=60")
        self.assertIn("lt=60;", self.lookup("ep=brief"))
        self.assertEqual(self.node.request("POST", location, "lt=7200")[0], "2.04")
        self.assertIn("lt=7200;", self.lookup("ep=brief"))
        self.assertEqual(self.node.request("DELETE", location)[0], "2.02")
        self.assertEqual(self.lookup("ep=brief"), "")
        for method in ("POST", "DELETE"):
            code, text, reply = self.node.request(method, location)
            self.assertEqual((code, reply["format"]), ("4.04", PROBLEM))
            self.assertIn("-1", self.node.decode(text))

    def test_04_simple_registration_reads_the_nodes_own_links(self):
        self.node.order("serve", links='</sensors/humidity>;rt="humidity"')
        self.assertEqual(self.node.request("POST", "/.well-known/rd", "ep=simple")[0], "2.04")
        wait_until(lambda: "humidity" in self.lookup("ep=simple", "res"), 20, "the links of the simple registration")

    def test_05_refusals_are_problem_details(self):
        for path, query, payload, options in (
                ("/rd", "lt=60", b"", {"format": LINKS}), ("/rd", "ep=x&lt=0", b"", {"format": LINKS}), ("/r", None, b"no report", {"format": OCTETS}),
                ("/t", "d=foreign-1&s=1", b'{"not":"a pack"}', {"format": SENML_JSON}), ("/t", "d=foreign-1", b"[]", {"format": SENML_JSON}),
                ("/t", "d=foreign-1&s=1", b"\x81\xa1\x00", {"format": SENML_CBOR}), ("/rd", "ep=y", b'</a>;rt="', {"format": LINKS})):
            with self.subTest(path=path, query=query):
                code, text, reply = self.node.request("POST", path, query, payload, **options)
                self.assertEqual((code, reply["format"]), ("4.00", PROBLEM))
                self.assertTrue(all(isinstance(word, str) for word in self.node.decode(text).values()))
        self.assertEqual(self.node.request("POST", "/t", "d=foreign-1&s=1", b"22.5", format=0)[0], "4.15")
        self.assertEqual(self.node.request("PUT", "/t")[0], "4.05")
        self.assertEqual(self.node.request("GET", "/nowhere")[0], "4.04")
        self.assertEqual(self.node.request("GET", "/.well-known/core", accept=SENML_JSON)[0], "4.06")

    def test_06_node_reads_and_verifies_the_signed_policy(self):
        self.world.ctl("policy", "set", "temperature", "--lower", "0", "--upper", "50", "--unit", "Cel", "--interval", "1s",
                       "--epsilon-per-reading", "0.01", "--contributions", "1000")
        whole = self.node.request("GET", "/p/temperature")[1]
        for exponent in EXPONENTS:
            self.assertEqual(self.node.request("GET", "/p/temperature", block2=exponent)[1], whole)
        document = self.node.order("verify", payload=base64.b64encode(whole).decode(), external="tinypart noise policy",
                                   trust=self.world.public.read_text())["value"]
        self.assertEqual((document["1"], document["2"]), ("temperature", 1))
        self.assertEqual(self.node.request("GET", "/p/nothing")[0], "4.04")

    chance = random.Random(20261121)

    def noised(self):
        """A reading as the policy wants it: less noise would make the device suspect. Laplace of 50 Cel by 0.01 epsilon."""
        return round(21.5 + 5000 * (self.chance.expovariate(1) - self.chance.expovariate(1)), 2)

    def post(self, sequence, payload, format=SENML_JSON, version=1, **options):
        return self.node.request("POST", "/t", f"d=foreign-2&s={sequence}&p={version}", payload, format=format, **options)[0]

    def test_07_readings_come_in_as_json_and_as_cbor(self):
        w = self.world
        w.tenant("acme")
        w.ctl("budget", "set", "acme", "--epsilon", "100")
        self.register("foreign-2")
        w.ctl("device", "claim", "foreign-2", "--profile", "tinypart", "--labels", "site=lyon")
        reading = {"n": "temperature", "u": "Cel", "v": 21.5}
        self.assertEqual(self.post(1, json.dumps([reading]).encode()), "4.03", "nobody has a grant yet")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--sensors", "temperature")
        self.assertEqual(self.post(2, json.dumps([reading]).encode()), "2.04")
        self.assertEqual(self.post(3, self.node.encode([{"-2": "foreign-2/", "0": "temperature", "1": "Cel", "2": 21.5}]), SENML_CBOR), "2.04")
        self.assertEqual(self.counted("telemetry_stored"), 2)
        self.assertEqual(w.json("status")["registry"]["readings_noised"], 2)

    def test_08_repeated_sequence_number_is_answered_and_not_stored(self):
        pack = json.dumps([{"n": "temperature", "u": "Cel", "v": 21.5}]).encode()
        self.assertEqual(self.post(4, pack), "2.04")
        stored, spent = self.counted("telemetry_stored"), self.world.json("budget", "show", "acme")["spent_epsilon"]
        self.assertEqual(self.post(4, pack), "2.04")
        self.assertEqual(self.post(2, pack), "4.09", "whether it ever came cannot be told")
        self.assertEqual(self.counted("telemetry_stored"), stored)
        self.assertEqual(self.counted("telemetry_duplicate"), 2)
        self.assertEqual(self.world.json("budget", "show", "acme")["spent_epsilon"], spent)

    def test_09_large_pack_comes_in_blocks_of_every_size(self):
        before = self.world.json("status")["registry"]["readings_noised"]
        for exponent in EXPONENTS:
            with self.subTest(block=16 << exponent):
                text = json.dumps([{"n": "temperature", "u": "Cel", "v": self.noised(), "t": -i} for i in range(40)]).encode()
                self.assertGreater(len(text), 1500)
                self.assertEqual(self.post(10 + exponent, text, block1=exponent), "2.04")
        self.assertEqual(self.world.json("status")["registry"]["readings_noised"], before + len(EXPONENTS) * 40)

    def test_10_upload_beyond_the_bound_is_refused(self):
        self.assertEqual(self.post(30, b"[" + b" " * 30000 + b"]", block1=6), "4.13")
        self.assertEqual(self.post(31, json.dumps([{"n": "temperature", "u": "Cel", "v": 20}]).encode()), "2.04")

    def test_11_readings_from_elsewhere_or_raw_are_refused(self):
        pack = json.dumps([{"n": "temperature", "u": "Cel", "v": 21.5}]).encode()
        other = self.endpoint(51)
        self.assertEqual(other.request("POST", "/t", "d=foreign-2&s=40&p=1", pack, format=SENML_JSON)[0], "4.03")
        self.assertEqual(self.post(41, pack, version=0), "4.03", "its profile must noise on board")
        self.assertEqual(self.node.request("POST", "/t", "d=nobody&s=40&p=1", pack, format=SENML_JSON)[0], "4.04")


class TestNodeDevices(ForeignCase):
    """node-coap as the device that is updated: it verifies the manifest with Node's own cryptography."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        cls.key = w.tenant("acme")
        cls.container = bulk_container()
        (w.folder / "bulk.rbpf").write_bytes(cls.container)
        w.offline("image", "sign", str(w.folder / "bulk.rbpf"), "--name", "bulk", "--version", "1.0", "--type", "bpf", "--key", str(cls.key), "-o",
                  str(w.folder / "bulk.suit"))
        w.ctl("image", "push", str(w.folder / "bulk.suit"), "--tenant", "acme")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--slots", "0,1")

    def order(self, selector, slot=0):
        return self.world.json("rollout", "create", "--tenant", "acme", "--image", "bulk:1.0", "--selector", selector, "--slot", str(slot))["id"]

    def assert_updated(self, event):
        self.assertEqual(base64.b64decode(event["image"]), self.container)
        self.assertEqual(event["digest"], hashlib.sha256(self.container).hexdigest())

    def test_1_riot_like_devices_take_a_rollout_in_blocks_of_every_size(self):
        w = self.world
        nodes = {}
        for exponent in EXPONENTS:
            name = f"riot-{16 << exponent}"
            nodes[name] = self.endpoint(60 + exponent)
            nodes[name].order("device", dialect="riot", trust=w.public.read_text(), block2=exponent)
            w.ctl("device", "create", name, "--profile", "riot-mainline", "--class", "native64", "--address", w.address(60 + exponent),
                  "--labels", "kind=riot")
        number = self.order("kind=riot")
        for node in nodes.values():
            event = node.event("updated")
            self.assert_updated(event)
            self.assertEqual(event["sequence"], 1)
        steps = w.rollout_ends(number)
        self.assertEqual({name: step["state"] for name, step in steps.items()}, dict.fromkeys(nodes, "delivered"), steps)

    def test_2_sequence_number_rises_with_the_next_order(self):
        w = self.world
        node = self.endpoint(70)
        node.order("device", dialect="riot", trust=w.public.read_text(), block2=2)
        w.ctl("device", "create", "again", "--profile", "riot-mainline", "--class", "native64", "--address", w.address(70), "--labels", "kind=again")
        for sequence, slot in ((1, 0), (2, 1), (3, 0)):
            number = self.order("kind=again", slot)
            self.assertEqual(node.event("updated")["sequence"], sequence)
            steps = w.rollout_ends(number)
            self.assertEqual(steps["again"]["state"], "delivered", steps)

    def test_3_device_of_current_suit_reports_with_its_own_key(self):
        w = self.world
        node = self.endpoint(71)
        key, public = w.folder / "node.pem", w.folder / "node.pub.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
        node.order("device", dialect="suit", trust=w.public.read_text(), block2=4, kid="modern", key=key.read_text())
        w.rest("POST", "/v1/devices", {"name": "modern", "profile": "tinypart", "labels": "kind=modern", "report_key": public.read_text()})
        self.assertEqual(node.request("POST", "/rd", "ep=modern&et=tinypart", SUIT_LINKS, format=LINKS)[0], "2.01")
        number = self.order("kind=modern")
        self.assert_updated(node.event("updated"))
        self.assertEqual(node.event("reported").get("code"), "2.04")
        steps = w.rollout_ends(number)
        self.assertEqual(steps["modern"]["state"], "installed", steps)

    def test_4_device_that_trusts_another_key_takes_nothing(self):
        w = self.world
        w.offline("keygen", "--type", "ed25519", "-o", str(w.folder / "other.pem"))
        other = subprocess.run(["openssl", "pkey", "-in", w.folder / "other.pem", "-pubout"], check=True, capture_output=True, text=True).stdout
        node = self.endpoint(72)
        node.order("device", dialect="riot", trust=other, block2=2)
        w.ctl("device", "create", "wary", "--profile", "riot-tinypart", "--class", "native", "--address", w.address(72), "--labels", "kind=wary")
        number = self.order("kind=wary")
        wait_until(lambda: not node.events.empty(), 30, "the trigger")
        node.event("triggered")
        with self.assertRaisesRegex(AssertionError, "signature"):
            node.event("updated")
        w.ctl("rollout", "abort", str(number))


class TestLibcoap(ForeignCase):
    """libcoap's example client. The daemon is built on the same library, but its client takes other ways through it."""

    def url(self, path):
        return f"coap://{self.world.host}{path}"

    def test_1_well_known_core_names_what_there_is(self):
        out, err = libcoap("get", self.url("/.well-known/core"))
        for resource in ("</rd>;rt=core.rd", "core.rd-lookup-ep", "core.rd-lookup-res", "</t>;rt=tinypart.telemetry", "</r>"):
            self.assertIn(resource, out.decode(), err)
        self.assertIn(b"</rd>", libcoap("get", self.url("/.well-known/core?rt=core.rd"))[0])

    def test_2_registers_and_looks_up(self):
        out, err = libcoap("post", self.url("/rd?ep=lib&lt=900"), "-t", str(LINKS), "-e", "</a>;rt=x,</b>", "-v", "6")
        self.assertIn("c:2.01", out.decode() + err)
        self.assertIn("Location-Path:rd", out.decode() + err)
        self.assertIn(b"ep=lib;", libcoap("get", self.url("/rd-lookup/ep?ep=lib"))[0])
        links = libcoap("get", self.url("/rd-lookup/res?ep=lib"))[0]
        self.assertIn(b"/a>;rt=x", links)
        for size in (16, 32, 64, 1024):
            self.assertEqual(libcoap("get", self.url("/rd-lookup/res?ep=lib"), "-b", str(size))[0], links)

    def test_3_signed_policy_comes_in_blocks(self):
        self.world.ctl("policy", "set", "load", "--lower", "0", "--upper", "10")
        file = self.world.folder / "policy.cose"
        whole = None
        for size in (16, 64, 256, 1024):
            libcoap("get", self.url("/p/load"), "-b", str(size), "-o", str(file))
            whole = whole or file.read_bytes()
            self.assertEqual(file.read_bytes(), whole)
        self.assertTrue(whole.startswith(b"\xd2\x84"), "COSE_Sign1")
        self.assertIn("4.04", libcoap("get", self.url("/p/nothing"))[1])

    def test_4_garbage_is_answered_with_problem_details(self):
        refused = self.counted("report_refused")
        out, err = libcoap("post", self.url("/r"), "-e", "garbage", "-v", "6")
        self.assertIn("c:4.00", out.decode() + err)
        self.assertIn("Content-Format:257", (out.decode() + err).replace("application/concise-problem-details+cbor", "257"))
        self.assertEqual(self.counted("report_refused"), refused + 1)
        large = self.world.folder / "large"
        large.write_bytes(b"[" + b" " * 30000 + b"]")
        self.assertIn("4.13", libcoap("post", self.url("/t?d=lib&s=1"), "-f", str(large), "-b", "1024", "-t", str(SENML_JSON))[1])
        self.assertIn("4.04", libcoap("delete", self.url("/rd/nothing"))[1])

    def test_5_client_that_loses_every_third_datagram_still_registers(self):
        out, err = libcoap("post", self.url("/rd?ep=lossy"), "-t", str(LINKS), "-e", "</a>", "-l", "1,3", "-v", "6", seconds=30)
        self.assertIn("c:2.01", out.decode() + err)


class TestRetransmission(ForeignCase):
    """The same confirmable message again, as a client sends it whose answer got lost: answered alike, done once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        cls.raw = Raw(w.host, f"{w.net}.80", 5683)
        cls.addClassCleanup(cls.raw.close)
        w.tenant("acme")
        w.ctl("policy", "set", "temperature", "--lower", "0", "--upper", "50", "--epsilon-per-reading", "0.01", "--contributions", "1000")
        w.ctl("budget", "set", "acme", "--epsilon", "100")
        w.ctl("device", "create", "raw", "--profile", "tinypart", "--address", w.address(80), "--labels", "site=lyon")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--sensors", "temperature")

    def thrice(self, datagram):
        """Three times in one burst; the one answer that all three got."""
        for _ in range(3):
            self.raw.send(datagram)
        answers = [self.raw.receive() for _ in range(3)]
        self.assertEqual(len(set(answers)), 1, answers)
        return foreign.parse(answers[0])

    def telemetry(self, number, sequence, pack, options=()):
        return foreign.message(POST, number, "t", ("d=raw", f"s={sequence}", "p=1"), ((CONTENT_FORMAT, bytes([SENML_JSON])), *options), pack)

    def test_1_readings_are_stored_once(self):
        datagram = self.telemetry(1, 1, b'[{"n":"temperature","v":21}]')
        self.assertEqual(foreign.code_text(self.thrice(datagram)[1]), "2.04")
        self.assertEqual((self.counted("telemetry_stored"), self.counted("telemetry_duplicate")), (1, 0))

    def test_2_refusal_is_repeated_and_counted_once(self):
        refused = self.counted("report_refused")
        code, payload = self.thrice(foreign.message(POST, 2, "r", payload=b"garbage"))[1::4]
        self.assertEqual(foreign.code_text(code), "4.00")
        self.assertIn(b"SUIT report", payload)
        self.assertEqual(self.counted("report_refused"), refused + 1)

    def test_3_registration_has_one_location(self):
        kind, code, _, _, options, _ = self.thrice(foreign.message(POST, 3, "rd", ("ep=thrice",), ((CONTENT_FORMAT, bytes([LINKS])),), b"</a>"))
        self.assertEqual((kind, foreign.code_text(code)), (foreign.ACK, "2.01"))
        self.assertEqual(len(options[8]), 2)

    def test_4_removal_is_answered_as_the_first_time(self):
        location = self.thrice(foreign.message(POST, 4, "rd", ("ep=brief",)))[4][8]
        path = "/".join(part.decode() for part in location)
        self.assertEqual(foreign.code_text(self.thrice(foreign.message(foreign.DELETE, 5, path))[1]), "2.02")
        self.assertEqual(foreign.code_text(self.thrice(foreign.message(foreign.DELETE, 6, path))[1]), "4.04")

    def test_5_each_block_of_an_upload_is_taken_once(self):
        pack = json.dumps([{"n": "temperature", "v": 20, "t": -i} for i in range(20)]).encode()
        stored = self.world.json("status")["registry"]["readings_noised"]
        blocks = [pack[at:at + 64] for at in range(0, len(pack), 64)]
        for i, part in enumerate(blocks):
            more = i + 1 < len(blocks)
            code = self.thrice(self.telemetry(10 + i, 2, part, ((BLOCK1, foreign.block(i, more, 2)),)))[1]
            self.assertEqual(foreign.code_text(code), "2.31" if more else "2.04")
        self.assertEqual(self.world.json("status")["registry"]["readings_noised"], stored + 20)

    def test_6_same_id_with_another_content_is_another_message(self):
        stored = self.counted("telemetry_stored")
        for sequence in (50, 51):
            answer = self.raw.ask(self.telemetry(99, sequence, b'[{"n":"temperature","v":21}]'))
            self.assertEqual(foreign.code_text(answer[1]), "2.04")
        self.assertEqual(self.counted("telemetry_stored"), stored + 2)

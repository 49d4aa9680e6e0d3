"""Real RIOT devices: whoever has built TinyPART's suit_femtocontainer and mainline's suit_update for Linux (boards native, native64)
names the executables, and the real daemon drives them. They run in a network namespace of their own, each behind a tap device, so
this needs root and iproute2. Nothing here stands for a device: where it is not named, there are no such tests."""
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from harness import CONTAINERS, ENVIRONMENT, World, WorldCase, run, wait_until

NAMES = ("TINYPART_RIOT_TP", "TINYPART_RIOT_MAIN", "TINYPART_RIOT_KEY")
HOW = ("Real RIOT devices are not tested: as root, set TINYPART_RIOT_TP and TINYPART_RIOT_MAIN to their executables and TINYPART_RIOT_KEY "
       "to the private key (PEM) whose public half both trust; TINYPART_RIOT_RD too, for one that has the command cord_ep.")
REFUSED = r"fetched the manifest and then nothing for \d+ s: signature, sequence number or class not accepted"


def load_tests(loader, tests, _pattern):
    """Only what can run here is collected."""
    if not all(os.environ.get(name) for name in NAMES):
        print(HOW, file=sys.stderr)
        return unittest.TestSuite()
    chosen = [TestRealRiot, TestRealRefusals] + ([TestRealRegistration] if os.environ.get("TINYPART_RIOT_RD") else [])
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in chosen)


class Net:
    """A network namespace with the devices in it."""

    def __init__(self):
        self.name = f"tinypart-riot-{os.getpid()}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tinypart-riot-"))
        self.devices = {}
        run(["ip", "netns", "add", self.name])
        run(["ip", "-n", self.name, "link", "set", "lo", "up"])

    @property
    def inside(self):
        return ["ip", "netns", "exec", self.name]

    def tc(self, *words):
        run([*self.inside, "tc", "qdisc", *words])

    def device(self, name, executable):
        device = Device(self, name, len(self.devices) + 1, executable)
        self.devices[name] = device
        device.start()
        return device

    def close(self):
        for device in self.devices.values():
            device.stop()
        run(["ip", "netns", "del", self.name])
        shutil.rmtree(self.folder, ignore_errors=True)


class Device:
    """One RIOT process. Its console tells it its address, as at a real board's serial line."""

    def __init__(self, net, name, number, executable):
        self.net, self.number, self.executable = net, number, str(pathlib.Path(executable).resolve())
        self.tap, self.host, self.address = f"tap{number}", f"fd00:{number}::1", f"fd00:{number}::2"
        self.log = net.folder / f"{name}.log"
        self.url = f"coap://[{self.address}]:5683"
        run([*net.inside, "ip", "tuntap", "add", "dev", self.tap, "mode", "tap"])
        run(["ip", "-n", net.name, "link", "set", self.tap, "up"])
        run(["ip", "-n", net.name, "addr", "add", f"{self.host}/64", "dev", self.tap, "nodad"])

    def start(self):
        """Powers it on. Sequence numbers and slots are in RAM, so a start is a device without any."""
        self.log.write_bytes(b"")
        with open(self.log, "ab") as log:
            # a session of its own: mainline forks a reader of its console, which has to go with it
            self.process = subprocess.Popen([*self.net.inside, self.executable, self.tap, "-i", str(self.number)], stdin=subprocess.PIPE,
                                            stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True, cwd=self.net.folder)
        interface = wait_until(self.interface, 20, "the console of " + self.executable)
        self.type(f"ifconfig {interface} add {self.address}/64")
        self.type(f"nib route add {interface} default {self.host}")
        wait_until(self.board, 20, "CoAP of " + self.executable)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        time.sleep(0.2)  # the console's buffer is one line

    def said(self):
        return self.log.read_text(errors="replace")

    def interface(self):
        if self.process.poll() is not None:
            raise AssertionError(self.said()[-2000:])
        self.type("ifconfig")
        words = self.said().replace("Iface", " Iface ").split()
        return words[words.index("Iface") + 1] if "Iface" in words[:-1] else None

    def board(self):
        """What GET /riot/board answers, or None."""
        program = ("import socket, sys; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(1); "
                   "s.sendto(bytes.fromhex('40015a5a') + b'\\xb4riot\\x05board', (sys.argv[1], 5683)); "
                   "print(s.recv(256).partition(b'\\xff')[2].decode())")
        done = subprocess.run([*self.net.inside, sys.executable, "-c", program, self.address], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process.stdin.close()

    def restart(self):
        self.stop()
        self.start()


def padded(folder, total):
    """thermo with more read-only data behind its own, so that it has that many bytes; its path."""
    file = (CONTAINERS / "thermo.rbpf").read_bytes()
    head = list(struct.unpack("<4s6I", file[:28]))
    rodata_end = 28 + head[3] + head[4]
    head[4] += total - len(file)
    path = folder / f"thermo-{total}.rbpf"
    path.write_bytes(struct.pack("<4s6I", *head) + file[28:rodata_end] + bytes(total - len(file)) + file[rodata_end:])
    return path


class RealCase(WorldCase):
    """One namespace with devices, one daemon in it."""

    @classmethod
    def setUpClass(cls):
        cls.net = Net()
        cls.addClassCleanup(cls.net.close)
        cls.world = cls.daemon(os.environ["TINYPART_RIOT_KEY"], 5683, cls.settings)
        cls.acme = cls.world.tenant("acme")
        cls.world.image("acme", cls.acme, "thermo", version="1.0", sensor="temperature")

    @classmethod
    def daemon(cls, key, port, settings=()):
        world = World(settings, listen=f"[::]:{port}", inside=cls.net.inside, key=key)
        cls.addClassCleanup(world.close)
        return world.start()

    @classmethod
    def device(cls, world, name, device, labels, board=None):
        """Known to the daemon by hand, as its owner would."""
        profile = "riot-tinypart" if device.executable == str(pathlib.Path(os.environ["TINYPART_RIOT_TP"]).resolve()) else "riot-mainline"
        world.ctl("device", "create", name, "--profile", profile, "--class", board or device.board(), "--address", device.url, "--labels", labels)

    @staticmethod
    def order(world, image, selector, slot="0", tenant="acme"):
        return world.json("rollout", "create", "--tenant", tenant, "--image", image, "--selector", selector, "--slot", slot)["id"]

    def outcome(self, number, device, seconds=60):
        return self.world.rollout_ends(number, seconds)[device]


class TestRealRiot(RealCase):
    """One device of each kind, from its first container to a power cut in the middle of an image."""

    settings = ("privacy.device_cap=100",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        cls.tp = cls.net.device("tp", os.environ["TINYPART_RIOT_TP"])
        cls.main = cls.net.device("main", os.environ["TINYPART_RIOT_MAIN"])
        cls.device(w, "tp", cls.tp, "site=lyon,kind=tp")
        cls.device(w, "main", cls.main, "site=lyon,kind=main")
        cls.bolt = w.tenant("bolt")
        w.image("bolt", cls.bolt, "counter", version="2.1")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0", "--sensors", "temperature",
              "--helpers", "0x31,0x32")
        w.ctl("grant", "create", "--tenant", "bolt", "--selector", "kind=tp", "--slots", "1", "--sensors", "temperature", "--helpers", "*")
        big = padded(w.folder, 2048), padded(w.folder, 2049)
        for version, path in zip(("2048", "2049"), big):
            bundle = w.folder / f"thermo-{version}.suit"
            w.offline("image", "sign", str(path), "--name", "thermo", "--version", version, "--type", "bpf", "--key", str(cls.acme),
                      "--sensor", "temperature", "-o", str(bundle))
            w.ctl("image", "push", str(bundle), "--tenant", "acme")

    def counter(self, name):
        return self.world.json("status")["counters"][name]

    def test_01_both_kinds_take_the_container(self):
        w = self.world
        out = w.ctl("rollout", "create", "--tenant", "acme", "--image", "thermo:1.0", "--selector", "site=lyon", "--slot", "0", "--watch",
                    "--timeout", "2m")
        self.assertIn("2 of 2 devices have the image", out)
        steps = w.steps(1)
        self.assertEqual({name: step["state"] for name, step in steps.items()}, {"tp": "installed", "main": "delivered"}, steps)
        self.assertEqual(w.ctl("device", "run", "tp", "0").strip(), "27.18")
        for device in (self.tp, self.main):
            self.assertIn("Stored sequence number: 1", device.said())

    def test_02_two_tenants_run_side_by_side(self):
        w = self.world
        step = self.outcome(self.order(w, "counter:2.1", "kind=tp", "1", "bolt"), "tp")
        self.assertEqual((step["state"], step["sequence"]), ("installed", 2), step)
        self.assertEqual([w.ctl("device", "run", "tp", slot).strip() for slot in "01"], ["27.18", "50.50"])
        slots = {slot["slot"]: slot["tenant"] for slot in w.json("device", "show", "tp")["slots"]}
        self.assertEqual(slots, {0: "acme", 1: "bolt"})

    def test_03_container_is_polled_and_noised_answers_leave(self):
        w = self.world
        # the first poll was put off for want of a policy; installing again begins anew
        w.ctl("policy", "set", "temperature", "--lower", "0", "--upper", "50", "--unit", "Cel", "--interval", "2s", "--contributions", "5")
        w.ctl("budget", "set", "acme", "--epsilon", "100")
        self.assertEqual(self.outcome(self.order(w, "thermo:1.0", "kind=tp"), "tp")["state"], "installed")
        wait_until(lambda: self.counter("telemetry_stored") >= 5, 40, "five polled readings")
        self.assertEqual(self.counter("poll_fault"), 0)
        ask = lambda query: w.json("release", "create", "--tenant", "acme", "--query", query, "--sensor", "temperature", "--selector", "kind=tp",
                                   "--epsilon", "20")["answer"]
        # 5 readings of 27.18 are in it, so the noise has scale 5/20 and 5*50/20: beyond these bounds with probability below 1e-6
        self.assertAlmostEqual(float(ask("count")["value"]), 5, delta=4)
        self.assertAlmostEqual(float(ask("sum")["value"]), 5 * 27.18, delta=200)
        self.assertEqual(ask("mean")["unit"], "Cel")
        self.assertEqual(float(w.json("budget", "show", "acme")["spent_epsilon"]), 60)

    def test_04_slot_takes_2048_bytes_and_not_one_more(self):
        w = self.world
        self.assertRegex(self.refused("rollout", "create", "--tenant", "acme", "--image", "thermo:2049", "--selector", "site=lyon", "--slot", "0"),
                         "2049 bytes.*2048")
        number = self.order(w, "thermo:2048", "site=lyon")
        self.assertEqual(self.outcome(number, "tp")["state"], "installed")
        self.assertEqual(w.steps(number)["main"]["state"], "delivered")
        self.assertEqual(w.ctl("device", "run", "tp", "0").strip(), "27.18")

    def test_05_device_that_lost_everything_takes_the_next_order(self):
        w = self.world
        self.tp.restart()
        number = self.order(w, "thermo:1.0", "kind=tp")
        step = self.outcome(number, "tp", 200)
        self.assertEqual(step["state"], "installed", step)
        self.assertEqual(w.ctl("device", "run", "tp", "0").strip(), "27.18")
        self.assertIn(f"Stored sequence number: {step['sequence']}", self.tp.said())

    def slowed(self):
        """An order to mainline's device over a line of about 4 blocks a second, seen when a part of the image is through."""
        self.net.tc("replace", "dev", self.main.tap, "root", "tbf", "rate", "4kbit", "burst", "1600", "latency", "60s")
        self.addCleanup(self.net.tc, "del", "dev", self.main.tap, "root")
        number = self.order(self.world, "thermo:2048", "kind=main")
        step = wait_until(lambda: (lambda s: s if s["image_bytes"] > 512 else None)(self.world.steps(number)["main"]), 30, "a part of the image")
        self.assertEqual(step["state"], "manifest_fetched")
        return number

    def test_06_killed_daemon_goes_on_with_the_same_transfer(self):
        number = self.slowed()
        self.world.kill()
        self.world.start()
        step = self.outcome(number, "main")
        self.assertEqual((step["state"], step["attempts"]), ("delivered", 1), step)

    def test_07_power_cut_in_the_middle_of_an_image_is_tried_again(self):
        number = self.slowed()
        self.main.restart()
        step = self.outcome(number, "main", 200)
        self.assertEqual((step["state"], step["attempts"]), ("delivered", 2), step)
        self.assertIn(f"Stored sequence number: {step['sequence']}", self.main.said())


class TestRealRefusals(RealCase):
    """What real devices turn down in silence. Silence takes its time, so every order is given first, and judged together."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        other = cls.world.folder / "other.pem"
        cls.world.offline("keygen", "--type", "ed25519", "-o", str(other))
        # a daemon that devices do not trust, and one that lost its registry
        cls.foreign, cls.forgetful = cls.daemon(other, 40001), cls.daemon(os.environ["TINYPART_RIOT_KEY"], 40002)
        for world in (cls.foreign, cls.forgetful):
            world.image("acme", world.tenant("acme"), "thermo", version="1.0", sensor="temperature")
        for world in (cls.world, cls.foreign, cls.forgetful):
            world.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--slots", "0", "--sensors", "temperature", "--helpers", "*")
        for kind in ("tp", "main"):
            for why in ("class", "key", "replay"):
                device = cls.net.device(f"{kind}-{why}", os.environ[f"TINYPART_RIOT_{kind.upper()}"])
                world = {"class": cls.world, "key": cls.foreign, "replay": cls.forgetful}[why]
                cls.device(world, f"{kind}-{why}", device, f"why={why}", "samr21-xpro" if why == "class" else None)
                if why == "replay":
                    cls.device(cls.world, f"{kind}-replay", device, "why=first")
        cls.world.rollout_ends(cls.order(cls.world, "thermo:1.0", "why=first"), 60)
        for world, why in ((cls.world, "class"), (cls.foreign, "key"), (cls.forgetful, "replay")):
            cls.order(world, "thermo:1.0", f"why={why}")

    def judged(self, world, number, why, said):
        steps = world.rollout_ends(number, 150)
        for kind in ("tp", "main"):
            step = steps[f"{kind}-{why}"]
            self.assertEqual(step["state"], "refused", step)
            self.assertRegex(step["reason"], REFUSED)
            self.assertIn(said, self.net.devices[f"{kind}-{why}"].said())

    def test_01_wrong_class(self):
        self.judged(self.world, 2, "class", "res=-4")

    def test_02_foreign_key(self):
        self.judged(self.foreign, 1, "key", "res=-6")

    def test_03_replay(self):
        self.judged(self.forgetful, 1, "replay", "res=-5")

    def test_04_number_after_the_replayed_one_is_taken(self):
        w = self.forgetful
        steps = w.rollout_ends(self.order(w, "thermo:1.0", "why=replay"), 60)
        self.assertEqual({name: (step["state"], step["sequence"]) for name, step in steps.items()},
                         {"tp-replay": ("installed", 2), "main-replay": ("delivered", 2)}, steps)


class TestRealRegistration(RealCase):
    """A device that finds the directory by itself: discovery, registration, renewal, removal."""

    def endpoint(self):
        return next((device for device in self.world.items("device", "list")), None)

    def test_1_registers_and_is_claimed(self):
        w = self.world
        type(self).rd = self.net.device("rd", os.environ["TINYPART_RIOT_RD"])
        self.rd.type(f"cord_ep register coap://[{self.rd.host}]")
        device = wait_until(self.endpoint, 20, "a registration")
        self.assertEqual((device["state"], device["address"]), ("unclaimed", self.rd.url), device)
        w.ctl("device", "claim", device["name"], "--profile", "riot-mainline", "--class", self.rd.board(), "--labels", "kind=rd")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "kind=rd", "--slots", "0", "--sensors", "temperature", "--helpers", "*")
        step = self.outcome(self.order(w, "thermo:1.0", "kind=rd"), device["name"])
        self.assertEqual(step["state"], "delivered", step)

    def test_2_updates_and_removes_its_registration(self):
        seen = self.endpoint()["seen_at"]
        self.rd.type("cord_ep update")
        wait_until(lambda: self.endpoint()["seen_at"] > seen, 10, "the renewal")
        self.rd.type("cord_ep remove")
        wait_until(lambda: "successfully removed" in self.rd.said(), 10, "the removal")
        self.assertEqual(self.endpoint()["state"], "claimed")

"""Packs of readings from a crowd of devices, and a daemon that dies at any instant: what was acknowledged is kept and paid for, and
nothing is kept or paid for twice (I1, I2, I12)."""
import collections
import json
import pathlib
import random
import resource
import select
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

from foreign import ACK, CONTENT_FORMAT, POST, SENML_JSON, Raw, message, parse, varint
from harness import FULL, World, wait_until
from test_privacy import ledger_of

HERE = pathlib.Path(__file__).resolve().parent
SYNCS = 40 if FULL else 8
KILLS = 300 if FULL else 8
STRIDE = 1 if FULL else 9  # of the system calls of a batch
EPSILON = 0.01
CHANGED, FAULT = 0x44, 0xA0


class Device:
    """A device of few words: one pack of one noised reading at a time, sent again in the same words until it is acknowledged."""

    def __init__(self, world, index, dice):
        self.name, self.dice = f"d{index}", dice
        address = f"{world.net}.{10 + index}"
        world.rest("POST", "/v1/devices", {"name": self.name, "profile": "tinypart", "address": f"coap://{address}"})
        self.raw = Raw(world.host, address)
        self.raw.socket.setblocking(False)
        self.id, self.sequence, self.pending, self.values = dice.randrange(65536), 0, None, []

    def send(self):
        """The next pack, or the one that is on its way, once more."""
        if self.pending is None:
            self.id, self.sequence = (self.id + 1) % 65536, self.sequence + 1
            scale = 10 / EPSILON
            noise = self.dice.expovariate(1 / scale) - self.dice.expovariate(1 / scale)
            value = round(max(-6 * scale, min(6 * scale, noise)), 2)
            self.values.append(round(value * 100))
            self.pending = message(POST, self.id, "t", [f"d={self.name}", f"s={self.sequence}", "p=1"], [(CONTENT_FORMAT, varint(SENML_JSON))],
                                   json.dumps([{"n": "load", "v": value}]).encode())
        self.raw.send(self.pending)

    def answer(self):
        """The code of an answer to the pack on its way; None: there is none yet."""
        try:
            kind, code, number, _, _, payload = parse(self.raw.socket.recv(2048))
        except OSError:
            return None
        if self.pending is None or number != self.id:
            return None
        assert kind == ACK and code in (CHANGED, FAULT), (self.name, kind, code, payload)
        return code

    def take(self):
        """Whether the pack on its way is acknowledged now."""
        if self.answer() != CHANGED:
            return False
        self.pending = None
        return True


class Crowd:
    def __init__(self, world, count, seed):
        self.world, self.acknowledged = world, 0
        dice = random.Random(seed)
        world.tenant("acme")
        world.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--sensors", "load")
        world.ctl("policy", "set", "load", "--lower", "0", "--upper", "10", "--epsilon-per-reading", str(EPSILON), "--contributions", "100000")
        world.ctl("budget", "set", "acme", "--epsilon", "1000")
        world.ctl("sink", "create", "archive", "--tenant", "acme", "--kind", "file")
        self.devices = [Device(world, i, dice) for i in range(count)]
        self.by_socket = {device.raw.socket: device for device in self.devices}

    def close(self):
        for device in self.devices:
            device.raw.close()

    def listen(self, seconds):
        """Takes what comes for at most so long, at once if something is there; the devices whose packs are acknowledged."""
        ready = select.select(list(self.by_socket), [], [], seconds)[0]
        taken = [self.by_socket[one] for one in ready if self.by_socket[one].take()]
        self.acknowledged += len(taken)
        return taken

    def post_until(self, is_over):
        """Everybody posts, and goes on as soon as he is answered; datagrams that are lost are sent again."""
        for device in self.devices:
            device.send()
        while not is_over():
            taken = self.listen(0.2)
            for device in taken or [device for device in self.devices if device.pending is not None]:
                device.send()

    def settle(self):
        """What is not acknowledged is sent again, until it is."""
        end = time.monotonic() + 60
        while waiting := [device for device in self.devices if device.pending is not None]:
            assert time.monotonic() < end, f"{len(waiting)} packs are never acknowledged"
            for device in waiting:
                device.send()
            while self.listen(0.2):
                pass

    def check_kept(self, test, when):
        """The killed daemon's file: each device's packs but perhaps the one on its way, once, each with its charges and its row."""
        test.assertEqual(ledger_of(self.world), [], when)
        database = sqlite3.connect(self.world.folder / "state/tinypart.db")
        try:
            kept = collections.defaultdict(list)
            ids = []
            for name, number, value in database.execute("SELECT d.name, r.id, r.value FROM reading r JOIN device d ON d.id = r.device_id ORDER BY r.id"):
                kept[name].append(value)
                ids.append(number)
            for device in self.devices:
                sure = device.values if device.pending is None else device.values[:-1]
                test.assertIn(kept[device.name], (sure, device.values), f"{device.name} {when}")
            for who in ("device_id", "tenant_id"):
                charged = [row[0] for row in database.execute(
                    f"SELECT cause_id FROM charge WHERE cause = 'telemetry' AND {who} IS NOT NULL ORDER BY cause_id")]
                test.assertEqual(charged, ids, f"{who} {when}")
            queued = [row[0] for row in database.execute("SELECT subject FROM outbox WHERE kind = 'rows' ORDER BY subject")]
            test.assertEqual(queued, ids, when)
        finally:
            database.close()


class IngestCase(unittest.TestCase):
    def open(self, count, seed):
        self.world = World(["privacy.device_cap=1000"]).start()
        self.addCleanup(self.world.close)
        self.crowd = Crowd(self.world, count, seed)
        self.addCleanup(self.crowd.close)

    def end(self):
        """Every pack that was ever sent is kept once."""
        self.crowd.settle()
        self.assertTrue(self.world.json("status")["ledger"]["sound"])
        self.assertTrue(self.world.json("privacy", "ledger", "verify")["holds"])
        self.assertTrue(self.world.json("audit", "verify")["holds"])
        self.world.kill()
        self.crowd.check_kept(self, "at the end")


class TestGroupCommit(IngestCase):
    def test_packs_that_wait_together_share_a_sync(self):
        self.open(60, 1)
        w = self.world
        w.kill()
        trace = w.folder / "syncs.txt"
        w.start(under=["strace", "-D", "-f", "-qq", "-o", str(trace), "-e", "trace=fsync,fdatasync"])
        self.crowd.post_until(lambda: self.crowd.acknowledged >= 60)
        self.crowd.settle()
        before, counted = len(trace.read_text().splitlines()), w.json("status")["coap_counters"]
        w.daemon.send_signal(signal.SIGSTOP)
        wait_until(lambda: pathlib.Path(f"/proc/{w.daemon.pid}/stat").read_text().split()[2] in "Tt", 10, "the daemon to stand still")
        for device in self.crowd.devices:
            device.send()
        w.daemon.send_signal(signal.SIGCONT)
        self.crowd.settle()
        after = len(trace.read_text().splitlines())
        self.assertLess(after - before, 30, "60 packs were there at once")
        now = w.json("status")["coap_counters"]
        self.assertGreaterEqual(now["coap_answers_held"] - counted["coap_answers_held"], 60)
        self.assertLess(now["coap_batches"] - counted["coap_batches"], 30)
        self.end()


    def test_an_end_in_order_under_load_loses_nothing_that_was_acknowledged(self):
        self.open(40, 6)
        for rest in range(3):
            self.crowd.post_until(lambda goal=self.crowd.acknowledged + 40 * (2 + rest): self.crowd.acknowledged >= goal)
            self.world.stop()
            while self.crowd.listen(0):
                pass
            self.crowd.check_kept(self, "after an orderly end")
            self.world.start()
        self.end()


class TestFullDisk(IngestCase):
    def test_what_cannot_be_saved_is_not_acknowledged_and_is_taken_when_it_comes_again(self):
        self.open(30, 5)
        w = self.world
        w.kill()
        w.start(under=["env", "--ignore-signal=XFSZ"])
        for device in self.crowd.devices:
            device.send()
        self.crowd.settle()
        kept = w.json("status")["counters"]["telemetry_stored"]
        _, most = resource.prlimit(w.daemon.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))  # no file may grow
        refused = set()
        for device in self.crowd.devices:
            device.send()
        wait_until(lambda: refused.update(device.name for device in self.crowd.devices if device.answer() == FAULT) or len(refused) == 30,
                   60, "a fault for every pack")
        self.assertEqual(w.json("status")["counters"]["telemetry_stored"], kept)
        resource.prlimit(w.daemon.pid, resource.RLIMIT_FSIZE, (most, most))
        self.crowd.settle()  # the same messages once more
        self.assertEqual(w.json("status")["counters"]["telemetry_stored"], kept + 30)
        self.end()


class TestEverySync(IngestCase):
    """The daemon dies at its first sync of the disk under a crowd, at its second, and so on."""

    def test_each_sync_may_be_the_last(self):
        self.open(24, 2)
        w = self.world
        for sync in range(1, SYNCS + 1):
            w.kill()
            w.start(under=["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
                           "-e", f"inject=fsync,fdatasync:signal=SIGKILL:when={sync}"])
            self.crowd.post_until(lambda: w.daemon.poll() is not None)
            self.crowd.check_kept(self, f"after a death at sync {sync}")
            w.start()
            self.crowd.settle()
        self.assertGreater(self.crowd.acknowledged, 24 * SYNCS / 2)
        self.end()


class TestEverySystemCall(IngestCase):
    """Four packs wait for the daemon, and it dies at a system call of their batch: before it, and as it returns."""

    STOPS_MOST = 3000

    def killed_at(self, stop):
        w = self.world
        tracer = subprocess.Popen([sys.executable, str(HERE / "kill_at.py"), str(w.daemon.pid), str(stop)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.assertEqual(tracer.stdout.readline(), b"ready\n")
        for device in self.crowd.devices:
            device.send()
        wait_until(lambda: self.crowd.listen(0.01) and False or w.daemon.poll() is not None or
                   all(device.pending is None for device in self.crowd.devices), 60, "the death of the daemon, or the answers")
        tracer.stdin.close()
        died = tracer.wait(60) == 0
        tracer.stdout.close()
        if died:
            w.daemon.wait(60)
        return died

    def test_each_system_call_may_be_the_last(self):
        self.open(4, 3)
        deaths = 0
        for stop in range(1, self.STOPS_MOST, STRIDE):
            died = self.killed_at(stop)
            deaths += died
            if died:
                self.crowd.listen(0)
                self.crowd.check_kept(self, f"after a death at stop {stop}")
                self.world.start()
            if not died:
                break
            self.crowd.settle()
        self.assertFalse(died, "no batch ever got through")
        self.assertGreater(deaths * STRIDE, 60, "too few system calls were met for this to mean anything")
        self.end()


class TestRandomKills(IngestCase):
    def test_a_crowd_over_many_kills_loses_nothing_that_was_acknowledged(self):
        self.open(60, 4)
        w, dice = self.world, random.Random(20261121)
        for _ in range(KILLS):
            end = time.monotonic() + dice.uniform(0.0, 0.3)  # where the power goes: seeded, not waited for
            self.crowd.post_until(lambda: time.monotonic() > end)
            w.kill()
            while self.crowd.listen(0):
                pass  # what had left before
            self.crowd.check_kept(self, "after a kill")
            w.start()
        self.end()
        self.assertGreater(self.crowd.acknowledged, 60 * KILLS / 2)


if __name__ == "__main__":
    unittest.main()

"""SIGKILL at any instant: restart continues every rollout, ledger and outbox where it stood (I12)."""
import json
import random
import threading
import time
import unittest

from harness import FULL, Refused, World, wait_until
from test_privacy import ledger_of

KILLS = 60 if FULL else 8


class TestKills(unittest.TestCase):
    def test_rollout_goes_on_after_every_kill_and_each_device_installs_once(self):
        world = World(["rollout.concurrency=16"]).start()
        self.addCleanup(world.close)
        key = world.tenant("acme")
        names = world.owned("node", 40, first=10, extra=["--spread", "1", "-v", "--log-json"])
        world.image("acme", key, "counter", version="1.0")
        world.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--slots", "0", "--helpers", "*")
        number = world.json("rollout", "create", "--tenant", "acme", "--image", "counter:1.0", "--selector", "", "--slot", "0",
                            "--concurrency", "8")["id"]
        dice = random.Random(20261121)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.02, 0.4))  # where in the rollout the power goes: seeded, not waited for
            world.kill()
            world.start()
        steps = world.rollout_ends(number, 300)
        self.assertEqual({step["state"] for step in steps.values()}, {"installed"}, reasons(steps))
        installs = {name: 0 for name in names}
        for line in (world.folder / "devices-node.log").read_text().splitlines():
            with_event = json.loads(line) if line.startswith("{") else {}
            if with_event.get("event") == "installed":
                installs[with_event["device"]] += 1
        self.assertEqual(set(installs.values()), {1}, installs)
        sequences = [device["sequence"] for device in world.items("device", "list")]
        self.assertTrue(all(sequence >= 1 for sequence in sequences))
        self.assertTrue(world.json("audit", "verify")["holds"])

    def test_releases_are_never_lost_and_never_charged_twice(self):
        world = World(["lab.claim_by_itself=yes", "privacy.device_cap=1000"]).start()
        self.addCleanup(world.close)
        world.tenant("acme")
        world.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--sensors", "load")
        world.ctl("policy", "set", "load", "--lower", "0", "--upper", "10", "--interval", "1s", "--epsilon-per-reading", "0.01")
        world.ctl("budget", "set", "acme", "--epsilon", "1000")
        world.ctl("sink", "create", "archive", "--tenant", "acme", "--kind", "file")
        world.devices("tinypart", 4, "node", first=10, extra=["--sensor", "load=host:loadavg", "--interval", "1", "--spread", "1"])
        wait_until(lambda: world.json("status")["counters"]["telemetry_stored"] >= 4, 60, "readings")
        dice = random.Random(7)
        answers = {}
        for round_number in range(KILLS):
            timer = kill_after(world, dice.uniform(0.0, 0.25))
            for i in range(40):
                request = f"k{round_number}-{i}"
                try:
                    answers[request] = world.json("release", "create", "--tenant", "acme", "--query", "sum", "--sensor", "load",
                                                  "--selector", "", "--epsilon", "0.01", "--request", request)
                except (Refused, json.JSONDecodeError):
                    break  # the kill
            timer.join()
            self.assertEqual(ledger_of(world), [])
            world.start()
        stored = {row["request"]: row for row in world.items("release", "list")}
        for request, answer in answers.items():
            self.assertIn(request, stored)
            kept = world.json("release", "show", str(answer["id"]))
            self.assertEqual(kept["answer"], answer["answer"], "an answer that left must be the answer that is kept")
        spent = float(world.json("budget", "show", "acme")["spent_epsilon"])
        self.assertGreaterEqual(spent + 1e-9, 0.01 * len(stored))
        self.assertTrue(world.json("status")["ledger"]["sound"])
        path = world.folder / "state/export/acme/archive.jsonl"
        delivered = lambda: [json.loads(line)["delivery"] for line in path.read_text().splitlines() if '"query"' in line]
        wait_until(lambda: len(delivered()) == len(stored), 60, "every release in the file")
        self.assertEqual(len(set(delivered())), len(stored))


class TestEveryDurableStep(unittest.TestCase):
    """The daemon dies at its first sync of the disk, at its second, and so on until it gets through: no durable step is left out."""

    STEPS_MOST = 60

    def setUp(self):
        self.world = World(["privacy.device_cap=1000"]).start()
        self.addCleanup(self.world.close)
        w = self.world
        key = w.tenant("acme")
        (w.folder / "trace.csv").write_text("load\n1\n2\n3\n")
        w.owned("node", 1, first=30, labels="kind=node", extra=["-v", "--log-json", "--sensor", f"load=csv:{w.folder}/trace.csv:load",
                                                                 "--interval", "1"])
        w.devices("riot-tinypart", 1, "tp", first=10, extra=["-v", "--log-json"])
        w.ctl("device", "create", "tp", "--profile", "riot-tinypart", "--class", "native", "--address", w.address(10), "--labels", "kind=tp")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--slots", "0", "--helpers", "*", "--sensors", "load")
        w.ctl("policy", "set", "load", "--lower", "0", "--upper", "10", "--interval", "1s", "--epsilon-per-reading", "0.01")
        w.ctl("budget", "set", "acme", "--epsilon", "1000")
        w.ctl("sink", "create", "archive", "--tenant", "acme", "--kind", "file")
        for version in ("1.0", "2.0"):
            w.image("acme", key, "counter", version=version)
        wait_until(lambda: w.json("status")["counters"]["telemetry_stored"] > 0, 60, "a reading")

    def die_at(self, sync):
        """Starts the daemon so that a SIGKILL meets its sync-th fsync or fdatasync, in whichever thread."""
        self.world.kill()
        self.assertEqual(ledger_of(self.world), [])
        self.world.start(under=["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
                                "-e", f"inject=fsync,fdatasync:signal=SIGKILL:when={sync}"])

    def try_to(self, *words):
        try:
            return self.world.json(*words)
        except (Refused, json.JSONDecodeError):
            return None

    def order(self, number):
        return self.try_to("rollout", "create", "--tenant", "acme", "--image", f"counter:{1 + number % 2}.0", "--selector", "", "--slot", "0")

    def ask(self, number):
        return self.try_to("release", "create", "--tenant", "acme", "--query", "sum", "--sensor", "load", "--selector", "kind=node",
                           "--epsilon", "0.01", "--request", f"step-{number}")

    def delivered(self):
        path = self.world.folder / "state/export/acme/archive.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines() if '"query"' in line] if path.exists() else []

    def over(self):
        rollouts = self.try_to("rollout", "list")
        return rollouts is not None and all(rollout["state"] == "done" for rollout in rollouts["items"])

    def installs(self, name):
        lines = (self.world.folder / f"devices-{name}.log").read_text().splitlines()
        return sum(json.loads(line).get("event") == "installed" for line in lines if line.startswith("{"))

    def test_every_sync_may_be_the_last(self):
        w = self.world
        answers, orders, survived = {}, 0, False
        for sync in range(1, self.STEPS_MOST):
            self.die_at(sync)
            self.order(sync)
            answers[sync] = self.ask(sync)
            wait_until(lambda: w.daemon.poll() is not None or (self.over() and len(self.delivered()) == len(w.items("release", "list"))),
                       60, "the death of the daemon, or the end of the work")
            survived = w.daemon.poll() is None
            w.kill()
            self.assertEqual(ledger_of(w), [])
            w.start()
            if len(w.items("rollout", "list")) == orders:  # the order died with the daemon: its owner gives it again
                self.assertIsNotNone(self.order(sync))
            orders += 1
            self.assertEqual(len(w.items("rollout", "list")), orders)
            again = self.ask(sync)
            self.assertIsNotNone(again)
            if answers[sync] is not None:
                self.assertTrue(again["replayed"])
                self.assertEqual(again["answer"], answers[sync]["answer"])
            wait_until(self.over, 150, f"the end of the rollouts after a death at sync {sync}")
            if survived:
                break
        self.assertTrue(survived, "the work never got through")
        self.assertGreater(orders, 8, "too few durable steps were met for this to mean anything")
        for rollout in w.items("rollout", "list"):
            self.assertEqual(set(step["state"] for step in w.steps(rollout["id"]).values()), {"installed"}, w.steps(rollout["id"]))
        self.assertEqual(self.installs("node"), orders)
        self.assertEqual(self.installs("tp"), orders)
        wait_until(lambda: len(self.delivered()) == orders, 60, "every release in the file")
        self.assertEqual(len({line["delivery"] for line in self.delivered()}), orders)
        self.assertTrue(w.json("status")["ledger"]["sound"])
        self.assertTrue(w.json("audit", "verify")["holds"])


def kill_after(world, seconds):
    def strike():
        time.sleep(seconds)
        world.kill()

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


def reasons(steps):
    return {name: (step["state"], step["reason"]) for name, step in steps.items() if step["state"] != "installed"}

"""The ledger under crowds, kills and clocks: never one unit over a cap, never an answer without its charge."""
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

from harness import BIN, Refused, UnixConnection, World, run
from test_privacy import ledger_of

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = 64
KILLS = int(os.environ.get("TINYPART_KILLS", "25"))  # that cut a release off
SIDE_BY_SIDE = os.cpu_count() or 1


def fleet(world, devices=3, budget="1000"):
    """Tenants acme and beta, one policy, devices without a reading: what is charged does not hang on data."""
    for name in ("acme", "beta"):
        world.tenant(name)
        world.ctl("grant", "create", "--tenant", name, "--selector", "", "--sensors", "load")
        world.ctl("budget", "set", name, "--epsilon", budget)
    world.ctl("policy", "set", "load", "--lower", "0", "--upper", "10")
    for i in range(devices):
        world.ctl("device", "create", f"d{i}", "--profile", "riot-tinypart", "--class", "native", "--address", world.address(200 + i))


def ask(world, request, epsilon="0.01", tenant="acme", path="daemon.sock", **more):
    """(status, reply) of one release; None where the daemon died before it answered."""
    connection = UnixConnection(str(world.folder / path))
    try:
        body = {"tenant": tenant, "query": "count", "sensor": "load", "selector": "", "epsilon": epsilon, "request": request, **more}
        body = {member: value for member, value in body.items() if value is not None}
        connection.request("POST", "/v1/releases", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return None
    finally:
        connection.close()


class TestCrowd(unittest.TestCase):
    def test_sixty_four_clients_spend_the_last_units_exactly(self):
        w = World(["privacy.device_cap=1"]).start()
        self.addCleanup(w.close)
        fleet(w)
        answers, lock, gate = [], threading.Lock(), threading.Barrier(CLIENTS)

        def client(number):
            gate.wait()
            for i in itertools.count():
                reply = ask(w, f"c{number}-{i}", tenant="acme" if number % 2 else "beta")
                with lock:
                    answers.append(reply)
                if reply is None or reply[0] != 201:
                    return

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertNotIn(None, answers)
        given = [reply for status, reply in answers if status == 201]
        refused = [(status, reply) for status, reply in answers if status != 201]
        self.assertEqual(len(given), 100)
        self.assertEqual(len(refused), CLIENTS)
        self.assertEqual({status for status, _ in refused}, {422}, refused[0])
        self.assertTrue(all("filter of device d0" in reply["detail"] for _, reply in refused))
        self.assertEqual(len(w.items("release", "list")), 100)
        for reply in given[:10]:
            status, again = ask(w, reply["request"], tenant=reply["tenant"])
            self.assertEqual((status, again["answer"]), (200, reply["answer"]))
        w.kill()
        self.assertEqual(ledger_of(w), [])


class TestAuditors(unittest.TestCase):
    def test_the_ledger_is_counted_again_live_and_on_a_copy(self):
        w = World(["privacy.device_cap=1", "privacy.device_rho_cap=0.5"]).start()
        self.addCleanup(w.close)
        fleet(w)
        for i in range(5):
            self.assertEqual(ask(w, f"r{i}")[0], 201)
        verdict = w.json("privacy", "ledger", "verify")
        self.assertTrue(verdict["holds"])
        self.assertEqual((verdict["charges"], verdict["releases"], verdict["filters"], verdict["cohorts"]), (5, 5, 3, 1))
        w.stop()
        copy = w.folder / "copy.db"
        shutil.copy(w.folder / "state/tinypart.db", copy)
        self.assertIn("holds: 5 charges", run([str(BIN / "tinypartd"), "--check-ledger", str(copy)]))
        database = sqlite3.connect(copy)
        database.executescript("DROP TRIGGER charge_stays; UPDATE charge SET nrho = nrho + 1 WHERE id = 3")
        database.close()
        with self.assertRaises(Refused) as refused:
            run([str(BIN / "tinypartd"), "--check-ledger", str(copy)])
        self.assertRegex(refused.exception.err, "differs? from the sum of (its|their) charges")
        shutil.copy(copy, w.folder / "state/tinypart.db")  # the daemon itself then only replays, and says why
        w.start()
        status = w.json("status")["ledger"]
        self.assertFalse(status["sound"])
        self.assertIn("charges", status["problem"])
        self.assertEqual(ask(w, "r0")[0], 200)
        self.assertEqual(ask(w, "new")[0], 409)
        with self.assertRaises(Refused):
            w.ctl("privacy", "ledger", "verify")

    def test_an_export_is_believed_by_its_signature_and_counted_again_without_a_daemon(self):
        w = World(["privacy.device_cap=1"]).start()
        self.addCleanup(w.close)
        fleet(w)
        for i in range(3):
            self.assertEqual(ask(w, f"r{i}")[0], 201)
        export, audit = w.folder / "ledger.jsonl", w.folder / "audit.jsonl"
        w.ctl("privacy", "export", "--output", str(export))
        live = w.json("privacy", "ledger", "verify")
        w.stop()
        verify = lambda path, key=w.public: w.json("privacy", "ledger", "verify", "--file", str(path), "--key", str(key))
        counted = verify(export)
        self.assertTrue(counted["holds"])
        for member in ("charges", "budgets", "filters", "odometers", "releases", "cohorts", "audit_entries", "audit_head"):
            self.assertEqual(counted[member], live[member], member)
        whole = export.read_bytes()
        lines = whole.splitlines(keepends=True)
        kinds = [json.loads(line)["kind"] for line in lines]
        self.assertEqual(kinds[-2:], ["statement", "signature"])
        copy = w.folder / "copy.jsonl"
        for kind in dict.fromkeys(kinds):  # one byte of each kind of line
            number = kinds.index(kind)
            at = sum(map(len, lines[:number])) + len(lines[number]) // 2
            copy.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            with self.assertRaises(Refused, msg=kind) as refused:
                verify(copy)
            self.assertIn("sign" if kind in ("statement", "signature") else f"of kind {kind} are not those", refused.exception.err)
        for changed in (whole[:-1], b"".join(lines[:3] + lines[4:]), b"".join(lines[:-2] + lines[:1] + lines[-2:]), b"", b"\n"):
            copy.write_bytes(changed)
            with self.assertRaises(Refused):
                verify(copy)
        other = w.folder / "other.pem"
        w.ctl("keygen", "--type", "p256", "-o", str(other))
        w.ctl("privacy", "audit", "--mechanism", "laplace", "--scale", "10/3", "--samples", "1000", "--sign", str(other), "--output",
              str(audit))
        public = w.folder / "other.pub"
        public.write_text(run(["openssl", "pkey", "-in", str(other), "-pubout"]))
        self.assertEqual(verify(audit, public)["of"], "audit")
        with self.assertRaises(Refused):
            verify(audit)  # by another's key
        with self.assertRaises(Refused):
            verify(export, public)

    def test_a_restored_snapshot_is_a_ledger_that_adds_up_and_shows_in_the_record(self):
        """What was answered after the snapshot is forgotten with it: the head of the record, noted elsewhere, tells."""
        w = World(["privacy.device_cap=1"]).start()
        self.addCleanup(w.close)
        fleet(w)
        self.assertEqual(ask(w, "before")[0], 201)
        w.stop()
        shutil.copy(w.folder / "state/tinypart.db", w.folder / "snapshot.db")
        w.start()
        self.assertEqual(ask(w, "after")[0], 201)
        noted = w.json("audit", "verify")
        w.stop()
        shutil.copy(w.folder / "snapshot.db", w.folder / "state/tinypart.db")
        w.start()
        now = w.json("audit", "verify")
        self.assertTrue(now["holds"])
        self.assertLess(now["entries"], noted["entries"])
        self.assertTrue(w.json("privacy", "ledger", "verify")["holds"])
        self.assertEqual(ask(w, "before")[0], 200)

    def test_a_filter_that_others_emptied_is_told_in_the_same_words_and_as_data_are_not_there(self):
        w = World(["privacy.device_cap=1"]).start()
        self.addCleanup(w.close)
        fleet(w)
        self.assertEqual(ask(w, "all", epsilon="1")[0], 201)
        told = [ask(w, f"b{i}", epsilon="0.5", tenant="beta") for i in range(3)]
        self.assertEqual({status for status, _ in told}, {422})
        self.assertEqual(len({json.dumps(reply, sort_keys=True) for _, reply in told}), 1)


class TestEverySystemCall(unittest.TestCase):
    """The daemon dies at the first system call of a release, as that begins and as it returns, at its second, and so on until one gets
    through."""

    STOPS_MOST = 2000

    def setUp(self):
        self.world = World(["privacy.device_cap=1000"]).start()
        self.addCleanup(self.world.close)
        fleet(self.world)

    def ask(self, stop):
        return ask(self.world, f"stop-{stop}")

    def books_are_right(self, answers):
        """After the last of them, beside what ledger_of() says after each."""
        self.assertAlmostEqual(float(self.world.json("budget", "show", "acme")["spent_epsilon"]), 0.01 * len(answers))

    def killed_at(self, stop):
        """One release under the tracer: (whether it was killed, the answer or None)."""
        w = self.world
        tracer = subprocess.Popen([sys.executable, str(HERE / "kill_at.py"), str(w.daemon.pid), str(stop)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.assertEqual(tracer.stdout.readline(), b"ready\n")
        answer = self.ask(stop)
        tracer.stdin.close()
        died = tracer.wait(60) == 0
        tracer.stdout.close()
        if died:
            w.daemon.wait(60)
        return died, answer

    def test_each_may_be_the_last(self):
        w, answers = self.world, {}
        for stop in range(1, self.STOPS_MOST):
            died, answer = self.killed_at(stop)
            if died:
                self.assertEqual(ledger_of(w), [], f"after a death at stop {stop}")
                w.start()
            status, again = self.ask(stop)
            if answer is not None:
                self.assertEqual(answer[0], 201)
                self.assertEqual((status, again["answer"]), (200, answer[1]["answer"]), "an answer that left is the one that is kept")
            answers[stop] = again["answer"]
            if not died:
                break
        self.assertFalse(died, "no release ever got through")
        self.assertGreater(len(answers), 40, "too few system calls were met for this to mean anything")
        self.assertEqual(len(w.items("release", "list")), len(answers))
        self.books_are_right(answers)
        self.assertTrue(w.json("status")["ledger"]["sound"])
        for stop, answer in answers.items():
            self.assertEqual(self.ask(stop)[1]["answer"], answer)


class Generation:
    """A daemon that is killed while a crowd asks, again and again, until its filters are spent to the last unit."""

    CROWD = 8

    def __init__(self, seed, kills):
        """kills: how many are wanted; its filters may be spent before. Each release takes a unit of them."""
        self.seed, self.dice, self.wanted = seed, random.Random(seed), kills
        self.units = min(40 * kills, 2000)
        self.answers, self.kills, self.strikes, self.dry = {}, 0, 0, False
        self.lock, self.under_way = threading.Lock(), {}

    def ask(self, request):
        return ask(self.world, request, epsilon="0.001", tenant="acme" if request[-1] in "02468" else "beta")

    def client(self, number):
        for i in itertools.count():
            request = f"s{self.seed}-{self.strikes}-{i}-{number}"
            with self.lock:
                self.under_way[number] = request
            reply = self.ask(request)
            with self.lock:
                if reply is None:
                    return  # it stays under way: whether it was answered is known when it is asked again
                del self.under_way[number]
                if reply[0] != 201:
                    expect(reply[0] == 422 and "filter of device" in reply[1]["detail"], reply)
                    self.dry = True
                    return
                self.answers[request] = reply[1]["answer"]

    def strike(self):
        """One kill; it counts where it cut a release off."""
        self.strikes += 1
        self.under_way = {}
        before = set(self.answers)
        threads = [threading.Thread(target=self.client, args=(number,)) for number in range(self.CROWD)]
        for thread in threads:
            thread.start()
        time.sleep(self.dice.uniform(0.0, 0.03))  # where the power goes: seeded, not waited for
        with self.lock:
            meant = set(self.under_way.values())
        self.world.kill()
        for thread in threads:
            thread.join()
        cut = set(self.under_way.values())
        self.kills += bool(meant & cut)
        self.nothing_lost(before)
        self.world.start()
        for request in sorted(cut | set(self.dice.sample(sorted(self.answers), min(3, len(self.answers))))):
            self.again(request)

    def nothing_lost(self, before):
        """In the dead daemon's file: no filter over its cap, and of every answer that left the very same with its charge."""
        expect(ledger_of(self.world) == [], f"seed {self.seed}, strike {self.strikes}: {ledger_of(self.world)}")
        database = sqlite3.connect(self.world.folder / "state/tinypart.db")
        kept = {request: json.loads(answer) for request, answer in database.execute(
            "SELECT r.request, r.answer FROM release r JOIN charge c ON c.cause = 'release' AND c.cause_id = r.id")}
        database.close()
        for request in self.answers.keys() - before:
            expect(kept.get(request) == self.answers[request], f"{request} left as {self.answers[request]}, kept is {kept.get(request)}")

    def again(self, request):
        status, reply = self.ask(request)
        if request in self.answers:
            expect((status, reply["answer"]) == (200, self.answers[request]), f"{request} is replayed as {reply}")
        elif status in (200, 201):
            self.answers[request] = reply["answer"]
        else:
            self.dry = True

    def live(self):
        self.world = World([f"privacy.device_cap={self.units / 1000}"]).start()
        try:
            fleet(self.world)
            while self.kills < self.wanted and not self.dry:
                self.strike()
            self.strikes += 1
            self.client(0)  # what is left, to the last unit
            expect(self.world.json("status")["ledger"]["sound"], "the ledger is not sound")
            for request in self.answers:
                self.again(request)
            self.world.kill()
            expect(ledger_of(self.world) == [], ledger_of(self.world))
            database = sqlite3.connect(self.world.folder / "state/tinypart.db")
            expect(database.execute("SELECT count(*), sum(ueps) FROM charge").fetchone() == (self.units, 1000 * self.units), "the charges")
            database.close()
        finally:
            self.world.close()
        return self.kills


def expect(holds, words):
    if not holds:
        raise AssertionError(words)


class TestRandomKills(unittest.TestCase):
    def test_crowds_over_many_kills_get_what_the_caps_allow_and_no_more(self):
        """A daemon for each processor at a time."""
        seeds, lock, left, faults = itertools.count(20261121), threading.Lock(), [KILLS], []

        def work():
            while True:
                with lock:
                    seed, wanted = next(seeds), min(left[0], -(-KILLS // SIDE_BY_SIDE))
                    if wanted <= 0 or faults:
                        return
                    left[0] -= wanted
                try:
                    done = Generation(seed, wanted).live()
                except Exception as fault:
                    faults.append(f"seed {seed}: {fault!r}")
                    return
                with lock:
                    left[0] += wanted - done

        workers = [threading.Thread(target=work) for _ in range(SIDE_BY_SIDE)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(faults, [])
        self.assertEqual(left, [0])


if __name__ == "__main__":
    unittest.main()

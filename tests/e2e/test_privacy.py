"""Readings in, noised answers out: policies, budgets, filters, releases, sinks."""
import json
import sqlite3
import struct
import time

from harness import Listener, Refused, WorldCase, wait_until

TRACE = "time,temperature\n" + "".join(f"{i},{20 + i % 5}.{i % 10}\n" for i in range(500))


class TestCollection(WorldCase):
    """Devices of profile tinypart noise on board and post; stock RIOT devices are polled."""

    settings = ("privacy.device_cap=50",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        cls.acme = w.tenant("acme")
        (w.folder / "trace.csv").write_text(TRACE)
        w.ctl("policy", "set", "temperature", "--lower", "0", "--upper", "50", "--unit", "Cel", "--interval", "1s",
              "--epsilon-per-reading", "0.5", "--contributions", "10")
        cls.nodes = w.owned("node", 3, labels="", extra=["--sensor", f"temperature=csv:{w.folder}/trace.csv:temperature", "--interval", "1",
                                                         "--spread", "1"])
        w.devices("riot-tinypart", 1, "tp", first=10)
        w.ctl("device", "create", "tp", "--profile", "riot-tinypart", "--class", "native", "--address", w.address(10), "--labels", "site=lyon")
        for name in cls.nodes:
            w.ctl("device", "label", name, "site=lyon")

    def counted(self, name):
        return self.world.json("status")["counters"][name]

    def test_1_nothing_is_stored_without_a_grant(self):
        wait_until(lambda: self.counted("telemetry_no_grant") > 0, 30, "refused telemetry")
        self.assertEqual(self.counted("telemetry_stored"), 0)

    def test_2_noised_rows_reach_the_tenants_sinks_and_are_charged(self):
        w = self.world
        listener = Listener(failures=2)
        self.addCleanup(listener.close)
        w.ctl("budget", "set", "acme", "--epsilon", "40")
        w.ctl("sink", "create", "archive", "--tenant", "acme", "--kind", "file")
        w.ctl("sink", "create", "cloud", "--tenant", "acme", "--kind", "http", "--url", listener.url)
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0", "--sensors", "temperature", "--helpers", "*")
        wait_until(lambda: len(listener.bodies) >= 3, 60, "rows at the listener, after two failures")
        rows = [json.loads(line) for line in (w.folder / "state/export/acme/archive.jsonl").read_text().splitlines()]
        self.assertGreaterEqual(len(rows), 3)
        self.assertEqual(len({row["delivery"] for row in rows}), len(rows))
        self.assertGreater(float(w.json("budget", "show", "acme")["spent_epsilon"]), 0)
        self.assertEqual(len(listener.keys), len(set(listener.keys)))
        w.ctl("sink", "delete", "cloud", "--tenant", "acme")

    def test_3_container_of_a_stock_device_is_polled_and_kept_raw(self):
        w = self.world
        w.image("acme", self.acme, "thermo", version="1.0", sensor="temperature")
        number = w.json("rollout", "create", "--tenant", "acme", "--image", "thermo:1.0", "--selector", "site=lyon", "--slot", "0")["id"]
        steps = w.rollout_ends(number)
        self.assertEqual({step["state"] for step in steps.values()}, {"installed"}, steps)
        before = w.json("status")["registry"]["readings_raw"]
        wait_until(lambda: w.json("status")["registry"]["readings_raw"] > before, 30, "a polled reading")
        text = (w.folder / "state/export/acme/archive.jsonl").read_text()
        self.assertNotIn("27.18", text)

    def test_4_release_is_answered_and_says_what_it_means(self):
        w = self.world
        answer = w.json("release", "create", "--tenant", "acme", "--query", "count", "--sensor", "temperature", "--selector", "site=lyon",
                        "--epsilon", "10")["answer"]
        # sensitivity 10, epsilon 10: the noise has scale 1, and is beyond 21 with probability 2 exp(-21), below 1e-8
        self.assertGreaterEqual(float(answer["value"]), 0 - 21)
        self.assertLessEqual(float(answer["value"]), 4 * 10 + 21)
        for word in ("epoch", "adjacency"):
            self.assertIn(word, json.dumps(answer))

    def test_5_readings_are_counted_by_a_label_of_their_devices(self):
        w = self.world
        ask = ["release", "create", "--tenant", "acme", "--query", "top", "--by", "site", "--categories", "lyon,lille", "--sensor",
               "temperature", "--selector", "site", "--epsilon", "2"]
        plan = w.json(*ask, "--dry-run")
        self.assertTrue(plan["would_pass"], plan)
        self.assertEqual(plan["cohort"], 4)
        first = w.json(*ask, "--request", "sites")
        self.assertEqual({row["category"] for row in first["answer"]["top"]}, {"lyon", "lille"})
        self.assertIn("label site", first["answer"]["statement"])
        self.assertIn("label site", w.ctl("privacy", "explain", str(first["id"])))
        w.ctl("device", "label", self.nodes[0], "site=lille")
        again = w.json(*ask, "--request", "sites")
        self.assertTrue(again["replayed"])
        self.assertEqual(again["answer"], first["answer"])
        with self.assertRaises(Refused) as caught:
            w.json(*[word if word != "site" or i != 7 else "floor" for i, word in enumerate(ask)], "--request", "sites")
        self.assertIn("used for a different request", caught.exception.err)


class TestReleases(WorldCase):
    """The ledger: what is charged, replayed, refused."""

    settings = ("privacy.device_cap=1", "lab.claim_by_itself=yes")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        for name in ("acme", "bolt"):
            w.tenant(name)
            w.ctl("grant", "create", "--tenant", name, "--selector", "", "--sensors", "load")
        w.ctl("policy", "set", "load", "--lower", "0", "--upper", "10", "--interval", "1s", "--epsilon-per-reading", "0.01",
              "--contributions", "2")
        w.devices("tinypart", 5, "node", first=30, extra=["--sensor", "load=host:loadavg", "--interval", "1", "--spread", "1"])
        w.ctl("budget", "set", "acme", "--epsilon", "0.6")
        w.ctl("budget", "set", "bolt", "--epsilon", "5")
        w.ctl("sink", "create", "archive", "--tenant", "acme", "--kind", "file")
        wait_until(lambda: w.json("status")["counters"]["telemetry_stored"] >= 5, 60, "readings")

    def ask(self, *more, tenant="acme", epsilon="0.2", query="count"):
        return self.world.json("release", "create", "--tenant", tenant, "--query", query, "--sensor", "load", "--selector", "",
                               "--epsilon", epsilon, *more)

    def test_1_dry_run_says_the_price_and_charges_nothing(self):
        w = self.world
        spent = w.json("budget", "show", "bolt")["spent_epsilon"]
        plan = self.ask("--dry-run", tenant="bolt", epsilon="0.0001")
        self.assertTrue(plan["would_pass"])
        self.assertEqual(plan["cohort"], 5)
        self.assertGreaterEqual(float(w.json("budget", "show", "bolt")["spent_epsilon"]), float(spent))

    def test_2_same_request_replays_the_same_bytes_for_free(self):
        w = self.world
        first = self.ask("--request", "monday", epsilon="0.05")
        bytes_before = w.ctl("release", "answer", str(first["id"]))
        again = self.ask("--request", "monday", epsilon="0.05")
        self.assertTrue(again["replayed"])
        self.assertEqual(again["id"], first["id"])
        self.assertEqual(w.ctl("release", "answer", str(again["id"])), bytes_before)
        self.assertEqual(json.loads(bytes_before), first["answer"])
        charged = [row for row in w.items("release", "list") if row["request"] == "monday"]
        self.assertEqual(len(charged), 1)

    def test_3_other_request_under_the_same_id_is_refused(self):
        with self.assertRaises(Refused) as caught:
            self.ask("--request", "monday", epsilon="0.06")
        self.assertIn("monday", caught.exception.err)

    def test_4_answer_reaches_the_file_sink_once(self):
        w = self.world
        path = w.folder / "state/export/acme/archive.jsonl"
        find = lambda: [json.loads(line) for line in path.read_text().splitlines() if '"query"' in line] if path.exists() else []
        wait_until(find, 20, "the release in the file")
        self.assertEqual(len(find()), 1)

    def test_5_dry_budget_refuses_and_says_when_it_renews(self):
        w = self.world
        with self.assertRaises(Refused) as caught:
            for _ in range(20):
                self.ask("--request", f"r{time.monotonic_ns()}", epsilon="0.2")
        self.assertEqual(caught.exception.code, 1)
        self.assertRegex(caught.exception.err, r"(budget|filter).*(spent|left)")
        self.assertRegex(caught.exception.err, r"\d{4}-\d\d-\d\dT")
        # replaying is still free
        again = self.ask("--request", "monday", epsilon="0.05")
        self.assertTrue(again["replayed"])

    def test_6_filter_of_a_device_holds_over_all_tenants(self):
        with self.assertRaises(Refused) as caught:
            for _ in range(20):
                self.ask("--request", f"b{time.monotonic_ns()}", tenant="bolt", epsilon="0.3")
        self.assertIn("filter", caught.exception.err)
        self.assertNotIn("acme", caught.exception.err)

    def test_7_ledger_sums_up_and_survives_a_kill(self):
        w = self.world
        before = {r["id"]: r["epsilon"] for r in w.items("release", "list")}
        w.kill()
        charged = ledger_of(w)
        self.assertEqual(charged, [])
        w.start()
        self.assertEqual({r["id"]: r["epsilon"] for r in w.items("release", "list")}, before)
        self.assertTrue(w.json("status")["ledger"]["sound"])
        self.assertTrue(w.json("audit", "verify")["holds"])


def cells_of(blob):
    """What 64 devices have lost: (ueps, impure, nrho, delta) of each slot with any, as the schema lays it out."""
    words = struct.unpack(">195Q", blob)
    return {slot: (words[3 + 3 * slot] & ~(1 << 63), words[3 + 3 * slot] >> 63, words[4 + 3 * slot], words[5 + 3 * slot])
            for slot in range(64) if any(words[3 + 3 * slot:6 + 3 * slot])}


def charged(database):
    """The charges summed up anew, for filters by (epoch, device), odometers by device, budgets by (tenant, epoch)."""
    cohorts = {}
    for number, members in database.execute("SELECT id, members FROM cohort"):
        chunks = [struct.unpack_from(">IQ", members, at) for at in range(0, len(members), 12)]
        cohorts[number] = [chunk * 64 + slot for chunk, mask in chunks for slot in range(64) if mask >> slot & 1]
    filters, lives, budgets = {}, {}, {}
    for tenant, device, cohort, epoch, ueps, nrho, delta in database.execute(
            "SELECT tenant_id, device_id, cohort_id, epoch, ueps, nrho, delta FROM charge"):
        def add(sums, key):
            before = sums.get(key, (0, 0, 0, 0))
            sums[key] = (before[0] + (ueps or 0), before[1] | (ueps is None), before[2] + nrho, before[3] + delta)
        for each in cohorts[cohort] if cohort else [device] if device else []:
            add(filters, (epoch, each))
            add(lives, each)
        if tenant:
            add(budgets, (tenant, epoch))
    return filters, lives, budgets


def ledger_of(world):
    """What differs between charges and what is spent, or is above its cap, read by SQLite itself from the killed daemon's file."""
    database = sqlite3.connect(world.folder / "state/tinypart.db")
    try:
        filters, lives, budgets = charged(database)
        kept = {(place >> 32, (place & 0xffffffff) * 64 + slot): cell
                for place, blob in database.execute("SELECT place, cells FROM filter") for slot, cell in cells_of(blob).items()}
        kept_lives = {place * 64 + slot: cell for place, blob in database.execute("SELECT place, cells FROM life")
                      for slot, cell in cells_of(blob).items()}
        kept_budgets = {tuple(row[:2]): tuple(row[2:]) for row in database.execute(
            "SELECT tenant_id, epoch, spent_ueps, impure, spent_nrho, spent_delta FROM budget")}
        caps = {row[0]: row[1:] for row in database.execute("SELECT epoch, cap_ueps, cap_nrho, cap_delta FROM filter_cap")}
        wrong = [("apart", name) for name, a, b in (("filters", filters, kept), ("odometers", lives, kept_lives),
                                                    ("budgets", budgets, kept_budgets)) if a != b]
        for (epoch, device), (ueps, _, nrho, delta) in kept.items():
            if ueps > caps[epoch][0] or nrho > caps[epoch][1] or delta > caps[epoch][2]:
                wrong.append(("over", epoch, device))
        return wrong
    finally:
        database.close()

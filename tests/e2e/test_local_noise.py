"""Devices noise on board by every mechanism, and releases over their reports alone hold what was measured."""
import datetime
import sqlite3

from harness import Refused, WorldCase, wait_until

LOW, HIGH = 1, 5  # what the two groups measure, of 0 to 7
POLICIES = {
    "plain": ("--mechanism", "laplace", "--epsilon-per-reading", "1"),
    "steady": ("--mechanism", "geometric", "--epsilon-per-reading", "1"),
    "bit": ("--mechanism", "onebit", "--truth", "8", "--lie", "1"),
    "choice": ("--mechanism", "krr", "--truth", "20", "--lie", "1"),
    "bits": ("--mechanism", "oue", "--truth", "8", "--lie", "1"),
    "kept": ("--mechanism", "laplace", "--epsilon-per-reading", "1", "--memo-step", "1"),
}


class TestReports(WorldCase):
    settings = ("privacy.device_cap=1000", "privacy.device_delta_cap=0.0001")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        w.tenant("acme")
        w.ctl("budget", "set", "acme", "--epsilon", "100000", "--delta", "0.001")
        for sensor, words in POLICIES.items():
            w.ctl("policy", "set", sensor, "--lower", "0", "--upper", "7", "--scale", "1", "--interval", "1s", "--contributions", "40", *words)
        w.ctl("policy", "set", "few", "--lower", "0", "--upper", "7", "--scale", "1", "--interval", "1s", "--contributions", "1", *POLICIES["plain"])
        w.ctl("policy", "set", "watched", "--lower", "0", "--upper", "40", "--scale", "1", "--interval", "1s", "--contributions", "40",
              *POLICIES["bits"][:2], "--truth", "2", "--lie", "1")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--sensors", ",".join([*POLICIES, "few", "watched"]))
        for value in (LOW, HIGH):
            (w.folder / f"{value}.csv").write_text("v\n" + f"{value}\n" * 3)
        every = ["--interval", "1", "--spread", "1"]
        for group, count, first, value in (("low", 12, 30, LOW), ("high", 8, 60, HIGH)):
            sensors = [word for sensor in POLICIES for word in ("--sensor", f"{sensor}=csv:{w.folder}/{value}.csv:v")]
            w.owned(group, count, labels=f"group={group}", first=first, extra=[*sensors, *every, "--lab-noise-seed", str(value)])
        for name, first, sensor, fault in (("weak", 80, "watched", "weak-noise=1000000"), ("rude", 81, "few", "no-limit")):
            w.owned(name, 1, labels="group=odd", first=first, extra=["--sensor", f"{sensor}=csv:{w.folder}/{LOW}.csv:v", *every, "--faults", fault])
        wait_until(lambda: w.json("status")["counters"]["telemetry_stored"] >= 20 * len(POLICIES) * 4, 60, "reports")
        cls.until = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=0.2)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def ask(self, query, sensor, *more, selector=""):
        return self.world.json("release", "create", "--tenant", "acme", "--query", query, "--sensor", sensor, "--selector", selector,
                               "--source", "local", "--to", self.until, *more)["answer"]

    def reports(self, sensor):
        """Of each group, exactly."""
        counts = [int(self.ask("count", sensor, selector=f"group={group}")["value"]) for group in ("low", "high")]
        self.assertGreater(min(counts), 0, sensor)
        return counts

    def holds(self, answer, truth):
        self.assertLessEqual(float(answer["error95"]["low"]), truth, answer["statement"])
        self.assertGreaterEqual(float(answer["error95"]["high"]), truth, answer["statement"])

    def test_1_sums_and_means_hold_what_was_measured(self):
        for sensor in ("plain", "steady", "bit"):
            low, high = self.reports(sensor)
            truth = LOW * low + HIGH * high
            self.holds(self.ask("sum", sensor), truth)
            answer = self.ask("mean", sensor)
            self.assertEqual(answer["on_board"]["reports"], low + high)
            self.assertGreaterEqual(answer["on_board"]["devices"] + answer["on_board"]["suspect"], 20)
            low_end, high_end = (float(answer["error95"][end]) for end in ("low", "high"))
            self.assertTrue(low_end <= truth / (low + high) + 1e-9 and truth / (low + high) - 1e-9 <= high_end, answer["statement"])
            self.assertGreater(float(answer["variance"]), 0)

    def test_2_frequencies_hold_what_was_measured(self):
        for sensor in ("choice", "bits"):
            low, high = self.reports(sensor)
            answer = self.ask("histogram", sensor, "--edges", "0,1,2,5,6,7")
            width = float(answer["error95"]["half_width"])
            for got, truth in zip(answer["bins"], (0, low, 0, high, 0)):
                self.assertLessEqual(abs(float(got["count"]) - truth), width, answer["statement"])
            top = self.ask("top", sensor, "--categories", "0,1,3,5,7", "--top", "2")
            self.assertEqual({row["category"] for row in top["top"]}, {str(LOW), str(HIGH)}, top)

    def test_3_memoised_answers_count_once_a_device(self):
        self.assertEqual(self.reports("kept"), [12, 8])
        answer = self.ask("sum", "kept")
        self.holds(answer, 12 * LOW + 8 * HIGH)
        self.assertIn("memoised", answer["statement"])

    def test_4_a_device_that_noises_too_little_is_found_and_left_out(self):
        w = self.world
        suspect = lambda name: w.json("device", "show", name)["suspect_reason"]
        wait_until(lambda: suspect("weak"), 60, "suspicion of the device without noise")
        self.assertIn("watched", suspect("weak"))
        for name in ("low-1", "high-1"):
            self.assertIsNone(suspect(name))
        with self.assertRaises(Refused) as caught:
            self.ask("count", "watched", selector="group=odd")
        self.assertIn("suspect", str(caught.exception))

    def test_5_a_device_beyond_its_policy_is_refused_and_flagged(self):
        w = self.world
        wait_until(lambda: w.json("device", "show", "rude")["suspect_reason"], 60, "suspicion of the device that reports too often")
        self.assertIn("more than twice the 1 readings", w.json("device", "show", "rude")["suspect_reason"])
        self.assertGreater(w.json("status")["counters"]["telemetry_out_of_policy"], 0)

    def test_6_only_the_budget_paid_and_the_ledger_adds_up(self):
        w = self.world
        plan = w.json("release", "create", "--tenant", "acme", "--query", "sum", "--sensor", "plain", "--selector", "", "--source", "local",
                      "--dry-run")
        self.assertEqual((plan["charged"], plan["epsilon_per_device"], plan["tenant_epsilon"]), (0, "0", "40"))
        self.assertGreater(float(plan["error95"]), 0)
        shown = w.ctl("release", "create", "--tenant", "acme", "--query", "sum", "--sensor", "plain", "--selector", "", "--source", "local")
        self.assertRegex(shown, r"(?m)^readings +local$")
        first = w.items("release", "list")[0]
        explained = w.ctl("privacy", "explain", str(first["id"]))
        self.assertIn("this host neither", explained)
        self.assertTrue(w.json("privacy", "ledger", "verify")["holds"])
        export = w.folder / "ledger.jsonl"
        w.ctl("privacy", "export", "--output", str(export))
        w.offline("privacy", "ledger", "verify", "--file", str(export), "--key", str(w.public))
        w.kill()
        database = sqlite3.connect(w.folder / "state/tinypart.db")
        rows = database.execute("SELECT count(*), count(device_id), count(cohort_id), count(tenant_id) FROM charge WHERE cause = 'release'").fetchone()
        database.close()
        self.assertGreater(rows[0], 10)
        self.assertEqual(rows[1:], (0, 0, rows[0]))
        self.assertIn("WARNING: --lab-noise-seed", (w.folder / "devices-low.log").read_text())

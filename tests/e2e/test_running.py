"""Running counts on real processes: paid once for an epoch, and the same after a power cut."""
import datetime
import json
import sqlite3
import unittest

import test_ledger
from harness import Refused, World, wait_until
from test_privacy import ledger_of

ASK = ["release", "create", "--tenant", "acme", "--query", "running-count", "--step", "1s", "--sensor", "load", "--selector",
       "", "--epsilon", "2"]


class TestRunning(unittest.TestCase):
    def setUp(self):
        w = self.world = World(["privacy.epoch=1h", "privacy.device_cap=50", "lab.claim_by_itself=yes"]).start()
        self.addCleanup(w.close)
        w.tenant("acme")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--sensors", "load")
        w.ctl("budget", "set", "acme", "--epsilon", "20")
        w.ctl("policy", "set", "load", "--lower", "0", "--upper", "10", "--interval", "1s", "--epsilon-per-reading", "0.001",
              "--contributions", "3000")
        w.devices("tinypart", 2, "node", first=30, extra=["--sensor", "load=host:loadavg", "--interval", "1"])
        wait_until(lambda: w.json("status")["counters"]["telemetry_stored"] >= 2, 60, "readings")

    def after(self, ended, began=None):
        """An answer over more steps than that; or of another epoch than the one that began then, where that is over."""
        answers = []

        def more():
            try:
                answers.append(self.world.json(*ASK))
            except Refused as refused:
                self.assertIn("has ended yet", refused.err)
                return False
            return answers[-1]["answer"]["ended"] > ended or answers[-1]["from"] != (began or answers[-1]["from"])

        wait_until(more, 60, "a step's end")
        return answers[-1]

    def in_one_epoch(self, test):
        """An hour that turns over in mid-test is no fault; a second one does not."""
        return test() or test()

    def test_counts_outlive_a_power_cut_and_are_paid_once(self):
        self.assertTrue(self.in_one_epoch(self.power_cut))

    def power_cut(self):
        w = self.world
        plan = w.json(*ASK, "--dry-run")
        first = self.after(0)
        if plan["paid_by"] is None:
            self.assertEqual((plan["tenant_loss"], plan["charged"]), (plan["loss"], 2))
        self.assertNotEqual(first["loss"]["epsilon"], "0")
        spent = w.json("budget", "show", "acme")["spent_epsilon"]
        kept = w.ctl("release", "answer", str(first["id"]))
        w.kill()
        w.start()
        second = self.after(first["answer"]["ended"], first["from"])
        third = self.after(second["answer"]["ended"], first["from"])
        if third["from"] != first["from"]:
            return False
        for later in (second, third):
            known = {row["step"]: row["count"] for row in later["answer"]["counts"]}
            common = [row for row in first["answer"]["counts"] if row["step"] in known]
            self.assertGreater(len(common), 0)
            for row in common:
                self.assertEqual(known[row["step"]], row["count"])
            self.assertEqual(later["answer"]["paid_by"], first["id"])
            self.assertEqual(later["loss"], {"epsilon": "0", "rho": "0", "delta": "0", "pure": True})
        self.assertEqual(json.loads(kept), json.loads(w.ctl("release", "answer", str(first["id"]))))
        self.assertEqual(w.json("budget", "show", "acme")["spent_epsilon"], spent)
        plan = w.json(*ASK, "--dry-run")
        self.assertTrue(plan["replay"] or plan["paid_by"] == first["id"], plan)
        self.assertIn(f"with release {first['id']}, and nothing for this one", w.json("privacy", "explain", str(third["id"]))["text"])
        self.books_are_right()
        return True

    def books_are_right(self):
        w = self.world
        live = w.json("privacy", "ledger", "verify")
        self.assertTrue(live["holds"])
        export = w.folder / "ledger.jsonl"
        w.ctl("privacy", "export", "--output", str(export))
        self.assertTrue(w.json("privacy", "ledger", "verify", "--file", str(export), "--key", str(w.public))["holds"])
        w.kill()
        self.assertEqual(ledger_of(w), [])
        w.start()

    def test_a_schedule_of_them_pays_once_and_goes_on_after_a_power_cut(self):
        self.assertTrue(self.in_one_epoch(self.scheduled))

    def scheduled(self):
        w = self.world
        order = ["schedule", *ASK[1:], "--every", "1s"]
        plan = w.json(*order, "--dry-run")
        self.assertEqual(plan["runs_per_epoch"], 3600)
        self.assertEqual(plan["per_epoch"], plan["now"]["loss"])
        number = str(w.json(*order)["id"])
        runs = lambda: w.json("schedule", "show", number)
        wait_until(lambda: runs()["runs"] >= 2, 60, "two runs")
        w.kill()
        w.start()
        before = runs()["runs"]
        wait_until(lambda: runs()["runs"] >= before + 2, 60, "two more runs")
        w.ctl("schedule", "pause", number)
        answers = [row for row in w.items("release", "list") if row["request"].startswith(f"schedule:{number}:")]
        if len({row["from"] for row in answers}) > 1:
            return False
        self.assertEqual(runs()["refused"], 0)
        self.assertEqual([row["loss"]["epsilon"] != "0" for row in answers][1:], [False] * (len(answers) - 1))
        self.books_are_right()
        return True


class TestEverySystemCallOfThem(test_ledger.TestEverySystemCall):
    """Of yesterday, whose steps have all ended: every other one begins a series, the next goes on with it."""

    def setUp(self):
        super().setUp()
        self.midnight = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)

    def ask(self, stop):
        until = self.midnight - datetime.timedelta(hours=12 * (stop % 2))  # noon, then all of the day
        return test_ledger.ask(self.world, f"stop-{stop}", epsilon=f"{0.5 + (stop + 1) // 2 / 1000:.3f}", query="running-count",
                               step_ms=3600000, to=until.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def books_are_right(self, answers):
        w, charged = self.world, {}
        for stop, answer in answers.items():
            first = charged.setdefault((stop + 1) // 2, answer)
            self.assertEqual(answer["paid_by"], first["release"])
            for mine, other in zip(answer["counts"], first["counts"]):
                self.assertEqual(mine["count"], other["count"])
        self.assertTrue(w.json("privacy", "ledger", "verify")["holds"])
        w.kill()
        self.assertEqual(ledger_of(w), [])
        database = sqlite3.connect(w.folder / "state/tinypart.db")
        sums = dict(database.execute("SELECT release_id, count(*) FROM running_sum JOIN running_series ON id = series_id GROUP BY 1"))
        charges = [row[0] for row in database.execute("SELECT cause_id FROM charge")]
        database.close()
        self.assertEqual(sorted(charges), sorted(answer["release"] for answer in charged.values()))
        for stop, answer in answers.items():
            self.assertIn(sums[answer["paid_by"]], (12, 24))
        w.start()


if __name__ == "__main__":
    unittest.main()

"""Privacy for people: schedules and what they will cost."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

from harness import BIN, ENVIRONMENT, Refused, WorldCase, wait_until


def on_a_terminal(*command, columns=80):
    """What a person with a terminal of so many columns sees: (exit code, lines)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=ENVIRONMENT)
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    return process.wait(60), text.decode().replace("\r\n", "\n").splitlines()


class TestSchedules(WorldCase):
    settings = ("privacy.device_cap=4",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        for name in ("acme", "bolt"):
            w.tenant(name)
            w.ctl("grant", "create", "--tenant", name, "--selector", "", "--sensors", "load")
            w.ctl("budget", "set", name, "--epsilon", "2")
        w.ctl("policy", "set", "load", "--lower", "0", "--upper", "10", "--interval", "1s", "--epsilon-per-reading", "0.01",
              "--contributions", "2")
        w.ctl("device", "create", "meter", "--profile", "riot-tinypart", "--class", "native", "--address", w.address(1), "--labels", "site=lyon")

    def create(self, *more, epsilon="0.01", every="1s"):
        return self.world.json("schedule", "create", "--tenant", "acme", "--query", "mean", "--sensor", "load", "--selector", "site=lyon",
                               "--epsilon", epsilon, "--every", every, *more)

    def test_1_dry_run_says_what_it_costs_and_when_it_runs_dry(self):
        plan = self.create("--dry-run", epsilon="0.05", every="1h")
        self.assertEqual(plan["runs_per_epoch"], 24)
        self.assertEqual(plan["per_epoch"]["epsilon"], "1.2")
        self.assertIsNone(plan["budget_dry"])
        self.assertEqual(plan["now"]["cohort"], 1)
        plan = self.create("--dry-run", epsilon="0.5", every="1h")
        self.assertIsNotNone(plan["budget_dry"])
        self.assertIn("out of epsilon", self.world.ctl(
            "schedule", "create", "--tenant", "acme", "--query", "mean", "--sensor", "load", "--selector", "site=lyon",
            "--epsilon", "0.5", "--every", "1h", "--dry-run"))
        self.assertEqual(self.world.items("schedule", "list"), [])

    def test_2_runs_by_itself_and_goes_on_after_kill(self):
        w = self.world
        number = self.create()["id"]
        show = lambda: w.json("schedule", "show", str(number))
        wait_until(lambda: show()["runs"] >= 2, 60, "two runs")
        w.kill()
        w.start()
        before = show()["runs"]
        wait_until(lambda: show()["runs"] > before, 60, "a run after SIGKILL")
        w.ctl("schedule", "pause", str(number))
        state = show()
        self.assertEqual((state["state"], state["next_at"]), ("paused", None))
        mine = [row for row in w.items("release", "list") if row["request"].startswith(f"schedule:{number}:")]
        self.assertEqual(len({row["from"] for row in mine}), len(mine))
        self.assertEqual(len(mine), state["runs"])
        spent = float(w.json("budget", "show", "acme")["spent_epsilon"])
        self.assertAlmostEqual(spent, 0.01 * len(mine), 6)
        w.ctl("schedule", "delete", str(number))
        self.assertEqual(w.items("schedule", "list"), [])

    def test_3_a_refused_run_is_told_and_the_next_one_tried(self):
        w = self.world
        number = self.create(epsilon="1.5")["id"]
        wait_until(lambda: w.json("schedule", "show", str(number))["refused"] >= 2, 60, "two refusals")
        shown = w.json("schedule", "show", str(number))
        self.assertIn("the budget of tenant acme", shown["problem"])
        self.assertIn("refused because", w.ctl("schedule", "show", str(number)))
        w.ctl("schedule", "delete", str(number))
        with self.assertRaises(Refused):
            w.ctl("schedule", "show", str(number))

    def test_4_a_release_is_explained_and_the_budget_drawn(self):
        w = self.world
        release = w.json("release", "create", "--tenant", "bolt", "--query", "count", "--sensor", "load", "--selector", "", "--epsilon", "0.5",
                         "--request", "once")
        text = w.ctl("privacy", "explain", str(release["id"]))
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 120)
        words = " ".join(text.split())
        self.assertEqual(words, w.json("privacy", "explain", str(release["id"]))["text"])
        self.assertIn("differentially private with epsilon 0.5", words)
        self.assertIn("12.5 % of its epsilon 4", words)
        shown = w.ctl("budget", "show", "bolt")
        self.assertRegex(shown, r"(#|█){10}(-|░){30}  0\.5 of 2 epsilon")
        self.assertIn("renews at", shown)
        self.assertEqual(json.loads(w.ctl("-o", "json", "budget", "show", "bolt"))["spent_epsilon"], "0.5")

    def test_5_all_of_it_is_read_in_eighty_columns(self):
        w = self.world
        ask = ["release", "create", "--tenant", "bolt", "--sensor", "load", "--selector", "", "--epsilon", "0.1"]
        bins = w.json(*ask, "--query", "histogram", "--edges", "0,5,10", "--request", "a-histogram")["id"]
        for words, code, expected in (
                (["release", "list"], 0, "REQUEST  a-histogram"), (["release", "show", "1"], 0, "the one epoch of its window"),
                (["release", "show", str(bins)], 0, "LOW HIGH COUNT"), (["schedule", "list"], 0, "none"), (["budget", "show", "bolt"], 0, "left"),
                (["policy", "show", "load"], 0, "epochs of            1 d"), (["policy", "list"], 0, "SENSOR        load"),
                ([*ask, "--query", "count", "--dry-run"], 0, "readings"), (["privacy", "ledger", "verify"], 0, "holds                yes"),
                (["release", "create", "--tenant", "bolt", "--sensor", "load", "--selector", "", "--epsilon", "3", "--query", "count"], 1,
                 "       "), (["privacy", "explain", "1"], 0, "differentially private")):
            ended, lines = on_a_terminal(str(BIN / "tinypartctl"), "--socket", str(w.folder / "ctl.sock"), *words)
            self.assertEqual(ended, code, lines)
            self.assertIn(expected, "\n".join(lines))
            self.assertLessEqual(max(map(len, lines)), 85, lines)  # a digest beside its title is one word

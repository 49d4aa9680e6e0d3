"""What is documented runs: every command of the manual's examples about answers, and every example that the help of these groups has,
against a daemon, word for word."""
import os
import pathlib
import re
import sqlite3
import subprocess
import unittest

from harness import BIN, ENVIRONMENT, ROOT, WorldCase

MANUAL = ROOT / "packaging/man/tinypartctl.1"
HELP = ROOT / "tests/golden/help"
ANSWERS_FROM = "What an answer would cost, and then the answer:"  # before it the manual is of images, which the quickstart rolls out
# In an order in which one can follow the other. Groups that are not here need devices at the examples' addresses, or files of images.
PAGES = [
    "version", "status", "profile-list", "profile-show", "tenant-list", "tenant-show", "tenant-key-list", "token-create", "token-list",
    "token-revoke", "grant-create", "grant-list", "grant-revoke", "device-list", "device-show", "device-label", "device-trust",
    "release-create", "release-list", "release-show", "release-answer", "policy-set", "policy-list", "policy-show", "schedule-create", "schedule-list",
    "schedule-show", "schedule-pause", "schedule-resume", "schedule-delete", "privacy-explain", "privacy-export", "privacy-ledger-verify",
    "privacy-audit", "noise-sample", "budget-show", "budget-set", "privacy-filter-raise", "sink-create", "sink-list", "sink-show",
    "sink-delete", "export-list", "audit-list", "audit-verify"]
OF_ANSWERS = ("policy", "budget", "release", "schedule", "privacy", "noise", "audit", "export", "sink")


def manual_examples():
    """The commands of the manual's literal blocks from ANSWERS_FROM on, lines that go on joined."""
    text = MANUAL.read_text().partition(ANSWERS_FROM)[2]
    commands = []
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", text, re.S | re.M):
        commands += re.sub(r" \\e\n\s*", " ", block).splitlines()
    return commands


def help_examples(page):
    return [line.strip() for line in (HELP / f"{page}.txt").read_text().partition("\nExamples:\n")[2].splitlines() if line.strip()]


class TestDocumented(WorldCase):
    settings = ("privacy.device_cap=50", "privacy.device_rho_cap=5")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        cls.desk = w.folder / "desk"
        cls.desk.mkdir()
        (cls.desk / "maintainer.pub.pem").write_bytes(w.public.read_bytes())
        w.tenant("acme")
        for number in range(7):  # the manual speaks of grant 7
            w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--sensors", "temperature,door,gradient")
        w.ctl("device", "create", "thermo-1", "--profile", "riot-tinypart", "--class", "native", "--address", w.address(200), "--labels",
              "site=lyon,floor=1")
        w.ctl("device", "create", "node-1", "--profile", "tinypart", "--address", w.address(201), "--labels", "site=lyon,floor=2")
        w.ctl("policy", "set", "temperature", "--lower", "-20", "--upper", "60", "--unit", "Cel", "--interval", "5m")
        w.ctl("policy", "set", "door", "--lower", "0", "--upper", "1", "--scale", "1", "--mechanism", "krr", "--truth", "5", "--lie", "4",
              "--contributions", "1")
        w.ctl("budget", "set", "acme", "--epsilon", "50", "--rho", "5")

    def typed(self, line):
        """As one would type it, in a folder of one's own."""
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=self.desk, capture_output=True, text=True, timeout=300, env=dict(
            ENVIRONMENT, PATH=f"{BIN}:{os.environ['PATH']}", TINYPART_SOCKET=str(self.world.folder / "ctl.sock")))
        self.assertEqual(done.returncode, 0, f"$ {line}\n{done.stdout[-2000:]}{done.stderr}")
        return done.stdout

    def test_1_the_manual(self):
        lines = manual_examples()
        self.assertGreater(len(lines), 20)
        self.suspect()
        for line in lines:
            with self.subTest(line=line):
                self.assertTrue(line.startswith("tinypartctl "), line)
                self.typed(line)

    def suspect(self):
        """As a device that sent what its policy cannot have made."""
        self.world.kill()
        database = sqlite3.connect(self.world.folder / "state/tinypart.db")
        database.execute("UPDATE device SET suspect_ms = 1, suspect_reason = 'a reading was not noised' WHERE name = 'thermo-1'")
        database.commit()
        database.close()
        self.world.start()

    def prepare(self, page):
        w = self.world
        if page == "device-trust":
            self.suspect()
        elif page == "release-create":
            self.typed("tinypartctl budget set acme --epsilon 100 --rho 50 --reason 'for the examples' --now")
        elif page == "schedule-list":
            for _ in range(2):  # and one of the examples
                self.typed(next(line for line in help_examples("schedule-create") if "--until" in line))
        elif page == "privacy-audit":
            for at in "01":
                self.typed(f"tinypartctl noise sample --mechanism laplace --scale 1 --value {at} --count 100000 >at{at}.txt")
        elif page == "privacy-filter-raise":
            w.kill()
            w.settings.append("privacy.device_cap=60")
            w.start()

    def test_2_the_help_of_each_command(self):
        for page in PAGES:
            self.prepare(page)
            lines = help_examples(page)
            self.assertGreater(len(lines), 0, page)
            for line in lines:
                with self.subTest(line=line):
                    self.typed(line)

    def test_3_no_command_of_answers_is_left_out(self):
        pages = {path.stem for path in HELP.glob("*.txt") if path.stem.split("-")[0] in OF_ANSWERS}
        self.assertEqual(pages - set(PAGES), set())


class TestCompletion(unittest.TestCase):
    def completed(self, *words):
        script = (f"PATH={BIN}:$PATH; . {ROOT}/packaging/completions/tinypartctl; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _tinypartctl; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        out = subprocess.run(["bash", "-c", script, "bash", "tinypartctl", *words], capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
        return set(out.stdout.split())

    def test_every_command_and_option_is_completed(self):
        for path in HELP.glob("*-*.txt"):
            usage = re.search(r"^  tinypartctl ([a-z ]*[a-z])", path.read_text(), re.M).group(1).split()
            self.assertIn(usage[-1], self.completed(*usage[:-1], ""), usage)
            options = set(re.findall(r"^  (?:-., )?(--[a-z0-9-]+)", path.read_text().partition("\nOptions:\n")[2].partition("\n\n")[0], re.M))
            self.assertLessEqual(options, self.completed(*usage, "--"), usage)

    def test_words_that_options_take_are_those_that_the_program_takes(self):
        for option, page, words in (("--mechanism", "noise-sample", r"--mechanism M +([a-z, ]+?) \(required"),
                                    ("--mechanism", "policy-set", r"--mechanism M +of devices that noise on board: ([a-z, ]+?) \("),
                                    ("--query", "release-create", r"--query Q +([a-z, -]+?) \(required"),
                                    ("--adjacency", "policy-set", r"--adjacency A +what may differ between neighbours: ([a-z -]+?) \("),
                                    ("--privacy-unit", "policy-set", r"--privacy-unit U +who is protected: ([a-z, -]+?) \("),
                                    ("--source", "release-create", r"--source SOURCE +readings: (.+)")):
            text = re.search(words, (HELP / f"{page}.txt").read_text())
            self.assertIsNotNone(text, (option, page))
            said = re.split(", | or ", re.sub(r" \([^)]*\)", "", text.group(1)))
            self.assertLessEqual(set(said), self.completed(*page.split("-"), option, ""), option)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""All end-to-end tests, or those named (run.py test_rollouts test_privacy.TestReleases). Each class has a daemon and devices of its
own and mostly waits for them, so classes run side by side, a process each. Ends with "N passed, N failed"."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SIDE_BY_SIDE = int(os.environ.get("TINYPART_JOBS", "4"))


class Result(unittest.TextTestResult):
    """A line a test, in sentences: the method's name read aloud."""

    def startTest(self, test):
        super(unittest.TextTestResult, self).startTest(test)
        self.began = time.monotonic()

    def say(self, word, test):
        module, _, name = test.id().rpartition(".")
        sentence = name.removeprefix("test_").lstrip("0123456789").replace("_", " ").strip()
        module = module.split(".")[0].removeprefix("test_")
        self.stream.writeln(f"{word:5} e2e/{module}: {sentence} ({time.monotonic() - getattr(self, 'began', time.monotonic()):.1f} s)")
        self.stream.flush()

    def addSuccess(self, test):
        self.say("ok", test)

    def addError(self, test, err):
        super(unittest.TextTestResult, self).addError(test, err)
        self.say("FAIL", test)

    def addFailure(self, test, err):
        super(unittest.TextTestResult, self).addFailure(test, err)
        self.say("FAIL", test)


def classes(suite, found):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            classes(test, found)
        else:
            found.setdefault(f"{type(test).__module__}.{type(test).__qualname__}", 0)
            found[f"{type(test).__module__}.{type(test).__qualname__}"] += 1
    return found


def run_here(name):
    """One class, in this process: its lines, then the two counts."""
    result = unittest.TextTestRunner(sys.stdout, verbosity=0, resultclass=Result).run(unittest.TestLoader().loadTestsFromName(name))
    failed = len(result.failures) + len(result.errors)
    print(f"counts {max(result.testsRun - failed, 0)} {failed}")
    return 0 if failed == 0 else 1


def run_apart(name):
    done = subprocess.run([sys.executable, __file__, "--class", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = done.stdout.splitlines()
    counts = lines.pop().split() if lines and lines[-1].startswith("counts ") else ["counts", "0", "1"]
    return lines, int(counts[1]), int(counts[2]), done.returncode


def main():
    sys.path.insert(0, str(HERE))
    if sys.argv[1:2] == ["--class"]:
        return run_here(sys.argv[2])
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(sys.argv[1:]) if len(sys.argv) > 1 else loader.discover(str(HERE), "test_*.py")
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_apart, name) for name in classes(suite, {})]):
            lines, good, bad, code = done.result()
            shown = [line for line in lines if code != 0 or line.startswith(("ok ", "FAIL"))]
            print("\n".join(shown), flush=True)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""All end-to-end tests, or those named (run.py test_rollouts test_privacy.TestReleases). Ends with "N passed, N failed"."""
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Result(unittest.TextTestResult):
    """A line a test, in sentences: the method's name read aloud."""

    def startTest(self, test):
        super(unittest.TextTestResult, self).startTest(test)
        self.began = time.monotonic()

    def say(self, word, test):
        sentence = test.id().rpartition(".")[2].removeprefix("test_").lstrip("0123456789").replace("_", " ").strip()
        name = type(test).__module__.removeprefix("test_") if not hasattr(test, "description") else "set-up"
        self.stream.writeln(f"{word:5} e2e/{name}: {sentence} ({time.monotonic() - getattr(self, 'began', time.monotonic()):.1f} s)")
        self.stream.flush()

    def addSuccess(self, test):
        self.say("ok", test)

    def addError(self, test, err):
        super(unittest.TextTestResult, self).addError(test, err)
        self.say("FAIL", test)

    def addFailure(self, test, err):
        super(unittest.TextTestResult, self).addFailure(test, err)
        self.say("FAIL", test)


def main():
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(sys.argv[1:]) if len(sys.argv) > 1 else loader.discover(str(HERE), "test_*.py")
    result = unittest.TextTestRunner(sys.stdout, verbosity=0, resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed")
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())

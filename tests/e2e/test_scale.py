"""A fleet takes one rollout, with and without a SIGKILL of the daemon in its middle. What it costs is told by scale.py."""
import unittest

import scale
from harness import BIN, FULL

COUNT = 1000 if FULL else 200
SANITIZED = b"__asan_init" in (BIN / "tinypartd").read_bytes()
PEAK_MAX_KB = 100_000


class TestScale(unittest.TestCase):
    def fleet(self, kill):
        fleet = scale.Fleet(COUNT, say=lambda line: None)
        self.addCleanup(fleet.close)
        fleet.run(kill)  # fails unless every device installed exactly once
        self.assertEqual(len(fleet.installs()), COUNT)
        status = fleet.rest("GET", "/v1/status")
        self.assertEqual(status["registry"]["devices_claimed"], COUNT)
        self.assertEqual(status["registry"]["steps_under_way"], 0)
        self.assertTrue(fleet.rest("GET", "/v1/audit/verify")["holds"])
        if not SANITIZED:  # the sanitizer's shadow is not the daemon's memory
            self.assertLess(fleet.peak_kb, PEAK_MAX_KB)


class TestWhole(TestScale):
    def test_every_device_of_a_fleet_installs_exactly_once(self):
        self.fleet(kill=False)


class TestKilled(TestScale):
    def test_every_device_installs_exactly_once_although_the_daemon_is_killed_on_the_way(self):
        self.fleet(kill=True)

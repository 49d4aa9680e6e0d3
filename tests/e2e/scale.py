#!/usr/bin/env python3
"""How long a fleet takes, and what it costs: virtual devices register, take one rollout and report, on this machine.

    tests/e2e/scale.py [--count 1000] [--kill] [--concurrency 64] [--bin build/bin]

Prints the time of each phase, the processor time of daemon and devices in it, and the daemon's peak memory. With --kill the
daemon gets SIGKILL in the middle of the rollout and is started again. Fails when a device did not install exactly once."""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import time

FINAL = ("installed", "delivered", "refused", "failed", "unreachable", "aborted")
TICKS = os.sysconf("SC_CLK_TCK")


def processor_s(pid):
    """Seconds that a process has computed so far, in user space and in the kernel."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def status_kb(pid, name):
    return int(pathlib.Path(f"/proc/{pid}/status").read_text().split(name + ":")[1].split()[0])


def written_kb(pid):
    return int(pathlib.Path(f"/proc/{pid}/io").read_text().split("write_bytes:")[1].split()[0]) // 1024


class Fleet:
    """A world with many devices of profile tinypart; run() takes them through one order."""

    def __init__(self, count, concurrency=64, say=print):
        from harness import World
        self.count, self.concurrency, self.say = count, concurrency, say
        self.world = World([f"rollout.concurrency={concurrency}"])
        self.names = [f"node-{i}" for i in range(1, count + 1)]
        self.connection, self.process, self.peak_kb, self.phases = None, None, 0, []

    def rest(self, method, path, body=None):
        """One request on a connection that stays open; a run of a thousand should not measure the test's own overhead."""
        from harness import UnixConnection
        self.connection = self.connection or UnixConnection(str(self.world.folder / "daemon.sock"))
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        reply = self.connection.getresponse()
        content = reply.read()
        if reply.status >= 300:
            raise AssertionError(f"{method} {path}: {reply.status} {content.decode(errors='replace')}")
        return json.loads(content) if content else None

    def phase(self, name, what):
        """Does what() and tells how long it took, and how much of that daemon and devices computed."""
        processes = [self.world.daemon.pid, self.process.pid if self.process else None]
        before = [processor_s(pid) if pid else (0, 0) for pid in processes]
        wrote, began = written_kb(processes[0]), time.monotonic()
        what()
        took = time.monotonic() - began
        killed = processes[0] != self.world.daemon.pid  # then the new daemon's figures begin at nothing
        processes = [self.world.daemon.pid, self.process.pid if self.process else None]
        used = [tuple(now - (0 if killed and i == 0 else then) for now, then in zip(processor_s(pid), before[i])) if pid else (0, 0)
                for i, pid in enumerate(processes)]
        wrote = written_kb(processes[0]) - (0 if killed else wrote)
        self.peak_kb = max(self.peak_kb, status_kb(processes[0], "VmHWM"))
        self.phases.append((name, took, *used))
        self.say(f"{name:24} {took:7.2f} s   daemon {used[0][0]:6.2f} user {used[0][1]:6.2f} system   devices {used[1][0]:6.2f} user "
                 f"{used[1][1]:6.2f} system   written {wrote:7} kB")

    def make_keys(self):
        self.keys = self.world.report_keys("node", self.count)

    def create_devices(self):
        for name in self.names:
            self.rest("POST", "/v1/devices", {"name": name, "profile": "tinypart", "labels": "site=lyon", "report_key": self.keys[name]})
        self.hang_up()  # the daemon does so itself with those who say nothing for a while

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def prepare(self):
        w = self.world
        key = w.tenant("acme")
        w.image("acme", key, "counter", version="1.0")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0")

    def register(self):
        from harness import BIN, ENVIRONMENT, wait_until
        w = self.world
        command = [str(BIN / "tinypart-device"), "--profile", "tinypart", "--count", str(self.count), "--name", "node", "--listen",
                   f"127.{250 + os.getpid() % 5}.{os.getpid() // 5 % 50 * 4}.1", "--trust", str(w.public), "--state", str(w.folder / "devices-node"), "--directory",
                   f"coap://{w.host}", "--spread", "1", "-v", "--log-json"]
        log = open(w.folder / "devices.log", "ab")
        self.process = subprocess.Popen(command, stderr=log, stdout=log, env=ENVIRONMENT)
        w.processes.append(self.process)
        wait_until(lambda: self.process.poll() is not None or self.events("registered") >= self.count, 120 + self.count / 5, "all registrations")
        if self.process.poll() is not None:
            raise AssertionError((w.folder / "devices.log").read_text()[-2000:])

    def events(self, name):
        log = self.world.folder / "devices.log"
        return log.read_bytes().count(b'"event":"%s"' % name.encode()) if log.exists() else 0

    def order(self):
        self.number = self.rest("POST", "/v1/rollouts", {"tenant": "acme", "image": "counter", "version": "1.0", "selector": "site=lyon", "slot": 0,
                                                         "concurrency": self.concurrency})["id"]

    def over(self):
        """How many steps have ended."""
        steps = self.rest("GET", f"/v1/rollouts/{self.number}")["steps"]
        return sum(steps[state] for state in FINAL)

    def wait_over(self, share):
        from harness import wait_until
        end = time.monotonic() + 120 + self.count
        while (over := self.over()) < self.count * share:
            if time.monotonic() > end:
                raise AssertionError(f"{over} of {self.count} steps are over")
            time.sleep(0.2 if share == 1 else 0.02)

    def kill(self):
        self.world.kill()
        self.hang_up()
        self.world.start(check=False)

    def steps(self):
        found, after = [], 0
        while True:
            page = self.rest("GET", f"/v1/rollouts/{self.number}/steps?after={after}&limit=1000")
            found += page["items"]
            if page["next"] is None:
                return found
            after = page["next"]

    def installs(self):
        """How often each device installed an image."""
        counts = collections.Counter()
        for line in (self.world.folder / "devices.log").read_text().splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "installed":
                counts[event["device"]] += 1
        return counts

    def check(self):
        wrong = [(step["device"], step["state"], step["reason"]) for step in self.steps() if step["state"] != "installed"]
        if wrong:
            raise AssertionError(f"{len(wrong)} of {self.count} devices did not end as installed: {wrong[:5]}")
        counts = self.installs()
        twice = {name: counts[name] for name in self.names if counts[name] != 1}
        if twice:
            raise AssertionError(f"{len(twice)} devices did not install exactly once: {dict(list(twice.items())[:5])}")

    def run(self, kill=False):
        self.world.start()
        self.phase("report keys", self.make_keys)
        self.phase("devices created by REST", self.create_devices)
        self.phase("tenant, image, grant", self.prepare)
        self.phase("registrations", self.register)
        self.phase("order", self.order)
        if kill:
            self.phase("rollout, first third", lambda: self.wait_over(1 / 3))
            self.phase("SIGKILL, start", self.kill)
        self.phase("rollout, to its end", lambda: self.wait_over(1))
        self.check()
        return self

    def close(self):
        self.hang_up()
        self.world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kill", action="store_true", help="SIGKILL in the middle of the rollout")
    parser.add_argument("--concurrency", type=int, default=64, help="devices under way at once")
    parser.add_argument("--bin", help="folder of the programs (build/bin)")
    options = parser.parse_args()
    if options.bin:
        os.environ["TINYPART_BIN"] = str(pathlib.Path(options.bin).resolve())
    fleet = Fleet(options.count, options.concurrency)
    try:
        fleet.run(options.kill)
        seconds = sum(took for name, took, *_ in fleet.phases if name.startswith(("registrations", "order", "rollout", "SIGKILL")))
        print(f"{options.count} devices registered, took one rollout and reported in {seconds:.1f} s; each installed exactly once")
        print(f"the daemon's peak memory: {fleet.peak_kb / 1024:.1f} MB (VmHWM)")
    finally:
        fleet.close()


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    sys.exit(main())

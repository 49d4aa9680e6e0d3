#!/usr/bin/env python3
"""Records a trace of this host's own sensors and counters, one row a second, as CSV on standard output.

What a row is: the state of the whole host over the second before, read from /proc (Linux): how busy its processors were,
how much memory was in use, context switches and interrupts of the scheduler, bytes received over its network
interfaces (loopback included), sectors written to its disks, processes ready to run, and its temperature where it has
a sensor for it (-1: it has none). Whole numbers in the units of the header; nothing is smoothed, filled in or left out.

    tests/utility/record.py --seconds 1200 > tests/utility/trace.csv
"""
import argparse
import glob
import sys
import time

COLUMNS = ("second", "cpu_permille", "memory_permille", "switches", "interrupts", "received_bytes", "written_sectors",
           "ready", "millidegrees")


def fields(path):
    with open(path) as file:
        return [line.split() for line in file]


def processors():
    first = fields("/proc/stat")[0]
    ticks = [int(word) for word in first[1:9]]
    return sum(ticks), ticks[3] + ticks[4]  # all, idle and waiting


def counters():
    stat = {row[0]: row for row in fields("/proc/stat")}
    received = sum(int(row[1]) for row in fields("/proc/net/dev")[2:])
    written = sum(int(row[9]) for row in fields("/proc/diskstats"))
    return [int(stat["ctxt"][1]), int(stat["intr"][1]), received, written]


def gauges():
    memory = {row[0]: int(row[1]) for row in fields("/proc/meminfo")}
    used = 1000 - 1000 * memory["MemAvailable:"] // memory["MemTotal:"]
    ready = {row[0]: int(row[1]) for row in fields("/proc/stat") if row[0] == "procs_running"}["procs_running"]
    zones = glob.glob("/sys/class/thermal/thermal_zone*/temp")
    return used, ready, int(fields(zones[0])[0][0]) if zones else -1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=1200)
    wanted = parser.parse_args().seconds
    print(",".join(COLUMNS), flush=True)
    ticks, idle = processors()
    before = counters()
    begin = time.monotonic()
    for second in range(1, wanted + 1):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        now_ticks, now_idle = processors()
        now = counters()
        used, ready, degrees = gauges()
        passed = max(1, now_ticks - ticks)
        busy = max(0, min(1000, 1000 - 1000 * (now_idle - idle) // passed))
        row = [second, busy, used] + [after - earlier for after, earlier in zip(now, before)] + [ready, degrees]
        print(",".join(str(value) for value in row), flush=True)
        ticks, idle, before = now_ticks, now_idle, now
    return 0


if __name__ == "__main__":
    sys.exit(main())

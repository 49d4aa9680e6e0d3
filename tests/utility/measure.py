#!/usr/bin/env python3
"""Holds noised answers over a real trace against theory: how far off they are, and how often by more than they say.

Runs utility_releases (the daemon's rules, store and samplers) over tests/utility/trace.csv, five sensors of different
shapes, Laplace and Gaussian noise at four sizes each, and compares each answer with the same statistic of the trace
without noise (theory.py). Fails
- when answers of a kind are outside of their 95 % intervals more often than that allows: the number of misses is one that a
  binomial law of 5 % reaches with a probability below 1e-6;
- when intervals of a kind are narrower than theory says by more than 2 %, each counted again from the noise that the
  answer names; of quantiles by more than 13 % of what trees noised here have on average;
- when the mean square error of counts, sums, means and bins is off the variance of their noise by more than 4.9 standard
  errors (1e-6 for a normal law; kurtosis of Laplace noise is 6), or that of variances above theirs; or that of
  quantiles more than four times that of the noised trees (few of them err by much).
All of that in fewer than one run in ten thousand by chance. With a fixed seed, which is what runs without --random have, the outcome is
fixed, too.

    measure.py [--runs N] [--random] [--plot FILE.png] PROGRAM

--plot needs python3-matplotlib; nothing else does more than Python itself.
"""
import argparse
import collections
import json
import math
import pathlib
import random
import subprocess
import sys

import theory

HERE = pathlib.Path(__file__).resolve().parent
ALARM, DEVIATIONS = 1e-6, 4.9
SEED = "20261121"
TREES = 60  # noised here, for each sensor and size of noise; more for many runs


class Tally:
    """What was seen of one kind of answer of one sensor at one size of noise."""

    def __init__(self):
        self.tries = self.misses = 0
        self.squares = self.width = self.width_theory = 0.0
        self.variance = self.unit = None

    def add(self, seen, unit):
        """unit: in which widths of different sensors can be added up; None: that of theory."""
        self.tries += 1
        self.squares += seen.error ** 2
        self.misses += not seen.low <= 0 <= seen.high
        self.width += (seen.high - seen.low) / 2
        self.width_theory += seen.half_width
        self.variance = seen.variance
        self.unit = unit or seen.half_width

    def root(self):
        return math.sqrt(self.squares / self.tries)


# How far an answer is from the truth, its interval's ends from the truth, and what theory says: the variance of its
# error, and half the width of its interval.
Seen = collections.namedtuple("Seen", "error low high variance half_width")


def single(answer, sensor, truth, parts):
    low, high = float(answer["error95"]["low"]), float(answer["error95"]["high"])
    variance, (expected_low, expected_high) = theory.of_single(answer["query"], sensor, parts)
    return Seen(float(answer["value"]) - truth, low - truth, high - truth, variance, (expected_high - expected_low) / 2)


def seen_of(answer, sensor):
    """(kind, Seen) of each number in an answer that has a law of its own."""
    query = answer["query"]
    parts = [theory.Part(part) for part in answer["privacy"]["noise"]]
    if query in ("count", "sum", "mean", "variance"):
        yield query, single(answer, sensor, sensor.truth(query), parts)
    elif query == "histogram":
        half = float(answer["error95"]["half_width"])
        for one in answer["bins"]:
            error = float(one["count"]) - sensor.in_bin(float(one["low"]), float(one["high"]))
            yield query, Seen(error, error - half, error + half, parts[0].variance(), parts[0].half_width(20))
    elif query == "top":  # its interval is of all categories at once: the worst of them
        half = float(answer["error95"]["half_width"])
        worst = max((float(one["count"]) - sensor.values.count(float(one["category"])) for one in answer["top"]), key=abs)
        yield query, Seen(worst, worst - half, worst + half, None, parts[0].half_width(20 * len(answer["top"])))
    else:
        for one, (variance, half) in zip(answer["quantiles"], sensor.trees(parts[0])):
            truth = sensor.quantile(float(one["at"]))
            low, high = float(one["error95"]["low"]), float(one["error95"]["high"])
            yield f"quantile {one['at']}", Seen(float(one["value"]) - truth, low - truth, high - truth, variance, half)


def pooled_error(tallies, weights):
    """The mean over all answers of squared error in units of its variance, and how many answers that are."""
    mine = [(tally, weight) for tally, weight in zip(tallies, weights) if tally.variance]
    whole = sum(tally.tries * weight for tally, weight in mine)
    tries = sum(tally.tries for tally, _ in mine)
    return (sum(tally.squares / tally.variance * weight for tally, weight in mine) / whole if tries else 1.0), tries


def ratio_of_widths(tallies):
    return sum(tally.width / tally.unit for tally in tallies) / sum(tally.width_theory / tally.unit for tally in tallies)


def judge_kind(kind, tallies):
    tries, misses = sum(tally.tries for tally in tallies), sum(tally.misses for tally in tallies)
    # Few trees err by much, so that quantiles are weighted by how much it is.
    is_quantile = kind.startswith("quantile")
    ratio, count = pooled_error(tallies, [tally.variance / tally.unit ** 2 if is_quantile else 1 for tally in tallies])
    width = ratio_of_widths(tallies)
    print(f"{kind:23} {tries:8} {misses / tries:8.2%} {ratio:9.3f} {width:9.3f}")
    if theory.beyond(misses, tries) < ALARM:
        yield f"{kind}: {misses} of {tries} are outside of their 95 % intervals"
    if not is_quantile and width < 0.98:
        yield f"{kind}: intervals are {1 - width:.1%} narrower than theory says"
    error = DEVIATIONS * math.sqrt(5 / count) if count else 0
    word = kind.split()[0]
    if word in ("count", "sum", "mean", "histogram") and abs(ratio - 1) > error or word == "variance" and ratio - 1 > error:
        yield f"{kind}: the mean square error is {ratio:.3f} of the variance that theory gives"
    if is_quantile and ratio > 4:
        yield f"{kind}: the mean square error is {ratio:.3f} of that of trees noised here"


def judge(tallies):
    print(f"{'kind':23} {'answers':>8} {'outside':>8} {'error^2':>9} {'width':>9}   (the last two: measured / theory)")
    wrong = []
    for kind, mechanism in dict.fromkeys((kind, noise[0]) for kind, _, noise in tallies):
        wrong += judge_kind(f"{kind} {mechanism}", [tally for key, tally in tallies.items()
                                                    if key[0] == kind and key[2][0] == mechanism])
    for mechanism in ("laplace", "gaussian"):  # widths of quantiles go by leaps: all of one answer's together
        width = ratio_of_widths([tally for (kind, _, noise), tally in tallies.items()
                                 if kind.startswith("quantile") and noise[0] == mechanism])
        if width < 0.87:
            wrong.append(f"quantiles {mechanism}: intervals are {1 - width:.1%} narrower than theory says")
    return wrong


def measure(program, runs, seed):
    """{(kind, sensor, (mechanism, amount)): Tally}, the sensors, and answers without an interval."""
    tallies, sensors, untold = collections.defaultdict(Tally), {}, collections.Counter()
    command = [program, HERE / "trace.csv", str(runs)] + seed
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            answer = json.loads(line)
            if "column" in answer:
                sensors[answer["sensor"]] = theory.Sensor(answer, HERE / "trace.csv", max(TREES, 4 * runs))
                continue
            if "refused" in answer:
                untold[f"refused: {answer['refused']}"] += 1
                continue
            noise = ("laplace", float(answer["epsilon"])) if answer["epsilon"] else ("gaussian", float(answer["rho"]))
            if "error95" in answer and answer["error95"] is None:
                untold[f"without an interval: {answer['query']} of {answer['sensor']} at {noise[0]} {noise[1]:g}"] += 1
                continue
            sensor = sensors[answer["sensor"]]
            for kind, seen in seen_of(answer, sensor):
                tallies[kind, sensor.name, noise].add(seen, sensor.upper if kind.startswith("quantile") else None)
    if process.returncode != 0:
        sys.exit(f"{program} ended with {process.returncode}")
    return tallies, sensors, untold


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--random", action="store_true", help="noise from the kernel instead of a fixed seed")
    parser.add_argument("--plot", help="write a PNG")
    parser.add_argument("program")
    given = parser.parse_args()
    if not given.random:
        random.seed(SEED)
    tallies, sensors, untold = measure(given.program, given.runs, [] if given.random else [SEED])
    wrong = judge(tallies)
    for which, count in sorted(untold.items()):
        print(f"{which}: {count} of {given.runs}")
    if given.plot:
        import picture
        picture.draw(tallies, sensors, given.runs, given.plot)
    print("\n".join(wrong) or f"{given.runs} runs: all within what is stated")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

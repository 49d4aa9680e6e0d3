#!/usr/bin/env python3
"""Holds noised answers over a real trace against theory: how far off they are, and how often by more than they say.

Runs utility_releases (the daemon's rules, store and samplers) over tests/utility/trace.csv and compares each answer with
the same statistic of the trace without noise. Fails
- when an answer is outside of its 95 % interval more often than a coverage of 95 % allows: the number of misses is one that
  a binomial law of 5 % reaches with a probability below 1e-9;
- when the mean square error of counts, sums and bins is off the variance of their noise by more than 6.1 standard errors
  (1e-9 for a normal law; kurtosis of Laplace noise is 6).
One false alarm in about 10^8 runs, therefore, of the whole. With a fixed seed the outcome is fixed, too.

    measure.py [--runs N] [--random] [--plot FILE.png] PROGRAM

--plot needs python3-matplotlib; nothing else does more than Python itself.
"""
import argparse
import collections
import csv
import json
import math
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
READINGS = 10
ALARM = 1e-9
EDGES = [10 * i for i in range(11)]


def readings():
    with open(HERE / "trace.csv", newline="") as file:
        values = [int(row["cpu_permille"]) / 10 for row in csv.DictReader(file)]
    return values[:len(values) // READINGS * READINGS]


def bin_of(value):
    return min(int(value // 10), len(EDGES) - 2)


def laplace_variance(num, den):
    q = math.exp(-den / num)
    return 2 * q / (1 - q) ** 2


def beyond(misses, tries, share=0.05):
    """The probability that a binomial law gives misses or more."""
    logs = [math.lgamma(tries + 1) - math.lgamma(k + 1) - math.lgamma(tries - k + 1) + k * math.log(share)
            + (tries - k) * math.log(1 - share) for k in range(misses, tries + 1)]
    return sum(math.exp(log) for log in logs)


class Tally:
    def __init__(self):
        self.tries = self.misses = 0
        self.squares = self.width = 0.0
        self.variance = None

    def add(self, error, low_error, high_error, variance):
        """How far the answer is from the truth, and its interval's ends from the truth."""
        self.tries += 1
        self.squares += error * error
        self.misses += not low_error <= 0 <= high_error
        self.width += (high_error - low_error) / 2
        self.variance = variance

    def root(self):
        return math.sqrt(self.squares / self.tries)


def noise_variances(answer):
    return {part["quantity"]: laplace_variance(part["scale_num"], part["scale_den"]) * float(part["step"]) ** 2
            for part in answer["privacy"]["noise"]}


def errors_of(answer, values):
    """(name, error, low end - truth, high end - truth, variance that theory gives or None) of each number in an answer.
    Numbers of one name are independent: bins have noise of their own, while quantiles are read off the same tree."""
    variances = noise_variances(answer)
    query = answer["query"]
    if query == "histogram":
        truth = collections.Counter(bin_of(value) for value in values)
        half = float(answer["error95"]["half_width"])
        variance = next(iter(variances.values()))
        for i, one in enumerate(answer["bins"]):
            error = float(one["count"]) - truth[i]
            yield query, error, error - half, error + half, variance
        return
    if query == "quantiles":
        ordered = sorted(values)
        for one in answer["quantiles"]:
            truth = ordered[max(0, math.ceil(float(one["at"]) * len(ordered)) - 1)]
            yield (f"quantile {one['at']}", float(one["value"]) - truth, float(one["error95"]["low"]) - truth,
                   float(one["error95"]["high"]) - truth, None)
        return
    mean = sum(values) / len(values)
    truth = {"count": len(values), "sum": sum(values), "mean": mean}[query]
    if query == "mean":  # a quotient: its first order
        variance = (variances["sum"] + mean ** 2 * variances["count"]) / len(values) ** 2
    else:
        variance = variances[query]
    yield (query, float(answer["value"]) - truth, float(answer["error95"]["low"]) - truth,
           float(answer["error95"]["high"]) - truth, variance)


def judge(tallies):
    wrong = []
    print(f"{'query':13} {'epsilon':>7} {'numbers':>7} {'RMS error':>10} {'theory':>8} {'half width':>10} {'outside':>8}")
    for (query, epsilon), tally in sorted(tallies.items()):
        theory = "" if tally.variance is None else f"{math.sqrt(tally.variance):.3f}"
        print(f"{query:13} {epsilon:7} {tally.tries:7} {tally.root():10.3f} {theory:>8} {tally.width / tally.tries:10.3f} "
              f"{tally.misses / tally.tries:8.2%}")
        if beyond(tally.misses, tally.tries) < ALARM:
            wrong.append(f"{query} at epsilon {epsilon}: {tally.misses} of {tally.tries} are outside of their 95 % intervals")
        if query in ("count", "sum", "histogram"):
            ratio = tally.squares / tally.tries / tally.variance
            if abs(ratio - 1) > 6.1 * math.sqrt(5 / tally.tries):
                wrong.append(f"{query} at epsilon {epsilon}: the mean square error is {ratio:.3f} of its noise's variance")
    return wrong


def plot(tallies, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    queries = ["count", "sum", "mean", "histogram", "quantile 0.5"]
    units = {"count": "readings", "sum": "%", "mean": "%", "histogram": "readings a bin", "quantile 0.5": "%"}
    figure, axes = pyplot.subplots(1, len(queries), figsize=(15, 3.6), constrained_layout=True)
    for axis, query in zip(axes, queries):
        mine = sorted((float(epsilon), tally) for (name, epsilon), tally in tallies.items() if name == query)
        x = [epsilon for epsilon, _ in mine]
        axis.semilogx(x, [tally.root() for _, tally in mine], "o", label="measured (root mean square)")
        if mine[0][1].variance is not None:
            axis.semilogx(x, [math.sqrt(tally.variance) for _, tally in mine], "-", color="C1", label="theory")
        axis.semilogx(x, [tally.width / tally.tries for _, tally in mine], "--", color="C2", label="stated 95 % half width")
        share = sum(tally.misses for _, tally in mine) / sum(tally.tries for _, tally in mine)
        axis.set_title(f"{query}: {share:.1%} outside")
        axis.set_xlabel("epsilon")
        axis.set_ylabel(f"error ({units[query]})")
        axis.set_xticks(x, [f"{value:g}" for value in x])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--random", action="store_true", help="noise from the kernel instead of a fixed seed")
    parser.add_argument("--plot", help="write a PNG")
    parser.add_argument("program")
    given = parser.parse_args()
    values = readings()
    tallies, untold = collections.defaultdict(Tally), collections.Counter()
    command = [given.program, HERE / "trace.csv", str(given.runs)] + ([] if given.random else ["20261121"])
    for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        answer = json.loads(line)
        if "error95" in answer and answer["error95"] is None:
            untold[f"{answer['query']} at epsilon {answer['epsilon']}"] += 1
            continue
        for name, *found in errors_of(answer, values):
            tallies[name, answer["epsilon"]].add(*found)
    wrong = judge(tallies)
    for which, count in sorted(untold.items()):
        print(f"{which}: {count} of {given.runs} answers say that no interval can be told, and are left out")
    if given.plot:
        plot(tallies, given.plot)
    print("\n".join(wrong) or "all within what is stated")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

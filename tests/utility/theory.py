"""What noise does to an answer, by formula, written down a second time and in floating point: nothing here is the daemon's.

Variances of the noise, half widths of intervals from the tails of its law, first orders of quotients, and for quantiles
the whole way: noise in the nodes of a tree gives an error of ranks, and that, through the readings' own distribution, one
of values. The last has no formula, so trees are noised here, with Python's random numbers.
"""
import bisect
import csv
import functools
import math
import random
import statistics

LEVELS = 8
NODES = 1 << LEVELS


def beyond(misses, tries, share=0.05):
    """The probability that a binomial law gives misses or more."""
    logs = [math.lgamma(tries + 1) - math.lgamma(k + 1) - math.lgamma(tries - k + 1) + k * math.log(share)
            + (tries - k) * math.log(1 - share) for k in range(misses, tries + 1)]
    return min(1.0, sum(math.exp(log) for log in logs))


def epsilon_of_rho(rho, delta=1e-6):
    """What zero-concentrated privacy gives at a delta (Canonne, Kamath, Steinke, proposition 12), over a grid of orders."""
    orders = (1 + math.exp(i / 100) for i in range(-500, 900))
    return min(a * rho + math.log1p(-1 / a) - (math.log(delta) + math.log(a)) / (a - 1) for a in orders)


class Part:
    """The noise of one quantity, as an answer names it, in units of the answer."""

    def __init__(self, json):
        self.step = float(json["step"])
        self.value = float(json["value"]) if "value" in json else None
        self.is_gauss = "variance_num" in json
        word = "variance" if self.is_gauss else "scale"
        self.amount = json[f"{word}_num"] / json[f"{word}_den"]

    def variance(self):
        q = math.exp(-1 / self.amount) if not self.is_gauss else 0
        return (self.amount if self.is_gauss else 2 * q / (1 - q) ** 2) * self.step ** 2

    def half_width(self, inverse):
        """The smallest w with P(|noise| > w) <= 1/inverse."""
        return width_of(self.is_gauss, self.amount, inverse) * self.step

    def draw(self):
        """In steps."""
        if self.is_gauss:
            return round(random.gauss(0, math.sqrt(self.amount)))
        return int(random.expovariate(1 / self.amount)) - int(random.expovariate(1 / self.amount))


@functools.lru_cache(maxsize=None)
def width_of(is_gauss, amount, inverse):
    if not is_gauss:
        q = math.exp(-1 / amount)
        return max(0, math.ceil(math.log((1 + q) / (2 * inverse)) / math.log(q) - 1))
    if amount > 1000:
        return math.ceil(math.sqrt(amount) * statistics.NormalDist().inv_cdf(1 - 1 / (2 * inverse)))
    weights = [math.exp(-k * k / (2 * amount)) for k in range(int(12 * math.sqrt(amount)) + 12)]
    whole, tail, width = weights[0] + 2 * sum(weights[1:]), 2 * sum(weights[1:]), 0
    while tail / whole > 1 / inverse:
        width += 1
        tail -= 2 * weights[width]
    return width


def quotient(num_low, num_high, den_low, den_high):
    """The ends of a quotient, den_low > 0."""
    return (num_low / (den_high if num_low >= 0 else den_low), num_high / (den_low if num_high >= 0 else den_high))


def of_mean(sensor, parts):
    total, count = parts
    wide, deep = total.half_width(40), count.half_width(40)
    ends = quotient(total.value - wide, total.value + wide, count.value - deep, count.value + deep)
    return (total.variance() + sensor.truth("mean") ** 2 * count.variance()) / len(sensor.values) ** 2, ends


def of_variance(sensor, parts):
    squares, total, count = parts
    n, centre = len(sensor.values), sensor.centre
    first = sum(value - centre for value in sensor.values) / n
    second = sum((value - centre) ** 2 for value in sensor.values) / n
    order = (squares.variance() + (2 * first) ** 2 * total.variance() + (2 * first ** 2 - second) ** 2 * count.variance())
    wide, far, deep = squares.half_width(60), total.half_width(60), count.half_width(60)
    q = quotient(squares.value - wide, squares.value + wide, count.value - deep, count.value + deep)
    sums = (abs(total.value) - far, abs(total.value) + far)
    nearest = max(0.0, sums[0]) ** 2 / (count.value + deep) ** 2
    farthest = sums[1] ** 2 / (count.value - deep) ** 2
    return order / n ** 2, tuple(min(max(end, 0.0), sensor.radius ** 2) for end in (q[0] - farthest, q[1] - nearest))


def of_single(query, sensor, parts):
    """The variance of its error, to the first order, and the ends of the interval about what was answered."""
    if query == "mean":
        return of_mean(sensor, parts)
    if query == "variance":
        return of_variance(sensor, parts)
    return parts[0].variance(), (parts[0].value - parts[0].half_width(20), parts[0].value + parts[0].half_width(20))


class Sensor:
    """One column of the trace as its policy sees it: in steps of its scale, clamped to its bounds."""

    def __init__(self, json, path, trees):
        self.name, self.unit, self.tree_count = json["sensor"], json["unit"], trees
        self.scale = json["scale"]
        self.lower, self.upper = float(json["lower"]), float(json["upper"])
        with open(path, newline="") as file:
            raw = [int(row[json["column"]]) // json["divisor"] / self.scale for row in list(csv.reader(file))[1:]]
        self.values = [min(max(value, self.lower), self.upper) for value in raw[:json["readings"]]]
        self.clamped = sum(value > self.upper for value in raw) / len(raw)
        self.ordered = sorted(self.values)
        steps = round((self.upper - self.lower) * self.scale)
        self.centre = self.lower + steps // 2 / self.scale
        self.radius = self.upper - self.centre
        self.leaf = (steps // NODES + 1) / self.scale
        self.trees_seen = {}

    def truth(self, query):
        return {"count": len, "sum": sum, "mean": statistics.fmean, "variance": statistics.pvariance}[query](self.values)

    def in_bin(self, low, high):
        return sum(low <= value < high or value == high == self.upper for value in self.values)

    def quantile(self, at):
        return self.ordered[max(0, math.ceil(at * len(self.ordered)) - 1)]

    def boundary(self, j):
        return min(self.upper, self.lower + j * self.leaf)

    def trees(self, part, ats=(0.25, 0.5, 0.75)):
        """(mean square error, mean half width of the interval) of each quantile, of trees that are noised here."""
        key = part.is_gauss, part.amount
        if key not in self.trees_seen:
            below = [bisect.bisect_left(self.ordered, self.lower + j * self.leaf - 1e-9) for j in range(NODES + 1)]
            seen = [[0.0, 0.0] for _ in ats]
            for _ in range(self.tree_count):
                noised = [a + b for a, b in zip(below, tree_noise(part))]
                for at, sums in zip(ats, seen):
                    value, low, high = self.read(noised, at, tree_width(part))
                    sums[0] += (value - self.quantile(at)) ** 2 / self.tree_count
                    sums[1] += (high - low) / 2 / self.tree_count
            self.trees_seen[key] = seen
        return self.trees_seen[key]

    def read(self, noised, at, width):
        """A quantile and its interval off the noised numbers of readings below each boundary."""
        above = [number - at * noised[-1] for number in noised]
        low = next((j for j in range(NODES + 1) if above[j] > -width), NODES) - 1
        high = next((j for j in range(NODES, -1, -1) if above[j] < width), 0) + 1
        first = next(j for j in range(NODES) if above[j + 1] >= 0 or j == NODES - 1)
        last = next(j for j in range(NODES - 1, -1, -1) if above[j] <= 0 or j == 0)
        middle = math.floor((first + last + 1) / 2 * self.leaf * self.scale) / self.scale  # down to a step
        highest = self.boundary(high) - 1 / self.scale if high < NODES else self.upper  # the last step below it
        return min(self.upper, self.lower + middle), self.boundary(max(0, low)), highest


def tree_noise(part):
    """The noise in the number of readings below each boundary: one node of a level at most, where its bit is set."""
    nodes = [[part.draw() for _ in range(1 << level)] for level in range(1, LEVELS + 1)]
    noise = [0] * (NODES + 1)
    for j in range(1, NODES):
        lowest = (j & -j).bit_length() - 1
        noise[j] = noise[j & (j - 1)] + nodes[LEVELS - lowest - 1][(j >> lowest) - 1]
    noise[NODES] = nodes[0][0] + nodes[0][1]
    return noise


def tree_width(part):
    """Nine terms pass it with a probability of at most 1/40, by Chernoff's bound: see release_quantile.c."""
    if part.is_gauss:
        return math.sqrt(18 * math.log(40) * part.amount)
    return 2 * part.amount * (math.log(40) + 9 * math.log(4 / 3))

"""The picture of measure.py: a row a sensor, first what it measured, then error against privacy for each kind of answer."""
import math

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from PIL import Image  # noqa: E402

import theory  # noqa: E402

KINDS = ("sum", "mean", "variance", "histogram", "quantile 0.5")
TITLES = {"histogram": "one bin of a histogram", "quantile 0.5": "median"}
COLOURS = {"laplace": "C0", "gaussian": "C1"}


def unit_of(kind, unit):
    if kind == "variance":
        return f"({unit})²"
    return "readings" if kind == "histogram" else unit


def place(noise):
    return noise[1] if noise[0] == "laplace" else theory.epsilon_of_rho(noise[1])


def draw_kind(axis, tallies, kind, sensor):
    for mechanism, colour in COLOURS.items():
        mine = sorted((place(noise), tally) for (name, of, noise), tally in tallies.items()
                      if name == kind and of == sensor.name and noise[0] == mechanism)
        if not mine:
            continue
        x = [at for at, _ in mine]
        axis.plot(x, [tally.root() for _, tally in mine], "o" if mechanism == "laplace" else "s", color=colour, ms=5)
        axis.plot(x, [math.sqrt(tally.variance) for _, tally in mine], "-", color=colour, lw=1.2)
        axis.plot(x, [tally.width / tally.tries for _, tally in mine], "--", color=colour, lw=1)
    every = [tally for (name, of, _), tally in tallies.items() if name == kind and of == sensor.name]
    share = sum(tally.misses for tally in every) / sum(tally.tries for tally in every)
    axis.set_xscale("log")
    axis.set_yscale("linear" if kind.startswith("quantile") else "log")  # a median may be hit by every answer
    axis.set_xticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.tick_params(labelsize=8)
    axis.text(0.97, 0.95, f"{share:.1%} outside", transform=axis.transAxes, ha="right", va="top", fontsize=8)
    axis.set_ylabel(f"error ({unit_of(kind, sensor.unit)})", fontsize=8)


def draw_sensor(axis, sensor):
    axis.plot(sensor.values, ".", ms=1.5, color="0.3")
    axis.set_ylabel(f"{sensor.name} ({sensor.unit})", fontsize=9)
    axis.tick_params(labelsize=8)


def legend(figure):
    from matplotlib.lines import Line2D
    shapes = [Line2D([], [], color=colour, marker=marker, lw=0, label=f"{word}: measured (root mean square)")
              for colour, marker, word in (("C0", "o", "Laplace"), ("C1", "s", "Gaussian"))]
    lines = [Line2D([], [], color="0.2", lw=1.2, label="theory"),
             Line2D([], [], color="0.2", lw=1, ls="--", label="half of the 95 % interval that answers state (mean)")]
    figure.legend(handles=shapes + lines, loc="upper center", ncol=4, fontsize=10, frameon=False)


def draw(tallies, sensors, runs, path):
    rows = [sensor for sensor in sensors.values() if ("sum", sensor.name) in {key[:2] for key in tallies}]
    figure, axes = pyplot.subplots(len(rows), len(KINDS) + 1, figsize=(17, 2.5 * len(rows) + 0.8), layout="constrained")
    for row, sensor in zip(axes, rows):
        draw_sensor(row[0], sensor)
        for axis, kind in zip(row[1:], KINDS):
            draw_kind(axis, tallies, kind, sensor)
    axes[0][0].set_title("what was measured", fontsize=10)
    axes[-1][0].set_xlabel("second", fontsize=8)
    for column, kind in enumerate(KINDS, 1):
        axes[0][column].set_title(TITLES.get(kind, kind), fontsize=10)
        axes[-1][column].set_xlabel("epsilon (Gaussian: at delta 1e-6)", fontsize=8)
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.96))
    legend(figure)
    figure.supxlabel(f"{len(rows[0].values)} readings of {len(rows[0].values) // 2} devices, {runs} answers a point; "
                     "outside: share of answers whose 95 % interval misses the truth", fontsize=9)
    figure.savefig(path, dpi=80)
    Image.open(path).convert("RGB").quantize(32).save(path, optimize=True)  # a third of the size

#!/usr/bin/env python3
"""Runs all fuzz targets for a fixed number of executions, two at a time, and prints what came of each.

    run_all.py FOLDER TOTAL [NAME...]     FOLDER holds fuzz_* and bin/tinypart-corpus (build-fuzz); TOTAL executions are shared out by the
                                          weights of tests/fuzz/targets.txt; NAMEs choose some of the targets

Each target starts from its own seeds and from the published corpus, with a fixed seed for its random numbers. A crash, a leak, an execution of
more than 10 s and 2 GB of memory are failures; their input is left in FOLDER/crashes. Ends with 1 where a target failed."""
import collections
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
SEED = 20261121
AT_A_TIME = 2
Row = collections.namedtuple('Row', 'weight longest kinds')
UNKNOWN = Row(40, 4096, [])
DONE = re.compile(r'#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/')


def table():
    rows = {}
    for line in (here / 'targets.txt').read_text().splitlines():
        words = line.split('#')[0].split()
        if words:
            rows[words[0]] = Row(int(words[1]), int(words[2]), words[3].split(',') if len(words) > 3 else [])
    return rows


def seeds_of(name, kinds, corpus):
    """Folders; files beside them are counted, so that what the fuzzer adds is told apart."""
    folders = [here / 'corpus' / name] + [corpus / kind for kind in kinds]
    return [folder for folder in folders if folder.is_dir()]


def run(binary, runs, row, corpus, crashes):
    name = binary.name.removeprefix('fuzz_')
    seeds = seeds_of(name, row.kinds, corpus)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as found:
        done = subprocess.run(
            [binary, f'-runs={runs}', f'-seed={SEED}', f'-max_len={row.longest}', '-timeout=10', '-rss_limit_mb=2048', '-reload=0',
             f'-artifact_prefix={crashes}/{binary.name}-', found, *seeds],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
        new = len(list(pathlib.Path(found).iterdir()))
    match = DONE.search(done.stdout)
    failed = done.returncode != 0 or match is None
    executions, edges, features = (int(match[i]) for i in (1, 2, 3)) if match else (0, 0, 0)
    return {'name': name, 'failed': failed, 'executions': executions, 'seconds': time.monotonic() - began, 'edges': edges,
            'features': features, 'new': new, 'output': done.stdout}


def show(result):
    rate = result['executions'] / max(result['seconds'], 0.001)
    print(f"{'FAIL' if result['failed'] else 'ok':4}  {result['name']:24} {result['executions']:>11,} {result['seconds']:>8.1f} s "
          f"{rate:>9,.0f}/s {result['edges']:>7,} {result['features']:>8,} {result['new']:>6,}", flush=True)
    if result['failed']:
        print('\n'.join('      ' + line for line in result['output'].splitlines()[-60:]), flush=True)


def main():
    folder, total, names = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    rows = table()
    binaries = {path.name.removeprefix('fuzz_'): path for path in sorted((folder / 'fuzz').glob('fuzz_*')) if path.is_file()}
    for name in sorted(set(rows) - set(binaries)):
        print(f'note  {name} is in targets.txt and not built here')
    weights = {name: rows.get(name, UNKNOWN).weight for name in binaries}
    chosen = [name for name in binaries if not names or name in names]
    crashes = folder / 'crashes'
    crashes.mkdir(exist_ok=True)
    results = []
    print(f"      {'target':24} {'executions':>11} {'time':>10} {'speed':>11} {'edges':>7} {'features':>8} {'new':>6}")
    with tempfile.TemporaryDirectory() as corpus:
        subprocess.run([folder / 'bin/tinypart-corpus', '--folder', corpus], check=True)
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            jobs = [pool.submit(run, binaries[name], -(-total * weights[name] // sum(weights.values())),
                                rows.get(name, UNKNOWN), pathlib.Path(corpus), crashes)
                    for name in sorted(chosen, key=lambda name: -weights[name])]
            for job in concurrent.futures.as_completed(jobs):
                results.append(job.result())
                show(results[-1])
    failed = sum(result['failed'] for result in results)
    print(f"{len(results)} targets, {sum(result['executions'] for result in results):,} executions, {failed} failed")
    return 1 if failed or not results else 0


sys.exit(main())

"""Runs the benchmarks beside this file and prints how the workbook stands: ``cv-course bench``.

Every benchmark is a module with a function ``contests(rounds)``; it runs in a process of its own,
so that none inherits the threads, caches or memory of another. Within a contest all take turns, so
that a busy machine slows all of them alike.
"""

import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

NAMES = (
    *("training", "loop", "inputs", "neighbours"),
    *("plain", "scaling", "notebooks", "grading"),
)
OURS = "ours"
LONG = 9  # seconds: what takes longer is measured once, so that all of it takes 15 minutes
HINT = "pip install -e '.[bench]'"


@dataclass
class Contest:
    """One thing that ours and others do, and what was measured.

    Args:
        what: in a few words.
        unit: of the samples.
        samples: who -> one number a round; ``"ours"`` must be among them.
        less: whether less is better.
        limit: the target for ours.
        ratios: who -> how many times better than this one ours has to be.
        note: what a reader must know to read the line rightly.
        curve: rows of size, CPU-seconds and MiB, where the cost grows with the size.
    """

    what: str
    unit: str
    samples: dict[str, list[float]]
    less: bool = True
    limit: float | None = None
    ratios: dict[str, float] = field(default_factory=dict)
    note: str = ""
    curve: list[list[float]] = field(default_factory=list)

    def median(self, who: str) -> float:
        return statistics.median(self.samples[who])

    def times_better(self, who: str) -> float:
        """How many times better ours is than ``who``, by the medians."""
        one, other = self.median(OURS), self.median(who)
        return other / one if self.less else one / other

    def reached(self) -> bool | None:
        """Whether all targets are; None where there is none."""
        verdicts = [
            self.times_better(who) >= ratio
            for who, ratio in self.ratios.items()
            if who in self.samples
        ]
        if self.limit is not None:
            ours = self.median(OURS)
            verdicts.append(ours <= self.limit if self.less else ours >= self.limit)
        return all(verdicts) if verdicts else None


def take_turns(ways: Mapping[str, Callable[[int], float]], rounds: int) -> dict[str, list[float]]:
    """Call each way once a round with the round's number; what it returns is its sample.

    A way whose library is not installed is left out, and the table says so. One that takes long is
    not repeated.
    """
    samples, long = {name: [] for name in ways}, set()
    for number in range(rounds):
        for name in [name for name in samples if name not in long]:
            began = time.perf_counter()
            try:
                samples[name].append(ways[name](number))
            except ModuleNotFoundError as missing:
                print(f"  {name}: {missing}; {HINT}", file=sys.stderr)
                del samples[name]
            if time.perf_counter() - began > LONG:
                long.add(name)
    return samples


def timed(work: Callable, *given, clock=time.process_time) -> float:
    """Seconds of ``work(*given)``: of this process's CPU time, or by another clock."""
    began = clock()
    work(*given)
    return clock() - began


def in_new_process(work: Callable, *given):
    """What ``work(*given)`` returns; memory that was freed before would hide what it takes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)


def run(names: Sequence[str] = (), rounds: int = 5, out: Path = Path("bench")) -> int:
    """Run some or all benchmarks; write ``bench.json`` and ``bench.png`` to ``out``.

    Figures of other benchmarks that are in ``bench.json`` already, from the same machine, are kept.

    Returns:
        The exit code: 0 when all ran, also where a target was missed (the table says which).

    Raises:
        ValueError: no benchmark of that name.
    """
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}.")
    out.mkdir(parents=True, exist_ok=True)
    report, failed = {"machine": machine(), "contests": {}}, False
    file = out / "bench.json"
    if file.exists():  # what this machine measured before stands beside what it measures now
        before = json.loads(file.read_text(encoding="utf-8"))
        if before["machine"] == report["machine"]:
            report["contests"] = before["contests"]
    print(" · ".join(f"{key} {value}" for key, value in report["machine"].items()))
    print("median, least … most; for a peer: how many times better ours is")
    for name in names or NAMES:
        command = [sys.executable, __file__, name, str(rounds)]
        how = {"cwd": Path(__file__).parent, "env": {**os.environ, "TQDM_DISABLE": "1"}}
        done = subprocess.run(command, capture_output=True, text=True, **how)
        said = done.stderr.splitlines()  # of the peers' talk, only what a reader can use
        if done.returncode:
            failed = True
            print(f"\n{name}: failed, exit code {done.returncode}", *said[-3:], sep="\n  ")
            continue
        contests = [Contest(**values) for values in json.loads(done.stdout.splitlines()[-1])]
        report["contests"][name] = [asdict(one) for one in contests]
        rows = [line for one in contests for line in lines(one)]
        print(f"\n{name}", *rows, *[line for line in said if HINT in line], sep="\n")
        file.write_text(json.dumps(report, indent=1), encoding="utf-8")
    contests = [Contest(**one) for group in report["contests"].values() for one in group]
    if contests:
        draw(contests).savefig(out / "bench.png")
        print(f"\nWritten to {out}/bench.json and {out}/bench.png.")
    return int(failed)


def machine() -> dict[str, str]:
    """What a reader needs to compare figures: versions and the processor's capabilities."""
    import torch

    from cv_course import checked

    known = ("avx2", "avx512_bf16", "avx512_vnni", "amx_bf16")
    able = [name for name in known if checked.cpu_has(name)]
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "cpu": " ".join(able) or platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def lines(contest: Contest) -> list[str]:
    """A contest as lines of the table: ours first, then each peer with its ratio."""
    target = ""
    if contest.limit is not None:
        target = f"target {'≤' if contest.less else '≥'} {contest.limit:,.4g}"
    verdict = {True: "✓", False: "✗ missed", None: ""}[contest.reached()]
    rows = [f"  {contest.what:50}{_numbers(contest, OURS)}  {target} {verdict}"]
    for who in contest.samples:
        if who != OURS:
            ratio = contest.times_better(who)
            wanted = f", target {contest.ratios[who]:.3g}" if who in contest.ratios else ""
            rows.append(f"    {who:48}{_numbers(contest, who)}  {ratio:.2f} x{wanted}")
    rows += [f"    {n:>12,}{s:>12.2f} CPU-s{mib:>10.0f} MiB" for n, s, mib in contest.curve]
    rows += [f"    ({contest.note})"] if contest.note else []
    return [row.rstrip() for row in rows]


def _numbers(contest: Contest, who: str) -> str:
    samples = contest.samples[who]
    middle, low, high = (
        f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        for value in (contest.median(who), min(samples), max(samples))
    )
    return f"{middle:>10} {contest.unit:9}{f'{low} … {high}':>22}"


def draw(contests: Sequence[Contest]):
    """How many times better than each peer ours is."""
    from cv_course import plots

    times = {f"{o.what}: {w}": o.times_better(w) for o in contests for w in o.samples if w != OURS}
    figure, axis = plots.figure(8, 1 + 0.28 * len(times))
    axis.barh(list(times), list(times.values()))
    axis.axvline(1, color="black", linestyle="--")
    axis.set(xscale="log", xlabel="times better than … (dashed: level)")
    return figure


def _measure_here(name: str, rounds: int) -> None:
    """In the process of one benchmark: its contests as JSON, on the last line."""
    import importlib

    kept = os.dup(1)
    os.dup2(2, 1)  # whatever libraries print goes not into the JSON
    contests = importlib.import_module(name).contests(rounds)
    os.write(kept, ("\n" + json.dumps([asdict(one) for one in contests]) + "\n").encode())


if __name__ == "__main__":
    _measure_here(sys.argv[1], int(sys.argv[2]))

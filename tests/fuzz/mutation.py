"""Bytes that atheris finds, given to what others give us: ``python -m tests.fuzz.mutation [TARGET …]``.

Each target of :mod:`tests.fuzz.targets` runs in a process of its own for ``--seconds``, from the seeds of
:mod:`tests.fuzz.seeds`, with our own code watched for the ways that it takes (that of Pillow, FFmpeg and
Arrow is not). An input that ends a process, takes over ten seconds or over 2 GB is kept in ``--keep``,
outside of the repository, and the status is 1. What it found is mended here where it is ours, with the
smallest input that shows it among the tests; where it is not, it is reported to whom it belongs, and is no
part of this repository.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from tests.fuzz.targets import TARGETS

SECONDS = 30
_GRACE = 120.0
_LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=20000", "-print_final_stats=1", "-verbosity=0")


def watch(name: str, corpus: str, options: Sequence[str]) -> None:
    """Mutate for one target; libFuzzer ends the process."""
    import atheris

    compiled = [*_COMPILED]
    for package in _COMPILED:
        compiled += [f"{package}.{each.name}" for each in iter_modules(import_module(package).__path__)]
    # What the targets take is instrumented as it is imported.
    for module in [each for each in sys.modules if each.split(".")[0] == "mmpipe" or each == _TARGETS]:
        del sys.modules[module]
    with atheris.instrument_imports(include=["mmpipe"], exclude=compiled):
        from tests.fuzz.targets import TARGETS as instrumented

        with instrumented[name]() as target:
            target(b"")
            atheris.Setup([sys.argv[0], *options, corpus], target)
            atheris.Fuzz()


_TARGETS = "tests.fuzz.targets"
# numba translates these, and knows nothing of what atheris puts into them.
_COMPILED = ("mmpipe.search.kernels", "mmpipe.recommend.behaviour.kernels", "mmpipe.recommend.kernels")


def run(name: str, seconds: int, keep: Path) -> bool:
    """Whether a target took all that came in this time."""
    from tests.fuzz.seeds import SEEDS

    with tempfile.TemporaryDirectory(prefix="mmpipe-fuzz-") as folder:
        for number, seed in enumerate(SEEDS[name]()):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        options = [f"-max_total_time={seconds}", f"-artifact_prefix={keep}/{name}-", *_LIMITS]
        command = [sys.executable, "-m", "tests.fuzz.mutation", "--watch", name, folder, *options]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds + _GRACE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: did not end", file=sys.stderr)
            return False
    lines = done.stderr.splitlines()
    tried = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "?")
    print(f"{name}: {tried} inputs, status {done.returncode}", flush=True)
    if done.returncode:
        print("\n".join(lines[-60:]), file=sys.stderr)
    return done.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets one after the other."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--watch"]:
        watch(given[1], given[2], given[3:])
        return 0
    parser = argparse.ArgumentParser(prog="tests.fuzz.mutation", description=main.__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default"
    )
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for each target")
    parser.add_argument("--keep", type=Path, help="a folder for inputs that were not taken")
    options = parser.parse_args(given)
    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    keep = options.keep or Path(tempfile.mkdtemp(prefix="mmpipe-fuzz-found-"))
    os.makedirs(keep, exist_ok=True)
    fine = [run(name, options.seconds, keep) for name in options.targets or TARGETS]
    if not all(fine):
        print(f"inputs that were not taken are in {keep}", file=sys.stderr)
    return int(not all(fine))


if __name__ == "__main__":
    sys.exit(main())

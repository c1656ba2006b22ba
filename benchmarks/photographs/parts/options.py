"""The options that the benchmarks on a run of photographs share."""

from __future__ import annotations

import argparse
from pathlib import Path


def run_parser(description: str, run_required: bool = True) -> argparse.ArgumentParser:
    """Return a parser with `--run`, `--work`, `--preset` and `--set` (as `overrides`).

    Args:
        description: the first line is shown by `--help`.
        run_required: whether nothing can be done without `--run`.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        "--run", type=Path, required=run_required, help="STORE/DATASET-PRESET of a finished run"
    )
    parser.add_argument("--work", type=Path, required=True, help="results are kept here")
    parser.add_argument("--preset", default="photo", help="of that run")
    parser.add_argument(
        "--set", action="append", default=[], dest="overrides", metavar="NAME=VALUE"
    )
    return parser


def add_root(parser: argparse.ArgumentParser) -> None:
    """Add `--root`, for what reads the photographs again."""
    parser.add_argument("--root", type=Path, help="of its photographs, if they or the run moved")


def add_trainings(parser: argparse.ArgumentParser, share: float, seeds: list[int]) -> None:
    """Add `--share` and `--seeds` of the trainings, with these defaults."""
    parser.add_argument("--share", type=float, default=share, help="of the preset's steps")
    parser.add_argument("--seeds", type=int, nargs="+", default=seeds)

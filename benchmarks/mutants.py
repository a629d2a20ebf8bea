"""Mutation check: small errors are put into the arithmetic, one at a time, and the tests must notice each.

`make mutants` draws mutants from fusion, losses, modulation, neurons, statistics and splits, and adds those in `NAMED`.
It runs the tests of the mutated file and then those of the packages that use it, and prints the survivors.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import SourceFileLoader
from itertools import islice
from math import inf
from pathlib import Path
from types import CodeType

from known_mutants import EQUIVALENT, NAMED

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "colliculus"

NETWORKS = ("tests/fusion", "tests/methods", "tests/test_model.py", "tests/fidelity")
TESTS: dict[str, tuple[str, ...]] = {
    "fusion/*.py": NETWORKS,
    "losses/*.py": ("tests/losses", "tests/methods", "tests/fidelity"),
    "modulation/*.py": ("tests/modulation", "tests/training/test_balance.py"),
    "neurons/*.py": ("tests/neurons", "tests/layers", "tests/fidelity"),
    "layers/attention.py": ("tests/layers", *NETWORKS),
    "heads.py": NETWORKS,
    "evaluation/significance.py": ("tests/evaluation/test_comparison.py",),
    "evaluation/paired.py": ("tests/evaluation/test_comparison.py",),
    "runs/metrics.py": ("tests/runs/test_metrics.py",),
    "corpus/splits.py": ("tests/corpus",),
}
"""Files that are mutated, and the tests that may notice; the test file of the same name runs first."""

TOOL_FAILED = 99

NOTICED, SURVIVES, HANGS = "noticed", "SURVIVES", "hangs"

SLOWEST_S = 400
"""Tests that take longer are ended: the mutant hangs, which counts as noticed."""

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Add,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
CALLS = {
    "mean": "sum",
    "sum": "mean",
    "min": "max",
    "max": "min",
    "argmax": "argmin",
    "any": "all",
    "all": "any",
    "softmax": "sigmoid",
    "log_softmax": "softmax",
    "tanh": "sigmoid",
    "exp": "log1p",
    "std": "var",
}
DROPPED = {"detach", "sqrt", "square", "abs", "float"}
"""Methods without arguments whose call is left out."""


@dataclass(frozen=True)
class Mutant:
    """One changed place of one file.

    Args:
        path: the file.
        change: the changed line, before and after.
        source: the file with the change.
    """

    path: Path
    change: str
    source: str

    @property
    def name(self) -> str:
        """File and change."""
        return f"{self.path.relative_to(SOURCE).as_posix()}: {self.change}"


def places(tree: ast.Module) -> list[ast.AST]:
    """The nodes of function bodies that carry arithmetic: no messages, types, decorators or docstrings."""
    found: list[ast.AST] = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            return
        if isinstance(node, ast.keyword) and node.arg == "strict":  # of zip: a guard
            return
        if isinstance(node, ast.FunctionDef):
            for statement in node.body:
                visit(statement, True)
            return
        if inside:
            found.append(node)
        annotations = {id(node.annotation)} if isinstance(node, ast.AnnAssign) else set()
        for child in ast.iter_child_nodes(node):
            if id(child) not in annotations:
                visit(child, inside)

    visit(tree, False)
    return found


def change(node: ast.AST) -> bool:
    """Change `node` in place; False where there is nothing to change."""
    match node:
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() if type(node.op) in OPERATORS:
            node.op = OPERATORS[type(node.op)]()
        case ast.Compare() if type(node.ops[0]) in OPERATORS:
            node.ops[0] = OPERATORS[type(node.ops[0])]()
        case ast.UnaryOp(op=ast.USub()):
            node.op = ast.UAdd()
        case ast.UnaryOp(op=ast.Not()):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int() | float()):
            node.value += 1
        case ast.Call(func=ast.Attribute(attr=name)) if name in CALLS:
            node.func.attr = CALLS[name]
        case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]) if name in DROPPED:
            node.func.attr = "clone"
        case _:
            return False
    return True


def mutant(path: Path, place: int) -> Mutant:
    """The mutant with a change of one node of a file, counted as in `places`."""
    tree = ast.parse(path.read_text("utf-8"))
    before = ast.unparse(tree).splitlines()
    change(places(tree)[place])
    source = ast.unparse(ast.fix_missing_locations(tree))
    changed = [(was, now) for was, now in zip(before, source.splitlines(), strict=True) if was != now]
    return Mutant(path, "; ".join(f"{was.strip()} -> {now.strip()}" for was, now in changed), source)


def named_mutants(only: str = "") -> list[Mutant]:
    """Mutants in `NAMED` of files whose path contains `only`."""
    found: list[Mutant] = []
    for file, old, new in NAMED:
        source = (SOURCE / file).read_text("utf-8")
        if source.count(old) != 1:
            raise ValueError(f"{old!r} does not stand in {file} once: adapt NAMED")
        found.append(Mutant(SOURCE / file, f"{old} -> {new}", source.replace(old, new)))
    return [each for each in found if only in str(each.path)]


def drawn_mutants(files: Iterable[Path], count: int, seed: int) -> Iterator[Mutant]:
    """`count` random mutants of these files that are not in `EQUIVALENT`."""
    known = [
        (path, place)
        for path in files
        for place, node in enumerate(places(ast.parse(path.read_text("utf-8"))))
        if change(deepcopy(node))
    ]
    random.Random(seed).shuffle(known)  # noqa: S311
    print(f"{min(count, len(known))} of {len(known)} mutants", flush=True)
    drawn = (mutant(path, place) for path, place in known)
    return islice((each for each in drawn if each.name not in EQUIVALENT), count)


def give_source(path: Path, source: str) -> None:
    """Let this process import the file at `path` as if `source` stood in it."""
    usual = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        return compile(source, path, "exec") if loader.path == str(path) else usual(loader, fullname)

    SourceFileLoader.get_code = get_code


def tests_of(mutant: Mutant) -> list[list[str]]:
    """The test file of the mutated file, then all tests that may notice (of its package, if `TESTS` names none)."""
    relative = mutant.path.relative_to(SOURCE)
    package = Path("tests") / relative.parent
    own = package / f"test_{relative.stem}.py"
    first = [[str(own)]] if (ROOT / own).exists() else []
    wide = next((list(tests) for pattern, tests in TESTS.items() if relative.match(pattern)), None)
    return [*first, wide] if wide else first or [[str(package)]]


def verdict(mutant: Mutant) -> str:
    """Run the tests with the mutant in place: NOTICED, SURVIVES or HANGS."""
    words = (run_tests(tests, mutant, SLOWEST_S) for tests in tests_of(mutant))
    return next((word for word in words if word != SURVIVES), SURVIVES)


def run_tests(tests: Sequence[str], mutant: Mutant | None, limit_s: float) -> str:
    """Run tests in a fork of this process, up to the first failure."""
    child = os.fork()
    if not child:
        _run_and_leave(tests, mutant)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done and (code := os.waitstatus_to_exitcode(status)) in (
            0,
            1,
            2,
            3,
        ):  # passed, failed, broken import or pytest
            return NOTICED if code else SURVIVES
        if done:
            raise RuntimeError(f"the tests could not run: pytest ended with {code}")
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HANGS


def _run_and_leave(tests: Sequence[str], mutant: Mutant | None) -> None:
    """Run the tests in this forked process and leave it with pytest's exit code."""
    os.setpgrp()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    import pytest

    code = TOOL_FAILED
    try:
        if mutant:
            give_source(mutant.path, mutant.source)
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header"]
        code = int(pytest.main([*options, *tests]))
    finally:
        os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw mutants, run their tests, print the survivors; 1 where too many survive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=90, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    parser.add_argument("--jobs", type=int, default=2, help="test runs at once")
    parser.add_argument("--only", default="", help="files whose path contains this")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(SOURCE.parent))
    for slow in ("scipy.stats", "torch._dynamo"):  # once: every test run is a fork of this process
        import_module(slow)
    files = dict.fromkeys(p for pattern in TESTS for p in sorted(SOURCE.glob(pattern)) if options.only in str(p))
    tried = [*named_mutants(options.only), *drawn_mutants(files, options.count, options.seed)]
    every_test = dict.fromkeys(test for each in tried for tests in tests_of(each) for test in tests)
    if run_tests(list(every_test), None, inf) != SURVIVES:
        print("the tests fail without any mutant")
        return 2
    survivors: list[Mutant] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for number, (each, word) in enumerate(zip(tried, pool.map(verdict, tried), strict=True), 1):
            print(f"{number:4d} {word:8} {each.name}", flush=True)
            survivors += [each] * (word == SURVIVES)
    share = 1 - len(survivors) / max(len(tried), 1)
    print(f"{100 * share:.1f} % of {len(tried)} mutants are noticed, {len(survivors)} survive")
    for each in survivors:
        print(f"  {each.name}")
    return int(share < 0.95)


if __name__ == "__main__":
    sys.exit(main())

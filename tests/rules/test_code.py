"""House rules on code that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

Rule = Callable[[ast.AST], Iterator[tuple[int, str]]]


def open_constructors(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name in {"__init__", "__new__", "__post_init__"}
            and node.args.kwarg
        ):
            yield node.lineno, f"**{node.args.kwarg.arg} swallows misspelt settings: name every parameter"


def star_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield node.lineno, f"import the names you need from {node.module}"


A_PICKLE = "a pickle runs code when it is read: use safetensors, JSON or YAML"


def unsafe_reading(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and imported(node) & {"dill", "joblib", "shelve"}:
            yield node.lineno, A_PICKLE
        if isinstance(node, ast.ImportFrom) and node.module == "pickle":
            yield node.lineno, "write `import pickle`, and only to catch its errors"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.startswith("pickle."):
                yield node.lineno, A_PICKLE
            settings = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in {"eval", "exec"}:
                yield node.lineno, f"{called} runs whatever text it is given: parse the text instead"
            if called == "torch.load" and settings.get("weights_only") != "True":
                yield node.lineno, "torch.load needs weights_only=True, or it runs code of the file"
            if called in {"np.load", "numpy.load"} and settings.get("allow_pickle", "False") != "False":
                yield node.lineno, "np.load with allow_pickle runs code of the file: leave it out"


def torch_distributed(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        named = isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.distributed"
        if named or (isinstance(node, ast.Import | ast.ImportFrom) and "torch.distributed" in imported(node)):
            yield node.lineno, "only runtime.py knows torch.distributed: ask the runtime or a Collective"


def imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Every module that `node` may import, with the packages that hold it: a.b.c gives a, a.b and a.b.c."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.rsplit(".", cut)[0] for name in names for cut in range(name.count(".") + 1)}


RULES: dict[Rule, list[str]] = {
    open_constructors: ["class A:\n    def __init__(self, **settings): ..."],
    star_imports: ["from torch import *"],
    unsafe_reading: [
        "from pickle import loads",
        "pickle.loads(text)",
        "import joblib",
        "eval('1')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
    ],
    torch_distributed: [
        "import torch.distributed as dist",
        "from torch import distributed",
        "from torch.distributed import all_reduce",
        "torch.distributed.barrier()",
    ],
}
ALLOWED = {torch_distributed: {"runtime/runtime.py"}}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps(rule: Rule, modules) -> None:
    broken = [
        f"src/colliculus/{module.name}:{line}: {mend}"
        for module in modules
        if module.name not in ALLOWED.get(rule, ())
        for line, mend in rule(module.tree)
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(("rule", "sin"), [(rule, sin) for rule, sins in RULES.items() for sin in sins])
def test_breaking_it_is_noticed(rule: Rule, sin: str) -> None:
    assert list(rule(ast.parse(sin)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_good_code_passes(rule: Rule) -> None:
    good = "class A:\n    def __init__(self, x): ...\n    def go(self, **x): torch.load(x, weights_only=True)"
    assert not list(rule(ast.parse(good)))

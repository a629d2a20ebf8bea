"""The reference of the presets: each setting with its help, and its value in every preset."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from sphinx.pycode import ModuleAnalyzer

from colliculus.files.documents import flat
from colliculus.presets import PRESETS, Preset
from colliculus.runs.document import experiment_to_plain


def pages() -> dict[str, str]:
    """A page for each method, a page for each data set, and the list of both."""
    methods, data = presets_by("method"), presets_by("data")
    return {
        "reference/presets/index.md": _index(methods, data),
        **{f"reference/presets/method-{name}.md": _method_page(name, these) for name, these in methods.items()},
        **{f"reference/presets/data-{name}.md": _data_page(name, these) for name, these in data.items()},
    }


def presets_by(part: str) -> dict[str, dict[str, Preset]]:
    """Presets by method ("method") or data ("data"), and then by the other part of their name METHOD-DATA."""
    found: dict[str, dict[str, Preset]] = {}
    for name, preset in PRESETS.items():
        method = name.removesuffix(f"-{preset.data}")
        first, second = (method, preset.data) if part == "method" else (preset.data, method)
        found.setdefault(first, {})[second] = preset
    return found


def _index(methods: Mapping[str, Mapping[str, Preset]], data: Mapping[str, Mapping[str, Preset]]) -> str:
    lines = [
        "# Presets",
        "",
        "A preset is named METHOD-DATA. It has the settings `method.*` of its method, and the settings `data.*` and",
        "`train.*` of its data set. Each can be overridden: `--train.epochs 5` on the command line,",
        '`cl.preset(name, train={"epochs": 5})` in Python.',
        *("", "## Methods", "", "| METHOD | trains | not on |", "|---|---|---|"),
    ]
    for name, these in methods.items():
        missing = ", ".join(d for d in data if d not in these)
        lines.append(f"| [{name}](method-{name}.md) | {next(iter(these.values())).title} | {missing} |")
    lines += ["", "## Data sets", "", "| DATA | |", "|---|---|"]
    lines += [f"| [{name}](data-{name}.md) | {next(iter(these.values())).phrase} |" for name, these in data.items()]
    pages = [f"{m} <method-{m}>" for m in methods] + [f"{d} <data-{d}>" for d in data]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def _method_page(name: str, presets: Mapping[str, Preset]) -> str:
    first = next(iter(presets.values()))
    kind = type(first.experiment.method)
    public = f"{{py:class}}`cl.{kind.__name__} <colliculus.{kind.__name__}>`"
    names = ", ".join(f"`{name}-{data}`" for data in presets)
    table = "\n".join(_table(presets, ("method",)))
    return f"# {name}\n\n{first.title}; in Python {public}.\n\nPresets: {names}.\n\n{table}\n"


def _data_page(name: str, presets: Mapping[str, Preset]) -> str:
    first = next(iter(presets.values()))
    text = (inspect.getdoc(type(first.experiment.data)) or "").partition("\n\n")[0].replace("\n", " ")
    names = ", ".join(f"`{method}-{name}`" for method in presets)
    table = "\n".join(_table(presets, ("data", "train")))
    return f"# {name}\n\n{first.phrase[:1].upper()}{first.phrase[1:]}. {text}\n\nPresets: {names}.\n\n{table}\n"


def _table(presets: Mapping[str, Preset], parts: tuple[str, ...]) -> Iterator[str]:
    """Rows of all settings of these parts: flag, value or values, help."""
    yield from ("| setting | value | |", "|---|---|---|")
    helps: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    for name, preset in presets.items():
        for part in parts:
            helps |= dict(help_texts(getattr(preset.experiment, part), f"{part}."))
        for key, value in flat(experiment_to_plain(preset.experiment)).items():
            if key.partition(".")[0] in parts and not key.endswith(".name"):
                values.setdefault(key, {})[name] = written(value)
    for key, by_name in values.items():
        cells = (f"`--{key.replace('_', '-')}`", cell(grouped(by_name)), _help(key, helps))
        yield "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"


def _help(key: str, helps: Mapping[str, str]) -> str:
    """Help of a setting; that of the whole mapping for a value in it."""
    while key not in helps and "." in key:
        key = key.rpartition(".")[0]
    return helps.get(key, "").replace("<", "&lt;").replace("*", "\\*")


def help_texts(settings: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and help of every setting of a dataclass, however nested: the string under its field."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        yield prefix + field.name, _documented(type(settings), field.name)
        if is_dataclass(value):
            yield from help_texts(value, f"{prefix}{field.name}.")


def _documented(kind: type, name: str) -> str:
    for owner in kind.__mro__:
        if name in vars(owner).get("__annotations__", {}):
            texts = ModuleAnalyzer.for_module(owner.__module__).find_attr_docs()
            return " ".join(texts.get((owner.__qualname__, name), [])).strip()
    return ""


def written(value: object) -> str:
    """A value as on the command line.

    Example:
        >>> written([8, 16]), written(None), written("")
        ('8 16', 'None', '')
    """
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def grouped(values: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Values with the names that have them, the most frequent one first.

    Example:
        >>> grouped({"a": "1", "b": "2", "c": "2"})
        [('2', ['b', 'c']), ('1', ['a'])]
    """
    names: dict[str, list[str]] = {}
    for name, value in values.items():
        names.setdefault(value, []).append(name)
    return sorted(names.items(), key=lambda item: -len(item[1]))


def cell(groups: list[tuple[str, list[str]]]) -> str:
    """The usual value, and the others with the names that have them.

    Example:
        >>> cell([("64", ["a", "b"]), ("32", ["c"])])
        '`64`; `32`: c'
    """
    (usual, _), *others = groups
    code = [f"`{usual}`" if usual else "", *(f"{f'`{v}`' if v else 'empty'}: {', '.join(n)}" for v, n in others)]
    return "; ".join(code)

"""`colliculus completion`: a script with which a shell completes verbs, presets and options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from shlex import quote
from typing import Annotated, Any, Literal, TypeVar, cast, get_type_hints

from tyro.conf import Fixed, FlagCreatePairsOff, Positional, Suppress

from colliculus.cli import VERBS
from colliculus.cli.options import parse

Words = Mapping[str, tuple[list[str], list[str]]]
"""First words and options of each verb."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Print a script with which a shell completes verbs, presets and options.

    bash: colliculus completion bash > ~/.local/share/bash-completion/completions/colliculus
    zsh: colliculus completion zsh > ~/.colliculus-completion, and `source ~/.colliculus-completion` in ~/.zshrc
    fish: colliculus completion fish > ~/.config/fish/completions/colliculus.fish
    """

    shell: Annotated[Literal["bash", "zsh", "fish"], Positional]
    """the shell"""


def run(arguments: list[str]) -> int:
    """Print the script."""
    shell = parse(Options, "completion", arguments).shell
    words = {verb: (_names(verb), _options(verb)) for verb in VERBS}
    print(_fish(words) if shell == "fish" else _bash(words, zsh=shell == "zsh"))
    return 0


def _names(verb: str) -> list[str]:
    """Words that may follow a verb; none where these are files."""
    from colliculus.cli.show import TOPICS
    from colliculus.corpus.recipes import RECIPES
    from colliculus.presets import PRESETS

    first = {"train": PRESETS, "sweep": PRESETS, "prepare": RECIPES, "show": (*TOPICS, *PRESETS)}
    return [*first.get(verb, ("bash", "zsh", "fish") if verb == "completion" else ())]


def _options(verb: str) -> list[str]:
    """Options of a verb, with the settings of every preset or recipe that it takes."""
    from colliculus.corpus.recipes import RECIPES
    from colliculus.presets import PRESETS

    own = import_module(f"colliculus.cli.{verb.replace('-', '_')}").Options
    settings = {"train": [p.experiment for p in PRESETS.values()], "prepare": [recipe() for recipe in RECIPES.values()]}
    found = ["--help", *option_names(own)]
    for each in settings.get(verb, ()):
        found += option_names(type(each), each)
    return list(dict.fromkeys(found))


def option_names(kind: type[Any], value: Any = None, prefix: str = "") -> Iterator[str]:
    """Names of the options that tyro makes of a dataclass.

    Args:
        kind: the dataclass.
        value: the settings, whose types decide which ones there are; None: those of the verb itself.
        prefix: names before these, such as "train.".

    Example:
        >>> @dataclass
        ... class Few:
        ...     num_steps: int = 1
        ...     loud: bool = False
        >>> list(option_names(Few, Few()))
        ['--num-steps', '--loud', '--no-loud']
    """
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint, marks = _parts(hints[field.name])
        inner = getattr(value, field.name, None)
        names: list[Any] = [mark for mark in marks if hasattr(mark, "aliases")]
        name = next((mark.name for mark in names if mark.name is not None), field.name.replace("_", "-"))
        if is_dataclass(inner) or (isinstance(hint, type) and is_dataclass(hint)):
            settings = type(inner) if is_dataclass(inner) else hint
            yield from option_names(settings, inner, f"{prefix}{name}." if name else prefix)
        elif isinstance(inner, Mapping) and inner:  # tyro makes an option of every key
            yield from (f"--{prefix}{name}.{key}" for key in cast("Mapping[str, Any]", inner))
        elif not isinstance(hint, TypeVar) and not any(mark in marks for mark in (Positional, Fixed, Suppress)):
            offered = [*(alias for mark in names for alias in mark.aliases or ()), f"--{prefix}{name}"]
            yield from offered
            if hint is bool and FlagCreatePairsOff not in marks:
                yield from map(_negated, offered)


def _negated(option: str) -> str:
    """The option that switches another off: `--train.no-refit` for `--train.refit`."""
    *path, name = option.removeprefix("--").split(".")
    return f"--{'.'.join([*path, f'no-{name}'])}"


def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type, and the marks that tyro reads."""
    return getattr(hint, "__origin__", hint), getattr(hint, "__metadata__", ())


def _bash(words: Words, *, zsh: bool) -> str:
    cases = "\n".join(
        f'    {verb}) names="{" ".join(names)}" options="{" ".join(options)}" ;;'
        for verb, (names, options) in words.items()
    )
    start = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n" if zsh else ""
    return f"""{start}_colliculus() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} names="" options=""
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then names="{" ".join(words)}"; fi
  if [[ $word == -* ]]; then names=$options; elif [ "$COMP_CWORD" -gt 2 ]; then names=""; fi
  COMPREPLY=($(compgen -W "$names" -- "$word"))
}}
complete -o default -F _colliculus colliculus"""


def _fish(words: Words) -> str:
    lines = [f"complete -c colliculus -n __fish_use_subcommand -a {verb} -d {quote(VERBS[verb])}" for verb in words]
    for verb, (names, options) in words.items():
        beginning = f"complete -c colliculus -n '__fish_seen_subcommand_from {verb}'"
        lines += [f"{beginning} -l {option.removeprefix('--')}" for option in options]
        lines += [f"{beginning} -a '{' '.join(names)}'"] if names else []
    return "\n".join(lines)

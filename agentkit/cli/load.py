"""From `-t FILE.py` or `-t package.module:name` to tools."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeGuard, cast

from agentkit import ConfigurationError, Tool, ToolDefinitionError, Toolset, tool

__all__ = ["import_target", "load_tools", "split_target"]


def load_tools(source: str) -> list[object]:
    """Return every tool that `source` names: each Tool, Toolset and public typed function of a file or module.

    Where a module has `__all__`, that says what is public, functions from elsewhere included.

    Raises:
        ConfigurationError: The file is not there, does not import, or holds no tool; the message says which.
    """
    where, name = split_target(source)
    try:
        module = import_target(where)
    except ConfigurationError as error:
        raise ConfigurationError(f"-t {error}") from error
    if name:
        if not hasattr(module, name):
            choices = f"It has: {', '.join(_choices(module))}." if _choices(module) else "It has no tools."
            raise ConfigurationError(f"-t {source}: {where!r} has no {name!r}. {choices}")
        found: Any = getattr(module, name)
        return list(cast("list[object]", found)) if isinstance(found, list | tuple) else [found]
    tools = list(_tools_of(module))
    if not tools:
        raise ConfigurationError(f"-t {source}: no tool in it. Write a public function with type hints, or use @tool.")
    return tools


def split_target(target: str) -> tuple[str, str]:
    """Return the file or module that `target` names, and the name in it or ""."""
    where, colon, name = target.rpartition(":")
    if not colon or (len(where) == 1 and name.startswith(("\\", "/"))):  # a drive letter is no module
        return target, ""
    return where, name


def import_target(where: str) -> ModuleType:
    """Return the file or module that `where` names, imported.

    Raises:
        ConfigurationError: It is not there, or does not import; the message says why.
    """
    try:
        if where.endswith(".py") or Path(where).is_file():
            return _import_file(Path(where))
        if not where.strip() or where.startswith(".") or "/" in where or "\\" in where:  # no module has such a name
            raise ConfigurationError("there is no such file. Write FILE.py or package.module.")
        sys.path.insert(0, str(Path.cwd()))  # an installed command does not look here by itself
        return importlib.import_module(where)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        what = " ".join(str(error).split())[:300]
        raise ConfigurationError(f"{where} does not import: {type(error).__name__}: {what}") from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigurationError("there is no such file.")
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_{len(sys.modules)}"  # a file may be called json
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError("this is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their module up by name
    sys.path.insert(0, str(path.resolve().parent))  # the file may import its neighbours
    spec.loader.exec_module(module)
    return module


def _tools_of(module: ModuleType) -> Iterator[object]:
    refused: list[ToolDefinitionError] = []
    found = False
    values = {id(value): value for name in _public(module) if (value := getattr(module, name, None)) is not None}
    for value in values.values():  # each once, whatever other names it has
        if isinstance(value, Tool | Toolset):
            found = True
            yield value
        elif _is_function_of(value, module):
            try:
                made = tool(value)
            except ToolDefinitionError as error:
                refused.append(error)
            else:
                found = True
                yield made
    if refused and not found:
        raise refused[0]
    for refusal in refused:
        sys.stderr.write(f"Left out: {refusal}\n")


def _choices(module: ModuleType) -> list[str]:
    """Return the names of what may be a tool here, in the order of the file."""
    values = {name: getattr(module, name, None) for name in _public(module)}
    return [
        name for name, value in values.items() if isinstance(value, Tool | Toolset) or _is_function_of(value, module)
    ]


def _is_function_of(value: object, module: ModuleType) -> TypeGuard[FunctionType]:
    return inspect.isfunction(value) and (value.__module__ == module.__name__ or _listed(module) is not None)


def _public(module: ModuleType) -> list[str]:
    listed = _listed(module)
    return [name for name in vars(module) if not name.startswith("_")] if listed is None else listed


def _listed(module: ModuleType) -> list[str] | None:
    """Return what `__all__` lists, or None if there is none."""
    listed = vars(module).get("__all__")
    return [str(name) for name in cast("list[object]", listed)] if isinstance(listed, list | tuple) else None

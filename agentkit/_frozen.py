"""`@frozen`: an immutable dataclass that costs little to define.

A frozen dataclass compiles five functions of its own, half a millisecond for each class; for all the values of agentkit
that was a third of its import. Here only `__init__` is compiled, and the rest is shared.
"""

from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, TypeVar, dataclass_transform

__all__ = ["frozen"]

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make `cls` what `@dataclass(frozen=True, kw_only=True)` would make of it."""
    made: Any = dataclass(kw_only=True, eq=False, repr=False)(cls)
    made.__setattr__, made.__delattr__ = _set_once, _refuse
    made.__repr__, made.__eq__, made.__hash__ = _show, _equals, _hash
    return made  # type: ignore[no-any-return]  # the class itself


def _set_once(self: Any, name: str, value: object) -> None:
    if name not in self.__dataclass_fields__ or name in self.__dict__:  # each field is set once, by __init__
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    self.__dict__[name] = value


def _refuse(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _show(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, field in self.__dataclass_fields__.items() if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _equals(self: Any, other: object) -> bool:
    return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _compared(self: Any) -> tuple[object, ...]:
    return tuple(getattr(self, name) for name, field in self.__dataclass_fields__.items() if field.compare)

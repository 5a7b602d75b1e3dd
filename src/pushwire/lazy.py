"""Packages whose names are loaded when they are first used (PEP 562): whoever imports one pays only for what they use of it.

if TYPE_CHECKING:
    from .rest import Wallet

__all__ = ["Wallet"]

if not TYPE_CHECKING:  # to a type checker, a package with a `__getattr__` has every name
    __getattr__, __dir__ = lazily(__name__, __all__, "rest")
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from types import MappingProxyType

__all__ = ["lazily"]


def lazily(
    package: str, public: Collection[str], *modules: str, homes: Mapping[str, Collection[str]] = MappingProxyType({})
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package with these public names.

    What it has not imported itself is looked for in `modules` of the package, one after the other; each of them is such a name
    too. `homes` says of modules what is in them: for that, no other is loaded.
    """
    places = {name: home for home, names in homes.items() for name in names}
    named = {module.rpartition(".")[2]: module for module in modules}

    def find(name: str) -> object:
        if name in named:
            return import_module(f"{package}.{named[name]}")
        if name in places:
            return getattr(import_module(f"{package}.{places[name]}"), name)
        if name in public:
            for module in modules:
                loaded = import_module(f"{package}.{module}")
                if name in loaded.__all__:
                    return getattr(loaded, name)
        # With its owner, so that a traceback tells what else may have been meant.
        raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=import_module(package))

    def load(name: str) -> object:
        value = find(name)
        setattr(import_module(package), name, value)  # so that it is not looked for again
        return value

    return load, lambda: sorted(public)

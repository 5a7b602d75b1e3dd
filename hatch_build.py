"""Builds `pushwire.core._speedups` into the wheel, or beside its source where the clone itself is installed.

What lives here: how that is compiled, and for whom. Where it cannot be, pushwire is installed without it, and is the same, only
slower; PUSHWIRE_PURE, set to anything, leaves it out.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError

NAME = "pushwire.core._speedups"
SOURCE = "src/pushwire/core/_speedups.c"


class Speedups(BuildHookInterface):  # type: ignore[type-arg] # what it can be parametrized with depends on hatchling's version
    """A build hook of hatchling's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built; `version` is "editable" where the clone is installed."""
        # It reads members as the lock of CPython allows; others gain nothing from it.
        if os.environ.get("PUSHWIRE_PURE") or sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
            return
        self._folder = tempfile.TemporaryDirectory()
        try:
            built = compiled(Path(self.root, SOURCE), Path(self._folder.name))
        except BaseError as error:
            self.app.display_warning(f"{NAME} is left out, pushwire is the same without it, only slower: {error}")
            return
        if version == "editable":
            # Put there in one step: another process may be loading it.
            beside = shutil.copy2(built, Path(self.root, SOURCE).with_name(f".{built.name}.{os.getpid()}"))
            os.replace(beside, Path(self.root, SOURCE).with_name(built.name))
        else:
            build_data["force_include"][str(built)] = f"pushwire/core/{built.name}"
        plain = (tag for tag in sys_tags() if "manylinux" not in tag.platform and "musllinux" not in tag.platform)
        build_data["tag"] = str(next(plain))
        build_data["pure_python"] = False

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when the wheel has been built."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def compiled(source: Path, folder: Path) -> Path:
    """Compile it into `folder`. Returns the module's file. Raises `setuptools.errors.BaseError`."""
    extension = Extension(NAME, [str(source)])
    command = build_ext(Distribution({"name": "pushwire", "ext_modules": [extension]}))
    command.build_lib = command.build_temp = str(folder)
    command.ensure_finalized()
    command.run()
    return Path(command.get_outputs()[0])

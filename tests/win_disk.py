"""A made-up Windows for ``tests.powershell_running``: a disk with junctions, and bits of .NET.

Names know no case. A junction is followed on the way to something; ``Delete`` of one removes it
alone. ``mklink`` is told by the command line and the variables that cmd would be started with.
"""

from __future__ import annotations

import itertools
import ntpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

FOLDER, LINK = 16, 1024


class NetError(Exception):
    """What .NET throws: a type and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


@dataclass
class Thing:
    """A folder (no ``content``; ``cloud`` as OneDrive keeps it), a file, or a link (``target``)."""

    path: str
    content: str | None = None
    target: str | None = None
    kind: str = "Junction"
    cloud: bool = False


@dataclass
class Windows:
    """The disk, the environment, and what may be made to fail."""

    environment: dict[str, str] = field(default_factory=dict)
    things: dict[str, Thing] = field(default_factory=dict)
    fails: Callable[[str, str], bool] = lambda _what, _path: False
    refuses_symbolic: bool = False
    leads_to: str | None = None  # where mklink leads, whatever it is told
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    # --- the disk, for tests too -----------------------------------------------------------------

    def real(self, path: str, *, last: bool = True) -> str:
        """A path with its links followed, the last one only if ``last``."""
        drive, rest = ntpath.splitdrive(ntpath.normpath(path))
        found = f"{drive}\\"
        names = [name for name in rest.split("\\") if name]
        for number, name in enumerate(names):
            found = ntpath.join(found, name)
            thing = self.things.get(found.casefold())
            if thing and thing.target and (last or number < len(names) - 1):
                found = self.real(thing.target)
        return found

    def at(self, path: str, *, last: bool = True) -> Thing | None:
        return self.things.get(self.real(path, last=last).casefold())

    def put(self, path: str, content: str | None = None, target: str | None = None) -> None:
        """Make a thing and the folders above it."""
        place = self.real(path, last=False)
        parent = ntpath.dirname(place)
        if parent != place and self.at(parent) is None:
            self.put(parent)
        self.things[place.casefold()] = Thing(place, content, target)

    def below(self, path: str) -> list[Thing]:
        start = self.real(path).casefold() + "\\"
        return [thing for key, thing in self.things.items() if key.startswith(start)]

    def files(self) -> dict[str, str]:
        """Content of every file that is not the script's own note."""
        return {
            thing.path: thing.content
            for thing in self.things.values()
            if thing.content is not None and "symlink_journal" not in thing.path
        }

    # --- .NET ------------------------------------------------------------------------------------

    def static(self, kind: str, member: str) -> Any:
        name = kind.removeprefix("System.")
        constant = _CONSTANTS.get((name, member))
        if constant is not None:
            return constant
        return getattr(self, f"{name.replace('.', '_')}_{member}")

    def new(self, kind: str, *arguments: Any) -> Any:
        return getattr(self, f"new_{kind.removeprefix('System.').replace('.', '_')}")(*arguments)

    def _check(self, what: str, path: str) -> None:
        if self.fails(what, path):
            raise NetError("IOException", f"{path}: in use")

    def IO_File_GetAttributes(self, path: str) -> int:  # noqa: N802
        thing = self.at(path, last=False)
        if thing is None:
            raise NetError("FileNotFoundException", path)
        if thing.target or thing.cloud:
            return FOLDER | LINK
        return FOLDER if thing.content is None else 32

    def IO_File_Exists(self, path: str) -> bool:  # noqa: N802
        thing = self.at(path)
        return thing is not None and thing.content is not None

    def IO_File_ReadAllText(self, path: str, _encoding: Any) -> str:  # noqa: N802
        self._check("read", path)
        thing = self.at(path)
        if thing is None or thing.content is None:
            raise NetError("FileNotFoundException", path)
        return thing.content

    def IO_File_ReadAllLines(self, path: str, encoding: Any) -> list[str]:  # noqa: N802
        return self.IO_File_ReadAllText(path, encoding).splitlines()

    def IO_File_WriteAllText(self, path: str, text: str, _encoding: Any) -> None:  # noqa: N802
        self._check("write", path)
        parent = self.at(ntpath.dirname(path))
        if parent is None or parent.content is not None:
            raise NetError("DirectoryNotFoundException", path)
        place = self.real(path)
        self.things[place.casefold()] = Thing(place, text)

    def IO_File_AppendAllText(self, path: str, text: str, encoding: Any) -> None:  # noqa: N802
        before = self.at(path)
        self.IO_File_WriteAllText(path, (before.content or "" if before else "") + text, encoding)

    def IO_File_Delete(self, path: str) -> None:  # noqa: N802
        del self.things[self.real(path).casefold()]

    def IO_Directory_Exists(self, path: str) -> bool:  # noqa: N802
        thing = self.at(path)
        return thing is not None and thing.content is None

    def IO_Directory_GetFileSystemEntries(self, path: str) -> list[str]:  # noqa: N802
        return [thing.path for thing in self.below(path)]

    def IO_Directory_CreateDirectory(self, path: str) -> str:  # noqa: N802
        self._check("make", path)
        if self.at(path) is None:
            self.put(path)
        return path

    def IO_Directory_Delete(self, path: str, recursive: bool) -> None:  # noqa: N802
        assert recursive is False
        self._check("delete", path)
        place = self.real(path, last=False)
        thing = self.things[place.casefold()]
        if thing.target is None and (thing.content is not None or self.below(path)):
            raise NetError("IOException", f"{path}: not empty")
        del self.things[place.casefold()]

    def IO_Directory_Move(self, source: str, target: str) -> None:  # noqa: N802
        self._check("move", source)
        old, new = self.real(source, last=False), self.real(target, last=False)
        if new.casefold() in self.things:
            raise NetError("IOException", f"{target}: exists")
        for key in [
            k for k in self.things if k == old.casefold() or k.startswith(old.casefold() + "\\")
        ]:
            thing = self.things.pop(key)
            thing.path = new + thing.path[len(old) :]
            self.things[thing.path.casefold()] = thing

    def IO_Path_Combine(self, first: str, second: str) -> str:  # noqa: N802
        return ntpath.join(first, second)

    def IO_Path_GetFullPath(self, path: str) -> str:  # noqa: N802
        return ntpath.normpath(path)

    def IO_Path_GetDirectoryName(self, path: str) -> str:  # noqa: N802
        return ntpath.dirname(path)

    def IO_Path_GetPathRoot(self, path: str) -> str:  # noqa: N802
        return ntpath.splitdrive(path)[0] + "\\"

    def Guid_NewGuid(self) -> Any:  # noqa: N802
        text = f"{next(self.numbers):032x}"[::-1]
        return SimpleNamespace(ToString=lambda _how: text)

    def string_Equals(self, first: str, second: str, _how: str) -> bool:  # noqa: N802
        return first.casefold() == second.casefold()

    def Math_Max(self, first: int, second: int) -> int:  # noqa: N802
        return max(first, second)

    def new_Text_UTF8Encoding(self, mark: bool) -> str:  # noqa: N802
        assert mark is False
        return "utf-8"

    def new_Collections_ArrayList(self) -> Any:  # noqa: N802
        return ArrayList()

    def new_IO_DirectoryInfo(self, path: str) -> Any:  # noqa: N802
        thing = self.at(path, last=False)
        if thing is None or thing.target is None:
            return SimpleNamespace(LinkType=None, Target=None)
        return SimpleNamespace(LinkType=thing.kind, Target=[f"\\??\\{thing.target}"])

    def new_IO_DriveInfo(self, root: str) -> Any:  # noqa: N802
        return SimpleNamespace(DriveType="Network" if root.startswith("Z") else "Fixed")

    def new_Diagnostics_ProcessStartInfo(self, properties: dict[str, Any]) -> Any:  # noqa: N802
        return SimpleNamespace(values=properties, EnvironmentVariables=Variables())

    def Diagnostics_Process_Start(self, info: Any) -> Any:  # noqa: N802
        """What cmd makes of the line: one reading of variables, then the outer quotes go."""
        code, said = self._mklink(info)
        text = SimpleNamespace(ReadToEnd=lambda: said)
        none = SimpleNamespace(ReadToEnd=lambda: "")
        return SimpleNamespace(
            StandardOutput=none, StandardError=text, WaitForExit=lambda: None, ExitCode=code
        )

    def _mklink(self, info: Any) -> tuple[int, str]:
        assert info.values["FileName"] == "C:\\Windows\\System32\\cmd.exe"
        assert info.values["UseShellExecute"] is False
        named = {"%" + name + "%": value for name, value in info.EnvironmentVariables.items()}
        line = re.sub("%LINDERO_[A-Z]+%", lambda v: named[v[0]], info.values["Arguments"])
        found = re.fullmatch(r'/d /v:off /s /c "mklink /([JD]) "([^"]+)" "([^"]+)""', line)
        assert found, line
        kind, link, target = found.groups()
        if (kind == "D" and self.refuses_symbolic) or self.fails("mklink", link):
            return 1, "no tiene privilegios suficientes"
        if self.at(link, last=False) is not None:
            return 1, "el archivo ya existe"
        if self.at(ntpath.dirname(link)) is None:
            return 1, "el sistema no puede encontrar la ruta"
        self.put(link, target=self.leads_to or target)
        self.things[self.real(link, last=False).casefold()].kind = (
            "Junction" if kind == "J" else "SymbolicLink"
        )
        return 0, "vínculo creado"


class ArrayList(list[Any]):
    """``ArrayList``: its ``Add`` gives the place, which the script has to throw away."""

    def Add(self, item: Any) -> int:  # noqa: N802
        self.append(item)
        return len(self) - 1


class Variables(dict[str, str]):
    """The environment of a process to be started."""

    def put(self, name: str, value: str) -> None:
        self[name] = value


_CONSTANTS = {
    ("DateTime", "Now"): SimpleNamespace(ToString=lambda _how, _where: "20251120-030000"),
    ("Globalization.CultureInfo", "InvariantCulture"): "",
    ("StringComparison", "OrdinalIgnoreCase"): "OrdinalIgnoreCase",
    ("IO.DriveType", "Network"): "Network",
    ("Environment", "OSVersion"): SimpleNamespace(Platform="Win32NT"),
    ("Environment", "SystemDirectory"): "C:\\Windows\\System32",
    ("PlatformID", "Win32NT"): "Win32NT",
}

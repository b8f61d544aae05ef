"""The programs of the control plane: official ones in a folder that is named, or the one that was built here."""

import hashlib
import os
import platform
from pathlib import Path
from typing import Final, NamedTuple

from faildrill.errors import FaildrillError

COMPONENTS: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
BUILT: Final = "control-plane"
"""One program for all of them, which its first argument tells which one to be."""
NAMED_BY: Final = "FAILDRILL_KUBERNETES"
"""The variable that names a folder of programs."""
MODULE: Final = Path(__file__).with_name("control_plane")
"""The Go module that the program is built from."""
INSTEAD: Final = f"or name a folder of official binaries with {NAMED_BY}=DIR"
"""What can be done without Go."""


class Programs(NamedTuple):
    """Where they are."""

    folder: Path

    def argv(self, component: str) -> list[str]:
        """Return what begins the command line of a component."""
        built = self.folder / BUILT
        return [str(built), component] if built.is_file() else [str(self.folder / component)]


def find() -> Programs:
    """Find them; raises FaildrillError with what is missing and what to do, in a sentence."""
    if named := os.environ.get(NAMED_BY):
        return _in(Path(named))
    built = [path for path in kept().glob(f"{recipe()}-*/{BUILT}") if os.access(path, os.X_OK)]
    if built:
        return Programs(max(built, key=lambda path: path.stat().st_mtime).parent)
    raise FaildrillError(
        "lab-kubernetes needs its control plane, which is not built yet: run `faildrill lab build kubernetes` "
        f"(it needs Go {least_go()} or newer and takes some ten minutes, once), {INSTEAD}"
    )


def variables() -> dict[str, str]:
    """Return the variable by which the lab's supervisor, whose environment is its own, finds them too."""
    return {NAMED_BY: str(find().folder)}


def kept() -> Path:
    """Return the folder that what is built is kept in, each in one named after its recipe and its toolchain."""
    return _cache() / "kubernetes"


def _cache() -> Path:
    """Return the folder of what can be made again at a price: faildrill under $XDG_CACHE_HOME, or under ~/.cache.

    FaildrillError where there is neither.
    """
    standard = os.environ.get("XDG_CACHE_HOME", "")  # relative ones are to be ignored, says its specification
    try:
        base = Path(standard) if standard.startswith("/") else Path.home() / ".cache"
    except RuntimeError as error:
        lacks = f"HOME is not set, and user {os.getuid()} has none"
        raise FaildrillError(f"nowhere to keep what is built: {lacks}; set XDG_CACHE_HOME to a folder") from error
    return (base / "faildrill").resolve()


def recipe() -> str:
    """Return the hash of the module that the program is built from, with the machine that it is built for."""
    files = sorted(path for path in MODULE.iterdir() if path.suffix in (".go", ".mod", ".sum"))
    content = b"\0".join(part for path in files for part in (path.name.encode(), path.read_bytes()))
    return f"{hashlib.sha256(content).hexdigest()[:16]}-{platform.machine()}"


def least_go() -> str:
    """Return the oldest Go that the module can be built with, e.g. `1.26`."""
    return _told("go ").removesuffix(".0")


def version() -> str:
    """Return the version of Kubernetes that the module is of, e.g. `v1.37.2`."""
    return _told("k8s.io/kubernetes ")


def _told(begins: str) -> str:
    """Return what follows a word of go.mod."""
    lines = (line.strip() for line in (MODULE / "go.mod").read_text(encoding="utf-8").splitlines())
    return next(line.removeprefix(begins).strip() for line in lines if line.startswith(begins))


def _in(folder: Path) -> Programs:
    """Return the programs of a folder that was named; FaildrillError where it lacks one."""
    names = (BUILT,) if (folder / BUILT).is_file() else COMPONENTS
    missing = [name for name in names if not os.access(folder / name, os.X_OK)]
    if missing:
        raise FaildrillError(f"{NAMED_BY} names {folder}, where {', '.join(missing)} can't be executed")
    return Programs(folder.resolve())

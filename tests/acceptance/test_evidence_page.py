"""The commands of docs/evidence.md, as the page has them, and how they end."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Final

import pytest

from unit.bundling.made import a_run, night, nights

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
COMMANDS: Final = re.findall(r"^\$ (.*?)(?:  +#.*)?$", PAGE, re.MULTILINE)


@pytest.mark.usefixtures("own_state")
def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reports").mkdir()
    nights(tmp_path / "reports", 2)
    monkeypatch.chdir(tmp_path)
    night(tmp_path / "reports", 2, a_run(satisfies=["DORA-24"]))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], check=True)
    key = (tmp_path / "key.pub").read_text()
    (tmp_path / "allowed").write_text(f'ops@example.org namespaces="faildrill-bundle" {key}')
    (tmp_path / "contrib").symlink_to(ROOT / "contrib")
    words = os.environ | {"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}
    done = {
        command: subprocess.run(["sh", "-c", command], env=words, capture_output=True, text=True, check=False)
        for command in COMMANDS
    }
    assert len(done) == 7
    assert {command: one.stdout + one.stderr for command, one in done.items() if one.returncode} == {}
    checked = done["faildrill bundle verify q3.tar --allowed-signers allowed"].stdout
    assert "right       signed by ops@example.org, with the key ED25519 SHA256:" in checked
    assert done["python3 contrib/verify.py q3.tar"].stdout.count(": as computed anew\n") == 3
    assert done["faildrill evidence"].stdout.startswith("DORA-24  crash in lab: 1 PASSED\n")

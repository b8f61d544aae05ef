"""Files of certificates that are traps: a pipe without a writer, a key that needs a passphrase."""

import os
import subprocess
from pathlib import Path

import pytest

from faildrill.adapters.postgres.conninfo import Endpoint, Login, Unreadable
from faildrill.ports.target import Encryption
from faildrill.toolkit import tls


def endpoint(dsn: str, **settings: str) -> Endpoint:
    [one] = Login("", "", "", "", None, tuple(settings.items()), dsn).endpoints()
    return one


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey"])
@pytest.mark.timeout(20)
def test_a_file_of_certificates_that_is_a_pipe_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    certificate, key = made(tmp_path, "-nodes")
    files = {"sslcert": certificate, "sslkey": key} | {name: str(tmp_path / "pipe")}
    one = endpoint("host=db1 user=fd sslmode=verify-full sslrootcert=system", **files)
    with pytest.raises(Unreadable, match=r"/pipe: it is no regular file"):
        one.context()


@pytest.mark.timeout(20)
def test_a_key_that_needs_a_passphrase_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    certificate, key = made(tmp_path, "-passout", "pass:secret-word")
    one = endpoint("host=db1 user=fd sslmode=require", sslcert=certificate, sslkey=key)
    with pytest.raises(Unreadable, match=r"/key: the key is encrypted"):
        one.context()
    with pytest.raises(tls.NoFile, match=r"/key: the key is encrypted"):
        tls.context(Encryption(tls=True, certificate=certificate, certificate_key=key))


def made(folder: Path, *how: str) -> tuple[str, str]:
    """Return a certificate and its key."""
    certificate, key = folder / "certificate", folder / "key"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=db1", "-out", str(certificate)]
    subprocess.run([*request, "-keyout", str(key), *how], check=True, capture_output=True)
    return str(certificate), str(key)

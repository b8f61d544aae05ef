"""A bundle says what is right, wrong and missing: every flipped byte and every removed run is found."""

import io
import os
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.bundling import contents, signature, tar_file
from faildrill.bundling.check import Trust, check
from faildrill.bundling.tar_file import Member, NotOurs
from faildrill.errors import WrongUsage
from faildrill.record import chain, manifest
from faildrill.record.timeline import FILE, PhaseStarted, Timeline
from faildrill.reports.run_files import conclude
from faildrill.system import redaction
from faildrill.system.exit_codes import ExitCode
from support.places import Place
from unit.bundling.made import QUARTER, Night, a_run, judged, night, nights, quarter, texts

Many = Callable[[int, int], int]
Figure = Callable[[str], None]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "bundle.tar"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    return tmp_path / "reports"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", str(tmp_path / "key")]
    subprocess.run(words, check=True)
    return tmp_path / "key"


@pytest.fixture
def allowed(key: Path) -> Path:
    path = key.with_name("allowed")
    path.write_text(f'ada@example.org namespaces="{signature.NAMESPACE}" {key.with_suffix(".pub").read_text()}')
    return path


def test_a_bundle_of_a_whole_quarter_is_right(runs: Path, bundle: Path) -> None:
    nights(runs, 3)
    report = quarter(runs, bundle)
    assert report.exit_code == ExitCode.PASSED
    assert texts(report, "right") == [
        "all 18 files are as SHA256SUMS says",
        "the chain of the history is whole: 3 runs begun, from 2026-07-01 to 2026-07-03",
        "3 runs: every record is as it was when the run was sealed",
        "every run of all drills, begun from 2026-07-01 until 2026-10-01 that the chain names is in it",
    ]
    assert texts(report, "note") == ["it is not signed: whoever can write a file can have made all of it"]


def test_the_same_runs_give_the_same_bytes_and_sha256sum_reads_them(runs: Path, bundle: Path, tmp_path: Path) -> None:
    nights(runs, 2)
    quarter(runs, bundle)
    first = bundle.read_bytes()
    quarter(runs, bundle)
    assert bundle.read_bytes() == first
    there = tmp_path / "there"
    with tarfile.open(bundle) as tar:
        tar.extractall(there, filter="data")
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=there, check=True)


def test_every_flipped_bit_is_found_wherever_it_is(runs: Path, bundle: Path, many: Many, figure: Figure) -> None:
    nights(runs, 2)
    assert quarter(runs, bundle).exit_code == ExitCode.PASSED
    chance, number = random.Random(23), many(150, 10_000)  # noqa: S311 - drawn, not secret
    content = bundle.read_bytes()
    missed = []
    for _ in range(number):
        at, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        with bundle.open("r+b") as file:
            os.pwrite(file.fileno(), bytes([content[at] ^ bit]), at)
            if check(bundle, Trust()).exit_code != ExitCode.FAILED:
                missed.append((at, bit))
            os.pwrite(file.fileno(), content[at : at + 1], at)
    assert missed == []
    figure(f"bundle: {number} of {number} flipped bits found, in headers, padding, digests, chain and records")


@pytest.mark.parametrize("name", ["bundle.json", "manifest.json", chain.FILE, "SHA256SUMS"])
def test_bytes_that_are_no_text_are_found_where_text_is_read(runs: Path, bundle: Path, name: str) -> None:
    nights(runs, 1)
    quarter(runs, bundle)
    with tar_file.opened(bundle) as archive:
        [full] = [one for one in archive.names if one.rpartition("/")[2] == name]
        written = archive.read(full, 1 << 20)
    content = bundle.read_bytes()
    at = content.index(written)
    for place in range(at, at + len(written), 7):
        bundle.write_bytes(content[:place] + bytes([content[place] ^ 0x80]) + content[place + 1 :])
        assert check(bundle, Trust()).exit_code == ExitCode.FAILED, place


def test_every_byte_of_the_signature_counts(runs: Path, key: Path, allowed: Path, many: Many, figure: Figure) -> None:
    bundle = runs.parent / "bundle.tar"
    nights(runs, 1)
    quarter(runs, bundle, key)
    trust = Trust(allowed)
    assert check(bundle, trust).exit_code == ExitCode.PASSED
    content = bundle.read_bytes()
    begin = content.index(b"-----BEGIN SSH")
    end = content.index(b"-----END SSH SIGNATURE-----\n") + 28
    places = range(begin, end, many(29, 1))
    for at in places:
        bundle.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert check(bundle, trust).exit_code == ExitCode.FAILED, at
    figure(f"bundle: {len(places)} of {len(places)} flipped bytes of the signature found")


@pytest.mark.parametrize("how", ["each", "several", "the last"])
def test_every_removed_run_of_a_quarter_is_found(
    runs: Path, bundle: Path, how: str, many: Many, figure: Figure
) -> None:
    recorded = nights(runs, many(6, 90))
    removed = {"each": [[one] for one in recorded], "several": [recorded[1:4]], "the last": [recorded[-2:]]}[how]
    for some in removed:
        for one in some:
            one.rename(runs.parent / one.name)
        report = quarter(runs, bundle)
        told = [text.partition(",")[0] for text in texts(report, "MISSING")]
        assert (report.exit_code, told) == (ExitCode.FAILED, [one.name for one in some])
        for one in some:
            (runs.parent / one.name).rename(one)
    figure(f"bundle: {len(removed)} of {len(removed)} removals from {len(recorded)} nights found ({how})")


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_line_that_is_taken_out_of_the_chain_breaks_it_but_for_the_last(
    runs: Path, bundle: Path, number: int
) -> None:
    nights(runs, 3)
    older = runs.parent / "older.tar"
    quarter(runs, older)
    path = runs / chain.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[number]
    path.write_bytes(b"".join(lines))
    contents.write(bundle, sorted(runs.glob("*/")), QUARTER, None, Night(100))
    report = check(bundle, Trust(after=older))
    broken = "does not follow the line before it" in " ".join(texts(report, "WRONG"))
    assert broken == (number != -1)
    assert f"the history was rewritten since {older}: its chain is another one" in texts(report, "WRONG")


def test_runs_left_out_of_a_choice_are_told(runs: Path, bundle: Path) -> None:
    recorded = nights(runs, 4)
    contents.write(bundle, [recorded[0], recorded[2]], None, None, Night(9))
    report = check(bundle, Trust())
    assert report.exit_code == ExitCode.INCONCLUSIVE
    told = f"2026-07-02 {recorded[1].name} was begun between these runs, and is left out"
    assert texts(report, "CAN'T TELL") == [told]
    assert "the runs were chosen: 1 run of the same history are not in it" in texts(report, "note")


def test_a_run_that_was_pruned_is_missing_and_it_is_told_who_removed_it(runs: Path, bundle: Path) -> None:
    recorded = nights(runs, 2)
    shutil.rmtree(recorded[0])
    chain.append(runs, chain.Removed(run=recorded[0].name, by="ada"), Night(9))
    told = f"{recorded[0].name}, begun on 2026-07-01, is not in it; ada removed it on 2026-07-10"
    assert texts(quarter(runs, bundle), "MISSING") == [told]


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("result.json", lambda content: content.replace(b"PASSED", b"FAILED", 1)),
        ("probes.samples", lambda content: content[:-32]),
        (FILE, lambda content: content.replace(b'"sre"', b'"dba"', 1)),
    ],
)
def test_a_record_that_was_changed_after_it_was_sealed_is_found_though_it_was_sealed_again(
    runs: Path, bundle: Path, file: str, change: Callable[[bytes], bytes]
) -> None:
    [folder] = nights(runs, 1)
    (folder / file).write_bytes(change((folder / file).read_bytes()))
    report = quarter(runs, bundle)
    if file == "result.json":  # it is derived: what it says of the looks is for contrib/verify.py
        assert f"{folder.name}: sealed 2 times; what was sealed first is still there" in texts(report, "note")
        return
    assert report.exit_code == ExitCode.FAILED
    assert f"{folder.name}: {file} is not what was sealed first" in texts(report, "WRONG")


def test_what_recover_appends_later_is_sealed_beside_what_was_sealed_first(runs: Path, bundle: Path) -> None:
    [folder] = nights(runs, 1)
    more = Timeline.resume(folder, Night(1))
    more.record(PhaseStarted(phase="undoing"))
    more.close()
    judged(folder, Night(1))
    report = quarter(runs, bundle)
    assert report.exit_code == ExitCode.PASSED
    assert f"{folder.name}: sealed 2 times; what was sealed first is still there" in texts(report, "note")


def test_a_run_that_was_recorded_beside_the_chain_is_told(runs: Path, bundle: Path) -> None:
    night(runs, 0)
    a_run().write(runs / "20260702T020000Z-crash-ffffff")
    report = quarter(runs, bundle)
    assert report.exit_code == ExitCode.PASSED  # it began in November, by its own first event
    contents.write(runs.parent / "both.tar", sorted(runs.glob("*/")), None, None, Night(9))
    report = check(runs.parent / "both.tar", Trust())
    assert report.exit_code == ExitCode.INCONCLUSIVE


def test_runs_without_a_chain_are_bundled_and_nothing_tells_whether_others_were_left_out(
    runs: Path, bundle: Path
) -> None:
    folder = a_run().write(runs / "old")
    contents.write(bundle, [folder], None, None, Night(9))
    report = check(bundle, Trust())
    assert report.exit_code == ExitCode.INCONCLUSIVE
    assert not (runs / chain.FILE).exists()


def test_a_signature_counts_of_whom_the_reader_names(
    runs: Path, bundle: Path, key: Path, allowed: Path, tmp_path: Path
) -> None:
    nights(runs, 1)
    quarter(runs, bundle, key)
    assert "signed by ada@example.org, with the key ED25519 SHA256:" in " ".join(
        texts(check(bundle, Trust(allowed)), "right")
    )
    assert "whose it is can be told with --allowed-signers" in " ".join(texts(check(bundle, Trust()), "note"))
    other = tmp_path / "others"
    other.write_text(
        "bob@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPVZJCbZ4FXCTQ6C81KmrROsXiud3O8pr39foNLba7jY\n"
    )
    assert "allows nobody" in " ".join(texts(check(bundle, Trust(other)), "WRONG"))


def test_one_without_a_signature_is_wrong_where_one_is_asked_for(runs: Path, bundle: Path, allowed: Path) -> None:
    nights(runs, 1)
    quarter(runs, bundle)
    assert check(bundle, Trust(allowed)).exit_code == ExitCode.FAILED


def test_a_signature_that_was_made_for_something_else_does_not_count(
    runs: Path, bundle: Path, key: Path, allowed: Path
) -> None:
    nights(runs, 1)
    quarter(runs, bundle)
    with tar_file.opened(bundle) as archive:
        found = {name: archive.read(name, 1 << 24) for name in archive.names}
    words = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "git"]
    signed = subprocess.run(words, input=found["SHA256SUMS"], stdout=subprocess.PIPE, check=True).stdout
    with bundle.open("wb") as file:
        members = {**found, "SHA256SUMS.sig": signed}
        tar_file.write(file, [Member(name, content) for name, content in members.items()])
    assert check(bundle, Trust(allowed)).exit_code == ExitCode.FAILED


def hostile(**about: object) -> bytes:
    """A tar with one member that faildrill would not write."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo("README.txt")
        member.mode = 0o644
        for name, value in about.items():
            setattr(member, name, value)
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    return file.getvalue()[: 1024 + 512]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(hostile(name="../out"), id="a path that leads out"),
        pytest.param(hostile(name="/etc/passwd"), id="an absolute path"),
        pytest.param(hostile(name="a//b"), id="an empty part"),
        pytest.param(hostile(name="a\nb"), id="a character that does not print"),
        pytest.param(hostile(type=tarfile.SYMTYPE, linkname="/etc/passwd"), id="a link"),
        pytest.param(hostile(type=tarfile.LNKTYPE, linkname="README.txt"), id="a hard link"),
        pytest.param(hostile(type=tarfile.FIFOTYPE), id="a pipe"),
        pytest.param(hostile(type=tarfile.CHRTYPE, devmajor=1), id="a device"),
        pytest.param(hostile(mode=0o4755), id="a mode"),
        pytest.param(hostile(uid=1), id="an owner"),
        pytest.param(hostile(mtime=1), id="a time"),
        pytest.param(tar_file._header("a", 1 << 30) + bytes(1024), id="a size that is not there"),
        pytest.param(tar_file._header("a", 0) * 2 + bytes(1024), id="a file that is there twice"),
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(511), id="less than a header"),
        pytest.param(b"\x1f\x8b" + bytes(4000), id="something that is compressed"),
        pytest.param(bytes(20_000), id="more behind the end"),
    ],
)
def test_a_file_that_faildrill_would_not_write_is_refused_before_anything_is_done_with_it(
    content: bytes, bundle: Path
) -> None:
    bundle.write_bytes(content)
    with pytest.raises(NotOurs), tar_file.opened(bundle):
        pass
    assert check(bundle, Trust()).exit_code == ExitCode.FAILED


def test_a_pipe_is_no_bundle_and_nobody_waits_for_its_writer(bundle: Path) -> None:
    os.mkfifo(bundle)
    assert check(bundle, Trust()).exit_code == ExitCode.FAILED


def test_a_secret_that_got_into_a_record_all_the_same_is_not_bundled(runs: Path, bundle: Path) -> None:
    redaction.learn("s3cr3t-of-a-bundle")
    run = a_run(about="it is s3cr3t-of-a-bundle")
    folder = night(runs, 0, run)
    with pytest.raises(WrongUsage, match="holds a secret that the drill refers to: nothing is bundled"):
        contents.write(bundle, [folder], None, None, Night(9))
    assert not bundle.exists()


@pytest.mark.timeout(20)
def test_a_chain_that_nobody_writes_to_is_not_waited_for(runs: Path, bundle: Path) -> None:
    [folder] = nights(runs, 1)
    (runs / chain.FILE).unlink()
    os.mkfifo(runs / chain.FILE)
    with pytest.raises(WrongUsage, match=r"chain\.jsonl: it is no regular file"):
        contents.write(bundle, [folder], None, None, Night(9))
    with pytest.raises(WrongUsage, match=r"chain\.jsonl: it is no regular file"):
        quarter(runs, bundle)
    assert not bundle.exists()


def test_a_secret_in_the_middle_of_a_long_record_is_found(runs: Path, bundle: Path) -> None:
    redaction.learn("s3cr3t-far-within")
    [folder] = nights(runs, 1)
    with (folder / "probes.names").open("ab") as file:
        file.write(b"x" * (4 << 20) + b"s3cr3t-far-within\n")
    with pytest.raises(WrongUsage, match="holds a secret"):
        contents.write(bundle, [folder], None, None, Night(9))


def test_only_what_verdicts_rest_on_is_bundled(runs: Path, bundle: Path) -> None:
    [folder] = nights(runs, 1)
    for name in ("prober.log", "report.html", "notes.md", ".hidden.samples"):
        (folder / name).write_text("x")
    (folder / "link.samples").symlink_to("/etc/passwd")
    (folder / "play.rows").mkdir()
    quarter(runs, bundle)
    with tar_file.opened(bundle) as archive:
        names = {name.rpartition("/")[2] for name in archive.names if name.startswith("runs/")}
    assert names == {"manifest.json", "probes.names", "probes.samples", "result.json", FILE}


def test_a_run_that_can_not_be_sealed_keeps_its_verdict(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_run().write(runs / "run")
    (runs / chain.FILE).mkdir()
    (folder / manifest.FILE).mkdir()
    assert conclude(folder).verdict == "PASSED"
    assert "is not sealed" in capsys.readouterr().err


def test_a_run_that_can_not_be_entered_into_the_chain_is_laid_out_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    place = Place(tmp_path)
    place.fault("pay")
    (place.reports / chain.FILE).mkdir(parents=True)
    assert (place.lay_out() / FILE).is_file()


def test_a_run_whose_manifest_is_of_a_newer_version_keeps_its_verdict_and_its_seals(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [folder] = nights(runs, 1)
    path = folder / manifest.FILE
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    before = path.read_bytes()
    assert conclude(folder).verdict == "PASSED"
    assert f"is not sealed: {path}: " in capsys.readouterr().err
    assert path.read_bytes() == before

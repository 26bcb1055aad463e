"""What `make package` makes: a zip that Lambda starts, the same each time, and nothing that Lambda would not start."""

import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from pipeline.deployment import ARCHITECTURE, LAMBDAS, packages
from pipeline.processes import ROOT

BOOTSTRAP = ROOT / "target/release/verify-pull"
MACHINE = 18  # Where an ELF file says what machine it is for.


def package(bootstrap: Path, folder: Path, architecture: str = ARCHITECTURE) -> subprocess.CompletedProcess:
    command = [ROOT / "tools/package.py", "zip", architecture, bootstrap, folder / "package.zip"]
    return subprocess.run(command, capture_output=True, text=True)


def altered(folder: Path, alter) -> Path:
    """A copy of the bootstrap with some bytes changed."""
    bootstrap = folder / "bootstrap"
    bootstrap.write_bytes(alter(BOOTSTRAP.read_bytes()))
    return bootstrap


def test_each_function_has_a_package_with_its_bootstrap_at_the_root():
    for function, path in zip(LAMBDAS, packages(), strict=True):
        with zipfile.ZipFile(path) as archive:
            [entry] = archive.infolist()
            assert entry.filename == "bootstrap"
            assert entry.external_attr >> 16 == 0o100755
            assert archive.read(entry) == (ROOT / "target/release" / function).read_bytes()


def test_the_same_bootstrap_gives_the_same_bytes(tmp_path):
    for copy in ("one", "two"):
        (tmp_path / copy).mkdir()
        assert package(altered(tmp_path / copy, bytes), tmp_path / copy).returncode == 0
    assert (tmp_path / "one/package.zip").read_bytes() == (tmp_path / "two/package.zip").read_bytes()


def test_another_architecture_is_refused(tmp_path):
    other = {"x86_64": "arm64", "arm64": "x86_64"}[ARCHITECTURE]
    refused = package(BOOTSTRAP, tmp_path, other)
    assert refused.returncode == 1
    assert f"is built for {ARCHITECTURE}, and the package is for {other}" in refused.stderr
    machine = struct.pack("<H", {"x86_64": 183, "arm64": 62}[ARCHITECTURE])
    swapped = altered(tmp_path, lambda data: data[:MACHINE] + machine + data[MACHINE + 2 :])
    assert package(swapped, tmp_path, other).returncode == 0


@pytest.mark.parametrize("version", ["2.35", "2.39"])
def test_a_newer_glibc_than_that_of_amazon_linux_is_refused(tmp_path, version):
    newest = b"\0GLIBC_2.34\0"
    assert newest in BOOTSTRAP.read_bytes()
    refused = package(altered(tmp_path, lambda data: data.replace(newest, f"\0GLIBC_{version}\0".encode())), tmp_path)
    assert refused.returncode == 1
    assert f"needs glibc {version}, and provided.al2023 has 2.34" in refused.stderr
    assert not (tmp_path / "package.zip").exists()


def test_what_is_no_program_is_refused(tmp_path):
    refused = package(ROOT / "README.md", tmp_path)
    assert refused.returncode == 1
    assert "is no 64 bit program for Linux" in refused.stderr


def test_other_files_have_another_digest(tmp_path):
    def digest(*files: Path) -> str:
        command = [ROOT / "tools/package.py", "digest", *files]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    before = digest(one, two)
    assert digest(two, one) == before
    two.write_text("3")
    assert digest(one, two) != before

#!/usr/bin/env python3
"""Builds the tokio driver, offline, against Debian's crate sources.

Usage: build_tokio.py CARGO REGISTRY BUILD_DIR SOURCE OUTPUT

Cargo takes its sources from a directory only when a configuration file says so;
it and the manifest are written into BUILD_DIR. When the build fails nothing is
installed, and the runner reports the library as missing.
"""

import os
import pathlib
import shutil
import subprocess
import sys

MANIFEST = """\
[package]
name = "peer_tokio"
version = "0.0.0"
edition = "2021"

[[bin]]
name = "peer_tokio"
path = "{source}"

[dependencies]
tokio = {{ version = "1", features = ["process", "rt", "io-util"] }}
"""

CONFIG = """\
[source.crates-io]
replace-with = "debian"

[source.debian]
directory = "{registry}"
"""


def tokio_version(registry):
    names = [entry.name for entry in registry.glob("tokio-[0-9]*")]
    return names[0].removeprefix("tokio-") if names else "unknown"


def main(cargo, registry, build_dir, source, output):
    registry, build_dir = pathlib.Path(registry), pathlib.Path(build_dir).resolve()
    (build_dir / ".cargo").mkdir(parents=True, exist_ok=True)
    (build_dir / "Cargo.toml").write_text(MANIFEST.format(source=pathlib.Path(source).resolve()))
    (build_dir / ".cargo/config.toml").write_text(CONFIG.format(registry=registry))
    built = subprocess.run(
        [cargo, "build", "--release", "--offline", "--quiet"], cwd=build_dir,
        env=os.environ | {"PEER_VERSION": tokio_version(registry), "CARGO_TARGET_DIR": "target"})
    if built.returncode == 0:
        shutil.copy(build_dir / "target/release/peer_tokio", output)
    else:
        print("the tokio driver could not be built; it will be missing", file=sys.stderr)
        pathlib.Path(output).unlink(missing_ok=True)
        pathlib.Path(output).touch()  # Not executable: the runner passes it over.


if __name__ == "__main__":
    main(*sys.argv[1:])

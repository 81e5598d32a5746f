#!/usr/bin/env python3
"""Writes the search's index once more, as a script: pages that are read from a disk may
not fetch it.

usage: offline.py SITE
"""

import pathlib
import sys

folder = pathlib.Path(sys.argv[1]) / "search"
index = (folder / "search_index.json").read_text()
(folder / "search_index.js").write_text(f"var __search = {{ index: Promise.resolve({index}) }}\n")

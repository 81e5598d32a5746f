"""Whether those who are to run the guide's server can read what the page gives them.

usage: check_managers.py SERVER
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

PLACE = pathlib.Path(__file__).resolve().parent


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    told = done.stdout + done.stderr
    assert done.returncode == 0 and not told, told
    print("read by", command[0])


if shutil.which("systemd-analyze"):
    unit = pathlib.Path(tempfile.mkdtemp()) / "score.service"
    text = (PLACE / "score.service").read_text()
    assert "ExecStart=/usr/bin/score_server" in text
    unit.write_text(text.replace("/usr/bin/score_server", sys.argv[1]))
    run("systemd-analyze", "verify", "--man=no", str(unit))
run("sh", "-n", str(PLACE / "score.sbatch"))
try:
    import yaml
except ImportError:
    sys.exit()
pod = yaml.safe_load((PLACE / "score.yaml").read_text())["spec"]["template"]["spec"]
assert pod["containers"][0]["command"][0] == "score_server"
assert pod["terminationGracePeriodSeconds"] > 5 + 5 + 5  # preStop, lease_limit, stop_with.
print("read by yaml")

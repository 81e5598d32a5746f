"""Whether those who are to run the guide's server can read what the page gives them.

usage: check_managers.py SERVER
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

PLACE = pathlib.Path(__file__).resolve().parent


def told_by(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    print("read by", command[0])
    return done.stdout + done.stderr


# A systemd that cannot look here has something to say of itself, and nothing of the unit.
if shutil.which("systemd-analyze"):
    with tempfile.TemporaryDirectory() as place:
        unit = pathlib.Path(place) / "score.service"
        text = (PLACE / "score.service").read_text()
        assert "ExecStart=/usr/bin/score_server" in text
        unit.write_text(text.replace("/usr/bin/score_server", str(pathlib.Path(sys.argv[1]).resolve())))
        told = told_by("systemd-analyze", "verify", "--man=no", str(unit))
        assert unit.name not in told, told
told = told_by("sh", "-n", str(PLACE / "score.sbatch"))
assert not told, told
try:
    import yaml
except ImportError:
    sys.exit()
pod = yaml.safe_load((PLACE / "score.yaml").read_text())["spec"]["template"]["spec"]
assert pod["containers"][0]["command"][0] == "score_server"
assert pod["terminationGracePeriodSeconds"] > 5 + 5 + 5  # preStop, lease_limit, stop_with.
print("read by yaml")

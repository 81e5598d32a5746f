"""Whether the guide's first server serves at all.

usage: check_first_server.py SERVER
"""

import os
import signal
import sys

from served import Server, expect

os.chdir(os.path.dirname(os.path.abspath(__file__)))
server = Server(sys.argv[1])
expect([server.ask(text) for text in ("a good day", "an awful day")], ["1", "-2"])
server.process.terminate()
expect(server.end(), -signal.SIGTERM)

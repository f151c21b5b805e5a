# SPDX-License-Identifier: Apache-2.0
"""EC2's metadata service on a machine of the Fleet: the stand-in of tests/gateway, at the true address. Run in the node's
namespaces; SIGUSR1 is the notice that the instance will be interrupted in two minutes.

usage: metadata_on_node.py PIDFILE
"""
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "gateway"))

from metadata import Metadata  # noqa: E402  pylint: disable=wrong-import-position

ADDRESS = "169.254.169.254"


def main():
    subprocess.run(["ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    service = Metadata()
    service.away()
    service.host, service.port = ADDRESS, 80
    service.back()
    signal.signal(signal.SIGUSR1, lambda *_: service.interrupt("terminate", 120))
    pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()}\n", encoding="utf-8")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()

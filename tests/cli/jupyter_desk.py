#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A notebook server's part, by words on standard input, one JSON list a line: start NAME, run CODE, begin CODE, more,
end, interrupt, restart, stop. Answers with one JSON line each; kernels have our standard error."""
import json
import sys

from jupyter_client.manager import KernelManager

SECONDS = 60


class Desk:
    def __init__(self):
        self.manager = self.client = self.begun = None

    def connect(self):
        """Waits for the kernel; the pid of what was started, and an error if it died."""
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)
        return self.manager.provisioner.pid

    def start(self, name):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel()
        return self.connect()

    def begin(self, code):
        self.begun = self.client.execute(code)
        return self.more()

    def more(self):
        """What it prints next."""
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == self.begun and message["msg_type"] == "stream":
                return message["content"]["text"]

    def end(self):
        """What it printed since, and its status."""
        text = ""
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != self.begun:
                continue
            if message["msg_type"] == "stream":
                text += message["content"]["text"]
            elif message["msg_type"] == "error":
                text += message["content"]["ename"]
            elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return text

    def run(self, code):
        self.begun = self.client.execute(code)
        return self.end()

    def interrupt(self):
        self.manager.interrupt_kernel()

    def restart(self):
        self.client.stop_channels()
        self.manager.restart_kernel()
        return self.connect()

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()


def main():
    desk = Desk()
    for line in sys.stdin:
        word, *more = json.loads(line)
        try:
            answer = {"answer": getattr(desk, word)(*more)}
        except RuntimeError as error:  # a kernel that died
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

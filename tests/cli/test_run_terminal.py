# SPDX-License-Identifier: Apache-2.0
"""On a terminal `carve run` is as if it were not there: Ctrl-C, Ctrl-Z, fg, bg, signals, sizes."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

from conftest import wait_for
from runnode import desk


class Terminal:
    """An interactive bash on a terminal of its own."""

    def __init__(self, desk):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(desk.folder)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                      dict(desk.environment, PS1="ready> ", RUN=" ".join(map(str, [
                          desk.program, "run", *desk.driver, "-m", "2Gi", "--"])), HOLD=str(desk.hold)))
        self.text = ""
        os.set_blocking(self.fd, False)
        self.expect("ready> ")

    def read(self):
        try:
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        except BlockingIOError:
            pass
        return self.text

    def expect(self, pattern):
        """Until it was printed; what came before is done with."""
        found = wait_for(lambda: re.search(pattern, self.read()), lambda: f"'{pattern}' in:\n{self.text}")
        self.text = self.text[found.end():]
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """All of its session; nobody is left to end by a hangup."""
        subprocess.run(["pkill", "-KILL", "-s", str(self.pid)], check=True)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def terminal(desk):
    made = Terminal(desk)
    yield made
    made.end()


def test_ctrl_c_ends_the_program_and_us(terminal):
    terminal.type("$RUN sh -c 'echo star''ted; exec sleep 1000'\n")
    terminal.expect("started")
    terminal.type("\x03")
    terminal.expect("ready> ")
    terminal.type("echo code=$?\n")
    terminal.expect("code=130")


def test_ctrl_c_reaches_a_program_in_a_group_of_its_own(terminal):
    """As timeout is, which has its own unless a shell gave it one; the terminal has only us then."""
    terminal.type("$RUN timeout 1000 sh -c 'echo star''ted; exec sleep 1000'\n")
    terminal.expect("started")
    terminal.type("\x03")
    terminal.expect("ready> ")
    terminal.type("echo code=$?\n")
    terminal.expect("code=130")


def script(desk, *lines):
    (desk.folder / "script.py").write_text("\n".join(lines), encoding="utf-8")
    return "$RUN /usr/bin/python3 script.py\n"


def test_ctrl_c_reaches_the_program_once(desk, terminal):
    """It may handle it and go on; so do we."""
    terminal.type(script(
        desk, "import signal", "n = []", "signal.signal(signal.SIGINT, lambda *_: n.append(1))",
        "print('started', flush=True)", "input()", "print('caught', len(n))"))
    terminal.expect("started")
    terminal.type("\x03")
    terminal.expect(r"\^C")
    terminal.type("\n")
    terminal.expect("caught 1")


def test_ctrl_z_and_fg(terminal):
    terminal.type("$RUN sh -c 'echo star''ted; read x; echo got $x'\n")
    terminal.expect("started")
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.expect("ready> ")
    terminal.type("jobs\n")
    terminal.expect("Stopped")
    terminal.expect("ready> ")
    terminal.type("fg\n")
    terminal.type("words\n")
    terminal.expect("got words")
    terminal.expect("ready> ")
    terminal.type("echo code=$?\n")
    terminal.expect("code=0")


def test_a_background_job_that_reads_is_stopped(terminal):
    terminal.type("$RUN cat &\n")
    pid = int(terminal.expect(r"\[1\] (\d+)")[1])
    wait_for(lambda: state(pid) == "T", "its stop")
    terminal.type("fg\n")
    terminal.expect(r"\$RUN cat\r\n")
    terminal.type("line\n\x04")
    terminal.expect("line\r\nline")


def test_the_terminal_is_the_programs(terminal):
    terminal.type("$RUN /usr/bin/python3 -c 'import os, sys; print(\"tty\", sys.stdin.isatty(), "
                  "os.tcgetpgrp(0) == os.getpgrp())'\n")
    terminal.expect("tty True True")


def test_a_new_size_reaches_the_program(desk, terminal):
    terminal.type(script(
        desk, "import os, signal",
        "signal.signal(signal.SIGWINCH, lambda *_: print('size', os.get_terminal_size().columns, flush=True))",
        "print('started', flush=True)", "input()"))
    terminal.expect("started")
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 123, 0, 0))
    terminal.expect("size 123")
    terminal.type("\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2,
                                    signal.SIGQUIT, signal.SIGXCPU, signal.SIGRTMIN + 3])
def test_signals_for_us_go_to_the_program(desk, number):
    script = (f"import signal, sys; signal.signal({int(number)}, lambda *_: sys.exit(40)); "
              "print('on 1', flush=True); signal.pause()")
    process = desk.start("run", "-m", "2Gi", "--", "/usr/bin/python3", "-c", script)
    desk.line(process, "on")
    process.send_signal(number)
    assert process.wait(60) == 40


def test_a_signal_that_the_program_dies_of(desk):
    process = desk.start("run", "-m", "2Gi", "--", "sh", "-c", "echo on 1; exec sleep 1000")
    desk.line(process, "on")
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM


def test_what_the_kernel_sends_to_us_alone(desk):
    """An alarm that we were started with, say; here a file that tells us of what comes in."""
    script = ("import signal, sys; signal.signal(signal.SIGIO, lambda *_: sys.exit(40)); "
              "print('on 1', flush=True); signal.pause()")
    process = desk.start("run", "-m", "2Gi", "--", "/usr/bin/python3", "-c", script)
    desk.line(process, "on")
    out, into = os.pipe()
    fcntl.fcntl(out, fcntl.F_SETOWN, process.pid)
    fcntl.fcntl(out, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(into, b"x")
    assert process.wait(60) == 40
    os.close(out)
    os.close(into)


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_stopped_from_outside_and_continued(desk):
    """SIGSTOP for the program alone does not stop us: who continues it may not know of us."""
    process = desk.start("run", "-m", "2Gi", "--", "sh", "-c", "echo on $$; read x; exit 5", stdin=subprocess.PIPE)
    inside = int(desk.line(process, "on"))
    os.kill(inside, signal.SIGSTOP)
    wait_for(lambda: state(inside) == "T", "its stop")
    os.kill(inside, signal.SIGCONT)
    process.stdin.close()
    assert process.wait(60) == 5


def test_a_daemon_that_stays_keeps_the_slice(desk):
    """We end with the program; what it left behind goes on in the slice."""
    process = desk.start("run", "-m", "2Gi", "--name", "d", "--", "sh", "-c",
                         f"{desk.hold} fork pid hold; exit 6", stdin=subprocess.PIPE)
    pid = int(desk.line(process, "pid"))
    assert process.wait(60) == 6
    slice_ = desk.slice("d")
    assert [p["pid"] for p in slice_["processes"]] == [pid] and "not_measured" in slice_["flags"]
    process.stdin.close()
    wait_for(lambda: not [s for s in desk.ps()["slices"] if s["alive"]], "its end")
    assert process.stderr.read() == ""  # it has used a GPU: there is nothing to warn of


def test_what_is_left_without_having_used_a_gpu(desk):
    """The slice ends, and that is said; not of who ends at once, nor of those that we had before."""
    left = "/usr/bin/python3 -c 'print(\"on 1\", flush=True); input()' <&3"
    process = desk.start("run", "-m", "2Gi", "--", "sh", "-c", f"exec 3<&0; {left} & exit 6", stdin=subprocess.PIPE)
    desk.line(process, "on")
    assert process.wait(60) == 6
    process.stdin.close()
    assert "warning: the slice ends with the program" in process.stderr.read() and not desk.ps()["slices"]
    soon = "while kill -0 $$; do :; done 2>/dev/null & exit 0"  # ends a little after the program, when it gets to run
    assert any(desk("run", "-m", "2Gi", "--", "sh", "-c", soon) == desk.stderr == "" for _ in range(10))
    words = " ".join(map(str, [desk.program, "run", *desk.driver, "-m", "2Gi", "--", "true"]))
    done = subprocess.run(["sh", "-c", f"cat >/dev/null 2>&1 & exec {words}"], stdin=subprocess.DEVNULL,
                          env=desk.environment, cwd=desk.folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""

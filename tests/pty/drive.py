#!/usr/bin/env python3
"""Runs a command on a new terminal, under a little shell with job control, and reports as JSON.

Reads one JSON object from stdin:

  argv         the command; its environment is ours
  steps        what the person does, in order (below)
  stdin        text for a pipe as stdin; the terminal when absent
  typed        text that is typed before the command is started
  controlling  false: the command has no controlling terminal
  screen       true: stdout is the terminal as well
  timeout      seconds that one step may take (20)

Steps:

  ["expect", TEXT]   waits for TEXT on the terminal, after what was expected before
  ["type", TEXT]     types TEXT; a Return key is "\r"
  ["signal", NAME]   sends SIGNAME to the command
  ["stopped"]        waits until the command is stopped; the shell then takes the terminal
  ["foreground"]     gives the terminal back and continues the command, like `fg`
  ["echo", BOOL]     turns echo on or off, as a shell does for itself
  ["note"]           appends whether echo is on to "notes"
  ["do", COMMAND]    has a shell run COMMAND elsewhere
  ["hidden"]         waits until echo is off
  ["shown"]          waits until echo is on

Writes one JSON object to stdout: terminal (all that appeared there), stdout (a pipe, unless it is the screen),
exit or signal (how the command ended, the other is null), echo (whether it is on at the end),
unread (how many typed bytes are left for the shell), notes, and missed (the step that did not happen, or null). Standard library only.
"""

import errno
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time


def command(job, slave, stdin, stdout, ready):
    """Becomes the command, in its own process group, with the signals of a fresh process."""
    os.setpgid(0, 0)
    os.read(ready, 1)
    for name in (signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    os.dup2(slave if stdin is None else stdin, 0)
    os.dup2(slave if job.get("screen") else stdout, 1)
    os.close(stdout)
    os.dup2(slave, 2)
    try:
        os.execvp(job["argv"][0], job["argv"])
    finally:
        os._exit(127)


def shell(job, slave, stdin, stdout, orders, reports):
    """Leads the session: starts the command, says how it fares, hands the terminal to and fro."""
    os.setsid()
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    # Python's own handler would swallow one that comes before the command is executed.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    controlling = job.get("controlling", True)
    if controlling:
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        command(job, slave, stdin, stdout, ready)
    os.close(stdout)
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass
    if controlling:
        os.tcsetpgrp(slave, pid)
    os.write(reports, b"started %d\n" % pid)
    os.write(go, b"g")
    while True:
        done, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if done and os.WIFSTOPPED(status):
            os.tcsetpgrp(slave, os.getpgrp())
            os.write(reports, b"stopped 0\n")
        elif done and os.WIFSIGNALED(status):
            os.write(reports, b"signal %d\n" % os.WTERMSIG(status))
            break
        elif done:
            os.write(reports, b"exit %d\n" % os.WEXITSTATUS(status))
            break
        if select.select([orders], [], [], 0.01)[0]:
            if not os.read(orders, 1):
                break
            os.tcsetpgrp(slave, pid)
            os.killpg(pid, signal.SIGCONT)
    # The driver looks at the terminal before its session ends.
    while os.read(orders, 1):
        pass
    os._exit(0)


class Driver:
    def __init__(self, job):
        self.timeout = job.get("timeout", 20)
        self.master, self.slave = pty.openpty()
        os.write(self.master, job.get("typed", "").encode())
        stdin = None
        if "stdin" in job:
            stdin, feed = os.pipe()
            os.write(feed, job["stdin"].encode())
            os.close(feed)
        self.stdout, stdout = os.pipe()
        orders, self.orders = os.pipe()
        self.reports, reports = os.pipe()
        self.leader = os.fork()
        if self.leader == 0:
            os.close(self.orders)
            os.close(self.master)
            shell(job, self.slave, stdin, stdout, orders, reports)
        os.close(stdout)
        os.close(reports)
        os.set_blocking(self.master, False)
        self.terminal = b""
        self.expected = 0
        self.output = b""
        self.unread = b""
        self.pid = None
        self.stopped = False
        self.ended = None
        self.notes = []

    def echo_is_on(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def turn_echo(self, on):
        modes = termios.tcgetattr(self.slave)
        modes[3] = modes[3] | termios.ECHO if on else modes[3] & ~termios.ECHO
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)

    def listen(self, typing=b""):
        """Takes in what has arrived, types what fits, and returns what is left to type."""
        sources = [self.master, self.reports] + ([self.stdout] if self.stdout else [])
        readable, writable, _ = select.select(sources, [self.master] if typing else [], [], 0.01)
        if self.master in readable:
            self.terminal += os.read(self.master, 65536)
        if self.stdout in readable:
            piece = os.read(self.stdout, 65536)
            self.output += piece
            if not piece:
                self.stdout = None
        if self.reports in readable:
            *lines, self.unread = (self.unread + os.read(self.reports, 4096)).split(b"\n")
            for line in lines:
                word, number = line.decode().split()
                if word == "started":
                    self.pid = int(number)
                elif word == "stopped":
                    self.stopped = True
                else:
                    self.ended = (word, int(number))
        if self.master in writable:
            try:
                return typing[os.write(self.master, typing):]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
        return typing

    def until(self, condition):
        deadline = time.monotonic() + self.timeout
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.listen()
        return True

    def expect(self, text):
        if not self.until(lambda: text in self.terminal[self.expected:]):
            return False
        self.expected = self.terminal.index(text, self.expected) + len(text)
        return True

    def type(self, text):
        deadline = time.monotonic() + self.timeout
        while text and time.monotonic() < deadline:
            text = self.listen(text)
        return not text

    def step(self, verb, argument=None):
        if verb == "expect":
            return self.expect(argument.encode())
        if verb == "type":
            return self.type(argument.encode())
        if verb == "signal":
            os.kill(self.pid, signal.Signals["SIG" + argument])
        elif verb == "stopped":
            return self.until(lambda: self.stopped)
        elif verb == "foreground":
            self.stopped = False
            os.write(self.orders, b"f")
        elif verb == "echo":
            self.turn_echo(argument)
        elif verb == "note":
            self.notes.append(self.echo_is_on())
        elif verb == "do":
            subprocess.run(argument, shell=True, check=True)
        elif verb == "hidden":
            return self.until(lambda: not self.echo_is_on())
        elif verb == "shown":
            return self.until(self.echo_is_on)
        else:
            raise ValueError(verb)
        return True

    def run(self, steps):
        missed = None if self.until(lambda: self.pid) else "start"
        for step in steps:
            if missed is None and not self.step(*step):
                missed = json.dumps(step)
        if missed is None and not self.until(lambda: self.ended):
            missed = "end"
        if self.ended is None and self.pid is not None:
            os.killpg(self.pid, signal.SIGKILL)
            self.until(lambda: self.ended)
        self.until(lambda: self.stdout is None)
        self.listen()
        echo = self.echo_is_on()
        unread = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, b"\0" * 4))[0]
        os.close(self.orders)
        os.waitpid(self.leader, 0)
        word, number = self.ended or (None, None)
        return {
            "terminal": self.terminal.decode(errors="replace"),
            "stdout": self.output.decode(errors="replace"),
            "exit": number if word == "exit" else None,
            "signal": number if word == "signal" else None,
            "echo": echo,
            "unread": unread,
            "notes": self.notes,
            "missed": missed,
        }


if __name__ == "__main__":
    job = json.load(sys.stdin)
    print(json.dumps(Driver(job).run(job["steps"])))

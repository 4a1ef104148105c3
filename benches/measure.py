"""Runs the measuring programs, alone or under callgrind or strace, and turns their output into numbers.

A cost per message is the difference of two runs of different length, so that connecting and warming up drop out.
"""

import collections
import os
import re
import subprocess
import tempfile

LIMIT_S = 300
SHORT, LONG = 1000, 5000


class MeasureError(Exception):
    pass


class Server:
    """Where the programs connect to."""

    def __init__(self, programs, endpoint, ca_file):
        self.programs = programs
        self.env = dict(os.environ, QCLOUD_IOT_ENDPOINT=endpoint, QCLOUD_IOT_CA_FILE=ca_file)

    def run(self, *words, wrapper=(), env=None):
        """Output of a program; a failure ends the measurement."""
        command = self.command(words, wrapper)
        done = subprocess.run(command, env=env or self.env, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode != 0:
            raise MeasureError(f"{' '.join(command)} failed: {done.stdout} {done.stderr}")
        return done.stdout + done.stderr

    def results(self, *words, wrapper=()):
        return parse(self.run(*words, wrapper=wrapper))

    def receive(self, count, payload, wrapper=()):
        """Output of bench_receive while another client publishes."""
        command = self.command(("bench_receive", count), wrapper)
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            lines = []
            for line in child.stdout:
                lines.append(line)
                if line.startswith("ready "):
                    break
            else:
                raise MeasureError(f"bench_receive did not get ready: {''.join(lines)}")
            self.run("bench_publish", 0, count, payload, env=dict(self.env, BENCH_DEVICE="sender"))
            rest, _ = child.communicate(timeout=LIMIT_S)
        if child.returncode != 0:
            raise MeasureError(f"bench_receive failed: {''.join(lines)}{rest}")
        return "".join(lines) + rest

    def command(self, words, wrapper):
        program, *arguments = (str(word) for word in words)
        return [*wrapper, os.path.join(self.programs, program), *arguments]


def parse(output):
    """The lines `name value`."""
    found = re.findall(r"^([a-z]\w*) ([-+.\de]+)$", output, re.MULTILINE)
    return {name: float(value) for name, value in found}


def per_message(run, short=SHORT, long=LONG):
    """`run(length)` gives a number; its growth per message."""
    return (run(long) - run(short)) / (long - short)


def instructions(run, function):
    """Instructions executed inside a function of the interface, callees included; `run` takes a wrapper."""
    wrapper = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={function}")
    output = run(wrapper)
    found = re.search(r"Collected\s*:\s*(\d+)", output)
    if not found:
        raise MeasureError(f"no count of callgrind: {output}")
    return int(found.group(1))


def system_calls(run):
    """Calls of each kind, of all threads; `run` takes a wrapper."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".strace") as table:
        run(("strace", "-f", "-c", "-U", "calls,name", "-o", table.name))
        rows = re.findall(r"^\s*(\d+) (\w+)$", table.read(), re.MULTILINE)
    if not rows:
        raise MeasureError("strace counted nothing")
    return collections.Counter({name: int(calls) for calls, name in rows if name != "total"})


def system_calls_per_message(run, short=SHORT, long=LONG):
    """Growth of each kind per message; `run` takes a length and a wrapper."""
    few = system_calls(lambda wrapper: run(short, wrapper))
    many = system_calls(lambda wrapper: run(long, wrapper))
    many.subtract(few)
    return {name: calls / (long - short) for name, calls in many.items() if calls != 0}


def idle_system_calls(run, window):
    """Calls of all threads that begin in the window of an idle time, half a second after its begin; `run` takes a wrapper."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".strace") as trace:
        run(("strace", "-f", "-ttt", "-o", trace.name))
        lines = re.findall(r"^\d+ +([.\d]+) (\w+\(.*)$", trace.read(), re.MULTILINE)
    begins = [float(time) + 0.5 for time, call in lines if "ready 1" in call]
    if len(begins) != 1:
        raise MeasureError("the idle time has no begin")
    return sum(1 for time, _ in lines if begins[0] <= float(time) < begins[0] + window)


def bytes_on_the_wire(server, payload):
    """What one QoS 0 publish hands to the system, header and mask included."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".strace") as trace:
        server.run("bench_publish", 0, 50, payload, wrapper=("strace", "-f", "-e", "trace=sendto,write,writev,sendmsg",
                                                             "-o", trace.name))
        sizes = re.findall(r"send\w*\(.* = (\d+)$", trace.read(), re.MULTILINE)
    size, times = collections.Counter(sizes).most_common(1)[0]
    if times < 100:
        raise MeasureError(f"no regular size of a publish among {sizes}")
    return int(size)

#!/usr/bin/env python3
"""Measures the library through the C programs beside this file and writes the tables of docs/performance.md.

Counts (instructions, system calls, allocations, bytes) do not depend on how busy the machine is. Times are medians of
several rounds that take turns among the transports.
"""

import argparse
import concurrent.futures
import datetime
import os
import platform
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import measure  # noqa: E402
import servers  # noqa: E402

PROGRAMS = ("publish", "receive", "latency", "connect", "idle")
TRANSPORTS = ("ws", "wss", "tcp")
PAYLOAD = 64
HERE = os.path.dirname(os.path.abspath(__file__))

# Instructions per QoS 0 publish of 64 bytes, and heap peak in bytes, that the project set itself.
GOALS = {"ws": 2500, "wss": 8000, "tcp": 1000}
HEAP_GOALS = {"ws": 8192, "wss": 40_960, "tcp": 8192}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sdk", required=True, help="output tree of a default build: include and lib")
    parser.add_argument("--hub", required=True, help="the program iot-hub-emulator")
    parser.add_argument("--rounds", type=int, default=5, help="of everything that is timed")
    parser.add_argument("--idle", type=int, default=60, metavar="SECONDS", help="window in which idle clients are watched")
    parser.add_argument("--out", required=True, help="the document to write")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="iot-bench-") as work:
            text = document(args, work)
    except (measure.MeasureError, servers.ServerError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")
    with open(args.out, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)


def document(args, work):
    programs = compile_programs(args.sdk, work)
    load_before = os.getloadavg()
    with servers.mosquitto(work) as (broker, ca), servers.hub(args.hub, work) as (hub, hub_ca):
        at = {name: measure.Server(programs, broker[name], ca) for name in TRANSPORTS}
        at_hub = {name: measure.Server(programs, hub[name], hub_ca) for name in ("ws", "wss")}
        tables = [
            instructions(at), system_calls(at), allocations(at), wire(at), idle(at, args.idle),
            rates(at, args.rounds), round_trips(at, at_hub, args.rounds), connects(at_hub, args.rounds), memory(at),
        ]
    return "\n".join([*introduction(args, load_before), *tables])


def compile_programs(sdk, work):
    for name in PROGRAMS:
        progress(f"compiling bench_{name}")
        archives = [f"{sdk}/lib/lib{archive}.a" for archive in ("iot_sdk", "iot_platform")]
        command = ["gcc", "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{sdk}/include", f"-I{sdk}/include/exports",
                   f"{HERE}/bench_{name}.c", f"{HERE}/support.c", "-o", f"{work}/bench_{name}", "-pthread",
                   "-Wl,--start-group", *archives, "-Wl,--end-group"]
        subprocess.run(command, check=True)
    return work


def introduction(args, load_before):
    version = lambda *command: first_line(command)
    tree = os.path.dirname(HERE)
    return [
        "# Performance", "",
        "Written by `./cmake_build.sh bench`. What is measured is the default build (release, TLS, WebSocket) through the C",
        "programs in `benches/`, against mosquitto and the project's own hub, all on one machine over the loopback interface.",
        "A message has 64 bytes on a topic of 21 bytes unless a table says otherwise.", "",
        "Counts are the same on an idle and on a busy machine. Times are not: they are medians of "
        f"{args.rounds} rounds, and the load says how", "much else was running.", "",
        "| | |", "|---|---|",
        f"| date | {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC |",
        f"| revision | {version('git', '-C', tree, 'describe', '--always', '--dirty')} |",
        f"| processor | {processor()}, {os.cpu_count()} cores, {platform.machine()} |",
        f"| system | {platform.system()} {platform.release()} |",
        f"| compilers | {version('rustc', '--version')}; {version('gcc', '--version')} |",
        f"| broker | {version(servers.find('mosquitto'), '-h')} |",
        f"| tools | {version('valgrind', '--version')}; {version('strace', '-V')} |",
        f"| load (1, 5, 15 min) | {load(load_before)} before, {load(os.getloadavg())} after |", "",
    ]


def instructions(at):
    rows = []
    for name, server in at.items():
        progress(f"instructions over {name}")

        def publish(length, qos, function):
            return measure.instructions(
                lambda wrapper: server.run("bench_publish", qos, length, PAYLOAD, wrapper=wrapper), function)

        def receive(length):
            return measure.instructions(lambda wrapper: server.receive(length, PAYLOAD, wrapper), "IOT_MQTT_Yield")

        qos0 = measure.per_message(lambda length: publish(length, 0, "IOT_MQTT_Publish"))
        qos1 = measure.per_message(lambda length: publish(length, 1, "IOT_MQTT_Publish"))
        acknowledged = measure.per_message(lambda length: publish(length, 1, "IOT_MQTT_Yield"))
        received = measure.per_message(receive)
        rows.append([name, number(qos0), goal(GOALS[name], qos0), number(qos1), number(acknowledged), number(received)])
    return table("Instructions per message",
                 "`valgrind --tool=callgrind --toggle-collect=<function>` of `bench_publish` and `bench_receive`: the "
                 "growth from 1,000 to 5,000 messages. The kernel's part is not in it. *Acknowledged* is all of "
                 "`IOT_MQTT_Yield` while it takes an acknowledgement, calls the handler and the handler publishes the "
                 "next message. Over wss the processor's AES instructions are used if it has them.",
                 ["transport", "QoS 0 publish", "goal", "QoS 1 publish", "QoS 1 acknowledged", "received"], rows)


def system_calls(at):
    rows = []
    for name, server in at.items():
        progress(f"system calls over {name}")

        def count(kind):
            return measure.system_calls_per_message(kind)

        qos0 = count(lambda length, wrapper: server.run("bench_publish", 0, length, PAYLOAD, wrapper=wrapper))
        trip = count(lambda length, wrapper: server.run("bench_latency", "yield", length, PAYLOAD, wrapper=wrapper))
        received = measure.system_calls_per_message(
            lambda length, wrapper: server.receive(length, PAYLOAD, wrapper), short=1000, long=31_000)
        rows.append([name, calls(qos0), calls(trip), calls(received)])
    return table("System calls per message",
                 "`strace -f -c`: the growth from 1,000 to 5,000 messages (31,000 in the stream). A round trip is one publish and one received "
                 "message; *received* is a stream of messages, many of which come with one read. `getrandom` fetches the "
                 "masks of 256 WebSocket frames at a time.",
                 ["transport", "QoS 0 publish", "round trip", "received"], rows)


def allocations(at):
    rows = []
    for name, server in at.items():
        progress(f"allocations over {name}")
        rows.append([name] + [number(result["allocations"] / 5000, 4) for result in (
            server.results("bench_publish", 0, 5000, PAYLOAD), server.results("bench_publish", 1, 5000, PAYLOAD),
            server.results("bench_latency", "yield", 5000, PAYLOAD), server.results("bench_latency", "loop", 5000, PAYLOAD),
            measure.parse(server.receive(5000, PAYLOAD)))])
    return table("Heap allocations per message",
                 "Calls of `HAL_Malloc`, which the programs replace, over 5,000 messages after the first hundred. In a "
                 "stream the receive buffer may grow while it runs, once or twice.",
                 ["transport", "QoS 0 publish", "QoS 1 publish and acknowledgement", "round trip in Yield",
                  "round trip with loop thread", "received in a stream"], rows)


def wire(at):
    progress("bytes on the wire")
    sizes = (10, 64, 100, 1000)
    rows = [[name] + [number(measure.bytes_on_the_wire(server, size)) for size in sizes] for name, server in at.items()]
    return table("Bytes on the wire",
                 "What one QoS 0 publish hands to the system with its one call of `send`, by size of the payload. MQTT takes "
                 "25 bytes here (21 of them the topic), WebSocket 6 to 8 more, TLS another record header and tag.",
                 ["transport"] + [f"{size} bytes" for size in sizes], rows)


def idle(at, window):
    progress(f"idle clients, {window} s")
    kinds = [(name, mode) for name in at for mode in ("loop", "yield")]

    def watch(kind):
        name, mode = kind
        # All are watched at the same time, and two clients of one device would push each other out.
        env = dict(at[name].env, BENCH_DEVICE=f"{name}-{mode}")
        calls = measure.idle_system_calls(
            lambda wrapper: at[name].run("bench_idle", mode, window + 1, wrapper=wrapper, env=env), window)
        return calls * 60 / window

    with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
        per_minute = dict(zip(kinds, pool.map(watch, kinds)))
    rows = [[name, number(per_minute[name, "loop"], 1), number(per_minute[name, "yield"], 1)] for name in at]
    return table("System calls of an idle client per minute",
                 f"`strace -f`: calls that begin within {window} idle seconds, keep-alive 120 s. Every thread sleeps in one "
                 "call until a timer of the client is due, the first of them 5 s after the last traffic.",
                 ["transport", "with the loop thread", "in one long Yield"], rows)


def rates(at, rounds):
    results = {name: [] for name in at}
    for turn in range(rounds):
        for name, server in at.items():
            progress(f"rates over {name}, round {turn + 1}")
            qos0 = server.results("bench_publish", 0, 100_000, PAYLOAD)
            qos1 = server.results("bench_publish", 1, 20_000, PAYLOAD)
            received = measure.parse(server.receive(50_000, PAYLOAD))
            results[name].append([rate(qos0, "call_seconds"), rate(qos0), rate(qos1), rate(received)])
    rows = [[name] + [number(value) for value in medians(results[name])] for name in at]
    return table("Messages per second",
                 "`bench_publish` and `bench_receive` with mosquitto. *Written*: until the last call has returned. *Read by "
                 "the broker*: until a QoS 1 message behind them is acknowledged. QoS 1 with up to 20 in flight. *Received*: "
                 "a second program publishes, and every message must arrive. The speed of mosquitto is in all but the first "
                 "column, and two programs and it share the processor.",
                 ["transport", "QoS 0 written", "QoS 0 read by the broker", "QoS 1 acknowledged", "received"], rows)


def round_trips(at, at_hub, rounds):
    kinds = [("mosquitto", name, server) for name, server in at.items()]
    kinds += [("hub", name, server) for name, server in at_hub.items()]
    results = {kind[:2]: [] for kind in kinds}
    for turn in range(rounds):
        for broker, name, server in kinds:
            progress(f"round trips over {name} with {broker}, round {turn + 1}")
            in_yield = server.results("bench_latency", "yield", 5000, PAYLOAD)
            in_loop = server.results("bench_latency", "loop", 5000, PAYLOAD)
            results[broker, name].append([result[f"round_trip_{share}_us"] for result in (in_yield, in_loop)
                                          for share in ("p50", "p99")])
    rows = [[broker, name] + [number(value, 1) for value in medians(results[broker, name])] for broker, name, _ in kinds]
    return table("Round trip",
                 "`bench_latency`, microseconds from the call of publish to the handler of the same message, the broker's "
                 "share included. In Yield one thread does everything; with the loop thread each message passes from one "
                 "thread to another.",
                 ["broker", "transport", "Yield p50", "Yield p99", "loop thread p50", "loop thread p99"], rows)


def connects(at_hub, rounds):
    results = {name: [] for name in at_hub}
    for turn in range(rounds):
        for name, server in at_hub.items():
            progress(f"connects over {name}, round {turn + 1}")
            result = server.results("bench_connect", 50)
            results[name].append([result[f"connect_{share}_us"] / 1000 for share in ("p50", "p99")])
    rows = [[name] + [number(value, 2) for value in medians(results[name])] for name in at_hub]
    return table("Connect",
                 "`bench_connect`, milliseconds in `IOT_MQTT_Construct` over 50 connections to the hub: TCP, TLS with "
                 "verification of the server, WebSocket upgrade, CONNECT and CONNACK, the hub's share included.",
                 ["transport", "p50", "p99"], rows)


def memory(at):
    rows = []
    for name, server in at.items():
        progress(f"memory over {name}")
        result = server.results("bench_connect", 1)
        rows.append([name, number(result["heap_connected"]), number(result["heap_peak"]),
                     goal(HEAP_GOALS[name], result["heap_peak"]), number(result["heap_left"]),
                     number(result["rss_connected_kib"]), number(result["rss_base_kib"])])
    return table("Memory",
                 "`bench_connect`: bytes asked of `HAL_Malloc` by one client, connected, at most, and left behind when it is "
                 "destroyed; and KiB of the whole program, connected and before it begins.",
                 ["transport", "heap connected", "heap peak", "goal", "heap left", "RSS connected", "RSS before"], rows)


def rate(result, seconds="seconds"):
    return result["messages"] / result[seconds]


def medians(results):
    return [statistics.median(column) for column in zip(*results)]


def calls(by_name):
    """Total, and what it consists of."""
    parts = sorted(by_name.items(), key=lambda item: -abs(item[1]))
    named = ", ".join(f"{name} {number(value, 3)}" for name, value in parts if abs(value) >= 0.0005)
    return f"{number(sum(by_name.values()), 3)} ({named})"


def goal(limit, value):
    return f"{number(limit)}: {'reached' if value <= limit else 'not reached'}"


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def table(title, text, head, rows):
    lines = [f"## {title}", "", text, "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows] + [""])


def load(averages):
    return ", ".join(f"{average:.1f}" for average in averages)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else "unknown"


def first_line(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].strip() or "unknown"


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

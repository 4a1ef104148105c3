"""Figures as Markdown."""

import datetime
import os
import platform
import subprocess

import contenders
import goals
import servers

NONE = "–"


def number(value, digits=0):
    return NONE if value is None else f"{round(value, digits) + 0.0:,.{digits}f}"  # no negative zero


def table(title, text, head, rows, level=2):
    lines = ["#" * level + f" {title}", "", *([text, ""] if text else []), "| " + " | ".join(head) + " |",
             "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows] + [""])


def introduction(scale, load_before, absent):
    tree = os.path.dirname(contenders.HERE)
    lines = [
        "# Performance", "",
        "Written by `./cmake_build.sh bench`: this SDK, in its default build (release, TLS, WebSocket), beside the libraries",
        "that one could pick instead, in one run on one machine, over the loopback interface, against mosquitto and the",
        "project's own hub. The *floor* is a program without a library: one `send` per message from a buffer made once, `recv`",
        "into one buffer. `benches/README.md` says what every program does. A message has 64 bytes on a topic of 21 bytes.", "",
        f"Rates and times are medians of {scale.rounds} rounds in which the programs take turns; the load says how",
        "much else was running. The other figures are counts, which do not depend on how busy the machine is.", "",
        "A ratio is ours divided by theirs. The best peer is the one with the best figure in that row. A dash: not measured, or",
        "without meaning there; for a library that queues what it is given, *written* has none.", "",
        "| | |", "|---|---|",
        f"| date | {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC |",
        f"| revision | {first_line('git', '-C', tree, 'describe', '--always', '--dirty')} |",
        f"| processor | {processor()}, {os.cpu_count()} cores, {platform.machine()} |",
        f"| system | {platform.system()} {platform.release()} |",
        f"| compilers | {first_line('rustc', '--version')}; {first_line('gcc', '--version')} |",
        f"| peers | {', '.join(peer_versions())} |",
        f"| broker | {first_line(servers.find('mosquitto'), '-h')} |",
        f"| tools | {first_line('valgrind', '--version')}; {first_line('strace', '-V')} |",
        f"| load (1, 5, 15 min) | {load(load_before)} before, {load(os.getloadavg())} after |",
    ]
    if absent:
        lines.append(f"| not measured | {', '.join(absent)} |")
    return "\n".join([*lines, ""])


def peer_versions():
    for package in sorted({peer.package for peer in contenders.PEERS if peer.package}):
        yield f"{package} {first_line('dpkg-query', '-W', '-f', '${Version}', package)}"
    with open(os.path.join(contenders.HERE, "rust", "Cargo.toml"), encoding="utf-8") as manifest:
        yield next(line.split(",")[0].replace(" = { version =", "").replace('"', "") for line in manifest
                   if line.startswith("rumqttc"))


def all_goals(results, there, metrics, brokers, further):
    """Every goal with its place, what is compared with it, whether it is reached, and if not, what stands in the way."""
    found = [(broker, transport, metric, verdict)
             for broker in brokers for transport in contenders.OURS.transports for metric in metrics
             for verdict in goals.verdicts(metric, transport, goals.row(results, there, broker, transport, metric))]
    rows = [[broker, transport, metric.title, compared_value(metric, verdict), verdict.goal.text,
             goals.reached(verdict.is_reached)] for broker, transport, metric, verdict in found]
    missed = {verdict.goal.why for *_, verdict in found if not verdict.is_reached and verdict.goal.why}
    goals_table = table("Goals", "What the project set itself; the figures behind it are in the tables below.",
                        ["broker", "transport", "metric", "measured", "goal", ""], [*rows, *further])
    reasons = [goals.REASONS[why] for why in goals.REASONS if why in missed]
    if not reasons:
        return goals_table
    return "\n".join([goals_table, "### What stands in the way\n", *(f"* {reason}" for reason in reasons), ""])


def compared_value(metric, verdict):
    return f"{number(verdict.value, 2)} ×" if verdict.goal.is_ratio else number(verdict.value, metric.digits)


def comparisons(results, there, metrics, broker):
    """A table for each transport."""
    tables = [comparison(results, there, metrics, broker, transport) for transport in contenders.OURS.transports]
    return "\n".join([f"## With {broker}\n\n{TEXTS[broker]}\n", *tables])


def comparison(results, there, metrics, broker, transport):
    """A row for each metric, a column for each contender that has the transport."""
    columns = [one for one in there if transport in one.transports]
    has_peers = any(one.is_peer for one in columns)
    head = ["metric", *(one.name for one in columns)]
    head += ["ours / best peer", "ours / floor"] if has_peers else ["ours / ws"]
    rows = []
    for metric in metrics:
        its_row = goals.row(results, there, broker, transport, metric)
        if its_row.ours is None:
            continue
        figures = [number(results.of(broker, transport, one.name, metric.key), metric.digits) for one in columns]
        others = (its_row.best, its_row.floor) if has_peers else (its_row.over("ws"),)
        verdicts = goals.verdicts(metric, transport, its_row)
        rows.append([metric.title, *figures, *(number(its_row.ratio(other), 2) for other in others), "; ".join(map(str, verdicts))])
    return table(f"With {broker} over {transport}", "", [*head, "goal"], rows, level=3)


TEXTS = {
    "mosquitto": "*Read by the broker*: until a QoS 1 message behind the others is acknowledged. QoS 1 with up to 20 in flight. "
                 "*Received*: the floor publishes over TCP, and every message must arrive. Mosquitto looks at new WebSocket "
                 "connections, and at frames it has read but not taken, only when it wakes: another client pings it every 2 ms, and "
                 "a connect is not timed here. Instructions are callgrind's; system calls "
                 "strace's, of all threads; allocations and heap peak those of the whole program, C library included. Many clients of Paho C "
                 "are connected without its thread.",
    "hub": "The same work with the project's hub. A device publishes there to its own topics only, so that nothing is fed to "
           "it from outside; a connect is TCP, TLS with verification of the server, WebSocket upgrade, CONNECT and CONNACK.",
    "source": "A server that does nothing but send messages made before to whoever subscribes: the speed of a receiver, without "
              "that of a broker.",
}


def load(averages):
    return ", ".join(f"{average:.1f}" for average in averages)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else "unknown"


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return (done.stdout or done.stderr).partition("\n")[0].strip() or "unknown"

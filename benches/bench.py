#!/usr/bin/env python3
"""Compares this SDK with the libraries one could pick instead and writes the tables of docs/performance.md (README.md)."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import contenders  # noqa: E402
import detail  # noqa: E402
import document  # noqa: E402
import goals  # noqa: E402
import measure  # noqa: E402
import metrics  # noqa: E402
import servers  # noqa: E402

BEGIN = time.monotonic()
BROKERS = ("mosquitto", "hub", "source")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdk", required=True, help="output tree of a default build: include and lib")
    parser.add_argument("--hub", required=True, help="the program iot-hub-emulator")
    parser.add_argument("--rust-target", required=True, help="where cargo builds the Rust programs")
    parser.add_argument("--quick", action="store_true", help="everything once and briefly: does it work?")
    parser.add_argument("--out", help="the document to write when all is measured; it is printed too")
    args = parser.parse_args()
    allow_many_connections()
    try:
        with tempfile.TemporaryDirectory(prefix="iot-bench-") as work:
            text = measured(args, work)
    except (contenders.BuildError, measure.MeasureError, servers.ServerError, subprocess.SubprocessError) as error:
        sys.exit(f"bench: {error}")
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            file.write(text)
    print(text)


def measured(args, work):
    scale = metrics.QUICK if args.quick else metrics.Scale()
    there, absent = contenders.build(args.sdk, args.rust_target, work, progress)
    load_before = os.getloadavg()
    results = metrics.Results()
    # The source sends the messages of the warming up too.
    with servers.mosquitto(work) as broker, servers.hub(args.hub, work) as hub, servers.kept_awake(broker["tcp"]), \
            servers.sending(work, metrics.PAYLOAD, contenders.WARM_UP + scale.sent) as source:
        with_broker = metrics.runners(work, there, "mosquitto", broker)
        with_hub = metrics.runners(work, there, "hub", hub)
        with_source = metrics.runners(work, there, "source", source)
        metrics.timed(with_broker + with_hub + with_source, scale, results, progress)
        with metrics.resident(with_broker, scale, results, progress):
            metrics.counted(with_broker, scale, args.sdk, results, progress)
        metrics.idle_calls(with_broker, scale, results, progress)
        ours = detail.tables(broker, results, scale, work, progress)
    masking, masking_goal = masking_speed(work)
    shown = [*metrics.TIMED, *metrics.COUNTED, *metrics.many_metrics(scale)]
    compared = [document.comparisons(results, there, shown, broker) for broker in BROKERS]
    reached = document.all_goals(results, there, shown, BROKERS, [masking_goal])
    alone = "## This SDK alone\n\nFrom here on with mosquitto, and without a comparison.\n"
    return "\n".join([document.introduction(scale, load_before, absent), reached, *compared, masking, alone, *ours])


def masking_speed(work):
    progress("masking")
    speeds = measure.parse(contenders.run([f"{work}/masking"]))
    sizes = sorted({int(name.rpartition("_")[2]) for name in speeds})
    rows = [[f"{size:,}", *(document.number(speeds[f"{kind}_{size}"], 1) for kind in ("frame", "loop", "copy")),
             document.number(speeds[f"frame_{size}"] / speeds[f"loop_{size}"], 2)] for size in sizes]
    ratio = speeds[f"frame_{sizes[-1]}"] / speeds[f"loop_{sizes[-1]}"]
    text = ("Gigabytes per second: the SDK's encoder, header included; a masking loop into memory that is there, which the "
            "compiler makes vector instructions of; and a copy without masking. Medians of 5 rounds that take turns.")
    head = ["payload, bytes", "our frames", "vectorised loop", "copy", "ours / loop"]
    goal = ["none", "ws", f"masking {sizes[-1]:,} bytes", f"{document.number(ratio, 2)} ×",
            f"≥ {goals.MASKING} × vectorised loop", goals.reached(ratio >= goals.MASKING)]
    return document.table("Masking", text, head, rows), goal


def allow_many_connections():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def progress(text):
    print(f"bench: {time.monotonic() - BEGIN:4.0f} s: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

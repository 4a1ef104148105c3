"""Counts of this SDK alone, function by function. None of them depends on how busy the machine is."""

import shutil
import statistics

import contenders
import measure
from document import number, table
from metrics import PAYLOAD

# Payloads whose bytes on the wire are listed.
SIZES = (10, 64, 100, 1000)


def tables(listeners, results, scale, work, progress):
    runners = {transport: measure.Runner(work, contenders.OURS, listeners[transport], listeners["tcp"])
               for transport in contenders.OURS.transports}
    steps = [instructions, system_calls, allocations, wire, connect, memory]
    if shutil.which("perf"):
        steps.insert(0, profile)
    sections = []
    for step in steps:
        rows = []
        for transport, runner in runners.items():
            progress(f"ours over {transport}: {step.__name__.replace('_', ' ')}")
            rows.append([transport, *step(runner, scale)])
        sections.append(table(*TEXTS[step.__name__], rows, level=3))
    progress("ours with Nagle's algorithm")
    return [*sections, idle(results), loop_thread(runners, scale), nagle(runners, results, scale)]


def profile(runner, scale):
    def shares(run):
        found = measure.processor_shares(run)
        return " / ".join(number(found[place]) for place in ("kernel", "libc", "program"))

    def publish(qos, count):
        return shares(lambda wrapper: runner.run("publish", wrapper, qos=qos, count=count, payload=PAYLOAD))

    return [publish(0, scale.qos0), publish(1, scale.qos1),
            shares(lambda wrapper: runner.receive(wrapper, count=scale.received, payload=PAYLOAD))]


def instructions(runner, scale):
    def publish(qos, function):
        return measure.per_message(lambda count: measure.instructions(
            lambda wrapper: runner.run("publish", wrapper, qos=qos, count=count, payload=PAYLOAD), function), scale.counted)

    def receive(count):
        return measure.instructions(lambda wrapper: runner.receive(wrapper, count=count, payload=PAYLOAD), "IOT_MQTT_Yield")

    figures = (publish(0, "IOT_MQTT_Publish"), publish(1, "IOT_MQTT_Publish"), publish(1, "IOT_MQTT_Yield"),
               measure.per_message(receive, scale.counted))
    return [number(figure) for figure in figures]


def system_calls(runner, scale):
    def task(name):
        return lambda count, wrapper: runner.run(name, wrapper, count=count, payload=PAYLOAD)

    def receive(count, wrapper):
        return runner.receive(wrapper, count=count, payload=PAYLOAD)

    kinds = ((task("publish"), scale.counted), (task("latency"), scale.counted), (receive, scale.stream))
    return [parts(measure.system_calls_per_message(run, span)) for run, span in kinds]


def parts(by_name):
    """Total, and what it consists of."""
    ordered = sorted(by_name.items(), key=lambda item: -abs(item[1]))
    named = ", ".join(f"{name} {number(value, 3)}" for name, value in ordered if abs(value) >= 0.0005)
    return f"{number(sum(by_name.values()), 3)} ({named})"


def allocations(runner, scale):
    count = scale.counted[1]
    results = (runner.results("publish", qos=0, count=count), runner.results("publish", qos=1, count=count),
               runner.results("latency", count=count), runner.results("latency", mode="loop", count=count),
               measure.parse(runner.receive(count=count, payload=PAYLOAD)))
    return [number(result["allocations"] / count, 4) for result in results]


def wire(runner, _):
    return [number(measure.bytes_on_the_wire(runner, size)) for size in SIZES]


def connect(runner, _):
    flights = measure.flights_to_connect(runner)
    return [", ".join(f"{'→' if is_client else '←'} {number(count)}" for is_client, count in flights)]


def memory(runner, _):
    result = runner.results("connect")
    return [number(result["heap_connected"]), number(result["heap_peak"]), number(result["heap_left"]),
            number(result["rss_connected_kib"]), number(result["rss_base_kib"])]


def idle(results):
    def calls(transport, key):
        return number(results.of("mosquitto", transport, contenders.OURS.name, key), 1)

    rows = [[transport, calls(transport, "idle_calls_loop"), calls(transport, "idle_calls")]
            for transport in contenders.OURS.transports]
    return table("System calls of an idle client per minute",
                 "`strace -f`, keep-alive 120 s. Every thread sleeps in one call until a timer of the client is due, the first "
                 "of them 5 s after the last traffic.", ["transport", "with the loop thread", "in one long Yield"], rows, level=3)


def loop_thread(runners, scale):
    rows = []
    for transport, runner in runners.items():
        result = runner.results("latency", mode="loop", count=scale.round_trips, payload=PAYLOAD)
        rows.append([transport, *(number(result[f"round_trip_{share}_us"], 1) for share in ("p50", "p99"))])
    return table("Round trip with the loop thread",
                 "Microseconds, with mosquitto, one round: the main thread publishes, the loop thread receives, so that each "
                 "message passes from one thread to another.", ["transport", "p50", "p99"], rows, level=3)


def nagle(runners, results, scale):
    def rate(runner, qos, count):
        env = {"LD_PRELOAD": f"{runner.work}/nagle.so"}
        runs = [measure.parse(runner.run("publish", env=env, qos=qos, count=count, payload=PAYLOAD)) for _ in range(scale.rounds)]
        return statistics.median(count / run["seconds"] for run in runs)

    rows = []
    for transport, runner in runners.items():
        row = [transport]
        for qos, count in ((0, scale.qos0), (1, scale.qos1)):
            row += [number(results.of("mosquitto", transport, contenders.OURS.name, f"qos{qos}")), number(rate(runner, qos, count))]
        rows.append(row)
    return table("Nagle's algorithm",
                 "Messages per second, with mosquitto, as above, and with a preloaded `setsockopt` that leaves `TCP_NODELAY` off, as "
                 "the peers do. [decisions.md](decisions.md#no-message-waits-for-another) says why it is on.",
                 ["transport", "QoS 0", "QoS 0, Nagle", "QoS 1", "QoS 1, Nagle"], rows, level=3)


TEXTS = {
    "profile": (
        "Where the processor time goes",
        "`perf record -e cpu-clock`: percent of the samples in the kernel / in the C library / in the program, which is the SDK, "
        "the port with Mbed TLS, and the few lines of the bench.",
        ["transport", "QoS 0 publish", "QoS 1 publish and acknowledgement", "received"]),
    "instructions": (
        "Instructions per message",
        "callgrind, `--toggle-collect=<function>`: the growth from 1,000 to 5,000 messages. The kernel's part is not in it. "
        "*Acknowledged* is all of `IOT_MQTT_Yield` while it takes an acknowledgement, calls the handler and the handler "
        "publishes the next message. Over wss the processor's AES instructions are used if it has them.",
        ["transport", "QoS 0 publish", "QoS 1 publish", "QoS 1 acknowledged", "received"]),
    "system_calls": (
        "System calls per message",
        "`strace -f -c`: the growth from 1,000 to 5,000 messages (16,000 in the stream). A round trip is one publish and one "
        "received message; *received* is a stream of messages, many of which come with one read. `getrandom` fetches the "
        "masks of 256 WebSocket frames at a time.",
        ["transport", "QoS 0 publish", "round trip", "received"]),
    "allocations": (
        "Heap allocations per message",
        "Calls of `HAL_Malloc`, which the program replaces, over 5,000 messages after the first hundred. In a stream the "
        "receive buffer may grow while it runs, once or twice.",
        ["transport", "QoS 0 publish", "QoS 1 publish and acknowledgement", "round trip in Yield",
         "round trip with loop thread", "received in a stream"]),
    "wire": (
        "Bytes on the wire",
        "What one QoS 0 publish sends, by size of the payload. MQTT takes 25 bytes here (21 of them the topic), WebSocket 6 "
        "to 8 more, TLS another record header and tag.",
        ["transport", *(f"{size} bytes" for size in SIZES)]),
    "connect": (
        "Packets of a connect",
        "Bytes that pass a proxy until the CONNACK is there: → from the client, ← from the server. Each → waits for what came "
        "before it; TCP's own handshake is one round trip more. Over wss the first pair is the handshake of TLS 1.3, and the "
        "client's last message of it goes with the upgrade request.",
        ["transport", "flights"]),
    "memory": (
        "Memory",
        "Bytes asked of `HAL_Malloc` by one client, connected, at most, and left behind when it is destroyed; and KiB of "
        "the whole program, connected and before it begins.",
        ["transport", "heap connected", "heap peak", "heap left", "RSS connected", "RSS before"]),
}

"""What is measured of every contender, and the figures that come of it."""

import concurrent.futures
import contextlib
import dataclasses
import statistics

import contenders
import measure

PAYLOAD = 64
LARGE_PAYLOAD = 4096 + PAYLOAD


@dataclasses.dataclass(frozen=True)
class Metric:
    key: str
    title: str
    digits: int = 0
    more_is_better: bool = False


TIMED = (
    Metric("qos0_written", "QoS 0 written, messages/s", more_is_better=True),
    Metric("qos0", "QoS 0 read by the broker, messages/s", more_is_better=True),
    Metric("qos1", "QoS 1 acknowledged, messages/s", more_is_better=True),
    Metric("received", "received without loss, messages/s", more_is_better=True),
    Metric("qos0_client_us", "processor time per QoS 0 message, µs", 2),
    Metric("qos0_server_us", "the broker's processor time per QoS 0 message, µs", 2),
    Metric("qos1_client_us", "processor time per QoS 1 message, µs", 2),
    Metric("qos1_server_us", "the broker's processor time per QoS 1 message, µs", 2),
    Metric("received_server_us", "the broker's processor time per received message, µs", 2),
    Metric("round_trip_p50", "round trip p50, µs", 1),
    Metric("round_trip_p99", "round trip p99, µs", 1),
    Metric("connect_p50", "connect p50, ms", 2),
    Metric("connect_cpu", "processor time of a connect, ms", 2),
)
COUNTED = (
    Metric("connect_round_trips", "round trips to connect, TCP's included"),
    Metric("publish_instructions", "instructions in the QoS 0 publish call"),
    Metric("byte_instructions", "instructions in the QoS 0 publish call per further byte of payload", 2),
    Metric("published_instructions", "instructions per QoS 0 message, all of the program"),
    Metric("received_instructions", "instructions per received message, all of the program"),
    Metric("publish_calls", "system calls per QoS 0 message", 2),
    Metric("round_trip_calls", "system calls per round trip", 2),
    Metric("received_calls", "system calls per received message", 2),
    Metric("publish_allocations", "allocations per QoS 0 message", 2),
    Metric("received_allocations", "allocations per received message", 2),
    Metric("wire_bytes", "bytes on the wire per QoS 0 message"),
    Metric("heap_peak", "heap peak of a program with one client, bytes"),
    Metric("client_heap_peak", "heap peak of one client, asked of HAL_Malloc, bytes"),
    Metric("idle_calls", "system calls of an idle client per minute"),
    Metric("size", "stripped program, bytes"),
)


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int = 5
    # More than the buffers of the kernel hold.
    qos0: int = 200_000
    qos1: int = 40_000
    received: int = 50_000
    # Those that the source sends.
    sent: int = 200_000
    round_trips: int = 4000
    connects: int = 20
    # Messages of the shorter and the longer run that make a count.
    counted: tuple = (1000, 5000)
    stream: tuple = (1000, 16_000)
    idle_seconds: int = 60
    clients: tuple = (1, 100, 1000)
    our_clients: tuple = (2000,)


# Enough to see that everything works.
QUICK = Scale(rounds=1, qos0=2000, qos1=500, received=2000, sent=2000, round_trips=200, connects=3, counted=(200, 1200), stream=(200, 2200),
              idle_seconds=1, clients=(1, 10), our_clients=(20,))


class Results:
    """Figures by broker, transport, name of the contender and key of the metric."""

    def __init__(self):
        self.values = {}

    def add(self, place, key, value):
        self.values.setdefault((*place, key), []).append(value)

    def of(self, broker, transport, name, key):
        """The median, or None where nothing was measured."""
        values = self.values.get((broker, transport, name, key))
        return statistics.median(values) if values else None


def many_metrics(scale):
    """What many idle clients in one program cost each, and a further one where there are few and where there are many."""
    counts = (*scale.clients, *scale.our_clients)
    few, many = (f"from {fewer:,} to {more:,}" for fewer, more in (counts[:2], counts[-2:]))
    return [*(Metric(f"rss_{clients}", f"RSS per idle client, {clients:,} of them, KiB", 1) for clients in counts),
            Metric("rss_further_few", f"RSS per further client, {few}, KiB", 1),
            Metric("rss_further_many", f"RSS per further client, {many}, KiB", 1),
            Metric("instructions_further_few", f"instructions to connect a further client, {few}"),
            Metric("instructions_further_many", f"instructions to connect a further client, {many}")]


def runners(work, there, broker, listeners):
    """Place in the results and runner, of every contender over each of its transports."""
    # At the hub a device publishes to its own topics only: nobody can feed another.
    feed = listeners["tcp"] if broker == "mosquitto" else None
    return [((broker, transport, one.name), measure.Runner(work, one, listeners[transport], feed))
            for one in there for transport in one.transports]


def timed(all_runners, scale, results, progress):
    """Rounds in which the contenders take turns in each task."""
    # The WebSocket listener of mosquitto looks at new connections now and then.
    tasks = {qos0: ("mosquitto", "hub"), qos1: ("mosquitto", "hub"), received: ("mosquitto", "source"),
             round_trips: ("mosquitto", "hub"), connects: ("hub",)}
    for turn in range(scale.rounds):
        for task, brokers in tasks.items():
            progress(f"{task.__name__}, round {turn + 1}")
            for place, runner in all_runners:
                if place[0] in brokers:
                    for key, value in task(runner, scale).items():
                        results.add(place, key, value)


def published(runner, qos, count):
    """Result of the task, messages per second, and what a message costs on both sides."""
    with measure.ProcessorTime(runner.server.pid) as time:
        result = runner.results("publish", qos=qos, count=count, payload=PAYLOAD)
    return result, {f"qos{qos}": result["messages"] / result["seconds"], f"qos{qos}_client_us": time.client_us / count,
                    f"qos{qos}_server_us": time.server_us / count}


def qos0(runner, scale):
    result, figures = published(runner, 0, scale.qos0)
    if not runner.contender.queues:
        figures["qos0_written"] = result["messages"] / result["call_seconds"]
    return figures


def qos1(runner, scale):
    return published(runner, 1, scale.qos1)[1]


def received(runner, scale):
    count = scale.received if runner.feed else scale.sent
    with measure.ProcessorTime(runner.server.pid) as time:
        result = measure.parse(runner.receive(count=count, payload=PAYLOAD))
    # The source is a thread of this very program.
    spent = {"received_server_us": time.server_us / count} if runner.feed else {}
    return {"received": result["messages"] / result["seconds"], **spent}


def round_trips(runner, scale):
    result = runner.results("latency", count=scale.round_trips, payload=PAYLOAD)
    return {f"round_trip_{share}": result[f"round_trip_{share}_us"] for share in ("p50", "p99")}


def connects(runner, scale):
    result = runner.results("connect", count=scale.connects)
    return {"connect_p50": result["connect_p50_us"] / 1000, "connect_cpu": result["connect_cpu_us"] / 1000}


def counted(all_runners, scale, sdk, results, progress):
    """What does not depend on how busy the machine is, one measure of each."""
    for place, runner in all_runners:
        progress(f"counts of {runner.contender.name} over {place[1]}")
        figures = {**instructions(runner, scale), **system_calls(runner, scale), **allocations(runner, scale),
                   "wire_bytes": measure.bytes_on_the_wire(runner, PAYLOAD),
                   "connect_round_trips": measure.round_trips_to_connect(runner)}
        if runner.contender is contenders.OURS:
            figures["client_heap_peak"] = runner.results("connect")["heap_peak"]
            figures.update(instructions_of_many(runner, place[1], scale))
        if runner.contender is not contenders.FLOOR:
            figures["size"] = contenders.stripped_size(runner.contender, sdk, runner.work)
        for key, value in figures.items():
            results.add(place, key, value)


def instructions(runner, scale):
    function = runner.contender.publish

    def publish(count, function="", payload=PAYLOAD):
        return measure.instructions(
            lambda wrapper: runner.run("publish", wrapper, qos=0, count=count, payload=payload), function)

    def receive(count):
        return measure.instructions(lambda wrapper: runner.receive(wrapper, count=count, payload=PAYLOAD))

    figures = {"published_instructions": measure.per_message(publish, scale.counted),
               "received_instructions": measure.per_message(receive, scale.counted)}
    if function:
        small, large = (measure.per_message(lambda count, payload=payload: publish(count, function, payload), scale.counted)
                        for payload in (PAYLOAD, LARGE_PAYLOAD))
        figures["publish_instructions"] = small
        figures["byte_instructions"] = (large - small) / (LARGE_PAYLOAD - PAYLOAD)
    return figures


def instructions_of_many(runner, transport, scale):
    """What a further client takes to connect, where there are few and where there are many."""
    # Thousands of handshakes would take callgrind minutes.
    if transport == "wss":
        return {}

    def connecting(clients):
        return measure.instructions(lambda wrapper: runner.run("idle", wrapper, clients=clients, device="further"))

    counts = (*scale.clients, *scale.our_clients)
    return {"instructions_further_few": measure.per_message(connecting, counts[:2]),
            "instructions_further_many": measure.per_message(connecting, counts[-2:])}


def system_calls(runner, scale):
    def task(name):
        return lambda count, wrapper: runner.run(name, wrapper, count=count, payload=PAYLOAD)

    def receive(count, wrapper):
        return runner.receive(wrapper, count=count, payload=PAYLOAD)

    def total(run, span):
        return sum(measure.system_calls_per_message(run, span).values())

    return {"publish_calls": total(task("publish"), scale.counted),
            "round_trip_calls": total(task("latency"), scale.counted),
            "received_calls": total(receive, scale.stream)}


def allocations(runner, scale):
    def publish(count):
        return measure.heap(lambda env: runner.run("publish", env=env, qos=0, count=count, payload=PAYLOAD), runner.work)

    def receive(count):
        return measure.heap(lambda env: runner.receive(env=env, count=count, payload=PAYLOAD), runner.work)

    def growth(run):
        return measure.per_message(lambda count: run(count)["allocations"], scale.counted)

    alone = measure.heap(lambda env: runner.run("idle", env=env), runner.work)
    return {"publish_allocations": growth(publish), "received_allocations": growth(receive),
            "heap_peak": alone["heap_peak"]}


@contextlib.contextmanager
def resident(all_runners, scale, results, progress):
    """Memory of many idle clients in one program; where they need minutes to connect, while the caller does something else."""
    def watch(number, place, runner):
        ours = runner.contender is contenders.OURS
        counts = scale.clients + (scale.our_clients if ours else ())
        # Two clients of one name would push each other out.
        rss = [runner.results("idle", clients=clients, device=f"many{number}x")["rss_kib"] for clients in counts]
        for clients, total in zip(counts, rss):
            results.add(place, f"rss_{clients}", total / clients)
        results.add(place, "rss_further_few", (rss[1] - rss[0]) / (counts[1] - counts[0]))
        if ours:
            results.add(place, "rss_further_many", (rss[-1] - rss[-2]) / (counts[-1] - counts[-2]))

    quick, slow = ([(number, *each) for number, each in enumerate(all_runners) if each[1].contender.dawdles == dawdles]
                   for dawdles in (False, True))
    for number, place, runner in quick:
        progress(f"many idle clients of {runner.contender.name} over {place[1]}")
        watch(number, place, runner)
    with concurrent.futures.ThreadPoolExecutor(max(1, len(slow))) as pool:
        futures = [pool.submit(watch, *each) for each in slow]
        yield
        progress("waiting for many idle clients of those that dawdle")
        for future in futures:
            future.result()


def idle_calls(all_runners, scale, results, progress):
    """System calls of idle clients, all watched at the same time. Ours twice: in one long Yield, and with its loop thread."""
    window = scale.idle_seconds
    progress(f"system calls of idle clients, {window} s")

    def watch(number, runner, mode):
        # Two clients of one device would push each other out.
        options = {"device": f"idle{number}", "seconds": window + 1, **mode}
        return measure.idle_system_calls(lambda wrapper: runner.run("idle", wrapper, **options), window) * 60 / window

    kinds = [(place, runner, {}, "idle_calls") for place, runner in all_runners
             if runner.contender is not contenders.FLOOR]
    kinds += [(place, runner, {"mode": "loop"}, "idle_calls_loop") for place, runner in all_runners
              if runner.contender is contenders.OURS]
    with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
        futures = [pool.submit(watch, number, runner, mode) for number, (_, runner, mode, _) in enumerate(kinds)]
        for (place, _, _, key), future in zip(kinds, futures):
            results.add(place, key, future.result())

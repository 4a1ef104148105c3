"""What the project set itself, beside what was measured."""

import dataclasses
import typing

import contenders


@dataclasses.dataclass(frozen=True)
class Row:
    """The figures of one metric over one transport at one broker; None where there is none."""

    ours: float
    best: float
    floor: float
    over: typing.Callable  # our figure over another transport
    other: typing.Callable  # our figure of another metric

    def ratio(self, other):
        return None if None in (self.ours, other) or other == 0 else self.ours / other


@dataclasses.dataclass(frozen=True)
class Goal:
    """`value` takes what is compared out of a row, and is None where that was not measured. `why` is the key of what stands in
    the way where the goal is not reached."""

    metric: str
    transports: tuple
    text: str
    value: typing.Callable
    limit: float
    at_least: bool = False
    is_ratio: bool = False
    why: str = ""

    def is_reached(self, value):
        return value >= self.limit if self.at_least else value <= self.limit


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A goal of a row, what it is compared with, and whether it is reached."""

    goal: Goal
    value: float
    is_reached: bool

    def __str__(self):
        return f"{self.goal.text}: {reached(self.is_reached)}"


def reached(is_reached):
    return "reached" if is_reached else "not reached"


def at_most(metric, limit, *transports, text="", why=""):
    return Goal(metric, transports, text or f"≤ {limit:,g}", lambda row: row.ours, limit, why=why)


def ratio(metric, other, limit, *transports, text, at_least=False, why=""):
    return Goal(metric, transports, text, lambda row: row.ratio(other(row)), limit, at_least, True, why)


def best(row):
    return row.best


def floor(row):
    return row.floor


ALL = ("ws", "wss", "tcp")

GOALS = (
    ratio("qos0", floor, 0.8, "ws", text="≥ 0.8 × floor", at_least=True, why="broker"),
    ratio("qos0", best, 2, "ws", text="≥ 2 × best peer", at_least=True, why="broker"),
    ratio("qos1", best, 1.25, "ws", "tcp", text="≥ 1.25 × best peer", at_least=True, why="window"),
    ratio("received", best, 1, "ws", "tcp", text="≥ best peer", at_least=True, why="receiver"),
    ratio("round_trip_p50", best, 1, "ws", text="≤ 1.0 × best peer", why="round trip"),
    ratio("round_trip_p99", best, 1.2, "ws", text="≤ 1.2 × best peer", why="round trip"),
    ratio("round_trip_p50", lambda row: row.over("ws"), 2, "wss", text="≤ 2 × ws", why="tls"),
    at_most("connect_p50", 3, "ws"),
    at_most("connect_p50", 8, "wss", why="handshake"),
    at_most("connect_round_trips", 3, "ws", text="3: TCP, upgrade, CONNECT"),
    at_most("connect_round_trips", 4, "wss", text="4: TCP, TLS 1.3, upgrade, CONNECT"),
    at_most("connect_round_trips", 2, "tcp", text="2: TCP, CONNECT"),
    at_most("publish_instructions", 2500, "ws"),
    at_most("publish_instructions", 8000, "wss", why="tls"),
    at_most("publish_instructions", 1000, "tcp"),
    # A vector of 16 bytes takes a load, a mask and a store.
    at_most("byte_instructions", 0.4, "ws", text="one pass with a mask, ≤ 0.4"),
    at_most("byte_instructions", 0.2, "tcp", text="one pass, ≤ 0.2"),
    # 256 WebSocket masks come with one call of getrandom().
    at_most("publish_calls", 1.01, *ALL, text="1.00"),
    # A handshake may allocate once more in one run than in the other.
    at_most("publish_allocations", 0.01, *ALL, text="0"),
    at_most("received_allocations", 0.01, *ALL, text="0"),
    at_most("client_heap_peak", 8192, "ws", "tcp"),
    at_most("client_heap_peak", 40_960, "wss", why="tls memory"),
    at_most("idle_calls", 4, *ALL, text="its timers, ≤ 4"),
    ratio("rss_further_many", lambda row: row.other("rss_further_few"), 1.1, *ALL, text="≤ 1.1 × where there are few"),
    ratio("instructions_further_many", lambda row: row.other("instructions_further_few"), 1.1, "ws", "tcp",
          text="≤ 1.1 × where there are few"),
)

# Of the speed of a masking loop that the compiler makes vector instructions of.
MASKING = 0.8

# What stands in the way, by the key in a goal. The figures that show it are in the same document.
REASONS = {
    "broker":
        "*Rates up to the broker.* The slower side decides: where the broker takes more processor time for a message than a "
        "client does (the rows *processor time per QoS 0 message*), all clients that are faster than it get the same rate, and "
        "no ratio can be reached. Of our own time for a message nearly all is the kernel's, for the one `send` (*where the "
        "processor time goes*). The peers leave "
        "Nagle's algorithm on: a message waits in the kernel until the broker has acknowledged the one before, and many arrive "
        "together. We set `TCP_NODELAY`, as the floor does: no message waits for another.",
    "receiver":
        "*Received through mosquitto.* It sends each message by itself, and the kernel wakes a receiver that has already taken the "
        "one before. The floor gets the same rate. A receiver that is always behind is never woken, and costs the broker less "
        "(*the broker's processor time per received message*). What a client can take is the rate with the source.",
    "window":
        "*QoS 1.* With 20 messages in flight, client and broker wait for each other, and a message costs the broker about as much "
        "whoever sends it (*the broker's processor time*). The client's time is the kernel's (*where the processor time goes*): "
        "one `send`, which delivers to the broker and wakes it, and a twentieth of a `poll` and a `recv`. All peers write each "
        "message by itself, and so does the floor, which has no library at all: compare *ours / floor*. Those that leave "
        "Nagle's algorithm on gain where it makes the kernel put several messages together, and lose where the next message "
        "waits for it. Fewer calls of our own would take several messages in one write; `IOT_MQTT_Publish` returns when its "
        "message is written, [decisions.md](decisions.md#each-message-is-written-before-publish-returns) says why.",
    "round trip":
        "*Round trips.* Nearly all of it is the kernel waking the broker and then the client: compare the floor, which sends, "
        "sleeps in `recv` and does nothing else. We sleep in `poll`, so that another thread can wake us, and take what came "
        "with one `recv`; looking first would cost a call where nothing has come yet, which is the rule. The 99th percentile "
        "is that of the scheduler, with the broker and the clients on two cores.",
    "tls":
        "*TLS.* AES-GCM and the record layer of Mbed TLS, twice per round trip on each side. The processor's AES instructions "
        "are used; what remains is in [decisions.md](decisions.md#the-processors-aes-instructions).",
    "handshake":
        "*The handshake.* Key exchange and the server's chain: compare *processor time of a connect* over wss and over ws.",
    "tls memory":
        "*Memory of a connection over TLS.* The buffer for a received record, 16.7 KiB, and the chain of the server while its "
        "signatures are checked: [decisions.md](decisions.md#memory-of-a-connection).",
}


def row(results, there, broker, transport, metric):
    def figure(name):
        return results.of(broker, transport, name, metric.key)

    peers = [figure(one.name) for one in there if one.is_peer]
    known = [value for value in peers if value is not None]
    best_peer = (max if metric.more_is_better else min)(known) if known else None
    return Row(figure(contenders.OURS.name), best_peer, figure(contenders.FLOOR.name),
               lambda other: results.of(broker, other, contenders.OURS.name, metric.key),
               lambda key: results.of(broker, transport, contenders.OURS.name, key))


def verdicts(metric, transport, its_row):
    """The goals of a row and whether they are reached."""
    mine = [goal for goal in GOALS if goal.metric == metric.key and transport in goal.transports]
    found = [(goal, goal.value(its_row)) for goal in mine]
    return [Verdict(goal, value, goal.is_reached(value)) for goal, value in found if value is not None]

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

    def ratio(self, other):
        return None if None in (self.ours, other) or other == 0 else self.ours / other


@dataclasses.dataclass(frozen=True)
class Goal:
    """`value` takes what is compared out of a row, and is None where that was not measured."""

    metric: str
    transports: tuple
    text: str
    value: typing.Callable
    limit: float
    at_least: bool = False

    def reached(self, row):
        value = self.value(row)
        if value is None:
            return None
        return value >= self.limit if self.at_least else value <= self.limit


def at_most(metric, limit, *transports):
    return Goal(metric, transports, f"≤ {limit:,g}", lambda row: row.ours, limit)


GOALS = (
    Goal("qos0", ("ws",), "≥ 0.8 × floor", lambda row: row.ratio(row.floor), 0.8, True),
    Goal("qos0", ("ws",), "≥ 2 × best peer", lambda row: row.ratio(row.best), 2, True),
    Goal("qos1", ("ws", "tcp"), "≥ 1.25 × best peer", lambda row: row.ratio(row.best), 1.25, True),
    Goal("received", ("ws", "tcp"), "≥ best peer", lambda row: row.ratio(row.best), 1, True),
    Goal("round_trip_p50", ("ws",), "≤ 1.0 × best peer", lambda row: row.ratio(row.best), 1),
    Goal("round_trip_p99", ("ws",), "≤ 1.2 × best peer", lambda row: row.ratio(row.best), 1.2),
    Goal("round_trip_p50", ("wss",), "≤ 2 × ws", lambda row: row.ratio(row.over("ws")), 2),
    at_most("connect_p50", 3, "ws"),
    at_most("connect_p50", 8, "wss"),
    at_most("publish_instructions", 2500, "ws"),
    at_most("publish_instructions", 8000, "wss"),
    at_most("publish_instructions", 1000, "tcp"),
    # 256 WebSocket masks come with one call of getrandom().
    Goal("publish_calls", ("ws", "wss", "tcp"), "1.00", lambda row: row.ours, 1.01),
    # A handshake may allocate once more in one run than in the other.
    Goal("publish_allocations", ("ws", "wss", "tcp"), "0", lambda row: row.ours, 0.01),
    Goal("received_allocations", ("ws", "wss", "tcp"), "0", lambda row: row.ours, 0.01),
)

# Bytes asked of HAL_Malloc by one client.
HEAP_PEAK = {"ws": 8192, "wss": 40_960, "tcp": 8192}

# Of the speed of a masking loop that the compiler makes vector instructions of.
MASKING = 0.8


def row(results, there, broker, transport, metric):
    def figure(name):
        return results.of(broker, transport, name, metric.key)

    peers = [figure(one.name) for one in there if one.is_peer]
    known = [value for value in peers if value is not None]
    best = (max if metric.more_is_better else min)(known) if known else None
    return Row(figure(contenders.OURS.name), best, figure(contenders.FLOOR.name),
               lambda other: results.of(broker, other, contenders.OURS.name, metric.key))


def verdicts(metric, transport, its_row):
    """The goals of a row and whether they are reached."""
    found = [(goal.text, goal.reached(its_row)) for goal in GOALS if goal.metric == metric.key and transport in goal.transports]
    return [verdict(text, reached) for text, reached in found if reached is not None]


def verdict(text, reached):
    return f"{text}: {'reached' if reached else 'not reached'}"

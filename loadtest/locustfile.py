"""For Locust: ``locust -f loadtest/locustfile.py --host URL --plan FILE --credentials FILE -u 40 --rate 20 --for 1m``.

The same file is run by ``sympho load``, by plain ``locust`` (with its page or ``--headless``), and distributed with
``--master`` and ``--worker``: the master says when to begin and who makes which share, workers hand in their measures.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from time import monotonic
from typing import Any

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadtest.arriving import RUNS
from loadtest.client import NotReached
from loadtest.collecting import Collector
from loadtest.mix import BadMix, read_mix, users_of
from loadtest.running import Run
from loadtest.settings import OWN_FILES, Settings, add_options
from loadtest.users import (
    BY_KIND,
    Acquisition,
    CollectHeld,
    Deposit,
    QueryHeld,
    QueryOnline,
    QueryPolled,
    Refused,
    ReviewFirst,
    ReviewSecond,
    Session,
)

__all__ = [
    "Acquisition",
    "CollectHeld",
    "Deposit",
    "QueryHeld",
    "QueryOnline",
    "QueryPolled",
    "Refused",
    "ReviewFirst",
    "ReviewSecond",
    "Session",
]

log = logging.getLogger("sympho.load")

ALL_THERE = 60.0
"""Seconds that workers may take to log everybody in."""

_OWN: dict[str, str] = {}
"""Files that this worker was started with; the master's options would hide them."""
_COLLECTORS: dict[int, Collector] = {}
_ENVIRONMENTS: list[Environment] = []
_LOOKING_ON: dict[int, Any] = {}
_STOPPED: set[int] = set()
"""Environments that are being stopped by Locust itself."""


def on_parser(parser: LocustArgumentParser) -> None:
    add_options(parser)


def on_init(environment: Environment, **_: Any) -> None:
    _ENVIRONMENTS.append(environment)
    options, runner = environment.parsed_options, environment.runner
    if options is None or runner is None:
        return
    if isinstance(runner, WorkerRunner):
        _OWN.update({name: str(vars(options)[name]) for name in OWN_FILES if vars(options)[name]})
        runner.register_message("begin", _on_begin)
        return
    try:
        settings = Settings.of(options)
        mix = read_mix(settings.mix)
        counts = users_of(mix, options.num_users or len(mix.used))
    except (BadMix, ValueError) as trouble:
        raise SystemExit(str(trouble)) from None
    for kind, user in BY_KIND.items():
        user.fixed_count = counts.get(kind, 0)
    environment.user_classes = [BY_KIND[kind] for kind in counts]
    if isinstance(runner, MasterRunner):
        collector = Collector(settings)
        _COLLECTORS[id(environment)] = collector
        runner.register_message("measured", lambda environment, msg, **_: collector.measured(msg.node_id, msg.data))
        runner.register_message("progress", lambda environment, msg, **_: collector.told(msg.node_id, msg.data))


def on_start(environment: Environment, **_: Any) -> None:
    """Users of this process are logged in before any of them is there."""
    if isinstance(environment.runner, MasterRunner):
        _COLLECTORS[id(environment)].clear()
        return
    options = environment.parsed_options
    if options is None:
        return
    vars(options).update(_OWN)
    try:
        run = Run(Settings.of(options), environment.host or "")
        run.log_in()
    except (NotReached, OSError, ValueError) as trouble:
        log.critical("cannot begin: %s", trouble)
        os._exit(4)
    RUNS[id(environment)] = run
    _STOPPED.discard(id(environment))


def on_spawned(user_count: int, **_: Any) -> None:
    """Everybody is there: whoever leads says begin. Workers wait for the word."""
    for environment in list(_leading()):
        runner = environment.runner
        if isinstance(runner, LocalRunner):
            run = RUNS[id(environment)]
            if run.began:
                return
            run.begin(dict.fromkeys(run.mix.used, 1.0), "local")
            _LOOKING_ON[id(environment)] = gevent.spawn(_look_on, environment, run)
        elif isinstance(runner, MasterRunner):
            collector = _COLLECTORS[id(environment)]
            if collector.expected:
                return
            collector.expected = runner.worker_count
            gevent.spawn(_lead, environment, runner, collector)


def on_stop(environment: Environment, **_: Any) -> None:
    """Stopped by Locust (``-t``, its page, Ctrl-C): what is measured so far is handed in before it goes on."""
    run = RUNS.get(id(environment))
    if run is None or run.over:
        return
    _STOPPED.add(id(environment))
    run.finish()
    looking_on = _LOOKING_ON.get(id(environment))
    if looking_on is not None:
        looking_on.join(timeout=10)


def _leading() -> list[Environment]:
    return [one for one in _ENVIRONMENTS if not isinstance(one.runner, WorkerRunner)]


# --- one process alone --------------------------------------------------------------------------------------------


def _look_on(environment: Environment, run: Run) -> None:
    """Tells progress every second, and what was measured in the end."""
    collector = Collector(run.settings)
    while not run.finished.wait(1.0):
        collector.told("local", run.progress)
    collector.told("local", run.progress)
    collector.expected = 1
    collector.measured("local", run.measures.to_json())
    _hand_in(environment, collector)


def _hand_in(environment: Environment, collector: Collector) -> None:
    """The measures go to the file, and a word about the generator to whoever reads Locust's own tables."""
    collector.write()
    for line in collector.words():
        log.warning(line)
    runner, options = environment.runner, environment.parsed_options
    if runner is None or id(environment) in _STOPPED:
        return
    if options is not None and options.headless:
        runner.quit()
    else:
        runner.stop()


# --- distributed --------------------------------------------------------------------------------------------------


def _on_begin(environment: Environment, msg: Any, **_: Any) -> None:
    """A worker makes of each kind's arrivals the share that its users are of all users of the kind."""
    runner, run = environment.runner, RUNS.get(id(environment))
    if not isinstance(runner, WorkerRunner) or run is None:
        return
    run.begin(_shares(run, runner.user_classes_count, msg.data["users"]), runner.client_id)
    gevent.spawn(_report, runner, run)


def _shares(run: Run, here: Mapping[str, int], everywhere: Mapping[str, int]) -> dict[str, float]:
    names = {kind: BY_KIND[kind].__name__ for kind in run.mix.used}
    return {
        kind: here[name] / everywhere[name] for kind, name in names.items() if here.get(name) and everywhere.get(name)
    }


def _report(runner: WorkerRunner, run: Run) -> None:
    while not run.finished.wait(1.0):
        runner.send_message("progress", run.progress)
    runner.send_message("progress", run.progress)
    runner.send_message("measured", run.measures.to_json())


def _lead(environment: Environment, runner: MasterRunner, collector: Collector) -> None:
    """Says begin when every worker's users are there, later than Locust thinks while they log in, and collects.

    A worker that never hands in its measures is said to be missing.
    """
    deadline = monotonic() + ALL_THERE
    while runner.user_count < runner.target_user_count and monotonic() < deadline:
        gevent.sleep(0.1)
    runner.send_message("begin", {"users": dict(runner.target_user_classes_count)})
    collector.wait()
    _hand_in(environment, collector)


_HOOKS: Any = events  # Locust's own annotations stop at its event hooks
_HOOKS.init_command_line_parser.add_listener(on_parser)
_HOOKS.init.add_listener(on_init)
_HOOKS.test_start.add_listener(on_start)
_HOOKS.spawning_complete.add_listener(on_spawned)
_HOOKS.test_stop.add_listener(on_stop)

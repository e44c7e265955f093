"""Calls the tasks of a running worker: celery_client.py SCENARIO... Names what went well, or fails with a traceback."""

import sys
import threading
import time

from celery import chain, group
from celery_tasks import add, app, fail, succeed_at_third_try

PATIENCE = 30


def results():
    assert add.delay(2, 3).get(timeout=PATIENCE) == 5
    try:
        fail.delay().get(timeout=PATIENCE)
    except ValueError as error:
        assert str(error) == "on purpose"
    else:
        raise AssertionError("the task was to fail")


def retries_and_countdown():
    assert succeed_at_third_try.delay().get(timeout=PATIENCE) == 2
    started = time.monotonic()
    assert add.apply_async((1, 1), countdown=0.5).get(timeout=PATIENCE) == 2
    assert time.monotonic() - started >= 0.5


def groups_and_chains():
    outcome = group(add.s(index, index) for index in range(20)).apply_async()
    assert outcome.get(timeout=PATIENCE) == [2 * index for index in range(20)]
    assert chain(add.s(1, 2), add.s(10), add.s(100))().get(timeout=PATIENCE) == 113


def remote_control():
    inspect = app.control.inspect(timeout=10, limit=1)
    ((worker, answer),) = inspect.ping().items()
    assert answer == {"ok": "pong"}, answer
    registered = app.control.inspect(timeout=10, limit=1).registered()[worker]
    assert "celery_tasks.add" in registered, registered


def events():
    seen = []
    succeeded = threading.Event()
    ready = threading.Event()

    def watch():
        with app.connection_for_read() as connection:

            def take(event):
                seen.append(event["type"])
                if event["type"] == "task-succeeded":
                    succeeded.set()

            receiver = app.events.Receiver(connection, handlers={"*": take})
            receiver.on_consume_ready = lambda *_args, **_kwargs: ready.set()
            receiver.capture(timeout=PATIENCE)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    assert add.delay(1, 2).get(timeout=PATIENCE) == 3
    assert succeeded.wait(PATIENCE), seen
    assert {"task-sent", "task-received", "task-started", "task-succeeded"} <= set(seen), seen


for scenario in sys.argv[1:]:
    globals()[scenario]()
    print(scenario, flush=True)

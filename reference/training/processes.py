"""Processes of this machine that carry out tasks, each behind a pipe of its own."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from reference.training.errors import RunError
from reference.training.process import held, settle
from reference.training.shared import Parts, Room, Sent, Shared

LIVES = 3  # processes that may die of one task, before it is given up


class Helper:
    """A process that does one task after the other, and what it is at."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the thread that draws the bar
        self.connection, there = context.Pipe()
        self.process = context.Process(target=_work, args=(there,), daemon=True)
        with held():  # it never hears Ctrl-C
            self.process.start()
        there.close()  # now it is open there alone, and closed when the process is gone
        self.function: Sent | None = None
        self.number = 0

    def give(self, function: Sent, number: int, task: Any, room: Room) -> None:
        """Let it do a task; the function goes with the first one only."""
        self.number = number
        with contextlib.suppress(OSError):  # it died: so says the next look at the connection
            self.connection.send((function if function is not self.function else None, task, room))
        self.function = function

    def answer(self) -> Any:
        """Return what it made of the task.

        Raises:
            EOFError: it died.
        """
        try:
            answer = self.connection.recv()
        except OSError:
            raise EOFError from None
        if isinstance(answer, Exception):
            raise answer
        return answer.value()

    def end(self) -> None:
        """End it, whatever it is at."""
        self.process.terminate()
        self.process.join()
        self.connection.close()


class Processes:
    """At most `count` helpers, started as there is work; one that died is replaced, and its task done anew."""

    def __init__(self, count: int) -> None:
        self._count, self._shared = count, Shared()
        self._helpers: list[Helper] = []

    def map(self, function: Callable, tasks: list) -> list:
        """Return the results in the order of the tasks.

        Raises:
            RunError: one task was the end of several, or there is too little shared memory.
        """
        results = dict(self.each(function, tasks))
        return [results[number] for number in range(len(tasks))]

    def each(self, function: Callable, tasks: list) -> Iterator[tuple[int, Any]]:
        """Yield the number of each task with its result, as soon as it is there.

        Raises:
            RunError: as `map` does.
        """
        parts = Parts.of(function)
        room, *rooms = self._shared.rooms(1 + len(tasks), parts.places[-1])  # a gradient has the size of the weights
        try:
            yield from self._results(room.put(parts), tasks, rooms)
        except BaseException:
            self._end()  # others may be at their tasks still
            raise

    def _results(self, sent: Sent, tasks: list, rooms: list[Room]) -> Iterator[tuple[int, Any]]:
        waiting, deaths = deque(range(len(tasks))), [0] * len(tasks)
        while len(self._helpers) < min(self._count, len(tasks)):
            self._helpers.append(Helper())
        idle: list[Helper] = self._helpers.copy()
        busy: dict[Any, Helper] = {}
        while waiting or busy:
            while waiting and idle:
                helper, number = idle.pop(), waiting.popleft()
                helper.give(sent, number, tasks[number], rooms[number])
                busy[helper.connection] = helper
            for connection in wait(list(busy)):
                helper = busy.pop(connection)
                number = helper.number
                try:
                    answer = helper.answer()
                except EOFError:
                    deaths[number] += 1
                    if deaths[number] == LIVES:
                        want = "worker processes must live for a step"
                        raise RunError(f"{want}, got {LIVES} that died one after another") from None
                    waiting.appendleft(number)
                    idle.append(self._instead_of(helper))
                    continue
                idle.append(helper)
                yield number, answer

    def _instead_of(self, dead: Helper) -> Helper:
        dead.end()
        self._helpers.remove(dead)
        self._helpers.append(Helper())
        return self._helpers[-1]

    def close(self) -> None:
        self._end()
        self._shared.close()

    def _end(self) -> None:
        for helper in self._helpers:
            helper.process.terminate()  # all of them, before any is waited for
        while self._helpers:
            self._helpers.pop().end()


def _work(connection: Connection) -> None:
    """Do what comes through the connection, until nothing can come any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems on which no mask is inherited, and other threads
    settle()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    function: Any = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            sent, task, room = connection.recv()
            answer: Any
            try:
                function = function if sent is None else sent.value()
                with np.errstate(all="ignore"):  # `train` looks at each loss
                    answer = room.put(Parts.of(function(task)))
            except Exception as error:
                answer = error
            connection.send(answer)


def _end_with_parent() -> None:
    """A command that is killed leaves nobody behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

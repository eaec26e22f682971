"""What is kept of a run in its folder while it goes on, and what is said of it when it stops."""

from collections.abc import Mapping

from reference.job import metrics
from reference.job.events import Events
from reference.job.files import Folder
from reference.training import checkpoint, files
from reference.training.devices import HOST, Device
from reference.training.errors import DivergedError, RunError, WriteError
from reference.training.loop import expect_finite
from reference.training.settings import Run
from reference.training.state import State


class Place:
    """The folder of a run, and which step of this run its checkpoint holds: 0 if it holds none yet."""

    def __init__(self, folder: Folder, run: Run, state: State, device: Device = HOST, events: bool = False) -> None:
        self._folder, self._run, self._step, self._device = folder, run, state.step, device
        self._wanted, self._shown = events, 0
        self._events: Events | None = None

    def save(self, state: State) -> None:
        """Put the checkpoint in its place, and what goes with it beside; with a run's first one, an earlier run goes.

        At the end of an epoch its checkpoint is kept too, if the run keeps more than the last, and as the best one
        if none before had a smaller loss held out.
        """
        run, folder, records = self._run, self._folder, state.records
        data = checkpoint.written(run, state.moved(self._device.home))
        files.write(folder.checkpoint, data)
        self._step = state.step
        if state.step <= run.steps_per_epoch:  # before it goes on, so also where it was killed at this very point
            folder.clear()
        if state.step % run.steps_per_epoch == 0 and records:
            epoch, keep = len(records), run.training.keep
            if keep > 1:
                files.write(folder.kept(epoch), data)
                folder.drop(epoch - keep)
            if records[-1]["held_out_loss"] <= min(record["held_out_loss"] for record in records):
                files.write(folder.best, data)
        metrics.write(folder.metrics, records)
        if self._wanted:
            self._write_events(records)

    def _write_events(self, records: tuple[Mapping[str, float], ...]) -> None:
        if self._events is None:
            self._events, self._shown = Events(self._folder.events, records), len(records)
        for record in records[self._shown :]:
            self._events.add(record)
        self._shown = len(records)

    def interrupted(self, state: State) -> str:
        """Save the last whole step, if there is any, and say so."""
        folder, run = self._folder, self._run
        if not state.step:
            return f"interrupted before the first step: {folder.path} is as it was"
        try:
            expect_finite(run, state, self._device)
            self.save(state)
        except (DivergedError, WriteError) as error:
            raise self.told(error) from None
        return (
            f"interrupted at step {state.step:,} of {run.steps:,}: {folder.checkpoint} is whole, "
            f"go on with 'python -m reference train --resume --out {folder.path}'"
        )

    def told(self, error: RunError) -> RunError:
        """Return the error with what is kept."""
        kept = f"{self._folder.checkpoint} is whole, of step {self._step:,}"
        return type(error)(f"{error}; {kept if self._step else f'{self._folder.path} is as it was'}")

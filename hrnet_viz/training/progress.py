"""What people see of a training, and the pace that a deadline asks for."""

from __future__ import annotations

import time
from collections.abc import Callable

from tqdm import tqdm

from hrnet_viz.training.clock import Speed, spell_duration
from hrnet_viz.training.config import Recipe
from hrnet_viz.training.course import Step, choose_pace, cost, remaining_work
from hrnet_viz.training.records import Habits

LEARNING_S = 150.0
"""No change of pace before the speed has been watched for so many seconds: the first steps are slow, and a hurry that
they suggest would burn the warm-up."""

FIRST_LINE_S = 15.0
"""An early first line shows that it works."""


class Progress:
    """Progress bar, log lines and pace.

    Args:
        recipe: the plan.
        photos: number of training photos.
        habits: deadline, and how often to speak.
        leads: whether this process speaks.
        start: progress to begin with, 0..1.
        say: takes lines for people.
    """

    def __init__(
        self, recipe: Recipe, photos: int, habits: Habits, *, leads: bool, start: float, say: Callable[[str], None]
    ) -> None:
        self.recipe, self.photos, self.habits, self.leads, self.start = recipe, photos, habits, leads, start
        self.tell = say
        self.speed, self.steps = Speed(), 0
        self.loss = self.right = 0.0
        self.said = time.monotonic() - habits.say_every_s + min(FIRST_LINE_S, habits.say_every_s)

    def __enter__(self) -> Progress:  # noqa: PYI034 - no subclass
        """Open the progress bar; on something that isn't a terminal there is none."""
        self.bar = tqdm(
            total=100.0,
            initial=100 * self.start,
            disable=None if self.leads else True,
            bar_format="{l_bar}{bar}| {elapsed}{postfix}",
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Close the progress bar."""
        self.bar.close()

    def note(self, step: Step, loss: float, right: float) -> None:
        """Take note of a step: its loss, and the share of right answers."""
        self.steps += 1
        self.speed.add(len(step.photos) * cost(step.size))
        weight = max(0.02, 1 / self.steps)  # about the last fifty steps
        self.loss += weight * (loss - self.loss)
        self.right += weight * (right - self.right)
        left = self.estimate_seconds(step)
        self.bar.update(100 * step.after.progress - self.bar.n)
        self.bar.set_postfix_str(f"loss {self.loss:.3f}, accuracy {self.right:.3f}, {spell_duration(left)} left")
        now = time.monotonic()
        if now - self.said >= self.habits.say_every_s:
            self.said = now
            self.tell(self.describe(step, left))

    def describe(self, step: Step, left: float) -> str:
        """A line for the log."""
        after, per_second = step.after, self.speed.per_second / cost(step.size)
        return (
            f"{time.strftime('%H:%M:%S')} {after.progress:6.1%}, step {after.step}, pass {after.epoch}, "
            f"{step.size} px, rate {step.rate:.4f}, pace {after.pace:.2f}, loss {self.loss:.3f}, "
            f"accuracy {self.right:.3f}, {per_second:.1f} photos/s at {step.size} px, {spell_duration(left)} left"
        )

    def estimate_seconds(self, step: Step) -> float:
        """Seconds until the schedule is done."""
        if self.habits.deadline is not None:
            return self.habits.deadline - time.time()
        return self._work(step) / self.speed.per_second / step.after.pace

    def wish(self, step: Step, pace: float) -> float:
        """The pace for the next steps, as the deadline asks for; pace 1 without one."""
        deadline = self.habits.deadline
        if deadline is None:
            return 1.0
        left = deadline - time.time()
        learning = self.speed.seconds < LEARNING_S and left > 4 * LEARNING_S
        if self.speed.per_second == 0 or learning or (step.after.step % 10 and left > 30):
            return pace
        return choose_pace(self._work(step), self.speed.per_second, left)

    def _work(self, step: Step) -> float:
        return remaining_work(self.recipe, step.after.progress, self.photos)

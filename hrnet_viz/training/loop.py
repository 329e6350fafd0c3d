"""The training itself: steps, moving average, checkpoints, checks, and a clean end when it is interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from hrnet_viz.evaluate.predict import normalise, predict
from hrnet_viz.network import hrnet
from hrnet_viz.training.checkpoint import read_checkpoint, restore, save_checkpoint
from hrnet_viz.training.config import Recipe
from hrnet_viz.training.course import Course, Position, Step, find_phase
from hrnet_viz.training.distributed import World
from hrnet_viz.training.ema import MovingAverage
from hrnet_viz.training.interruption import catch_interruption, leave_signals_to_the_parent
from hrnet_viz.training.norms import share_norms
from hrnet_viz.training.photos import Photos
from hrnet_viz.training.progress import Progress
from hrnet_viz.training.records import Habits, History, Outcome
from hrnet_viz.training.transforms import Batches, Steps


class Training:
    """A net in training, with all that belongs to its state.

    Args:
        recipe: what decides the weights.
        photos: the photos to train on.
        habits: how it is run.
        world: the processes that share the work.
        say: takes lines for people.
    """

    def __init__(
        self, recipe: Recipe, photos: Photos, habits: Habits, world: World, say: Callable[[str], None] = print
    ) -> None:
        if recipe.batch % world.size:
            raise ValueError(f"A batch of {recipe.batch} can't be shared evenly by {world.size} processes.")
        self.recipe, self.photos, self.habits, self.world, self.say = recipe, photos, habits, world, say
        torch.manual_seed(recipe.seed)
        self.net: nn.Module = hrnet(recipe.variant, num_outputs=len(photos.classes)).to(world.device)
        if recipe.channels_last:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.average = MovingAverage(self.net, recipe.ema_decay)
        self.shares_norms = world.size > 1 and habits.global_norm
        if self.shares_norms:
            share_norms(self.net)
        self.optimizer = build_optimizer(self.net, recipe)
        self.position = Position()
        self.history = History(folder_photos=len(photos))
        self.path = habits.run / "checkpoint.pt"

    def resume(self) -> None:
        """Continue from the checkpoint in the run's folder.

        Raises:
            ValueError: none there, or it was made by another recipe, for other classes or from other photos.
        """
        state = read_checkpoint(self.path)
        if Recipe.from_json(state["recipe"]) != self.recipe:
            raise ValueError(
                f"'{self.path}' was made by another recipe, so it can't be continued exactly.\n"
                f"  there: {state['recipe']}\n  here:  {self.recipe.to_json()}"
            )
        if tuple(state["classes"]) != self.photos.classes:
            raise ValueError(f"'{self.path}' has the classes {state['classes']}, the folder {self.photos.classes}.")
        history = History(**state["history"])
        if history.folder_photos not in (None, len(self.photos)):
            raise ValueError(
                f"'{self.path}' was trained on {history.folder_photos} photos, but the folder now gives "
                f"{len(self.photos)}. Bring the folder back to what it was, or begin anew without --resume."
            )
        history.folder_photos = len(self.photos)
        self.position = restore(state, net=self.net, average=self.average, optimizer=self.optimizer)
        self.history = history

    def begin_from(self, path: Path) -> None:
        """Begin with the moving average of another training's checkpoint instead of random weights.

        Raises:
            ValueError: no checkpoint, another architecture, other classes, or other photos held back: the temperature
                would then be fitted on photos that were trained on.
        """
        state = read_checkpoint(path)
        before = Recipe.from_json(state["recipe"])
        for name in ("variant", "seed", "held_back"):
            there, here = getattr(before, name), getattr(self.recipe, name)
            if there != here:
                raise ValueError(f"'{path}' was made with {name} {there}, this recipe has {here}: they must agree.")
        if tuple(state["classes"]) != self.photos.classes:
            raise ValueError(f"'{path}' has the classes {state['classes']}, the folder {self.photos.classes}.")
        self.net.load_state_dict(state["average"])
        self.average = MovingAverage(self.net, self.recipe.ema_decay)
        self.history.before = {
            "recipe": json.loads(state["recipe"]),
            "history": state["history"],
            "progress": state["position"]["progress"],
        }

    def save(self) -> None:
        """Write the checkpoint; only the leading process does."""
        if self.world.leads:
            save_checkpoint(
                self.path,
                recipe=self.recipe,
                classes=self.photos.classes,
                net=self.net,
                average=self.average,
                optimizer=self.optimizer,
                position=self.position,
                history=self.history.plain(),
            )

    def run(self, check_photos: Photos | None = None) -> Outcome:
        """Train from the present position to the end of the schedule, or to an interruption.

        Args:
            check_photos: photos, all of one size, on which the moving average is tried now and then.
        """
        self._begin_session()
        course = Course(self.recipe, len(self.photos), self.position)
        loader = DataLoader(
            Batches(self.photos, self.recipe, self.world.rank, self.world.size),
            batch_size=None,
            sampler=Steps(course),
            num_workers=self.habits.workers,
            collate_fn=_hand_on,
            worker_init_fn=leave_signals_to_the_parent,
        )
        stepping: Any = self.world.share(self.net)
        if self.habits.compile:
            stepping = torch.compile(stepping, dynamic=True)
        progress = Progress(
            self.recipe,
            len(self.photos),
            self.habits,
            leads=self.world.leads,
            start=self.position.progress,
            say=self.say,
        )
        first, mark, saved = self.position.step, time.monotonic(), time.monotonic()
        with catch_interruption() as interrupted, progress:
            for pixels, labels, step in loader:
                set_modes(self.net, still=find_phase(self.recipe, step.at.progress).still)
                loss, right = self.take_step(stepping, pixels, labels, step)
                # All processes have to stop at the same step, and to keep the pace of the leading one.
                pace = progress.wish(step, course.pace) if self.world.leads else 0.0
                caught = max(interrupted, default=0)
                sums = self.world.add_up([loss * len(labels), right, len(labels), caught, pace])
                if not isfinite(sums[0]):
                    raise ValueError(
                        f"The loss is {sums[0] / sums[2]:g} at {self.position.progress:.1%}: the training has diverged "
                        "and stops; the checkpoint is as it was saved last. Try a lower --peak-rate, or --clip 1."
                    )
                course.pace = sums[4]
                progress.note(step, sums[0] / sums[2], sums[1] / sums[2])
                now = time.monotonic()
                self.history.seconds += now - mark
                mark = now
                if now - saved >= self.habits.save_every_s:
                    self.save()
                    saved = now
                if sums[3] or self.position.step - first == self.habits.stop_after:
                    break
                if step.after.epoch > step.at.epoch and step.after.epoch % self.habits.check_every == 0:
                    self.check(check_photos)
        if self.position.progress >= 1:
            self.check(check_photos)
        self.save()
        return Outcome(self.average.net, self.position, self.history, max(interrupted, default=0))

    def take_step(self, net: Any, pixels: Tensor, labels: Tensor, step: Step) -> tuple[float, int]:
        """Do one step; return the loss and the number of right answers of this process' photos."""
        recipe, device = self.recipe, self.world.device
        for group in self.optimizer.param_groups:
            group["lr"] = step.rate
        x = normalise(pixels.to(device), recipe.mean, recipe.std, channels_last=recipe.channels_last)
        labels = labels.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.autocast == "bf16"):
            logits = net(x)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.clip:
            nn.utils.clip_grad_norm_(self.net.parameters(), recipe.clip)
        self.optimizer.step()
        if self.world.leads:
            self.average.update(self.net, still=find_phase(recipe, step.at.progress).still)
        self.position = step.after
        self.history.photos[step.size] = self.history.photos.get(step.size, 0) + len(step.photos)
        return float(loss.detach()), int((logits.detach().argmax(1) == labels).sum())

    def check(self, photos: Photos | None) -> None:
        """Try the moving average on photos that are not trained on."""
        if photos is None or not self.world.leads:
            return
        recipe, size = self.recipe, photos.pixels.shape[-1]
        logits = predict(
            self.average.net, photos.pixels, mean=recipe.mean, std=recipe.std, bf16=recipe.autocast == "bf16"
        )
        accuracy = float((logits.argmax(1) == photos.labels).float().mean())
        loss = float(F.cross_entropy(logits, photos.labels))
        at = self.position.progress
        self.history.checks.append(
            {"progress": at, "size": size, "photos": len(photos), "accuracy": accuracy, "loss": loss}
        )
        self.say(f"check at {at:.1%}: {accuracy:.4f} right of {len(photos)} photos at {size} px, loss {loss:.4f}")

    def _begin_session(self) -> None:
        self.history.sessions += 1
        world, threads = self.world, torch.get_num_threads()
        norms = "over the batch" if self.shares_norms or world.size == 1 else "over each process' share of the batch"
        self.history.settings.append(
            f"from {self.position.progress:.1%} on: {world.size} process(es), {threads} thread(s) each, "
            f"{world.device.type}, torch {torch.__version__}, BatchNorm {norms}"
        )


def set_modes(net: nn.Module, *, still: bool) -> None:
    """Set a net to training; its norms to their stored statistics where those stand still."""
    net.train()
    if still:
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def build_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with Nesterov's momentum; biases and norms, which have one axis, are not decayed."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=recipe.peak_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def _hand_on(batch: Any) -> Any:
    return batch

"""The training itself: steps, moving average, checkpoints, checks, and a clean end when it is interrupted."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from hrnet_viz.network import hrnet
from recipes.teaching_net.evaluate import normalise, predict
from recipes.teaching_net.photos import Batches, Photos, Steps
from recipes.teaching_net.schedule import Position, Recipe, Schedule, Step, find_phase
from recipes.teaching_net.session import (
    History,
    Outcome,
    ProcessGroup,
    RunOptions,
    catch_interruption,
    leave_signals_to_the_parent,
)

FORMAT = 2
"""Of checkpoints."""


class Training:
    """A net in training, with all that belongs to its state.

    Args:
        recipe: what decides the weights.
        photos: the photos to train on.
        options: how it is run.
        group: the processes that share the work.
        log: takes lines for people.
    """

    def __init__(
        self,
        recipe: Recipe,
        photos: Photos,
        options: RunOptions,
        group: ProcessGroup,
        log: Callable[[str], object] = print,
    ) -> None:
        if recipe.batch % group.size:
            raise ValueError(f"A batch of {recipe.batch} can't be shared evenly by {group.size} processes.")
        self.recipe, self.photos, self.options, self.group, self.log = recipe, photos, options, group, log
        torch.manual_seed(recipe.seed)
        self.net: nn.Module = hrnet(recipe.variant, num_outputs=len(photos.classes)).to(group.device)
        if recipe.channels_last:
            self.net = self.net.to(memory_format=torch.channels_last)
        if group.size > 1 and group.device.type == "cuda":  # elsewhere each process' norms see its own photos
            sync: Any = nn.SyncBatchNorm  # its methods have no types
            self.net = sync.convert_sync_batchnorm(self.net)
        self.average = average_of(self.net, recipe.ema_decay)
        self.optimizer = build_optimizer(self.net, recipe)
        self.position = Position()
        self.history = History(folder_photos=len(photos))
        self.path = options.run / "checkpoint.pt"

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
        self._check_classes(self.path, state)
        history = History(**state["history"])
        if history.folder_photos not in (None, len(self.photos)):
            raise ValueError(
                f"'{self.path}' was trained on {history.folder_photos} photos, but the folder now gives "
                f"{len(self.photos)}. Bring the folder back to what it was, or begin anew without --resume."
            )
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.position, self.history = Position(**state["position"]), history

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
        self._check_classes(path, state)
        self.net.load_state_dict(averaged_weights(state))
        self.average = average_of(self.net, self.recipe.ema_decay)
        self.history.before = {
            "recipe": json.loads(state["recipe"]),
            "history": state["history"],
            "progress": state["position"]["progress"],
        }

    def _check_classes(self, path: Path, state: dict[str, Any]) -> None:
        if tuple(state["classes"]) != self.photos.classes:
            raise ValueError(f"'{path}' has the classes {state['classes']}, the folder {self.photos.classes}.")

    def save(self) -> None:
        """Write the checkpoint beside its final name first, so that a broken run leaves the one before it whole."""
        if not self.group.leads:
            return
        state = {
            "format": FORMAT,
            "recipe": self.recipe.to_json(),
            "classes": list(self.photos.classes),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "position": asdict(self.position),
            "history": asdict(self.history),
            "random": torch.get_rng_state(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".unfinished")
        with unfinished.open("wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(self.path)

    def run(self, check_photos: Photos | None = None) -> Outcome:
        """Run the training from the present position to the end of the schedule, or to an interruption.

        Args:
            check_photos: photos, all of one size, on which the moving average is tried now and then.
        """
        self._begin_session()
        loader = DataLoader(
            Batches(self.photos, self.recipe, self.group.rank, self.group.size),
            batch_size=None,
            sampler=Steps(Schedule(self.recipe, len(self.photos), self.position)),
            num_workers=self.options.workers,
            collate_fn=_hand_on,
            worker_init_fn=leave_signals_to_the_parent,
        )
        stepping: Any = self.net
        if self.group.size > 1:
            stepping = DistributedDataParallel(stepping, gradient_as_bucket_view=True)
        if self.options.compile:
            stepping = torch.compile(stepping, dynamic=True)
        first = self.position.step
        mark = saved = logged = time.monotonic()
        bar = tqdm(total=100.0, initial=100 * self.position.progress, disable=None if self.group.leads else True)
        with catch_interruption() as interrupted, bar:
            for pixels, labels, step in loader:
                _set_modes(self.net, still=find_phase(self.recipe, step.at.progress).still)
                loss, right = self.take_step(stepping, pixels, labels, step)
                # All processes have to stop at the same step.
                sums = self.group.add_up([loss * len(labels), right, len(labels), max(interrupted, default=0)])
                if not isfinite(sums[0]):
                    raise ValueError(
                        f"The loss is {sums[0] / sums[2]:g} at {self.position.progress:.1%}: the training has diverged "
                        "and stops; the checkpoint is as it was saved last. Try a lower --peak-rate, or --clip 1."
                    )
                now = time.monotonic()
                self.history.seconds += now - mark
                mark = now
                line = f"loss {sums[0] / sums[2]:.3f}, accuracy {sums[1] / sums[2]:.3f}"
                bar.update(100 * step.after.progress - bar.n)
                bar.set_postfix_str(line)
                if step.after.step == first + 1 or now - logged >= self.options.log_every_s:
                    logged = now
                    self.log(
                        f"{datetime.now():%H:%M:%S} {step.after.progress:6.1%}, step {step.after.step}, "  # noqa: DTZ005
                        f"pass {step.after.epoch}, {step.size} px, rate {step.rate:.4f}, {line}"
                    )
                if now - saved >= self.options.save_every_s:
                    self.save()
                    saved = now
                if sums[3] or (self.options.stop_after and step.after.step - first >= self.options.stop_after):
                    break
                if step.after.epoch > step.at.epoch and step.after.epoch % self.options.check_every == 0:
                    self.check(check_photos)
        if self.position.progress >= 1:
            self.check(check_photos)
        self.save()
        return Outcome(self.average.module.eval(), self.position, self.history, max(interrupted, default=0))

    def take_step(self, net: Any, pixels: Tensor, labels: Tensor, step: Step) -> tuple[float, int]:
        """Run one step; return the loss and the number of right answers of this process' photos."""
        recipe, device = self.recipe, self.group.device
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
        if self.group.leads:
            self.average.update_parameters(self.net)
            if find_phase(recipe, step.at.progress).still:
                for old, new in zip(self.average.module.buffers(), self.net.buffers(), strict=True):
                    old.copy_(new)  # statistics that stand still are taken over as they are
        self.position = step.after
        self.history.photos[step.size] = self.history.photos.get(step.size, 0) + len(step.photos)
        return float(loss.detach()), int((logits.detach().argmax(1) == labels).sum())

    def check(self, photos: Photos | None) -> None:
        """Run the moving average on photos that are not trained on, and log how often it is right."""
        if photos is None or not self.group.leads:
            return
        recipe, size, net = self.recipe, photos.pixels.shape[-1], self.average.module.eval()
        logits = predict(net, photos.pixels, mean=recipe.mean, std=recipe.std, bf16=recipe.autocast == "bf16")
        accuracy = float((logits.argmax(1) == photos.labels).float().mean())
        loss = float(F.cross_entropy(logits, photos.labels))
        at = self.position.progress
        self.history.checks.append(
            {"progress": at, "size": size, "photos": len(photos), "accuracy": accuracy, "loss": loss}
        )
        self.log(f"check at {at:.1%}: {accuracy:.4f} right of {len(photos)} photos at {size} px, loss {loss:.4f}")

    def _begin_session(self) -> None:
        self.history.sessions += 1
        self.history.settings.append(
            f"from {self.position.progress:.1%} on: {self.group.size} process(es), {torch.get_num_threads()} thread(s) "
            f"each, {self.group.device.type}, torch {torch.__version__}"
        )


def average_of(net: nn.Module, decay: float) -> AveragedModel:
    """Return a moving average of weights and statistics: steadier, and better in testing, than the last step's weights.

    Args:
        net: what to average.
        decay: share of the old average that a step keeps; smaller in the first steps, (1 + t) / (10 + t), so that the
            random weights of the start are forgotten.
    """

    def follow(averages: Any, state: Any, steps: Tensor | int) -> None:
        if averages[0].is_floating_point():
            share = 1 - min(decay, (1 + int(steps)) / (10 + int(steps)))
            torch._foreach_lerp_(averages, state, share)  # as torch's own averages do
        else:
            for old, new in zip(averages, state, strict=True):
                old.copy_(new)

    average = AveragedModel(net, multi_avg_fn=follow, use_buffers=True)
    average.requires_grad_(requires_grad=False).eval()
    return average


def averaged_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """Return the state dict of the moving average in a checkpoint."""
    return {name.removeprefix("module."): value for name, value in state["average"].items() if name != "n_averaged"}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint; only tensors and plain values are taken, so that no code in it can run.

    Raises:
        ValueError: no such file, or not a checkpoint of this recipe.
    """
    if not path.is_file():
        raise ValueError(f"There is no checkpoint '{path}'. Train first, or give the folder of a run.")
    try:
        state: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # reading a damaged or foreign file, torch raises whatever comes
        raise ValueError(
            f"'{path}' can't be read as a checkpoint ({type(error).__name__}): it is damaged, or another kind of file. "
            "Give the folder of another run, or begin anew."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(f"'{path}' is no checkpoint of recipes.teaching_net, format {FORMAT}.")
    return state


def build_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Return SGD with Nesterov's momentum; biases and norms, which have one axis, are not decayed."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=recipe.peak_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def _set_modes(net: nn.Module, *, still: bool) -> None:
    net.train()
    for module in net.modules() if still else ():
        if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)):
            module.eval()


def _hand_on(batch: Any) -> Any:
    return batch

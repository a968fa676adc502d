"""The training loop and its evaluation, short enough to be read."""

import math

from ..autograd import no_grad, raw
from ..errors import AnomalyError, InputError
from ..nn import functional as F
from ..nn.utils import clip_grad_norm_
from .history import History
from .keeper import Saver

__all__ = ["fit", "evaluate"]


def _accuracy_count(output, target):
    """How many rows of logits have their largest entry at the label (or at the largest probability)."""
    labels = target if target.ndim == 1 else target.argmax(dim=1)
    return int((output.argmax(dim=1) == labels).sum())


def evaluate(model, loader, loss=F.cross_entropy):
    """(mean loss, accuracy) over a loader of (input, target) batches, in evaluation mode; the model's mode is put back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    total, hits, count = 0.0, 0, 0
    try:
        with no_grad():
            for x, y in loader:
                output = model(x)
                total += loss(output, y).item() * len(x)
                hits += _accuracy_count(output, y)
                count += len(x)
    finally:
        for module, mode in modes:
            module.training = mode
    if count == 0:
        raise InputError("evaluate", "loader", "at least one batch", "none")
    return total / count, hits / count


def fit(model, loader, optimizer, loss=F.cross_entropy, epochs=1, scheduler=None, schedule_by="epoch", validate=None,
        max_norm=None, history=None, progress=True, on_epoch=None, checkpoint=None, resume=False):
    """Train: for every batch, forward, loss, backward, step. Returns a History.

    scheduler: stepped once an epoch, or with schedule_by="step" after every batch (OneCycleLR). validate: a loader,
    evaluated after each epoch. max_norm: clips the gradient's norm. history: one to go on with. progress: a bar, or one
    line an epoch where the output is no terminal. on_epoch(epoch, history): called after each epoch; True stops.
    A loss that is not finite raises AnomalyError at once, with the step at which it happened.

    checkpoint: a train.Checkpoint, saved to as it says, after on_epoch. resume=True goes on from its newest file, if
    there is one, until `epochs` in all are done; the result is the same, bit for bit, as without the break. With a
    checkpoint, Ctrl-C lets the step (or the evaluation) end, saves, and raises KeyboardInterrupt; a second one stops at once.
    """
    if schedule_by not in ("epoch", "step"):
        raise InputError("fit", "schedule_by", "'epoch' or 'step'", repr(schedule_by))
    from tqdm import tqdm  # only here, so that importing minicnn does not load it

    history = History() if history is None else history
    saver = Saver(checkpoint, resume, history, model=model, optimizer=optimizer, scheduler=scheduler, loader=loader,
                  validate=validate)
    first = len(history.epochs)
    last = epochs if resume else first + epochs
    total, done = epochs * len(loader), len(history.steps) if resume else 0
    with saver.held_interrupt(), tqdm(total=total, initial=min(done, total), disable=None if progress else True, unit="step") as bar:
        for epoch in range(first, last):
            model.train()
            sums = saver.take_sums()
            for x, y in loader:
                optimizer.zero_grad()
                output = model(x)
                value = loss(output, y)
                number = value.item()
                if not math.isfinite(number):
                    raise AnomalyError(
                        f"fit: the loss is {number} at step {len(history.steps)} of epoch {epoch}. Lower the learning rate, "
                        "clip the gradient with max_norm=1.0, or find the operation with minicnn.detect_anomaly()")
                value.backward()
                if max_norm is not None:
                    clip_grad_norm_(model.parameters(), max_norm)
                optimizer.step()
                history.add_step(loss=number, lr=optimizer.param_groups[0]["lr"])
                if scheduler is not None and schedule_by == "step":
                    scheduler.step()
                sums["loss"], sums["count"] = sums["loss"] + number * len(x), sums["count"] + len(x)
                logits = output[0] if isinstance(output, tuple) else output  # the others are auxiliary classifiers'
                sums["hits"] += _accuracy_count(logits.detach(), y) if raw(logits).ndim == 2 else 0
                saver.after_step(sums)
                bar.update()
                bar.set_postfix(loss=f"{number:.3f}", refresh=False)
            if sums["count"] == 0:
                raise InputError("fit", "loader", "at least one batch", "none")
            record = {"train_loss": sums["loss"] / sums["count"], "train_accuracy": sums["hits"] / sums["count"]}
            if validate is not None:
                record["test_loss"], record["test_accuracy"] = evaluate(model, validate, loss)
            if scheduler is not None and schedule_by == "epoch":
                scheduler.step()
            history.add_epoch(**record)
            line = f"epoch {epoch + 1}: " + ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in record.items())
            bar.set_description(line)
            if progress and bar.disable:  # into a file or a pipe
                print(line)
            stop = on_epoch is not None and on_epoch(epoch, history)
            saver.after_epoch()
            if stop:
                break
    return history

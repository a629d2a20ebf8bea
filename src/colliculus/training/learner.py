"""A model in training: weights, moving average, optimiser and history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from time import perf_counter

import torch

from colliculus.data.dataset import Split
from colliculus.data.loading import epoch_batches, made_ahead, ready_for
from colliculus.data.noise import NoisySplit, check_modalities, white_noise
from colliculus.evaluation.inference import classify
from colliculus.losses import Objective
from colliculus.losses.class_weights import ClassWeights, balanced
from colliculus.model import MultimodalSNN
from colliculus.modulation import Modulator, Validation
from colliculus.modulation.base import Terms
from colliculus.runs.metrics import Metrics
from colliculus.runs.predictions import Predictions
from colliculus.runs.run import Run, to_document
from colliculus.runs.start import load_start
from colliculus.runtime import LossScale, Runtime, check_norm, evaluated_in, keep_buffers
from colliculus.training.checkpoint import State
from colliculus.training.optim import build_optimizer, learning_rate, set_learning_rate, update_average
from colliculus.training.step import EpochSums, TrainingStep
from colliculus.types import Batch, ColliculusError


class Learner:
    """A run between its first and its last epoch.

    Args:
        run: run to train.
        runtime: device and processes.
        state: state to go on from; None starts from the seed, or from the weights that the run names.
        class_counts: training samples of each class, for `train.class_weights`; nothing else reads them.

    Raises:
        ColliculusError: the classes are to be weighed and the objective has no term that can, or the noise refers to
            the raw power of a modality that is not known.
    """

    def __init__(self, run: Run, runtime: Runtime, state: State | None, class_counts: Sequence[int] = ()) -> None:
        self.run, self.runtime, self.settings = run, runtime, run.experiment.train
        method = run.experiment.method
        check_modalities(self.settings.snr_db, run.spec)
        own = self.settings
        self._noise = white_noise(own.snr_db, own.snr_of, run.normalisation, own.seed)
        torch.manual_seed(self.settings.seed)  # the same initial weights on every rank
        self.model: MultimodalSNN = method.model(run.spec)
        if run.start is not None and state is None:
            load_start(self.model, run.start)
        self.model.to(runtime.device)
        self.model.recompute, self.model.precision = self.settings.recompute, evaluated_in(self.settings.precision)
        self.average = None if self.settings.ema_decay is None else deepcopy(self.model).eval()
        self._modulator: Modulator = method.modulator()
        if self.settings.compile != "none":
            if self._modulator.differentiates:
                keep_buffers()
            # A graph for each size of a batch: PyTorch fails on a free one (github.com/pytorch/pytorch/issues/185510).
            self.model.compile(mode=self.settings.compile, dynamic=False)
        self.objective = method.objective()
        if self.settings.class_weights == "balanced":
            self.objective = _weighted(self.objective, balanced(class_counts))
        streams = {m: self.model.stream_parameters(m) for m in self.model.modalities}
        self._optimizer = build_optimizer(self.model, self.settings, streams, self.model.readout_parameters())
        self._scale = _loss_scale(runtime, self._modulator) if self.settings.precision == "fp16" else None
        self.history: list[dict[str, float]] = []
        self.steps, self.samples, self.seconds, self.best = 0, 0, 0.0, ""
        if state is not None:
            self._restore(state)
        self._step = TrainingStep(
            model=self.model,
            objective=self.objective,
            modulator=self._modulator,
            optimizer=self._optimizer,
            runtime=runtime,
            clip_norm=self.settings.clip_norm,
            scale=self._scale,
        )

    @property
    def judged(self) -> MultimodalSNN:
        """The model that is validated and saved: the moving average if there is one."""
        return self.model if self.average is None else self.average

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences of the balance to warn with at the start."""
        return self._modulator.remarks(self.settings.optimizer)

    @property
    def samples_per_second(self) -> float:
        """Training samples per second of all ranks, over all epochs so far."""
        return self.samples / self.seconds if self.seconds else 0.0

    def train_epoch(self, split: Split, epoch: int, watch: Callable[[int, EpochSums, float], None]) -> dict[str, float]:
        """Train one epoch, counted from 0.

        Args:
            split: the training part.
            epoch: decides order, random numbers and learning rate.
            watch: called after every step with the epoch, its sums so far and its seconds so far.

        Returns:
            Figures of the epoch by column of `metrics.csv`.

        Raises:
            ColliculusError: training diverged.
        """
        rate = learning_rate(self.settings, epoch)
        self._modulator.begin_epoch(
            seed=self.settings.seed, epoch=epoch, epochs=self.settings.epochs, device=self.runtime.device
        )
        set_learning_rate(self._optimizer, rate, self._modulator.learning_rates())
        self.runtime.seed(self.settings.seed, epoch)
        self.model.train()
        sums, start, before = EpochSums(), perf_counter(), None
        for batch in made_ahead(self.batches(split, epoch)):
            report = self._step(batch.to(self.runtime.device))
            sums.add(report)
            if before is not None:
                check_norm(before)  # while the device works at this step
            before = report.grad_norm
            if self.average is not None and self.settings.ema_decay is not None:
                update_average(self.average, self.model, decay=self.settings.ema_decay, step=self.steps)
            self.steps += 1
            watch(epoch, sums, perf_counter() - start)
        if before is not None:
            check_norm(before)
        if self._scale is not None:
            self._scale.check()
        self._agree_on_buffers()
        self._check_finite(epoch)
        samples, means = sums.means(self.runtime)
        self.samples, self.seconds = self.samples + samples, self.seconds + perf_counter() - start
        return {"epoch": epoch + 1, "learning_rate": rate, **means}

    def validate(self, split: Split) -> dict[str, float]:
        """Validate the epoch and end it; figures by column of `metrics.csv`, none where `split` is empty."""
        if not len(split):
            self._modulator.end_epoch(Validation())
            return {}
        predictions = self.classify(split)
        found = Metrics.of(predictions)
        self._modulator.end_epoch(Validation(found.modality_accuracy, predictions.losses))
        return {
            "validation_accuracy": found.accuracy,
            "validation_macro_f1": found.macro_f1,
            **{f"validation_accuracy_{m}": accuracy for m, accuracy in found.modality_accuracy.items()},
        }

    def evaluate(self, split: Split) -> Metrics:
        """Metrics of the judged model on every sample of `split`."""
        return Metrics.of(self.classify(split))

    def classify(self, split: Split) -> Predictions:
        """Predictions of the judged model for every sample of `split`."""
        return classify(
            self.judged,
            split,
            batch_size=self.settings.batch_size,
            corruption=self._noise and replace(self._noise, seed=0),  # the same for every training
            collective=self.runtime,
        )

    def noisy(self, split: Split) -> Split:
        """`split` with the noise of the training, if there is any."""
        return split if self._noise is None else NoisySplit(split, self._noise)

    def batches(self, split: Split, epoch: int) -> Iterator[Batch]:
        """Batches of one training epoch on this rank, ready for its device."""
        found = epoch_batches(
            self.noisy(split),
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            epoch=epoch,
            shuffle=True,
            drop_incomplete=self.settings.drop_incomplete,
            sampling=self.settings.sampling,
            rank=self.runtime.rank,
            world_size=self.runtime.world_size,
        )
        return (ready_for(self.runtime.device, batch) for batch in found)

    def state(self) -> State:
        """Everything that `Learner` needs to go on from here."""
        return State(
            run=to_document(self.run),
            world_size=self.runtime.world_size,
            model=self.model.state_dict(),
            average=None if self.average is None else self.average.state_dict(),
            optimizer=self._optimizer.state_dict(),
            modulation=self._modulator.state(),
            steps=self.steps,
            history=self.history,
            samples=self.samples,
            seconds=self.seconds,
            best=self.best,
            scale={} if self._scale is None else self._scale.state(),
        )

    def _restore(self, state: State) -> None:
        self.model.load_state_dict(state.model)
        if self.average is not None and state.average is not None:
            self.average.load_state_dict(state.average)
        self._optimizer.load_state_dict(state.optimizer)
        self._modulator.restore(state.modulation)
        if self._scale is not None:
            self._scale.restore(state.scale)
        self.steps, self.history = state.steps, state.history
        self.samples, self.seconds, self.best = state.samples, state.seconds, state.best

    def _check_finite(self, epoch: int) -> None:
        """Stop where the training diverges: a layer of NaN is silent, and the loss of silence is finite."""
        for model in (self.model, self.average):
            for name, value in () if model is None else model.state_dict().items():
                if not value.isfinite().all():
                    raise ColliculusError(
                        f"training diverged in epoch {epoch + 1}, {name} holds numbers that are not finite: lower the"
                        " learning rate or set a clip_norm"
                    )

    def _agree_on_buffers(self) -> None:
        """Replace running statistics, which each rank gathered on its own samples, by their mean over the ranks."""
        for model in (self.model, self.average):
            for buffer in () if model is None else model.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.runtime.sum(buffer) / self.runtime.world_size)


def _loss_scale(runtime: Runtime, modulator: Modulator) -> LossScale:
    if modulator.differentiates:
        raise ColliculusError(
            "the balance of the method differentiates losses by itself, and float16 rounds their gradients to zero:"
            " choose train.precision bf16 or fp32, or another balance"
        )
    return LossScale(runtime.device)


def _weighted(objective: Terms, class_weights: ClassWeights) -> Terms:
    if not isinstance(objective, Objective):
        raise ColliculusError(
            f"the objective of the method is a {type(objective).__name__} and weighs no classes: return an Objective,"
            " or leave train.class_weights at none"
        )
    return objective.weighted(class_weights)

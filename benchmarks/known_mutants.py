"""Mutants that `mutants.py` always runs, and those that it leaves out because they change no result."""

from __future__ import annotations

NAMED: tuple[tuple[str, str, str], ...] = (
    ("training/learner.py", "replace(self._noise, seed=0)", "self._noise"),
    ("evaluation/groups.py", '(SEED, "train.device", "data.root")', '(SEED, "data.root")'),
    (
        "data/loading.py",
        "min(-(-num_samples // batch_size), num_samples // world_size)",
        "-(-num_samples // batch_size)",
    ),
    ("data/evenly.py", "np.arange(found, dtype=np.int64) * (total - 1) // max(found - 1, 1)", "np.arange(found)"),
    ("data/augment/sound.py", "np.clip(waveforms, -1, 1)", "waveforms"),
    ("data/augment/sound.py", "np.clip(np.rint(waveforms), scale.min, scale.max)", "np.rint(waveforms)"),
    ("modulation/ogm_ge.py", "gradient.std(correction=0)", "gradient.std()"),
    ("fusion/places.py", "torch.arange(target[1]) * source[1] // target[1]", "torch.arange(target[1])"),
    ("fusion/cross_modal.py", "spatial + temporal + spatial * temporal", "spatial + temporal"),
    ("layers/ends.py", "[:, None] < ends", "[:, None] <= ends"),
    ("runtime/precision.py", "gradient.masked_fill_(overflowed, 0)", "pass"),
    ("fusion/exchange.py", "torch.stack(given).mean(0)", "torch.stack(given).sum(0)"),
    ("fusion/feeding.py", ".clamp(max=1.0)", ""),
    ("fusion/joint.py", "single + found if place else single", "single"),
    ("fusion/mask.py", "(self.query(x) * self.key(placed))", "self.query(x)"),
    ("fusion/pooling.py", "self.change[:, :steps]", "self.change[:, -steps:]"),
    ("losses/semantic_alignment.py", "(log_probabilities * same).sum(1)", "log_probabilities.sum(1)"),
    ("losses/cross_entropy.py", "self.weight * loss", "loss"),
    ("layers/attention.py", "(o.transpose(2, 3) if self.swap else o)", "o"),
    ("layers/attention.py", "permute(4, 1, 2, 0, 3)", "permute(4, 1, 0, 2, 3)"),
)
"""Mutants that are always run: file, text that stands in it once, and text that replaces it."""

EQUIVALENT = {
    "corpus/splits.py: return (part, float((np.square(off) / total).sum())) -> "
    "return (part, float((np.square(off) / total).mean()))": "costs are only compared, and are of one size",
    "corpus/splits.py: if rise[best] < -1e-09: -> if rise[best] <= -1e-09:": "no sum is this number",
    "corpus/splits.py: weights = 1 / counts.sum(axis=0) -> weights = 2 / counts.sum(axis=0)": "only compared",
    "corpus/splits.py: weights = 1 / counts.sum(axis=0) -> weights = 1 / counts.mean(axis=0)": "only compared",
    "corpus/splits.py: for stratum in range(strata.max(initial=-1) + 1): -> "
    "for stratum in range(strata.max(initial=-1) + 2):": "the additional stratum is empty",
    "corpus/splits.py: return order[np.argsort(-counts[order].sum(axis=1), kind='stable')] -> "
    "return order[np.argsort(-counts[order].mean(axis=1), kind='stable')]": "rows of one length have the same order",
    "evaluation/significance.py: totals += size * (2 * random.binomial(times, 0.5, DRAWS) - times) -> "
    "totals -= size * (2 * random.binomial(times, 0.5, DRAWS) - times)": "only their size is read",
    "evaluation/significance.py: raised, largest = ([0.0] * len(p_values), 0.0) -> "
    "raised, largest = ([1.0] * len(p_values), 0.0)": "each is overwritten",
    "corpus/splits.py: rise[there == here] = 0 -> rise[there == here] = 1": "neither is a gain",
    "corpus/splits.py: rise[len(partners):] = 0 -> rise[len(partners):] = 1": "neither is a gain",
    "corpus/splits.py: for stratum in range(strata.max(initial=-1) + 1): -> for stratum in "
    "range(strata.max(initial=+1) + 1):": "additional strata are empty",
    "corpus/splits.py: for stratum in range(strata.max(initial=-1) + 1): -> for stratum in "
    "range(strata.max(initial=-2) + 1):": "additional strata are empty",
    "evaluation/significance.py: tested = _stats().permutation_test((values / (np.abs(values).sum() or 1.0),), "
    "_rounded_sum, permutation_type='samples', vectorized=True, n_resamples=2 ** ENUMERATED if len(values) <= "
    "ENUMERATED else DRAWS, batch=DRAWS // 10, rng=seed) -> tested = _stats().permutation_test((values / "
    "(np.abs(values).sum() or 1.0),), _rounded_sum, permutation_type='samples', vectorized=True, n_resamples=2 ** "
    "ENUMERATED if len(values) < ENUMERATED else DRAWS, batch=DRAWS // 10, rng=seed)": "both try every sign",
    "evaluation/significance.py: return bool(n * difference ** 2 >= (reach * deviation) ** 2) -> return bool(n * "
    "difference ** 2 > (reach * deviation) ** 2)": "a quantile is no root of a whole number",
    "fusion/cross_modal.py: kept = torch.rand(residual.shape[1], device=residual.device) >= self.dropout -> "
    "kept = torch.rand(residual.shape[1], device=residual.device) > self.dropout": "the two differ once in 2**24 draws",
    "fusion/cross_modal.py: mapped = self.linear(residual.transpose(-1, -2)).transpose(-1, -2) -> "
    "mapped = self.linear(residual.transpose(-1, +2)).transpose(-1, -2)": "of four axes, -2 is 2",
    "fusion/cross_modal.py: mapped = self.linear(residual.transpose(-1, -2)).transpose(-1, -2) -> "
    "mapped = self.linear(residual.transpose(-1, -2)).transpose(-1, +2)": "of four axes, -2 is 2",
    "fusion/cmci.py: currents = {m: layer(placed[m].transpose(-1, -2)) for m, layer in self.linear.items() if m in "
    "placed} -> currents = {m: layer(placed[m].transpose(-1, +2)) for m, layer in self.linear.items() if m in "
    "placed}": "of four axes, -2 is 2",
    "fusion/cmci.py: return self.mlp(self.neuron(sum_of(currents).transpose(-1, -2))) -> "
    "return self.mlp(self.neuron(sum_of(currents).transpose(-1, +2)))": "of four axes, -2 is 2",
    "fusion/sca.py: later = order.index(modality) > order.index(other) -> "
    "later = order.index(modality) >= order.index(other)": "no modality receives from itself",
    "fusion/time_alignment.py: if self.training and moved[:, :, 0].numel() == 1: -> "
    "if self.training and moved[:, :, 1].numel() == 1:": "every feature has as many numbers",
    "fusion/weighted_attention.py: weighted = {m: x * self._weight(m, means).unsqueeze(-1) for m, x in "
    "tokens.items()} -> weighted = {m: x * self._weight(m, means).unsqueeze(-2) for m, x in "
    "tokens.items()}": "both axes have length 1",
    "losses/temporal_balanced.py: return output.time_weights.get(stream, even).float() -> return "
    "output.time_weights.get(stream, even).clone()": "the product is float32",
    "evaluation/paired.py: return tuple((test if test.p is None or test.least_p is None else "
    "replace(test, p=adjusted(i, test.p), least_p=adjusted(i, test.least_p), num_tests=len(tested)) for "
    "i, test in enumerate(found))) -> return tuple((test if test.p is None and test.least_p is None else "
    "replace(test, p=adjusted(i, test.p), least_p=adjusted(i, test.least_p), num_tests=len(tested)) for "
    "i, test in enumerate(found)))": "both are None, or neither",
    "modulation/agm.py: factors = adaptive_coefficients(costs, self._means or dict.fromkeys(costs, 0.0), "
    "self._settings.alpha) -> factors = adaptive_coefficients(costs, self._means or dict.fromkeys(costs, 1.0), "
    "self._settings.alpha)": "equal means lead by 1, whatever they are",
    "modulation/agm.py: self._means = {m: (self._means.get(m, 0.0) * self._steps + c) / (self._steps + 1) for m, c in "
    "costs.items()} -> self._means = {m: (self._means.get(m, 1.0) * self._steps + c) / (self._steps + 1) for m, c in "
    "costs.items()}": "the first step multiplies it by 0",
    "modulation/ogm_ge.py: state = np.random.SeedSequence([seed, epoch], spawn_key=(1,)).generate_state(1, np.uint64) "
    "-> state = np.random.SeedSequence([seed, epoch], spawn_key=(1,)).generate_state(2, np.uint64)": "one is read",
    "modulation/pmr.py: unknown = prototypes.isnan().any(dim=1) -> unknown = prototypes.isnan().all(dim=1)": "a row is "
    "unknown as a whole",
    "modulation/taaf.py: reciprocals = {m: 1 / max(s, TINY) for m, s in scores.items()} -> "
    "reciprocals = {m: 2 / max(s, TINY) for m, s in scores.items()}": "they are divided by their mean",
    "runs/metrics.py: return ClassMetrics(name=name, recall=correct / max(occurring, 1), precision=correct / "
    "max(predicted, 1), f1=2 * correct / max(occurring + predicted, 1), total=occurring) -> return "
    "ClassMetrics(name=name, recall=correct / max(occurring, 1), precision=correct / max(predicted, 1), f1=2 * "
    "correct / max(occurring + predicted, 2), total=occurring)": "a sum of 1 means that none is correct",
}
"""Mutants that change no result, by their name, with the reason."""

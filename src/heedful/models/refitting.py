"""Train a model that is made already, and keep nothing on disk: for comparisons of what training comes to."""

from __future__ import annotations

import copy
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from transformers import EarlyStoppingCallback, PreTrainedTokenizerBase

from heedful.data import Dataset
from heedful.errors import DataError
from heedful.models.configuration import AttentionPoolingConfig
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.presets import PRESETS, Preset
from heedful.models.reporting import EpochReport
from heedful.models.trainer import arguments, trainer
from heedful.models.training import seeded
from heedful.support.progress import quiet_transformers

_UNIT = 0.5  # word vectors that start larger than this are trained as the paper's, which start at 1


def recipe(config: AttentionPoolingConfig) -> Preset:
    """Return the preset by which models of this configuration are trained: the paper's, or the default one.

    Example:
        >>> recipe(AttentionPoolingConfig()).name, recipe(AttentionPoolingConfig(initializer_range=0.1)).name
        ('paper', 'default')
    """
    return PRESETS["paper" if config.initializer_range > _UNIT else "default"]


def trained_again(
    config: AttentionPoolingConfig,
    tokenizer: PreTrainedTokenizerBase,
    data: Dataset,
    preset: Preset,
    *,
    uniform: bool = False,
    seed: int = 0,
    progress: bool = False,
) -> AttentionPoolingForSequenceClassification:
    """Train a new model of a configuration from the start; some of the texts are held out to stop by.

    The caller's tokenizer and random state are left as they were.

    Args:
        config: its sizes and switches.
        tokenizer: what reads its texts.
        data: texts with labels, numbered as the model's classes.
        preset: how it is trained; what shapes the model itself is the configuration's.
        uniform: freeze its queries at 0, so that attention is the same on all tokens: what is left is a mean of values.
        seed: of everything random.
        progress: show progress on stderr.

    Raises:
        DataError: too few texts to hold any out.
    """
    fitting, validation = data.split(preset.validation_share, seed)
    if not len(fitting) or not len(validation):
        raise DataError(f"{len(data)} texts are too few to hold {preset.validation_share:.0%} out for validation")
    preset = preset.lengthened(len(fitting))
    with seeded(seed), quiet_transformers(), TemporaryDirectory() as folder:
        model = AttentionPoolingForSequenceClassification(copy.deepcopy(config))
        if uniform:
            model.query.data.zero_()
            model.query.requires_grad_(False)
        with closing(EpochReport(shown=progress)) as report:
            callbacks = [EarlyStoppingCallback(preset.patience), report] if preset.keep == "best" else [report]
            settings = arguments(Path(folder), preset, seed)
            trainer(model, copy.deepcopy(tokenizer), fitting, validation, settings, callbacks).train()
    return model.cpu().eval()

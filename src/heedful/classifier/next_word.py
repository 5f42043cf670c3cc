"""A causal language model as a classifier: within a template, the logits of a word for each class come next.

It stands behind a model of transformers with the language model inside, whose own weights, modules and hooks are used
and not changed. The logit of a class is the language model's logit of the first token of the class's word at the last
position that is attended to, so that a difference of two logits is that of two log-probabilities of next words.
Everything that looks inside finds the language model's layers.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import SequenceClassifierOutputWithPast

from heedful.errors import ModelError, SettingError
from heedful.support.names import shown
from heedful.text.encoding import plain_ids
from heedful.text.template import Template

_SAMPLE = "a"  # a text to see what follows the template


class NextWordModel(PreTrainedModel):
    """The logits of a few next words, as of classes.

    Args:
        model: the causal language model.
        words: token id of each class's word, by class name.
        padding: id for padding where the model knows none; what it is does not matter, as it stands behind and masked.
    """

    takes_pairs = False

    def __init__(self, model: PreTrainedModel, words: Mapping[str, int], padding: int) -> None:
        config = copy.deepcopy(model.config)
        kernel, config._attn_implementation = config._attn_implementation, "eager"  # which any class may have
        config.id2label, config.label2id = dict(enumerate(words)), {name: i for i, name in enumerate(words)}
        config.problem_type = "single_label_classification"
        super().__init__(config)
        config._attn_implementation = kernel
        text_config = config.get_text_config()
        if text_config.pad_token_id is None:
            text_config.pad_token_id = padding
        self.lm = model
        self.words = list(words.values())
        self.training = False
        self._places = "logits_to_keep" in inspect.signature(model.forward).parameters
        if hasattr(model, "_hf_hook"):
            self._hf_hook = model._hf_hook  # of accelerate: says where weights are that are kept elsewhere

    @property
    def base_model(self) -> nn.Module:
        """The language model without its head: what the logits are read from."""
        return self.lm.base_model

    def get_input_embeddings(self) -> nn.Module:
        """Return the language model's table of words."""
        return self.lm.get_input_embeddings()

    def set_attn_implementation(self, attn_implementation: str | dict[str, str], *args: bool) -> None:
        """Set it where it counts, in the language model."""
        self.lm.set_attn_implementation(attn_implementation, *args)
        self.config._attn_implementation = self.lm.config._attn_implementation

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> SequenceClassifierOutputWithPast:
        """Return the logits of the classes' words behind each text.

        Raises:
            ModelError: the model gives no logits of next words.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        numbered = torch.arange(1, mask.shape[1] + 1, device=mask.device)
        last = ((mask > 0) * numbered).argmax(dim=1)  # attended, by the mask: padding may be on either side
        places, which = torch.unique(last, return_inverse=True)
        asked = {"output_attentions": output_attentions, "output_hidden_states": output_hidden_states}
        options = {name: value for name, value in asked.items() if value is not None}
        if self._places:
            options["logits_to_keep"] = places
        else:
            which = last
        out = self.lm(input_ids=input_ids, attention_mask=attention_mask, use_cache=False, return_dict=True, **options)
        logits = getattr(out, "logits", None)
        if not isinstance(logits, Tensor) or logits.ndim != 3 or logits.shape[2] <= max(self.words):
            raise ModelError(f"{self.config.name_or_path or type(self.lm).__name__} gives no logits of next words")
        rows = torch.arange(len(which), device=logits.device)
        chosen = logits[rows, which.to(logits.device)]
        return SequenceClassifierOutputWithPast(
            logits=chosen[:, self.words],
            hidden_states=getattr(out, "hidden_states", None),
            attentions=getattr(out, "attentions", None),
        )


def next_word_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: Template, labels: object, name: str
) -> NextWordModel:
    """Return a classifier's model that reads, behind a template, the logits of the classes' words.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        template: what is put around every text.
        labels: a word for each class, by class name.
        name: what errors call the model.

    Raises:
        ModelError: the model predicts no next words.
        SettingError: the labels are no mapping of two names or more to words, or the words cannot be told apart.
    """
    if not model.can_generate() or model.config.is_encoder_decoder:
        raise ModelError(
            f"{name}, a {type(model).__name__}, predicts no next word: a template goes with a causal language model"
        )
    words = _first_tokens(tokenizer, template, _checked(labels), name)
    known = (model.config.get_text_config().pad_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return NextWordModel(model, words, next(i for i in known if i is not None))


def _checked(labels: object) -> dict[str, str]:
    if (
        not isinstance(labels, Mapping)
        or len(labels) < 2
        or not all(isinstance(one, str) and one for pair in labels.items() for one in pair)
    ):
        raise SettingError(
            "with a template, labels names a word for each of two classes or more, as in "
            f"{{'positive': ' good', 'negative': ' bad'}}, got {shown(labels)}"
        )
    return dict(labels)


def _first_tokens(
    tokenizer: PreTrainedTokenizerBase, template: Template, labels: Mapping[str, str], name: str
) -> dict[str, int]:
    """The first token of each word where it stands behind the template."""
    context = plain_ids(tokenizer, template.around(_SAMPLE), name)
    words: dict[str, int] = {}
    for label, word in labels.items():
        ids = plain_ids(tokenizer, template.around(_SAMPLE) + word, name)
        if ids[: len(context)] != context or len(ids) == len(context):
            raise SettingError(
                f"{name}: {shown(word)} does not begin with a token of its own behind the template: end the template "
                "without white space, and begin the word with it, as in ' good'"
            )
        other = next((key for key, value in words.items() if value == ids[len(context)]), None)
        if other is not None:
            raise SettingError(
                f"{name}: {shown(labels[other])} and {shown(word)} begin with the same token, so their classes cannot "
                "be told apart: choose words that differ from the start"
            )
        if not tokenizer.decode(ids[len(context)]).strip() or tokenizer.unk_token_id in ids[len(context) :]:
            raise SettingError(f"{name}: {shown(word)} is not in the vocabulary: choose another word")
        words[label] = ids[len(context)]
    return words

"""Small classifiers of many architectures, random float64 weights, with tokenizers made on the spot."""

from __future__ import annotations

from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from factory import SENTENCES, make_classifier
from heedful.classifier import Classifier

PAIRS = (
    "what a dull plot , it was not good",
    "naïve café : une fin très belle , vraiment",
    "the unbelievably slow ending",
)
SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 64, "num_labels": 3,
}  # fmt: skip
DECODER = {"num_key_value_heads": 1, "head_dim": 8}
# name: tokenizer, transformers' model type, settings
ARCHITECTURES: dict[str, tuple[str, str, dict[str, object]]] = {
    "bert": ("wordpiece", "bert", {}),
    "distilbert": (
        "wordpiece", "distilbert",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 64, "num_labels": 3},
    ),
    "roberta": ("byte-level", "roberta", {"type_vocab_size": 1}),
    "xlm-roberta": ("unigram", "xlm-roberta", {"type_vocab_size": 1}),
    "deberta-v2": (
        "unigram", "deberta-v2",
        {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
    ),
    "modernbert": (
        "byte-level", "modernbert",
        {"global_attn_every_n_layers": 2, "local_attention": 8, "classifier_pooling": "mean"},
    ),
    "llama": ("unigram-decoder", "llama", DECODER),
    "qwen2": ("byte-level-decoder", "qwen2", DECODER),
    "gpt2": (
        "byte-level-decoder", "gpt2", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "num_labels": 3}
    ),
}  # fmt: skip
NAMES = (*ARCHITECTURES, "paper")

# by hand, as the trainers of WordPiece and Unigram break ties at random
_WORDS = sorted({word for text in (*SENTENCES, *PAIRS) for word in text.lower().split()})
_STARTS = sorted({word if len(word) < 7 else word[:4] for word in _WORDS if len(word) > 1})
_MIDDLES = sorted({word[i : i + 4] for word in _WORDS if len(word) >= 7 for i in range(4, len(word), 4)})
_CHARACTERS = sorted(set("".join(_WORDS)))


def make(name: str, seed: int = 0, **settings: object) -> Classifier:
    """A classifier of this architecture, or the paper's; `settings` go to its configuration."""
    if name == "paper":
        return make_classifier(seed, **settings)
    kind, model_type, own = ARCHITECTURES[name]
    tokenizer = make_tokenizer(kind)
    sizes = {} if "dim" in own or "n_embd" in own else SIZES
    config = AutoConfig.for_model(
        model_type, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        cls_token_id=tokenizer.bos_token_id, sep_token_id=tokenizer.eos_token_id, **(sizes | own | settings),
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_config(config).double().eval()
        for weight in model.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.4)  # far enough from zero for words to matter
    return Classifier(model, tokenizer, name)


@cache
def make_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """WordPiece with [CLS] and [SEP]; byte-level BPE or Unigram with <s> and </s>, or as decoders have them."""
    family = kind.removesuffix("-decoder")
    decoder = kind != family
    names = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]") if family == "wordpiece" else (
        "<s>", "</s>", "<pad>", "<unk>", "<mask>"
    )  # fmt: skip
    first, last, pad, unknown, mask = names
    special = [first, pad, last, unknown, mask]
    if family == "wordpiece":
        inside = sorted({*_CHARACTERS, *_MIDDLES})
        pieces = [*special, *_CHARACTERS, *_STARTS, *(f"##{one}" for one in inside)]
        backend = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token=unknown))
        backend.normalizer = normalizers.BertNormalizer()
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    elif family == "byte-level":
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=340, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        backend.train_from_iterator((*SENTENCES, *PAIRS), trainer)
    else:
        pieces = [(name, 0.0) for name in special]
        inside = sorted({*_CHARACTERS, *_MIDDLES})
        pieces += [("\u2581", -4.0), *((f"\u2581{one}", -5.0) for one in _STARTS), *((one, -6.0) for one in inside)]
        backend = Tokenizer(models.Unigram(pieces, unk_id=special.index(unknown)))
        backend.pre_tokenizer = pre_tokenizers.Metaspace()
        backend.decoder = decoders.Metaspace()
        backend.add_special_tokens(special)
    single, pair = f"{first} $A {last}", f"{first} $A {last} {last} $B {last}"
    if family == "wordpiece":
        pair = f"{first} $A {last} $B:1 {last}:1"
    if decoder:
        single, pair = f"{first} $A", f"{first} $A $B"
    ids = [(name, backend.token_to_id(name)) for name in special]
    templates = processors.TemplateProcessing(single=single, pair=pair, special_tokens=ids)
    trimmed = processors.ByteLevel(trim_offsets=True)
    backend.post_processor = processors.Sequence([trimmed, templates]) if family == "byte-level" else templates
    ends = {"cls_token": first, "sep_token": last, "mask_token": mask} if not decoder else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=first, eos_token=last, pad_token=pad, unk_token=unknown, **ends,
        model_max_length=int(1e30),
        model_input_names=["input_ids", "attention_mask", *(["token_type_ids"] if family == "wordpiece" else [])],
    )  # fmt: skip

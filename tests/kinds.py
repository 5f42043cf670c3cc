"""A tiny classifier with random weights of every kind of sequence classifier that transformers has."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedConfig
from transformers.models.auto import modeling_auto

import zoo
from heedful.classifier import Classifier

KINDS: tuple[str, ...] = tuple(modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)

# one size for all names of one thing; only those that a configuration has are set
_SIZES = {
    **dict.fromkeys(
        ("d_latents", "d_model", "dim", "emb_dim", "embedding_size", "entity_emb_size", "hidden_size", "n_embd",
         "true_hidden_size", "intra_bottleneck_size", "word_embed_proj_dim", "q_lora_rank"), 16,
    ),
    **dict.fromkeys(
        ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers",
         "num_decoder_layers", "depth"), 2,
    ),
    **dict.fromkeys(
        ("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads", "decoder_attention_heads",
         "num_heads"), 2,
    ),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 1),
    **dict.fromkeys(("head_dim", "d_head", "d_kv"), 8),
    **dict.fromkeys(
        ("d_ff", "d_inner", "decoder_ffn_dim", "dff", "encoder_ffn_dim", "feed_forward_size", "ffn_dim", "hidden_dim",
         "intermediate_size", "moe_intermediate_size", "n_inner", "shared_expert_intermediate_size"), 24,
    ),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), 64),
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 4),
}  # fmt: skip
_LATENT = {
    "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "qk_head_dim": 8, "v_head_dim": 8, "head_dim": 4,
    "num_key_value_heads": 2,
}  # fmt: skip
_LATENT_EXPERTS = _LATENT | {"n_group": 1, "topk_group": 1, "num_experts_per_tok": 2}
_LINEAR = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
}  # fmt: skip
_MAMBA = {"mamba_d_state": 4, "mamba_d_conv": 2, "mamba_dt_rank": 4, "use_mamba_kernels": False}
_FULL = {"layer_types": ["full_attention", "full_attention"]}
# what a size alone does not say
_OWN: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("axk1", "deepseek_v2", "deepseek_v3", "mistral4"), _LATENT_EXPERTS),
    "axk2": _LATENT_EXPERTS | {"index_topk": 32, "index_head_dim": 8, "index_n_heads": 2, "gated_norm_rank": 4},
    "minicpm3": _LATENT,
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0}}, **_FULL,
    },
    "diffllama": {"num_key_value_heads": 2},
    "esmc": {"num_key_value_heads": 2},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 4},
    "layoutlmv3": {"coordinate_size": 4, "shape_size": 4, "visual_embed": False, "hidden_size": 24},
    "lilt": {"hidden_size": 24},
    "longformer": {"attention_window": 8},
    "mistral4": _LATENT_EXPERTS,
    "perceiver": {"num_latents": 4, "num_self_attends_per_block": 2, "num_self_attention_heads": 2},
    "qwen3_5": {"text_config": _LINEAR},
    "qwen3_5_text": _LINEAR,
    "qwen3_moe": {"num_experts_per_tok": 2},
    "qwen3_next": _LINEAR | {"num_experts_per_tok": 2},
    "reformer": {
        "attention_head_size": 8, "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [8, 8],
        "attn_layers": ["local", "lsh"],
        "local_attn_chunk_length": 8, "lsh_attn_chunk_length": 8, "num_buckets": 4,
    },
    "tapas": {"type_vocab_sizes": [3, 4, 4, 2, 4, 4, 4]},
    "jamba": _MAMBA | {"attn_layer_period": 2, "attn_layer_offset": 1},
    "xmod": {"default_language": "en_XX"},
    "zamba": _MAMBA | {
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"], "num_hidden_layers": 4,
        "n_mamba_heads": 2,
    },
    "zamba2": _MAMBA | {"layers_block_type": ["linear_attention", "hybrid"], "n_mamba_heads": 2},
}  # fmt: skip

_SINGLE = {"canine", "mra"}  # mask by float32's lowest number, compute in float32 at one place


def configuration(kind: str, **settings: Any) -> PreTrainedConfig:
    """The default configuration of a kind, every size of it made tiny."""
    tokenizer = zoo.make_tokenizer(tokenizer_of(kind))
    ends = {
        "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id, "decoder_start_token_id": tokenizer.bos_token_id,
    }  # fmt: skip
    base, own = AutoConfig.for_model(kind), _OWN.get(kind, {})
    sizes = _tiny(base, ends)
    parts = {name: sizes[name] | part for name, part in own.items() if name in base.sub_configs}
    config = AutoConfig.for_model(kind, **(sizes | own | parts | settings))
    config.num_labels = 3
    config._experts_implementation = "eager"  # the grouped one takes no float64
    return config


def _tiny(config: PreTrainedConfig, ends: dict[str, int]) -> dict[str, Any]:
    """Settings that make a configuration tiny, and those it consists of."""
    given = config.to_dict()
    sizes = {name: size for name, size in (_SIZES | ends).items() if name in given or name in ends}
    parts = {
        name: part for name in config.sub_configs if isinstance(part := getattr(config, name, None), PreTrainedConfig)
    }
    return sizes | {name: {"model_type": part.model_type} | _tiny(part, ends) for name, part in parts.items()}


def tokenizer_of(kind: str) -> str:
    """Which of the zoo's tokenizers a kind goes with."""
    if kind in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES or kind in ("bart", "mbart"):
        return "byte-level"
    causal = kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return (
        "byte-level-decoder" if causal and kind not in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES else "wordpiece"
    )


def make(kind: str, seed: int = 0, **settings: Any) -> Classifier:
    """A classifier of this kind; `settings` go to its configuration."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_config(configuration(kind, **settings)).eval()
        for weight in model.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.2)
    model = model if kind in _SINGLE else model.double()
    return Classifier(model, zoo.make_tokenizer(tokenizer_of(kind)), kind)

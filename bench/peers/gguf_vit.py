"""Writes a random bf16 CLIP ViT-L/14 with a two-layer MLP projector (LLaVA-1.5's) as GGUF.

    gguf_vit.py OUT.gguf --size S --text-width W

S is the side of the picture in pixels, W the width of the language model behind the projector.
"""

import argparse

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter

from random_weights import add_linear, add_norm, finish, random

WIDTH, HIDDEN, HEADS, PATCH = 1024, 4096, 16, 14
# llama.cpp takes the features of the last layer but one and does not run the last: of these 24 it runs 23.
LAYERS = 24


def add_settings(writer: GGUFWriter, size: int) -> None:
    """Metadata as convert_hf_to_gguf.py of llama.cpp writes it for a LLaVA-1.5 tower."""
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    # Neither GELU nor SiLU is the GELU approximation by sigmoid(1.702 x), CLIP's own activation.
    writer.add_bool("clip.use_gelu", False)
    writer.add_file_type(int(GGMLQuantizationType.BF16) + 2)
    vision = {
        "image_size": size,
        "patch_size": PATCH,
        "embedding_length": WIDTH,
        "feed_forward_length": HIDDEN,
        "block_count": LAYERS,
        "projection_dim": 768,
        "attention.head_count": HEADS,
    }
    for name, value in vision.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.48145466, 0.4578275, 0.40821073])
    writer.add_array("clip.vision.image_std", [0.26862954, 0.26130258, 0.27577711])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--text-width", type=int, required=True)
    args = parser.parse_args()

    writer = GGUFWriter(args.out, "clip")
    add_settings(writer, args.size)
    writer.add_tensor("v.class_embd", random(WIDTH))
    writer.add_tensor("v.patch_embd.weight", random(WIDTH, 3, PATCH, PATCH).astype(np.float16))
    writer.add_tensor("v.position_embd.weight", random((args.size // PATCH) ** 2 + 1, WIDTH))
    add_norm(writer, "v.pre_ln", WIDTH, bias=True)
    add_norm(writer, "v.post_ln", WIDTH, bias=True)
    for layer in range(LAYERS):
        block = f"v.blk.{layer}"
        add_norm(writer, f"{block}.ln1", WIDTH, bias=True)
        add_norm(writer, f"{block}.ln2", WIDTH, bias=True)
        for product in ("attn_q", "attn_k", "attn_v", "attn_out"):
            add_linear(writer, f"{block}.{product}", WIDTH, WIDTH)
        add_linear(writer, f"{block}.ffn_up", HIDDEN, WIDTH)
        add_linear(writer, f"{block}.ffn_down", WIDTH, HIDDEN)
    add_linear(writer, "mm.0", args.text_width, WIDTH)
    add_linear(writer, "mm.2", args.text_width, args.text_width)
    finish(writer)


if __name__ == "__main__":
    main()

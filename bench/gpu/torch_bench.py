"""The measurements of honeybee-gpu-bench in PyTorch, at the same shapes and with the same keys.

    python3 bench/gpu/torch_bench.py [7b|13b] [--ours FILE.jsonl] [--results DIR] [--device cuda|cpu] [--tiny]

CLIP's ViT is compiled (torch.compile, CUDA graphs); the abstractors run as plain modules; the decoder is transformers'
LlamaForCausalLM in bf16, prefilling eagerly and decoding from a CUDA graph over a static cache. Weights are random.
Each row is written at once, as JSON to gpu-torch-MODEL-GPU-DATE.jsonl and with the ratio to ours to the .md beside it.
Needs torch 2.4 and transformers 5 or newer.
"""

import argparse
import datetime
import json
import os
import re
import statistics
import sys
import time

import torch
import transformers
from torch_models import CAbstractor, DAbstractor, make_shapes

SAMPLES = 7
SAMPLE_SECONDS = 0.05
WARM_UPS = 3
# Honeybee's speed over PyTorch's that is aimed at.
AIMS = {("vit", 16): 1.0, ("c-abs", 16): 2.0, ("d-abs", 16): 2.0, ("prefill", 2048): 1.0, ("decode", 1): 1.1}


class Report:
    """Writes rows as they come; a run that is cut short leaves what it had."""

    def __init__(self, folder, name, title, ours):
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, name)
        self.ours = ours
        self.files = [open(self.path + ending, "w", buffering=1, encoding="utf-8") for ending in (".md", ".jsonl")]
        self._text(f"# {title}\n")
        self._text("| what | PyTorch, ms | honeybee, ms | honeybee is faster by | aim |\n|---|---|---|---|---|")

    def row(self, key, count, what, milliseconds):
        ours = self.ours.get((key, count))
        ratio = f"{milliseconds / ours:.2f} ×" if ours else ""
        aim = f"≥ {AIMS[key, count]:.1f} ×" if (key, count) in AIMS else ""
        self._text(f"| {what} | {milliseconds:.3f} | {f'{ours:.3f}' if ours else ''} | {ratio} | {aim} |")
        self.files[1].write(json.dumps({"key": key, "count": count, "what": what, "ms": milliseconds}) + "\n")

    def missing(self, key, count, what, why):
        self._text(f"| {what} | not measured: {why} | | | |")
        self.files[1].write(json.dumps({"key": key, "count": count, "what": what, "missing": why}) + "\n")

    def _text(self, line):
        self.files[0].write(line + "\n")
        print(line, flush=True)


class Bench:
    """Measures on one device."""

    def __init__(self, shapes, device, report):
        self.shapes, self.device, self.report = shapes, torch.device(device), report
        self.on_gpu = self.device.type == "cuda"

    def wait(self):
        if self.on_gpu:
            torch.cuda.synchronize()

    def median_ms(self, call):
        """As Bench::median_seconds of bench/gpu/bench.cpp."""

        def seconds(calls):
            begin = time.perf_counter()
            for _ in range(calls):
                call()
            self.wait()
            return time.perf_counter() - begin

        for _ in range(WARM_UPS):
            seconds(1)
        calls = 1
        while self.on_gpu and seconds(calls) < SAMPLE_SECONDS:
            calls *= 2
        return 1e3 * statistics.median(seconds(calls) / calls for _ in range(SAMPLES))

    def measure(self, key, count, what, prepare):
        """A row of what `prepare` returns, or a note where the memory does not suffice."""
        print(f"{what} …", file=sys.stderr, flush=True)
        try:
            with torch.inference_mode():
                self.report.row(key, count, what, self.median_ms(prepare()))
        except torch.cuda.OutOfMemoryError:
            self.report.missing(key, count, what, "out of memory")
        if self.on_gpu:
            torch.cuda.empty_cache()

    def make(self, build, dtype=torch.bfloat16):
        """A module with random weights, made where it runs."""
        with self.device:
            return build().to(dtype).eval().requires_grad_(False)

    def vision(self):
        config = transformers.CLIPVisionConfig(**self.shapes.vision)
        tower = self.make(lambda: transformers.CLIPVisionModel(config))
        compiled = torch.compile(tower, mode="reduce-overhead", dynamic=False) if self.on_gpu else tower
        abstractors = {"c-abs": self.make(lambda: CAbstractor(self.shapes))}
        abstractors["d-abs"] = self.make(lambda: DAbstractor(self.shapes), torch.float32)
        side, width, cells = self.shapes.vision["image_size"], self.shapes.vision["hidden_size"], self.shapes.side**2
        for count in self.shapes.images:
            images = f"{count} image{'s' if count > 1 else ''}"
            pixels = torch.randn(count, 3, side, side, device=self.device, dtype=torch.bfloat16)
            self.measure("vit", count, f"ViT-L/14, {images}", lambda: lambda: compiled(pixel_values=pixels))
            features = torch.randn(count, cells, width, device=self.device, dtype=torch.bfloat16)
            for name, module in abstractors.items():
                self.measure(name, count, f"{name}, {images}", lambda: lambda: module(features))

    def decoder(self):
        config = transformers.LlamaConfig(**self.shapes.text, attn_implementation="sdpa")
        torch.set_default_dtype(torch.bfloat16)
        model = self.make(lambda: transformers.LlamaForCausalLM(config))
        torch.set_default_dtype(torch.float32)
        for tokens in self.shapes.prompts:
            self.measure("prefill", tokens, f"prefill of {tokens}", lambda: self.prefill_step(model, tokens))
        for count in self.shapes.sequences:
            what = f"decode at {self.shapes.context}, batch {count}"
            self.measure("decode", count, what, lambda: self.decode_step(model, count))

    def random_ids(self, *size):
        return torch.randint(self.shapes.text["vocab_size"], size, device=self.device)

    def prefill_step(self, model, tokens):
        ids = self.random_ids(1, tokens)

        def step():
            cache = transformers.DynamicCache(config=model.config)
            return model(ids, past_key_values=cache, logits_to_keep=1).logits.argmax(-1).tolist()

        return step

    def decode_step(self, model, count):
        """The last position of every sequence again and again, from ids to chosen tokens on the host."""
        context = self.shapes.context
        cache = transformers.StaticCache(config=model.config, max_cache_len=context)
        for begin in range(0, context - 1, 64):  # in pieces, whose activations are small beside the cache
            model(self.random_ids(count, min(64, context - 1 - begin)), past_key_values=cache, logits_to_keep=1)
        # Every step adds one to the length of each layer; as one tensor they are set back at once.
        lengths = torch.full((len(cache.layers),), context - 1, device=self.device)
        for layer, length in zip(cache.layers, lengths):
            layer.cumulative_length = length
        ids = self.random_ids(count, 1)

        def step():
            lengths.fill_(context - 1)
            return model(ids, past_key_values=cache).logits[:, -1].argmax(-1)

        if not self.on_gpu:
            return lambda: step().tolist()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            chosen = step()

        def replay():
            graph.replay()
            return chosen.tolist()

        return replay


def read_ours(path):
    """Milliseconds by (key, count) from a .jsonl of honeybee-gpu-bench."""
    if path is None:
        return {}
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {(row["key"], row["count"]): row["ms"] for row in rows if "ms" in row}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", choices=("7b", "13b"), default="7b")
    parser.add_argument("--ours", help="the rows of honeybee-gpu-bench to compare with")
    parser.add_argument("--results", default="bench/results")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="the same rows at sizes of a few dozen")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch_bench.py: PyTorch sees no GPU here; --device cpu --tiny tests this program without one.")
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    slug = re.sub("[^a-z0-9]+", "-", name.lower())
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    title = f"PyTorch beside honeybee, {args.model.upper()}{', shrunk' if args.tiny else ''}\n\n{name}, {date}, {versions}"
    report = Report(args.results, f"gpu-torch-{args.model}-{slug}-{date}", title, read_ours(args.ours))
    bench = Bench(make_shapes(args.model, args.tiny), args.device, report)
    bench.vision()
    bench.decoder()
    print(f"{report.path}.md", file=sys.stderr)


if __name__ == "__main__":
    main()

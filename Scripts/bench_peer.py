"""The cases of `Scripts/bench` in PyTorch, diffusers and transformers, on the same checkpoint and with the same shapes.

usage: bench_peer.py CASE DIR [THREADS]

Prints a line about the versions when it is ready; then, for every line that it reads, runs the case once and prints how many
seconds it took.
"""
import json
import os
import sys
import time

import torch
from safetensors import safe_open

torch.set_grad_enabled(False)
generator = torch.Generator().manual_seed(1)
# The numbers in which this package's products are computed, too.
number_type = torch.bfloat16 if os.environ.get("MSDIFFUSION_PRODUCTS") == "bfloat16" else torch.float32


def normal(*shape):
    return torch.randn(*shape, generator=generator).to(number_type)


class SubjectAttention(torch.nn.Module):
    """Text attention plus attention to image tokens, masked per position (Eq. 2 and 4 to 6)."""

    def __init__(self, to_k, to_v, heads, mask, text_tokens):
        super().__init__()
        self.to_k, self.to_v, self.heads, self.mask = to_k, to_v, heads, mask
        self.text_tokens = text_tokens

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **_):
        text, image = encoder_hidden_states.tensor_split([self.text_tokens], dim=1)
        query = self.split(attn.to_q(hidden_states))
        result = torch.nn.functional.scaled_dot_product_attention(
            query, self.split(attn.to_k(text)), self.split(attn.to_v(text)))
        key, value = (self.split(torch.nn.functional.linear(image, w)) for w in (self.to_k, self.to_v))
        result = result + torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self.mask(query.shape[2], key.shape[2]))
        batch, _, positions, _ = result.shape
        return attn.to_out[0](result.transpose(1, 2).reshape(batch, positions, -1))

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


def half_masked(positions, keys):
    mask = torch.zeros(positions, keys, dtype=number_type)
    mask[: positions // 2, keys // 2:] = float("-inf")
    return mask


def load(kind, folder, part):
    """A part of the model."""
    path = os.path.join(folder, part)
    variant = "fp16" if any("fp16" in name for name in os.listdir(path)) else None
    return kind.from_pretrained(path, variant=variant, torch_dtype=number_type).eval()


def unet(folder):
    from diffusers import UNet2DConditionModel

    return load(UNet2DConditionModel, folder, "unet")


def text_tokens(folder):
    with open(os.path.join(folder, "text_encoder", "config.json")) as file:
        return json.load(file).get("max_position_embeddings", 77)


def adapted_unet(folder):
    """The U-Net with the adapter's keys and values in every cross-attention layer, and the number of image tokens."""
    model, length = unet(folder), text_tokens(folder)
    adapter = safe_open(os.path.join(folder, "ms_adapter.safetensors"), "pt")
    weights = {name: adapter.get_tensor(name).to(number_type) for name in adapter.keys() if "_ip." in name}
    names = sorted((n for n in weights if "to_k" in n), key=lambda n: int(n.split(".")[1]))
    processors, index = {}, 0
    order = [n for n in model.attn_processors if n.startswith("down")]
    order += [n for n in model.attn_processors if n.startswith("up")]
    order += [n for n in model.attn_processors if n.startswith("mid")]
    for name in order:
        if "attn2" in name:
            key = names[index]
            index += 1
            heads = model.get_submodule(name.removesuffix(".processor")).heads
            processors[name] = SubjectAttention(weights[key], weights[key.replace("to_k", "to_v")], heads, half_masked, length)
        else:
            processors[name] = model.attn_processors[name]
    model.set_attn_processor(processors)
    tokens = [adapter.get_slice(name).get_shape()[1] for name in adapter.keys()
              if name == "dummy_image_tokens" or name.endswith("latents")]
    return model, sum(tokens)


def guided_step(folder, side):
    """One step with guidance: both halves in one batch."""
    model, tokens = adapted_unet(folder)
    width = model.config.cross_attention_dim
    latents, context = normal(2, 4, side, side), normal(2, text_tokens(folder) + tokens, width)
    added = {"text_embeds": normal(2, 1280), "time_ids": torch.tensor([[512.0, 512, 0, 0, 512, 512]] * 2, dtype=number_type)}
    if model.config.addition_embed_type is None:
        added = None

    def step():
        output = model(latents, 501, context, added_cond_kwargs=added).sample
        without, conditional = output.chunk(2)
        return without + 7.5 * (conditional - without)

    return step


def training_step(folder, side, batch):
    """Forward and backward pass of the U-Net's noise loss, and AdamW."""
    model = unet(folder).train().requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    width = model.config.cross_attention_dim
    latents, noise, context = normal(batch, 4, side, side), normal(batch, 4, side, side), normal(batch, 77, width)
    times = torch.randint(0, 1000, (batch,), generator=generator)

    def step():
        with torch.enable_grad():
            loss = torch.nn.functional.mse_loss(model(latents, times, context).sample, noise)
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def encode(folder, subjects):
    """Both text encoders on two prompts each, and the image encoder on one picture per subject."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPVisionModelWithProjection

    first = load(CLIPTextModel, folder, "text_encoder")
    second = load(CLIPTextModelWithProjection, folder, "text_encoder_2")
    vision = load(CLIPVisionModelWithProjection, folder, "image_encoder")
    ids = torch.randint(1, 40000, (2, 77), generator=generator)
    images = normal(subjects, 3, vision.config.image_size, vision.config.image_size)

    def step():
        first(ids, output_hidden_states=True)
        second(ids, output_hidden_states=True)
        vision(images, output_hidden_states=True)

    return step


def decode(folder, side):
    from diffusers import AutoencoderKL

    vae = load(AutoencoderKL, folder, "vae")
    latents = normal(1, 4, side, side)
    return lambda: vae.decode(latents).sample


def attention(_):
    query, key, value = (normal(2, 10, 4096, 64) for _ in range(3))
    return lambda: torch.nn.functional.scaled_dot_product_attention(query, key, value)


def convolution(_):
    layer = torch.nn.Conv2d(640, 640, 3, padding=1).to(number_type)
    x = normal(2, 640, 32, 32)
    return lambda: layer(x)


cases = {
    "unet-512": lambda folder: guided_step(folder, 64),
    "unet-1024": lambda folder: guided_step(folder, 128),
    "small-step": lambda folder: guided_step(folder, 16),
    "training-step": lambda folder: training_step(folder, 16, 16),
    "encode": lambda folder: encode(folder, 4),
    "vae-decode": lambda folder: decode(folder, 128),
    "attention": attention,
    "convolution": convolution,
}

if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in cases:
        sys.exit(f"{__doc__}\ncases: {', '.join(cases)}")
    torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) == 4 else os.cpu_count())
    step = cases[sys.argv[1]](sys.argv[2])
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        step()
        print(time.perf_counter() - begun, flush=True)

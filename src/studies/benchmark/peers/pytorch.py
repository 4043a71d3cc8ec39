"""PyTorch as a peer, on the CPU or on CUDA: the same requests and answers as serve.ts, with Debian's python3-torch.

Images and weights are channels_last, its faster layout. Usage: pytorch.py cpu|cuda|cuda-tf32
"""

import json
import os
import struct
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

MODE = sys.argv[1]
DEVICE = "cpu" if MODE == "cpu" else "cuda"
torch.set_num_threads(len(os.sched_getaffinity(0)))


def answer(value):
    print("@answer " + json.dumps(value), flush=True)


def device_name():
    if DEVICE == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        raise RuntimeError("this PyTorch finds no CUDA device")
    torch.backends.cuda.matmul.allow_tf32 = MODE == "cuda-tf32"
    torch.backends.cudnn.allow_tf32 = MODE == "cuda-tf32"
    return f"{torch.cuda.get_device_name()}, TF32 {'on' if MODE == 'cuda-tf32' else 'off'}"


def read_tensors(path):
    """The f32 tensors of a safetensors file."""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    body = memoryview(bytearray(data[8 + length:]))
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = torch.frombuffer(body[begin:end], dtype=torch.float32).reshape(entry["shape"])
    return tensors


def images(t):
    """[n, h, w, c] as PyTorch's [n, c, h, w], channels last in memory."""
    return t.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).to(DEVICE)


def weights(t):
    """[kh, kw, ci, co] as PyTorch's [co, ci, kh, kw], channels last in memory."""
    return t.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last).to(DEVICE)


def wait():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def kernel(spec, t):
    """The function that computes, and the function that puts its result into our layout."""
    if spec["kind"] == "product":
        t = {name: value.to(DEVICE) for name, value in t.items()}
        run = {
            "forward": lambda: t["a"] @ t["b"],
            "da": lambda: t["dc"] @ t["b"].t(),
            "db": lambda: t["a"].t() @ t["dc"],
        }[spec["pass"]]
        return run, lambda y: y
    kh, kw, ci, co = spec["weights"]
    pad = (kh - 1) // 2
    if spec["pass"] == "forward":
        x, w = images(t["x"]), weights(t["w"])
        return lambda: F.conv2d(x, w, padding=pad), lambda y: y.permute(0, 2, 3, 1)
    dy = images(t["dy"])
    n, _, h, width = dy.shape
    # The gradient to one operand does not depend on its values.
    x = images(t["x"]) if "x" in t else torch.zeros(n, ci, h, width, device=DEVICE).contiguous(
        memory_format=torch.channels_last)
    w = weights(t["w"]) if "w" in t else torch.zeros(co, ci, kh, kw, device=DEVICE).contiguous(
        memory_format=torch.channels_last)
    to_input = spec["pass"] == "dx"
    which = 0 if to_input else 1

    def run():
        return torch.ops.aten.convolution_backward(
            dy, x, w, None, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1, [to_input, not to_input, False])[which]

    return run, (lambda y: y.permute(0, 2, 3, 1)) if to_input else (lambda y: y.permute(2, 3, 1, 0))


class Bottleneck(nn.Module):
    """torchvision's bottleneck: the stride sits in the 3 x 3."""

    def __init__(self, inside, width, stride):
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride > 1 or inside != out:
            self.downsample = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + skip, inplace=True)


class Encoder(nn.Module):
    """ResNet-50 to the pooled feature, with torchvision's names."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inside = 64
        for stage, count in enumerate((3, 4, 6, 3)):
            blocks = []
            for i in range(count):
                blocks.append(Bottleneck(inside, 64 << stage, 2 if stage > 0 and i == 0 else 1))
                inside = 256 << stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))


def step(spec, t):
    """A function that does one training step and gives the loss."""
    net = nn.ModuleDict({
        "encoder": Encoder(),
        "head": nn.Sequential(nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 128)),
    })
    state = net.state_dict()
    for name in state:
        if name.endswith("num_batches_tracked"):
            continue
        value = t[name]
        state[name].copy_(value.permute(3, 2, 0, 1) if value.dim() == 4 else value)
    net = net.to(DEVICE).to(memory_format=torch.channels_last)
    net.train()
    views = images(t["views"])
    n = views.shape[0]
    other = (torch.arange(n, device=DEVICE) + n // 2) % n
    optimizer = torch.optim.SGD(
        net.parameters(), lr=spec["lr"], momentum=spec["momentum"], weight_decay=spec["weightDecay"])

    def run():
        optimizer.zero_grad()
        z = F.normalize(net["head"](net["encoder"](views)), dim=1)
        s = z @ z.t() / spec["temperature"]
        s.fill_diagonal_(-1e9)
        loss = spec["scale"] * F.cross_entropy(s, other)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def start(folder, result):
    """Makes a work ready, runs it once and writes the result; gives the function that runs it again."""
    about = f"PyTorch {torch.__version__}, {device_name()}"
    with open(f"{folder}/work.json") as file:
        spec = json.load(file)["spec"]
    t = read_tensors(f"{folder}/tensors.safetensors")
    if spec["kind"] == "step":
        run = step(spec, t)
        first = torch.tensor([run()])
    else:
        run, to_ours = kernel(spec, t)
        with torch.no_grad():
            first = to_ours(run()).float().cpu().contiguous()
    with open(result, "wb") as file:
        file.write(first.numpy().tobytes())
    answer({"about": about})
    return run, spec["kind"] == "step"


def main():
    run, trains = None, False
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "folder" in request:
                run, trains = start(request["folder"], request["result"])
                continue
            begun, used = time.perf_counter(), time.process_time()
            loss = None
            with torch.set_grad_enabled(trains):
                for _ in range(request["count"]):
                    loss = run()
            wait()
            ms = (time.perf_counter() - begun) * 1000
            cpu_ms = (time.process_time() - used) * 1000
            answer({"ms": ms, "cpuMs": cpu_ms, "loss": loss if trains else None})
        except Exception as error:  # any failure is the peer's answer
            answer({"error": str(error) or type(error).__name__})


main()

"""What PyTorch makes of the same work on the same GPU, for the figures of our own benchmarks to stand beside.

    python3 bench/peers/torch.py [--quick] [--out FILE.json] [--only matmul objective step ceilings] [--device cpu]

ceilings   a copy from device memory to device memory (bytes read and written), and a large bf16 matrix product
matmul     square products in fp32, tf32, f16 and bf16, TFLOP/s
objective  J = mean D1 - mean D2 - L*mean_ij exp((D1_i - D2_j - |y_i - f_j|^2/2)/L - 1), y [n, d], f [m, d], with dJ/dD1,
           dJ/dD2 and dJ/df: costs from one matrix product, the n x m matrices stored, gradients by autograd
step       one critic and one generator update of the networks of bench/workload.ts (half-squared, exp, dual loss,
           Adam(5e-4, 0.5, 0.99)), and of the preset paper-mnist (l1, exp, primal loss, Adam(2e-4, 0.5, 0.99), 5 critic
           updates to one of the generator, batch 128)

Nothing is timed that was not verified before, in the same run: products and objectives against float64, steps against the
eager step in fp32, all variants from the same weights. Times are medians between CUDA events, after a warm-up.

Precisions of a step: `fp32` everywhere; `default`, torch's own, in which cuDNN's convolutions may use tf32 and matrix products
may not; `tf32` for both; `bf16`, the networks under autocast and the objective in fp32.

In torch's favour: batches and latents lie on the GPU, Adam is the fused one, cuDNN may try its algorithms, images are
channels_last, the generator's step computes no gradients of the critics' weights, and the preset's skip rule is left out
(it would read a number back before each update). The preset is run at L = 50, where p is not 0 at the start; the work is
the same.

TensorFlow's SAME padding of our convolutions (kernel 5, stride 2, one pixel before and two behind where the size is even)
is torch's `padding=2` with both image axes reversed, and so for transposed ones with `output_padding=1`: the same networks,
reversed, without a pixel of padding more. That too is checked.

`--device cpu`: checks only, no timing. Needs nothing but torch.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import math
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# As a script this file is first in the way of the library whose name it has.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402

D = 784
SIDE = 28
LAMBDA = 50.0
"""Of a step, as in bench/workload.ts: about half the mean cost at the start."""

Row = dict[str, Any]


class Wrong(Exception):
    """A result outside its tolerance: it is not timed, and the exit code is 1."""


@dataclass
class Bench:
    device: torch.device
    quick: bool
    began: float
    results: dict[str, list[Row]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    wrong: bool = False

    @property
    def timed(self) -> bool:
        return self.device.type == 'cuda'

    def seconds_left(self) -> float:
        """Of 60 or 240 for everything: what takes long is left out when they run short."""
        return (55 if self.quick else 225) - (time.monotonic() - self.began)

    @contextmanager
    def guarded(self, what: str, seconds: float = 0) -> Iterator[None]:
        """Says in one line what failed, or that no time is left for it, and goes on."""
        try:
            if self.timed and self.seconds_left() < seconds:
                raise TimeoutError(f'left out, it may take {seconds:.0f} s and {self.seconds_left():.0f} s are left')
            yield
        except Exception as error:
            self.wrong |= isinstance(error, Wrong)
            first = (str(error).strip().splitlines() or [''])[0]
            self.problems.append(f'{what}: {type(error).__name__}: {first}'[:240])
            print(f'  ! {self.problems[-1]}', flush=True)
            if self.timed and isinstance(error, torch.cuda.OutOfMemoryError):
                torch.cuda.empty_cache()

    def generator(self, seed: int) -> Callable[..., Tensor]:
        """Standard normals of a shape, the same on every device."""
        source = torch.Generator().manual_seed(seed)
        return lambda *shape: torch.randn(*shape, generator=source).to(self.device)

    def median_ms(self, run: Callable[[], object]) -> float:
        """Milliseconds of one run: the median of turns of many runs each, between CUDA events."""
        turns, turn_ms = (5, 20.0) if self.quick else (9, 60.0)

        def turn(count: int) -> float:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(count):
                run()
            end.record()
            end.synchronize()
            return start.elapsed_time(end) / count

        turn(2)
        count = max(1, min(2000, math.ceil(turn_ms / max(turn(3), 1e-3))))
        return statistics.median(turn(count) for _ in range(turns))


def check(what: str, found: dict[str, float], allowed: dict[str, float]) -> None:
    for name, limit in allowed.items():
        if not found[name] <= limit:
            raise Wrong(f'{name} of {what} is off by {found[name]:.2e}, allowed {limit:.0e}')


def distance(a: Tensor, b: Tensor) -> float:
    """|a - b| / |b|, in float64."""
    a, b = a.double(), b.double()
    return float((a - b).norm() / b.norm().clamp_min(1e-300))


@contextmanager
def precision(name: str) -> Iterator[None]:
    """What fp32 may be in products and convolutions; torch's defaults afterwards."""
    try:
        torch.backends.cuda.matmul.allow_tf32 = name == 'tf32'
        torch.backends.cudnn.allow_tf32 = name != 'fp32'
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = True


def captured(run: Callable[[], Any]) -> Callable[[], Any]:
    """`run` as a CUDA graph; what it returns lies in the same memory after every replay."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        made = run()

    def replay() -> Any:
        graph.replay()
        return made

    return replay


def compiled(run: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(run, fullgraph=True, dynamic=False)


def print_table(title: str, rows: list[Row], columns: dict[str, str]) -> None:
    """Rows of a section, `columns` from their keys to how numbers are written."""
    if not rows:
        return
    cells = [list(columns)]
    for row in rows:
        values = [(row.get(key), how) for key, how in columns.items()]
        cells.append(['-' if v is None else v if isinstance(v, str) else format(v, how) for v, how in values])
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    left = [isinstance(rows[0].get(key), str) for key in columns]
    print(f'\n{title}')
    for line in cells:
        fields = (c.ljust(w) if text else c.rjust(w) for c, w, text in zip(line, widths, left))
        print('  ' + '  '.join(fields).rstrip())
    sys.stdout.flush()


# Ceilings and products


def ceilings(bench: Bench) -> list[Row]:
    rows: list[Row] = []
    if not bench.timed:
        return rows
    with bench.guarded('copy'):
        size = 2**30 if bench.quick else 2**32
        source = torch.ones(size, dtype=torch.uint8, device=bench.device)
        target = torch.zeros_like(source)
        target.copy_(source)
        check('the copy', {'bytes': float((target != 1).sum())}, {'bytes': 0})
        ms = bench.median_ms(lambda: target.copy_(source))
        rows.append({'ceiling': f'copy of {size >> 20} MiB', 'ms': ms, 'rate': 2 * size / ms / 1e6, 'unit': 'GB/s'})
        del source, target
    with bench.guarded('bf16 product'):
        row = product(bench, 8192, 'bf16')
        rows.append({'ceiling': 'bf16 product of 8192', 'ms': row['ms'], 'rate': row['TFLOP/s'], 'unit': 'TFLOP/s'})
    torch.cuda.empty_cache()
    print_table('Ceilings', rows, {'ceiling': '', 'ms': '.3f', 'rate': '.1f', 'unit': ''})
    return rows


TYPES = {'fp32': torch.float32, 'tf32': torch.float32, 'f16': torch.float16, 'bf16': torch.bfloat16}
PRODUCT_ALLOWED = {'fp32': 1e-5, 'tf32': 1e-3, 'f16': 1e-3, 'bf16': 4e-3}
"""|C - AB| / |AB| with A and B as they are stored: the rounding of what goes in (tf32) and out."""


def product(bench: Bench, size: int, kind: str) -> Row:
    """C = AB, [size, size] each. Many in one CUDA graph, so that a launch does not count."""
    normals = bench.generator(size)
    a, b = (normals(size, size).to(TYPES[kind]) for _ in range(2))
    c = torch.empty_like(a)
    with precision(kind):
        torch.mm(a, b, out=c)
        error = distance(c, a.double() @ b.double())
        check(f'{kind} product of {size}', {'C': error}, {'C': PRODUCT_ALLOWED[kind]})
        row: Row = {'size': size, 'precision': kind, 'error': error}
        if bench.timed:
            count = 32 if size <= 1024 else 4

            def run() -> None:
                for _ in range(count):
                    torch.mm(a, b, out=c)

            row['ms'] = bench.median_ms(captured(run)) / count
            row['TFLOP/s'] = 2 * size**3 / row['ms'] / 1e9
    return row


def matmul(bench: Bench) -> list[Row]:
    rows: list[Row] = []
    for size in (256, 512, 1024, 2048, 4096) if bench.timed else (64, 96):
        for kind in TYPES if bench.timed else ('fp32', 'f16', 'bf16'):
            with bench.guarded(f'{kind} product of {size}'):
                rows.append(product(bench, size, kind))
    columns = {'size': '', 'precision': '', 'ms': '.4f', 'TFLOP/s': '.1f', 'error': '.1e'}
    print_table('Square matrix products', rows, columns)
    return rows


# The objective


def half_squared(real: Tensor, fake: Tensor) -> Tensor:
    """|y_i - f_j|^2/2, [n, m], from one matrix product."""
    return 0.5 * real.square().sum(1)[:, None] + 0.5 * fake.square().sum(1)[None, :] - real @ fake.T


def relative_density(costs: Tensor, critic_real: Tensor, critic_fake: Tensor, strength: float) -> Tensor:
    """p_ij = exp(v_ij/L - 1), v_ij = D1_i - D2_j - l_ij."""
    return torch.exp((critic_real[:, None] - critic_fake[None, :] - costs) / strength - 1)


def objective_of(costs: Tensor, critic_real: Tensor, critic_fake: Tensor, strength: float) -> Tensor:
    penalty = strength * relative_density(costs, critic_real, critic_fake, strength).mean()
    return critic_real.mean() - critic_fake.mean() - penalty


@dataclass
class Pairs:
    """y [n, d], f [m, d], D1 [n], D2 [m], standard normal samples and critics such that p is of the order of 1."""

    real: Tensor
    fake: Tensor
    critic_real: Tensor
    critic_fake: Tensor
    strength: float

    def evaluate(self, value: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        """J, dJ/dD1, dJ/dD2, dJ/df."""
        inputs = (self.critic_real, self.critic_fake, self.fake)
        found = value(self.real, self.fake, self.critic_real, self.critic_fake, self.strength)
        return (found.detach(), *torch.autograd.grad(found, inputs))


def make_pairs(bench: Bench, n: int, m: int, d: int) -> Pairs:
    normals = bench.generator(5)
    strength = 2 * math.sqrt(d)
    return Pairs(
        real=normals(n, d),
        fake=normals(m, d).requires_grad_(),
        critic_real=(d + strength + 0.2 * strength * normals(n)).requires_grad_(),
        critic_fake=(0.2 * strength * normals(m)).requires_grad_(),
        strength=strength,
    )


def objective_value(real: Tensor, fake: Tensor, critic_real: Tensor, critic_fake: Tensor, strength: float) -> Tensor:
    return objective_of(half_squared(real, fake), critic_real, critic_fake, strength)


OBJECTIVE_ALLOWED = {
    'fp32': {'J': 5e-6, 'dD1': 5e-5, 'dD2': 5e-5, 'df': 2e-5},
    'tf32': {'J': 1e-3, 'dD1': 5e-3, 'dD2': 5e-3, 'df': 5e-3},
}
"""J relative to its terms, critics' gradients times n or m, dJ/df relative to the largest, as in bench/large-objective.ts."""


@torch.no_grad()
def objective_errors(pairs: Pairs, found: tuple[Tensor, ...]) -> dict[str, float]:
    """Distances from the closed forms of docs/mathematics.md, section 2, in float64, some rows at a time."""
    real, fake, critic_real, critic_fake = (
        t.double() for t in (pairs.real, pairs.fake, pairs.critic_real, pairs.critic_fake)
    )
    n, m = len(real), len(fake)
    row_sums, column_sums, weighted = [], torch.zeros_like(critic_fake), torch.zeros_like(fake)
    for rows in torch.arange(n, device=real.device).split(1024):
        p = relative_density(half_squared(real[rows], fake), critic_real[rows], critic_fake, pairs.strength)
        row_sums.append(p.sum(1))
        column_sums += p.sum(0)
        weighted += p.T @ real[rows]
    penalty = pairs.strength * column_sums.sum() / (n * m)
    terms = critic_real.mean(), critic_fake.mean(), penalty
    J = terms[0] - terms[1] - terms[2]
    grad_real = 1 - torch.cat(row_sums) / m
    grad_fake = column_sums / n - 1
    grad_samples = (column_sums[:, None] * fake - weighted) / n
    got = [t.double() for t in found]
    return {
        'J': float((got[0] - J).abs() / sum(t.abs() for t in terms)),
        'dD1': float((got[1] * n - grad_real).abs().max()),
        'dD2': float((got[2] * m - grad_fake).abs().max()),
        'df': float((got[3] * m - grad_samples).abs().max() / grad_samples.abs().max()),
    }


def objective_case(bench: Bench, n: int, m: int, d: int, kind: str, run: str) -> Row:
    if bench.timed:
        torch.cuda.empty_cache()
        needed, free = 8 * 4 * n * m, torch.cuda.mem_get_info()[0]
        if needed > free:
            raise MemoryError(f'about {needed >> 30} GiB of n x m matrices, {free >> 30} GiB are free')
    torch.compiler.reset()
    pairs = make_pairs(bench, n, m, d)
    value = compiled(objective_value) if run == 'compile' else objective_value
    with precision(kind):
        errors = objective_errors(pairs, pairs.evaluate(value))
        check(f'{run} {kind}, n = {n}, d = {d}', errors, OBJECTIVE_ALLOWED[kind])
        row: Row = {'n': n, 'm': m, 'd': d, 'precision': kind, 'run': run, **errors}
        if bench.timed:
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            row['ms'] = bench.median_ms(lambda: pairs.evaluate(value))
            row['peak MiB'] = (torch.cuda.max_memory_allocated() - before) / 2**20
    return row


def objective(bench: Bench, with_compile: bool) -> list[Row]:
    rows: list[Row] = []
    runs = ('compile',) if with_compile else ('eager',)
    sizes = ((1024, 1024), (4096, 4096), (16384, 16384)) if bench.timed else ((96, 96), (60, 100))
    for n, m in sizes:
        for d in (64, 784):
            for kind in ('fp32', 'tf32') if bench.timed else ('fp32',):
                for run in runs:
                    with bench.guarded(f'objective {run} {kind}, n = {n}, d = {d}', 15 if with_compile else 0):
                        rows.append(objective_case(bench, n, m, d, kind, run))
    title = 'The objective and its gradients' + (', compiled' if with_compile else '')
    columns = {'n': '', 'd': '', 'precision': '', 'run': '', 'ms': '.3f', 'peak MiB': '.0f'}
    print_table(title, rows, columns | {key: '.0e' for key in ('J', 'dD1', 'dD2', 'df')})
    return rows


# Networks


class Reshape(nn.Module):
    """Rows [batch, h*w*c], NHWC as ours, to images for torch, [batch, c, h, w]; with `channels_last` only a view."""

    def __init__(self, side: int, channels: int, channels_last: bool) -> None:
        super().__init__()
        self.side, self.channels, self.channels_last = side, channels, channels_last

    def forward(self, x: Tensor) -> Tensor:
        if self.channels == 1 and not self.channels_last:
            return x.view(-1, 1, self.side, self.side)
        image = x.view(-1, self.side, self.side, self.channels).permute(0, 3, 1, 2)
        return image if self.channels_last else image.contiguous()


class Rows(nn.Module):
    """The way back."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Crop(nn.Module):
    """8 x 8 to 7 x 7; ours is the top left, which is here the bottom right."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 1:, 1:]


class Critics(nn.Module):
    def __init__(self, trunk: nn.Module, real: nn.Module, fake: nn.Module) -> None:
        super().__init__()
        self.trunk, self.real, self.fake = trunk, real, fake

    def of_real(self, x: Tensor) -> Tensor:
        return self.real(self.trunk(x)).flatten()

    def of_fake(self, x: Tensor) -> Tensor:
        return self.fake(self.trunk(x)).flatten()


def mlp() -> tuple[nn.Module, Critics]:
    generator = nn.Sequential(
        *(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, D), nn.Sigmoid())
    )
    critic = [nn.Sequential(nn.Linear(D, 256), nn.ReLU(), nn.Linear(256, 1)) for _ in range(2)]
    return generator, Critics(nn.Identity(), *critic)


def dcgan(width: int, channels_last: bool) -> tuple[nn.Module, Critics]:
    def grow(inputs: int, outputs: int, bias: bool = False) -> nn.Module:
        return nn.ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1, bias=bias)

    def normal(channels: int, of: type[nn.Module] = nn.BatchNorm2d) -> list[nn.Module]:
        return [of(channels, track_running_stats=False), nn.ReLU()]

    base = 16 * 4 * width
    generator = nn.Sequential(
        nn.Linear(128, base, bias=False),
        *normal(base, nn.BatchNorm1d),
        Reshape(4, 4 * width, channels_last),
        grow(4 * width, 2 * width),
        *normal(2 * width),
        Crop(),
        grow(2 * width, width),
        *normal(width),
        grow(width, 1, bias=True),
        nn.Sigmoid(),
        Rows(),
    )
    trunk: list[nn.Module] = [Reshape(SIDE, 1, channels_last)]
    for inputs, outputs in ((1, width), (width, 2 * width), (2 * width, 4 * width)):
        trunk += [nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
    heads = nn.Linear(base, 1, bias=False), nn.Linear(base, 1)
    return generator, Critics(nn.Sequential(*trunk, Rows()), *heads)


@torch.no_grad()
def initialise(network: nn.Module, seed: int) -> None:
    """Ours (src/nn/layers.ts): uniform, Glorot's in dense layers, sqrt(4/(fan_in + fan_out)) in convolutions; biases 0."""
    source = torch.Generator().manual_seed(seed)
    for part in network.modules():
        if isinstance(part, nn.Linear):
            limit = math.sqrt(6 / (part.in_features + part.out_features))
        elif isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            image, windows = part.in_channels, part.out_channels
            if isinstance(part, nn.ConvTranspose2d):
                image, windows = windows, image
            limit = math.sqrt(12 / (25 * image + 25 * windows / 4))
        else:
            continue
        part.weight.uniform_(-limit, limit, generator=source)
        if part.bias is not None:
            part.bias.zero_()


@dataclass(frozen=True)
class Workload:
    name: str
    batch: int
    width: int = 0
    """Of the dcgan; 0 for the MLP."""
    critic_steps: int = 1
    rate: float = 5e-4
    cost: str = 'half-squared'
    """Or l1, by torch.cdist or by broadcasting."""
    primal: bool = False

    @property
    def latent(self) -> int:
        return 128 if self.width else 64

    @property
    def title(self) -> str:
        return f'{self.name}, batch {self.batch}'


PARAMETERS = {0: (283_920, 402_434), 16: (197_617, 66_561), 64: (1_558_465, 1_034_241)}
"""Of generator and critics, by width, as `networksOf` of src/nn/architectures.ts lays them out."""


def paper(cost: str) -> Workload:
    return Workload('paper-mnist, ' + cost, 128, 64, critic_steps=5, rate=2e-4, cost=cost, primal=True)


COSTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'half-squared': half_squared,
    'l1 by cdist': lambda real, fake: torch.cdist(real, fake, p=1),
    'l1 by broadcasting': lambda real, fake: (real[:, None, :] - fake[None, :, :]).abs().sum(2),
}


@dataclass(frozen=True)
class Variant:
    """How a step is run."""

    precision: str = 'fp32'
    compile: bool = False
    graph: bool = False
    channels_last: bool = True

    @property
    def name(self) -> str:
        run = ' + '.join(word for word, on in (('compile', self.compile), ('graph', self.graph)) if on)
        return (run or 'eager') + ('' if self.channels_last else ', NCHW')


class Gan:
    """Networks, optimisers and batches on the device; `step` makes all updates of one generator iteration."""

    def __init__(self, bench: Bench, workload: Workload, variant: Variant) -> None:
        self.workload, self.device = workload, bench.device
        self.autocast = variant.precision == 'bf16'
        made = dcgan(workload.width, variant.channels_last) if workload.width else mlp()
        for seed, network in enumerate(made):
            initialise(network, seed)
        layout = torch.channels_last if variant.channels_last else torch.contiguous_format
        self.generator, self.critics = (network.to(bench.device, memory_format=layout) for network in made)
        # The same weights without gradients: what a generator step needs of the critics.
        self.frozen = copy.deepcopy(self.critics)
        for view, weight in zip(self.frozen.parameters(), self.critics.parameters()):
            view.requires_grad_(False).data = weight.data
        on_gpu = bench.device.type == 'cuda'
        self.optimisers = [
            torch.optim.Adam(
                network.parameters(), workload.rate, betas=(0.5, 0.99), eps=1e-8, fused=True, capturable=on_gpu
            )
            for network in (self.critics, self.generator)
        ]
        normals = bench.generator(11)
        b = workload.batch
        self.batches = [
            (normals(b, D).clamp(0, 1), normals(b, workload.latent)) for _ in range(workload.critic_steps + 1)
        ]
        self.start = [p.detach().clone() for p in self.parameters()]
        make = compiled if variant.compile else lambda run: run
        self.losses = make(self.critic_loss), make(self.generator_loss)

    def parameters(self) -> list[nn.Parameter]:
        return [*self.critics.parameters(), *self.generator.parameters()]

    def networks_in(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast)

    def critic_loss(self, real: Tensor, latents: Tensor) -> Tensor:
        """-J, which the critics descend."""
        with self.networks_in():
            with torch.no_grad():
                fake = self.generator(latents)
            critic_real, critic_fake = self.critics.of_real(real), self.critics.of_fake(fake)
        with torch.no_grad():
            costs = COSTS[self.workload.cost](real, fake.float())
        return -objective_of(costs, critic_real.float(), critic_fake.float(), LAMBDA)

    def generator_loss(self, real: Tensor, latents: Tensor) -> Tensor:
        """J, or mean p*l with p held fixed."""
        with self.networks_in():
            fake = self.generator(latents)
            with torch.no_grad():
                critic_real = self.frozen.of_real(real)
            critic_fake = self.frozen.of_fake(fake.detach() if self.workload.primal else fake)
        critic_real, critic_fake = critic_real.float(), critic_fake.float()
        costs = COSTS[self.workload.cost](real, fake.float())
        if self.workload.primal:
            return (relative_density(costs.detach(), critic_real, critic_fake, LAMBDA) * costs).mean()
        return objective_of(costs, critic_real, critic_fake, LAMBDA)

    def step(self) -> tuple[Tensor, Tensor]:
        """The losses before the last update of the critics and before the generator's."""
        ofs = [0] * self.workload.critic_steps + [1]
        losses: list[Tensor] = []
        for of, batch in zip(ofs, self.batches):
            self.optimisers[of].zero_grad(set_to_none=True)
            loss = self.losses[of](*batch)
            loss.backward()
            self.optimisers[of].step()
            losses.append(loss.detach())
        return losses[-2], losses[-1]

    @torch.no_grad()
    def reset(self) -> None:
        """Weights and Adam as at the start, in place, where a graph looks for them."""
        for parameter, start in zip(self.parameters(), self.start):
            parameter.copy_(start)
        for optimiser in self.optimisers:
            for state in optimiser.state.values():
                for value in state.values():
                    value.zero_()

    def outcome(self, step: Callable[[], tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Of two steps from the start: the losses of both, the gradients of the first."""
        self.reset()
        losses = [loss.clone() for loss in step()]
        gradients = [
            torch.cat([p.grad.flatten() for p in network.parameters()]).clone()
            for network in (self.critics, self.generator)
        ]
        losses += [loss.clone() for loss in step()]
        return {'losses': torch.stack(losses), 'critics': gradients[0], 'generator': gradients[1]}


STEP_ALLOWED = {
    'fp32': {'losses': 2e-4, 'critics': 1e-3, 'generator': 2e-3},
    'tf32': {'losses': 5e-3, 'critics': 2e-2, 'generator': 3e-2},
    'bf16': {'losses': 5e-2, 'critics': 1.5e-1, 'generator': 2e-1},
}
"""Distances from the eager step in fp32, |a - b|/|b| over the losses of two steps and all gradients of each network."""


def step_variant(bench: Bench, workload: Workload, variant: Variant, expected: dict[str, Tensor]) -> list[Row]:
    """One row, and for what is compiled a second: the same in a CUDA graph."""
    rows: list[Row] = []
    torch.compiler.reset()
    with precision(variant.precision):
        gan = Gan(bench, workload, variant)
        captures = (False, True) if variant.compile and bench.timed else (variant.graph,)
        for graph in captures:
            name = Variant(variant.precision, variant.compile, graph, variant.channels_last).name
            run = captured(gan.step) if graph else gan.step
            found = gan.outcome(run)
            errors = {key: distance(found[key], expected[key]) for key in expected}
            tf32 = variant.precision in ('default', 'tf32') and bench.timed
            allowed = STEP_ALLOWED['tf32' if tf32 else variant.precision if variant.precision == 'bf16' else 'fp32']
            check(f'{workload.title}, {name}, {variant.precision}', errors, allowed)
            row: Row = {'workload': workload.title, 'precision': variant.precision, 'run': name, **errors}
            if bench.timed:
                row['ms'] = bench.median_ms(run)
            rows.append(row)
    return rows


STEPS = [
    Workload('dcgan of width 64', 128, 64),
    Workload('mlp', 64),
    Workload('dcgan of width 16', 64, 16),
    paper('l1 by cdist'),
    Workload('dcgan of width 64', 64, 64),
    Workload('mlp', 1024),
    paper('l1 by broadcasting'),
    Workload('mlp', 256),
    Workload('dcgan of width 16', 128, 16),
]
"""The most telling first: what time does not allow is left out from the end."""
QUICK_STEPS = 4


def step_workloads(bench: Bench) -> list[Workload]:
    if bench.timed:
        return STEPS[:QUICK_STEPS] if bench.quick else STEPS
    small = [Workload('mlp', 16), Workload('dcgan of width 16', 8, 16)]
    return [*small, *(Workload(cost, 8, 16, 5, 2e-4, cost, True) for cost in ('l1 by cdist', 'l1 by broadcasting'))]


def step_variants(bench: Bench, workload: Workload, with_compile: bool) -> list[Variant]:
    if with_compile:
        return [Variant('default', compile=True)]
    precisions = ('fp32', 'default', 'tf32', 'bf16') if bench.timed else ('fp32', 'bf16')
    graphs = (False, True) if bench.timed else (False,)
    variants = [Variant(kind, graph=graph) for kind in precisions for graph in graphs]
    if workload.width:
        variants.append(Variant('default', graph=bench.timed, channels_last=False))
    return variants


def step(bench: Bench, with_compile: bool) -> list[Row]:
    rows: list[Row] = []
    for workload in step_workloads(bench):
        with bench.guarded(workload.title):
            with precision('fp32'):
                reference = Gan(bench, workload, Variant())
                count = tuple(sum(p.numel() for p in n.parameters()) for n in (reference.generator, reference.critics))
                if count != PARAMETERS[workload.width]:
                    raise Wrong(f'{count} parameters, ours have {PARAMETERS[workload.width]}')
                expected = reference.outcome(reference.step)
            if not all(t.isfinite().all() for t in expected.values()):
                raise Wrong('the eager step is not finite')
            for variant in step_variants(bench, workload, with_compile):
                what = f'{workload.title}, {variant.name}, {variant.precision}'
                with bench.guarded(what, 25 if with_compile else 1):
                    rows += step_variant(bench, workload, variant, expected)
    columns = {'workload': '', 'precision': '', 'run': '', 'ms': '.3f'}
    title = 'Training steps, ms for each generator update' + (', compiled' if with_compile else '')
    print_table(title, rows, columns | {key: '.0e' for key in STEP_ALLOWED['fp32']})
    return rows


def padding(bench: Bench) -> None:
    """SAME padding as TensorFlow has it, written out, against torch's layers with image and kernel reversed."""
    normals = bench.generator(3)
    flip = (2, 3)
    for size in (28, 14, 7):
        windows = math.ceil(size / 2)
        spare = 2 * (windows - 1) + 5 - size
        before, after = spare // 2, spare - spare // 2
        image, kernel = normals(2, 3, size, size).double(), normals(4, 3, 5, 5).double()
        padded = F.pad(image, (before, after, before, after)).requires_grad_()
        same = F.conv2d(padded, kernel, stride=2)
        ours = F.conv2d(image.flip(flip), kernel.flip(flip), stride=2, padding=2).flip(flip)
        check(f'convolution of {size}', {'y': distance(ours, same)}, {'y': 1e-12})
        if size % 2 == 0:
            # Transposed: from windows to the image, the adjoint of the convolution above without its padding.
            sent = normals(*same.shape).double()
            adjoint = torch.autograd.grad(same, padded, sent)[0][:, :, before:-after, before:-after]
            options = {'stride': 2, 'padding': 2, 'output_padding': 1}
            grown = F.conv_transpose2d(sent.flip(flip), kernel.flip(flip), **options).flip(flip)
            check(f'transposed convolution to {size}', {'x': distance(grown, adjoint)}, {'x': 1e-12})


# The run


def provenance(device: torch.device) -> Row:
    gpu = device.type == 'cuda'
    return {
        'benchmark': 'torch',
        'device': torch.cuda.get_device_name() if gpu else platform.processor() or platform.machine(),
        'driver': driver() if gpu else None,
        'torch': torch.__version__,
        'cuda': torch.version.cuda,
        'cudnn': torch.backends.cudnn.version() if gpu else None,
        'python': platform.python_version(),
        'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
    }


def driver() -> str:
    """Of the GPU; `unknown` where nothing says."""
    query = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
        return answer.stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return 'unknown'


SECTIONS = ('ceilings', 'matmul', 'objective', 'step')


def main() -> int:
    began = time.monotonic()
    parser = argparse.ArgumentParser(description='The work of our benchmarks in PyTorch, verified and timed.')
    parser.add_argument('--quick', action='store_true', help='a minute: short turns, fewer steps, nothing compiled')
    parser.add_argument('--out', type=Path, help='file for the result as JSON')
    parser.add_argument('--only', nargs='+', choices=SECTIONS, default=SECTIONS)
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda', help='cpu: checks only, no timing')
    options = parser.parse_args()
    if options.device == 'cuda' and not torch.cuda.is_available():
        parser.error('torch finds no CUDA device; --device cpu runs the checks without timing')

    warnings.filterwarnings('ignore', category=UserWarning)
    torch.backends.cudnn.benchmark = True
    bench = Bench(torch.device(options.device), options.quick, began)
    where = provenance(bench.device)
    print(f'{where["device"]}, driver {where["driver"]}; torch {where["torch"]}, CUDA {where["cuda"]}; {where["date"][:10]}')
    if not bench.timed:
        print('checks only, no timing')

    runs: list[tuple[str, str, Callable[[Bench], list[Row]]]] = [
        ('ceilings', 'ceilings', ceilings),
        ('matmul', 'matmul', matmul),
        ('objective', 'objective', lambda b: objective(b, False)),
        ('step', 'step', lambda b: step(b, False)),
    ]
    if not options.quick:
        runs += [
            ('step', 'stepCompiled', lambda b: step(b, True)),
            ('objective', 'objectiveCompiled', lambda b: objective(b, True)),
        ]
    with bench.guarded('padding'):
        padding(bench)
    for section, name, run in runs:
        if section not in options.only:
            continue
        with bench.guarded(name):
            bench.results[name] = run(bench)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            result = {**where, 'quick': options.quick, **bench.results, 'problems': bench.problems}
            options.out.write_text(json.dumps(result, indent=2) + '\n')
    seconds = time.monotonic() - began
    print(f'\n{"some results are wrong" if bench.wrong else "all verified"}, {len(bench.problems)} left out, {seconds:.0f} s')
    return 1 if bench.wrong else 0


if __name__ == '__main__':
    sys.exit(main())

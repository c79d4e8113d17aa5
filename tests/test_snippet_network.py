"""Stage 1's network: what it is batched with changes nothing, prototypes count, every weight learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hrpro.core.errors import ConfigError
from hrpro.snippet.config import SnippetConfig
from hrpro.snippet.losses import action_loss, attention_loss, contrastive_loss, instance_weights
from hrpro.snippet.network import SnippetNetwork
from hrpro.snippet.pseudo_labels import mine

DIMENSION, CLASSES = 5, 3
STILL = SnippetConfig(hidden=8, heads=2, blocks=2, input_dropout=0, block_dropout=0, dropout=0)


def network(config=STILL, seed=0):
    """In double precision, with everything that is 0 or 1 at first made to matter."""
    torch.manual_seed(seed)
    module = SnippetNetwork(dimension=DIMENSION, classes=CLASSES, config=config)
    with torch.no_grad():
        module.memory.copy_(torch.randn(module.memory.shape))
        module.mean.copy_(torch.randn(DIMENSION))
        module.deviation.copy_(torch.rand(DIMENSION) + 0.5)
        module.attention.weight.mul_(10)  # so that A crosses both thresholds of the pseudo labels
    return module.double()


@st.composite
def groups(draw):
    """Recordings of different length with clicks (maybe none, maybe two in one snippet)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = draw(st.lists(st.integers(1, 20), min_size=2, max_size=4))
    recordings = []
    for length in lengths:
        n = int(rng.integers(0, 4))
        clicks = rng.integers(0, length, n), rng.integers(0, CLASSES, n)
        recordings.append((torch.tensor(rng.normal(size=(length, DIMENSION))), *clicks))
    return recordings


def learn(module, recordings):
    """Outputs, pseudo labels, loss parts and the gradient of every weight."""
    lengths = [len(features) for features, *_ in recordings]
    output = module(torch.cat([features for features, *_ in recordings]), lengths)
    parts = zip(output.attention_t.detach().split(lengths), recordings, strict=True)
    labels = [mine(part.numpy(), snippets, classes, CLASSES) for part, (_, snippets, classes) in parts]
    action = torch.from_numpy(np.concatenate([label.action_tc for label in labels]))
    background = torch.from_numpy(np.concatenate([label.background_t for label in labels]))
    of = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)), len(lengths)
    weight = instance_weights(action, of[0], 1.0)
    losses = torch.stack(
        [
            action_loss(output.activation_tc, action.double(), weight, *of, 2.0),
            attention_loss(output.attention_t, 0.0, background.double(), *of, 2.0),
            attention_loss(output.attention_t, 1.0, weight, *of, 2.0),
            contrastive_loss(output.embedded_td, module.memory, action, background, *of),
        ]
    )
    module.zero_grad()
    losses.sum().backward()
    gradients = {name: p.grad.clone() for name, p in module.named_parameters()}
    return output, (action, background), losses.detach(), gradients


@settings(deadline=None, max_examples=25)
@given(groups(), st.sampled_from([0, 2]), st.sampled_from([1, 3, 7]))
def test_a_recording_does_not_see_what_it_is_batched_with(recordings, blocks, kernel):
    module = network(replace(STILL, blocks=blocks, kernel=kernel))
    output, labels, losses, gradients = learn(module, recordings)
    alone = [learn(module, [r]) for r in recordings]
    lengths = [len(features) for features, *_ in recordings]
    for kind, together in enumerate(output):
        for single, part in zip(alone, together.split(lengths), strict=True):
            torch.testing.assert_close(part, single[0][kind], rtol=1e-5, atol=1e-6)
    for kind, together in enumerate(labels):
        for single, part in zip(alone, together.split(lengths), strict=True):
            assert torch.equal(part, single[1][kind])
    single = torch.stack([a[2] for a in alone]).mean(0)
    torch.testing.assert_close(losses, single, rtol=1e-5, atol=1e-6)
    for name, gradient in gradients.items():
        # Scores are single precision in any case.
        single = torch.stack([a[3][name] for a in alone]).mean(0)
        torch.testing.assert_close(gradient, single, rtol=1e-4, atol=1e-6)


def test_every_weight_learns_and_the_memory_does_not():
    recordings = [(torch.randn(12, DIMENSION).double(), np.array([2, 9]), np.array([0, 2]))]
    module = network()
    gradients = learn(module, recordings)[3]
    still = {name for name, gradient in gradients.items() if gradient.abs().max() < 1e-9}
    assert still == {f"blocks.{i}.key.bias" for i in range(2)}
    assert not module.memory.requires_grad
    assert set(dict(module.named_buffers())) == {"mean", "deviation", "memory"}


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_each_prototype_changes_the_scores_if_there_is_a_block(blocks):
    module = network(replace(STILL, blocks=blocks)).eval()
    x, lengths = torch.randn(6, DIMENSION).double(), [4, 2]
    before = module(x, lengths)
    for c in range(CLASSES):
        with torch.no_grad():
            module.memory[c] += 1
        after = module(x, lengths)
        changed = not torch.equal(before.activation_tc, after.activation_tc)
        assert changed == (blocks > 0)
        before = after


@pytest.mark.parametrize("hidden", [0, 10])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_scores_and_what_they_are_made_of(hidden, kernel):
    """Embedding, blocks with the prototypes as they stand in the memory, convolution over 1, 3, 5."""
    module = network(replace(STILL, hidden=hidden, heads=5, kernel=kernel)).eval()
    weights, lengths = module.state_dict(), [7, 1, 3]
    x = torch.randn(sum(lengths), DIMENSION).double()
    output = module(x, lengths)
    expected = []
    for part in ((x - module.mean) / module.deviation).split(lengths):
        y = part
        if hidden:  # else the features are taken as they are
            y = F.gelu(F.linear(y, weights["project.weight"], weights["project.bias"]))
        for block in module.blocks:
            y = block(y, module.memory, [len(y)])
        y = F.conv1d(y.T[None], weights["embed.weight"], weights["embed.bias"], padding=kernel // 2)
        expected.append(F.relu(y[0].T))
    torch.testing.assert_close(output.embedded_td, torch.cat(expected))
    torch.testing.assert_close(
        output.activation_tc, output.class_tc * output.attention_t[:, None].expand(-1, CLASSES)
    )
    for scores in (output.class_tc, output.attention_t):
        assert ((scores >= 0) & (scores <= 1)).all()
    expected = (output.embedded_td @ module.classifier.weight.T + module.classifier.bias).sigmoid()
    torch.testing.assert_close(output.class_tc.double(), expected, rtol=1e-5, atol=1e-6)


def test_the_scale_of_the_features_is_taken_out():
    """With mean and deviation to match, an affine change of a dimension leaves the outputs as they were."""
    module = network().eval()
    x = torch.randn(6, DIMENSION).double()
    before = module(x, [6])
    gain, offset = (
        10 ** torch.linspace(-3, 3, DIMENSION).double(),
        torch.linspace(-50, 90, DIMENSION).double(),
    )
    with torch.no_grad():
        module.mean.copy_(module.mean * gain + offset)
        module.deviation.copy_(module.deviation * gain)
    for old, new in zip(before, module(x * gain + offset, [6]), strict=True):
        torch.testing.assert_close(old, new)


def test_the_input_width_is_taken_when_hidden_is_0():
    wide = replace(STILL, hidden=0, heads=5)
    assert network(wide).memory.shape == (CLASSES, DIMENSION)
    with pytest.raises(ConfigError, match=r"snippet.heads: 2 heads do not divide the width 5"):
        network(replace(STILL, hidden=0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden", -1),
        ("heads", 0),
        ("heads", 3),
        ("dropout", 1.0),
        ("input_dropout", -0.1),
        ("momentum", 1.1),
        ("action_threshold", float("nan")),
        ("contrast_form", "released"),
        ("temperature", 0.0),
        ("temperature", float("inf")),
        ("contrast_weight", float("nan")),
        ("time_warp", -1.0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"^{field}: "):
        replace(SnippetConfig(hidden=8, heads=2), **{field: value})

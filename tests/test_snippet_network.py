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


def batch(recordings, garbage=0.0):
    x = torch.nn.utils.rnn.pad_sequence([r[0] for r in recordings], True, garbage)
    lengths = torch.tensor([len(r[0]) for r in recordings])
    return x, torch.arange(x.shape[1])[None] < lengths[:, None]


def learn(module, recordings, garbage=0.0):
    """Outputs, pseudo labels, loss parts and the gradient of every weight."""
    x, mask = batch(recordings, garbage)
    output = module(x, mask)
    action = torch.zeros(*mask.shape, CLASSES, dtype=torch.bool)
    background = torch.zeros_like(mask)
    for row, (features, snippets, classes) in enumerate(recordings):
        n = len(features)
        labels = mine(output.attention_bt[row, :n].detach().numpy(), snippets, classes, CLASSES)
        action[row, :n] = torch.from_numpy(labels.action_tc)
        background[row, :n] = torch.from_numpy(labels.background_t)
    weight = instance_weights(action, 1.0)
    parts = torch.stack(
        [
            action_loss(output.activation_btc, action.double(), weight, 2.0),
            attention_loss(output.attention_bt, 0.0, background.double(), 2.0),
            attention_loss(output.attention_bt, 1.0, weight, 2.0),
            contrastive_loss(output.embedded_btd, module.memory, action, background),
        ]
    )
    module.zero_grad()
    parts.sum().backward()
    gradients = {name: p.grad.clone() for name, p in module.named_parameters()}
    return output, (action, background), parts.detach(), gradients


@settings(deadline=None, max_examples=25)
@given(groups(), st.sampled_from([0, 2]), st.sampled_from([0.0, 1e6]))
def test_a_recording_does_not_see_what_it_is_batched_with(recordings, blocks, garbage):
    module = network(replace(STILL, blocks=blocks))
    output, labels, parts, gradients = learn(module, recordings, garbage)
    alone = [learn(module, [r]) for r in recordings]
    for row, (features, *_) in enumerate(recordings):
        n = len(features)
        own_output, own_labels, _, _ = alone[row]
        for together, single in zip(output, own_output, strict=True):
            torch.testing.assert_close(together[row, :n], single[0], rtol=1e-5, atol=1e-6)
            assert (together[row, n:] == 0).all(), "rows past the end hold zeros"
        for together, single in zip(labels, own_labels, strict=True):
            assert torch.equal(together[row, :n], single[0])
            assert not together[row, n:].any()
    single = torch.stack([a[2] for a in alone]).mean(0)
    torch.testing.assert_close(parts, single, rtol=1e-5, atol=1e-6)
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
    x, mask = torch.randn(1, 6, DIMENSION).double(), torch.ones(1, 6).bool()
    before = module(x, mask)
    for c in range(CLASSES):
        with torch.no_grad():
            module.memory[c] += 1
        after = module(x, mask)
        changed = not torch.equal(before.activation_btc, after.activation_btc)
        assert changed == (blocks > 0)
        before = after


@pytest.mark.parametrize("hidden", [0, 10])
def test_scores_and_what_they_are_made_of(hidden):
    """Embedding, blocks with the prototypes as they stand in the memory, convolution over three snippets."""
    module = network(replace(STILL, hidden=hidden, heads=5)).eval()
    weights = module.state_dict()
    x, mask = batch([(torch.randn(7, DIMENSION).double(),), (torch.randn(3, DIMENSION).double(),)])
    output = module(x, mask)
    for row, n in enumerate((7, 3)):
        y = (x[row : row + 1, :n] - module.mean) / module.deviation
        if hidden:  # else the features are taken as they are
            y = F.gelu(F.linear(y, weights["project.weight"], weights["project.bias"]))
        for block in module.blocks:
            y = block(y, module.memory, mask[row : row + 1, :n])
        y = F.pad(y[0], (0, 0, 1, 1))
        parts = torch.stack([y[k : k + n] @ weights["embed.weight"][:, :, k].T for k in range(3)])
        expected = F.relu(parts.sum(0) + weights["embed.bias"])
        torch.testing.assert_close(output.embedded_btd[row, :n], expected)
    torch.testing.assert_close(
        output.activation_btc, output.class_btc * output.attention_bt[..., None].expand(-1, -1, CLASSES)
    )
    for scores in (output.class_btc, output.attention_bt):
        assert ((scores >= 0) & (scores <= 1)).all()
    expected = (output.embedded_btd @ module.classifier.weight.T + module.classifier.bias).sigmoid()
    torch.testing.assert_close(output.class_btc[mask].double(), expected[mask], rtol=1e-5, atol=1e-6)


def test_the_scale_of_the_features_is_taken_out():
    """With mean and deviation to match, an affine change of a dimension leaves the outputs as they were."""
    module = network().eval()
    x, mask = torch.randn(1, 6, DIMENSION).double(), torch.ones(1, 6).bool()
    before = module(x, mask)
    gain, offset = (
        10 ** torch.linspace(-3, 3, DIMENSION).double(),
        torch.linspace(-50, 90, DIMENSION).double(),
    )
    with torch.no_grad():
        module.mean.copy_(module.mean * gain + offset)
        module.deviation.copy_(module.deviation * gain)
    for old, new in zip(before, module(x * gain + offset, mask), strict=True):
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

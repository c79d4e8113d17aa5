"""RoI features: golden vectors, naive loops, gradients, and that no recording sees another."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.core.errors import NonFiniteError
from hrpro.instance.roi import pooled, pooled_features, roi_features

GOLDEN = Path(__file__).resolve().parents[1].parent / "shared" / "golden"


def naive(features, proposals, extension=0.25, bins=(2, 8, 2)):
    """Sample by sample, in double precision."""

    def at(position):
        lower = math.floor(position)
        value = torch.zeros(features.shape[1], dtype=features.dtype)
        for row, weight in ((lower, 1 - (position - lower)), (lower + 1, position - lower)):
            if 0 <= row < len(features):
                value += weight * features[row]
        return value

    result = []
    for start, end in proposals.tolist():
        length = max(end - start, 0.0)
        border = extension * length
        regions = ((start - border, border), (start, length), (start + length, border))
        for (left, size), parts in zip(regions, bins, strict=True):
            width = size / parts
            count = max(1, math.ceil(width))
            for k in range(parts):
                where = [left + (k + (j + 0.5) / count) * width - 0.5 for j in range(count)]
                result.append(torch.stack([at(x) for x in where]).mean(0))
    return torch.stack(result).view(len(proposals), sum(bins), -1)


@st.composite
def scenes(draw):
    """Features and proposals that begin before, end after, lie beyond, are points or turned round."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    length, n = draw(st.integers(1, 30)), draw(st.integers(1, 6))
    start = rng.uniform(-10, length + 5, n)
    size = rng.choice([0.0, 0.3, 4.0, 8.0, 17.3, 60.0, -2.0], n) * rng.choice([1.0, 1.1], n)
    proposals = torch.tensor(np.stack([start, start + size], axis=1))
    return torch.tensor(rng.normal(size=(length, 3))), proposals


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not at hand")
@pytest.mark.parametrize("case", range(3))
def test_equals_the_golden_vectors(case):
    arrays = np.load(GOLDEN / f"roi_features_{case}.npz")
    golden = {name: torch.tensor(arrays[name]) for name in arrays.files}
    roi = roi_features(golden["features"], golden["proposals"])
    # The vectors carry float32 positions up to 145: a rounding there is 1e-5 of a snippet.
    torch.testing.assert_close(roi, golden["roi"], rtol=0, atol=1e-4)
    for found, name in zip(pooled(roi), ("start", "centre", "end"), strict=True):
        torch.testing.assert_close(found, golden[name], rtol=0, atol=1e-4)


@settings(deadline=None, max_examples=100)
@given(scenes(), st.sampled_from([(0.25, (2, 8, 2)), (0.5, (1, 3, 4)), (0.0, (1, 1, 1))]))
def test_equals_naive_loops(scene, shape):
    torch.testing.assert_close(roi_features(*scene, extension=shape[0], bins=shape[1]), naive(*scene, *shape))


@settings(deadline=None, max_examples=60)
@given(st.lists(scenes(), min_size=2, max_size=4), st.booleans())
def test_recordings_laid_together_never_see_each_other(alone, padded):
    lengths = torch.tensor([len(features) for features, _ in alone])
    if padded:
        rows = torch.nn.utils.rnn.pad_sequence(
            [features for features, _ in alone], batch_first=True, padding_value=math.nan
        )
        first = torch.arange(len(alone)) * rows.shape[1]
        rows = rows.flatten(0, 1)
    else:
        rows = torch.cat([features for features, _ in alone])
        first = lengths.cumsum(0) - lengths
    proposals = torch.cat([proposals for _, proposals in alone])
    video = torch.repeat_interleave(torch.tensor([len(proposals) for _, proposals in alone]))
    row = torch.arange(len(rows))
    for v, scene in enumerate(alone):
        own = (row >= first[v]) & (row < first[v] + lengths[v])
        mine = torch.where(own[:, None], rows, torch.nan)
        of = video[video == v]
        together = roi_features(mine, proposals[video == v], first_n=first[of], length_n=lengths[of])
        torch.testing.assert_close(together, roi_features(*scene))
    whole = roi_features(rows, proposals, first_n=first[video], length_n=lengths[video])
    torch.testing.assert_close(whole, torch.cat([roi_features(*scene) for scene in alone]))


def test_a_ramp_is_read_at_the_middle_of_each_bin():
    ramp = torch.arange(100, dtype=torch.float64)[:, None] + 0.5
    proposals = torch.tensor([[20.0, 36.0], [40.3, 41.1]], dtype=torch.float64)
    middles = [[s + (e - s) / 8 * (k - 2 + 0.5) for k in range(12)] for s, e in proposals.tolist()]
    found = roi_features(ramp, proposals)[..., 0]
    torch.testing.assert_close(found, torch.tensor(middles, dtype=torch.float64))


def test_gradients_reach_features_and_proposals():
    torch.manual_seed(0)
    features = torch.randn(30, 3, dtype=torch.float64, requires_grad=True)
    proposals = torch.tensor([[2.3, 9.1], [1.2, 28.7], [25.0, 29.6], [-3.3, 1.9]], dtype=torch.float64)
    assert torch.autograd.gradcheck(roi_features, (features, proposals.requires_grad_()))


@settings(deadline=None, max_examples=30)
@given(scenes(), st.sampled_from([1, 2, 100]))
def test_chunks_change_nothing(scene, chunk):
    whole = pooled(roi_features(*scene))
    for found, expected in zip(pooled_features(*scene, chunk=chunk), whole, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_features_stay_half_and_close(dtype):
    torch.manual_seed(0)
    features = torch.rand(200, 8)
    proposals = torch.tensor([[3.2, 40.7], [150.1, 152.0], [0.0, 200.0]])
    found = roi_features(features.to(dtype), proposals)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), roi_features(features, proposals), rtol=0, atol=0.02)


def test_no_proposals_no_rows_and_an_empty_recording_among_others():
    assert roi_features(torch.ones(4, 3), torch.zeros(0, 2)).shape == (0, 12, 3)
    assert [x.shape for x in pooled_features(torch.ones(4, 3), torch.zeros(0, 2))] == [(0, 3)] * 3
    assert roi_features(torch.zeros(0, 3), torch.tensor([[0.0, 4.0]])).tolist() == [[[0.0] * 3] * 12]
    first, length = torch.tensor([0, 2]), torch.tensor([2, 0])
    proposals = torch.tensor([[0.0, 2.0], [0.0, 2.0]])
    roi = roi_features(torch.ones(2, 1), proposals, first_n=first, length_n=length)
    assert roi[0, 4:8].eq(1).all()
    assert roi[1].eq(0).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_boundaries_must_be_finite(bad):
    with pytest.raises(NonFiniteError, match="boundary"):
        roi_features(torch.ones(4, 3), torch.tensor([[0.0, bad]]))

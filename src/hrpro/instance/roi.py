"""RoI features: a fixed number of bins over each proposal and its two borders (the I_s, I_c, I_e of eq. 9).

The proposal [s, e] of length L is cut into centre bins, [s - extension * L, s] into start bins and
[e, e + extension * L] into end bins. A bin of width w is the mean of ceil(w) evenly spread samples of the
features, interpolated linearly between the middles of the snippets' cells; outside its recording the features
are zero. Each bin is thus a weighted sum of some adjacent rows, which ``embedding_bag`` adds up without ever
laying out the samples themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hrpro.core.errors import NonFiniteError

Bins = tuple[int, int, int]
BINS: Bins = (2, 8, 2)


def roi_features(
    features_td: Tensor,
    proposals_n2: Tensor,
    *,
    first_n: Tensor | None = None,
    length_n: Tensor | None = None,
    extension: float = 0.25,
    bins: Bins = BINS,
) -> Tensor:
    """Features [T, D] and proposals [n, 2] in snippets -> [n, sum(bins), D]: start, centre and end bins.

    For proposals of several recordings features_td holds the rows of all, one below the other or as a padded
    batch flattened; first_n [n] and length_n [n] are the first row and the number of rows of each proposal's
    own recording. No other row is read, wherever a proposal reaches. Differentiable in features and
    proposals. A proposal of no or negative length is a point; memory grows with a proposal's length, so clip
    refined ones to the recording. Raises NonFiniteError for a NaN or infinite boundary.
    """
    n, (rows, width), device = len(proposals_n2), features_td.shape, features_td.device
    if n * rows == 0:
        return features_td.new_zeros((n, sum(bins), width))
    if not torch.isfinite(proposals_n2).all():
        raise NonFiniteError("a proposal's boundary is NaN or infinite")
    first_n = torch.zeros(n, dtype=torch.long, device=device) if first_n is None else first_n
    length_n = torch.full((n,), rows, device=device) if length_n is None else length_n

    row_w, weight_w, bin_w, start_b = _weighted_rows(proposals_n2, extension, bins)
    proposal_w = bin_w // sum(bins)
    last_w = length_n[proposal_w] - 1
    inside_w = (row_w >= 0) & (row_w <= last_w)
    row_w = first_n[proposal_w] + torch.minimum(row_w.clamp(min=0), last_w.clamp(min=0))
    summed_bd = functional.embedding_bag(
        row_w.clamp(max=rows - 1),
        features_td,
        start_b,
        mode="sum",
        per_sample_weights=(weight_w * inside_w).to(features_td.dtype),
    )
    return summed_bd.view(n, sum(bins), width)


def pooled(roi_nbd: Tensor, bins: Bins = BINS) -> tuple[Tensor, Tensor, Tensor]:
    """RoI features [n, sum(bins), D] -> max-pooled start, centre and end features, each [n, D]."""
    start_nbd, centre_nbd, end_nbd = roi_nbd.split(bins, dim=1)
    return start_nbd.amax(1), centre_nbd.amax(1), end_nbd.amax(1)


def pooled_features(
    features_td: Tensor,
    proposals_n2: Tensor,
    *,
    first_n: Tensor | None = None,
    length_n: Tensor | None = None,
    extension: float = 0.25,
    bins: Bins = BINS,
    chunk: int = 256,
) -> tuple[Tensor, Tensor, Tensor]:
    """``pooled(roi_features(...))``, ``chunk`` proposals at a time: without gradients, the bins of one chunk
    are all that is held beside the result (a quarter of the bins' size)."""
    parts = []
    for at in range(0, max(len(proposals_n2), 1), chunk):
        part = slice(at, at + chunk)
        roi_nbd = roi_features(
            features_td,
            proposals_n2[part],
            first_n=None if first_n is None else first_n[part],
            length_n=None if length_n is None else length_n[part],
            extension=extension,
            bins=bins,
        )
        parts.append(pooled(roi_nbd, bins))
    start, centre, end = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return start, centre, end


def _weighted_rows(
    proposals_n2: Tensor, extension: float, bins: Bins
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The adjacent rows each bin is made of, bin by bin.

    Row (counted in the recording, maybe outside it), weight and bin [w], and where each bin's rows begin [b].
    """
    start_n, end_n = proposals_n2.unbind(1)
    length_n = (end_n - start_n).clamp(min=0)
    end_n = start_n + length_n
    device = proposals_n2.device
    left, width = [], []
    border_n = extension * length_n
    for origin_n, region_n, parts in zip(
        (start_n - border_n, start_n, end_n), (border_n, length_n, border_n), bins, strict=True
    ):
        each_n1 = (region_n / parts)[:, None]
        left.append(origin_n[:, None] + torch.arange(parts, device=device) * each_n1)
        width.append(each_n1.expand(-1, parts))
    left_b, width_b = torch.cat(left, 1).flatten(), torch.cat(width, 1).flatten()

    count_b = width_b.detach().ceil().long().clamp(min=1)
    step_b = width_b / count_b
    bin_s, nth_s = _spread(count_b)
    at_s = (left_b + 0.5 * step_b - 0.5)[bin_s] + nth_s * step_b[bin_s]
    lower_s = at_s.detach().floor()
    upper_part_s = at_s - lower_s

    # Samples are at most one snippet apart: a bin's rows have no gaps, and neighbours share them.
    ends_b = count_b.cumsum(0)
    first_b = lower_s[ends_b - count_b].long()
    rows_b = lower_s[ends_b - 1].long() + 2 - first_b
    bin_w, nth_w = _spread(rows_b)
    start_b = rows_b.cumsum(0) - rows_b
    slot_s = (start_b - first_b)[bin_s] + lower_s.long()
    weight_w = at_s.new_zeros(len(bin_w))
    weight_w = weight_w.index_add(0, slot_s, (1 - upper_part_s) / count_b[bin_s])
    weight_w = weight_w.index_add(0, slot_s + 1, upper_part_s / count_b[bin_s])
    return first_b[bin_w] + nth_w, weight_w, bin_w, start_b


def _spread(count_b: Tensor) -> tuple[Tensor, Tensor]:
    """Counts [b] -> for each of their sum's items the bin it belongs to and its number within it."""
    bin_s = torch.repeat_interleave(count_b)
    start_b = count_b.cumsum(0) - count_b
    return bin_s, torch.arange(len(bin_s), device=count_b.device) - start_b[bin_s]

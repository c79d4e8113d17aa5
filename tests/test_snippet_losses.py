"""Stage 1's losses (eq. 1, 7): naive loops in double precision, golden vectors, and the reference's forms."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpro.snippet.losses import action_loss, attention_loss, contrastive_loss, focal, instance_weights

GOLDEN = Path(__file__).resolve().parents[1].parent / "shared" / "golden"
CLASSES, WIDTH = 3, 5


@st.composite
def batches(draw):
    """Per recording: P [T, C], A [T], embedded [T, D], and labels with both classes, one, or none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    recordings = []
    for _ in range(draw(st.integers(1, 3))):
        length = draw(st.integers(1, 12))
        kind_t = rng.choice(["action", "background", "none"], size=length, p=draw(_MIXES))
        action = (rng.random((length, CLASSES)) < 0.4) & (kind_t == "action")[:, None]
        recordings.append(
            {
                "activation": rng.random((length, CLASSES)),
                "attention": rng.random(length),
                "embedded": rng.normal(size=(length, WIDTH)),
                "action": action,
                "background": kind_t == "background",
            }
        )
    return recordings, rng.normal(size=(CLASSES, WIDTH))


_MIXES = st.sampled_from([(0.5, 0.3, 0.2), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.2, 0.0, 0.8)])


def packed(recordings, name):
    """[sum T, ...], the recordings end to end, in single precision if not boolean."""
    joined = torch.from_numpy(np.concatenate([r[name] for r in recordings]))
    return joined if joined.dtype == torch.bool else joined.float()


def of(*lengths):
    """The recording of each snippet, and how many there are."""
    return torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)), len(lengths)


def each(recordings):
    return of(*(len(r["attention"]) for r in recordings))


def naive_focal(p, y, gamma):
    p = min(max(p, 1e-6), 1 - 1e-6)
    return -((1 - p) ** gamma) * math.log(p) if y else -(p**gamma) * math.log(1 - p)


@settings(deadline=None, max_examples=100)
@given(st.floats(0, 1), st.booleans(), st.sampled_from([0.0, 0.5, 2.0]))
def test_focal(p, y, gamma):
    found = focal(torch.tensor(p, dtype=torch.float64), torch.tensor(float(y)), gamma)
    assert found.item() == pytest.approx(naive_focal(p, y, gamma), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_focal_is_finite_where_it_is_most_wrong(y):
    p = torch.tensor([0.0, 1.0], requires_grad=True)
    loss = focal(p, torch.full((2,), y), 2.0)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert p.grad is not None
    assert torch.isfinite(p.grad).all()
    assert loss.max() > 10


@settings(deadline=None, max_examples=80)
@given(batches(), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 2.0]))
def test_base_loss_equals_loops(drawn, balance, gamma):
    """Eq. 1 for balance 0; else a snippet weighs (length of the run of equal labels it is in) ** -balance."""
    recordings, _ = drawn
    expected_action, expected_background = [], []
    for r in recordings:
        length = len(r["attention"])
        total = weights = 0.0
        for t in range(length):
            if not r["action"][t].any():
                continue
            first = last = t
            while first > 0 and (r["action"][first - 1] == r["action"][t]).all():
                first -= 1
            while last + 1 < length and (r["action"][last + 1] == r["action"][t]).all():
                last += 1
            weight = (last + 1 - first) ** -balance
            weights += weight
            for c in range(CLASSES):
                total += weight * naive_focal(r["activation"][t, c], r["action"][t, c], gamma)
        expected_action.append(total / weights if weights else 0.0)
        chosen = [naive_focal(a, 0, gamma) for a in r["attention"][r["background"]]]
        expected_background.append(sum(chosen) / len(chosen) if chosen else 0.0)

    action, parts = packed(recordings, "action"), each(recordings)
    weight = instance_weights(action, parts[0], balance)
    found = action_loss(packed(recordings, "activation"), action.float(), weight, *parts, gamma)
    assert found.item() == pytest.approx(np.mean(expected_action), rel=1e-4, abs=1e-6)
    attention, background = packed(recordings, "attention"), packed(recordings, "background").float()
    found = attention_loss(attention, 0.0, background, *parts, gamma)
    assert found.item() == pytest.approx(np.mean(expected_background), rel=1e-4, abs=1e-6)
    # Drawing A to 1 is drawing 1 - A to 0.
    mirrored = attention_loss(1 - attention, 1.0, background, *parts, gamma)
    assert mirrored.item() == pytest.approx(found.item(), rel=1e-4, abs=1e-6)


def test_instance_weights_give_every_run_the_same_voice():
    action = torch.tensor([[1, 0], [1, 0], [1, 0], [0, 0], [1, 0], [1, 1], [0, 1], [0, 1]]).bool()
    recording, _ = of(8)
    assert instance_weights(action, recording, 1.0).tolist() == pytest.approx(
        [1 / 3] * 3 + [0, 1, 1, 0.5, 0.5]
    )
    assert instance_weights(action, recording, 0.0).tolist() == [1, 1, 1, 0, 1, 1, 1, 1]


def test_a_run_ends_with_its_recording():
    action, (recording, _) = torch.ones(6, 1).bool(), of(3, 1, 2)
    assert instance_weights(action, recording, 1.0).tolist() == pytest.approx([1 / 3] * 3 + [1, 0.5, 0.5])


def naive_contrast(recordings, memory, tau, form):
    """Eq. 7 sentence by sentence, with s(x, m) = exp(cos(x, m) / tau), in double precision."""

    def s(x, m):
        length = np.linalg.norm(x) * np.linalg.norm(m)
        return math.exp(float(x @ m) / length / tau)

    losses = []
    for r in recordings:
        x, background = r["embedded"], r["embedded"][r["background"]]
        by_class = []
        for c in range(CLASSES):
            terms = []
            for t in np.flatnonzero(r["action"][:, c]):
                own = s(x[t], memory[c])
                others = sum(s(x[t], memory[k]) for k in range(CLASSES) if k != c)
                near = sum(s(y, memory[c]) for y in background)
                if form == "mean" and len(background):
                    near /= len(background)
                terms.append(math.log(own / (own + others) + own / (own + near)))
            by_class.append(terms)
        if form == "paper":
            losses.append(-sum(map(sum, by_class)) / CLASSES)
        else:
            means = [sum(terms) / len(terms) for terms in by_class if terms]
            losses.append(-sum(means) / len(means) if means else 0.0)
    return float(np.mean(losses))


@settings(deadline=None, max_examples=100)
@given(batches(), st.sampled_from([0.1, 0.05, 1.0]), st.sampled_from(["paper", "mean"]))
def test_contrastive_loss_is_eq_7(drawn, tau, form):
    recordings, memory = drawn
    labels = packed(recordings, "action"), packed(recordings, "background")
    found = contrastive_loss(
        packed(recordings, "embedded"),
        torch.tensor(memory, dtype=torch.float32),
        *labels,
        *each(recordings),
        temperature=tau,
        form=form,
    )
    assert found.item() == pytest.approx(naive_contrast(recordings, memory, tau, form), rel=1e-3, abs=1e-5)


def test_eq_7_as_written_is_the_default():
    torch.manual_seed(0)
    arguments = (
        torch.randn(18, 4),
        torch.randn(3, 4),
        torch.rand(18, 3) < 0.4,
        torch.rand(18) < 0.3,
        *of(9, 9),
    )
    assert contrastive_loss(*arguments) == contrastive_loss(*arguments, temperature=0.1, form="paper")
    assert contrastive_loss(*arguments) != contrastive_loss(*arguments, form="mean")


@pytest.mark.parametrize("form", ["paper", "mean", "reference"])
def test_contrastive_loss_draws_snippets_to_their_prototype_and_background_away(form):
    torch.manual_seed(1)
    memory = torch.eye(3, 4)
    action, background = torch.zeros(6, 3).bool(), torch.zeros(6).bool()
    action[:2, 1] = True
    background[3:5] = True
    embedded = torch.rand(6, 4, requires_grad=True)

    def similarity(x):
        return torch.nn.functional.normalize(x, dim=-1) @ memory.T

    loss = contrastive_loss(embedded, memory, action, background, *of(6), form=form)
    (gradient,) = torch.autograd.grad(loss, embedded)
    before, after = similarity(embedded), similarity(embedded - 1e-3 * gradient)
    assert (after[:2, 1] > before[:2, 1]).all(), "action snippets come nearer to their own prototype"
    assert (after[3:5, 1] < before[3:5, 1]).all(), "background goes away from it"
    assert (gradient[[2, 5]] == 0).all(), "snippets without a label feel nothing"


@pytest.mark.parametrize("form", ["paper", "mean", "reference"])
@pytest.mark.parametrize("what", ["no action", "no background", "zero features", "zero memory", "one class"])
def test_contrastive_loss_and_its_gradient_are_finite_at_the_edges(form, what):
    torch.manual_seed(0)
    classes = 1 if what == "one class" else 3
    embedded, memory = torch.randn(14, 4), torch.randn(classes, 4)
    action, background = torch.zeros(14, classes).bool(), torch.zeros(14).bool()
    if what != "no action":
        action[[2, 3, 9, 10], 0] = True
    if what != "no background":
        background[[5, 6, 12, 13]] = True
    if what == "zero features":
        embedded[[2, 3, 5, 12]] = 0
    if what == "zero memory":
        memory[:] = 0
    embedded.requires_grad_()
    loss = contrastive_loss(embedded, memory, action, background, *of(7, 7), temperature=0.02, form=form)
    loss.backward()
    assert torch.isfinite(loss)
    assert embedded.grad is not None
    assert torch.isfinite(embedded.grad).all()
    if what == "no action":
        assert loss == 0


@settings(deadline=None, max_examples=60)
@given(batches(), st.sampled_from(["paper", "mean", "reference"]))
def test_the_loss_of_a_batch_is_the_mean_of_its_recordings(drawn, form):
    recordings, memory = drawn
    memory = torch.tensor(memory, dtype=torch.float32)

    def losses(chosen):
        action, background, parts = packed(chosen, "action"), packed(chosen, "background"), each(chosen)
        weight = instance_weights(action, parts[0], 1.0)
        return (
            action_loss(packed(chosen, "activation"), action.float(), weight, *parts, 2.0),
            attention_loss(packed(chosen, "attention"), 0.0, background.float(), *parts, 2.0),
            contrastive_loss(packed(chosen, "embedded"), memory, action, background, *parts, form=form),
        )

    alone = torch.tensor([losses([r]) for r in recordings])
    torch.testing.assert_close(torch.stack(losses(recordings)), alone.mean(0))


@pytest.fixture(params=range(4))
def golden(request):
    if not GOLDEN.exists():
        pytest.skip("golden vectors are not at hand")
    arrays = np.load(GOLDEN / f"stage1_losses_{request.param}.npz")
    return {name: torch.tensor(arrays[name]) for name in arrays.files}


def test_golden_base_loss(golden):
    """The reference's form: C + 1 channels, the last of which is the background score, in both halves.

    Action: the clicked snippets alone, each counted once, so weights are 1 there. Background: the same focal
    loss with the last channel for a target.
    """
    fused = golden["fused"]
    parts = of(len(fused))
    no_background = torch.zeros_like(golden["point_labels"][:, :1])
    clicked = torch.cat([golden["point_labels"], no_background], 1)
    found = action_loss(fused, clicked, clicked.amax(-1), *parts, 2.0)
    assert found.item() == pytest.approx(golden["loss_action"].item(), rel=2e-6)
    background = torch.zeros_like(fused)
    background[..., -1] = 1
    found = action_loss(fused, background, golden["pseudo_background"], *parts, 2.0)
    assert found.item() == pytest.approx(golden["loss_background"].item(), rel=2e-6)


def test_golden_contrastive_loss(golden):
    """Equal but for one slip of the reference: it overlooks the last snippet of every recording.

    A class that only this snippet shows is then missing from its sum, but not from the count it divides by.
    """
    action, background = golden["pseudo_action"].clone(), golden["pseudo_background"].clone()
    clicked_classes = action.any(0).sum()
    action[-1], background[-1] = 0, 0
    found = contrastive_loss(
        golden["embedded"],
        golden["memory_before"],
        action,
        background,
        *of(len(action)),
        temperature=golden["temperature"].item(),
        form="reference",
    )
    found = found * action.any(0).sum() / clicked_classes
    assert found.item() == pytest.approx(golden["loss_contrastive"].item(), rel=1e-5)

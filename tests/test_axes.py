"""Principal components against a singular value decomposition."""

import numpy as np

from hrpro.data.axes import principal_axes


def test_axes_are_the_principal_ones_of_standardised_features() -> None:
    rng = np.random.default_rng(2)
    features = (rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + 100).astype(np.float32)
    features[:, 3] = 7  # says nothing
    axes = principal_axes([features[:100], features[100:]], 4)
    reduced = (features - features.mean(0)) @ axes
    scale = features.std(0, dtype=np.float64)
    standard = (features - features.mean(0)) / np.where(scale > 1e-3, scale, np.inf)
    _, singular, _ = np.linalg.svd(standard, full_matrices=False)
    np.testing.assert_allclose(np.linalg.norm(reduced, axis=0), singular[:4], rtol=1e-3)
    assert (axes[3] == 0).all()
    assert principal_axes([features], 64).shape == (6, 6)

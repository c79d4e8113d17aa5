"""LACP (Lee & Byun, ICCV 2021): action completeness learned from an optimal sequence around the clicks."""

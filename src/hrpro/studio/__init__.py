"""The studio: click, train, watch and correct in a browser. ``hrpro studio PROJECT``."""

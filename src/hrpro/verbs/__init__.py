"""The verbs of ``hrpro``: a module each, whose docstring is what ``hrpro VERB --help`` begins with.

``add_options(verb)`` puts onto the verb's parser what it takes. ``main(**given)`` takes it, calls those whose
work it is, prints, and returns the exit code. Every call of the command loads all verbs, for their help, so
each leaves what is heavy to its ``main``.
"""

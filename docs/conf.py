"""Sphinx: ``sphinx-build -W docs docs/_build`` makes the site of the documentation."""

from dynamix.version import __version__

project = 'dynamix'
author = 'the dynamix contributors'
copyright = '2026, the dynamix contributors'
version = release = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'dynamix {release}'

# Links to headings, as components.md#your-own-reader.
myst_heading_anchors = 3

autodoc_default_options = {'members': True}
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # the docstrings have types
napoleon_use_ivar = True  # else attributes of named tuples occur twice
napoleon_numpy_docstring = False

"""The site: `make docs`. Needs no network to be built or read."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "icl-theory"
html_title = "icl-theory"
extensions = ["myst_parser", "sphinx.ext.autodoc", "pages"]
exclude_patterns = ["pages", "static", "templates"]

myst_heading_anchors = 3
smartquotes = False  # what is written is what is shown: formulas hold quotation marks
highlight_language = "none"  # an indented block of these pages is a formula

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # what every law must give is said once, with CovariateLaw
autodoc_default_options = {"members": True}
add_module_names = False

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False

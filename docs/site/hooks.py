"""What the site needs beyond MkDocs: links out of ``docs/``, and diagrams without another host.

On a repository's own pages a link to a file of the code works. The site holds ``docs/`` alone: there such a
link becomes its text, with the file's path where the text does not name it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

_SCRIPT: Final = "assets/mermaid.min.js"
_FENCE: Final = re.compile(r"(^[ \t]*```.*?^[ \t]*```[ \t]*$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<!!)\[([^\]\n]+)\]\(((?:\.\./)+[^)\s#]+)(?:#[^)\s]*)?\)")
_FETCHED: Final = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^>]*>"""
)


def on_files(files: Any, config: Any) -> Any:
    """The diagrams' program, from the file that ``make docs`` names, is a file of the site."""
    files.append(File.generated(config, _SCRIPT, abs_src_path=os.environ["MERMAID"]))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links that leave ``docs/`` become text."""
    here = PurePosixPath(page.file.src_uri).parent

    def told(found: re.Match[str]) -> str:
        text, path = found[1], os.path.normpath(here / found[2])
        if not path.startswith("../"):
            return found[0]
        path = path.removeprefix("../")
        return text if path in text.replace("`", "") else f"{text} (`{path}`)"

    parts = _FENCE.split(markdown)
    return "".join(part if part.lstrip().startswith("```") else _LINK.sub(told, part) for part in parts)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Pages with a diagram load the program before the theme's own, which would ask a CDN for it."""
    if fetched := _FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri}: the page fetches from elsewhere: {fetched[0]}")
    if 'class="mermaid"' not in output:
        return output
    script = f'<script src="{get_relative_url(_SCRIPT, page.url)}"></script>'
    return output.replace('<script id="__config"', f'{script}<script id="__config"', 1)


def on_post_build(config: Any) -> None:
    """Says where the site is."""
    print(f"The site is in {Path(config.site_dir)}: open index.html, or `make docs ARGS=serve`")  # noqa: T201

"""The results page: one HTML file with everything in it, pictures too."""

from __future__ import annotations

import base64
import io
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from examples.catalogue.products import SampleProduct
from examples.catalogue.writer import SampleManifest
from examples.demo.report import DemoReport, FaultOutcome, SearchOutcome
from examples.demo.shopper import ShopperOutcome
from mmpipe.cli.moment import in_the_clip
from mmpipe.schemas.recommend import Recommended
from mmpipe.schemas.search import Hit

_THUMBNAIL = 220
_KINDS = {
    "text": "text · 文字",
    "image": "photo · 图片",
    "text+image": "photo + text · 图文",
    "similar": "similar · 相似",
}
_SHOWN_WHYS = 2
_PARTS = ("lexical", "text", "image", "audio", "video")


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mmpipe demo</title><style>$style</style></head><body>
<h1>From upload to search · 从上传到搜索</h1>
<p class="lead">A sample catalogue went through S3, the queue, the handler, Ray and LanceDB; these are
its searches, asked over HTTP.<br>
样例商品目录经由对象存储、队列、Ray 与 LanceDB 建立索引，以下是通过 HTTP 查询的结果。</p>
<div class="figures">$figures</div>
<p class="legend">What a score is made of · 得分构成$legend</p>
$searches
$shopper
<section><header><h2>Turned away, each with its reason · 被拒绝的数据及原因</h2></header>
<table><tr><th></th><th>row</th><th>product</th><th>field</th><th>reason</th></tr>
$faults
</table></section>
</body></html>
""")


def write_page(path: Path, report: DemoReport, manifest: SampleManifest) -> Path:
    """Write the page; returns its path. What products and reasons say is escaped."""
    pictures = _Pictures(manifest)
    searches = "\n".join(_search(search, pictures) for search in report.searches)
    legend = "".join(f'<i class="{part}"></i>{part}' for part in _PARTS)
    faults = "\n".join(_fault(fault) for fault in report.faults)
    found = sum(search.ok for search in report.searches)
    turned_away = sum(fault.reject is not None for fault in report.faults)
    figures = "".join(
        f'<div class="figure"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
        for value, name in (
            (f"{report.indexed:,}", "products · 商品"),
            (f"{found}/{len(report.searches)}", "searches right · 搜索正确"),
            (f"{turned_away}/{len(report.faults)}", "faults caught · 拦截错误"),
            (f"{report.seconds:.0f} s", "altogether · 总用时"),
        )
    )
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    shopper = "" if report.shopper is None else _shopper(report.shopper, pictures)
    page = _PAGE.substitute(
        style=style, figures=figures, legend=legend, searches=searches, shopper=shopper, faults=faults
    )
    path.write_text(page, encoding="utf-8")
    return path


class _Pictures:
    """Thumbnails of products as data URIs, each made once."""

    def __init__(self, manifest: SampleManifest) -> None:
        self._folder = manifest.folder / "media"
        self.products: dict[str, SampleProduct] = {product.id: product for product in manifest.products}
        self._made: dict[str, str] = {}

    def of(self, product_id: str) -> str:
        """The product's photo; nothing for one without."""
        if product_id not in self.products:
            return ""
        if product_id not in self._made:
            self._made[product_id] = thumbnail((self._folder / f"{product_id}.jpg").read_bytes())
        return self._made[product_id]


def thumbnail(photo: bytes) -> str:
    """A small JPEG of a photo, as a ``data:`` URI."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(photo)) as image:
        image.thumbnail((_THUMBNAIL, _THUMBNAIL))
        image.convert("RGB").save(small, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(small.getvalue()).decode()}"


def _search(search: SearchOutcome, pictures: _Pictures) -> str:
    query = search.query
    asked = thumbnail(query.image) if query.image is not None else pictures.of(query.product_id or "")
    picture = f'<img src="{asked}" alt="what was asked">' if asked else ""
    mark = '<span class="mark good">✓</span>' if search.ok else '<span class="mark bad">✗</span>'
    words = f" + “{escape(query.text)}”" if query.kind == "text+image" and query.text else ""
    hits = "\n".join(
        _hit(hit, pictures, best=place == 0, ok=search.ok) for place, hit in enumerate(search.hits)
    )
    return f"""<section><header>{picture}<div><h2>{mark} {escape(query.label)}{words}</h2>
<div class="kind">{_KINDS[query.kind]} · {search.took_ms:.0f} ms</div></div></header>
<div class="hits">{hits}</div></section>"""


def _hit(hit: Hit, pictures: _Pictures, *, best: bool, ok: bool) -> str:
    photo = pictures.of(hit.id)
    shown = f'<img src="{photo}" alt="">' if photo else '<div class="blank"></div>'
    product = pictures.products.get(hit.id)
    zh = escape(product.title_zh) if product else ""
    kind = f"hit best{'' if ok else ' wrong'}" if best else "hit"
    title, price = escape(hit.title), _price(hit)
    return f"""<article class="{kind}">{shown}{_split(hit)}<div><p title="{title}">{title}</p>
<p class="zh" title="{zh}">{zh}</p><p class="price">{price}</p>{_moment(hit)}</div></article>"""


def _price(hit: Hit) -> str:
    price = escape(hit.price or "")
    if hit.list_price is None:
        return price
    return f'{price} <s title="list price · 原价">{escape(hit.list_price)}</s>'


def _moment(hit: Hit) -> str:
    if hit.video_second is None:
        return ""
    shown = in_the_clip(hit.video_second)
    return f'<p class="moment" title="where its clip matches · 视频匹配处">▶ {shown}</p>'


def _split(hit: Hit) -> str:
    if hit.scores is None:
        return ""
    parts = {name: max(0.0, getattr(hit.scores, name)) for name in _PARTS}
    total = sum(parts.values()) or 1.0
    bars = "".join(
        f'<i class="{name}" style="width:{100 * value / total:.1f}%" title="{name} {value:.3f}"></i>'
        for name, value in parts.items()
        if value > 0
    )
    return f'<div class="split">{bars}</div>'


def _shopper(shopper: ShopperOutcome, pictures: _Pictures) -> str:
    clicked = "".join(
        f'<img src="{pictures.of(product.id)}" alt="{escape(product.title_en)}">'
        for product in shopper.clicked
    )
    when = "never · 未变化" if shopper.seconds is None else f"{shopper.seconds * 1e3:.0f} ms"
    held = "" if shopper.fallback is None else f" ({escape(shopper.fallback)})"
    before = "\n".join(_recommended(item, pictures) for item in shopper.before)
    after = "\n".join(_recommended(item, pictures) for item in shopper.after)
    return f"""<section><header>{clicked}<div><h2>Somebody new clicks these · 新顾客点击了这几件</h2>
<div class="kind">recommendations changed after · 推荐更新用时 {when}</div></div></header>
<p class="kind">before · 点击前{held}</p><div class="hits">{before}</div>
<p class="kind">after, and why · 点击后及原因</p><div class="hits">{after}</div></section>"""


def _recommended(item: Recommended, pictures: _Pictures) -> str:
    photo = pictures.of(item.id)
    shown = f'<img src="{photo}" alt="">' if photo else '<div class="blank"></div>'
    product = pictures.products.get(item.id)
    zh = escape(product.title_zh) if product else ""
    parts = sorted((why for why in item.why if why.part > 0), key=lambda why: -why.part)
    whys = "".join(
        f'<li>{escape(why.text)} <span class="part">{why.part:.2f}</span></li>' for why in parts[:_SHOWN_WHYS]
    )
    title = escape(item.title)
    return f"""<article class="hit">{shown}<div><p title="{title}">{title}</p>
<p class="zh" title="{zh}">{zh}</p><ul class="why">{whys}</ul></div></article>"""


def _fault(fault: FaultOutcome) -> str:
    wanted = fault.expected
    mark = '<span class="bad">✗</span>' if fault.reject is None else '<span class="good">✓</span>'
    reason = "not rejected" if fault.reject is None else fault.reject.reason
    cells = (str(wanted.row), wanted.product_id or "", wanted.field, reason)
    return f"<tr><td>{mark}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"

"""``mmpipe eval``: quality figures over judged queries, through the real pipeline, and over behaviour."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from mmpipe.cli.console import emit, output, table
from mmpipe.cli.evaluate_recommend import eval_recommend
from mmpipe.cli.options import AsJson, ProfileName, settings_with
from mmpipe.errors import InvalidRequest

_OF_KINDS = ("ndcg@10", "recall@10", "mrr")
eval_app = typer.Typer(help="Measure search quality.", no_args_is_help=True)


@eval_app.callback()
def evaluate() -> None:
    """Measure search quality."""


eval_app.command("recommend")(eval_recommend)


@eval_app.command("search")
def eval_search(
    products: Annotated[
        list[Path],
        typer.Option("--products", help="Parquet: id, title, image (bytes), any attributes; repeatable"),
    ],
    queries: Annotated[
        Path,
        typer.Option(
            "--queries", help='JSONL {"query", "relevant"}, or Parquet with image or audio, product_id'
        ),
    ],
    by: Annotated[
        Literal["kind"] | None,
        typer.Option("--by", help="kind: also the figures of each kind of query, as queries say their kind"),
    ] = None,
    doc_modalities: Annotated[
        str,
        typer.Option("--doc-modalities", help="what of the products is indexed: image, text, or image,text"),
    ] = "image,text",
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Index products into a temporary lake, ask every query, and score the answers."""
    from mmpipe.encoders.base import MODALITIES
    from mmpipe.evaluate import search_eval

    named = [part.strip() for part in doc_modalities.split(",") if part.strip()]
    modalities = [known for known in MODALITIES if known in named]
    if len(modalities) != len(named) or not modalities:
        raise InvalidRequest("doc-modalities", f"{doc_modalities!r} is not a list of {', '.join(MODALITIES)}")
    result = search_eval.run(settings_with(profile=profile), products, queries, modalities)
    if by is not None and not result.by_kind:
        raise InvalidRequest("by", f"no query of {queries.name} says its kind")
    if as_json:
        emit(result.all if by is None else {**result.all, "by_kind": result.by_kind})
        return
    shown = table("", ["measure", "value"])
    for measure, value in result.all.items():
        shown.add_row(measure, f"{value:.4f}" if isinstance(value, float) else str(value))
    output.print(shown)
    if by is not None:
        shown = table("", ["kind", "queries", *_OF_KINDS])
        for kind, figures in result.by_kind.items():
            shown.add_row(kind, str(figures["queries"]), *(f"{figures[name]:.4f}" for name in _OF_KINDS))
        output.print(shown)


@eval_app.command("fusion")
def eval_fusion(
    products: Annotated[
        list[Path],
        typer.Option("--products", help="feed file of products with text and pictures; repeatable"),
    ],
    queries: Annotated[
        Path | None,
        typer.Option("--queries", help="judged queries, as for search; without it they are made of products"),
    ] = None,
    fusions: Annotated[
        list[Path] | None,
        typer.Option("--fusion", help="weight file of a further fusion to compare; repeatable"),
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option("--held-out", help="NAME=VALUE: make queries only of products with this attribute"),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="products that queries are made of")] = 400,
    seed: Annotated[int, typer.Option("--seed", help="which products, and how they are asked for")] = 7,
    profile: ProfileName = None,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="one Markdown table on stdout")] = False,
) -> None:
    """Show what fusing modalities buys: text, image and mixed queries by each modality and each fusion."""
    from mmpipe.evaluate import fusion_eval, fusion_report

    name, equals, value = (held_out or "").partition("=")
    if held_out is not None and not (name and equals):
        raise InvalidRequest("held-out", f"{held_out!r} is not of the form NAME=VALUE")
    result = fusion_eval.run(
        settings_with(profile=profile),
        products,
        queries=queries,
        fusions=fusions or (),
        held_out=(name, value) if held_out is not None else None,
        count=count,
        seed=seed,
    )
    if as_json:
        emit(asdict(result))
        return
    if as_markdown:
        typer.echo(fusion_report.markdown(result))
        return
    for way, figures in result.ways.items():
        measures = list(next(iter(figures.methods.values())))
        shown = table(f"{way}: {result.queries[way]} queries, {result.products} products", ["", *measures])
        for cells in fusion_report.rows(figures):
            shown.add_row(*cells)
        output.print(shown)


@eval_app.command("speech")
def eval_speech(
    clips: Annotated[Path, typer.Option("--clips", help="folder of recordings")],
    labels: Annotated[Path, typer.Option("--labels", help='JSONL {"file", "slots": {name: value}}')],
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            "--vocabulary",
            help="catalogue texts, one a line (JSONL: its title); the labels' values unless given",
        ),
    ] = None,
    recognizer: Annotated[
        str, typer.Option("--recognizer", help="bilingual, bilingual, sphinx or whisper")
    ] = "bilingual",
    as_json: AsJson = False,
) -> None:
    """Transcribe recordings and count the slot values that were heard."""
    from mmpipe.evaluate import speech_eval
    from mmpipe.speech import registry

    requests = speech_eval.read_labels(labels)
    texts = speech_eval.vocabulary_of(requests)
    if vocabulary is not None:
        texts = speech_eval.read_vocabulary(vocabulary)
    settings = settings_with()
    loaded = registry.load(recognizer, settings.models)
    if loaded is None:
        raise InvalidRequest("recognizer", "must be one that hears something: bilingual, sphinx or whisper")
    figures = speech_eval.measure(loaded.adapted(texts), requests, clips, settings.media)
    if as_json:
        emit(figures)
        return
    shown = table("", ["measure", "value"])
    for measure, value in figures.items():
        shown.add_row(measure, str(value))
    output.print(shown)


@eval_app.command("assistant")
def eval_assistant(
    products: Annotated[
        list[Path], typer.Option("--products", help="feed file of the catalogue; repeatable")
    ],
    turns: Annotated[
        Path,
        typer.Option("--turns", help="JSONL of conversations, as `python -m examples.assistant` writes them"),
    ],
    reviews: Annotated[
        Path | None, typer.Option("--reviews", help="JSONL {product_id, review_id, text}")
    ] = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Hold judged conversations: right products or right refusals, and claims whose evidence holds them."""
    from mmpipe.evaluate import assistant_eval

    result = assistant_eval.run(settings_with(profile=profile), products, turns, reviews)
    if as_json:
        emit(assistant_eval.as_json(result))
        return
    rows = {"all": result.all, **result.by_language, **result.by_kind}
    shown = table("", ["", *result.all])
    for name, figures in rows.items():
        shown.add_row(name, *(str(value) for value in figures.values()))
    output.print(shown)
    for wrong in result.wrong:
        output.print(f"{wrong['kind']}: {wrong['say']} — {wrong['why']}", markup=False)

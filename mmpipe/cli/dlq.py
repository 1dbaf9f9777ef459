"""``mmpipe dlq``: uploads that nobody took, why, and putting them back on their queue."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, Folder, running_stack, settings_for_lake
from mmpipe.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from mmpipe.dispatch.letters import DeadLetter, DeadLetters

_MOST = 50_000  # as many as one replay takes

dlq_app = typer.Typer(
    help="Dead letters: what could not be handled, putting it back, throwing it away. Of a queue of SQS, or"
    " of the folder that `mmpipe serve` takes uploads into.",
    no_args_is_help=True,
)

QueueUrl = Annotated[
    str | None,
    typer.Option(
        "--queue-url",
        help="the upload queue; default: MMPIPE_DISPATCH__QUEUE_URL, the running stack's, or the one whose"
        " dead letters these are",
        show_default=False,
    ),
]
DlqUrl = Annotated[
    str | None,
    typer.Option(
        "--dlq-url",
        help="its dead-letter queue; default: MMPIPE_DISPATCH__DLQ_URL, the running stack's, or the upload"
        " queue's own",
        show_default=False,
    ),
]
Lake = Annotated[
    str | None,
    typer.Option(
        "--lake",
        help="a lake in a folder, whose uploads' dead letters are meant; default: the stack's queue or that"
        " of the settings, where there is none the settings' lake",
        show_default=False,
    ),
]
MessageIds = Annotated[
    list[str] | None,
    typer.Option("--id", help="which message; its first digits are enough; may be repeated"),
]


@dlq_app.command("list")
def list_letters(
    queue_url: QueueUrl = None,
    dlq_url: DlqUrl = None,
    lake: Lake = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 100,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """List messages, oldest first; they stay where they are."""
    held = _dead_letters(queue_url, dlq_url, lake, folder)
    letters = held.peek(limit)
    if as_json:
        emit([letter.model_dump(mode="json") for letter in letters])
        return
    if not letters:
        output.print(f"{escape(held.where)} is empty", soft_wrap=True)
        return
    _show(letters)
    causes = Counter(letter.cause for letter in letters)
    output.print(", ".join(f"{count} by {cause}" for cause, count in sorted(causes.items())))
    output.print(f"{len(letters)} of about {max(held.count(), len(letters))}", style="dim")


@dlq_app.command()
def replay(
    message_ids: MessageIds = None,
    everything: Annotated[bool, typer.Option("--all", help="every message that is there now")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show what would go back, and leave it where it is")
    ] = False,
    queue_url: QueueUrl = None,
    dlq_url: DlqUrl = None,
    lake: Lake = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Put messages back on their queue, oldest first.

    Handling an event twice is harmless; what fails again comes back.
    """
    if bool(message_ids) == everything:
        raise InvalidRequest("id", "give some ids from `mmpipe dlq list`, or --all")
    held = _dead_letters(queue_url, dlq_url, lake, folder)
    if dry_run:
        _rehearse(held, held.peek(_MOST) if everything else _named(held, message_ids or []), as_json)
        return
    wanted = None if everything else [letter.message_id for letter in _named(held, message_ids or [])]
    report = held.replay(wanted)
    if as_json:
        emit({"queue": held.queue, "replayed": list(report.taken), "missing": list(report.missing)})
    elif report.taken:
        console.print(f"{len(report.taken)} messages are back on {escape(held.queue)}", soft_wrap=True)
    elif not report.missing:
        console.print(f"{escape(held.where)} is empty", soft_wrap=True)
    if report.missing:
        raise NotFound(f"not in {held.where} any more: {', '.join(report.missing)}")


@dlq_app.command()
def purge(
    message_ids: MessageIds = None,
    everything: Annotated[bool, typer.Option("--all", help="every message that is there now")] = False,
    queue_url: QueueUrl = None,
    dlq_url: DlqUrl = None,
    lake: Lake = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Throw messages away for good. The files that they are about stay, and are not indexed."""
    if bool(message_ids) == everything:
        raise InvalidRequest("id", "give some ids from `mmpipe dlq list`, or --all")
    held = _dead_letters(queue_url, dlq_url, lake, folder)
    letters = held.peek(_MOST) if everything else _named(held, message_ids or [])
    report = held.purge([letter.message_id for letter in letters])
    if as_json:
        emit({"where": held.where, "purged": list(report.taken), "missing": list(report.missing)})
    else:
        console.print(f"{len(report.taken)} messages are gone from {escape(held.where)}", soft_wrap=True)
    if report.missing:
        raise NotFound(f"not in {held.where} any more: {', '.join(report.missing)}")


def _rehearse(held: DeadLetters, letters: list[DeadLetter], as_json: bool) -> None:
    if as_json:
        emit({"queue": held.queue, "would_replay": [letter.message_id for letter in letters]})
        return
    if letters:
        _show(letters)
    console.print(f"{len(letters)} messages would go back to {escape(held.queue)}", soft_wrap=True)


def _show(letters: list[DeadLetter]) -> None:
    shown = table("", ["id", "age", "receives", "event", "object", "why"])
    for letter in letters:
        shown.add_row(*(escape(cell) for cell in _cells(letter)))
    output.print(shown)


def _dead_letters(queue_url: str | None, dlq_url: str | None, lake: str | None, folder: Path) -> DeadLetters:
    """Those of the queue that is named, else of the lake that is named, else of the running stack, else of
    what the settings name: a queue before a folder."""
    from mmpipe.dispatch.dead_letters import QueueLetters
    from mmpipe.dispatch.folder_letters import FolderLetters
    from mmpipe.dispatch.folder_queue import upload_folder

    if queue_url or dlq_url:
        return QueueLetters(queue_url, dlq_url)
    settings = settings_for_lake(lake, folder)
    if lake is None and (running_stack(folder) or settings.dispatch.queue_url or settings.dispatch.dlq_url):
        return QueueLetters(settings.dispatch.queue_url, settings.dispatch.dlq_url)
    uploads = upload_folder(settings)
    if uploads is not None and uploads.is_dir():
        return FolderLetters(uploads)
    if lake is not None:
        raise InvalidRequest(
            "lake", f"{lake} has no folder that uploads come into; of a queue name it with --dlq-url"
        )
    return QueueLetters(None, None)


def _named(held: DeadLetters, given: list[str]) -> list[DeadLetter]:
    """The messages whose ids begin so, oldest first.

    Raises ``InvalidRequest`` where several begin with the same digits, ``NotFound`` where none does.
    """
    letters = held.peek(_MOST)
    known = [letter.message_id for letter in letters]
    found = set()
    for one in given:
        matches = [one] if one in known else [name for name in known if one and name.startswith(one)]
        if not matches:
            raise NotFound(f"no message {one!r} in {held.where}: see mmpipe dlq list")
        if len(matches) > 1:
            raise InvalidRequest("id", f"{len(matches)} messages begin with {one!r}; give more digits")
        found.add(matches[0])
    return [letter for letter in letters if letter.message_id in found]


def _cells(letter: DeadLetter) -> tuple[str, ...]:
    events = ", ".join(dict.fromkeys(event.event for event in letter.events))
    objects = ", ".join(event.uri for event in letter.events)
    if letter.unreadable:
        why = f"poison, unreadable: {letter.unreadable}"
    elif letter.events:
        said = letter.reason or "its work was not taken"
        why = f"outage, {said}: when the cause is mended, replay it"
    else:
        why = "nothing follows from it"
    what = objects or letter.body.replace("\n", " ")[:60]
    receives = "" if letter.receives is None else str(letter.receives)
    return letter.message_id[:13], _age(letter.age_seconds), receives, events, what, why


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"

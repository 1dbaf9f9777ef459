"""``rules.json`` of a collection: its merchandising rules, and every set of them that there was before.

Setting them makes the next version; the former is kept as ``rules/VERSION.json`` first, so whoever is cut off
between the two leaves a copy more, and nothing lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_core import to_json

from mmpipe.errors import InvalidRequest, ObjectNotFound, Outdated
from mmpipe.lake.set_file import DamagedFile, SetFile
from mmpipe.schemas.rules import Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.objects import ObjectStore

MAX_BYTES = 4_000_000
NO_RULES = RuleSet()
_NAME = "rules.json"
_FOLDER = "rules"
# More than anybody scrolls through.
_MOST_VERSIONS = 1_000


def parse_rules(data: bytes) -> RuleSet:
    """``{"version": 3, "rules": […]}`` or a list of rules alone. Raises :class:`InvalidRequest` naming the
    first field that cannot be used."""
    if len(data) > MAX_BYTES:
        raise InvalidRequest("rules", f"the document has more than {MAX_BYTES:,} bytes")
    try:
        if data.lstrip()[:1] == b"[":
            return RuleSet.model_validate_json(b'{"rules":' + data + b"}")
        return RuleSet.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidRequest(_place(first["loc"]), first["msg"].removeprefix("Value error, ")) from None


class RuleFile(SetFile[RuleSet]):
    """The rules of one collection, followed."""

    def __init__(self, store: ObjectStore, collection_uri: str) -> None:
        super().__init__(
            store,
            collection_uri,
            _NAME,
            what="rules",
            parse=parse_rules,
            nothing=NO_RULES,
            max_bytes=MAX_BYTES,
        )
        self._folder = f"{collection_uri}/{_FOLDER}"

    def set(self, rules: Sequence[Rule], *, former: int | None = None) -> RuleSet:
        """Make these the rules. ``former`` is the version that they were made from, where the caller knows.
        Where the current file is damaged, whatever version they were made from.

        Raises ``Outdated`` where another is current by now, ``CommitConflict`` where somebody else set them
        at the same moment, :class:`InvalidRequest` for too large a set.
        """
        try:
            held = self.read()
        except DamagedFile:
            # Its own number is one more than the last that was kept; what replicas hold may have it.
            version = max(self._kept(), default=0) + 2
        else:
            if former is not None and held.version != former:
                raise Outdated(
                    "version",
                    f"{held.version} is current, not {former}; read the rules again and make the change to"
                    " those",
                )
            if held.version:
                self._store.write(self._copy(held.version), _written(held))
            version = held.version + 1
        return self.replace(_written(RuleSet(version=version, rules=list(rules))))

    def versions(self) -> list[int]:
        """The versions that can be read, rising; the last is current. None where no rules were ever set."""
        current = self.read().version
        if not current:
            return []
        kept = sorted(version for version in self._kept() if version < current)
        return [*kept[-_MOST_VERSIONS:], current]

    def version(self, number: int) -> RuleSet:
        """The rules of a version. Raises :class:`InvalidRequest` where there is none of that number."""
        current = self.read()
        if number == current.version:
            return current
        try:
            data = self._store.read(self._copy(number), max_bytes=MAX_BYTES)[0]
        except ObjectNotFound:
            raise InvalidRequest("version", f"there are no rules of version {number}") from None
        return parse_rules(data)

    def _kept(self) -> frozenset[int]:
        listed = (stat.uri.rpartition("/")[2] for stat in self._store.list(f"{self._folder}/"))
        names = (name.removesuffix(".json") for name in listed)
        return frozenset(int(name) for name in names if name.isdecimal())

    def _copy(self, version: int) -> str:
        return f"{self._folder}/{version:08d}.json"


def _written(rules: RuleSet) -> bytes:
    return to_json(
        rules.model_dump(mode="json", exclude_defaults=True) | {"version": rules.version}, indent=1
    )


def _place(location: tuple[int | str, ...]) -> str:
    """``rules[2].pin[0].position``."""
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name or "rules"

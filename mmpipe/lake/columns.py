"""Which files of a fragment hold which columns.

A fragment's files each hold some columns of all its rows, and columns that change in place get a file of
their own: the former one then names their fields no longer. So the files that hold a column name its values
for good, whatever happens to the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import lance
    from lance.fragment import LanceFragment

Files = tuple[str, ...]


class ColumnFiles:
    """The columns of one version by the files of a fragment, told by the manifest alone.

    Fragments that have the same files in ``former``, another version of the table, are not read again.
    """

    def __init__(self, dataset: lance.LanceDataset, former: ColumnFiles | None = None) -> None:
        self._name_of: dict[int, str] = {}
        for field in dataset.lance_schema.fields():
            self._name_of.update(dict.fromkeys(_ids(field), field.name()))
        # A fragment's fields move to another file only with the coming of that file.
        self._known: dict[tuple[str, ...], dict[str, Files]] = {}
        self._former = former._known if former is not None and former._name_of == self._name_of else {}

    def by_column(self, fragment: LanceFragment) -> dict[str, Files]:
        """Per column the names of the files that hold it, sorted; a column that none holds is null in every
        row, and left out. Not for changing."""
        paths = tuple(map(_path, fragment.data_files()))
        known = self._known.get(paths) or self._former.get(paths)
        if known is None:
            known = self._by_column(fragment)
        self._known[paths] = known
        return known

    def _by_column(self, fragment: LanceFragment) -> dict[str, Files]:
        found: dict[str, set[str]] = {}
        for path, columns in self.by_file(fragment).items():
            for name in columns:
                found.setdefault(name, set()).add(path)
        return {name: tuple(sorted(paths)) for name, paths in found.items()}

    def by_file(self, fragment: LanceFragment) -> dict[str, frozenset[str]]:
        """Per file below ``data`` the columns that are read from it."""
        # A field that a later file took over stays in the list as a negative number.
        return {
            file.path: frozenset(self._name_of[i] for i in file.fields if i in self._name_of)
            for file in fragment.data_files()
        }


def _path(file: Any) -> str:
    # lance makes a class for every look at ``path``, which takes longer than all else about a known fragment.
    known: str | None = getattr(file, "_path", None)
    return str(file.path) if known is None else known


def _ids(field: Any) -> list[int]:
    return [field.id(), *(number for child in field.children() for number in _ids(child))]

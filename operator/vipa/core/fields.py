"""Reading one object of a document, field by field, without ever raising.

Every reader answers with a value of its type, whatever stands there: what is wrong becomes an
Issue, and the answer is then the empty value of that type. Fields that nobody asked for are known
afterwards, so that a parser is at the same time the list of fields that exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from vipa.core import forms
from vipa.core.forms import Form
from vipa.core.notes import Notes, shown
from vipa.core.resources import Issue


class Fields:
    """One object at a path. `there` is False when it is left out or none: it says nothing then."""

    def __init__(self, raw: object, path: str, notes: Notes) -> None:
        self.path = path
        self.there = isinstance(raw, dict)
        self._raw: Mapping[object, object] = raw if isinstance(raw, dict) else {}
        self._asked: set[object] = set()
        self.notes = notes
        notes.opened.append(self.unknown)

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def note(self, name: str, message: str) -> None:
        """Something is wrong with a field, or with the object itself where `name` is empty."""
        if self.there:
            self.notes.add(self.at(name) if name else self.path, message)

    def rule(self, holds: bool, message: str, name: str = "") -> None:
        if not holds:
            self.note(name, message)

    def get(self, name: str) -> object:
        """The value as it stands. null is the same as left out, as for the API server."""
        self._asked.add(name)
        return self._raw.get(name)

    def has(self, name: str) -> bool:
        return self.get(name) is not None

    def size(self, name: str) -> int:
        """How many entries stand there, readable or not."""
        value = self.get(name)
        return len(value) if isinstance(value, list) else 0

    def _value(self, name: str, required: bool) -> object:
        value = self.get(name)
        if value is None and required:
            self.note(name, "Required value: it cannot be left out")
        return value

    def text(self, name: str, form: Form, *, required: bool = False, default: str = "") -> str:
        value = self._value(name, required)
        if value is None:
            return default
        return self._text(name, value, form)

    def _text(self, name: str, value: object, form: Form) -> str:
        if not isinstance(value, str):
            self.note(name, f"must be a string, not {shown(value)}")
        elif len(value) > form.longest:
            self.note(name, f"Too long: may not be more than {form.longest} characters")
        elif objection := form.objection(value):
            self.note(name, f"{objection} (got {shown(value)})")
        else:
            return value
        return ""

    def word(
        self, name: str, words: tuple[str, ...], default: str = "", *, required: bool = False
    ) -> str:
        value = self._value(name, required)
        if value is None or (isinstance(value, str) and value in words):
            return value or default
        text = f"Unsupported value: {shown(value)}: supported values: " + ", ".join(words)
        self.note(name, text)
        return default

    def number(
        self, name: str, low: int, high: int, *, required: bool = False, default: int = 0
    ) -> int:
        value = self._value(name, required)
        return default if value is None else self._number(name, value, low, high)

    def _number(self, name: str, value: object, low: int, high: int) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # 1.0 is a whole number in JSON
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.note(name, f"must be a whole number from {low} to {high}, not {shown(value)}")
        return 0

    def flag(self, name: str, default: bool) -> bool:
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.note(name, f"must be true or false, not {shown(value)}")
        return default

    def duration(self, name: str, low: str, high: str, default: str) -> int | None:
        """Nanoseconds, or None for what is none or out of bounds."""
        value = self.get(name)
        if value is None:
            value = default
        if not isinstance(value, str):
            self.note(name, f"must be a string, not {shown(value)}")
            return None
        if len(value) > 16:
            self.note(name, "Too long: may not be more than 16 characters")
            return None
        span = forms.nanoseconds(value)
        least, most = forms.nanoseconds(low) or 0, forms.nanoseconds(high) or 0
        if span is None or not least <= span <= most:
            text = f"write a duration between {low} and {high}, for example {default}"
            self.note(name, f"{text} (got {shown(value)})")
            return None
        return span

    def child(self, name: str, *, required: bool = False, default: bool = False) -> Fields:
        """An object within. `default`: left out means empty, so that its own defaults apply."""
        value = self._value(name, required)
        if value is None and default:
            value = {}
        if value is not None and not isinstance(value, dict):
            self.note(name, f"must be an object, not {shown(value)}")
        return Fields(value, self.at(name), self.notes)

    def entries(
        self, name: str, most: int, *, least: int = 0, required: bool = False
    ) -> Iterator[tuple[int, object]]:
        """The entries of a list, none of one that is too short or too long."""
        value = self._value(name, required)
        if value is None:
            return
        if not isinstance(value, list):
            self.note(name, f"must be a list, not {shown(value)}")
        elif not least <= len(value) <= most:
            self.note(name, f"must have {least} to {most} entries, not {len(value)}")
        else:
            yield from enumerate(value)

    def objects(
        self, name: str, most: int, key: str = "", *, least: int = 0, required: bool = False
    ) -> Iterator[Fields]:
        """The objects of a list. Of those with the same `key` only the first one."""
        seen = set()
        for index, value in self.entries(name, most, least=least, required=required):
            here = f"{name}[{index}]"
            if not isinstance(value, dict):
                self.note(here, f"must be an object, not {shown(value)}")
                continue
            one = value.get(key) if key else None
            if isinstance(one, str):
                if one in seen:
                    self.note(here, f"Duplicate value: {shown(one)} stands in this list already")
                    continue
                seen.add(one)
            yield Fields(value, self.at(here), self.notes)

    def texts(
        self, name: str, form: Form, most: int, *, least: int = 0, unique: bool = True
    ) -> tuple[str, ...]:
        """The texts of a list that are of the form, in order."""
        found: dict[str, None] = {}
        kept = []
        for index, value in self.entries(name, most, least=least):
            here = f"{name}[{index}]"
            text = self._text(here, value, form)
            if isinstance(value, str) and unique and value in found:
                self.note(here, f"Duplicate value: {shown(value)} stands in this list already")
            elif text or value == "":
                found[text] = None
                kept.append(text)
        return tuple(kept)

    def numbers(self, name: str, low: int, high: int, most: int) -> tuple[int, ...]:
        found: list[int] = []
        for index, value in self.entries(name, most):
            here = f"{name}[{index}]"
            number = self._number(here, value, low, high)
            if number and number in found:
                self.note(here, f"Duplicate value: {number} stands in this list already")
            elif number:
                found.append(number)
        return tuple(found)

    def mapping(self, name: str, most: int, longest: int) -> dict[str, str]:
        """Text by key; the keys are free."""
        value = self.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.note(name, f"must be an object, not {shown(value)}")
            return {}
        if len(value) > most:
            self.note(name, f"must have at most {most} entries, not {len(value)}")
            return {}
        found = {}
        for key, text in value.items():
            if isinstance(key, str) and isinstance(text, str) and len(text) <= longest:
                found[key] = text
            elif text is not None:
                what = f"must be a string of at most {longest} characters"
                self.note(f"{name}[{shown(key)}]", f"{what}, not {shown(text)}")
        return found

    def ignore(self, *names: str) -> None:
        """Fields that exist and that no decision reads."""
        self._asked.update(names)

    def unknown(self) -> Iterator[Issue]:
        for key in self._raw:
            if key in self._asked:
                continue
            name = key if isinstance(key, str) and len(key) <= 63 else shown(key)
            near = difflib.get_close_matches(name, [str(one) for one in self._asked], 1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            yield Issue(self.at(name), f"there is no field of this name: {hint}")

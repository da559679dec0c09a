"""A missing part says how to get it."""

from __future__ import annotations

import json
import sys

import pytest

from cleanplate.base.errors import MissingExtraError, UsageError
from cleanplate.base.extras import require


def test_what_is_there_is_returned():
    assert require("json", "ui") is json


def test_what_is_missing_names_the_pip_command():
    with pytest.raises(MissingExtraError, match=r'needs no_such_part.*pip install "cleanplate\[neural\]"') as caught:
        require("no_such_part", "neural")
    assert isinstance(caught.value, UsageError)
    assert caught.value.exit_code == 2
    with pytest.raises(MissingExtraError, match="no_such_part"):
        require("no_such_part.inner", "neural")


def test_a_part_whose_own_needs_are_missing_names_those(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match="needs not_there_at_all"):
        require("half_there", "ui")
    assert "half_there" not in sys.modules


def test_a_part_that_is_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_part.py").write_text("raise ImportError('a library of another version')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="another version"):
        require("broken_part", "ui")

"""Tables are made once under a stamp, and again under another, after a kill, or when one of them is gone."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dying import kill, moments
from heedful.runs.stamp import digest, keep
from heedful.runs.tables import Tables


def make():
    return {"one": pa.table({"x": [1]}), "two.summary": pa.table({"x": [2.0]})}


@given(st.lists(st.text() | st.binary(), max_size=4), st.lists(st.text() | st.binary(), max_size=4))
def test_digests_are_equal_where_the_parts_are(parts, others):
    same = [part.encode() if isinstance(part, str) else part for part in parts] == [
        part.encode() if isinstance(part, str) else part for part in others
    ]
    assert (digest(*parts) == digest(*others)) == same


def test_tables_are_made_once_under_a_stamp(tmp_path):
    tables = Tables(tmp_path)
    assert [keep(tables, "stage", stamp, make) for stamp in ("a", "a", "b", "b", "a")] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert tables.rows("one") == [{"x": 1}]


@pytest.mark.parametrize("gone", ["one.parquet", "two.summary.parquet", "stage.stamp"])
def test_what_is_gone_is_made_again(tmp_path, gone):
    tables = Tables(tmp_path)
    keep(tables, "stage", "a", make)
    (tmp_path / gone).unlink()
    assert keep(tables, "stage", "a", make)
    assert not keep(tables, "stage", "a", make)


def test_a_stamp_of_earlier_versions_or_of_anything_is_another_stamp(tmp_path):
    tables = Tables(tmp_path)
    for content in (b"\xff\xfe", b"", b"b", b"a\nmissing"):
        (tmp_path / "stage.stamp").write_bytes(content)
        assert keep(tables, "stage", "a", make)


def test_after_a_kill_at_any_moment_tables_and_stamp_belong_together(tmp_path):
    tables = Tables(tmp_path)

    def older():
        return {"one": pa.table({"x": [0]}), "two.summary": pa.table({"x": [0.0]})}

    keep(tables, "stage", "old", older)
    n = moments(lambda: keep(tables, "stage", "a", make))
    for moment in range(n):
        keep(tables, "stage", "old", older)
        kill(lambda: keep(tables, "stage", "a", make), moment)
        again = keep(tables, "stage", "a", make)
        assert again or moment == n - 1  # the stamp is renamed into place before that
        assert tables.rows("one") == [{"x": 1}]
        assert tables.rows("two.summary") == [{"x": 2.0}]


def test_an_error_leaves_no_stamp(tmp_path):
    tables = Tables(tmp_path)
    keep(tables, "stage", "a", make)
    with pytest.raises(ZeroDivisionError):
        keep(tables, "stage", "b", lambda: {"one": 1 / 0})
    assert keep(tables, "stage", "a", make)

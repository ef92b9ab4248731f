"""Every format gives the same rows, and damaged files are told apart from damaged rows."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources_reading import ANY, read, write

from recsys.errors import ConfigError, DataError
from training.sources import csv_file, json_file, parquet_file

ROWS = [
    {"posting_id": "a/1 'x' 🙂", "title": "Cook", "description": "Line one\nline two, with a comma"},
    {"posting_id": "10001", "title": 'Driver "B"', "description": None},
    {"posting_id": "é", "title": "Señor Dev", "description": "ünï"},
]


def as_csv(delimiter):
    frame = pd.DataFrame(ROWS)
    return frame.to_csv(index=False, sep=delimiter).encode()


CONTENTS = {
    "postings.csv": as_csv(","),
    "postings.tsv": as_csv("\t"),
    "postings.json": json.dumps(ROWS, ensure_ascii=False).encode(),
    "postings.jsonl": "\n".join(json.dumps(row) for row in ROWS).encode(),
    "postings.csv.gz": gzip.compress(as_csv(",")),
    "postings.jsonl.gz": gzip.compress(b"\n\n".join(json.dumps(row).encode() for row in ROWS)),
}


@pytest.mark.parametrize("name", [*CONTENTS, "postings.parquet"])
def test_every_format_gives_the_same_table(tmp_path, name):
    if name.endswith("parquet"):
        pd.DataFrame(ROWS).to_parquet(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(CONTENTS[name])
    tables, summary, rejected = read(tmp_path)
    assert tables.postings["posting_id"].tolist() == [row["posting_id"] for row in ROWS]
    assert tables.postings["title"].tolist() == ["Cook", 'Driver "B"', "Señor Dev"]
    assert tables.postings["description"].fillna("-").tolist() == ["Line one\nline two, with a comma", "-", "ünï"]
    assert summary.tables["postings"].read == 3
    assert rejected.empty


@pytest.mark.parametrize(
    ("records", "document"),
    [
        ("data.items", {"meta": {"n": [1, {"deep": []}]}, "data": {"count": 2, "items": ROWS, "more": 1}}),
        ("features[].properties", {"type": "x", "features": [{"properties": row, "geometry": None} for row in ROWS]}),
        ("groups[].jobs[].posting", {"groups": [{"jobs": [{"posting": row}]} for row in ROWS]}),
        (None, ROWS),
    ],
)
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_json_paths(tmp_path, monkeypatch, records, document, chunk):
    monkeypatch.setattr(json_file, "_CHUNK", chunk)
    (tmp_path / "p.json").write_text(json.dumps(document, indent=1))
    tables, _, _ = read(tmp_path, tables={"postings": {"path": "p.json", "records": records}})
    assert tables.postings["posting_id"].tolist() == [row["posting_id"] for row in ROWS]


def test_json_inner_columns_and_lists(tmp_path):
    rows = [
        {"id": 7, "job": {"name": "Cook", "tags": ["a", "b"]}, "job.alt": "x"},
        {"id": 8.0, "job": {"name": "Baker"}},
        ["no object"],
    ]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    columns = {"posting_id": "id", "title": "job.name", "skills": "job.tags", "company": "job.alt"}
    tables, _, rejected = read(tmp_path, tables={"postings": {"path": "p.json", "columns": columns}}, **ANY)
    assert tables.postings["posting_id"].tolist() == ["7", "8"]
    assert tables.postings["skills"].fillna("-").tolist() == ["a\nb", "-"]
    assert tables.postings["company"].fillna("-").tolist() == ["x", "-"]
    assert rejected[["row", "reason"]].values.tolist() == [[3, "record is not an object"]]


def test_lone_surrogates_in_json_do_not_stop_the_run(tmp_path):
    write(
        tmp_path, postings_jsonl='{"posting_id": "1", "title": "a\\ud800b"}\n{"posting_id": "\\ud800", "title": "x"}\n'
    )
    tables, _, _ = read(tmp_path)
    assert tables.postings["title"].tolist() == ["a?b", "x"]


def test_bad_lines_of_json_lines_are_rejected_alone(tmp_path):
    lines = (
        b'{"posting_id": "1", "title": "a"}\n{"posting_id": "2", "ti\n\n\xff\n[1]\n{"posting_id": "3", "title": "c"}'
    )
    write(tmp_path, postings_jsonl=lines)
    tables, summary, rejected = read(tmp_path, **ANY)
    assert tables.postings["posting_id"].tolist() == ["1", "3"]
    assert rejected["row"].tolist() == [2, 4, 5]
    assert (summary.tables["postings"].read, summary.tables["postings"].kept) == (5, 2)


def test_ragged_rows_and_quoted_newlines(tmp_path, monkeypatch):
    text = 'posting_id,title,description\n1,a,"x\ny"\n2,b\n\n3,c,"say ""hi"""\n4,d,e,f\n5,g,\n'
    write(tmp_path, postings_csv=text)
    tables, summary, rejected = read(tmp_path, **ANY)
    assert tables.postings["posting_id"].tolist() == ["1", "3", "5"]
    assert tables.postings["description"].fillna("-").tolist() == ["x\ny", 'say "hi"', "-"]
    assert rejected[["row", "reason", "value"]].values.tolist() == [
        [2, "row has 2 values, the header 3", "2,b"],
        [4, "row has 4 values, the header 3", "4,d,e,f"],
    ]
    assert summary.tables["postings"].read == 5


def test_row_numbers_stay_right_over_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 256)
    lines = [f"{i},t{i}" if i % 7 else f"{i}" if i % 14 else f"{i},,x" for i in range(1, 301)]
    lines[249] = ",t250"
    write(tmp_path, postings_csv="posting_id,title\n" + "\n".join(lines))
    tables, _, rejected = read(tmp_path, **ANY)
    assert len(tables.postings) == 300 - 42 - 1
    assert sorted(rejected["row"]) == sorted([*range(7, 301, 7), 250])


def test_an_unclosed_quote_does_not_swallow_rows_unseen(tmp_path):
    for text in ('posting_id,title\n1,a\n2,"b\n3,c\n4,d\n', 'posting_id,title\n1,a\n"2,b\n3,c\n4,d\n'):
        write(tmp_path, postings_csv=text)
        tables, summary, rejected = read(tmp_path, **ANY)
        assert tables.postings["posting_id"].tolist() == ["1"]
        assert summary.tables["postings"].read == 4
        assert rejected["reason"].tolist() == [csv_file.NOT_CLOSED]
        with pytest.raises(DataError, match="a quote is not closed"):
            read(tmp_path)


def test_quote_null_takes_quotes_as_they_stand(tmp_path):
    write(tmp_path, p_tsv='posting_id\ttitle\n1\t19" rack\n2\t"x\n')
    tables, _, _ = read(tmp_path, tables={"postings": {"path": "p.tsv", "quote": None}})
    assert tables.postings["title"].tolist() == ['19" rack', '"x']


def test_a_row_longer_than_a_block_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 1 << 12)
    write(tmp_path, postings_csv="posting_id,title\n1,a\n2," + "x" * 9000 + "\n3,c\n")
    with pytest.raises(DataError, match=r"postings\.csv cannot be read as CSV: a row is longer"):
        read(tmp_path)


def test_bytes_that_are_not_utf8_cost_their_rows_only(tmp_path):
    text = "posting_id,title\n1,Café\n".encode() + "2,Café\n3\n".encode("cp1252") + b"4,d\xff,\n5,e\n"
    write(tmp_path, postings_csv=text)
    tables, _, rejected = read(tmp_path, **ANY)
    assert tables.postings["title"].tolist() == ["Café", "e"]
    assert rejected[rejected["column"] == "title"][["row", "value"]].values.tolist() == [[2, "Caf\\xe9"]]
    assert sorted(rejected["row"]) == [2, 3, 4]
    with pytest.raises(DataError, match="3 of 5 rows rejected"):
        read(tmp_path)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig", "latin-1"])
def test_encodings(tmp_path, encoding):
    write(tmp_path, p_csv="posting_id,title,näme\n1,Café,ö\n".encode(encoding))
    columns = {"posting_id": "posting_id", "title": "title", "company": "näme"}
    source = {"path": "p.csv", "encoding": encoding, "columns": columns}
    tables, _, _ = read(tmp_path, tables={"postings": source})
    assert tables.postings[["title", "company"]].values.tolist() == [["Café", "ö"]]


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl"])
def test_wrong_encodings_are_one_clear_error(tmp_path, ending):
    content = {"csv": "posting_id,title\n1,é\n", "json": json.dumps(ROWS, ensure_ascii=False)}
    content["jsonl"] = '{"posting_id": "1", "title": "é"}'
    write(tmp_path, **{f"postings_{ending}": content[ending].encode("utf-16")})
    with pytest.raises(DataError, match="encoding"):
        read(tmp_path)


def test_a_header_that_is_not_utf8_names_the_byte(tmp_path):
    write(tmp_path, postings_csv="posting_id,title,näme\n1,a,b\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"postings\.csv is not utf-8 at byte 18 \(0xe4\)"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["postings.csv", "postings.parquet", "postings.json", "postings.jsonl"])
def test_an_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=rf"{name} is empty"):
        read(tmp_path)


def test_a_header_alone_leaves_no_posting(tmp_path):
    write(tmp_path, postings_csv="posting_id,title\n")
    with pytest.raises(DataError, match="no posting is left"):
        read(tmp_path)


@pytest.mark.parametrize("cut", [100, 2000])
def test_a_truncated_parquet_is_refused(tmp_path, cut):
    frame = pd.DataFrame({"posting_id": [str(i) for i in range(5000)], "title": "x"})
    frame.to_parquet(tmp_path / "whole.parquet")
    (tmp_path / "postings.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-cut])
    (tmp_path / "whole.parquet").unlink()
    with pytest.raises(DataError, match=r"postings\.parquet cannot be read as Parquet"):
        read(tmp_path)


def test_a_parquet_damaged_inside_is_refused(tmp_path):
    frame = pd.DataFrame({"posting_id": [str(i) for i in range(5000)], "title": [f"t{i}" for i in range(5000)]})
    frame.to_parquet(tmp_path / "postings.parquet", compression="zstd")
    data = bytearray((tmp_path / "postings.parquet").read_bytes())
    data[100:6000] = bytes(5900)
    (tmp_path / "postings.parquet").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path)


@pytest.mark.parametrize(
    "document", ['[{"posting_id": "1", "title": "a"}, {"posting', '[{"a": 1} {"b": 2}]', "{}", "nonsense"]
)
def test_a_broken_json_document_is_refused(tmp_path, document):
    write(tmp_path, postings_json=document)
    with pytest.raises(DataError, match=r"postings\.json"):
        read(tmp_path)


def test_a_damaged_archive_is_refused(tmp_path):
    for name in ("postings.csv.gz", "postings.jsonl.gz"):
        (tmp_path / name).write_bytes(CONTENTS[name][:-12])
        with pytest.raises(DataError, match=r"cannot be read"):
            read(tmp_path, **ANY)
        (tmp_path / name).unlink()


def test_a_missing_column_names_those_that_exist(tmp_path):
    write(tmp_path, p_csv="Id,Title\n1,a\n", p_jsonl='{"Id": 1, "Title": "a"}')
    pd.DataFrame({"Id": [1], "Title": ["a"]}).to_parquet(tmp_path / "p.parquet")
    for name in ("p.csv", "p.jsonl", "p.parquet"):
        source = {"path": name, "columns": {"posting_id": "Id", "title": "Titel"}}
        with pytest.raises(DataError, match=r"no column 'Titel'; it has 'Id', 'Title'"):
            read(tmp_path, tables={"postings": source})


def test_missing_files_and_patterns(tmp_path):
    write(tmp_path, other_csv="posting_id,title\n1,a\n")
    with pytest.raises(DataError, match=r"no file 'p\.csv' .* there are other\.csv"):
        read(tmp_path, tables={"postings": {"path": "p.csv"}})
    with pytest.raises(DataError, match=r"matches 'p\*\.csv'"):
        read(tmp_path, tables={"postings": {"path": "p*.csv"}})
    with pytest.raises(DataError, match="no table of postings"):
        read(tmp_path)
    write(tmp_path, x_dat="a")
    with pytest.raises(ConfigError, match=r"format of 'x\.dat'"):
        read(tmp_path, tables={"postings": {"path": "x.dat"}})


def test_several_files_by_pattern(tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", p2_csv="title,posting_id\nc,3\n", p1_csv="posting_id,title\n1,a\n2,b\n", p3_csv="")
    tables, _, _ = read(tmp_path, tables={"postings": {"path": "in/p*.csv"}})
    assert tables.postings["posting_id"].tolist() == ["1", "2", "3"]
    columns = {"posting_id": {"row_number": True}, "title": "title", "company": {"file_name": True}}
    tables, _, _ = read(tmp_path, tables={"postings": {"path": "in/p*.csv", "columns": columns}})
    assert tables.postings["posting_id"].tolist() == ["p1-1", "p1-2", "p2-1"]
    assert tables.postings["company"].tolist() == ["p1", "p1", "p2"]


def test_two_candidates_for_a_default_table_have_to_be_told_apart(tmp_path):
    write(tmp_path, postings_csv="posting_id,title\n1,a\n", postings_tsv="posting_id\ttitle\n1\ta\n")
    with pytest.raises(DataError, match=r"postings\.csv and postings\.tsv"):
        read(tmp_path)


def test_parquet_ids_are_decimal_text(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "ROWS", 2)
    table = pa.table(
        {
            "posting_id": pa.array([2**60 + 1, 123, None], pa.int64()),
            "title": pa.array(["a", "b", "c"]).dictionary_encode(),
            "place": pa.array([{"city": "Oslo"}, None, {"city": "Bergen"}]),
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")
    columns = {"posting_id": "posting_id", "title": "title", "city": "place.city"}
    tables, _, rejected = read(tmp_path, tables={"postings": {"path": "p.parquet", "columns": columns}}, **ANY)
    assert tables.postings["posting_id"].tolist() == [str(2**60 + 1), "123"]
    assert tables.locations[["posting", "city"]].values.tolist() == [[0, "Oslo"]]
    assert rejected["row"].tolist() == [3]
    floats = pd.DataFrame({"posting_id": [123.0, np.nan, 5.0], "title": ["a", "b", "c"]})
    floats.to_parquet(tmp_path / "p.parquet")
    tables, _, _ = read(tmp_path, tables={"postings": {"path": "p.parquet"}}, **ANY)
    assert tables.postings["posting_id"].tolist() == ["123", "5"]

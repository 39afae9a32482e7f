"""Good inputs of every format, small: `garble` makes bad ones of them for `fuzzing`."""

import gzip
import io
import lzma
import zipfile

import numpy as np
from pdfs import pdf

from encoders.analysis import languages

JSONL = (
    b'{"_id": "a", "title": "A", "text": "one text", "metadata": {"year": 2020, "tags": ["a", '
    b'"b"]}}\n'
    b'{"_id": "b", "title": "", "text": "another \\u00e9 text", "metadata": {}}\n',
    b'{"id": 1, "contents": "one text", "year": 2020, "author": {"name": "Ada", "born": [1815]}}\n'
    b'{"id": 2, "contents": "more", "year": null}\n\n{"id": 3, "contents": "x", "score": -1.5e3}\n',
    b'{"body": "text", "n": 1, "deep": [[[{"a": [true, false, null]}]]]}\n{"body": "more"}\n',
)
CSV = (
    b'docno,title,text,year\na,"A ""quoted"" one","text, with\ncommas",2020\nb,B,more text,2021\n',
    b"id,body\r\n1,first text\r\n2,second text\r\n",
    b"text,price,ok,when\none,1.5,true,2020-01-01\ntwo,2.25,false,\nthree,1e+16,True,x\n",
)
TSV = (
    b'7067032\tone passage of text\n7067033\tanother "passage"\n',
    b"docno\ttitle\ttext\tyear\na\tA\tone text\t2020\nb\tB\tmore\t2021\n",
    b"D1\thttps://example.org/1\tTitle\tbody of it\nD2\thttp://example.org/2\tTwo\tmore\n",
    b"d1\tTitle\ttext of it\nd2\tTwo\tmore\n",
)
TREC = (
    b"<DOC>\n<DOCNO> FT-1 </DOCNO>\n<HEADLINE>A &amp; B</HEADLINE>\n<TEXT>\nSome <b>text</b>.\n"
    b"</TEXT>\n"
    b"<TEXT>More</TEXT>\n</DOC>\n<DOC>\n<DOCNO>FT-2</DOCNO>\n<TEXT>x</TEXT>\n</DOC>\n",
    b"<DOC>\n<DOCNO>GX-1</DOCNO>\n<DOCHDR>\nhttp://example.org\n</DOCHDR>\n<html><title>T</title>"
    b"<body><h1>A</h1><p>page<table><tr><td>a<td>b</table></body></html>\n</DOC>\n",
    b"<doc><docno>1</docno><lp>Lead.</lp><text>\xe9t\xe9</text></doc>\n",
)
TEXTS = tuple(
    text.encode()
    for text in (
        "The quick brown foxes jumped over Dr. Smith's 3 lazy dogs (e.g. Rex)! Did they? Yes.\n"
        "\nEnd.",
        "# Heading\n\nA paragraph of text, which goes\non with a line.\n\n## Two\n\n```\n"
        "# code\n```\nx",
        "Die Straße führt über die Brücke. Der Fuß, die Füße: naïve Übung 12. Oktober.",
        "東京は日本の首都です。人口は約1400万人。カタカナとひらがなが混ざる。한국어 문장도.",
        "ภาษาไทยไม่มีช่องว่างระหว่างคำ ประโยคนี้ยาวพอ ລາວ ភាសាខ្មែរ မြန်မာဘာသာ བོད་ཡིག",
        "اللغة العربية تُكتب من اليمين. می‌خواهم کتاب‌ها را. עִבְרִית. हिन्दी में वाक्य है।",  # noqa: RUF001
        "İstanbul'da ışık; ŞİMDİ. Việt Nam, Ελλάδα — Россия, Україна… 👩‍👩‍👧 🇩🇪 ﬃ Ⅷ ①",  # noqa: RUF001
        "https://example.org/a/very/long/path?with=parameters&and=more " + "QmFzZTY0" * 12,
    )
)
MARKDOWN = (
    TEXTS[1],
    b'---\ntitle: "Front"\ntags: [a, b]\n---\n# One\n\n'
    b"Text *with* **marks** and `code` [link](http://x.y).\n"
    b"\n| a | b |\n|---|---|\n| 1 | ~~2~~ |\n\n> quote\n> - list\n>   1. more\n\n"
    b"<div>html <b>x</b></div>\n",
    b'Setext\n===\n\n* a\n* b\n    * c\n\n![alt](img.png "title")\n\n[ref]: http://example.org\n'
    b"\n***\n&copy; \\*\n",
)
HTML = (
    b'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>T</title><meta '
    b'name="description"'
    b' content="About"></head><body><nav>x</nav><main><h1>One</h1><p>Text <b>bold</b> &amp; '
    b"more<br>"
    b"<pre>a\n b</pre><ul><li>1<li>2</ul><table><tr><td>a<td>b</table></main><script>1<2</script"
    b"></body>",
    b'<?xml version="1.0" encoding="iso-8859-1"?><html '
    b'xmlns="http://www.w3.org/1999/xhtml"><head><title/>'
    b"<script src='x'/></head><body><article><h2>\xe9</h2><svg><title>no</title></svg></article>"
    b"</body></html>",
    b"<p>just <i>a <b>fragment</i> of</b> markup <!-- comment --> "
    b"<template><p>x</template><select><option>o",
)
PDF = (
    pdf(
        ["First page\nof text", "Second page"], {"Title": "T", "CreationDate": "D:20200101120000Z"}
    ),
    pdf(["One"], {"Author": "A"}),
)
QUERIES = (
    b'{"_id": "q1", "text": "how are rankings merged", "metadata": {}}\n'
    b'{"_id": "q2", "text": "two"}\n',
    b"1048585\twhat is paula deen's brother\n2\twhat is durable medical equipment\n",
    b"<top>\n<num> Number: 301\n<title> Organized Crime\n<desc> Description:\n"
    b"Identify &amp; find.\n"
    b"<narr> Narrative:\nA relevant one.\n</top>\n"
    b"<top><num> Number: 302 <title> Two <desc> d <narr> n</top>\n",
    b'<topics>\n<topic number="1">\n<query>corona origin</query>\n<question>what is it</question>\n'
    b"<narrative>seeking</narrative>\n</topic>\n</topics>\n",
)
QRELS = (
    b"query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td1\t2\n",
    b"301 0 FBIS3-10082 1\n301 0 FBIS3-10169 0\n302 0 X -1\n",
    b"q1\td1\t1\nq2\td 2\t1\n",
)
RUNS = (
    b"301 Q0 FBIS3-1 1 12.5 bm25\n301 Q0 FBIS3-2 2 11.25 bm25\n302 Q0 a%20b 1 -1e-3 bm25\n",
    b"1048585\t7187158\t1\n1048585\t7187157\t2\n2\t7187158\t1\n",
)
METADATA = (
    b'{"year":2020,"tags":["a","b"],"author":{"name":"Ada"},"ok":true}',
    b"",
    b'{"year":1999.5,"tags":[1,[2,null]],"author":[{"name":"Bob"},{"name":null}],"big":123456789'
    b"012345678901}",
    b'{"year":"2020","lang":"en","a":{"b":{"c":{"d":1}}}}',
)
FILTERS = (
    b'year >= 2020 and lang == "en" and tags in ["a", "b"]',
    b"not (a.b.c.d == 1 or `content type` != 'x\\n\\u00e9') and 1999 <= year < 2.5e3",
    b'"Ada" in author.name or ok == true or x == null and y not in [1, -2, "z", false]',
)
RECIPES = (
    b'sources = ["docs", "papers.jsonl"]\nchunking = "sentences:200:20"\n[fields]\ntext = "body"\n'
    b'[representations]\nbm25 = "bm25:german"\n[representations.dense]\n'
    b'encoder = "dense:/models/m"\n'
    b'precision = "bfloat16"\nmax_length = 128\nindex = { metric = "COSINE" }\n[systems.short]\n'
    b'retrieve = "bm25"\nsettings = { k1 = 0.6 }\n[systems.all]\n'
    b'fuse = ["bm25", "dense", "short"]\n'
    b'depth = 500\nconstant = 60\n[search]\nsystem = "short"\nper = "parent"\n',
    b'[representations]\nbm25 = { encoder = "bm25", k1 = 1.2, b = 0.75, analysis = { stemmer = '
    b'"porter" } }\n'
    b'[chunking]\nby = "tokens"\nsize = 100\noverlap = 10\n[fields]\nmetadata = ["a", "b"]\n',
    b'[representations]\ns = "splade:naver/splade"\nc = "colbert:x/y"\n'
    b'p = "precomputed:d.npy::q.npy"\n'
    b'[systems]\nh.fuse = ["s", """c"""]\nh.depth = 0x1F\n',
)
SPECS = (
    *(
        b"bm25",
        b"bm25:german",
        b"dense:/models/my-model",
        b"name=splade:naver/splade-v3",
        b"colbert:a/b",
    ),
    *(
        b"sentences:200:20",
        b"tokens:256:0:some/model",
        b"headings:400",
        b"text=body",
        b"metadata=year,lang",
    ),
)
MEASURES = (
    *(
        b"nDCG@10",
        b"R@100",
        b"AP(rel=2)@1000",
        b"RR(rel=1)@10",
        b"ndcg_cut_10",
        b"map",
    ),
    *(
        b"recip_rank",
        b"recall_at_100",
        b"mrr_at_10",
        b"P@5",
        b"Judged@10",
        b"AP(rel=2,cutoff=5)",
        b"ERR@20",
    ),
    *(
        b"nDCG(cutoff=20)",
        b"IPrec@0.1",
        b"Success@1",
        b"infAP",
        b"NumRet(rel=1)",
    ),
)
LANGUAGES = ("", *sorted({languages.named(code) for code in languages.CODES}))
ARGUMENTS = tuple(
    "\n".join(line.split()).encode()
    for line in (
        "search INDEX text --filter year>=2020 -k 3 --system bm25 --json",
        "search INDEX query --per parent --debug",
        "index /nowhere/docs -o out.idx -r bm25:german --chunk sentences:200:20 --field text=body",
        "index -o out.idx --config nothing.toml --strict",
        "delete INDEX no-such-document",
        "info INDEX --toml",
        "verify INDEX --json",
        "eval DATA --run x.run --measures nDCG@10,R@100 --split test",
        "cache clear nothing",
    )
)
_VECTORS = b'{"id": "a", "vector": {"x": 1.5, "y": 2}}\n{"id": "b", "vector": {"y": 0.25}}\n'
IDS = b"a\nb\nc\n"


def _npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(12, dtype=np.float32).reshape(3, 4))
    return stream.getvalue()


NPY = _npy()
VECTORS = (
    *(b"j" + _VECTORS, b"g" + gzip.compress(_VECTORS), b"x" + lzma.compress(_VECTORS)),
    *(b"n" + NPY, b"n" + NPY, b"i" + IDS),
)
VECTOR_ENDINGS = {b"j": "", b"g": ".gz", b"x": ".xz"}
"""What the first byte says of a file of JSON lines; n is an npy file, i its ids."""
DATASETS = (
    {
        "corpus.jsonl": JSONL[0],
        "queries.jsonl": QUERIES[0],
        "qrels/test.tsv": b"q1\ta\t1\nq2\tb\t1\n",
    },
    {"collection.tsv": TSV[0], "queries.dev.tsv": QUERIES[1], "qrels.dev.tsv": b"2 0 7067032 1\n"},
    {"docs.trec": TREC[0], "topics.txt": QUERIES[2], "qrels.txt": QRELS[1]},
)


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in DATASETS[0].items():
            archive.writestr("sample/" + name, content)
    return stream.getvalue()


ZIP = _zip()


def zstd(data: bytes) -> bytes:
    import pyarrow

    return bytes(pyarrow.compress(data, codec="zstd", asbytes=True))


def _parquet() -> tuple[bytes, ...]:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "docno": ["a", "b", "c"],
            "text": ["one text", "two", None],
            "year": [2020, None, 1999],
            "tags": [["a", "b"], [], None],
            "who": [{"name": "Ada", "n": 1}, None, {"name": "Bob", "n": 2}],
            "when": pa.array([0, 1, None], pa.timestamp("ms", "UTC")),
            "price": pa.array([1, 2, 3], pa.decimal128(9, 2)),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    made = []
    for settings in (
        {},
        {"compression": "zstd"},
        {"compression": "none", "data_page_version": "2.0", "use_dictionary": False},
        {"compression": "gzip", "write_page_checksum": True},
    ):
        stream = io.BytesIO()
        parquet.write_table(table, stream, row_group_size=2, **settings)
        made.append(stream.getvalue())
    return tuple(made)


PARQUET = _parquet()

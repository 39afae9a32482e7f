"""Numbers: a run and qrels go in, measures, their significance and tables come out.

`datasets` opens collections in the layouts of BEIR, MS MARCO and TREC, and downloads where asked;
`qrels` reads judgements; `measures` scores a ranking with ir-measures over every judged query;
`significance` says whether a difference is more than chance; `report` holds the rows that tables
and JSON are made of. What holds everywhere:

* a judged query that a run lacks, or answers with nothing, counts 0; it is never left out;
* the order of a run is what is scored: no tie rule of a tool behind us changes it;
* `measures` and `qrels` import nothing of the project except its errors, so they judge any engine.

Not for: searching, timing kernels (`benchmarks/`), or judging runs by hand. Import it as
`from eval import measures`, because `import eval` hides the builtin of that name.
"""

"""The project against its peers, one file per question.

Peers run interleaved in one process on the same texts, single-threaded, a warm-up and then rounds
whose medians are reported; recall stands beside every latency. Results that the README quotes are
checked in under `results/` with machine, versions and date.
"""

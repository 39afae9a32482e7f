"""The command line. It alone looks upwards, to `eval`; everything heavy is imported when needed.

indexing.py    index, delete
searching.py   search
evaluating.py  eval, demo, download
upkeep.py      info, verify, compact, cache
options.py     what several commands take and print
"""

import io
import os
import sys
from collections.abc import Sequence

import click

from retrieval.cli import evaluating, indexing, searching, upkeep

__all__ = ["app", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="retrieval-engine")
def app(debug: bool) -> None:
    """Index a folder, search it, evaluate it: dense, sparse and hybrid retrieval."""
    del debug  # looked for by `main`, which sees the error after the command has ended


for _command in (
    indexing.index_command,
    searching.search_command,
    evaluating.eval_command,
    evaluating.download_command,
    evaluating.demo_command,
    indexing.delete_command,
    upkeep.info_command,
    upkeep.verify_command,
    upkeep.compact_command,
    upkeep.cache_group,
):
    app.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 for an error, 2 for wrong usage."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "→" is no reason to fail
    try:
        status = app.main(args, prog_name="retrieval", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("interrupted; what is committed stays, run it again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _failed(error, debug="--debug" in args)
    return status if isinstance(status, int) else 0


def _failed(error: Exception, *, debug: bool) -> int:
    """Print what a user can act on; the traceback of their mistakes only where asked for."""
    from retrieval.errors import RetrievalError

    if debug or not isinstance(error, RetrievalError | OSError):
        raise error
    print(f"error: {error}", file=sys.stderr)
    return 1

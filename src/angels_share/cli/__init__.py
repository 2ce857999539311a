"""The ``angels-share`` command. The only package that prints or exits.

Data goes to standard output, messages to standard error. Exit code 0: done, warnings allowed; 1: errors were found in
what was examined; 2: the command could not run.

- :mod:`angels_share.cli.shell`: the command itself, and where it writes
- :mod:`angels_share.cli.canaries`: canaries make
- :mod:`angels_share.cli.comparing`: score, of any lm-eval tasks
- :mod:`angels_share.cli.history`: history accept, supersede, withdraw, check
- :mod:`angels_share.cli.intake`: intake
- :mod:`angels_share.cli.probing`: probe
- :mod:`angels_share.cli.ranking`: rank
- :mod:`angels_share.cli.refusals`: refusals
- :mod:`angels_share.cli.running`: list, config, run, models
- :mod:`angels_share.cli.scoring`: score, statement, power, lock
- :mod:`angels_share.cli.submitting`: pack, teacher, validate, rescore, index, reference,
  leaderboard
- :mod:`angels_share.cli.validity`: validity
- :mod:`angels_share.cli.verifying`: verify
"""

from angels_share.cli import canaries as _canaries
from angels_share.cli import history as _history
from angels_share.cli import intake as _intake
from angels_share.cli import probing as _probing
from angels_share.cli import ranking as _ranking
from angels_share.cli import refusals as _refusals
from angels_share.cli import running as _running
from angels_share.cli import scoring as _scoring
from angels_share.cli import submitting as _submitting
from angels_share.cli import validity as _validity
from angels_share.cli import verifying as _verifying
from angels_share.cli.shell import app, main

__all__ = ["app", "main"]

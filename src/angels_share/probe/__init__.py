"""A look inside two models: what they say of every next token, and how alike their hidden states are.

The only package, with :mod:`angels_share.models`, that imports torch. The parts:

* :mod:`~angels_share.probe.divergence`: distributions over one vocabulary, token by token
* :mod:`~angels_share.probe.similarity`: hidden states, layer by layer
* :mod:`~angels_share.probe.model`: what is reported
* :mod:`~angels_share.probe.running`: both models over documents
"""

from angels_share.probe.model import Probe
from angels_share.probe.running import load, probe

__all__ = ["Probe", "load", "probe"]

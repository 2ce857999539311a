"""Does the benchmark measure what it claims? What it finds of losses that are known to be there.

The parts:

* :mod:`~angels_share.validity.doses`: losses of known size, planted in a teacher's log
* :mod:`~angels_share.validity.family`: the reference family, students with and without planted losses
* :mod:`~angels_share.validity.bundles`, :mod:`~angels_share.validity.pairs`: their submissions
* :mod:`~angels_share.validity.detection`, :mod:`~angels_share.validity.stability`,
  :mod:`~angels_share.validity.headline`: what they show of the benchmark
* :mod:`~angels_share.validity.literature`: what they show of claims from the literature
* :mod:`~angels_share.validity.report`, :mod:`~angels_share.validity.telling`,
  :mod:`~angels_share.validity.plots`: all of it in one report
"""

"""Losses of known size, planted in a teacher's log, and how the scorer answers to them.

* :mod:`~angels_share.validity.doses.registry`: what is planted in the log of each task
* :mod:`~angels_share.validity.doses.likelihoods`, :mod:`~angels_share.validity.doses.documents`,
  :mod:`~angels_share.validity.doses.texts`, :mod:`~angels_share.validity.doses.samples`: the doses, by what a log holds
* :mod:`~angels_share.validity.doses.planting`: what they have in common
* :mod:`~angels_share.validity.doses.response`: the loss as a function of the dose
* :mod:`~angels_share.validity.doses.misses`: where it answers less than a reader may expect, and why
* :mod:`~angels_share.validity.doses.invented`: teachers for tasks that no real log can show
"""

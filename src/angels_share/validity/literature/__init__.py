"""What the literature claims of distilled students, each claim as statistics with intervals over a family.

* :mod:`~angels_share.validity.literature.findings`: what is said of a claim
* :mod:`~angels_share.validity.literature.objectives`: what students lose by what they learn from; accuracy and fidelity
* :mod:`~angels_share.validity.literature.copied_errors`: whether a teacher's errors are copied
* :mod:`~angels_share.validity.literature.sizes`: smaller students, and one of the teacher's own size
* :mod:`~angels_share.validity.literature.traps`: overconfidence, self-correction, decoding
"""

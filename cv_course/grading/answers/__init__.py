"""The trusted answers to the assignments, one module each. Students never get this folder.

Each module holds ``REFERENCES``, {name: function}, and ``DIAGNOSES``, {name: ((a usual wrong
answer as a function, the sentence that names the mistake), …)}. Questions that judge properties
(a trained classifier, a network) have neither.
"""

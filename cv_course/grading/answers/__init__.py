"""The trusted answers to the assignments, one module each. Students never get this folder.

Each module holds ``REFERENCES``, {name: function}, and ``DIAGNOSES``, {name: ((a usual wrong
answer as a function, the sentence that names the mistake), …)}. Questions that judge
properties alone (a trained classifier) have neither; those of large networks have both, and a
reference gives what has to agree beside the properties.
"""

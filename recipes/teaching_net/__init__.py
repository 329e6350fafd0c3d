"""The recipe that made the shipped weights: any variant of the family, on any folder of class folders.

``python -m recipes.teaching_net --help`` lists what it can do.
"""

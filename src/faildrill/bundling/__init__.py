"""Runs in one file for somebody who was not there: written, signed, and checked.

contents    what a bundle holds, and how it is made of the folders of runs
tar_file    the file itself: a tar with one way to be written
signature   signed and checked by ssh-keygen, with keys of the user's own
check       what of a bundle is right, wrong and missing
"""

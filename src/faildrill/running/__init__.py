"""Guard, probe and act: a run, in processes that share its folder and no state.

`starting` lays the run out on disk and starts the *sentinel*; the sentinel starts the *runner*, which starts the
*probers*. Whoever dies, one of the others puts everything back.
"""

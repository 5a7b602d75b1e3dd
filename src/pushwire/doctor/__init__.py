"""Why a provider cannot be reached, step by step. `run.examine` looks; what a finding means and what to do about it is data.

Pure: `steps`, `troubles`, `advice`, `habits`, `clock`. What dials is the stream's own connector, watched (`watching`).
"""

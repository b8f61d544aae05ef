"""faildrill: the drill runner that tells the truth about failovers."""

__version__ = "0.1.0"

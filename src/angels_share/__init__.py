"""Angel's Share: what a distilled language model lost, measured sample by sample against its teacher."""

__version__ = "0.1.0"

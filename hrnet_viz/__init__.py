"""Look inside HRNet: build the published family, name every tensor, trace, edit, explain and draw it.

Public names stand once, in the stub beside this file, and are loaded when they are first used, so importing this
package costs little more than importing torch.
"""

from hrnet_viz.doors import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(__name__, __file__)

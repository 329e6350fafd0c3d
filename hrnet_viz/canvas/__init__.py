"""The drawing floor: page, colours, panels, charts, and the network laid out once."""

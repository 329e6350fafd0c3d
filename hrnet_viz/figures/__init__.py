"""Numbers to pictures: matplotlib figures and graphviz diagrams. Nothing is computed here."""

"""The interactive front end: one ES module, hosted by JupyterLab and by a single HTML file."""

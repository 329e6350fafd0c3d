"""Holds for ``pytest tests`` and for ``pytest --nbval notebooks/`` alike."""

pytest_plugins = ["tests.looking.nbval_pictures", "tests.browser.fixtures"]

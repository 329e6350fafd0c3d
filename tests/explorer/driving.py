"""A small net with sane activations, as source that a notebook runs too, and an explorer's page as a person uses it."""

import re

SIDE = 64
HOSTILE = '<img src=x onerror="window.hacked=1"></script>'

NET = f"""
import torch
import hrnet_viz as hv
from hrnet_viz.explorer.widget import explore

torch.set_num_threads(1)
torch.manual_seed(0)
net = hv.hrnet("hrnet_w18_small_v1", num_outputs=4)
norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
for norm in norms:
    norm.momentum = None
with torch.no_grad():
    net.train()(torch.randn(4, 3, {SIDE}, {SIDE}))
    net.classifier.weight.mul_(30)
net.eval()
net.preparation = hv.Preparation(size=({SIDE}, {SIDE}))
net.classes = ("cat", "dog", {HOSTILE!r}, "tench")
"""


def make_net():
    made = {}
    exec(NET, made)
    return made["net"]


class ExplorerPage:
    """One explorer on a Playwright page: ``show("cam")``, ``site("stem")``, ``choose("sort", "max")``, ``slide(5)``."""

    def __init__(self, page, root=".hv-explorer") -> None:
        self.page = page
        self.root = page.locator(root).last
        self.root.locator(".hv-map, [role=tabpanel] canvas").first.wait_for(timeout=30_000)

    def find(self, selector):
        """An element of the panel that is shown."""
        return self.root.locator(f"[role=tabpanel]:not([hidden]) {selector}")

    def control(self, choice):
        return self.root.locator(f"[data-choice={choice}]:visible").first

    def show(self, panel: str) -> None:
        self.root.locator(f"[role=tab][id$='-{panel}']").click()

    def site(self, name: str) -> None:
        """Click a landmark on the map of the network."""
        self.node(name).locator(".hv-shape").dispatch_event("click")

    def node(self, name: str):
        return self.root.locator(f'[role=option][data-site="{name}"]')

    def is_selected(self, name: str) -> bool:
        """Whether this landmark gets selected within a second."""
        self.root.locator(f'[aria-selected=true][data-site="{name}"]').wait_for(state="attached", timeout=5_000)
        return self.root.locator("[role=option][aria-selected=true]").count() == 1

    def rows(self) -> list[list[str]]:
        """Texts of the cells of the table that is shown, without its head."""
        return self.find("tbody tr").evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.innerText))")

    def choose(self, choice: str, value: str) -> None:
        self.control(choice).select_option(value)

    def slide(self, position: float, choice: str = "channel") -> None:
        """Move a slider as its thumb does."""
        self.control(choice).evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", position)

    def text(self, selector: str) -> str:
        return self.find(selector).first.inner_text()

    @property
    def status(self) -> str:
        return self.root.locator(".hv-status").inner_text()

    def wait_for(self, selector: str, words: str) -> None:
        """Wait until an element of the panel holds these words."""
        self.find(selector).filter(has_text=re.compile(re.escape(words))).first.wait_for(timeout=20_000)

    def pixels(self, selector: str = ".hv-map") -> list:
        """Every 97th pixel byte of a canvas: enough to tell pictures apart."""
        return self.find(selector).first.evaluate(
            """c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            return Array.from({ length: Math.floor(d.length / 97) }, (_, k) => d[k * 97]) }"""
        )

"""Rules about how the mathematics of a page is written, so that the repository's web page shows it."""

import re
from collections.abc import Iterator

import equations.pages as equations
from equations.tree import Refused
from house.tree import ID, House, Page, at

# What the host lets through and the pages need.  It refuses whatever could define or hide something: \operatorname,
# \newcommand, \DeclareMathOperator, \phantom, \mbox ...; an operator is \mathrm{...} or \mathop{\mathrm{...}} there.
MACROS = set(re.findall(r"\w+", """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi pi rho sigma tau phi varphi
chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell hbar infty partial nabla emptyset
exp log ln sin cos tan sinh cosh tanh max min sup inf lim arg det
sum prod int frac tfrac dfrac sqrt binom bmod
cdot times odot otimes oplus pm mp circ propto approx equiv sim le leq ge geq ne neq ll gg in notin subset cup cap
land lor neg mid to mapsto leftarrow rightarrow Leftarrow Rightarrow implies iff downarrow uparrow forall exists
ldots cdots dots vdots quad qquad
left right big Big bigg Bigg langle rangle lvert rvert lVert rVert lfloor rfloor lceil rceil
hat bar tilde overline underline dot vec
mathrm mathsf mathbf mathcal mathbb mathop text tag begin end limits
"""))


def macros(house: House) -> Iterator[str]:
    """A page uses no macro but those that the host of the repository renders."""
    for page in house.pages.values():
        for number, text in _mathematics(page):
            for name in re.findall(r"\\([A-Za-z]+)", text):
                if name not in MACROS:
                    yield at(page.path, number, f"a macro must be one of {__name__}.MACROS, got \\{name}")


def references(house: House) -> Iterator[str]:
    """An equation that is named in the text is a link to it."""
    stems = {page.path.stem for page in house.derivations} | {p.stem for p in house.pages if "guides" in p.parts}
    for page in house.pages.values():
        for number, line in page.prose:
            rest = re.sub(r'<a id="[^"]*"></a>\*\*\([^)]*\)\*\*|`[^`]*`|\[[^\]]*\]\([^)]*\)', " ", line)
            for name in re.findall(rf"(?<![\w.]){ID}(?!\w)", rest):
                if name.partition(".")[0] in stems:
                    yield at(page.path, number, f"an equation must be named by a link, [{name}](...), got {name}")


def readable(house: House) -> Iterator[str]:
    """A numbered equation, and the Shapes of its page, are what the program understands that proves them."""
    for page in house.derivations:
        read = equations.Page(page.path, page.source)
        try:
            for id in read.numbered:
                read.read(id)
        except Refused as refused:
            yield str(refused)


def _mathematics(page: Page) -> Iterator[tuple[int, str]]:
    """Yield the lines of displayed equations and the inline mathematics, with their numbers."""
    for fence in page.fences:
        if fence.language == "math":
            yield from enumerate(fence.body, fence.line + 1)
    for number, line in page.prose:
        yield from ((number, text) for text in re.findall(r"\$`([^`]*)`\$", line))


RULES = [macros, readable, references]

"""The vocabulary of the notation, and a reader that goes from token to token."""

FUNCTIONS = {r"\exp": "exp", r"\log": "log", r"\tanh": "tanh", r"\cos": "cos", r"\sin": "sin", r"\log_2": "log2"}
FUNCTIONS |= {r"\mathrm{erfc}": "erfc", r"\mathrm{erf}": "erf"}
SIGNS = {"=": "=", "<": "<", ">": ">", r"\le": "<=", r"\ge": ">=", r"\ne": "!="}
NAMES = """
alpha beta gamma varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi varphi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell
"""
GREEK = {"\\" + name for name in NAMES.split()}
OPERATORS = {"+", "-", "/", r"\bmod"}
ENDS = {None, "+", "-", ")", "]", "}", "&", r"\\", r"\end{cases}", ",", ";", r"\rvert", r"\rfloor", r"\land", *SIGNS}
ACCENTS = (r"\hat", r"\bar")
UPRIGHT = (r"\text{", r"\mathrm{")


class Words:
    """Tokens, read from left to right, and the names among them."""

    def __init__(self, pieces, names, functions, indices=False, place=None):
        self.pieces, self.names, self.functions, self.indices = list(pieces), frozenset(names), functions, indices
        self.at, self.place = 0, pieces[-1].place if pieces else place  # of the end

    def peek(self, ahead=0):
        return self.pieces[self.at + ahead].text if self.at + ahead < len(self.pieces) else None

    def next(self):
        if self.at >= len(self.pieces):
            raise self.refuse("must go on")
        self.at += 1
        return self.pieces[self.at - 1].text

    def piece(self):
        self.next()
        return self.pieces[self.at - 1]

    def refuse(self, why):
        here = self.pieces[self.at].place if self.at < len(self.pieces) else self.place
        return here.refuse(self.peek(), why)

    def want(self, *words):
        if self.peek() not in words:
            raise self.refuse(f"must be {' or '.join(words)}")
        return self.next()

    def inside(self):
        """The tokens within braces."""
        self.want("{")
        start, depth = self.at, 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self.next(), 0)
        return self.pieces[start : self.at - 1]

    def name(self):
        word = self.peek()
        if word in ACCENTS:
            self.next()
            inner = self.braced() if self.peek() == "{" else self.name()
            return inner + word.removeprefix("\\")
        if word is not None and word.startswith(UPRIGHT):
            return self.next().partition("{")[2].removesuffix("}").strip()
        if word is None or not is_letter(word):
            raise self.refuse("must be something that is known here")
        return plain(self.next())

    def known(self, name):
        """Does the page list this name, what it is the gradient of, or the layer d_f of which it is the gradient?"""
        return bool({name, name.removeprefix("d"), name.removeprefix("d_")} & (self.names - {""})) and (
            not name.startswith("d_") or name in self.names or name[2:] in self.functions
        )

    def braced(self):
        """A name in braces."""
        self.next()
        name = self.name()
        self.want("}")
        return name


def is_letter(word):
    return (len(word) == 1 and word.isalpha()) or word in GREEK


def plain(word):
    return word.removeprefix("\\")


def starts_a_name(word):
    return word is not None and (is_letter(word) or word in ACCENTS or word.startswith(UPRIGHT))


def label_of(part):
    if len(part) != 1:
        return None
    word = part[0].text
    if word.startswith(UPRIGHT):
        return word.partition("{")[2].removesuffix("}").strip()
    return plain(word) if word.isdigit() or is_letter(word) else None

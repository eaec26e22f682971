"""The font of the mathematics: STIX Two Math, cut down to the characters of the pages and what they grow into."""

from importlib.resources import files

from fontTools import subset

NAME = "stix-two-math.woff2"
# A formula may use any letter of these blocks: italics, Greek, arrows, operators, brackets.
BLOCKS = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x2C6, 0x2DD), (0x300, 0x36F), (0x370, 0x3FF), (0x2010, 0x2063), (0x2100, 0x214F),
    (0x2190, 0x22FF), (0x2308, 0x230B), (0x239B, 0x23B3), (0x23DE, 0x23E1), (0x27E6, 0x27EF), (0x2A00, 0x2AFF),
    (0x1D400, 0x1D7FF),
]  # fmt: skip


def write(path):
    """Write the font; the package that draws formulas with it carries it, under the Open Font License."""
    options = subset.Options(flavor="woff2", layout_features=["*"], name_IDs=["*"], notdef_outline=True)
    font = subset.load_font(str(files("ziamath") / "fonts/STIXTwoMath-Regular.ttf"), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[code for first, last in BLOCKS for code in range(first, last + 1)])
    cutter.subset(font)
    narrow(font)
    subset.save_font(font, str(path), options)


def narrow(font):
    """Make all forms of the radical as wide as the smallest: a browser keeps room for the widest beside every root."""
    variants, names = font["MATH"].table.MathVariants, font.getBestCmap()
    forms = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(names[0x221A])]
    least = font["hmtx"][names[0x221A]][0]
    parts = [record.VariantGlyph for record in forms.MathGlyphVariantRecord]
    parts += [part.glyph for part in forms.GlyphAssembly.PartRecords]
    for name in dict.fromkeys(parts):
        glyph, (wide, _) = font["glyf"][name], font["hmtx"][name]
        glyph.coordinates.scale((least / wide, 1))
        glyph.coordinates.toInt()
        glyph.recalcBounds(font["glyf"])
        font["hmtx"][name] = least, glyph.xMin
